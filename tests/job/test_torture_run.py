"""Every awkward file gives a sensible synthesis or an error that says what to do."""

import json

import numpy as np
import pandas as pd
import pytest

from posynth import read_table
from posynth.errors import TableError

REFUSED = {
    "01_empty_file.csv": "01_empty_file.csv: the file is empty",
    "03_one_row.csv": "03_one_row.csv: the table has 1 row; at least 10 are needed",
    "09_dup_colnames.csv": "09_dup_colnames.csv: column name 'x' stands at positions 1, 2; give",
    "15_inf.csv": "15_inf.csv: column 'y' holds inf in 48 of 200 rows",
    "29_ragged.csv": "29_ragged.csv: line 9 has 4 fields, the header has 3; mend the line",
}
SYNTHESISED = (
    "00_control.csv",
    "05_one_column.csv",
    "07_constant_num.csv",
    "11_free_text.csv",
    "13_dates_iso.csv",
    "17_overflow_ints.csv",
    "19_bool_na.csv",
    "21_rare_level.csv",
    "23_perfect_collinear.csv",
    "25_heavy_tail.csv",
    "27_wide.csv",
    "31_semicolon.csv",
    "33_95pct_missing.csv",
    "35_formula_injection.csv",
    "37_whitespace_levels.csv",
    "39_separation.csv",
)


def test_no_awkward_file_is_left_out_of_the_run(torture):
    assert {path.name for path in torture.glob("*.csv")} == {*REFUSED, *SYNTHESISED}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unusable_file_is_refused_on_the_command_line(cli, said, torture, tmp_path, name):
    result = cli("synthesize", torture / name, "-m", 2, "-o", tmp_path / "out", code=2)
    assert REFUSED[name] in said(result.stderr)
    assert result.stderr.count("Error:") == 1 and not result.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", SYNTHESISED)
def test_an_awkward_file_is_synthesised_sensibly(cli, torture, tmp_path, name):
    out = tmp_path / "out"
    cli("synthesize", torture / name, "-m", 2, "--seed", 1, "--workers", 1, "-o", out)
    original = read_table(torture / name)
    kinds = {c.name: c.kind.value for c in original.schema if c.kind != "constant"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["n"], manifest["k"], manifest["m"]) == (len(original.frame),) * 2 + (2,)
    assert manifest["proper"] and manifest["passed"]
    for copy in sorted((out / "copies").iterdir()):
        found = _read_like(copy, original, kinds)
        assert list(found.columns) == list(original.schema.names)
        assert len(found) == len(original.frame)
        for column in original.schema:
            CHECKS[_group(column)](original.frame[column.name], found[column.name], column)


def _read_like(copy, original, kinds):
    """Read a copy as its source was read; levels that were not drawn may change a guess."""
    try:
        return read_table(copy, kinds=kinds).frame
    except TableError:
        return read_table(copy).frame


def _group(column):
    if column.kind.is_categorical:
        return "levels"
    return "numbers" if column.kind.is_numeric and column.kind != "date" else column.kind.value


def _check_levels(source, copy, column):
    assert set(map(str, copy.dropna())) <= set(map(str, column.levels))
    for level in column.levels:
        before, after = (np.mean(series.astype(str) == str(level)) for series in (source, copy))
        # Sampling and parameter draw: sd of the difference below sqrt(2 * 0.25 / 200) = 0.05.
        assert abs(before - after) < 0.2, (column.name, level)


def _check_numbers(source, copy, column):
    source, copy = source.dropna().astype(float), copy.dropna().astype(float)
    assert np.isfinite(copy).all()
    if len(source) > 30:
        spread = source.std()
        # A copy's mean differs by sampling and by its parameter draw: two standard errors' worth.
        assert abs(copy.mean() - source.mean()) < 5 * np.sqrt(2 / len(source)) * spread
        # Between the outer hundredths: the sd of a tail without variance is that of one value.
        low, high = np.quantile(source, [0.01, 0.99])
        ratio = np.clip(copy, low, high).std() / np.clip(source, low, high).std()
        assert 0.5 < ratio < (2 if len(source) >= 100 else 5)
        # Full precision stays full, and a column of two decimals keeps two.
        assert column.decimals is None or np.allclose(copy, np.round(copy, column.decimals))


def _check_dates(source, copy, column):
    source, copy = pd.to_datetime(source), pd.to_datetime(copy)
    margin = source.max() - source.min()
    assert copy.between(source.min() - margin, source.max() + margin).all()


def _check_filled(source, copy, column):
    assert not set(map(str, source)) & set(map(str, copy))


def _check_constant(source, copy, column):
    assert set(map(str, copy)) == set(map(str, source))


CHECKS = {
    "levels": _check_levels,
    "numbers": _check_numbers,
    "date": _check_dates,
    "text": _check_filled,
    "identifier": _check_filled,
    "constant": _check_constant,
}


def test_holes_are_reproduced_where_almost_all_is_missing(cli, torture, tmp_path):
    out = tmp_path / "out"
    cli("synthesize", torture / "33_95pct_missing.csv", "-m", 2, "--seed", 1, "-o", out)
    source = read_table(torture / "33_95pct_missing.csv").frame["s"]
    shares = [pd.read_csv(path)["s"].isna().mean() for path in (out / "copies").iterdir()]
    error = np.sqrt(2 * 0.05 * 0.95 / len(source))
    assert all(abs(share - source.isna().mean()) < 4 * error for share in shares)


def test_a_rare_level_is_drawn_rarely(cli, torture, tmp_path):
    out = tmp_path / "out"
    cli("synthesize", torture / "21_rare_level.csv", "-m", 2, "-k", 3000, "--seed", 1, "-o", out)
    schema = read_table(torture / "21_rare_level.csv").schema
    rows = read_table(torture / "21_rare_level.csv").frame["r"]
    rare = rows.value_counts().idxmin()
    drawn = pd.concat([pd.read_csv(path)["r"] for path in (out / "copies").iterdir()])
    assert rare in schema["r"].levels
    assert (drawn == rare).mean() < 0.03


def test_more_columns_than_rows_do_not_amplify_each_other(cli, torture, tmp_path):
    out = tmp_path / "out"
    cli("synthesize", torture / "27_wide.csv", "-m", 5, "--seed", 2, "--workers", 1, "-o", out)
    source = pd.read_csv(torture / "27_wide.csv")
    copies = [pd.read_csv(path) for path in (out / "copies").iterdir()]
    ratio = np.mean([copy.std() / source.std() for copy in copies], axis=0)
    # Each column is noise of its own: 1 is right, and 59 predictors in 40 rows cost some precision.
    assert np.median(ratio) < 1.4
    assert ratio[-20:].mean() < 1.6
    assert "slopes shrunk: 59 predictors for 40 rows" in (out / "chain.toml").read_text()
