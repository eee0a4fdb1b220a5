"""The chains in models/ are read, fit their tables, and show what describe writes today."""

from pathlib import Path

import pandas as pd

import posynth

MODELS = Path(__file__).parents[2] / "models"


def test_the_chain_of_the_embedded_table_says_what_it_changes():
    table = posynth.load_heart_failure()
    worked = posynth.specify(table, chain=MODELS / "heart_failure.toml", allow_code=True)
    worked = worked.resolved()
    default = posynth.specify(table).resolved()
    changed = [c.target for c in worked if worked[c.target].family != default[c.target].family]
    assert changed == ["serum_creatinine"] and worked["follow_up"].formula
    assert all(c.scale == default[c.target].scale for c in worked)
    others = [c for c in worked if c.target not in ("serum_creatinine", "follow_up")]
    assert [c.splines for c in others] == [default[c.target].splines for c in others]


def test_the_chain_of_the_survey_fits_its_table(shared_data):
    table = pd.read_csv(shared_data("sd2011_12.csv"))
    spec = posynth.specify(table, chain=MODELS / "survey.toml").spec
    assert spec["income"].family == "location_scale" and spec["bmi"].formula
    assert all(spec[name].scale == "learned" for name in ("age", "income", "nociga", "bmi"))
