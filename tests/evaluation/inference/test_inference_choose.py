from dataclasses import replace

import pytest

from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.catalogue import RULES
from posynth.evaluation.inference.choose import check_enough, choices, choose

FIVE = Provenance(n=299, k=299, m=5)
MANIFEST = {"n": 200, "k": 200, "seed": 7, "version": "0.1.0"}


@pytest.mark.parametrize(
    ("manifest", "rule", "says"),
    [
        ({"m": 5}, "t_p_star", "its own posterior draw"),
        ({"m": 4}, "ppd", "4 copies are too few to measure the spread between copies"),
        ({"m": 2}, "ppd", "taken from theory for proper copies of every column"),
        ({"m": 1}, "ppd", "taken from theory for a proper copy"),
        ({"m": 5, "proper": False}, "t_p_star", "plug-in draws"),
        ({"m": 2, "proper": False}, "simple", "theory for plug-in copies of every column"),
        ({"m": 2, "proper": False, "plug_in": ["a"]}, "t_p_star", "others are posterior draws"),
        ({"m": 2, "kept_groups": ["a"]}, "t_p_star", "keep the group effects of the source"),
        ({"m": 1, "kept_groups": ["a"]}, "ppd", "one copy cannot show"),
        ({"m": 2, "unsynthesised": ["sex"]}, "t_p_star", "some columns hold original values"),
        ({"m": 2, "missing": "pattern"}, "ppd", "holes of the source are reproduced"),
        ({"m": 1, "proper": False}, "simple", "theory for a plug-in copy"),
        ({"m": 5, "unsynthesised": ["sex"]}, "t_p_star", "some columns hold original values"),
        ({"m": 1, "unsynthesised": ["sex"]}, "ppd", "one copy cannot show"),
        ({"m": 50, "missing": "joint"}, "rrr_adjusted", "drawn jointly"),
        ({"m": 20, "missing": "impute", "nests": 10}, "nested", "spread between imputations"),
        ({"m": 20, "missing": "impute", "nests": 20}, "rrr_adjusted", "one proper copy of each"),
        (
            {"m": 20, "missing": "impute", "nests": 20, "proper": False},
            "rubin",
            "copies are plug-in or partial",
        ),
        ({"m": 5, "missing": "impute"}, "t_p_star", "one single imputation"),
        ({"m": 5, "missing": "pattern"}, "t_p_star", "holes of the source are reproduced"),
    ],
)
def test_the_manifest_decides(manifest, rule, says):
    choice = choose(Provenance.from_manifest(MANIFEST | manifest))
    assert choice.rule == rule
    assert says in choice.reason


@pytest.mark.parametrize(
    ("provenance", "warning"),
    [
        (replace(FIVE, missing="joint"), "unstable below m = 20"),
        (replace(FIVE, m=8, missing="impute", nests=4), "fewer than 5 imputations"),
        (replace(FIVE, missing="impute", nests=5), "steadier nested rule"),
        (replace(FIVE, missing="impute", nests=5, proper=False), "the rule over-covers here"),
        (replace(FIVE, missing="impute"), "intervals are too short"),
        (replace(FIVE, missing="pattern"), "multiple-imputation total"),
        (replace(FIVE, m=1, unsynthesised=("sex",)), "upper limit"),
        (replace(FIVE, m=1, kept_groups=("math",)), "upper limit"),
        (replace(FIVE, m=1, proper=False, plug_in=("age",)), "upper limit"),
        (replace(FIVE, tightened=("age",)), "a prior draws the slopes of 'age' towards 0"),
        (replace(FIVE, m=1, missing="pattern"), "what the missing values cost is not in"),
        (replace(FIVE, m=1, missing="impute"), "what the missing values cost is not in"),
    ],
)
def test_warnings_say_what_to_do(provenance, warning):
    assert any(warning in text for text in choose(provenance).warnings)


@pytest.mark.parametrize(
    "provenance",
    [
        FIVE,
        replace(FIVE, m=1),
        replace(FIVE, m=20, missing="joint"),
        replace(FIVE, m=10, missing="impute", nests=5),
        replace(FIVE, unsynthesised=("sex",)),
    ],
)
def test_no_warning_where_none_is_due(provenance):
    assert choose(provenance).warnings == ()


def test_a_rule_of_the_users_own_is_kept_and_the_difference_printed():
    choice = choose(FIVE, "rubin")
    assert choice.rule == "rubin"
    assert "over-covers for synthetic copies" in choice.reason
    assert "posynth would take 't_p_star' (T = v̄·k/n + b/m)" in choice.reason


def test_the_table_of_choices_is_readable():
    table = choices()
    assert list(table.columns) == ["copies", "m", "rule", "formula"]
    assert set(table["rule"]) <= set(RULES)
    proper = table[table["copies"].str.startswith("proper, every column")]
    assert proper[["m", "rule"]].to_numpy().tolist() == [[">= 5", "t_p_star"], ["< 5", "ppd"]]


@pytest.mark.parametrize("name", RULES)
def test_no_rule_is_said_to_hold_for_any_copies(name):
    assert "any scheme" not in RULES[name].when and "in any way" not in RULES[name].when
    if name in ("t_p_star", "ppd", "simple", "nested"):
        assert "independent of each other (no weights; groups: see Clusters)" in RULES[name].when


def test_asking_for_the_fitting_rule_changes_nothing():
    assert choose(FIVE, "t_p_star") == choose(FIVE)


def test_mistakes_are_explained():
    with pytest.raises(MeasureError, match=r"unknown missing 'imputed'.*Did you mean 'impute'\?"):
        choose(replace(FIVE, missing="imputed"))
    with pytest.raises(MeasureError, match=r"unknown rule 'raab'; allowed: 'auto'"):
        choose(FIVE, "raab")
    with pytest.raises(MeasureError, match=r"single copy of an incomplete source.*20 or more"):
        choose(replace(FIVE, m=1, missing="joint"))
    with pytest.raises(MeasureError, match=r"rule is a float; give the name of a rule"):
        choose(FIVE, 2.0)
    with pytest.raises(MeasureError, match=r"n = 0, but it must be a whole number, at least 1"):
        choose(Provenance(0, 0, 0))


def test_too_few_copies_for_a_rule():
    with pytest.raises(MeasureError, match=r"'t_p_star' needs at least 2 copies.*but m = 1"):
        check_enough("t_p_star", replace(FIVE, m=1), "population")
    with pytest.raises(MeasureError, match=r"'naive' needs at least 2 copies.*'original'"):
        check_enough("naive", replace(FIVE, m=1), "original")
    with pytest.raises(MeasureError, match=r"at least 2 imputations with at least 2 copies each"):
        check_enough("nested", FIVE, "population")
    check_enough("ppd", replace(FIVE, m=1), "original")
