"""Passive columns in a chain: order, circles, holes, and whether a rule holds in the source."""

from dataclasses import replace

import numpy as np
import pytest

from posynth.chain.blocks import Rows
from posynth.chain.check import check_chain
from posynth.chain.default import default_chain
from posynth.chain.dependence import in_order, sources, with_rules
from posynth.chain.passive import breaks, computed, drawn_values, verified
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import FitError, SpecError
from posynth.families import facts
from posynth.table.schema import Column, Kind, Schema

A, B = Column("a", Kind.COUNT, "int64", decimals=0), Column("b", Kind.CONTINUOUS, "float64")
RATIO = Column("ratio", Kind.CONTINUOUS, "float64", decimals=1)
GROUP = Column("group", Kind.ORDINAL, "str", levels=("low", "mid", "high"), ordered=True)
FLAG = Column("flag", Kind.BINARY, "int64", levels=(0, 1))


def rows_of(**arrays):
    columns = {c.name: c for c in (A, B, RATIO, GROUP, FLAG)}
    found = {name: np.asarray(values, dtype=float) for name, values in arrays.items()}
    kept = tuple(
        replace(columns[name], missing=int(np.isnan(v).sum())) for name, v in found.items()
    )
    count = len(next(iter(found.values())))
    return Rows(Schema(kept, count), found, {}, count)


def test_passive_columns_follow_their_sources_and_nothing_else_moves():
    rules = {"t": "a + u", "u": "b * 2"}
    assert in_order(["t", "u", "a", "c", "b", "d"], rules) == ("a", "c", "b", "u", "t", "d")
    assert in_order(["a", "b", "c", "u", "t"], rules) == ("a", "b", "c", "u", "t")
    assert in_order(["a", "b"], {}) == ("a", "b")


CIRCLES = {
    "of two": ({"a": "b + 1", "b": "a - 1"}, "in a circle: 'a' <- 'b' <- 'a'; at least one"),
    "of itself": ({"c": "c * 2"}, "in a circle: 'c' <- 'c'"),
    "behind another": ({"a": "b", "b": "c", "c": "b"}, "in a circle: 'b' <- 'c' <- 'b'"),
    "unknown source": ({"a": "d"}, "column 'a', rule 'd': unknown source 'd'; allowed: 'a', 'b'"),
}


@pytest.mark.parametrize("case", CIRCLES)
def test_circles_are_refused_by_name(case):
    rules, text = CIRCLES[case]
    with pytest.raises(SpecError, match=text):
        in_order(["a", "b", "c"], rules)


def test_values_are_computed_rounded_and_missing_with_a_source():
    rows = rows_of(a=[1, 2, np.nan, 4], b=[3, np.nan, 1, 8.0], ratio=[0.3, np.nan, np.nan, 0.5])
    np.testing.assert_array_equal(computed(rows, RATIO, "a / b"), [0.3, np.nan, np.nan, 0.5])
    assert computed(rows, RATIO, "a / b", rounded=False)[0] == 1 / 3
    assert np.isnan(computed(rows, RATIO, "b * 0 + a / b")[1])


def test_levels_are_given_by_text_by_place_or_by_value():
    rows = rows_of(a=[1, 5, 9], group=[0, 1, 2], flag=[0, 1, 1])
    by_text = '"low" if a < 3 else "mid" if a < 7 else "high"'
    assert computed(rows, GROUP, by_text).tolist() == [0, 1, 2]
    assert computed(rows, GROUP, "cut(a, 3, 7)").tolist() == [0, 1, 2]
    assert computed(rows, FLAG, "a > 3").tolist() == [0, 1, 1]
    assert computed(rows, FLAG, "group != 'low'").tolist() == [0, 1, 1]
    assert computed(rows, RATIO, "flag * a").tolist() == [0, 5, 9]


def test_a_rule_holds_to_the_decimals_of_the_column_however_halves_are_rounded():
    a, b = [1, 1, 3, 3, 3, np.nan, 3], [4, 4, 4, 4, 4, 4, np.nan]
    told = [0.2, 0.3, 0.7, 0.8, 0.9, np.nan, 0.8]
    rows = rows_of(a=a, b=b, ratio=told)
    expected = [False, False, False, False, True, False, True]
    assert breaks(rows, RATIO, "a / b").tolist() == expected


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("a / (b - b)", "gives no value of this column in 3 of 3 drawn rows; write a rule that is"),
        ("log(a - 2)", "gives no value of this column in 2 of 3 drawn rows"),
    ],
)
def test_drawn_rows_for_which_a_rule_is_not_defined_are_refused(rule, text):
    rows = rows_of(a=[1, 2, 3], b=[1, 1, 1], ratio=[0, 0, 0])
    with pytest.raises(FitError, match=text):
        drawn_values(rows, RATIO, rule)


def chain_of(rows, rule, **options):
    spec = default_chain(rows.schema, in_order(rows.schema.names, {"ratio": rule}))
    return with_rules(spec, {"ratio": rule}, options)


def test_the_share_of_rows_in_which_a_rule_holds_is_noted(rng):
    a, b = rng.integers(1, 9, 400).astype(float), rng.integers(1, 9, 400).astype(float)
    rows = rows_of(a=a, b=b, ratio=np.round(a / b, 1))
    assert verified(rows, chain_of(rows, "a / b"))["ratio"].note == (
        "computed, not modelled; holds in all 400 rows"
    )
    rows.arrays["ratio"][:3] += 1
    noted = verified(rows, chain_of(rows, "a / b"))["ratio"].note
    assert noted == "computed, not modelled; holds in 99.25% of 400 rows"
    rows.arrays["ratio"][:40] = 77.7
    text = (
        r"column 'ratio', rule 'a / b': it does not hold in 40 of 400 rows \(10.0%\), more than "
        r"the 1.0% allowed; for example the column holds 77.7 and the rule gives \S+\. Correct "
        r".*violations = SHARE"
    )
    with pytest.raises(SpecError, match=text):
        verified(rows, chain_of(rows, "a / b"))
    accepted = verified(rows, chain_of(rows, "a / b", ratio=0.1))
    assert "90.00%" in accepted["ratio"].note


def test_a_column_without_holes_is_not_computed_from_one_with_holes():
    rows = rows_of(a=[1, np.nan, 3], b=[1, 1, 1], ratio=[1, 2, 3])
    with pytest.raises(SpecError, match="no missing value, but its source 'a' has 1, so the rule"):
        verified(rows, chain_of(rows, "a / b", ratio=1.0))


def test_indicators_of_computed_columns_are_gone_from_every_conditional():
    holes = np.where(np.arange(300) < 60, np.nan, 1.0)
    rows = rows_of(a=holes, ratio=holes, b=np.where(np.arange(300) < 100, np.nan, 2.0))
    plain = default_chain(rows.schema)
    named = replace(plain["b_missing"], predictors=("a_missing", "ratio_missing"))
    plain = plain.with_conditional(named)
    spec = with_rules(plain, {"ratio": "a"}, {})
    assert spec.targets == ("a_missing", "a", "ratio", "b_missing", "b")
    assert spec["b_missing"].predictors == ("a_missing",) and "ratio" in spec.predictors("b")
    check_chain(spec, rows.schema, facts())
    assert sources(["ratio"], spec) == ("a",) and spec.predictors("ratio") == ("a",)


WRONG = {
    "no rule": ({"passive": ""}, "family 'passive' needs its rule: passive = 'weight"),
    "a family": ({"family": "gaussian"}, "has a rule, 'a / b', and family 'gaussian'; keep one"),
    "predictors": ({"predictors": ("a",)}, "predictors together with the rule 'a / b'"),
    "formula": ({"formula": "a"}, "formula together with the rule"),
    "strata": ({"strata": "flag"}, "strata together with the rule"),
    "no such column": ({"passive": "a / c"}, "unknown source 'c'; allowed: 'a', 'b', 'ratio'"),
    "later column": ({"passive": "a / y"}, "unknown source 'y'"),
    "share": ({"options": {"violations": 2.0}}, "violations = 2.0; it must be a share of rows"),
    "engine": ({"engine": "nuts"}, "fitted by its rule, not by an engine"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_passive_conditional_cannot_have_is_refused(case):
    changes, text = WRONG[case]
    rows = rows_of(a=[1, 2, 3], b=[1, 1, 1], ratio=[1, 2, 3])
    spec = chain_of(rows, "a / b")
    wrong = spec.with_conditional(replace(spec["ratio"], **changes))
    with pytest.raises(SpecError, match=f"column 'ratio'.*{text}"):
        check_chain(wrong, rows.schema, facts())


def test_a_source_must_come_first():
    rows = rows_of(ratio=[1, 2, 3], a=[1, 2, 3], b=[1, 1, 1])
    spec = with_rules(default_chain(rows.schema), {"ratio": "a / b"}, {})
    text = "column 'ratio', rule 'a / b': its source 'a' is not visited before it; .*: nothing"
    with pytest.raises(SpecError, match=text):
        check_chain(spec, rows.schema, facts())


def test_a_rule_stands_for_its_family_in_a_file():
    spec = ChainSpec.from_dict({"conditional": [{"target": "c", "passive": "a + b"}]})
    assert spec["c"] == Conditional("c", "passive", passive="a + b")
    with pytest.raises(SpecError, match=r"column 'c': rule 'a \+' is no formula"):
        ChainSpec.from_dict({"conditional": [{"target": "c", "passive": "a +"}]})
