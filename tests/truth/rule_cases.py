"""Coverage where rules hold in every row: skips, towns in regions, inequalities, structural zeros.

``python -m tests.truth.rule_cases [NAME ...] [--runs N]`` writes results/rule_cases.csv; how, see
``few_cases``. In every sample the chain is chosen anew, and with it which rules are kept: none is
stated. What is estimated is what the rules touch: the mean of a skipped question among those asked,
an effect of a town, slope and mean of a column that another one bounds.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from tests.truth.few_cases import Case, main
from tests.truth.numeric_cases import least_squares, share

RESULTS = Path(__file__).resolve().parent / "results" / "rule_cases.csv"


def skip():
    """Hours of those who work (60 %), by age; then satisfaction, by whether one works."""

    def simulate(rng):
        age = rng.uniform(20, 60, 400).round()
        works = rng.random(400) < 0.6
        hours = np.where(works, 30 + 0.1 * (age - 40) + rng.normal(0, 6, 400), np.nan).round(1)
        mood = (5 + 0.8 * works + rng.normal(0, 1, 400)).round(2)
        word = np.where(works, "yes", "no")
        return pd.DataFrame({"age": age, "works": word, "hours": hours, "mood": mood})

    def analyse(frame):
        asked = frame["works"].to_numpy() == "yes"
        hours, age = (frame.loc[asked, name].to_numpy() for name in ("hours", "age"))
        slope, cov = least_squares(hours, age[:, None])
        worth, spread = least_squares(frame["mood"].to_numpy(), asked.astype(float)[:, None])
        found = {"mean": hours.mean(), "slope": slope[0], "works on mood": worth[0]}
        return found, np.diag([hours.var(ddof=1) / len(hours), cov[0, 0], spread[0, 0]])

    return Case(simulate, analyse, {"mean": 30.0, "slope": 0.1, "works on mood": 0.8})


def towns():
    """Nine towns in three regions; what a town is worth, and how many live in it."""
    effects = np.array([0.0, 1.0, 0.5, 0.0, -0.5, 0.0, 0.3, 0.0, 0.0])

    def simulate(rng):
        town = rng.integers(0, 9, 600)
        y = (effects[town] + rng.standard_normal(600)).round(3)
        region = np.array(["north", "east", "south"])[town // 3]
        return pd.DataFrame({"region": region, "town": [f"t{k}" for k in town], "y": y})

    def analyse(frame):
        town, y = frame["town"].to_numpy(), frame["y"].to_numpy()
        first, other = y[town == "t1"], y[town == "t0"]
        p, spread = share(town == "t4")
        variance = first.var(ddof=1) / len(first) + other.var(ddof=1) / len(other)
        return {"effect": first.mean() - other.mean(), "share": p}, np.diag([variance, spread])

    return Case(simulate, analyse, {"effect": 1.0, "share": 1 / 9})


def _bounded(gap, truth):
    """Return a case of y = x + gap(x) at or above x: mean, slope, and a share near the bound."""

    def simulate(rng):
        x = rng.normal(0, 1, 300).round(3)
        return pd.DataFrame({"x": x, "y": np.maximum((x + gap(x, rng)).round(3), x)})

    def analyse(frame):
        x, y = frame["x"].to_numpy(), frame["y"].to_numpy()
        slope, _ = least_squares(y, x[:, None])
        A = np.column_stack([np.ones(len(x)), x])
        inverse = np.linalg.inv(A.T @ A)
        rest = (y - y.mean() - slope[0] * (x - x.mean()))[:, None] * A
        p, spread = share(y - x < 0.3)
        covariance = np.diag(
            [y.var(ddof=1) / len(y), (inverse @ rest.T @ rest @ inverse)[1, 1], spread]
        )
        return {"mean": y.mean(), "slope": slope[0], "near": p}, covariance

    return Case(simulate, analyse, truth)


def truncated():
    """y | x is N(.3 + .5 x, 1) given y >= x; the truth is that of quadrature over x."""

    def gap(x, rng):
        low = 0.5 * x - 0.3
        return stats.truncnorm.rvs(low, np.inf, size=len(x), random_state=rng) - low

    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    low = 0.5 * nodes - 0.3
    mean = 0.3 + 0.5 * nodes + stats.truncnorm.mean(low, np.inf)
    near = stats.truncnorm.cdf(low + 0.3, low, np.inf)
    found = {"mean": weights @ mean, "slope": weights @ (mean * nodes), "near": weights @ near}
    return _bounded(gap, {name: float(value) for name, value in found.items()})


def stays():
    """y is x and a stay that is exponential with mean 1, as discharge and admission."""

    def gap(x, rng):
        return rng.exponential(1.0, len(x))

    return _bounded(gap, {"mean": 1.0, "slope": 1.0, "near": float(1 - np.exp(-0.3))})


CASES = {
    "skipped question": skip(),
    "towns in regions": towns(),
    "truncated": truncated(),
    "length of stay": stays(),
}


if __name__ == "__main__":
    main(__doc__, CASES, RESULTS)
