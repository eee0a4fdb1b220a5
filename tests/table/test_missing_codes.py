"""Declared and evident codes for missing values are read as missing, likely ones are told."""

import numpy as np
import pandas as pd
import pytest

from posynth.errors import TableError
from posynth.synthesizer import describe, specify
from posynth.table import decode_frame, encode, read_table, write_copy
from posynth.table.copy_file import read_copy
from posynth.table.frame import table_from_frame
from posynth.table.matching import match_table
from posynth.table.missing_codes import declared_codes, likely_codes

EVIDENT = ["?", "-", ".", "..", "--", "missing", "Missing", "None", "n/a", "N.A.", " ?", "- ", ".a"]


def written(tmp_path, cells, name="t.csv"):
    path = tmp_path / name
    lines = [f"{'abc'[i % 3]},{cell},{i * 7 % 11}" for i, cell in enumerate(cells)]
    path.write_text("\n".join(["g,x,y", *lines, ""]), encoding="utf-8")
    return path


def again(table):
    """Encode, decode and give the written cells of the second column."""
    arrays = {c.name: encode(c, table.frame[c.name]) for c in table.schema if c.kind.is_modelled}
    return decode_frame(table.schema, arrays)


def numbers(rows=30):
    return [f"{1000 + 37.25 * (i * 7 % 30):.2f}" for i in range(rows)]


@pytest.mark.parametrize("text", EVIDENT)
def test_texts_for_missing_beside_numbers_are_missing_and_said(tmp_path, text):
    cells = [text if i % 5 == 0 else cell for i, cell in enumerate(numbers())]
    table = read_table(written(tmp_path, cells))
    column = table.schema["x"]
    assert (column.kind.value, column.missing, column.decimals) == ("continuous", 6, 2)
    if text != "n/a":
        said = f"{text.strip()!r} (6 rows) beside numbers is read as missing"
        assert said in column.note
    write_copy(again(table), table.schema, table.source, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_bytes() == (tmp_path / "t.csv").read_bytes()
    pd.testing.assert_frame_equal(
        read_copy(tmp_path / "copy.csv", table.schema, table.source), table.frame
    )


def test_a_declared_kind_keeps_a_text_beside_numbers_as_a_level(tmp_path):
    path = written(tmp_path, ["-" if i % 5 == 0 else str(i % 3) for i in range(30)])
    column = read_table(path, kinds={"x": "nominal"}).schema["x"]
    assert (column.levels, column.missing) == (("-", "0", "1", "2"), 0)
    assert "--na x=- reads them as missing" in column.note
    frame = match_table(path, read_table(path, kinds={"x": "nominal"}).schema)
    assert frame["x"].isna().sum() == 0


@pytest.mark.parametrize("text", ["none", "unknown", "refused"])
def test_other_texts_beside_numbers_are_named_with_the_option(tmp_path, text):
    path = written(tmp_path, [text if i % 5 == 0 else c for i, c in enumerate(numbers())])
    note = read_table(path).schema["x"].note
    assert "24 of 30 values are numbers and 6 are not" in note
    assert f"--na x={text} reads them as missing" in note
    assert read_table(path, na={"x": text}).schema["x"].missing == 6


def test_a_remark_beside_numbers_is_not_repeated(tmp_path):
    cells = ["ask Ottoline" if i in (3, 9) else c for i, c in enumerate(numbers())]
    note = read_table(written(tmp_path, cells)).schema["x"].note
    assert "28 of 30 values are numbers and 2 are not" in note
    assert "Ottoline" not in note


def test_texts_for_missing_beside_labels_are_labels(tmp_path):
    table = read_table(written(tmp_path, ["None", "-", "yes"] * 10))
    assert table.schema["x"].levels == ("-", "None", "yes")


@pytest.mark.parametrize("code", [-9, "-9", " -9", -9.0])
@pytest.mark.parametrize("cell", ["-9", "-9.00", " -9"])
def test_a_number_is_a_code_by_its_value_and_blanks_do_not_defeat_it(tmp_path, code, cell):
    cells = [cell if i % 5 == 0 else c for i, c in enumerate(numbers())]
    table = read_table(written(tmp_path, cells), na={"x": [code]})
    column = table.schema["x"]
    assert (column.missing, column.missing_codes, column.missing_text) == (6, ("-9",), cell)
    assert "'-9' (6 rows) is read as missing, as declared" in column.note
    write_copy(again(table), table.schema, table.source, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_bytes() == (tmp_path / "t.csv").read_bytes()


def test_codes_of_every_column_and_of_one(tmp_path):
    cells = ["99" if i % 5 == 0 else str(i % 3) for i in range(30)]
    path = written(tmp_path, cells)
    everywhere = read_table(path, na=[99, "b"]).schema
    assert (everywhere["x"].missing, everywhere["g"].missing, everywhere["y"].missing) == (6, 10, 0)
    one = read_table(path, na={"x": 99, "": "c"}).schema
    assert (one["x"].missing, one["g"].missing) == (6, 10)
    assert one["x"].missing_codes == ("c", "99")


def test_several_codes_are_missing_and_copies_write_the_commonest(tmp_path):
    cells = {0: "-9", 1: "-8", 5: "-9"}
    path = written(tmp_path, [cells.get(i % 10, c) for i, c in enumerate(numbers())])
    table = read_table(path, na={"x": [-9, -8]})
    assert table.schema["x"].missing == 9
    assert np.nanmin(table.frame["x"]) >= 1000


def test_codes_in_data_frames():
    df = pd.DataFrame(
        {
            "n": [-9, 1, 2, 3, 4] * 6,
            "t": ["refused", "a", "b", " refused", "a"] * 6,
            "c": pd.Categorical(["dk", "lo", "hi"] * 10, ["lo", "hi", "dk"], ordered=True),
            "i": pd.array([1, 2, 99] * 10, dtype="Int64"),
        }
    )
    table = table_from_frame(df, na={"n": -9, "t": "refused", "c": "dk", "i": 99})
    assert [c.missing for c in table.schema] == [6, 12, 10, 10]
    assert table.schema["c"].levels == ("lo", "hi")
    assert str(table.frame["i"].dtype) == "Int64"
    assert describe(df, na=[-9]).loc["n", "missing"] == 6
    assert df["n"].min() == -9
    chain = specify(df, na={"n": -9})
    assert chain["n"].model(df)["y"].eval().size == 24  # the raw frame is read alike


def test_codes_that_are_in_no_row_are_named(tmp_path):
    path = written(tmp_path, ["-9" if i % 5 == 0 else c for i, c in enumerate(numbers())])
    notes = ("na: no value of any column is '77'", "na: no value of 'x' is '-8'")
    na = {"": [77, "c"], "x": [-9, -8]}
    table = read_table(path, na=na)
    assert table.notes == notes
    assert table_from_frame(pd.read_csv(path), na=na).notes == notes
    assert specify(path, na={"x": -9}).notes == ()


def test_days_in_data_frames_can_be_codes():
    days = pd.to_datetime(["2020-01-01", "9999-12-31", "2020-03-05", "2021-07-08"] * 6)
    table = table_from_frame(pd.DataFrame({"d": days}), na="9999-12-31")
    assert (table.schema["d"].kind.value, table.schema["d"].missing) == ("date", 6)


def test_a_table_is_matched_with_the_codes_of_its_schema(tmp_path):
    cells = ["-9" if i % 5 == 0 else c for i, c in enumerate(numbers())]
    path = written(tmp_path, cells)
    table = read_table(path, na={"x": -9})
    pd.testing.assert_frame_equal(match_table(path, table.schema, source=table.source), table.frame)
    raw = pd.read_csv(path)
    assert match_table(raw, table.schema)["x"].isna().sum() == 6


@pytest.mark.parametrize(
    ("na", "match"),
    [
        ({"z": -9}, "na: unknown column 'z'; allowed: "),
        ({"x": [True]}, r"na, column 'x': the code True is of type bool; give texts or numbers"),
        (object(), "na: the code <object .* is of type object"),
    ],
)
def test_codes_that_cannot_be(tmp_path, na, match):
    with pytest.raises(TableError, match=match):
        read_table(written(tmp_path, numbers()), na=na)


def test_a_table_that_was_read_without_a_code_is_refused(tmp_path):
    table = read_table(written(tmp_path, numbers()), na={"x": -9})
    assert specify(table, na={"x": -9}).schema["x"].missing_codes == ("-9",)
    with pytest.raises(TableError, match=r"column 'x' was read without the code '-8'; give it"):
        specify(table, na={"x": [-9, -8]})


@pytest.mark.parametrize(
    ("values", "rows", "found"),
    [
        ([-9, 0, 1, 2], [12, 50, 40, 9], [-9]),
        ([-9, -8, 18, 40, 61, 90], [5, 3, 9, 30, 30, 4], [-9, -8]),
        ([0, 1, 2, 7, 98, 99], [40, 50, 20, 2, 3, 8], [98, 99]),
        ([1, 2, 3, 999], [9, 9, 9, 3], [999]),
        ([1, 2, 3, 999], [9, 9, 9, 2], []),  # two rows are not several
        ([18, 40, 70, 88, 95, 99], [4, 30, 20, 9, 5, 3], []),  # an age
        ([-3, -2, -1, 0, 1, 2, 3], [9, 9, 9, 9, 9, 9, 9], []),  # a scale around 0
        ([1, 2, 3, 99, 120], [9, 9, 9, 9, 9], []),  # not at the end
        ([99, 100, 150, 200], [9, 9, 9, 9], []),  # a price
    ],
)
def test_likely_codes(values, rows, found):
    result = likely_codes(np.array(values, dtype=float), np.array(rows))
    assert [number for number, _ in result] == found


def test_random_tables_have_no_likely_codes():
    """Normal, skewed, count and rating columns: none of 400 has a number that looks like a code."""
    rng = np.random.default_rng(5)
    for rows in (60, 500):
        for _ in range(50):
            for column in (
                rng.normal(50, 20, rows).round(0),
                rng.lognormal(4, 1, rows).round(0),
                rng.poisson(3, rows),
                rng.integers(1, 8, rows),
            ):
                values, counts = np.unique(column.astype(float), return_counts=True)
                assert likely_codes(values, counts) == []


def test_a_likely_code_is_only_told(tmp_path):
    path = written(tmp_path, ["99" if i % 5 == 0 else str(i % 4) for i in range(30)])
    column = read_table(path).schema["x"]
    assert (column.missing, column.kind.value) == (0, "count")
    assert "99 (6 rows) looks like a code for missing: --na x=99 reads it as that" in column.note
    assert "looks like" not in read_table(path, na={"x": 99}).schema["x"].note


def test_codes_are_read_from_what_is_declared():
    assert declared_codes({"": "?", "x": (-9, 2.5)}).of("x") == ("?", "-9", "2.5")
    assert declared_codes(None).of("x") == ()
    assert declared_codes("").of("x") == ()


def test_cases_with_texts_for_missing(cases):
    for name in ("f09_question.csv", "f15_miss_dash.csv", "f15_miss_missing.csv"):
        schema = read_table(cases / "formats" / name).schema
        assert [c.kind.value for c in schema] == ["nominal", "continuous", "count", "continuous"]
        assert (schema["inkomen"].missing, schema["kinderen"].missing) == (11, 18)
    schema = read_table(cases / "formats" / "f15_miss_n99.csv").schema
    assert "--na inkomen=99" in schema["inkomen"].note
    assert "--na kinderen=99" in schema["kinderen"].note
