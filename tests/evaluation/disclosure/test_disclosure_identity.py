"""Identity disclosure and replicated uniques on the six-row tables of conftest, by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure import identity, uniques
from posynth.evaluation.disclosure.cells import Exclusions
from posynth.evaluation.disclosure.keys import code_column, default_keys
from posynth.table.schema import Column, Kind, Schema

KEYS = ["sex", "age"]


def percents(results):
    return {r.measure: r.value for r in results}


def test_identity_of_six_rows_by_hand(six):
    # d_q = 1: F40 M30 M40 M50 -> 4 of 6. s_q = 1: F30 M30 M50 F50 -> 4 of 6.
    # d_q = 1 and s_q > 0: F40 M30 M50 -> 3 of 6. Both 1: M30 M50 -> 2 of 6.
    found = percents(identity.measure(six, KEYS))
    assert found == pytest.approx({"UiO": 400 / 6, "UiS": 400 / 6, "UiOiS": 50, "repU": 200 / 6})


def test_denominators_follow_n_for_the_original_and_k_for_the_copy(six):
    # Without the last row (F 50 y) k = 5: UiS = 3 of 5 (F30 M30 M50), repU still 2 of 6.
    shorter = replace(six, copies=(six.copies[0].iloc[:5],))
    results = identity.measure(shorter, KEYS)
    assert percents(results)["UiS"] == pytest.approx(60)
    assert percents(results)["repU"] == pytest.approx(200 / 6)
    assert [r.details["count"] for r in results] == [[4], [3], [3], [2]]
    assert [r.details["denominator"] for r in results] == ["N_d", "N_s", "N_d", "N_d"]
    # The two conventions for the same two rows: 2 of k = 5, and 2 of n = 6.
    result = uniques.measure(shorter, KEYS)[0]
    assert result.value == pytest.approx(40)
    assert result.details["percent_of_original"] == pytest.approx([200 / 6])


def test_replicated_uniques_of_six_rows_by_hand(six):
    # On keys: uniques of the copy present in the original are F30 M30 M50, replicated M30 M50.
    details = uniques.measure(six, KEYS)[0].details
    assert details["uniques_in_original"] == 4
    assert details["uniques_in_copy"] == [4]
    assert details["copy_uniques_in_original"] == [3]
    assert details["replicated"] == [2]
    # On all columns all rows are unique; F30x F40x M30x are in both tables.
    details = uniques.measure(six)[0].details
    assert (details["uniques_in_original"], details["replicated"]) == (6, [3])


def test_the_value_is_the_mean_over_copies(six):
    # Second copy = original: repU = UiO = 4 of 6; first copy 2 of 6; mean 3 of 6.
    both = replace(six, copies=(*six.copies, six.original))
    result = identity.measure(both, KEYS)[-1]
    assert result.details["per_copy"] == pytest.approx([200 / 6, 400 / 6])
    assert result.value == pytest.approx(50)


def test_exclusions_are_taken_out_of_the_tables_before_counting(six):
    # Without y the original has F30 F40 M30 M40 once each (F30 is unique now) and the copy F30
    # F40 M30 M50: UiO 4, UiS 4, UiOiS = repU = F30 F40 M30 = 3, all of 6.
    rule = Exclusions(target_levels=("y",))
    found = percents(identity.measure(six, KEYS, "ill", exclude=rule))
    assert found == pytest.approx({"UiO": 400 / 6, "UiS": 400 / 6, "UiOiS": 50, "repU": 50})
    # If the copy's F30 holds y, F30 still occurs in the copy (UiOiS 3) but is excluded there, so
    # it is no longer a replicated unique (repU: F40 M30).
    copy = six.copies[0].copy()
    copy.loc[0, "ill"] = "y"
    found = percents(identity.measure(replace(six, copies=(copy,)), KEYS, "ill", exclude=rule))
    assert (found["UiOiS"], found["repU"]) == pytest.approx((50, 200 / 6))


def test_missing_is_a_level_and_can_be_excluded(six):
    original = six.original.astype({"age": "float64"})
    copy = six.copies[0].astype({"age": "Int64"})
    original.loc[3, "age"] = np.nan  # M 30 -> M missing, still unique
    copy.loc[3, "age"] = pd.NA
    tables = replace(six, original=original, copies=(copy,))
    assert percents(identity.measure(tables, KEYS))["repU"] == pytest.approx(200 / 6)
    rule = Exclusions(missing_keys=("age",))
    assert percents(identity.measure(tables, KEYS, exclude=rule))["repU"] == pytest.approx(100 / 6)


def test_quantile_groups_of_the_original_coarsen_numeric_keys(six):
    # Median age of the original (30 30 40 30 40 50) is 35: young F 2 M 1, old F 1 M 2;
    # copy: young F 1 M 1, old F 3 M 1. Unique in both: young M only.
    found = percents(identity.measure(six, KEYS, groups=2))
    assert found["UiO"] == pytest.approx(200 / 6)
    assert found["repU"] == pytest.approx(100 / 6)
    assert percents(identity.measure(six, KEYS, groups={"age": 2})) == found


def test_a_value_at_a_cut_falls_into_the_lower_group(six):
    # Ages 30 30 40 30 40 50 have median 35; with one more 35 it is 35 itself, and goes below.
    original = pd.concat([six.original, six.original.iloc[[0]].assign(age=35)])
    coded = code_column(replace(six, original=original), "age", groups=2)
    ages = original["age"].to_numpy()
    assert np.array_equal(coded.original == coded.original[-1], ages <= 35)


def test_numbers_are_compared_at_the_decimals_of_the_schema():
    schema = Schema((Column("x", Kind.CONTINUOUS, "float64", decimals=1),), rows=2)
    tables = Comparison(
        pd.DataFrame({"x": [0.3, 0.5]}), (pd.DataFrame({"x": [0.1 + 0.2, 0.6]}),), schema
    )
    assert uniques.measure(tables)[0].details["replicated"] == [1]


def test_dates_and_categories_are_keys_like_others():
    columns = (
        Column("born", Kind.DATE, "datetime64[ns]"),
        Column("job", Kind.NOMINAL, "category", ("a", "b")),
    )
    original = pd.DataFrame(
        {
            "born": pd.to_datetime(["2000-01-01", "2001-01-01", None]),
            "job": pd.Categorical(["a", "b", "a"]),
        }
    )
    copy = original.assign(job=pd.Categorical(["a", "a", "a"]))
    tables = Comparison(original, (copy,), Schema(columns, 3))
    assert uniques.measure(tables)[0].details["replicated"] == [2]


def test_default_keys_are_the_first_four_an_outsider_could_know():
    names = ["id", "sex", "income", "age", "job", "ill", "house"]
    kinds = [Kind.IDENTIFIER, Kind.BINARY, Kind.CONTINUOUS, Kind.COUNT, *[Kind.NOMINAL] * 3]
    columns = tuple(
        Column(name, kind, "str", ("0", "1") if kind.is_categorical else ())
        for name, kind in zip(names, kinds, strict=True)
    )
    table = pd.DataFrame({name: np.arange(30) % 2 for name in names})
    table["income"] = np.arange(30)  # 30 distinct values, more than n / 3
    tables = Comparison(table, (table,), Schema(columns, 30))
    assert default_keys(tables) == ("sex", "age", "job", "ill")
    assert default_keys(tables, ["sex"]) == ("age", "job", "ill", "house")


@pytest.mark.parametrize(
    ("change", "keys", "message"),
    [
        ({}, ["sexx"], "the original: unknown column 'sexx'; allowed: 'age', 'ill', 'sex'. Did "),
        ({}, [], "no key columns given; name at least one column as a key"),
        ({}, ["sex", "sex"], "a column is named twice; name each key once"),
        ({"copies": ()}, ["sex"], "the comparison holds no copies; give at least one synthetic"),
        (
            {"copies": (pd.DataFrame({"age": [1]}),)},
            ["sex"],
            "copy 1: unknown column 'sex'; allowed: 'age'",
        ),
        (
            {"holdout": pd.DataFrame({"sex": []})},
            ["sex"],
            "the holdout has no rows; disclosure cannot be measured on it",
        ),
    ],
)
def test_errors_name_table_column_and_next_step(six, change, keys, message):
    with pytest.raises(MeasureError) as caught:
        identity.measure(replace(six, **change), keys)
    assert message in str(caught.value)


def test_one_group_is_refused(six):
    with pytest.raises(MeasureError, match="groups = 1: give at least 2 groups, or none to keep"):
        identity.measure(six, ["age"], groups=1)
    with pytest.raises(MeasureError, match="groups: unknown column 'aeg'; allowed: 'age', 'ill'"):
        identity.measure(six, ["age"], groups={"aeg": 3})
