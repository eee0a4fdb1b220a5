"""Small tables on which bounds and rare values were lost; and what holds on them now."""

import numpy as np
import pandas as pd
import pytest

import posynth


@pytest.fixture
def case(cases):
    """Read a table of the folder of cases."""
    return lambda name: pd.read_csv(cases / f"{name}.csv")


def test_ratings_stay_on_their_scale(case):
    for copy in posynth.synthesize(case("ratings"), m=5, seed=1):
        assert copy.isin(range(1, 6)).all().all()


def test_shares_are_none_negative_and_add_up(case):
    for copy in posynth.synthesize(case("shares"), m=5, seed=1):
        parts = copy[["veg", "grain", "meat"]]
        assert parts.min().min() >= 0 and parts.max().max() <= 100
        np.testing.assert_allclose(parts.sum(axis=1), 100, atol=1e-9)


def test_a_value_of_three_rows_distorts_no_margin(case):
    table = case("rare_value")
    drawn = pd.concat(list(posynth.synthesize(table, m=20, seed=1)))
    shares = [each["v"].value_counts(normalize=True) for each in (table, drawn)]
    assert 0.5 * shares[0].sub(shares[1], fill_value=0.0).abs().sum() <= 0.03


def test_few_zeros_leave_an_association(case):
    table = case("fares_few_zeros")
    drawn = [copy.corr("spearman", numeric_only=True).loc["g", "y"]
             for copy in posynth.synthesize(table, m=5, seed=1)]  # fmt: skip
    assert np.mean(drawn) == pytest.approx(table["g"].corr(table["y"], method="spearman"), abs=0.05)


def test_residuals_of_a_root_are_as_wide_everywhere(case):
    copies = posynth.synthesize(case("sqrt400"), m=10, seed=1)
    rest = [copy["y"] - 50 - 34 * np.sqrt(copy["x"]) for copy in copies]
    assert max(each.abs().max() for each in rest) < 25
    tenths = [pd.qcut(copy["x"], 10, labels=False) for copy in copies]
    sd = np.mean([r.groupby(t).std() for r, t in zip(rest, tenths, strict=True)], axis=0)
    assert ((sd > 4) & (sd < 6)).all()


def test_two_stated_predictors_of_31_keep_their_effect(case):
    table = case("few_rows_31")
    copies = posynth.synthesize(table, m=20, seed=1, formulas={"y": "treat + x1"})
    slopes = [_slope(copy) for copy in copies]
    assert np.mean(slopes) == pytest.approx(_slope(table), abs=0.2)  # 2 se of the source: 0.56


def _slope(frame):
    A = np.column_stack([np.ones(len(frame)), frame[["treat", "x1"]]])
    return np.linalg.lstsq(A, frame["y"], rcond=None)[0][1]


def test_a_named_line_that_leaves_its_bounds_is_not_reflected(rng):
    """Reflected draws of an exponential column had a mean 4 standard errors off."""
    amount = (rng.exponential(3, 500).round(2) + 0.01).round(2)
    frame = pd.DataFrame({"x": rng.normal(size=500).round(2), "amount": amount})
    copies = posynth.synthesize(frame, m=5, seed=1, methods={"amount": "gaussian"})
    column = copies.posterior.schema["amount"]
    assert column.lower is None and "bounds not kept: family 'gaussian' was named" in column.note
    means = [copy["amount"].mean() for copy in copies]
    assert abs(np.mean(means) - amount.mean()) < 3 * amount.std() / 500**0.5
    stated = posynth.specify(frame, methods={"amount": "gaussian"}, lower={"amount": 0})
    assert stated.schema["amount"].lower == 0
    near = frame.assign(amount=rng.normal(50, 10, 500).round(1))
    assert posynth.specify(near, methods={"amount": "gaussian"}).schema["amount"].lower is not None
