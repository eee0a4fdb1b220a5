"""Small studies whose posteriors are exact, so that a replication costs milliseconds."""

import numpy as np
import pandas as pd
import pytest

from posynth.evaluation.validity import Analysis, design_study


def straight(rows, rng):
    """Give x, ten times as certain y = 1 + x + e, and three levels with shares .2, .3, .5."""
    x = rng.normal(size=rows)
    level = rng.choice(3, size=rows, p=[0.2, 0.3, 0.5])
    return pd.DataFrame(
        {
            "level": pd.Categorical.from_codes(level, ["a", "b", "c"]),
            "x": x,
            "y": 1.0 + x + 0.3 * rng.normal(size=rows),
        }
    )


def shares(frame):
    """Give the shares of two levels."""
    p = np.array([np.mean(frame["level"] == name) for name in "ab"])
    return {"share a": p[0], "share b": p[1]}, np.diag(p * (1 - p) / len(frame))


ANALYSES = (
    Analysis("ols", "x ~ 1", name="x"),
    Analysis("ols", "y ~ x", name="y"),
    Analysis(function=shares, name="level"),
)
TRUTH = {
    "x: Intercept": 0.0,
    "y: Intercept": 1.0,
    "y: x": 1.0,
    "level: share a": 0.2,
    "level: share b": 0.3,
}


@pytest.fixture(scope="session")
def small_study():
    """Give the builder of a study of ``straight`` with a chain of exact posteriors."""

    def build(**settings):
        given = {"n": 100, "replications": 200, "seed": 11, "truth": TRUTH, "truth_rows": 1000}
        given |= settings
        n = given.pop("n")
        return design_study(straight, n, ANALYSES, methods={"level": "dirichlet"}, **given)

    return build
