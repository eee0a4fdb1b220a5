"""Rules that were stated are not proposed."""

import numpy as np
import pandas as pd

import posynth


def test_a_stated_rule_is_not_listed_as_not_kept() -> None:
    rng = np.random.default_rng(2)
    sex = rng.choice(["m", "f"], 100)
    pregnant = np.where((sex == "f") & (rng.random(100) < 0.25), "yes", "no")
    table = pd.DataFrame({"sex": sex, "pregnant": pregnant})
    rule = "pregnant == 'no' if sex == 'm'"
    assert any("pregnant" in text for text in posynth.specify(table).proposed)
    for asked in (rule, rule.replace("'", '"')):
        assert not [t for t in posynth.specify(table, rules=[asked]).proposed if "pregnant" in t]
