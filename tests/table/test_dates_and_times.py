"""Dates and clock times in the forms in which files hold them are read, and written back so."""

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from posynth.errors import TableError
from posynth.screen import print_unread_times
from posynth.table import decode_frame, encode, read_table, write_copy
from posynth.table.codec import as_released, decode
from posynth.table.copy_file import read_copy
from posynth.table.schema import Column, Kind

START = pd.Timestamp("2019-01-03 04:05:06.25")


def times(count=30):
    return [START + pd.Timedelta(days=37 * i, hours=5 * i) for i in range(count)]


def day(time):
    return str(time.day)


def half(time, rest):
    return str(time.hour % 12 or 12) + time.strftime(rest)


#: Name -> how a time is written, and its resolution.
FORMS = {
    "iso with Z": (lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"), "s"),
    "iso with milliseconds and Z": (lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.250Z"), "ms"),
    "iso with offset": (lambda t: t.strftime("%Y-%m-%dT%H:%M:%S+02:00"), "s"),
    "blank and offset": (lambda t: t.strftime("%Y-%m-%d %H:%M:%S-0530"), "s"),
    "minutes and Z": (lambda t: t.strftime("%Y-%m-%dT%H:%MZ"), "min"),
    "compact": (lambda t: t.strftime("%Y%m%dT%H%M%SZ"), "s"),
    "3 Jan 2020": (lambda t: day(t) + t.strftime(" %b %Y"), "D"),
    "03 Jan 2020": (lambda t: t.strftime("%d %b %Y"), "D"),
    "3 January 2020": (lambda t: day(t) + t.strftime(" %B %Y"), "D"),
    "January 3, 2020": (lambda t: t.strftime("%B ") + day(t) + t.strftime(", %Y"), "D"),
    "Jan 3, 2020": (lambda t: t.strftime("%b ") + day(t) + t.strftime(", %Y"), "D"),
    "03-Jan-2020": (lambda t: t.strftime("%d-%b-%Y"), "D"),
    "03JAN2020": (lambda t: t.strftime("%d%b%Y").upper(), "D"),
    "3 Jan 2020 08:20": (lambda t: day(t) + t.strftime(" %b %Y %H:%M"), "min"),
    "1/31/2020": (lambda t: f"{t.month}/{t.day}/{t.year}", "D"),
    "31/01/2020 08:20": (lambda t: t.strftime("%d/%m/%Y %H:%M"), "min"),
    "3.1.2020": (lambda t: f"{t.day}.{t.month}.{t.year}", "D"),
    "01/31/2020 8:20 AM": (lambda t: t.strftime("%m/%d/%Y ") + half(t, ":%M %p"), "min"),
    "1/31/2020 8:20:59 am": (
        lambda t: f"{t.month}/{t.day}/{t.year} " + half(t, ":%M:%S %p").lower(),
        "s",
    ),
    "2020-01-31 08:20AM": (lambda t: t.strftime("%Y-%m-%d %I:%M%p"), "min"),
    "3 Jan 2020 08:20 AM": (lambda t: day(t) + t.strftime(" %b %Y %I:%M %p"), "min"),
    "03-Jan-20": (lambda t: t.strftime("%d-%b-%y"), "D"),
    "3 Jan 20": (lambda t: day(t) + t.strftime(" %b %y"), "D"),
    "Jan 3, 20": (lambda t: t.strftime("%b ") + day(t) + t.strftime(", %y"), "D"),
    "31/01/20": (lambda t: t.strftime("%d/%m/%y"), "D"),
    "1/31/20": (lambda t: f"{t.month}/{t.day}/" + t.strftime("%y"), "D"),
    "31.01.20 08:20": (lambda t: t.strftime("%d.%m.%y %H:%M"), "min"),
    "01/31/20 08:20:59 AM": (lambda t: t.strftime("%m/%d/%y %I:%M:%S %p"), "s"),
    "3.1.2020 8:20": (lambda t: f"{t.day}.{t.month}.{t.year} {t.hour}:{t.minute:02d}", "min"),
}


def read(tmp_path, cells, **options):
    quoted = [f'"{cell}"' if "," in cell else cell for cell in cells]
    lines = ["when,y", *[f"{cell},{i % 7}.5" for i, cell in enumerate(quoted)]]
    (tmp_path / "t.csv").write_text("\n".join([*lines, ""]))
    return read_table(tmp_path / "t.csv", **options), lines


def again(table, tmp_path):
    arrays = {c.name: encode(c, table.frame[c.name]) for c in table.schema if c.kind.is_modelled}
    frame = decode_frame(table.schema, arrays)
    pd.testing.assert_frame_equal(frame, table.frame)
    write_copy(frame, table.schema, table.source, tmp_path / "copy.csv")
    back = read_copy(tmp_path / "copy.csv", table.schema, table.source)
    pd.testing.assert_frame_equal(back, frame)
    return (tmp_path / "copy.csv").read_text().splitlines()


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_dates_are_read_and_written_in_their_form(tmp_path, name, declared):
    written, unit = FORMS[name]
    table, lines = read(
        tmp_path, [written(t) for t in times()], kinds={"when": "date"} if declared else None
    )
    column = table.schema["when"]
    assert (column.kind.value, "copies write" in column.note) == ("date", False)
    expected = pd.Series(times()).dt.floor(unit)
    assert (table.frame["when"] == expected).all()
    assert again(table, tmp_path) == lines


@pytest.mark.parametrize(
    ("first", "last"), [(1931, 2003), (1912, 1958), (2001, 2039), (1960, 1960)]
)
def test_years_of_two_digits_are_of_the_hundred_years_that_hold_them_closest(tmp_path, first, last):
    """Read from 1969 on, as programs do, persons born in 1931 would be born in 2031."""
    days = pd.date_range(f"{first}-02-03", f"{last}-11-30", 60)
    table, lines = read(tmp_path, [t.strftime("%d-%b-%y") for t in days])
    found = table.frame["when"].dt.year
    assert (found.min(), found.max()) == (first, last)
    start = first - (100 - last + first) // 2  # copies may have dates before the first
    assert f"years of two digits are read as {start} to {start + 99}" in table.schema["when"].note
    assert again(table, tmp_path) == lines


@pytest.mark.parametrize(
    "cells",
    [
        [f"{1 + i % 12:02d}/{1 + i % 11:02d}/{i % 9:02d}" for i in range(90)],
        [f"{1 + i % 12:02d}/{1 + i % 11:02d}/20{10 + i % 9}" for i in range(90)],
        [f"{1 + i % 12}/{1 + i % 11}/20{10 + i % 9} 9:15 PM" for i in range(90)],
    ],
)
def test_dates_that_cannot_be_told_are_said_to_be_text(tmp_path, cells):
    table, _ = read(tmp_path, cells)
    console = Console(record=True, width=200)
    print_unread_times(console, table.schema)
    said = console.export_text()
    assert "when is read as text" in said
    assert "day and month cannot be told apart, as '" in said


def test_years_of_nearly_a_century_cannot_be_told(tmp_path):
    days = pd.date_range("1930-02-03", "2027-11-30", 100)
    table, _ = read(tmp_path, [t.strftime("%d-%b-%y") for t in days])
    assert table.schema["when"].kind.value != "date"
    assert "years of two digits" in table.schema["when"].note


def test_dates_with_missing_values_keep_them(tmp_path):
    cells = ["?" if i % 6 == 0 else f"{1 + i % 28} Jan 2020" for i in range(30)]
    table, lines = read(tmp_path, cells)
    assert (table.schema["when"].kind.value, table.schema["when"].missing) == ("date", 5)
    assert again(table, tmp_path) == lines


def test_offsets_that_differ_are_read_as_the_same_times_in_utc(tmp_path):
    table, _ = read(tmp_path, ["2021-03-28T01:30:00+01:00", "2021-03-28T03:30:00+02:00"] * 12)
    column = table.schema["when"]
    assert column.kind.value == "binary"
    cells = [f"2021-0{1 + i % 9}-05T10:00:00+0{i % 2 + 1}:00" for i in range(30)]
    table, _ = read(tmp_path, cells)
    column = table.schema["when"]
    assert "offsets differ: copies hold the same times in UTC" in column.note
    assert table.frame["when"][:2].tolist() == [
        pd.Timestamp("2021-01-05 09:00"),
        pd.Timestamp("2021-02-05 08:00"),
    ]
    assert again(table, tmp_path)[1] == "2021-01-05T09:00:00+00:00,0.5"


def test_dates_of_two_forms_are_written_in_one_and_that_is_said(tmp_path):
    cells = [f"{'0' * (i % 2)}{1 + i % 9} Jan 20{10 + i % 20}" for i in range(30)]
    table, _ = read(tmp_path, cells)
    note = table.schema["when"].note
    assert "copies write every date as %d %b %Y, the source some in another form" in note


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("2020-13-45", r"1 of 30 distinct values are not of the form %Y-%m-%d, as '2020-13-45'"),
        ("soon", r"1 of 30 distinct values are not of the form %Y-%m-%d, as 'soon': correct them"),
    ],
)
def test_a_declared_date_is_refused_with_the_reason(tmp_path, cell, reason):
    cells = [f"20{i:02d}-05-06" for i in range(29)] + [cell]
    with pytest.raises(TableError, match=rf"column 'when' cannot be 'date': {reason}"):
        read(tmp_path, cells, kinds={"when": "date"})
    table, _ = read(tmp_path, cells, kinds={"when": "date"}, na={"when": cell})
    assert (table.schema["when"].kind.value, table.schema["when"].missing) == ("date", 1)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["01/02/2020", "03/04/2020", "05/06/2020"] * 8, "day and month cannot be told apart"),
        (["08:20", "17:05", "09:10"] * 8, "it holds clock times without a day"),
        (["20201301", "20201302", "20201303"] * 8, "no single date format fits its numbers"),
    ],
)
def test_other_columns_that_are_declared_dates(tmp_path, cells, reason):
    with pytest.raises(TableError, match=rf"column 'when' cannot be 'date': {reason}"):
        read(tmp_path, cells, kinds={"when": "date"})


def written(form, h, m, s):
    return form.format(h=h, m=m, s=s, t=h % 12 or 12, half="AP"[h // 12])


CLOCKS = {
    "padded": ("{h:02d}:{m:02d}", 1),
    "short": ("{h}:{m:02d}", 1),
    "seconds": ("{h:02d}:{m:02d}:{s:02d}", 60),
    "twelve": ("{t}:{m:02d} {half}M", 1),
    "twelve, padded": ("{t:02d}:{m:02d}:{s:02d}{half}M", 60),
    "twelve, dots": ("{t}:{m:02d} {half}.M.", 1),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_clock_times_are_numbers_and_written_as_times(tmp_path, name):
    form, units = CLOCKS[name]
    parts = [(i * 11 % 24, i * 17 % 60, i * 7 % 60) for i in range(40)]
    cells = ["" if i == 9 else written(form, h, m, s) for i, (h, m, s) in enumerate(parts)]
    table, lines = read(tmp_path, cells)
    column = table.schema["when"]
    assert (column.kind.value, column.missing) == ("count", 1)
    assert ("seconds since midnight" in column.note) == (units == 60)
    h, m, s = parts[1]
    assert table.frame["when"][1] == (60 * h + m if units == 1 else 3600 * h + 60 * m + s)
    assert again(table, tmp_path) == lines


def test_integers_of_eight_digits_that_are_dates_are_dates(tmp_path):
    cells = [f"20{10 + i % 9}{1 + i % 12:02d}{1 + i % 28:02d}" for i in range(40)]
    table, lines = read(tmp_path, cells)
    column = table.schema["when"]
    assert (column.kind.value, column.date_format) == ("date", "%Y%m%d")
    assert "--kind when=count reads them as numbers" in column.note
    assert again(table, tmp_path) == lines
    assert read(tmp_path, cells, kinds={"when": "count"})[0].schema["when"].dtype == "int64"
    cells[7] = "20101345"
    assert read(tmp_path, cells)[0].schema["when"].kind.value == "count"


def test_clock_times_can_be_kept_as_labels(tmp_path):
    table, _ = read(tmp_path, ["08:20", "17:05", "09:10"] * 8, kinds={"when": "nominal"})
    assert table.schema["when"].levels == ("08:20", "09:10", "17:05")


def test_two_clock_times_are_two_levels(tmp_path):
    table, lines = read(tmp_path, ["08:20", "17:05"] * 8)
    assert table.schema["when"].levels == (500, 1025)
    assert again(table, tmp_path) == lines


@pytest.mark.parametrize("cells", [["24:10", "08:20", "09:30"], ["08:20", "1:2", "3:10"]])
def test_other_texts_with_a_colon_stay_text(tmp_path, cells):
    table, _ = read(tmp_path, cells * 8)
    assert table.schema["when"].kind.value == "nominal"


def test_drawn_times_beyond_midnight_are_counted_on_from_there():
    column = Column("t", Kind.COUNT, "int64", decimals=0, clock="%H:%M")
    drawn = np.array([-5.2, 1440.0, 1439.6, 500.4])
    assert decode(column, drawn).tolist() == [1435, 0, 0, 500]
    np.testing.assert_array_equal(as_released(column, drawn), [1435, 0, 0, 500])


@pytest.mark.parametrize("cells", [["192.168.0.1", "10.0.0.7", "8.8.8.8"], ["1.2.3", "1.10.0"]])
def test_addresses_and_versions_are_not_taken_for_numbers(tmp_path, cells):
    table, _ = read(tmp_path, (cells * 12)[:24])
    assert "look like numbers" not in table.schema["when"].note


def test_phone_numbers_are_not_taken_for_thousands(tmp_path):
    cells = [f"5{i % 10}5 {i:03d} {977 - i:03d}" for i in range(30)]
    table, _ = read(tmp_path, cells)
    column = table.schema["when"]
    assert column.kind.value == "identifier"
    assert "--thousands ' ' reads them as numbers" in column.note


def test_cases(cases, tmp_path):
    for name, form in (("isoz.csv", "%Y-%m-%dT%H:%M:%SZ"), ("dMonY.csv", "%d %b %Y")):
        table = read_table(cases / name)
        assert (table.schema["when"].kind.value, table.schema["when"].date_format) == ("date", form)
        source = [line.split(",")[1] for line in (cases / name).read_text().splitlines()]
        assert [line.split(",")[1] for line in again(table, tmp_path)] == source
    table = read_table(cases / "formats" / "f40_time.csv")
    assert (table.schema["t"].kind.value, table.schema["t"].clock) == ("count", "%H:%M")
    again(table, tmp_path)
    assert (tmp_path / "copy.csv").read_bytes() == (cases / "formats" / "f40_time.csv").read_bytes()
