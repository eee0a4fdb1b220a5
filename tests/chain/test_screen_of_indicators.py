"""Indicators of missing values take the predictors their cases support, most telling first."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import posynth
from posynth.chain import screen
from posynth.chain.screen import CASES
from posynth.posterior.plan import plan
from posynth.posterior.wishes import Wishes


def _table(rng, n=500, noise=20, share=-2.8, slope=2.0):
    """Return noise, a level, two telling numbers and a column missing by both."""
    z = rng.standard_normal((n, noise))
    a, b = rng.standard_normal((2, n))
    y = a + rng.standard_normal(n)
    y[rng.random(n) < expit(share + slope * a - slope / 2 * b)] = np.nan
    frame = pd.DataFrame({f"z{i}": z[:, i] for i in range(noise)})
    return frame.assign(g=rng.choice(list("pqrs"), n), a=a, b=b, y=y)


def test_the_most_telling_come_first_and_what_was_left_out_is_told(rng):
    table = _table(rng)
    found = plan(table)[1].spec["y_missing"]
    cases = int(table["y"].isna().sum())
    assert found.family == "bernoulli" and found.prior == "log_f"
    assert len(found.predictors) == cases // CASES < 20
    assert {"a", "b"} <= set(found.predictors) and "given a, b" in found.note
    assert f"{cases} cases support {cases // CASES} coefficients" in found.note
    left = [c for c in table.columns[:-1] if c not in found.predictors]
    assert left and all(name in found.note.partition("left out: ")[2] for name in left[:8])


@pytest.mark.parametrize("missing", [9, 10, 14, 40, 100, 400, 491])
def test_the_number_of_coefficients_follows_the_rarer_kind(rng, missing):
    table = _table(rng)
    y = rng.standard_normal(500)
    y[rng.permutation(500)[:missing]] = np.nan
    found = posynth.specify(table.assign(y=y)).spec["y_missing"]
    cases = min(missing, 500 - missing)
    if cases < 10:
        assert found.family == "dirichlet"
    elif cases // CASES >= 25:  # twenty-one numbers, three contrasts, and a number
        assert found.predictors is None
    else:
        width = len(found.predictors) + 2 * ("g" in found.predictors)
        assert cases // CASES - 2 <= width <= cases // CASES


def test_missing_values_of_an_earlier_column_may_be_what_tells_most(rng):
    table = _table(rng, noise=8)
    gone = rng.random(500) < 0.2
    table.insert(0, "first", np.where(gone, np.nan, rng.standard_normal(500)))
    table["y"] = np.where(gone & (rng.random(500) < 0.8), np.nan, 1.0 + rng.standard_normal(500))
    found = posynth.specify(table).spec["y_missing"].predictors
    assert ("first_missing" in found) != ("first" in found)


def test_rows_beyond_those_looked_at_change_no_order(rng, monkeypatch):
    table = _table(rng, n=3000, noise=40, share=-4.5)
    whole = posynth.specify(table).spec["y_missing"]
    monkeypatch.setattr(screen, "ROWS", 1500)
    part = posynth.specify(table).spec["y_missing"]
    assert "given a, b" in whole.note and "given a, b" in part.note


def test_predictors_of_the_users_are_kept(rng):
    table = _table(rng)
    chain = posynth.specify(table).change("y_missing", predictors=("z0", "a"))
    assert chain.spec["y_missing"].predictors == ("z0", "a")
    named = ("z0", "z1", "z2", "z3", "z4", "a")
    found = plan(table, Wishes(predictors={"y": list(named)}))[1].spec["y_missing"]
    assert found.predictors == named and found.prior == "log_f"
