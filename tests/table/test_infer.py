"""Kinds are guessed by stated rules, explained, and can be declared instead."""

import json

import numpy as np
import pandas as pd
import pytest
import tomlkit

from posynth.errors import SpecError, TableError
from posynth.table import Column, Kind, Schema, read_table, table_from_frame
from posynth.table.cells import field_from_cells

N = 60
RNG = np.random.default_rng(11)


def column_of(values, name="x", **kinds):
    return table_from_frame(pd.DataFrame({name: values}), kinds=kinds or None).schema[name]


GUESSES = {
    "binary numbers": ("x", [0, 1] * 30, "binary", "two distinct values"),
    "binary text": ("x", ["yes", "no"] * 30, "binary", "two distinct values"),
    "count": ("x", RNG.integers(0, 9, N), "count", "integers of 0 or more"),
    "negative": ("x", RNG.integers(-9, 9, N), "continuous", "integers, some below 0"),
    "distinct floats": ("x", RNG.normal(size=N), "continuous", "numbers with decimals"),
    "sorted floats": ("id", np.arange(N) + 0.5, "continuous", "numbers with decimals"),
    "row number": ("x", np.arange(N), "identifier", "rise or fall from row to row"),
    "falling": ("x", np.arange(N)[::-1], "identifier", "kinds={'x': 'count'} models it"),
    "named key": ("patient_id", RNG.permutation(N), "identifier", "a name that suggests a key"),
    "camel key": ("caseID", RNG.permutation(N), "identifier", "a name that suggests a key"),
    "distinct": ("x", RNG.permutation(N), "count", "integers of 0 or more"),
    "repeated key": ("ID", RNG.integers(0, 9, N), "count", "the name suggests a key"),
    "long": ("x", 10**16 + RNG.integers(0, 9, N), "identifier", "more than 15 digits are keys"),
    "labels": ("x", list("abc") * 20, "nominal", "3 levels"),
    "keys": ("x", [f"k{i}" for i in range(N)], "identifier", "key-like: 60 distinct values in 60"),
    "text": ("x", [f"this is note {i}" for i in range(N)], "text", "free text: 60 distinct values"),
    "long labels": (
        "x",
        ["it is one level", "it is two level", "three"] * 20,
        "nominal",
        "3 levels",
    ),
    "one": ("x", [5] * N, "constant", "one distinct value"),
    "none": ("x", [None] * N, "constant", "every value is missing"),
    "many": (
        "x",
        [f"k{i % 101}" for i in range(500)],
        "identifier",
        "too many levels to model: 101",
    ),
    "ambiguous": (
        "x",
        [f"0{1 + i % 9}/05/20{10 + i}" for i in range(N)],
        "identifier",
        "day and month cannot be told apart",
    ),
}


@pytest.mark.parametrize("name", GUESSES)
def test_guess(name):
    column_name, values, kind, note = GUESSES[name]
    column = column_of(values, column_name)
    assert column.kind == kind
    assert note in column.note


def test_levels_are_plain_and_in_a_stable_order():
    assert column_of(["b", "a", "Z"] * 20).levels == ("Z", "a", "b")
    levels = column_of(np.array([3, 1, 2] * 20), x="nominal").levels
    assert levels == (1, 2, 3)
    assert {type(level) for level in levels} == {int}
    assert column_of(pd.Series([True, False] * 30)).levels == (False, True)


def test_missing_is_counted():
    column = column_of([1.5, None, 2.5] * 20)
    assert column.missing == 20
    assert "20 of 60 values are missing" in column.note


def test_constant_with_gaps_says_that_they_are_lost():
    column = column_of(["yes", None] * 30)
    assert column.kind == "constant"
    assert column.levels == ("yes",)
    assert "copies hold the value in every row" in column.note


@pytest.mark.parametrize(
    ("cells", "facts"),
    [
        (["1.50", "2.25"], (2, True, 2)),
        (["1.5", "2.25"], (2, False, 1)),
        (["1", "2.25"], (2, False, 0)),
        (["1.0", "2.0"], (0, False, 1)),
        (["1", "2"], (0, False, 0)),
        (["1e+05", "2"], (0, False, 0)),
        (["0.1234567890123", "2.5"], (None, False, 1)),
    ],
)
def test_decimals_are_those_of_the_text(cells, facts):
    field = field_from_cells("x", cells, ".", is_label=False, wanted=None)
    assert (field.decimals, field.padded, field.min_decimals) == facts


@pytest.mark.parametrize(
    "marker", ["", "NA", "NaN", "nan", "N/A", "n/a", "NULL", "null", "#N/A", "<NA>", "."]
)
def test_missing_markers(marker):
    field = field_from_cells(
        "x", ["1", marker, marker, "NA", "2"], ".", is_label=False, wanted=None
    )
    assert field.missing_text == marker
    assert field.values.isna().sum() == 3


def test_dot_is_a_label_among_labels():
    field = field_from_cells("x", ["a", ".", "b"], ".", is_label=False, wanted=None)
    assert field.values.tolist() == ["a", ".", "b"]


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["1", "2", "refused"], "2 of 3 values are numbers and 1 are not"),
        (["007", "12"], "numbers with leading zeros are read as labels"),
        (["1,200", "3,400"], "--decimal , or --thousands , reads them"),
        (["5%", "7"], "look like numbers, with currency or percent signs in some rows only"),
    ],
)
def test_text_that_holds_numbers_says_so(cells, note):
    field = field_from_cells("x", cells, ".", is_label=False, wanted=None)
    assert field.storage == "text"
    assert note in field.note


def test_kinds_can_be_declared(shared_data):
    table = read_table(
        shared_data("pbc.csv"), kinds={"status": "nominal", "stage": "ordinal", "id": "count"}
    )
    assert table.schema["status"].levels == (0, 1, 2)
    assert table.schema["stage"].levels == (1, 2, 3, 4)
    assert table.schema["stage"].ordered
    assert table.schema["id"].kind == "count"
    assert table.schema["id"].note == "declared count; lower bound 1 (no value is 0 or below)"


def test_declared_number_reads_through_quotes_and_zeros(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "".join(f'"{i % 7}",{i % 5}\n' for i in range(20)))
    assert read_table(path).schema["x"].kind == "nominal"
    assert read_table(path, kinds={"x": "count"}).schema["x"].dtype == "int64"


BAD_KINDS = {
    "column": ({"y": "count"}, "kinds: unknown column 'y'; allowed: 'x'"),
    "kind": ({"x": "nominl"}, "kinds, column 'x': unknown kind 'nominl'.*Did you mean 'nominal'"),
}


@pytest.mark.parametrize("name", BAD_KINDS)
def test_unknown_declaration(name):
    kinds, match = BAD_KINDS[name]
    with pytest.raises(TableError, match=match):
        table_from_frame(pd.DataFrame({"x": range(20)}), kinds=kinds)


UNFIT = [
    (["a", "b", "c"], "continuous", "stored as text, not as numbers; declare one of 'nominal'"),
    (
        [0.5, -1.0, 2.0],
        "count",
        "40 rows hold fractions|20 rows hold fractions and 20 hold numbers",
    ),
    ([1, 2, 3], "binary", "it has 3 distinct values, not 2; declare one of .*'continuous'"),
    ([1, 2, 3], "date", "no single date format fits"),
    (["a", "b", "c"], "constant", "it has 3 distinct values"),
    ([7, 7, 7], "nominal", "it has 1 distinct values, at least 2 are needed"),
    ([None, None, None], "continuous", "every value is missing"),
    ([10**16, 10**16 + 1, 10**16 + 2], "count", "more than 15 digits, which no model"),
]


@pytest.mark.parametrize(("values", "kind", "match"), UNFIT)
def test_declared_kind_must_suit_the_values(values, kind, match):
    with pytest.raises(TableError, match=f"^column 'x' cannot be '{kind}': .*({match})"):
        column_of(values * 20, x=kind)


def test_ordinal_text_warns_of_its_order():
    assert (
        "levels stand in the order of their text"
        in column_of(["lo", "mid", "hi"] * 20, x="ordinal").note
    )


def test_schema_survives_json_and_toml():
    columns = (
        Column("b", Kind.BINARY, "bool", levels=(False, True)),
        Column("i", Kind.NOMINAL, "int64", levels=(0, 1, 2), decimals=0),
        Column("f", Kind.NOMINAL, "float64", levels=(0.0, 1.5, 2.0), decimals=1),
        Column("s", Kind.ORDINAL, "category", levels=("lo", "hi"), ordered=True, missing=3),
        Column("x", Kind.CONTINUOUS, "float64", decimals=2, padded=True, min_decimals=2),
        Column("c", Kind.CONSTANT, "float64"),
    )
    schema = Schema(columns, rows=20)
    for text, load in (
        (json.dumps(schema.to_dict()), json.loads),
        (tomlkit.dumps(schema.to_dict()), tomlkit.parse),
    ):
        again = Schema.from_dict(load(text))
        assert again == schema
        for old, new in zip(schema, again, strict=True):
            assert [type(level) for level in new.levels] == [type(level) for level in old.levels]


def test_every_development_schema_survives(shared_data):
    schema = read_table(shared_data("SD2011.csv")).schema
    assert Schema.from_dict(tomlkit.parse(tomlkit.dumps(schema.to_dict()))) == schema


def test_broken_schema_is_refused_in_words():
    with pytest.raises(TableError, match="schema: field 'rows' is missing"):
        Schema.from_dict({"columns": []})
    with pytest.raises(TableError, match="schema column 'x': field 'dtype' is missing; add it"):
        Schema.from_dict({"rows": 1, "columns": [{"name": "x", "kind": "count"}]})
    with pytest.raises(TableError, match=r"schema column 'x': unknown field 'leves'.*'levels'"):
        Schema.from_dict({"rows": 1, "columns": [{"name": "x", "leves": []}]})
    with pytest.raises(TableError, match="schema column 'x': unknown kind 'cont'"):
        Schema.from_dict({"rows": 1, "columns": [{"name": "x", "kind": "cont", "dtype": "str"}]})
    with pytest.raises(SpecError, match="kind 'nominal' needs at least 2 levels, found 0"):
        Column("x", Kind.NOMINAL, "str")
