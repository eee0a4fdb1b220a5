"""`posynth synthesize DATA -o OUT`: what OUT holds, and that copies look like their source."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import posynth
from posynth import load_posterior, read_table
from posynth.chain.toml import read_chain

SEPARATORS = {"csv": ",", "tsv": "\t"}


def _write(people, path):
    if path.suffix == ".parquet":
        typed = people.assign(
            edu=pd.Categorical(people["edu"], ["low", "middle", "high"], ordered=True),
            visit=pd.to_datetime(people["visit"]),
        )
        typed.to_parquet(path, index=False)
    else:
        people.to_csv(path, sep=SEPARATORS[path.suffix[1:]], index=False)
    return path


def _decimals(cells):
    return {len(cell.partition(".")[2]) for cell in cells if cell}


def test_the_output_holds_every_part_and_nothing_else(output):
    folder, _ = output
    parts = ["chain.toml", "copies", "diagnostics.csv", "manifest.json", "posterior"]
    assert sorted(p.name for p in folder.iterdir()) == parts
    assert sorted(p.name for p in (folder / "copies").iterdir()) == [
        "copy-01.csv",
        "copy-02.csv",
        "copy-03.csv",
    ]
    assert sorted(p.name for p in (folder / "posterior").iterdir()) == [
        "draws.nc",
        "posterior.json",
    ]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_copies_have_the_form_of_the_source(cli, people, tmp_path, suffix):
    source = _write(people, tmp_path / f"people.{suffix}")
    out = tmp_path / "out"
    cli("synthesize", source, "-m", 2, "-k", 90, "--seed", 1, "--workers", 1, "-o", out)
    ending = "parquet" if suffix == "parquet" else "csv"
    original, copy = read_table(source), out / "copies" / f"copy-02.{ending}"
    found = read_table(copy, kinds={c.name: c.kind.value for c in original.schema})
    assert found.schema.names == original.schema.names
    assert found.schema.rows == 90
    for column in original.schema:
        again = found.schema[column.name]
        assert again.dtype == column.dtype
        assert again.decimals == column.decimals
        if column.kind.is_categorical:
            assert set(again.levels) <= set(column.levels)
            assert set(found.frame[column.name].dropna()) <= set(column.levels)
    assert found.frame["income"].isna().any() == (original.schema["income"].missing > 0)


def test_a_parquet_copy_keeps_dtypes_and_categories(cli, people, tmp_path):
    source = _write(people, tmp_path / "people.parquet")
    out = tmp_path / "out"
    cli("synthesize", source, "-m", 2, "--seed", 1, "--workers", 1, "-o", out)
    original = pd.read_parquet(source)
    copy = pd.read_parquet(out / "copies" / "copy-01.parquet")
    pd.testing.assert_series_equal(copy.dtypes, original.dtypes)
    assert list(copy["edu"].cat.categories) == ["low", "middle", "high"]
    assert copy["edu"].cat.ordered


def test_a_text_copy_keeps_the_dialect(output, people_csv):
    folder, _ = output
    lines = (folder / "copies" / "copy-01.csv").read_text().splitlines()
    assert lines[0] == people_csv.read_text().splitlines()[0]
    cells = [line.split(",") for line in lines[1:]]
    assert len(cells) == 160 and {len(row) for row in cells} == {8}
    age, bmi, income, visit = ([row[i] for row in cells] for i in (1, 3, 5, 6))
    assert all(re.fullmatch(r"-?\d+", cell) for cell in age)
    assert _decimals(bmi) == {1}
    assert max(_decimals(income)) == 2
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", cell) for cell in visit)
    assert 0 < income.count("") < 160


def test_the_posterior_is_one_group_a_conditional(output):
    folder, _ = output
    targets = {"age", "edu", "bmi", "smoke", "income_missing", "income", "visit"}
    with xr.open_datatree(folder / "posterior" / "draws.nc", engine="h5netcdf") as tree:
        assert set(tree.children) == targets
        for target in targets:
            sizes = tree[target]["posterior"].sizes
            assert sizes["chain"] == 4 and sizes["draw"] >= 100
            assert set(tree[target].children) == {"posterior"}
        assert "predictor" in tree["bmi"]["posterior"]["beta"].dims


def test_the_manifest_says_what_the_copies_are(output, people):
    folder, _ = output
    manifest = json.loads((folder / "manifest.json").read_text())
    posterior = load_posterior(folder)
    expected = {
        "posynth": posynth.__version__,
        "spec_hash": posterior.spec.digest(),
        "source": "people.csv",
        "n": len(people),
        "k": len(people),
        "m": 3,
        "seed": 1,
        "fit_seed": 1,
        "proper": True,
        "complete": True,
        "unsynthesised": [],
        "filled": {"key": "identifier", "remark": "text"},
        "missing": "pattern",
        "passed": True,
    }
    assert expected.items() <= manifest.items()
    assert manifest["priors"]["smoke"] == {
        "family": "bernoulli",
        "prior": "weak",
        "scales": {"intercept": 5.0, "slope": 2.5},
    }
    assert {"pymc", "pytensor", "numpy", "pandas"} <= set(manifest["versions"])
    assert set(manifest["engines"]) == set(posterior.spec.targets)


def test_the_diagnostics_cover_every_conditional(output):
    folder, _ = output
    table = pd.read_csv(folder / "diagnostics.csv").set_index("target")
    assert tuple(table.index) == load_posterior(folder).spec.targets
    assert table["passed"].all() and table["proper"].all()
    assert (table["ess"] >= 400).all() and (table["r_hat"] < 1.05).all()
    assert table.loc["bmi", "engine"] == "exact" and table.loc["smoke", "engine"] != "exact"
    assert table.loc["income", "n"] < table.loc["bmi", "n"] == 160


def test_the_written_chain_gives_the_same_copies(output, cli, people_csv, tmp_path):
    folder, _ = output
    chain, again = folder / "chain.toml", tmp_path / "again"
    options = ("-m", 3, "--seed", 1, "--workers", 1)
    cli("synthesize", people_csv, *options, "--chain", chain, "-o", again)
    assert read_chain(again / "chain.toml")[0] == read_chain(chain)[0]
    hashes = [json.loads((f / "manifest.json").read_text())["spec_hash"] for f in (folder, again)]
    assert hashes[0] == hashes[1]
    for copy in (folder / "copies").iterdir():
        assert (again / "copies" / copy.name).read_bytes() == copy.read_bytes()


def test_options_are_followed(cli, people_csv, tmp_path):
    out = tmp_path / "out"
    options = ("-m", 2, "-k", 40, "--seed", 5, "--order", "visit,bmi", "--format", "parquet")
    kinds = ("--kind", "age=continuous", "--kind", "edu=ordinal")
    methods = ("--method", "smoke=categorical", "--method", "edu=categorical")
    cli("synthesize", people_csv, *options, *kinds, *methods, "--workers", 1, "-o", out)
    copies = [pd.read_parquet(out / "copies" / f"copy-0{i}.parquet") for i in (1, 2)]
    assert [c.shape for c in copies] == [(40, 8)] * 2
    posterior = load_posterior(out)
    assert posterior.spec.targets[:2] == ("visit", "bmi")
    assert posterior.spec["smoke"].family == "categorical"
    assert posterior.schema["age"].kind == "continuous"
    assert posterior.schema["edu"].kind == "ordinal"
    assert json.loads((out / "manifest.json").read_text())["seed"] == 5


@pytest.mark.parametrize("engine", ["laplace", "hmc", "nuts"])
def test_the_engine_asked_for_is_used_and_recorded(cli, people, tmp_path, engine):
    source, out = tmp_path / "two.csv", tmp_path / "out"
    people[["age", "smoke"]].to_csv(source, index=False)
    options = ("-m", 2, "--seed", 1, "--workers", 1, "--engine", engine)
    cli("synthesize", source, *options, "--method", "age=gaussian", "-o", out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["engines"] == {"age": engine, "smoke": engine}


def test_an_indicator_is_the_only_sign_of_a_hole(output, people):
    copy = pd.read_csv(output[0] / "copies" / "copy-01.csv")
    others = copy.drop(columns="income")
    assert not others.isna().any().any()
    assert np.isfinite(copy["income"].dropna()).all()
    assert list(copy.columns) == list(people.columns)
