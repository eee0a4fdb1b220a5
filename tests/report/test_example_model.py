"""The model that a report shows where none is named: one that an analyst might have fitted."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.report.example_model import example_model

N = 160


@pytest.fixture(scope="module")
def columns():
    """Give columns of every kind, to make tables of."""
    rng = np.random.default_rng(8)
    age = rng.integers(20, 80, N)
    income = np.round(900 + 12 * age + rng.normal(0, 200, N), 2)
    return pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], N),
            "age": age,
            "region": rng.choice(list("abcd"), N),
            "income": income,
            "in cents": np.round(100 * income),
            "number": rng.permutation(100_000)[:N],
            "street": rng.choice([f"s{i}" for i in range(25)], N),
            "marks": rng.integers(1, 4, N),
            "rare": np.where(np.arange(N) < 6, "yes", "no"),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 300, N), "D"),
            "one": "same",
        }
    )


def _chosen(table, **options):
    return example_model(posynth.synthesize(table, m=1, seed=1, **options))


def test_a_measured_response_has_predictors_of_different_kinds(columns):
    table = columns[["sex", "age", "region", "income"]]
    assert _chosen(table) == ("ols", "income ~ sex + age + region")


def test_keys_constants_dates_and_many_levels_are_left_out(columns):
    table = columns[["number", "street", "day", "one", "sex", "age", "income"]]
    assert _chosen(table, kinds={"number": "count"}) == ("ols", "income ~ sex + age")


def test_a_response_that_is_computed_from_another_is_left_out(columns):
    table = columns[["sex", "age", "income", "in cents"]]
    model, formula = _chosen(table)
    response, _, right = formula.partition(" ~ ")
    assert model == "ols"
    assert not {response.strip("`"), *right.replace("`", "").split(" + ")} >= {"income", "in cents"}


def test_a_column_of_a_rule_is_left_out(columns):
    table = columns[["sex", "age", "income"]].assign(twice=2 * columns["age"])
    assert _chosen(table, passive={"twice": "age * 2"}) == ("ols", "income ~ sex + age")


def test_marks_are_no_measurement_and_rare_levels_no_response(columns):
    assert _chosen(columns[["rare", "marks", "sex"]]) == ("logit", "sex ~ rare + marks")


def test_few_rows_have_few_predictors(columns):
    table = columns[["sex", "age", "region", "income"]].iloc[:45]
    _, formula = _chosen(table)
    assert formula.count("+") == 0  # two coefficients at most for 45 rows


def test_odd_names_stand_in_backquotes_and_can_be_fitted(columns):
    table = columns[["sex", "age", "income"]].rename(columns={"age": "age in years"})
    copies = posynth.synthesize(table, m=2, seed=1)
    assert example_model(copies) == ("ols", "income ~ sex + `age in years`")
    assert posynth.pool(copies, *example_model(copies)).names[-1] == "age in years"


def test_there_may_be_none(columns):
    assert _chosen(columns[["age"]]) is None
