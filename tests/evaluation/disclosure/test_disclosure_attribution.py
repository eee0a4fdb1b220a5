"""Attribute disclosure, correct attribution and checks, by hand on the tables of conftest."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure import attribution, cap, checks, identity
from posynth.evaluation.disclosure.cells import Exclusions
from posynth.evaluation.disclosure.checks import Limits
from posynth.table.schema import Column, Kind, Schema

KEYS = ["sex", "age"]


def percents(results):
    return {r.measure: r.value for r in results}


def test_attribute_disclosure_of_six_rows_by_hand(six):
    # Dorig: F40 M30 M40 M50 have one target level, F30 two -> 4 of 6.
    # Dsyn: F30 M30 M50 F50 -> 4 of 6 rows. iS: F30 (2) F40 M30 M50 -> 5 of 6.
    # DiS: the copy gives one level for F30 (2 records) M30 M50 -> 4 of 6.
    # DiSCO: it is right for F30x and M30x, wrong for F30y and M50 -> 2 of 6.
    # DiSDiO: of these only M30 is determined in the original -> 1 of 6.
    results = attribution.measure(six, KEYS, "ill")
    expected = {"Dorig": 4, "Dsyn": 4, "iS": 5, "DiS": 4, "DiSCO": 2, "DiSDiO": 1}
    assert percents(results) == pytest.approx({k: 100 * v / 6 for k, v in expected.items()})
    assert {r.measure: r.details["count"] for r in results} == {
        name: [count] for name, count in expected.items()
    }
    assert {r.subject for r in results} == {"sex:age -> ill"}
    disco = results[4].details
    assert (disco["max_denom"], disco["mean_denom"]) == ([1.0], [1.0])


def test_denominators_of_disco_count_original_records(six):
    # Every original row twice: the DiSCO cells F30x and M30x hold 2 records each; adding three
    # more M30x gives cells of 2 and 5.
    more = six.original.iloc[[3] * 3]
    original = pd.concat([six.original, six.original, more], ignore_index=True)
    disco = attribution.measure(replace(six, original=original), KEYS, "ill")[4]
    assert disco.details["max_denom"] == [5.0]
    assert disco.details["mean_denom"] == [3.5]
    assert disco.value == pytest.approx(100 * 7 / 15)
    # denom_lim = 2 leaves out the cell of five.
    rule = Exclusions(denom_lim=2)
    disco = attribution.measure(replace(six, original=original), KEYS, "ill", exclude=rule)[4]
    assert disco.value == pytest.approx(100 * 2 / 15)
    assert disco.details["excluded"] == [5]


def test_correct_attribution_of_six_rows_by_hand(six):
    # Marginal x 4, y 2 of 6: baseCAPd = (16 + 4) / 36.
    # CAPd: F30 gives 2 (1/4 + 1/4) = 1, the four others 1 each -> 5 of 6.
    # CAPs: F40 gives 2 (1/4 + 1/4) = 1, the four others 1 each -> 5 of 6.
    # DCAP: F30x 1, F30y 0, F40x 1/2, M30x 1, M40x 0 (key absent), M50y 0 -> 2.5 of 6.
    # TCAP: 2 disclosed of the 5 records whose keys occur.
    expected = {
        "baseCAPd": 100 * 20 / 36,
        "CAPd": 500 / 6,
        "CAPs": 500 / 6,
        "DCAP": 250 / 6,
        "TCAP": 40,
    }
    assert percents(cap.measure(six, KEYS, "ill")) == pytest.approx(expected)


def test_copy_proportions_use_the_copy_size(six):
    # Without F50 y: Dsyn = F30 M30 M50 = 3 of 5; CAPs = (1 + 3) / 5; the rest stays.
    shorter = replace(six, copies=(six.copies[0].iloc[:5],))
    assert percents(attribution.measure(shorter, KEYS, "ill"))["Dsyn"] == pytest.approx(60)
    assert percents(cap.measure(shorter, KEYS, "ill"))["CAPs"] == pytest.approx(80)
    assert percents(cap.measure(shorter, KEYS, "ill"))["TCAP"] == pytest.approx(40)


def test_excluded_target_level_by_hand(six):
    # Without y: Dorig F40 M30 M40 = 3; iS F30x F40x M30x = 3; DiS F30x M30x = 2; DiSCO 2;
    # DiSDiO M30 = 1; Dsyn F30 M30 M50 = 3 (F50 y gone); all of 6. Two original records left out.
    rule = Exclusions(target_levels=("y",))
    results = attribution.measure(six, KEYS, "ill", exclude=rule)
    expected = {"Dorig": 3, "Dsyn": 3, "iS": 3, "DiS": 2, "DiSCO": 2, "DiSDiO": 1}
    assert {r.measure: r.details["count"][0] for r in results} == expected
    assert results[0].details["excluded"] == [2]
    # CAP: tables without y give pd = ps = 1 everywhere: CAPd 4/6, CAPs F30 F40 M30 M50 = 4/6,
    # DCAP F30 F40 M30 = 3/6, TCAP 2 of 3; baseCAPd is that of the whole table.
    caps = percents(cap.measure(six, KEYS, "ill", exclude=rule))
    assert caps == pytest.approx(
        {"baseCAPd": 2000 / 36, "CAPd": 400 / 6, "CAPs": 400 / 6, "DCAP": 50, "TCAP": 200 / 3}
    )


def test_excluded_pair_and_missing_target_by_hand(six):
    # (sex M, ill x) takes M30x out of DiSCO: F30x is left.
    rule = Exclusions(pairs=(("sex", "M", "x"),))
    assert attribution.measure(six, KEYS, "ill", exclude=rule)[4].details["count"] == [1]
    # Numeric keys are levels too: (age 30, ill x) takes out both.
    rule = Exclusions(pairs=(("age", 30, "x"),))
    assert attribution.measure(six, KEYS, "ill", exclude=rule)[4].details["count"] == [0]
    # A missing target is a level; M30 is disclosed as missing unless that is excluded.
    original, copy = six.original.copy(), six.copies[0].copy()
    original.loc[3, "ill"] = None
    copy.loc[3, "ill"] = None
    holes = replace(six, original=original, copies=(copy,))
    assert attribution.measure(holes, KEYS, "ill")[4].details["count"] == [2]
    rule = Exclusions(missing_target=True)
    assert attribution.measure(holes, KEYS, "ill", exclude=rule)[4].details["count"] == [1]


def test_identity_copy_gives_the_extreme_values(population, mixed_schema, rng):
    table = population(200, rng)
    tables = Comparison(table, (table.sample(frac=1, random_state=1),), mixed_schema)
    keys = ["x", "group"]  # x is continuous: all keys unique
    assert percents(identity.measure(tables, keys)) == dict.fromkeys(
        ["UiO", "UiS", "UiOiS", "repU"], 100.0
    )
    names = ["Dorig", "Dsyn", "iS", "DiS", "DiSCO", "DiSDiO"]
    assert percents(attribution.measure(tables, keys, "y")) == dict.fromkeys(names, 100.0)
    caps = percents(cap.measure(tables, keys, "y"))
    assert [caps[name] for name in ("CAPd", "CAPs", "DCAP", "TCAP")] == [100.0] * 4
    # Coarse keys: the copy discloses exactly what the original does.
    found = percents(attribution.measure(tables, ["group"], "y", groups=4))
    assert found["DiSCO"] == found["Dorig"] == found["DiSDiO"]
    caps = percents(cap.measure(tables, ["group"], "y", groups=4))
    assert caps["DCAP"] == pytest.approx(caps["CAPd"])


def test_independent_columns_attribute_no_better_than_the_margin():
    # Every key level holds targets in the ratio 3 : 1 exactly, so the keys say nothing.
    columns = (
        Column("key", Kind.NOMINAL, "str", ("a", "b", "c")),
        Column("aim", Kind.BINARY, "str", ("n", "y")),
    )
    table = pd.DataFrame({"key": np.repeat(["a", "b", "c"], 8), "aim": list("nnny") * 6})
    caps = percents(cap.measure(Comparison(table, (table,), Schema(columns, 24)), ["key"], "aim"))
    expected = 100 * (0.75**2 + 0.25**2)
    assert caps["baseCAPd"] == caps["CAPd"] == caps["DCAP"] == pytest.approx(expected)
    assert caps["TCAP"] == 0


def test_nothing_found_gives_no_tcap(six):
    elsewhere = replace(six, copies=(six.copies[0].assign(age=99),))
    caps = percents(cap.measure(elsewhere, KEYS, "ill"))
    assert np.isnan(caps["TCAP"])
    assert caps["DCAP"] == 0


def dominated() -> Comparison:
    # Key a: 60 records with n; key b: 5 with y; key c: 3 with n, 2 with y.
    table = pd.DataFrame(
        {"key": ["a"] * 60 + ["b"] * 5 + ["c"] * 5, "aim": ["n"] * 60 + ["y"] * 5 + list("nnnyy")}
    )
    columns = (
        Column("key", Kind.NOMINAL, "str", ("a", "b", "c")),
        Column("aim", Kind.BINARY, "str", ("n", "y")),
    )
    return Comparison(table, (table,), Schema(columns, 70))


def test_checks_by_hand():
    # DiSCO discloses a (60 n) and b (5 y): level n holds 60 of 65 = 92.3 % > 90, more than 50.
    one, two = checks.measure(dominated(), ["key"], "aim")
    assert one.value == pytest.approx(100 * 60 / 65)
    assert (one.passed, one.details["records"]) == (False, [60])
    assert one.details["percent_of_original"] == pytest.approx([90.0])  # 63 of 70
    # Both cells hold more than 4 records, and 100 % of their key level: two pairs, 65 records.
    assert (two.value, two.passed, two.details["records"]) == (2, False, [65])


@pytest.mark.parametrize(
    ("limits", "passed"),
    [
        (Limits(one_way=(60, 90), two_way=(60, 80)), [True, True]),  # 60 is not more than 60
        (Limits(one_way=(50, 93), two_way=(4, 99)), [True, False]),
    ],
)
def test_checks_flag_only_above_their_limits(limits, passed):
    results = checks.measure(dominated(), ["key"], "aim", limits=limits)
    assert [r.passed for r in results] == passed


def test_two_way_check_needs_the_pair_to_hold_in_the_original():
    # With two keys the cell (a, u) is all n, but level a as a whole holds n in 6 of 10 records
    # (60 %) and level u in 6 of 9 (67 %): no pair is known from one key alone.
    columns = tuple(
        Column(name, Kind.BINARY, "str", levels)
        for name, levels in (("key", ("a", "b")), ("more", ("u", "v")), ("aim", ("n", "y")))
    )
    rows = [("a", "u", "n")] * 6 + [("a", "v", "y")] * 4 + [("b", "u", "y")] * 3
    table = pd.DataFrame(rows, columns=["key", "more", "aim"])
    tables = Comparison(table, (table,), Schema(columns, 13))
    assert checks.measure(tables, ["key", "more"], "aim")[1].passed is True
    limits = Limits(two_way=(4, 65))
    named = checks.measure(
        tables, ["key", "more"], "aim", limits=Limits(two_way=(4, 65), name_levels=True)
    )[1]
    assert checks.measure(tables, ["key", "more"], "aim", limits=limits)[1].value == 1
    assert named.details["levels"] == [[("more", "u", "n")]]


def test_two_way_check_counts_the_pair_in_the_whole_original():
    # (a, u) is disclosed with 6 n, (a, v) with 3 n and 1 y is not; level a holds n in 9 of 10.
    columns = tuple(
        Column(name, Kind.BINARY, "str", levels)
        for name, levels in (("key", ("a", "b")), ("more", ("u", "v")), ("aim", ("n", "y")))
    )
    rows = [("a", "u", "n")] * 6 + [("a", "v", "n")] * 3 + [("a", "v", "y"), ("b", "u", "y")]
    table = pd.DataFrame(rows, columns=["key", "more", "aim"])
    tables = Comparison(table, (table,), Schema(columns, 11))
    # Level u holds n in 6 of 7 = 86 %: both pairs are known from one key.
    two = checks.measure(tables, ["key", "more"], "aim", limits=Limits(name_levels=True))[1]
    assert two.details["levels"] == [[("key", "a", "n"), ("more", "u", "n")]]
    assert two.details["records"] == [12]  # the six records once for either pair


def test_level_names_are_given_only_on_request_and_marked_private():
    bare = checks.measure(dominated(), ["key"], "aim")
    assert all("levels" not in r.details and "private" not in r.details for r in bare)
    one, two = checks.measure(dominated(), ["key"], "aim", limits=Limits(name_levels=True))
    assert one.details["private"] and two.details["private"]
    assert one.details["levels"] == [[("", "", "n")]]
    assert two.details["levels"] == [[("key", "a", "n"), ("key", "b", "y")]]


@pytest.mark.parametrize("room", [attribution, cap, checks])
def test_target_among_keys_is_refused(six, room):
    with pytest.raises(MeasureError) as caught:
        room.measure(six, ["sex", "age"], "sex")
    assert str(caught.value) == (
        "target 'sex' is among the keys ['sex', 'age']: what an intruder knows cannot be "
        "disclosed; drop it from the keys or choose another target"
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Exclusions(missing_keys=("ill",)), "exclusions: unknown key 'ill'; allowed: 'age', 'sex'"),
        (Exclusions(target_levels=("z",)), "the target has no level 'z'; spell it as in the table"),
        (Exclusions(pairs=(("age", 31, "x"),)), "the key 'age' has no level 31; spell it as in"),
        (Exclusions(denom_lim=0), "denom_lim = 0: give a whole number of at least 1"),
    ],
)
def test_exclusions_that_cannot_be_are_refused(six, rule, message):
    with pytest.raises(MeasureError) as caught:
        attribution.measure(six, KEYS, "ill", exclude=rule)
    assert message in str(caught.value)


def test_exclusions_need_a_target_and_ungrouped_levels(six):
    rule = Exclusions(target_levels=("x",))
    with pytest.raises(MeasureError, match="name levels of a target, but no target is given"):
        identity.measure(six, KEYS, exclude=rule)
    rule = Exclusions(pairs=(("age", 30, "x"),))
    with pytest.raises(MeasureError, match="the key 'age' is cut into groups; exclude levels"):
        attribution.measure(six, KEYS, "ill", groups=2, exclude=rule)
