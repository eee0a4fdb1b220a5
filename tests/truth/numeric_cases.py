"""Coverage where a straight line is not enough: products, squares, skew, heaps, two parts.

``python -m tests.truth.numeric_cases [NAME ...] [--runs N]`` writes results/numeric_cases.csv; how
and what the columns are, see ``few_cases``. In every sample the chain is chosen anew, so coverage
contains whether a product, a curve or another scale was found.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from tests.truth.few_cases import Case, main

RESULTS = Path(__file__).resolve().parent / "results" / "numeric_cases.csv"


def least_squares(y, X):
    """Return slopes and their covariance."""
    A = np.column_stack([np.ones(len(X)), X])
    inverse = np.linalg.inv(A.T @ A)
    beta = inverse @ A.T @ y
    rest = y - A @ beta
    return beta[1:], (inverse * (rest @ rest) / (len(y) - A.shape[1]))[1:, 1:]


def share(event):
    """Return a proportion and its variance, that of one case more and one less at 0 and 1."""
    n, p = len(event), float(np.mean(event))
    kept = min(max(p, 1 / n), 1 - 1 / n)
    return p, kept * (1 - kept) / n


def bent(product, square):
    """y = .5 (x + z) + product x z + square x^2 + noise, n = 500, t of the term about 16 or 12."""

    def simulate(rng):
        x, z = rng.standard_normal((2, 500))
        y = 0.5 * (x + z) + product * x * z + square * x**2 + rng.standard_normal(500)
        return pd.DataFrame({"x": x, "z": z, "y": y})

    def analyse(frame):
        x, z, y = (frame[name].to_numpy() for name in "xzy")
        q, cov = least_squares(y, np.column_stack([x, z, x * z if product else x**2]))
        return {"x": q[0], "z": q[1], "term": q[2]}, cov

    return Case(simulate, analyse, {"x": 0.5, "z": 0.5, "term": product or square})


def shares_and_slope(y_of, rows, cuts, truth):
    """Return a case of mean, slope on x and shares of y below some numbers."""

    def simulate(rng):
        x = rng.standard_normal(rows)
        return pd.DataFrame({"x": x, "y": y_of(x, rng)})

    def analyse(frame):
        x, y = frame["x"].to_numpy(), frame["y"].to_numpy()
        slope, cov = least_squares(y, x[:, None])
        found = {"slope": (slope[0], cov[0, 0]), "mean": (y.mean(), y.var(ddof=1) / rows)}
        found |= {f"share below {cut:g}": share(y < cut) for cut in cuts}
        return {k: q for k, (q, _) in found.items()}, np.diag([v for _, v in found.values()])

    return Case(simulate, analyse, truth)


def skewed():
    """y = .8 x + gamma(8) noise, n = 150."""
    at, weights = np.polynomial.hermite_e.hermegauss(60)
    cuts = (4.0, 8.0, 12.0)
    below = {
        f"share below {c:g}": float(stats.gamma.cdf(c - 0.8 * at, 8) @ weights / weights.sum())
        for c in cuts
    }
    truth = {"slope": 0.8, "mean": 8.0, **below}
    return shares_and_slope(lambda x, rng: 0.8 * x + rng.gamma(8, size=len(x)), 150, cuts, truth)


def lognormal():
    """log y = .5 x + .8 noise, n = 250."""
    sd = float(np.hypot(0.5, 0.8))
    cuts = (0.4, 1.0, 3.0)
    below = {f"share below {c:g}": float(stats.norm.cdf(np.log(c) / sd)) for c in cuts}
    middle = float(np.exp(sd**2 / 2))
    truth = {"slope": 0.5 * middle, "mean": middle, **below}

    def y_of(x, rng):
        return np.exp(0.5 * x + 0.8 * rng.standard_normal(len(x)))

    return shares_and_slope(y_of, 250, cuts, truth)


def heaped():
    """A latent normal line cut off at 0, about 95 % zeros, n = 1000; two decimals."""
    grid, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    center = 0.5 * grid - 1.84
    positive = stats.norm.sf(-center)
    mean = center * positive + stats.norm.pdf(center)
    truth = {
        "slope": float((mean * grid) @ weights),
        "mean": float(mean @ weights),
        "share below 0.005": float(1 - positive @ weights),
    }

    def y_of(x, rng):
        return np.round(np.maximum(0.5 * x - 1.84 + rng.standard_normal(len(x)), 0.0), 2)

    return shares_and_slope(y_of, 1000, (0.005,), truth)


def two_part():
    """Zero with a chance that falls with x, else lognormal with a mean that falls too, n = 500."""
    grid, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    there = stats.logistic.cdf(grid)
    mean = there * np.exp(1 - 0.3 * grid + 0.5**2 / 2)
    truth = {
        "slope": float((mean * grid) @ weights),
        "mean": float(mean @ weights),
        "share below 0.005": 0.5,
        "share below 3": float(
            ((1 - there) + there * stats.norm.cdf((np.log(3) - 1 + 0.3 * grid) / 0.5)) @ weights
        ),
    }

    def y_of(x, rng):
        level = np.exp(1 - 0.3 * x + 0.5 * rng.standard_normal(len(x)))
        return np.where(rng.random(len(x)) < stats.logistic.cdf(x), level, 0.0).round(2)

    return shares_and_slope(y_of, 500, (0.005, 3.0), truth)


def shaped():
    """.3 x + noise that is normal in one group and has two humps in the other, n = 600."""
    humps, width, cuts = 1.2, 0.4, (-0.5, 0.5)

    def simulate(rng):
        x = rng.standard_normal(600)
        group = rng.random(600) < 0.5
        two = rng.choice([-humps, humps], 600) + width * rng.standard_normal(600)
        noise = np.where(group, two, rng.standard_normal(600))
        return pd.DataFrame({"g": np.where(group, "b", "a"), "x": x, "y": 0.3 * x + noise})

    def analyse(frame):
        group, x, y = (frame["g"] == "b").to_numpy(), frame["x"].to_numpy(), frame["y"].to_numpy()
        beta, cov = least_squares(y, np.column_stack([group, x]))
        found = {"group": (beta[0], cov[0, 0]), "slope": (beta[1], cov[1, 1])}
        for name, member in (("a", ~group), ("b", group)):
            found[f"low in {name}"] = share(y[member] < cuts[0])
            inside = (y[member] > cuts[0]) & (y[member] < cuts[1])
            found[f"middle in {name}"] = share(inside)
        return {k: q for k, (q, _) in found.items()}, np.diag([v for _, v in found.values()])

    truth = {"group": 0.0, "slope": 0.3}
    for name, middles, sd in (("a", (0.0,), 1.0), ("b", (-humps, humps), width)):
        below = [
            float(np.mean([stats.norm.cdf((cut - m) / np.hypot(sd, 0.3)) for m in middles]))
            for cut in cuts
        ]
        truth |= {f"low in {name}": below[0], f"middle in {name}": below[1] - below[0]}
    return Case(simulate, analyse, truth)


CASES = {
    "product": bent(0.7, 0.0),
    "square": bent(0.0, 0.4),
    "gamma noise": skewed(),
    "lognormal": lognormal(),
    "95 % zeros": heaped(),
    "two parts": two_part(),
    "shape by group": shaped(),
}


if __name__ == "__main__":
    main(__doc__, CASES, RESULTS)
