"""Copies are read back exactly as they were, and other tables are matched or refused."""

import numpy as np
import pandas as pd
import pytest

from posynth.errors import TableError
from posynth.table.copy_file import read_copy
from posynth.table.frame import table_from_frame
from posynth.table.io import read_table, write_copy
from posynth.table.matching import match_table

ROWS = 24


@pytest.fixture
def everything():
    """A table with every storage a copy can have; identifiers already hold placeholders."""
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=ROWS)
    return pd.DataFrame(
        {
            "whole": rng.integers(0, 90, ROWS),
            "holes": pd.Series(np.where(np.arange(ROWS) % 5, numbers.round(2), np.nan)),
            "exact": numbers,
            "nullable": pd.Series([*range(ROWS - 1), None], dtype="Int64"),
            "flag": [True, False] * (ROWS // 2),
            "maybe": pd.Series([True, False, None] * (ROWS // 3), dtype="boolean"),
            "label": ['a,"b"', "c;d", "é"] * (ROWS // 3),
            "gaps": pd.Series(["u", None, "NA!"] * (ROWS // 3), dtype="str"),
            "category": pd.Categorical(
                ["lo", "hi"] * (ROWS // 2), ["lo", "mid", "hi"], ordered=True
            ),
            "day": pd.date_range("2020-02-27", periods=ROWS, freq="D"),
            "same": ["x"] * ROWS,
        }
    )


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_copy_is_read_as_it_was(everything, tmp_path, ending):
    table = table_from_frame(everything, kinds={"nullable": "count"})
    path = tmp_path / f"copy-1.{ending}"
    write_copy(table.frame, table.schema, table.source, path, ending)
    pd.testing.assert_frame_equal(read_copy(path, table.schema, table.source), table.frame)


@pytest.mark.parametrize("decimal", [",", "."])
def test_a_copy_is_read_in_the_dialect_of_its_source(tmp_path, decimal):
    lines = [f"{i * 7 % 11};{i}{decimal}50;{'ja' if i % 2 else 'nein'};NA" for i in range(12)]
    source = tmp_path / "source.csv"
    source.write_text("\n".join(["n;x;antwort;leer", *lines]), encoding="latin-1")
    table = read_table(source)
    path = tmp_path / "copy-1.csv"
    write_copy(table.frame, table.schema, table.source, path)
    pd.testing.assert_frame_equal(read_copy(path, table.schema, table.source), table.frame)


def test_a_level_that_a_copy_lacks_stays_a_level(tmp_path):
    frame = pd.DataFrame({"x": pd.Categorical(["a", "b"] * 8)})
    table = table_from_frame(frame)
    path = tmp_path / "copy-1.csv"
    write_copy(frame.iloc[::2], table.schema, table.source, path)
    back = read_copy(path, table.schema, table.source)
    assert len(back) == 8
    assert back["x"].cat.categories.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y\n1,a\n2,z\n", "column 'y': 'z' is not one of its levels 'a', 'b'"),
        ("x,y\n1,a\ninf,b\n", "column 'x': 'inf' is not a count value"),
        ("x\n1\n", "unknown column 'y'; allowed: 'x'"),
        ("y,x\na,1\n", "columns ['y', 'x'] are not those of the schema, ['x', 'y']"),
        ("x,y\n1\n", "rows have 1 to 1 fields, not 2"),
    ],
)
def test_an_edited_copy_is_refused_with_its_place(tmp_path, text, said):
    table = table_from_frame(pd.DataFrame({"x": [*range(9), 3], "y": list("ab") * 5}))
    path = tmp_path / "copy-1.csv"
    path.write_text(text)
    with pytest.raises(TableError) as caught:
        read_copy(path, table.schema, table.source)
    assert str(caught.value).startswith(f"copy-1.csv: {said}")
    assert "write it again with `posynth draw`" in str(caught.value)


def test_a_table_that_lacks_a_column_is_refused_by_name(tmp_path, heart):
    schema = table_from_frame(heart).schema
    path = tmp_path / "other.csv"
    heart.drop(columns="sex").to_csv(path, index=False)
    with pytest.raises(TableError, match=r"other.csv: there is no column 'sex', which the copies"):
        match_table(path, schema)


def test_a_table_with_another_level_is_refused_with_the_next_step(heart):
    schema = table_from_frame(heart).schema
    other = heart.assign(sex=heart["sex"].where(heart.index != 3, "Unknown"))
    with pytest.raises(TableError, match=r"the data: column 'sex': 'Unknown' .1 rows. .* give tha"):
        match_table(other, schema)


def test_a_table_with_words_among_numbers_is_refused(heart):
    schema = table_from_frame(heart).schema
    other = heart.assign(platelets=heart["platelets"].astype(str).where(heart.index != 3, "many"))
    with pytest.raises(TableError, match=r"column 'platelets' cannot be 'continuous'"):
        match_table(other, schema)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="sex"), "give it the columns of the table that was synth"),
        (lambda t: t.assign(sex="Unknown"), "'Unknown' .* a holdout has rows of the same popul"),
        (lambda t: t[:5], "it has 5 rows; at least 10 are needed to compare .* hold more rows"),
        (lambda t: t[:0], "it has (0|no) rows; at least 10 are needed to compare"),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_a_holdout_is_not_told_to_be_the_source(heart, tmp_path, change, said, in_file):
    schema, held = table_from_frame(heart).schema, change(heart)
    if in_file:
        held.to_csv(tmp_path / "held.csv", index=False)
        held, said = tmp_path / "held.csv", f"^the holdout held.csv: .*{said}"
    with pytest.raises(TableError, match=said) as caught:
        match_table(held, schema, holdout=True)
    assert str(caught.value).startswith("the holdout")
    assert "synthesise this one" not in str(caught.value) and "a copy of" not in str(caught.value)


def test_a_source_of_few_rows_is_told_how_many_there_were(heart):
    said = "the data: it has 1 row, but the copies were made from 299; give the table that was"
    with pytest.raises(TableError, match=said):
        match_table(heart[:1], table_from_frame(heart).schema)


def test_a_holdout_may_have_fewer_levels_and_more_columns(heart):
    schema = table_from_frame(heart[["sex", "age"]]).schema
    found = match_table(heart[heart["sex"] == "Male"], schema)
    assert list(found.columns) == ["sex", "age"]
