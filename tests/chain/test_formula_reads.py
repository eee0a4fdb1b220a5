"""What a formula reads: the columns of the terms that its operators leave."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.formula import read_formula
from posynth.chain.formula_matrix import formula_matrix
from posynth.errors import SpecError

READS = {
    "x + z - z": ["x"],
    ". - z": ["x", "g", "k"],
    ". - z - g": ["x", "k"],
    "x*z - x:z": ["x", "z"],
    "(x + z)^2 - z": ["x", "z"],  # x:z stays
    "x + log(z) - log(z)": ["x"],
    "x + C(g) - C(g)": ["x"],
    "x + poly(z, 2) - poly(z, 2)": ["x"],
    "x + offset(z)": ["x", "z"],
    "z - z": [],
}


@pytest.mark.parametrize("text", READS)
def test_a_formula_reads_the_columns_of_its_terms_and_of_no_other(text):
    read = read_formula(text, ["x", "z", "g", "k"], dot=["x", "z", "g", "k"], offset=True)
    assert list(read.columns) == READS[text]
    assert {*read.named} >= {*READS[text]} and ("z" in read.named) == ("z" in text or "." in text)
    assert not read.learning


def test_a_term_that_is_left_out_needs_no_column_and_learns_nothing():
    frame = pd.DataFrame({"x": [1.0, 2.0, 4.0]})
    read = read_formula("x + poly(z, 2) - poly(z, 2)", ["x", "z"])
    found = formula_matrix(read, frame)
    assert found.labels == ("Intercept", "x") and not found.state
    assert formula_matrix(read, frame, {}).values.tolist() == found.values.tolist()


def test_a_conditional_is_not_given_what_its_formula_leaves_out(rng):
    table = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a", "b", "y"])
    chain = posynth.specify(table, formulas={"y": ". - b"})
    assert chain.spec.given("y") == ("a",)
    predictors = posynth.fit(table, chain, seed=1).links["y"].coding.predictors
    assert tuple(predictors) == ("a",)
    with pytest.raises(SpecError, match=r"formula '\. - y': 'y' is not visited before it"):
        posynth.specify(table, formulas={"b": ". - y"})


def test_a_fit_keeps_rows_with_missing_values_of_a_column_that_is_left_out(rng):
    x, z = rng.normal(size=(2, 60))
    frames = [pd.DataFrame({"x": x, "z": z, "y": x + rng.normal(size=60)}) for _ in range(5)]
    frames = [frame.assign(z=np.where(frame.index < 20, np.nan, z)) for frame in frames]
    given = {"n": 60, "proper": True, "missing": "none"}
    without = posynth.pool(frames, "ols", "y ~ . - z", **given)
    plain = posynth.pool(frames, "ols", "y ~ x", **given)
    assert without.table.equals(plain.table)
    assert without.text == plain.text
