"""Conditions in the formulas of a chain count as numbers there too."""

import numpy as np
import pandas as pd
import pytest

import posynth

MEANS = {
    "I((x > 0) + (z > 0))": lambda x, z, _: (x > 0) * 1.0 + (z > 0),
    "I(b * x)": lambda x, _, b: b * x,
    "I(b + b)": lambda _x, _z, b: 2.0 * b,
}


@pytest.mark.parametrize("formula", MEANS)
def test_a_conditional_counts_conditions_and_computes_with_yes_and_no(formula):
    rng = np.random.default_rng(2)
    x, z, b = rng.normal(size=300), rng.normal(size=300), rng.random(300) < 0.5
    y = 2 * MEANS[formula](x, z, b) + 0.05 * rng.normal(size=300)
    table = pd.DataFrame({"x": x, "z": z, "b": b, "y": y})
    methods = {"x": "gaussian", "z": "gaussian", "y": "gaussian"}
    (copy,) = posynth.synthesize(table, m=1, seed=1, methods=methods, formulas={"y": formula})
    again = MEANS[formula](copy.x, copy.z, copy.b)
    assert np.std(copy.y - 2 * again) == pytest.approx(0.05, rel=0.2)
