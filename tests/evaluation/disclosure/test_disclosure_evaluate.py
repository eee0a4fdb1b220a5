"""The whole room at once: order, secrecy of the results, pictures, examples and speed."""

import doctest
import importlib
import json
import pkgutil
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth.evaluation.disclosure as room
from posynth.errors import MeasureError
from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure import (
    attribution,
    distance,
    evaluate_disclosure,
    plots,
)
from posynth.table.schema import Column, Kind, Schema

MODULES = [f"{room.__name__}.{module.name}" for module in pkgutil.iter_modules(room.__path__)]


def with_holdout(six):
    return replace(six, holdout=six.original.iloc[[0, 2, 3, 5]])


def test_every_measure_is_there_in_order(six, rng):
    steps = []
    results = evaluate_disclosure(
        with_holdout(six),
        ["sex", "age"],
        "ill",
        rng=rng,
        progress=lambda step, done, total: steps.append((step, done, total)),
    )
    assert [r.measure for r in results] == [
        *["UiO", "UiS", "UiOiS", "repU", "replicated.uniques"],
        *["Dorig", "Dsyn", "iS", "DiS", "DiSCO", "DiSDiO"],
        *["baseCAPd", "CAPd", "CAPs", "DCAP", "TCAP", "check_1way", "check_2way"],
        *["copied rows", "DCR", "NNDR", "DCR share"],
        *["MIA AUC", "MIA advantage"] * 2,
    ]
    assert [done for _, done, _ in steps] == list(range(len(steps)))
    assert steps[-1] == ("done", len(steps) - 1, len(steps) - 1)


def test_a_table_without_any_column_to_stand_in_for_a_key_is_measured_all_the_same(rng):
    columns = tuple(Column(name, Kind.CONTINUOUS, "float64") for name in "xy")
    tables = [pd.DataFrame(rng.standard_normal((60, 2)), columns=list("xy")) for _ in range(2)]
    comparison = Comparison(tables[0], (tables[1],), Schema(columns, rows=60))
    results = evaluate_disclosure(comparison, rng=rng)
    assert {"replicated.uniques", "copied rows", "DCR"} <= {r.measure for r in results}
    assert not {"UiO", "DiSCO"} & {r.measure for r in results}
    with pytest.raises(MeasureError, match="no column qualifies as a key by default; name the ke"):
        evaluate_disclosure(comparison, target="x", rng=rng)


def test_targets_default_to_what_is_no_key_and_keys_to_what_is_no_target(six, rng):
    def targets(results):
        return {r.subject for r in results if r.measure == "DiSCO"}

    assert targets(evaluate_disclosure(six, ["sex"], rng=rng)) == {"sex -> age", "sex -> ill"}
    assert targets(evaluate_disclosure(six, target="sex", rng=rng)) == {"ill -> sex"}
    assert targets(evaluate_disclosure(six, ["sex"], ["ill"], rng=rng)) == {"sex -> ill"}


def test_results_say_whether_their_keys_were_named(six, rng):
    def defaults(keys):
        results = evaluate_disclosure(six, keys, "ill", rng=rng)
        return {r.details["default_keys"] for r in results if "default_keys" in r.details}

    assert defaults(None) == {True}
    assert defaults(["sex"]) == {False}


def test_every_storage_a_table_can_have_is_compared(rng):
    n = 30
    moments = pd.Series(pd.date_range("2020-01-01", periods=n, freq="D", tz="Europe/Berlin"))
    table = pd.DataFrame(
        {
            "flag": pd.Series([True, False, None] * 10, dtype="boolean"),
            "bool": [True, False] * 15,
            "many": pd.Series([*range(n - 1), None], dtype="Int64"),
            "when": moments.where(moments.dt.day != 3),
            "kind": pd.Categorical(["a", "b", None] * 10, categories=["a", "b", "c"]),
            "text": pd.Series(["u", None, "w"] * 10, dtype="string"),
            "empty": np.full(n, np.nan),
            "code": pd.Series([1, 2, 3] * 10, dtype="category"),
        }
    )
    kinds = [Kind.BINARY, Kind.BINARY, Kind.COUNT, Kind.DATE, *[Kind.NOMINAL] * 2]
    kinds += [Kind.CONTINUOUS, Kind.NOMINAL]
    columns = tuple(
        Column(name, kind, str(table[name].dtype), (0, 1) if kind.is_categorical else ())
        for name, kind in zip(table, kinds, strict=True)
    )
    doubled = table.set_axis([0] * n)  # labels of rows do not matter
    tables = Comparison(table, (doubled, table.iloc[:1]), Schema(columns, n), holdout=table)
    results = {r.measure: r for r in evaluate_disclosure(tables, target="text", rng=rng)}
    assert results["copied rows"].details["copied"] == [n, 1]
    assert results["DCR"].details["zero"] == [n, 1]
    assert results["DCR share"].value == 0.5
    assert results["UiO"].subject == "flag:bool:kind:code"


def test_errors_come_before_the_first_measure(six, rng):
    steps = []
    with pytest.raises(MeasureError, match="target 'sex' is among the keys"):
        evaluate_disclosure(
            six, ["sex"], ["ill", "sex"], rng=rng, progress=lambda *step: steps.append(step)
        )
    with pytest.raises(MeasureError, match="unknown column 'il'"):
        evaluate_disclosure(six, ["sex"], "il", rng=rng)
    assert steps == []


def test_no_result_repeats_a_confidential_value(population, mixed_schema, rng):
    # Levels and numbers that cannot be mistaken for a count or a share.
    table = population(60, rng)
    table["group"] = table["group"].map({"a": "SECRETONE", "b": "SECRETTWO"})
    table["x"] = table["x"] + 987654
    columns = tuple(
        replace(column, levels=("SECRETONE", "SECRETTWO")) if column.levels else column
        for column in mixed_schema
    )
    tables = Comparison(table, (table, table), Schema(columns, 60), holdout=table.iloc[:30])
    results = evaluate_disclosure(tables, ["group"], rng=rng)
    written = json.dumps([r.to_dict() for r in results])
    assert "SECRET" not in written
    assert "98765" not in written
    assert not any(r.details.get("private") for r in results)


def test_results_computed_row_by_row_say_so(six, rng):
    results = evaluate_disclosure(with_holdout(six), ["sex"], "ill", rng=rng)
    marked = {r.measure for r in results if r.details.get("row_level")}
    assert marked == {"copied rows", "DCR", "NNDR", "DCR share", "MIA AUC", "MIA advantage"}


def test_every_text_says_what_is_not_guaranteed(six, rng):
    limits = ("bounds no other attack", "no proof of safety", "do not mean", "one person's row")
    for result in evaluate_disclosure(with_holdout(six), ["sex"], "ill", rng=rng):
        assert any(limit in result.text for limit in (*limits, "can do better")), result.measure


def test_attribution_picture_shows_both_values_of_each_target(six):
    results = [*attribution.measure(six, ["sex"], "ill"), *attribution.measure(six, ["sex"], "age")]
    axes = plots.plot_attribution(results).axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert set(labels) == {"ill", "age"}
    disco = {r.subject: r.value for r in results if r.measure == "DiSCO"}
    drawn = axes.collections[-1].get_offsets()[:, 0]
    assert drawn.tolist() == [disco[f"sex -> {label}"] for label in labels]
    with pytest.raises(MeasureError, match="no Dorig and DiSCO of the same keys"):
        plots.plot_attribution([])


def test_distance_picture_has_one_curve_a_copy_and_one_for_a_fresh_sample(six):
    tables = replace(six, copies=six.copies * 3)
    found = distance.distances(tables, rng=np.random.default_rng(1))
    axes = plots.plot_distances(found).axes[0]
    assert len(axes.lines) == 4
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "copies",
        "fresh sample (leave one out)",
    ]


def test_attack_picture_runs_from_corner_to_corner():
    axes = plots.plot_attack(np.array([3.0, 2.0, 1.0]), np.array([0.0, 2.0])).axes[0]
    curve = axes.lines[1].get_xydata()
    # Thresholds 3, 2, 1, 0 by hand: false and true positive rates.
    assert curve == pytest.approx(np.array([[0, 0], [0, 1 / 3], [0.5, 2 / 3], [0.5, 1], [1, 1]]))


@pytest.mark.parametrize("name", [room.__name__, *MODULES])
def test_examples_in_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.slow
def test_five_copies_of_5000_rows_take_seconds(shared_data):
    table = pd.read_csv(shared_data("sd2011_12.csv"))
    columns = tuple(
        Column(name, Kind.CONTINUOUS, str(values.dtype))
        if pd.api.types.is_numeric_dtype(values)
        else Column(name, Kind.NOMINAL, "str", tuple(sorted(values.dropna().unique())))
        for name, values in table.items()
    )
    copies = tuple(table.sample(frac=1, replace=True, random_state=i) for i in range(5))
    tables = Comparison(table, copies, Schema(columns, len(table)))
    start = time.perf_counter()
    evaluate_disclosure(tables, rng=np.random.default_rng(1))
    assert time.perf_counter() - start < 10
