"""Codes for missing values through the whole job: --na, chain.toml, copies, evaluate."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    """A table in which -9 and ' ?' stand for missing values."""
    rng = np.random.default_rng(2)
    x = rng.normal(50, 9, 120).round(1)
    table = pd.DataFrame({"g": rng.choice(["a", "b"], 120), "x": x, "n": rng.poisson(3, 120)})
    table["n"] = np.where(rng.random(120) < 0.2, -9, table["n"])
    cells = table.astype(str)
    cells.loc[rng.random(120) < 0.2, "x"] = " ?"
    path = tmp_path_factory.mktemp("coded") / "coded.csv"
    cells.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def folder(cli, coded):
    """Copies of it."""
    out = coded.parent / "out"
    cli("synthesize", coded, "--na", "-9,77", "-m", 2, "--seed", 1, "-o", out)
    return out


def test_copies_write_missing_values_as_the_source_does(folder):
    for path in sorted((folder / "copies").iterdir()):
        copy = pd.read_csv(path, dtype=str)
        assert 8 < (copy["n"] == "-9").sum() < 45
        assert 8 < (copy["x"] == " ?").sum() < 45
        numbers = copy["n"][copy["n"] != "-9"].astype(float)
        assert numbers.min() > -9 and copy.notna().all(axis=None)


def test_a_chain_file_holds_the_codes_and_reads_the_file_alike(cli, coded, folder, tmp_path):
    assert 'n = {kind = "count", decimals = 0, na = ["-9", "77"]' in (
        (folder / "chain.toml").read_text()
    )
    cli("synthesize", coded, "--chain", folder / "chain.toml", "-m", 1, "-o", tmp_path / "again")
    (path,) = (tmp_path / "again" / "copies").iterdir()
    again = pd.read_csv(path, dtype=str)
    assert (again["n"] == "-9").sum() > 8


def test_evaluate_and_pool_take_codes_for_missing(cli, coded, folder):
    said = cli("evaluate", folder, "--data", coded).stdout
    assert "n" in said
    said = cli("pool", folder, "--formula", "x ~ n", "--data", coded).stdout
    assert "missing" in said


def test_codes_of_one_column_on_the_command_line(cli, coded):
    said = " ".join(cli("describe", coded, "--na", "n=-9").stdout.split())
    assert "'-9'" in said and "is read as missing, as declared" in said
    said = " ".join(cli("describe", coded).stdout.split())
    assert "looks like a code for missing: --na n=-9 reads it as that" in said


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("z=-9", "na: unknown column 'z'; allowed: 'g', 'n', 'x'"),
        ("n=", "--na 'n=': write it as CODES or COLUMN=CODES, for example --na -9,99"),
    ],
)
def test_options_that_cannot_be(cli, coded, value, text):
    result = cli("describe", coded, "--na", value, code=2)
    assert text in " ".join(result.stderr.split())


def test_codes_in_a_chain_file_are_texts_or_numbers(cli, coded, folder, tmp_path):
    chain = tmp_path / "chain.toml"
    text = (folder / "chain.toml").read_text()
    chain.write_text(text.replace('na = ["-9", "77"]', "na = [-9]", 1))
    cli("describe", coded, "--chain", chain)
    chain.write_text(text.replace('na = ["-9", "77"]', "na = [true]", 1))
    result = cli("describe", coded, "--chain", chain, code=2)
    assert "the code True is of type bool; give texts or numbers" in " ".join(result.stderr.split())
