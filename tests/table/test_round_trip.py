"""A file read, encoded, decoded and written again is the file, cell by cell."""

import csv
from pathlib import Path

import pytest

import posynth
from posynth.table import decode_frame, encode, read_table, write_copy

HEART = Path(posynth.__file__).parent / "data" / "heart_failure.csv"
TABLES = [
    "SD2011.csv",
    "birthwt.csv",
    "employee.csv",
    "heart_failure.csv",
    "housing.csv",
    "mammalsleep.csv",
    "nhanes.csv",
    "nhanes2.csv",
    "pbc.csv",
    "popmis.csv",
    "quine.csv",
    "sd2011_12.csv",
    "sleepstudy.csv",
    "toenail.csv",
    "windspeed.csv",
]
AWKWARD = [
    "05_one_column.csv",
    "07_constant_num.csv",
    "11_free_text.csv",
    "13_dates_iso.csv",
    "17_overflow_ints.csv",
    "19_bool_na.csv",
    "25_heavy_tail.csv",
    "31_semicolon.csv",
    "33_95pct_missing.csv",
    "35_formula_injection.csv",
    "37_whitespace_levels.csv",
]


def cells(path, delimiter):
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.reader(file, delimiter=delimiter) if row]


def write_again(path, folder, kinds=None):
    table = read_table(path, kinds=kinds)
    modelled = [column for column in table.schema if column.kind.is_modelled]
    arrays = {column.name: encode(column, table.frame[column.name]) for column in modelled}
    copy = decode_frame(table.schema, arrays)
    assert copy.dtypes.astype(str).tolist() == table.frame.dtypes.astype(str).tolist()
    write_copy(copy, table.schema, table.source, folder / path.name)
    return table


def assert_same_cells(path, folder):
    table = write_again(path, folder)
    delimiter = table.source.delimiter
    written, source = cells(folder / path.name, delimiter), cells(path, delimiter)
    assert len(written) == len(source)
    for place, column in enumerate(table.schema):
        if column.kind not in ("identifier", "text"):
            assert [row[place] for row in written] == [row[place] for row in source], column


def test_embedded_table_is_written_byte_for_byte(tmp_path):
    write_again(HEART, tmp_path)
    assert (tmp_path / HEART.name).read_bytes() == HEART.read_bytes()


@pytest.mark.parametrize("name", TABLES)
def test_development_table(shared_data, tmp_path, name):
    assert_same_cells(shared_data(name), tmp_path)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_table(torture, tmp_path, name):
    assert_same_cells(torture / name, tmp_path)


def test_quotes_of_r_are_written_back(shared_data, tmp_path):
    path = shared_data("sleepstudy.csv")
    # Subject is a repeated identifier, whose values are not written, unless it is declared.
    table = write_again(path, tmp_path, {"Subject": "nominal"})
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert table.source.quoted_columns == ("Subject",)
    assert read_table(path).schema["Subject"].kind == "identifier"


DIALECTS = {
    "padded": ("x,y\n", "1.50,a\n2.25,b\n3.00,a\n"),
    "semicolon": ("x;y\r\n", "1,5;a\r\n2,25;b\r\n3;a\r\n"),
    "semicolon_point": ("x;y\n", "1.5;a\n2.25;b\n3;a\n"),
    "tab": ("x\ty\n", "1.5\ta\n2.25\tb\n3\ta\n"),
    "bar": ("x|y\n", "1.5|a\n2.25|b\n3|a\n"),
    "missing": ("x,y\n", "1.5,a\nNA,b\n7,NA\n"),
    "dot": ("x,y\n", "1.5,a\n.,b\n7,c\n"),
    "quoted": ('"x","y"\n', '1.5,"a"\n2.25,"b, c"\n3,"d ""e"""\n'),
    "all_quoted": ('"x","y"\n', '"1.5","a"\n"2.25","b"\n"3","a"\n'),
    "needed": ("x,y\n", '1.5,a\n2.25,"b, c"\n3,"d ""e"""\n'),
    "whole": ("x,y\n", "1.0,a\n2.0,b\n3.0,a\n"),
    "pandas": ("x,y\n", "1.0,a\n2.25,b\n3.5,a\n"),
    "money": ("x,y\n", "1.00,a\n2.00,b\n3.00,a\n"),
    "truth": ("x,y\n", "1,True\n7,False\n3,\n"),
    "zeros": ("x,y\n", "007,a\n012,b\n345,a\n"),
    "small": ("x,y\n", "0.00001,a\n0.00002,b\n0.5,a\n"),
    "day": ("x,y\n", "1.5,24.12.2020\n2.5,01.02.2021\n3,03.04.2022\n"),
    "us_day": ("x,y\n", "1.5,12/24/2020\n2.5,01/02/2021\n3,03/04/2022\n"),
    "minute": ("x,y\n", "1.5,2020-01-01 10:30\n2.5,2020-01-02 11:45\n3,2020-01-03 00:00\n"),
    "one_column": ("x\n", "1\n\n2\n"),
}


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_dialect(tmp_path, name):
    header, rows = DIALECTS[name]
    path = tmp_path / "source.csv"
    path.write_bytes((header + rows * 4).encode())
    (tmp_path / "copy").mkdir()
    write_again(path, tmp_path / "copy")
    expected = path.read_text().replace("\n\n", '\n""\n') if name == "one_column" else None
    assert (tmp_path / "copy" / "source.csv").read_bytes().decode() == (
        expected or path.read_bytes().decode()
    )


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-8-sig", "utf-8-sig"), ("latin-1", "latin-1"), ("cp1252", "cp1252")],
)
def test_encoding(tmp_path, encoding, found):
    euro = "€" if encoding == "cp1252" else "ü"
    path = tmp_path / "source.csv"
    path.write_bytes(("größe,y\n" + f"1.5,{euro}\n2.5,b\n" * 6).encode(encoding))
    (tmp_path / "copy").mkdir()
    table = write_again(path, tmp_path / "copy")
    assert table.source.encoding == found
    assert (tmp_path / "copy" / "source.csv").read_bytes() == path.read_bytes()
    expected = (
        [] if encoding == "utf-8-sig" else [f"line 1 is not UTF-8, so the file was read as {found}"]
    )
    assert list(table.notes) == expected


@pytest.mark.parametrize("seed", range(5))
def test_random_numbers_survive(tmp_path, seed):
    import numpy as np

    rng = np.random.default_rng(seed)
    rows = ["a,b,c"]
    for _ in range(60):
        a, b, c = rng.normal(scale=10.0 ** rng.integers(-3, 9)), rng.integers(-9, 9), rng.random()
        gap = "NA" if rng.random() < 0.1 else f"{round(a, 3) + 0.0!r}"
        rows.append(f"{gap},{b},{c!r}")
    path = tmp_path / "source.csv"
    path.write_text("\n".join(rows) + "\n")
    (tmp_path / "copy").mkdir()
    write_again(path, tmp_path / "copy")
    written = cells(tmp_path / "copy" / "source.csv", ",")
    for old, new in zip(cells(path, ","), written, strict=True):
        assert old[1:] == new[1:]
        assert old[0] == new[0] or float(old[0]) == float(new[0])
