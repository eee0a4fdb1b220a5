"""Text files as programs and people write them: read right, or refused with the right option."""

import numpy as np
import pandas as pd
import pytest

from posynth.errors import TableError
from posynth.table import decode_frame, encode, read_table, write_copy
from posynth.table.copy_file import read_copy
from posynth.table.frame import table_from_frame
from posynth.table.reading import Reading

HEADER = "g,x,n,y"
UNITS = "(name),(EUR),(number),(%)"


def rows(count=24):
    return [
        f"{'abc'[i % 3]},{900.5 + 210.25 * i:.2f},{i * 7 % 5},{i * 13 % 90}.5" for i in range(count)
    ]


def path_of(tmp_path, lines, name="t.csv", newline="\n"):
    path = tmp_path / name
    path.write_bytes((newline.join(lines) + newline).encode())
    return path


def kinds(table):
    return [column.kind.value for column in table.schema]


def again(table, tmp_path):
    """Encode, decode, write; the file is read back to the same values in both ways."""
    arrays = {c.name: encode(c, table.frame[c.name]) for c in table.schema if c.kind.is_modelled}
    frame = decode_frame(table.schema, arrays)
    path = tmp_path / "copy.csv"
    write_copy(frame, table.schema, table.source, path)
    back = read_copy(path, table.schema, table.source)
    pd.testing.assert_frame_equal(back, frame)
    pd.testing.assert_frame_equal(frame, table.frame)
    options = Reading.of(table.schema, table.source)
    pd.testing.assert_frame_equal(read_table(path, na=options).frame, table.frame)
    return path.read_text().splitlines()


RIGHT = ["nominal", "continuous", "count", "continuous"]
TOPS = {
    "comments": (
        ["# made 2024-01-01", "# by: somebody, somewhere"],
        "2 comment lines were left out",
    ),
    "title": (["A title"], "1 line before the header was left out"),
    "preamble": (
        ['"Data Source","Indicators",', "", '"Updated","2024-01-01",', ""],
        "4 lines before the header were left out",
    ),
    "padded title": (["A title,,,", ",,,"], "2 lines before the header were left out"),
    "both": (["# made", "A title", ""], "1 comment line was left out"),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", TOPS)
def test_lines_before_the_header(tmp_path, name, newline):
    top, note = TOPS[name]
    table = read_table(path_of(tmp_path, [*top, HEADER, *rows()], newline=newline))
    assert (kinds(table), table.schema.rows) == (RIGHT, 24)
    assert any(note in each for each in table.notes)
    assert again(table, tmp_path) == [HEADER, *rows()]


def test_a_second_header_is_left_out_and_said(tmp_path):
    path = path_of(tmp_path, [HEADER, UNITS, *rows()])
    table = read_table(path)
    assert (kinds(table), table.schema.rows) == (RIGHT, 24)
    assert "line 2 was left out: it is a second header" in table.notes[0]
    kept = read_table(path, skip_rows=0)
    assert (kept.schema.rows, kept.schema["x"].kind.value) == (25, "identifier")
    assert again(table, tmp_path) == [HEADER, *rows()]


@pytest.mark.parametrize(
    "line", ["d,?,missing,1.5", "d,?,missing,-", "a,unknown,none,?", "d,?,7,8.5", "d,high,3,low"]
)
def test_a_first_row_is_no_second_header(tmp_path, line):
    """A row with texts for missing values, with numbers, or with one text is a row."""
    table = read_table(path_of(tmp_path, [HEADER, line, *rows()]))
    assert table.schema.rows == 25


def test_a_header_that_begins_with_the_sign_of_comments_stays_one(tmp_path):
    table = read_table(path_of(tmp_path, ["# made", f"#{HEADER}", *rows()]))
    assert table.schema.names == ("#g", "x", "n", "y")
    assert table.schema.rows == 24


def test_row_names_without_a_header_are_no_preamble(tmp_path):
    lines = [f"{i},{row}" for i, row in enumerate(rows())]
    match = r"line 2 has 5 fields, the header has 4.*if the first field is a row name, give its"
    with pytest.raises(TableError, match=match):
        read_table(path_of(tmp_path, [HEADER, *lines]))


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ([HEADER, *rows(), "Source: somebody"], "if it is no row of the table .*, delete it"),
        (["one", HEADER, *rows(9), "# x", *rows(3)], "--skip-rows N skips the lines before it"),
        (["g  x", *["a  1.5", "b  2.5"] * 8], "all lines have 2 parts set apart by blanks"),
    ],
)
def test_lines_that_are_no_rows_are_refused_with_the_next_step(tmp_path, lines, match):
    with pytest.raises(TableError, match=match):
        read_table(path_of(tmp_path, lines))


def test_the_first_of_rows_of_text_is_no_header(tmp_path):
    """Without numbers below it nothing tells a header further down from a row."""
    with pytest.raises(TableError, match=r"line 3 has 2 fields, the header has 1"):
        read_table(path_of(tmp_path, ["title", "", *["a,b", "b,a", "c,b"] * 8]))


def test_lines_are_skipped_as_asked(tmp_path):
    path = path_of(tmp_path, ["one", "two,2", HEADER, *rows()])
    table = read_table(path, skip_rows=2)
    assert (kinds(table), table.source.skip_rows) == (RIGHT, 2)
    with pytest.raises(TableError, match=r"skip_rows = 90 leaves no line of the file; skip fewer"):
        read_table(path, skip_rows=90)


def test_comments_anywhere_are_left_out_as_asked(tmp_path):
    lines = ["% it's made", HEADER, *rows(12), "% half", *rows(12)]
    path = path_of(tmp_path, lines)
    with pytest.raises(TableError, match=r"line 14 has 1 fields.*--comment % leaves out lines"):
        read_table(path_of(tmp_path, lines[1:], "u.csv"))
    table = read_table(path, comment="%")
    assert (kinds(table), table.schema.rows) == (RIGHT, 24)
    assert "lines that begin with '%' are left out, as declared" in table.notes


def test_a_comment_sign_inside_quotes_is_kept(tmp_path):
    lines = [HEADER, *[f'"a\n#{i % 2}",{row[2:]}' for i, row in enumerate(rows())]]
    table = read_table(path_of(tmp_path, lines), comment="#")
    assert table.schema["g"].levels == ("a\n#0", "a\n#1")


def test_a_last_column_of_nothing_is_left_out_and_said(tmp_path):
    table = read_table(path_of(tmp_path, [f"{line}," for line in (HEADER, *rows())]))
    assert (kinds(table), table.schema.names) == (RIGHT, ("g", "x", "n", "y"))
    assert "the last column has neither a name nor a value, and is left out" in table.notes


FORMS = {
    "dollar": ("${:,.2f}", ",", ("$", "", ",")),
    "pound behind": ("{:.2f} £", ",", ("", " £", "")),
    "code": ("EUR {:,.2f}", ";", ("EUR ", "", ",")),
    "unit": ("{:.1f} kg", ",", ("", " kg", "")),
    "unit without blank": ("{:.1f}cm", ",", ("", "cm", "")),
    "dash for cents": ("{:.0f},-", ";", ("", ",-", "")),
    "percent": ("{:.1f}%", ",", ("", "%", "")),
    "percent apart": ("{:.1f} %", ";", ("", " %", "")),
    "commas": ("{:,.1f}", ";", ("", "", ",")),
    "commas, whole": ("{:,.0f}", ";", ("", "", ",")),
    "blanks": ("{: .1f}", ";", ("", "", " ")),
    "nonbreaking": ("{:_.1f}", ",", ("", "", "\u00a0")),
    "narrow": ("{:_.0f}", ",", ("", "", "\u202f")),
    "apostrophes": ("{:_.2f}", ",", ("", "", "'")),
}


def number(form, mark, value):
    text = form.replace(" .", "_.").format(value)
    return text.replace("_", mark) if "_" in text else text


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["9:15 AM", "12:30PM", "1:05 pm"], "times of a clock of 12 hours: write them as 13:30"),
        (["25:10", "100:30", "9:15"], "durations: write them as numbers of minutes"),
        (["(1500)", "$ 20", "(30)"], "numbers in brackets, as accountants write those below 0"),
        (["(none)", "(other)", "a"], ""),
    ],
)
def test_texts_that_seem_to_be_something_else_say_what_to_write(tmp_path, cells, note):
    lines = ["x,y", *[f"{cells[i % 3]},{i}.5" for i in range(24)]]
    found = read_table(path_of(tmp_path, lines)).schema["x"]
    assert found.dtype == "str"
    assert note in found.note if note else found.note == "3 levels"


def test_a_column_of_names_is_a_table(tmp_path):
    names = [f"{['Ann', 'Bob', 'Cem'][i % 3]} {['Lee', 'Poe'][i % 2]}" for i in range(24)]
    assert read_table(path_of(tmp_path, ["full name", *names])).schema["full name"].levels


def test_numbers_as_text_in_a_data_frame_are_told(tmp_path):
    texts = ["?" if i % 6 == 0 else f"{i}.5" for i in range(24)]
    note = table_from_frame(pd.DataFrame({"x": texts})).schema["x"].note
    assert "20 of 24 values are numbers as text: pd.to_numeric(df['x'], errors='coerce')" in note
    labels = table_from_frame(pd.DataFrame({"x": ["a", "b", "1"] * 8})).schema["x"].note
    assert "numbers as text" not in labels


def test_keys_that_end_alike_are_no_numbers_with_a_unit(tmp_path):
    lines = ["x,y", *[f"{100 + i}B,{i}.5" for i in range(24)]]
    assert read_table(path_of(tmp_path, lines)).schema["x"].dtype == "str"


def test_a_typographic_minus_is_a_minus_and_that_is_said(tmp_path):
    lines = ["x,y", *[f"{'\u2212' * (i % 2)}{i}.25,{i}.5" for i in range(24)]]
    table = read_table(path_of(tmp_path, lines))
    assert table.frame["x"].min() == -23.25
    assert "copies write '-' for the sign '\u2212'" in table.schema["x"].note


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("name", FORMS)
def test_numbers_in_the_forms_of_people(tmp_path, name, decimal):
    form, sep, (prefix, suffix, grouping) = FORMS[name]
    sep = ";" if decimal == "," else sep
    values = [(-1) ** i * round(70.5 + 311.25 * i, 1) for i in range(40)]
    cells = []
    for value in values:
        text = form.replace(" .", "_.").format(abs(value)).replace("_", grouping or "_")
        if decimal == "," and name != "dash for cents":
            text = text.translate({ord("."): ",", ord(","): "."})
        text = f"-{text}" if value < 0 else text
        cells.append(f'"{text}"' if sep in text else text)
    grouping = "." if (grouping, decimal) == (",", ",") else grouping
    lines = [f"x{sep}g", *[f"{cell}{sep}{'abc'[i % 3]}" for i, cell in enumerate(cells)]]
    table = read_table(path_of(tmp_path, lines), decimal=decimal)
    column = table.schema["x"]
    assert (column.prefix, column.suffix, column.grouping) == (prefix, suffix, grouping)
    assert "in copies too" in column.note
    digits = 0 if ".0f" in form else 2 if ".2f" in form else 1
    expected = [float(f"{value:.{digits}f}") for value in values]
    np.testing.assert_allclose(table.frame["x"], expected, rtol=0, atol=1e-9)
    assert again(table, tmp_path) == lines


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["1,234", "2,345"], r"--decimal , or --thousands , reads them"),
        (["1,5", "2,25"], r"with ',' as decimal mark: --decimal , reads them"),
        (["$5", "6"], r"currency or percent signs in some rows only: write them in all rows"),
        (["1,234.5", "1.234,5"], r"marks of several kinds: write plain numbers"),
    ],
)
def test_numbers_in_doubt_stay_text_and_the_note_names_the_option(tmp_path, cells, note):
    lines = ["x|n", *[f"{cells[i % 2]}|{i * 3 % 7}.5" for i in range(24)]]
    column = read_table(path_of(tmp_path, lines), decimal=".").schema["x"]
    assert column.dtype == "str"
    assert note in column.note


@pytest.mark.parametrize(("thousands", "value"), [(",", 1234.0), (None, 1.234)])
def test_a_declared_mark_between_thousands_or_decimals(tmp_path, thousands, value):
    lines = ["x|g", *[f"{1 + i % 5},{234 + i}|{'ab'[i % 2]}" for i in range(24)]]
    options = {"thousands": thousands} if thousands else {"decimal": ","}
    table = read_table(path_of(tmp_path, lines), **options)
    assert table.frame["x"][0] == value
    assert again(table, tmp_path) == lines


def test_a_declared_kind_keeps_numbers_with_signs_as_labels(tmp_path):
    lines = ["x,y", *[f"{i % 3 * 5}%,{i}.5" for i in range(24)]]
    assert read_table(path_of(tmp_path, lines)).schema["x"].kind.value == "count"
    table = read_table(path_of(tmp_path, lines), kinds={"x": "nominal"})
    assert table.schema["x"].levels == ("0%", "10%", "5%")


@pytest.mark.parametrize("sep", ["\t", ";", "|", ","])
def test_a_decimal_comma_is_told_from_the_numbers(tmp_path, sep):
    quote = '"' if sep == "," else ""
    lines = [f"x{sep}n", *[f"{quote}{900 + 31 * i},{i % 10}{quote}{sep}{i % 4}" for i in range(24)]]
    table = read_table(path_of(tmp_path, lines, "t.tsv" if sep == "\t" else "t.csv"))
    assert (table.source.decimal, kinds(table)) == (",", ["continuous", "count"])
    assert "the decimal mark is a comma, in copies too (--decimal . overrides it)" in table.notes
    assert again(table, tmp_path) == lines


@pytest.mark.parametrize("sep", ["\t", ";"])
def test_thousands_commas_beside_decimal_points_are_no_decimal_commas(tmp_path, sep):
    lines = [f"x{sep}n", *[f"{1 + i % 9},{200 + i}{sep}{i % 4}.5" for i in range(1, 24)]]
    lines += [f"999{sep}0.5"]
    table = read_table(path_of(tmp_path, lines))
    assert (table.source.decimal, table.schema["x"].grouping) == (".", ",")
    assert (table.frame["x"].min(), table.frame["x"].max()) == (999, 9217)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"decimal": "!"}, r"decimal = '!'; allowed: '\.', ','"),
        ({"thousands": "x"}, r"thousands = 'x'; allowed: ',', '\.', ' ', \"'\""),
        (
            {"decimal": ",", "thousands": ","},
            "decimal and thousands are both ','; they must differ",
        ),
        ({"comment": " "}, r"comment = ' '; give what such lines begin with, as '#'"),
        ({"skip_rows": -1}, "skip_rows = -1; it must be a whole number, 0 or more"),
        ({"skip_rows": 1.5}, "skip_rows = 1.5; it must be a whole number, 0 or more"),
        ({"sep": ";"}, "unknown option of reading 'sep'; allowed: 'comment', 'decimal'"),
    ],
)
def test_options_that_cannot_be(tmp_path, options, match):
    with pytest.raises(TableError, match=match):
        read_table(path_of(tmp_path, [HEADER, *rows()]), **options)


def test_a_table_without_such_lines_has_no_note(tmp_path):
    assert read_table(path_of(tmp_path, [HEADER, *rows()])).notes == ()


CASES = {
    "f03_comments.csv": RIGHT,
    "f04_two_headers.csv": RIGHT,
    "f05_preamble.csv": RIGHT,
    "f06_dollar.csv": RIGHT,
    "f07_percent.csv": RIGHT,
    "f08_space_thousands.csv": RIGHT,
    "f12_tab_comma.tsv": RIGHT,
}


@pytest.mark.parametrize("name", CASES)
def test_cases(cases, tmp_path, name):
    path = cases / "formats" / name
    table = read_table(path)
    assert (kinds(table), table.schema.rows) == (CASES[name], 120)
    source = path.read_text(encoding="utf-8").splitlines()
    assert again(table, tmp_path)[1:] == source[-120:]
