"""Combinations of two columns that copies hold and the original does not, and rules of a chain."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.evaluation.base import Comparison
from posynth.evaluation.utility import combinations, kept_rules
from posynth.table.schema import Column, Kind, Schema

SCHEMA = Schema(
    (
        Column("sex", Kind.BINARY, "str", levels=("f", "m")),
        Column("born", Kind.NOMINAL, "str", levels=("no", "one", "two")),
        Column("age", Kind.COUNT, "float64", decimals=0),
    ),
    400,
)


def _table(rng, men=0.0, n=400):
    sex = rng.choice(["f", "m"], n)
    given = np.where(sex == "f", 0.6, men)
    born = np.where(rng.random(n) < given, rng.choice(["one", "two"], n), "no")
    age = np.where(sex == "f", rng.integers(20, 60, n), np.nan)
    return pd.DataFrame({"sex": sex, "born": born, "age": age})


def test_new_combinations_are_counted_named_and_given_a_rule(rng):
    copies = tuple(_table(rng, men=0.1) for _ in range(3))
    whole, pair, *_ = combinations.measure(Comparison(_table(rng), copies, SCHEMA))
    new = [100 * ((c.sex == "m") & (c.born != "no")).mean() for c in copies]
    assert pair.subject == "sex:born" and pair.passed is False
    assert pair.details["per_copy"] == pytest.approx(new)
    assert whole.value == pytest.approx(np.mean(new)) and whole.subject == ""
    first = pair.details["combinations"][0]
    assert first["levels"][0] == "m" and first["rows"] > 2 and first["independent"] > 20
    assert f"\"born != '{first['levels'][1]}' if sex == 'm'\"" in pair.text


def test_missing_values_are_levels_and_numbers_are_missing_or_not(rng):
    wrong = _table(rng).assign(age=33.0)
    found = {r.subject: r for r in combinations.measure(Comparison(_table(rng), (wrong,), SCHEMA))}
    assert found["sex:age"].value == pytest.approx(100 * (wrong.sex == "m").mean())
    assert "\"age is missing if sex == 'm'\"" in found["sex:age"].text


def test_few_numbers_are_looked_at_one_by_one(rng):
    """A number that never occurs beside a level was not listed: only levels were."""
    columns = (
        Column("g", Kind.NOMINAL, "str", levels=("a", "b", "c")),
        Column("h", Kind.COUNT, "int64", decimals=0),
    )
    g = rng.choice(list("abc"), 600)
    h = rng.integers(1, 4, 600)
    real = pd.DataFrame({"g": g, "h": np.where((g == "a") & (h == 2), 1, h)})
    fake = pd.DataFrame({"g": g, "h": np.where(g == "b", 4, h)})
    _, pair = combinations.measure(Comparison(real, (fake,), Schema(columns, 600)))
    assert not pair.passed
    named = {tuple(each["levels"]) for each in pair.details["combinations"]}
    assert named == {("a", "2"), ("b", "4")}
    assert "\"h != 4 if g == 'b'\"" in pair.text
    turned = combinations.measure(Comparison(real, (fake,), Schema(columns[::-1], 600)))[1]
    assert "\"g != 'b' if h == 4\"" in turned.text


def test_a_fresh_sample_of_sparse_columns_passes_and_chance_is_as_said():
    """Columns of many levels have new combinations by chance: as many as leave one out says."""
    rng = np.random.default_rng(3)
    columns = tuple(
        Column(n, Kind.NOMINAL, "str", levels=tuple(f"{n}{k}" for k in range(25))) for n in "ab"
    )
    failed, off = 0, []
    for _ in range(200):
        real, fake = (
            pd.DataFrame({n: [f"{n}{k}" for k in rng.integers(0, 25, 500)] for n in "ab"})
            for _ in range(2)
        )
        whole = combinations.measure(Comparison(real, (fake,), Schema(columns, 500)))[0]
        failed += whole.passed is False
        off.append(whole.value - whole.details["expected"])
    assert abs(np.mean(off)) < 3 * np.std(off) / 200**0.5 + 0.2  # leave one out has one row fewer
    assert failed <= 8  # 1 % of 200 is 2, with a standard error of 1.4


def test_rows_against_rules_are_counted(rng):
    table = _table(rng)
    copies = posynth.synthesize(table, m=2, seed=1)
    results = kept_rules.measure(posynth.lay_beside(copies, table), copies.posterior)
    assert {r.subject for r in results} == {"born", "age"} and all(r.passed for r in results)
    spoilt = tuple(copy.assign(age=30.0) for copy in copies)
    comparison = Comparison(table, spoilt, copies.posterior.schema)
    worst = {r.subject: r for r in kept_rules.measure(comparison, copies.posterior)}["age"]
    assert worst.value == np.mean([(c.sex == "m").sum() for c in spoilt]) and worst.passed is False


def test_evaluate_says_both(rng):
    table = _table(rng)
    found = posynth.evaluate(posynth.synthesize(table, m=2, seed=1), table)
    assert [r.passed for r in found.select("rows against rules")] == [True, True]
    assert found.select("new combinations")[0].passed
