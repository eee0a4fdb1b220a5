"""Coverage of means and slopes of columns with bounds: scales 0 to 10, counts, shares.

``python -m tests.truth.bound_cases [NAME ...] [--runs N]`` writes results/bound_cases.csv; how, see
``few_cases``. In every sample the chain is chosen anew, and with it which bounds are seen and how
they are kept: none is stated. Truths are sums or integrals over the values of the column, and
quadrature over its predictor; ``end`` is the share at an end, of shares the one below .05. The
standard error of a slope allows for a spread that differs between rows.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from tests.truth.few_cases import Case, main
from tests.truth.numeric_cases import share

RESULTS = Path(__file__).resolve().parent / "results" / "bound_cases.csv"
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def line(y, x):
    """Return the slope of y on x and its variance, by the sandwich with n - 2 in place of n."""
    A = np.column_stack([np.ones(len(x)), x])
    inverse = np.linalg.inv(A.T @ A)
    q = inverse @ A.T @ y
    rows = (y - A @ q)[:, None] * A
    return q[1], (inverse @ rows.T @ rows @ inverse)[1, 1] * len(y) / (len(y) - 2)


def case(draw, mean_at, rows, at_end):
    """Return a case of y with bounds given x ~ N(0, 1) and two other columns.

    Parameters
    ----------
    draw : callable
        (x, rng) -> y.
    mean_at : callable
        x -> E[y | x].
    rows : int
        Rows of a sample.
    at_end : tuple of callable and callable
        y -> whether it is at or near its end, and x -> the chance of that.
    """
    near, chance = at_end

    def simulate(rng):
        x = rng.standard_normal(rows).round(3)
        group = rng.choice(["p", "q", "r"], rows)
        return pd.DataFrame({"group": group, "x": x, "y": draw(x, rng)})

    def analyse(frame):
        x, y = frame["x"].to_numpy(), frame["y"].to_numpy(dtype=float)
        slope, of_slope = line(y, x)
        p, of_share = share(near(y))
        variances = [y.var(ddof=1) / len(y), of_slope, of_share]
        return {"mean": y.mean(), "slope": slope, "end": p}, np.diag(variances)

    means = mean_at(NODES)
    truth = {"mean": WEIGHTS @ means, "slope": WEIGHTS @ (means * NODES)}
    truth["end"] = WEIGHTS @ chance(NODES)
    return Case(simulate, analyse, {name: float(value) for name, value in truth.items()})


def scale(center, slope, spread):
    """y is a normal number rounded to 0, 1, ..., 10, with all that lies beyond at the ends."""
    steps = np.arange(0.5, 10.0)

    def draw(x, rng):
        z = center + slope * x + spread * rng.standard_normal(len(x))
        return np.clip(np.round(z), 0, 10).astype(int)

    def above(x):  # P(y > 0), ..., P(y > 9)
        return stats.norm.sf(steps, center + slope * np.asarray(x)[:, None], spread)

    def at_ten(x):
        return above(x)[:, -1]

    return case(draw, lambda x: above(x).sum(axis=1), 400, (lambda y: y == 10, at_ten))


def poisson(level, slope):
    """Counts with mean exp(level + slope x)."""

    def mean(x):
        return np.exp(level + slope * x)

    end = (lambda y: y == 0, lambda x: np.exp(-mean(x)))
    return case(lambda x, rng: rng.poisson(mean(x)), mean, 400, end)


def spread_counts(level, slope, size):
    """Negative binomial counts: many zeros and a long tail."""

    def mean(x):
        return np.exp(level + slope * x)

    def draw(x, rng):
        return rng.poisson(mean(x) * rng.gamma(size, 1 / size, len(x)))

    end = (lambda y: y == 0, lambda x: (1 + mean(x) / size) ** -size)
    return case(draw, mean, 400, end)


def beta_share(level, slope, weight, unit=1.0, decimals=3):
    """Shares with mean expit(level + slope x), in units of a whole; what rounds to an end is there.

    Rounding to so many decimals moves the mean by less than a thousandth of its standard error.
    """

    def mean(x):
        return expit(level + slope * x)

    def draw(x, rng):
        p = mean(x)
        return (unit * rng.beta(weight * p, weight * (1 - p))).round(decimals)

    cut = 0.05
    end = (
        lambda y: y < cut * unit,
        lambda x: stats.beta.cdf(
            cut - 0.5 / unit * 10.0**-decimals, weight * mean(x), weight * (1 - mean(x))
        ),
    )
    return case(draw, lambda x: unit * mean(x), 300, end)


CASES = {
    "0 to 10, middle": scale(5.5, 1.2, 2.0),
    "0 to 10, near its top": scale(8.0, 1.2, 2.0),
    "count, small": poisson(0.3, 0.4),
    "count, long tail": spread_counts(0.8, 0.5, 1.2),
    "share": beta_share(-0.5, 0.8, 6.0),
    "percentage near 0": beta_share(-2.0, 0.7, 12.0, 100.0, 1),
}
CASES |= {
    f"{name}, {family}": replace(CASES[name], methods={"y": family})
    for name, family in (("count, small", "poisson"), ("count, long tail", "negbinomial"))
}


if __name__ == "__main__":
    main(__doc__, CASES, RESULTS)
