"""Every awkward file gives a Table or an error that says what to do."""

import re

import pytest

from posynth.errors import TableError
from posynth.table import read_table

REFUSED = {
    "01_empty_file.csv": r"01_empty_file\.csv: the file is empty .*expected a header and rows",
    "03_one_row.csv": r"03_one_row\.csv: the table has 1 row; at least 10 are needed.*single",
    "09_dup_colnames.csv": r"column name 'x' stands at positions 1, 2; give each column a name",
    "15_inf.csv": r"15_inf\.csv: column 'y' holds inf in 48 of 200 rows.*write a missing value",
    "29_ragged.csv": r"29_ragged\.csv: line 9 has 4 fields, the header has 3; mend the line",
}

# file: (column, kind, what its note says)
READ = {
    "00_control.csv": ("x", "continuous", "numbers with decimals"),
    "05_one_column.csv": ("x", "continuous", "numbers with decimals"),
    "07_constant_num.csv": ("k", "constant", "one distinct value"),
    "11_free_text.csv": ("t", "text", "free text: 200 distinct values in 200 rows"),
    "13_dates_iso.csv": ("d", "date", "every value is a date"),
    "17_overflow_ints.csv": ("h", "identifier", "integers of more than 15 digits"),
    "19_bool_na.csv": ("b", "binary", "values are missing"),
    "21_rare_level.csv": ("r", "nominal", "1 level is seen in one row only"),
    "23_perfect_collinear.csv": ("x2", "continuous", "numbers with decimals"),
    "25_heavy_tail.csv": ("p", "continuous", "numbers with decimals"),
    "27_wide.csv": ("v059", "continuous", "numbers with decimals"),
    "31_semicolon.csv": ("x", "continuous", "numbers with decimals"),
    "33_95pct_missing.csv": ("s", "continuous", "of 200 values are missing"),
    "35_formula_injection.csv": ("f", "nominal", "4 levels are text that a spreadsheet would run"),
    "37_whitespace_levels.csv": ("w", "nominal", "different from another by case or blanks only"),
    "39_separation.csv": ("y", "binary", "two distinct values"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_unusable_file_is_refused_in_words(torture, name):
    with pytest.raises(TableError, match=REFUSED[name]):
        read_table(torture / name)


@pytest.mark.parametrize("name", sorted(READ))
def test_awkward_file_is_read_and_explained(torture, name):
    column, kind, note = READ[name]
    table = read_table(torture / name)
    assert table.schema[column].kind == kind
    assert note in table.schema[column].note
    assert table.source.name == name


def test_no_awkward_file_is_left_out(torture):
    assert {path.name for path in torture.glob("*.csv")} == set(REFUSED) | set(READ)


def test_notes_quote_no_value(torture):
    for name in ("21_rare_level.csv", "37_whitespace_levels.csv", "11_free_text.csv"):
        table = read_table(torture / name)
        for column in table.schema:
            words = set(re.findall(r"[a-z]+", column.note))
            assert not words & {"rare", "slept", "mat", "yes"}


def test_levels_that_differ_by_blanks_are_kept_exactly(torture):
    levels = read_table(torture / "37_whitespace_levels.csv").schema["w"].levels
    assert levels == (" yes", "Yes", "yes", "yes ")


def test_schema_keeps_no_value_of_identifiers_and_text(torture):
    for name, column in (("11_free_text.csv", "t"), ("17_overflow_ints.csv", "h")):
        assert read_table(torture / name).schema[column].levels == ()
