"""Leaves of trees are smoothed on the column's learned scale: tails, signs and heaps stay."""

import numpy as np
import pandas as pd
import pytest

import posynth


@pytest.fixture(scope="module")
def wealth():
    rng = np.random.default_rng(7)
    age = rng.integers(20, 80, 800)
    size = np.exp(9 + 0.03 * age + 1.5 * rng.normal(size=800))
    kind = rng.choice(3, 800, p=[0.1, 0.1, 0.8])
    amount = np.round(np.select([kind == 0, kind == 1], [0.0, -size / 20], size))
    fee = np.exp(0.02 * age + rng.normal(size=800)) + 1e-6
    return pd.DataFrame({"age": age, "amount": amount, "fee": fee})


@pytest.mark.parametrize("family", ["cart", "forest"])
def test_quantiles_of_a_skewed_column_are_those_of_the_source(wealth, family):
    """1, 5, 50 and 95 % quantiles, within 3 standard errors of the source by its bootstrap."""
    methods = {"amount": family, "fee": family}
    copies = posynth.synthesize(wealth, m=10, seed=1, methods=methods, lower={"fee": None})
    at = [0.01, 0.05, 0.5, 0.95]
    for name in methods:
        again = [wealth[name].sample(800, replace=True, random_state=i) for i in range(200)]
        error = np.std([each.quantile(at) for each in again], axis=0)
        drawn = np.mean([copy[name].quantile(at) for copy in copies], axis=0)
        assert (np.abs(drawn - wealth[name].quantile(at)) < 3 * error).all(), name
    zero = np.mean([np.mean(copy["amount"] == 0) for copy in copies])
    assert zero == pytest.approx(np.mean(wealth["amount"] == 0), abs=3 * (0.09 / 800) ** 0.5)
    assert min(copy["fee"].min() for copy in copies) > 0  # the bound was lifted


def test_a_leaf_of_one_mode_does_not_reach_into_another():
    rng = np.random.default_rng(3)
    x = rng.normal(size=1000)
    frame = pd.DataFrame({"x": x, "y": np.sign(x) * 10 + rng.normal(size=1000)})
    for copy in posynth.synthesize(frame, m=5, seed=1, methods={"y": "cart"}):
        clear = copy["x"].abs() > 0.1
        assert np.mean((np.sign(copy["y"]) != np.sign(copy["x"]))[clear]) < 0.01
        assert np.mean(copy["y"].abs() < 5) < 0.02
