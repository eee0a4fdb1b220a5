"""Tables of columns: coding, counting, records, errors."""

import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.utility import tables
from posynth.evaluation.utility.cells import code, inner_breaks
from posynth.evaluation.utility.table_statistics import RAW, STANDARDISED
from posynth.evaluation.utility.values import MISSING
from posynth.table.schema import Column, Kind, Schema


@pytest.fixture
def mixed(rng):
    n = 400
    x = rng.normal(size=n)
    x[:40] = np.nan
    level = rng.choice(["low", "mid", "high"], n)
    frame = pd.DataFrame({"x": x, "g": level, "z": rng.integers(0, 3, n)})
    frame.loc[rng.random(n) < 0.1, "g"] = None
    return frame


def test_two_way_counts_agree_with_pandas_crosstab(mixed, compare):
    coded = code(compare(mixed, [mixed.iloc[::2]]), ["x", "g"])
    original, copies = tables.counts(coded)
    cut = pd.Series(
        np.searchsorted(np.nanquantile(mixed["x"], [0.2, 0.4, 0.6, 0.8]), mixed["x"], "right")
    ).where(mixed["x"].notna(), 5)
    level = mixed["g"].map({"high": 0, "low": 1, "mid": 2}).fillna(3)
    assert original.tolist() == pd.crosstab(cut, level).to_numpy().tolist()
    assert copies[0].tolist() == pd.crosstab(cut[::2], level[::2]).to_numpy().tolist()


def test_missing_is_a_level_of_its_own_and_counts_as_misfit(compare):
    real = pd.DataFrame({"x": [1.0] * 50 + [np.nan] * 50})
    fake = pd.DataFrame({"x": [1.0] * 100})
    result = tables.measure(compare(real, [fake]), ways=1, statistics=["VW"])[0]
    # cells 50/100 and 50/0: diff 50 and -50, expect 75 and 25
    assert result.value == pytest.approx(2500 / 75 + 2500 / 25)
    assert code(compare(real, [fake]))[0].levels[-1] == MISSING


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1, 2, 3, 4, 5], [1, 2, 3, 4]),
        ([0.0] * 9 + [10], [2, 4, 6, 8]),  # quantiles all tie: equal widths
        ([3.0, 3, 3], []),
        ([np.nan, np.nan], []),
        ([0.0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 9], [1, 2]),  # ties leave three intervals
    ],
)
def test_inner_breaks(values, expected):
    found = inner_breaks(np.array(values), 5)
    assert np.round(found, 9).tolist() == expected


def test_values_beyond_the_original_fall_into_the_outer_cells(compare):
    real = pd.DataFrame({"x": np.arange(10.0)})
    fake = pd.DataFrame({"x": [-100.0, 100.0]})
    coded = code(compare(real, [fake]))[0]
    assert coded.copies[0].tolist() == [0, 4]


def test_pooled_cuts_follow_the_copies_and_original_cuts_do_not(compare):
    real = pd.DataFrame({"x": np.arange(10.0)})
    fake = pd.DataFrame({"x": np.arange(100.0, 110.0)})
    pooled = code(compare(real, [fake]), cut="pooled")[0]
    assert sorted(set(pooled.original)) == [0, 1, 2]
    assert code(compare(real, [fake]))[0].copies[0].tolist() == [4] * 10


def test_every_statistic_is_the_mean_over_copies(mixed, compare, rng):
    copies = [mixed.sample(len(mixed), replace=True, random_state=rng) for _ in range(3)]
    together = tables.measure(compare(mixed, copies), 2, ["x", "g"], statistics=["all"])
    alone = [
        tables.measure(compare(mixed, [copy]), 2, ["x", "g"], statistics=["all"]) for copy in copies
    ]
    assert [r.measure for r in together] == [*RAW, *STANDARDISED]
    for i, result in enumerate(together):
        assert result.value == pytest.approx(np.mean([one[i].value for one in alone]))
        # Copies are proper: values of standardised statistics are on the scale of proper draws.
        own = "per_copy_proper" if result.measure in STANDARDISED else "per_copy"
        assert result.details[own] == pytest.approx([one[i].value for one in alone])


def test_records_state_both_scales_and_are_judged_on_the_fitting_one(compare):
    real = pd.DataFrame({"x": ["a"] * 500 + ["b"] * 500})
    fake = pd.DataFrame({"x": ["a"] * 535 + ["b"] * 465})  # VW = 2 x 35^2 / (1035 / 2 ...) ~ 4.9
    plugin = tables.measure(compare(real, [fake], proper=False), ways=1)[0]
    proper = tables.measure(compare(real, [fake], proper=True), ways=1)[0]
    expected = 35**2 / 517.5 + 35**2 / 482.5
    assert plugin.value == proper.details["S_plugin"] == pytest.approx(expected)
    assert proper.value == proper.details["S_proper"] == pytest.approx(expected / 2)
    assert (plugin.passed, proper.passed) == (False, True)
    # One copy of one table with df 1 exceeds 3.84 with probability .05.
    assert plugin.details["limit"] == pytest.approx(3.8415, abs=1e-4)
    said = "1 is ideal, 3.8 a limit, the most that chance explains"
    assert plugin.text == f"S_pMSE of x: 4.91 for plug-in copies; {said}."
    assert proper.text == (
        f"S_pMSE of x: 2.45 for proper copies; {said} (on synthpop's scale, on which perfect "
        "proper copies score 2.00: 4.91)."
    )
    many = tables.measure(compare(real, [fake] * 5, proper=False), ways=1)[0]
    assert many.text == "S_pMSE of x: 4.91 for plug-in copies; 1 is ideal, 3 a limit."


def test_value_and_verdict_of_every_standardised_measure_are_of_one_scale(compare, mixed, rng):
    """A value above the limit fails and one within it passes, whatever the copies."""
    from posynth.evaluation.utility import evaluate_utility

    copies = [mixed.sample(2 * len(mixed), replace=True, random_state=rng) for _ in range(2)]
    copies[0]["x"] = copies[0]["x"] + copies[0]["x"].std()
    for proper in (True, False):
        results = evaluate_utility(compare(mixed, copies, proper=proper), np.random.default_rng(1))
        judged = [r for r in results if r.measure.startswith("S_") and r.passed is not None]
        assert len(judged) > 10
        assert [r.passed for r in judged] == [r.value <= r.details.get("limit", 3) for r in judged]
        assert {True, False} == {r.passed for r in judged}


def test_twelve_columns_give_sixty_six_pairs(compare, rng):
    frame = pd.DataFrame(rng.normal(size=(30, 12)), columns=[f"c{i}" for i in range(12)])
    assert len(tables.measure(compare(frame, [frame]))) == 66


def test_crossed_lists_the_worst_cell_first(compare):
    real = pd.DataFrame({"x": ["a"] * 50 + ["b"] * 30 + ["c"] * 20})
    fake = pd.DataFrame({"x": ["a"] * 100 + ["b"] * 90 + ["c"] * 10})
    frame = tables.crossed(compare(real, [fake]), ["x"])
    assert frame["x"].tolist() == ["c", "b", "a"]
    assert frame["original"].tolist() == [20, 30, 50]
    assert frame["copies"].tolist() == [5, 45, 50]
    # diff = 10 - 40, expect = 30 x 2/3
    assert frame["zdiff"].tolist() == pytest.approx([-30 / np.sqrt(20), 30 / np.sqrt(80), 0])


def test_a_level_the_original_lacks_is_an_error_naming_column_and_level(compare):
    real = pd.DataFrame({"sex": ["F", "M", "F"]})
    with pytest.raises(MeasureError) as caught:
        tables.measure(compare(real, [real, pd.DataFrame({"sex": ["F", "X"]})]), ways=1)
    assert str(caught.value) == (
        "column 'sex': copy 2 holds the level 'X', which the original does not have ('F', 'M'); "
        "rename or merge the level, or read copy 2 with the schema's types"
    )


def test_a_declared_level_may_be_absent_from_the_original(compare):
    real = pd.DataFrame({"g": ["a", "b"] * 5})
    schema = Schema((Column("g", Kind.NOMINAL, "str", levels=("a", "b", "c")),), 10)
    fake = pd.DataFrame({"g": ["a", "c"] * 5})
    assert tables.measure(compare(real, [fake], schema=schema), ways=1)[0].details["df"] == 2


@pytest.mark.parametrize("dtype", ["category", "object", "str"])
def test_storage_of_levels_does_not_matter(dtype, compare):
    real = pd.DataFrame({"g": ["a", "b", "b", None]})
    fake = real.astype({"g": dtype})
    assert tables.measure(compare(real, [fake]), ways=1)[0].value == 0


@pytest.mark.parametrize("dtype", ["bool", "boolean", "int64", "float64"])
def test_truth_values_match_zero_and_one(dtype, compare):
    real = pd.DataFrame({"g": [True, False, True]})
    schema = Schema((Column("g", Kind.BINARY, "bool", levels=(False, True)),), 3)
    fake = real.astype({"g": dtype})
    assert tables.measure(compare(real, [fake], schema=schema), ways=1)[0].value == 0


def test_dates_and_nullable_integers_are_numbers(compare):
    days = pd.date_range("2020-01-01", periods=40)
    real = pd.DataFrame({"d": days, "i": pd.array([1, None] * 20, dtype="Int64")})
    schema = Schema(
        (Column("d", Kind.DATE, "datetime64[ns]"), Column("i", Kind.COUNT, "Int64")), 40
    )
    later = real.assign(d=real["d"] + pd.Timedelta(days=400))
    results = tables.measure(compare(real, [later], schema=schema), ways=1)
    assert results[0].value > 3
    assert results[1].value == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: tables.measure(c, 3), "ways must be between 1 and the 2 judged columns, got 3"),
        (
            lambda c: tables.measure(c, 1, ["hight"]),
            "unknown column to judge (text, identifiers and constants are not judged) 'hight'; "
            "allowed: 'height', 'sex'. Did you mean 'height'?",
        ),
        (
            lambda c: tables.measure(c, 1, statistics=["S_pMSA"]),
            "unknown table statistic 'S_pMSA'; allowed: 'FT', 'G'",
        ),
        (
            lambda c: tables.measure(c, 1, cut="mine"),
            "unknown cut 'mine'; allowed: 'original', 'pooled'",
        ),
        (lambda c: tables.measure(c, 1, groups=1), "groups must be at least 2, got 1"),
        (
            lambda c: tables.measure(c, 1, []),
            "no column to judge: none was named, or the schema has none modelled",
        ),
    ],
)
def test_wrong_questions_are_answered_with_what_is_allowed(call, message, compare):
    real = pd.DataFrame({"height": [1.0, 2.0], "sex": ["F", "M"]})
    with pytest.raises(MeasureError) as caught:
        call(compare(real, [real]))
    assert str(caught.value).startswith(message)


def test_missing_columns_wrong_types_and_empty_copies_are_named(compare):
    real = pd.DataFrame({"height": [1.0, 2.0], "sex": ["F", "M"]})
    for copy, message in (
        (real[["sex"]], "column 'height' is missing from copy 1, which has 'sex'; give the same"),
        (
            real.assign(height=["tall", "1"]),
            "column 'height' is 'continuous' in the schema but copy 1 holds 'tall'; read copy 1",
        ),
        (real.assign(height=[np.inf, 1]), "column 'height': copy 1 holds an infinite value"),
        (real.iloc[:0], "copy 1 has no rows"),
    ):
        with pytest.raises(MeasureError) as caught:
            tables.measure(compare(real, [copy]), 1)
        assert str(caught.value).startswith(message)


def test_no_copy_at_all_is_an_error(compare):
    from dataclasses import replace

    real = pd.DataFrame({"x": [1.0, 2.0]})
    with pytest.raises(MeasureError, match="give at least one copy"):
        tables.measure(replace(compare(real, [real]), copies=()), 1)


def test_huge_tables_are_refused_with_a_way_out(compare):
    real = pd.DataFrame({f"c{i}": [f"v{j}" for j in range(40)] for i in range(4)})
    with pytest.raises(MeasureError, match=r"c0:c1:c2:c3 has 2560000 cells.*fewer columns"):
        tables.measure(compare(real, [real]), 4)
