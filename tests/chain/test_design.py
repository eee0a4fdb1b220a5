"""Designs learned on the source and replayed: the same on the source, sound on anything else."""

import json
from dataclasses import replace

import numpy as np
import pytest

from posynth.chain.blocks import Rows
from posynth.chain.crossing import cells
from posynth.chain.design import Encoder, learn
from posynth.chain.rare import least_cases
from posynth.errors import SpecError
from posynth.table.schema import Column, Kind, Schema

ALL = ("age", "edu", "smoke", "bmi", "income")
FORMULAS = {
    "main effects": "",
    "polynomial": "poly(age, 2) + edu",
    "spline": "bs(age, df=5, lower_bound=0, upper_bound=120, extrapolation='extend'):smoke",
    "natural spline": "cr(age, df=4, lower_bound=0, upper_bound=120)",
    "centred": "center(income) * smoke + scale(age)",
    "plain functions": "log(age + 1) + I(bmi**2) + bmi_missing",
    "interaction": "edu:smoke + C(edu, contr.sum)",
}


def _subset(rows: Rows, index) -> Rows:
    arrays = {name: values[index] for name, values in rows.arrays.items()}
    return replace(rows, arrays=arrays, count=len(index))


def _whole(rows: Rows) -> Rows:
    return _subset(rows, np.arange(len(rows)))


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_replaying_the_source_gives_the_design_that_was_learned(rows, formula):
    encoder, X = learn(rows, ALL, formula)
    assert X.shape == (300, len(encoder.predictors)) and X.flags["C_CONTIGUOUS"]
    np.testing.assert_allclose(encoder.replay(_whole(rows)), X, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_a_row_is_coded_the_same_whatever_stands_beside_it(rows, formula):
    encoder, X = learn(rows, ALL, formula)
    some = np.array([5, 5, 0, 299])
    np.testing.assert_allclose(encoder.replay(_subset(rows, some)), X[some], rtol=1e-8, atol=1e-8)
    assert encoder.replay(_subset(rows, some[:1])).shape == (1, X.shape[1])


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_what_was_learned_survives_json(rows, formula):
    encoder, X = learn(rows, ALL, formula)
    again = Encoder.from_json(json.dumps(json.loads(encoder.to_json())))
    np.testing.assert_allclose(again.replay(_whole(rows)), X, rtol=1e-9, atol=1e-9)
    assert again.predictors == encoder.predictors and again.columns == encoder.columns


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_a_design_is_standardised_over_the_source(rows, formula):
    encoder, X = learn(rows, ALL, formula)
    dummy = np.array(encoder.scale) == 1.0
    assert np.allclose(X.mean(axis=0), 0, atol=1e-9)
    if formula == "":
        kept = [name for name, flag in zip(encoder.predictors, dummy, strict=True) if flag]
        assert kept == [
            "edu[T.middle]",
            "edu[T.high]",
            "smoke[T.yes]",
            "bmi_missing",
            "income_missing",
        ]
    np.testing.assert_allclose(np.sqrt((X**2).sum(axis=0) / 300)[~dummy].max(), 1.0, atol=1e-9)


def test_holes_are_at_the_mean_and_their_indicator_says_so(rows):
    encoder, X = learn(rows, ("bmi",))
    assert encoder.predictors == ("bmi_missing", "bmi")
    holes = np.isnan(rows.arrays["bmi"])
    assert (X[holes, 1] == 0).all()
    np.testing.assert_allclose(X[:, 0], holes - holes.mean())
    present = rows.arrays["bmi"][~holes]
    np.testing.assert_allclose(X[~holes, 1], (present - present.mean()) / present.std())


def test_a_design_is_learned_on_the_fitted_rows(rows):
    fitted = ~np.isnan(rows.arrays["income"])
    encoder, X = learn(rows, ("age",), fitted=fitted)
    ages = rows.arrays["age"][fitted]
    assert X.shape == (fitted.sum(), 1)
    assert encoder.center == pytest.approx((ages.mean(),))
    np.testing.assert_allclose(X[:, 0], (ages - ages.mean()) / ages.std())


def test_copies_may_lack_levels_and_have_other_holes(rows):
    encoder, _ = learn(rows, ALL)
    one_level = {**_subset(rows, np.arange(50)).arrays}
    one_level["edu"] = np.zeros(50)
    one_level["bmi"] = np.full(50, np.nan)
    replayed = encoder.replay(replace(rows, arrays=one_level, count=50))
    names = list(encoder.predictors)
    assert replayed.shape == (50, len(names)) and np.isfinite(replayed).all()
    assert np.ptp(replayed[:, names.index("edu[T.middle]")]) == 0
    assert (replayed[:, names.index("bmi")] == 0).all()
    share = encoder.center[names.index("bmi_missing")]
    np.testing.assert_allclose(replayed[:, names.index("bmi_missing")], 1 - share)


def test_values_beyond_the_source_are_extrapolated_not_clipped(rows):
    encoder, _ = learn(rows, ("age",))
    far = replace(rows, arrays={**rows.arrays, "age": np.full(300, 1000.0)})
    expected = (1000 - encoder.center[0]) / encoder.scale[0]
    np.testing.assert_allclose(encoder.replay(far)[:, 0], expected)


def test_constant_and_rare_columns_are_dropped(rows):
    arrays = {**rows.arrays}
    arrays["age"] = np.full(300, 41.0)
    arrays["smoke"] = np.zeros(300)
    arrays["smoke"][:4] = 1.0  # 5 are asked for in 300 rows
    encoder, _ = learn(replace(rows, arrays=arrays), ("age", "edu", "smoke"))
    assert encoder.predictors == ("edu[T.middle]", "edu[T.high]") and encoder.keep == (1, 2)
    assert encoder.merged == ("smoke[T.yes]",)
    assert Encoder.from_json(encoder.to_json()) == encoder
    arrays["smoke"][4] = 1.0
    assert "smoke[T.yes]" in learn(replace(rows, arrays=arrays), ("smoke",))[0].predictors
    # The level that is nearly everybody's is as telling of the few others.
    arrays["smoke"] = 1.0 - (np.arange(300) < 4)
    assert learn(replace(rows, arrays=arrays), ("smoke",))[0].predictors == ()


@pytest.mark.parametrize(("rows_", "cases"), [(10, 0.2), (100, 2), (249, 4.98), (250, 5)])
def test_the_least_number_of_cases(rows_, cases):
    assert least_cases(rows_) == pytest.approx(cases)
    assert least_cases(10**6) == 5


def test_a_column_without_any_value_predicts_nothing(rows):
    empty = {**rows.arrays, "bmi": np.full(300, np.nan)}
    encoder, X = learn(replace(rows, arrays=empty), ("bmi", "age"))
    assert encoder.predictors == ("age",) and X.shape == (300, 1)
    assert learn(replace(rows, arrays=empty), ("bmi", "age"), "bmi + age")[0].fill["bmi"] == 0


def test_no_predictors_give_an_empty_design(rows):
    encoder, X = learn(rows, ())
    assert X.shape == (300, 0) and encoder.replay(rows).shape == (300, 0)


def test_collinear_columns_and_more_columns_than_rows_are_kept(rng):
    columns = tuple(Column(f"x{i}", Kind.CONTINUOUS, "float64") for i in range(30))
    arrays = {c.name: rng.standard_normal(12) for c in columns}
    arrays["x1"] = 2 * arrays["x0"] + 1
    wide = Rows(Schema(columns, 12), arrays, {}, 12)
    _, X = learn(wide, tuple(arrays))
    assert X.shape == (12, 30) and np.isfinite(X).all()
    np.testing.assert_allclose(X[:, 0], X[:, 1])


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        ("agee", r"formula 'agee' cannot be evaluated: .*Names it may use: 'age', 'edu'"),
        ("age +", r"formula 'age \+' cannot be evaluated"),
        ("age + import os", "cannot be evaluated"),
        ("__import__('os').getcwd()", "cannot be evaluated"),
        ("log(age - 200)", "gives values that are not finite; drawn values can lie beyond"),
        ("bs(age, df=5)", "would store the smallest and the largest value seen; give lower_bound="),
        ("cr(age, df=4)", "would store the smallest and the largest value seen"),
        ("C(age)", r"codes a row by what other rows hold.*C\(\) on categorical columns only"),
        # Attributes of columns are on no list; these three would also read other rows.
        ("I(age - age.mean())", r"'age.mean\(\)' is not allowed: unknown function 'age.mean'"),
        ("I(age / age.max())", r"'age.max\(\)' is not allowed: unknown function"),
        ("income.rank()", r"'income.rank\(\)' is not allowed: unknown function"),
    ],
)
def test_a_formula_that_cannot_serve_is_refused(rows, formula, text):
    with pytest.raises(SpecError, match=text):
        learn(rows, ALL, formula)


def test_a_formula_reads_earlier_columns_only(rows):
    with pytest.raises(SpecError, match=r"Names it may use: 'age'$"):
        learn(rows, ("age",), "edu")


def test_cells_cross_levels_and_holes(rows):
    arrays = {**rows.arrays, "edu": rows.arrays["edu"].copy()}
    arrays["edu"][:25] = np.nan
    holed = replace(rows, arrays=arrays, indicators={"edu": "edu_missing"})
    names, matrix = cells(holed, ("edu", "smoke"))
    assert names[:3] == ("edu=low:smoke=no", "edu=low:smoke=yes", "edu=middle:smoke=no")
    assert names[-1] == "edu=missing:smoke=yes" and matrix.shape == (300, 8)
    assert (matrix.sum(axis=1) == 1).all()
    expected = [
        np.sum((np.nan_to_num(arrays["edu"], nan=3) == e) & (arrays["smoke"] == s))
        for e in range(4)
        for s in range(2)
    ]
    assert matrix.sum(axis=0).tolist() == expected


def test_no_columns_make_one_cell(rows):
    names, matrix = cells(rows, ())
    assert names == ("all",) and (matrix == 1).all() and matrix.shape == (300, 1)


def test_blocks_are_made_once_and_shared(rows):
    assert rows.block("edu") is rows.block("edu")
    assert rows.block("bmi_missing").names == ("bmi_missing",)
    assert rows.block("ward").names == ("ward_missing",)
    np.testing.assert_array_equal(
        rows.block("bmi_missing").values[:, 0], np.isnan(rows.arrays["bmi"])
    )


@pytest.mark.parametrize("formula", ["1", "0", "1 + 0"])
def test_a_formula_without_columns_is_an_intercept_only(rows, formula):
    """The column visited first has none before it: its rows are counted all the same."""
    encoder, X = learn(rows, (), formula)
    assert encoder.predictors == () and X.shape == (len(rows), 0)
    assert encoder.replay(rows).shape == (len(rows), 0)
