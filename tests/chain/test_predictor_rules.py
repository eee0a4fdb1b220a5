"""Predictor matrices, orders by rule, dots in formulas, strata, and rare levels of predictors."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from posynth.chain.blocks import Rows
from posynth.chain.check import check_chain
from posynth.chain.default import default_chain
from posynth.chain.design import Encoder, learn
from posynth.chain.matrix import allowed, read_matrix
from posynth.chain.order import auto_order
from posynth.chain.wildcard import expand
from posynth.errors import SpecError
from posynth.families import facts
from posynth.table.schema import Column, Kind, Schema


def test_the_order_by_rule_takes_few_levels_then_few_holes(schema):
    many = Column("region", Kind.NOMINAL, "str", levels=tuple(f"r{i}" for i in range(16)))
    holed = replace(schema["smoke"], name="holed", missing=3)
    wider = Schema((many, holed, *schema.columns), schema.rows)
    modelled = [name for name in auto_order(wider) if wider[name].kind.is_modelled]
    assert modelled == ["smoke", "edu", "holed", "age", "rare", "income", "bmi", "region"]


def _matrix(names, ones):
    matrix = pd.DataFrame(0, index=names, columns=names)
    for target, predictors in ones.items():
        matrix.loc[target, predictors] = 1
    return matrix


def test_a_matrix_says_which_earlier_column_may_predict(schema, tmp_path):
    names = ["age", "edu", "smoke", "bmi"]
    matrix = _matrix(names, {"smoke": ["age", "bmi"], "bmi": ["smoke"]})
    spec = allowed(default_chain(schema), schema, matrix)
    assert spec.predictors("smoke") == ("age",)  # bmi is visited later
    assert spec.predictors("bmi") == ("smoke",) and spec.predictors("edu") == ()
    assert spec.predictors("income") == ("age", "edu", "smoke", "bmi")  # no row: as it was
    assert spec["bmi"].note.endswith("1 predictors of the matrix")
    check_chain(spec, schema, facts())
    matrix.to_csv(tmp_path / "matrix.csv")
    assert allowed(default_chain(schema), schema, read_matrix(tmp_path / "matrix.csv")) == spec


def test_a_matrix_rules_the_indicator_of_its_column_too(schema):
    wider = replace(schema, rows=2000).with_column(replace(schema["bmi"], missing=400))
    spec = allowed(default_chain(wider), wider, {"bmi": ["age"]})
    assert spec.predictors("bmi_missing") == ("age",)
    fewer = allowed(default_chain(schema), schema, {"bmi": ["age"]})
    assert fewer.predictors("bmi_missing") == ("age",)
    fewest = schema.with_column(replace(schema["bmi"], missing=9))
    spec = allowed(default_chain(fewest), fewest, {"bmi": ["age"]})
    assert spec.predictors("bmi_missing") == ()  # so few keep to their rate


BAD_MATRICES = [
    ({"bmy": ["age"]}, "predictors: unknown column 'bmy'; allowed: .* mean 'bmi'"),
    ({"bmi": ["agee"]}, "predictors: unknown column 'agee'; .* mean 'age'"),
    (
        _matrix(["age", "bmi"], {}).replace(0, 2),
        "predictors, row 'age', column 'age': 2 must be 0 or 1",
    ),
]


@pytest.mark.parametrize(("matrix", "text"), BAD_MATRICES)
def test_a_wrong_matrix_is_refused(schema, matrix, text):
    with pytest.raises(SpecError, match=text):
        allowed(default_chain(schema), schema, matrix)


def test_a_list_with_a_later_column_is_refused(schema):
    spec = allowed(default_chain(schema), schema, {"edu": ["bmi"]})
    with pytest.raises(SpecError, match="'edu': predictor 'bmi' is not visited before it"):
        check_chain(spec, schema, facts())


def test_a_matrix_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(
        SpecError, match=r"predictor matrix 'no\.csv' cannot be read \(FileNotFound"
    ):
        read_matrix(tmp_path / "no.csv")


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (". + age:edu", "(`age` + `bmi_missing` + `bmi`) + age:edu"),
        (".", "(`age` + `bmi_missing` + `bmi`)"),
        ("smoke * (.)", "smoke * ((`age` + `bmi_missing` + `bmi`))"),
        ("age + I(age * 0.5)", "age + I(age * 0.5)"),
        ("np.log(age)", "np.log(age)"),
        ("`odd . name` + age", "`odd . name` + age"),
    ],
)
def test_a_dot_stands_for_what_is_visited_before(rows, formula, text):
    assert expand(formula, ("age", "bmi"), rows) == text


def test_a_dot_alone_is_the_design_of_main_effects(rows):
    columns = ("age", "edu", "smoke", "bmi")
    plain, X = learn(rows, columns)
    dotted, again = learn(rows, columns, expand(".", columns, rows))
    assert len(dotted.predictors) == len(plain.predictors)
    A = np.column_stack([np.ones(len(X)), again])  # a formula fills holes before it scales
    np.testing.assert_allclose(A @ np.linalg.lstsq(A, X, rcond=None)[0], X, atol=1e-9)
    assert expand(".", (), rows) == "1"


@pytest.mark.parametrize(
    "formula", ["", "bmi_missing + age + bmi", "bmi_missing + age + bmi + smoke"]
)
def test_strata_give_every_level_its_own_coefficients(rows, formula):
    """Least squares on the stratified design is least squares within each stratum."""
    columns = ("age", "bmi", "smoke")
    encoder, X = learn(rows, columns, formula, strata="smoke")
    A = np.column_stack([np.ones(len(X)), X])
    y = np.random.default_rng(3).standard_normal(len(X)) + 0.02 * rows.arrays["age"]
    fitted = A @ np.linalg.lstsq(A, y, rcond=None)[0]
    _, Z = learn(rows, ("age", "bmi"), formula.replace(" + smoke", ""))
    for level in (0, 1):
        inside = rows.arrays["smoke"] == level
        B = np.column_stack([np.ones(inside.sum()), Z[inside]])
        within = B @ np.linalg.lstsq(B, y[inside], rcond=None)[0]
        np.testing.assert_allclose(fitted[inside], within, atol=1e-9)
    assert "smoke[T.yes]:age" in encoder.predictors
    assert "smoke[T.yes]:smoke[T.yes]" not in encoder.predictors


def test_a_stratified_design_is_replayed_and_stored(rows):
    fitted = ~np.isnan(rows.arrays["income"])
    encoder, X = learn(rows, ("age", "edu", "bmi", "smoke"), fitted=fitted, strata="smoke")
    again = Encoder.from_json(encoder.to_json())
    assert again == encoder and json.loads(encoder.to_json())["strata"] == "smoke"
    np.testing.assert_allclose(again.replay(rows)[fitted], X, atol=1e-12)


def test_a_stratum_with_few_rows_is_refused(rows):
    smoke = np.zeros(300)
    smoke[:25] = 1.0
    few = replace(rows, arrays={**rows.arrays, "smoke": smoke})
    text = (
        r"strata 'smoke': its smallest level has 25 rows, too few for 7 coefficients .* \(35 rows"
    )
    with pytest.raises(SpecError, match=text):
        learn(few, ("age", "edu", "bmi", "income", "smoke"), strata="smoke")
    encoder, _ = learn(few, ("age", "edu", "smoke"), strata="smoke")
    assert len(encoder.pairs) == 3


def test_strata_must_be_visited_before_and_have_levels(schema):
    spec = default_chain(schema)
    later = spec.with_conditional(replace(spec["edu"], strata="smoke"))
    with pytest.raises(SpecError, match="'edu', strata 'smoke': it is not visited before; visited"):
        check_chain(later, schema, facts())
    numeric = spec.with_conditional(replace(spec["bmi"], strata="age"))
    with pytest.raises(
        SpecError, match="column 'bmi', strata 'age': it is count; strata are levels"
    ):
        check_chain(numeric, schema, facts())


@pytest.fixture
def regions(rng):
    """Give 1000 rows of a column of 30 levels: two are common, 28 have four rows each.

    A level of five rows has a coefficient of its own.
    """
    levels = tuple(f"r{i:02d}" for i in range(30))
    rare = np.repeat(np.arange(2, 30), 4)
    codes = rng.permutation(np.concatenate([rare, rng.integers(0, 2, 1000 - len(rare))]))
    schema = Schema((Column("region", Kind.NOMINAL, "str", levels=levels),), 1000)
    return Rows(schema, {"region": codes.astype(float)}, {}, 1000)


def test_rare_levels_count_as_one(regions):
    encoder, X = learn(regions, ("region",))
    assert encoder.predictors == ("region[T.r01]", "region[28 rare levels]")
    rare = regions.arrays["region"] >= 2
    pooled = X[:, 1] - X[:, 1].min()
    np.testing.assert_array_equal(pooled, rare.astype(float))
    again = Encoder.from_json(encoder.to_json())
    np.testing.assert_array_equal(again.replay(regions), X)


def test_rare_levels_that_are_few_even_together_count_as_the_reference(regions):
    codes = np.where(np.arange(1000) < 4, 2 + np.arange(1000) % 3, regions.arrays["region"] % 2)
    encoder, _ = learn(replace(regions, arrays={"region": codes}), ("region",))
    assert encoder.predictors == ("region[T.r01]",) and encoder.pooled == ()
    assert encoder.merged == ("region[T.r02]", "region[T.r03]", "region[T.r04]")
    codes = np.where(np.arange(1000) < 5, 2 + np.arange(1000) % 3, regions.arrays["region"] % 2)
    encoder, _ = learn(replace(regions, arrays={"region": codes}), ("region",))
    assert encoder.predictors == ("region[T.r01]", "region[3 rare levels]")
