"""Reading refuses in words; writing is atomic."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from posynth.errors import TableError
from posynth.table import Source, read_table, table_from_frame, write_copy

ROWS = "1.5,a\n2.5,b\n3.5,a\n4.5,c\n" * 4

BAD = {
    "header_only": (b"x,y\n", "has a header but no rows; at least 10 are needed"),
    "blank": (b"\n \n", "the file is empty"),
    "no_name": (b"x,,z\n1,2,3\n", "column 2 has no name in line 1; name it"),
    "row_names": (b'"","x"\n"1",2\n', "column 1 has no name in line 1.*row names are no column"),
    "repeated": (b"x,y,x\n1,2,3\n", "column name 'x' stands at positions 1, 3"),
    "hint": (b"sep=;\nx;y\n1;2\n", "line 1 is a spreadsheet's hint 'sep='; remove it"),
    "infinite": (b"x,y\n" + b"inf,1\n-inf,2\n" * 6, "column 'x' holds inf in 6 of 12 rows"),
    "short": (b"x,y\n1,2\n3\n", "line 3 has 1 fields, the header has 2; mend the line"),
    "nul": (b"x,y\n1,\x00\n", "byte 7 is NUL, so this is no text; save as CSV"),
    "utf16": ("x,y\n1,2\n".encode("utf-16"), "the file is UTF-16 text; save it as CSV in UTF-8"),
    "zip": (b"PK\x03\x04rest", "the file is a spreadsheet or zip archive; save it as CSV"),
    "control": (b"x,y\n1,\x81\n", "line 2 is neither UTF-8 nor latin-1 text .*0x81.*UTF-8"),
    "quote": (b'x,y\n1,"a\n2,b\n', "cannot be split into fields .*check quotes"),
    "nine": (b"x,y\n" + b"1,2\n" * 9, "has 9 rows; at least 10 are needed.*add rows"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_unusable_content(tmp_path, name):
    content, match = BAD[name]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=rf"^bad\.csv.*{match}"):
        read_table(path)


def test_no_such_file_names_a_near_one(tmp_path):
    (tmp_path / "patients.csv").write_text("x\n")
    with pytest.raises(TableError, match=r"no such file; .*Did you mean 'patients\.csv'\?"):
        read_table(tmp_path / "patient.csv")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("other.csv", r"no such file; the folder '.*' holds 'patients.csv'$"),
        ("patients", r"holds 'patients.csv'. Did you mean 'patients.csv'\?$"),
        ("none/x.csv", "there is no folder '.*none' either: check the path$"),
        ("empty/x.csv", r"holds no table \(.csv, .*`posynth example > heart_failure.csv`"),
    ],
)
def test_a_file_that_is_not_there_is_told_with_what_there_is(tmp_path, path, text):
    (tmp_path / "patients.csv").write_text("x\n")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TableError, match=text):
        read_table(tmp_path / path)


def test_names_that_a_spreadsheet_runs_are_noted(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("=1+1,-5,@x,age\n" + "1.5,2.5,3.5,4.5\n2.5,1.5,0.5,4.25\n" * 6)
    note = "names of columns that a spreadsheet would run as a formula; kept exactly: =1+1, @x"
    assert read_table(path).notes == (note,)
    assert table_from_frame(pd.read_csv(path)).notes == (note,)


def test_folder(tmp_path):
    with pytest.raises(TableError, match="this is a folder; name the file in it"):
        read_table(tmp_path)


def test_unknown_extension(tmp_path):
    path = tmp_path / "table.xlsx"
    path.write_text("x\n")
    with pytest.raises(TableError, match=r"unknown extension '\.xlsx'; allowed: .*save it as CSV"):
        read_table(path)


def test_false_parquet(tmp_path):
    path = tmp_path / "table.parquet"
    path.write_text("x,y\n")
    with pytest.raises(TableError, match=r"this is no Parquet file; rename it to \.csv"):
        read_table(path)
    path.write_bytes(b"PAR1broken")
    with pytest.raises(TableError, match="the Parquet file is damaged"):
        read_table(path)


def test_blank_lines_are_noted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n\n" + ROWS + "\n")
    table = read_table(path)
    assert len(table.frame) == 16
    assert table.notes == ("2 blank lines were skipped",)


def test_tsv_by_extension_and_parquet_by_content(tmp_path):
    (tmp_path / "a.tsv").write_text("x\ty\n" + ROWS.replace(",", "\t"))
    table = read_table(tmp_path / "a.tsv")
    assert table.source.delimiter == "\t"
    write_copy(table.frame, table.schema, table.source, tmp_path / "b.csv", "parquet")
    again = read_table(tmp_path / "b.csv")
    assert again.source.format == "parquet"
    pd.testing.assert_frame_equal(again.frame, table.frame)


def test_parquet_keeps_types(tmp_path):
    frame = pd.DataFrame(
        {
            "i": pd.Series([1, None, 3] * 4, dtype="Int32"),
            "b": pd.Series([True, None, False] * 4, dtype="boolean"),
            "c": pd.Series(pd.Categorical(["b", "a", "c"] * 4, ["c", "b", "a"], ordered=True)),
            "d": pd.Series(pd.date_range("2020-01-01", periods=12)).astype("datetime64[ns]"),
            "f": pd.Series(np.arange(12) / 4, dtype="float32"),
        }
    )
    table = table_from_frame(frame)
    write_copy(table.frame, table.schema, table.source, tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").read_bytes()[:4] != b"PAR1"
    write_copy(table.frame, table.schema, table.source, tmp_path / "a.parquet", "parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.parquet").frame, frame)


def test_parquet_of_another_program_keeps_gaps_in_integers(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"i": pa.array([1, None, 3] * 4, pa.int16()), "b": pa.array([True, None, False] * 4)}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert table.frame.dtypes.astype(str).tolist() == ["Int16", "boolean"]


@pytest.fixture
def small():
    return table_from_frame(pd.DataFrame({"x": np.arange(12) % 5, "y": ["a", "b", "c"] * 4}))


def test_failed_write_leaves_nothing(tmp_path, small, monkeypatch):
    target = tmp_path / "copy.csv"
    target.write_text("before")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_copy(small.frame, small.schema, small.source, target)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.csv"]
    assert target.read_text() == "before"


def test_write_refuses_in_words(tmp_path, small):
    with pytest.raises(TableError, match="unknown format 'xlsx'; allowed: 'csv', 'parquet'"):
        write_copy(small.frame, small.schema, small.source, tmp_path / "a.csv", "xlsx")
    with pytest.raises(TableError, match=r"has columns \['y'\], its schema \['x', 'y'\]; write"):
        write_copy(small.frame[["y"]], small.schema, small.source, tmp_path / "a.csv")
    with pytest.raises(TableError, match="the folder does not exist; create it first"):
        write_copy(small.frame, small.schema, small.source, tmp_path / "no" / "a.csv")


def test_label_outside_the_encoding_is_refused(tmp_path, small):
    source = Source("a.csv", "csv", encoding="latin-1")
    frame = small.frame.assign(y=["a", "b", "c"] * 4)
    schema = small.schema.with_column(replace(small.schema["y"], levels=("a", "b", "c", "€")))
    write_copy(frame, schema, source, tmp_path / "a.csv")
    with pytest.raises(TableError, match=r"a label holds '€', which latin-1 cannot write; save"):
        write_copy(frame.replace("c", "€"), schema, source, tmp_path / "b.csv")
    assert not (tmp_path / "b.csv").exists()


def test_dates_without_leading_zeros_are_read_and_written_so(tmp_path):
    (tmp_path / "a.csv").write_text("d,x\n" + "".join(f"{i}.2.2020,{i}\n" for i in range(1, 15)))
    column = read_table(tmp_path / "a.csv").schema["d"]
    assert (column.kind, column.date_format) == ("date", "%-d.%-m.%Y")
    assert column.note == "every value is a date"


def test_source_survives_and_names_no_folder(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n" + ROWS)
    source = read_table(tmp_path / "a.csv").source
    assert Source.from_dict(source.to_dict()) == source
    assert str(tmp_path) not in str(source.to_dict())
    with pytest.raises(TableError, match=r"source 'a': unknown field 'delimeter'.*'delimiter'"):
        Source.from_dict({"name": "a", "delimeter": ","})
