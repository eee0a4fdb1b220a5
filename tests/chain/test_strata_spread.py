"""Within strata a number has a spread of each level where residuals show one."""

import numpy as np
import pandas as pd
import pytest

import posynth


def _table(ratio: float) -> pd.DataFrame:
    rng = np.random.default_rng(12)
    g, x = rng.choice(["a", "b"], 300), rng.normal(size=300).round(3)
    wide = np.where(g == "b", ratio, 1.0)
    y = (x + 2 * (g == "b") + wide * rng.normal(size=300)).round(3)
    y[:20] = np.nan
    return pd.DataFrame({"g": g, "x": x, "y": y})


def test_spreads_of_strata_stay_in_copies() -> None:
    table = _table(3.0)
    copies = posynth.synthesize(table, strata="g", m=2, seed=1)
    ratio = np.divide(*table.groupby("g").y.std()[["b", "a"]])
    for copy in copies:
        # The log of a ratio of sds of 140 rows each varies by .06 in source and copy, .12 together.
        found = np.divide(*copy.groupby("g").y.std()[["b", "a"]])
        assert found == pytest.approx(ratio, rel=0.4)


def test_one_spread_is_said_and_a_named_family_stays() -> None:
    note = posynth.specify(_table(1.0), strata="g")["y"].conditional.note
    assert "one spread: it does not differ beyond chance" in note
    asked = posynth.specify(_table(3.0), strata="g", methods={"y": "gaussian"})
    assert asked["y"].conditional.family == "gaussian"
    formula = posynth.specify(_table(3.0), strata="g", formulas={"y": "."})
    assert formula["y"].conditional.family == "gaussian"
