"""A stored posterior is checked before anything is made of it: types, ranges, sizes, shapes."""

import json
import shutil

import h5netcdf
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import posynth
from posynth.errors import FitError, PosynthError, SpecError, StoreError
from posynth.families.cart import leaf_of
from posynth.posterior.store import save_posterior


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Give the folder of a small posterior: learned scale, levels, a formula that learns."""
    rng = np.random.default_rng(2)
    age = rng.integers(20, 80, 200)
    table = pd.DataFrame({"age": age, "w": rng.choice(["a", "b", "c"], 200)})
    table["y"] = (np.exp(age / 40) + rng.normal(size=200)).round(2)
    chain = posynth.specify(table).change("y", formula="poly(age, 2) + w")
    place = tmp_path_factory.mktemp("saved") / "posterior"
    save_posterior(posynth.fit(table, chain, seed=1), place)
    return place


@pytest.fixture
def changed(saved, tmp_path):
    """Give a function that sets one entry of posterior.json, named by its path."""
    folder = shutil.copytree(saved, tmp_path / "posterior")
    file = folder / "posterior.json"

    def change(path, value):
        facts = json.loads(file.read_text())
        entry = facts
        *places, last = path
        for place in places:
            entry = entry[place]
        entry[last] = value
        file.write_text(json.dumps(facts))
        return folder

    return change


CODING = ("links", "y", "coding")
WRONG = {
    ("schema", "rows"): [1e9, -1, 0, "many", None, True, 1.5, [200]],
    ("schema", "columns"): ["age", [3], [{"name": "age"}]],
    ("schema", "columns", 0, "decimals"): [1e6, 10**9, -3, "two"],
    ("schema", "columns", 0, "missing"): [10**9, -1, 0.5],
    ("schema", "columns", 0, "name"): [3, ["age"], "agee"],
    ("schema", "columns", 1, "levels"): ["abc", 7, [["a"]]],
    ("schema", "columns", 1, "kind"): ["nominall", 3],
    ("schema", "columns", 0, "dtype"): [3, "U1000000000", "<V999999999", "no such dtype"],
    ("source", "delimiter"): [3, None, ["a"], "", ",,"],
    ("source", "encoding"): [0, "zip", "no such encoding"],
    ("source", "newline"): ["x"],
    ("source", "format"): ["exe"],
    ("source", "name"): ["../../table.csv", "C:\\table.csv"],
    ("seed",): ["one", 1.5, None],
    ("format",): ["two", None, 99],
    ("digest",): [3, "0000"],
    ("spec",): [[], "spec", {}],
    ("links",): [{}, [], None],
    ("learned",): [[], {"y": {}}, {"y": []}],
    (*CODING, "center"): ["0", None, 1e999, True, [0.0]],
    (*CODING, "scale"): [0, -1.0, "1", 1e999],
    (*CODING, "unit"): [0.0, None],
    (*CODING, "reference"): [5, -1, 0.5],
    (*CODING, "levels"): ["ab", [1, 2]],
    (*CODING, "predictors"): [["a"], "a", [1]],
    (*CODING, "warp"): ["line", [None], [1e999]],
    (*CODING, "encoder"): [[], "x", {"columns": 3}],
    (*CODING, "encoder", "keep"): [[-1], [0], "01", [0.5]],
    (*CODING, "encoder", "center"): [["a"], [1e999], []],
    (*CODING, "encoder", "scale"): [[0.0, 0.0, 0.0, 0.0], [-1.0]],
    (*CODING, "encoder", "formula"): [3, "poly(agee, 2)", "poly(age, 3) + w", "age +"],
    (*CODING, "encoder", "fill"): [{"age": "a"}, [1.0]],
    (*CODING, "encoder", "state"): [{"map": []}, {"map": [["poly(age, 2)", {"array": ["a"]}]]}],
    ("links", "y", "diagnosis", "n"): [10**9, -1, "200"],
    ("links", "y", "diagnosis", "passed"): ["yes", 1],
}
CASES = [(path, value) for path, values in WRONG.items() for value in values]


@pytest.mark.parametrize(("path", "value"), CASES, ids=range(len(CASES)))
def test_a_wrong_entry_ends_in_a_sentence(changed, path, value):
    folder = changed(path, value)
    with pytest.raises(PosynthError) as caught:
        posynth.draw(posynth.load_posterior(folder), 2, seed=1)
    said = str(caught.value)
    assert len(said) < 900
    assert any(word in said for word in ("posterior", "formula", "column", "schema", "conditional"))


TEXTS = [
    (("schema", "rows"), 1e9, "schema: rows = 1000000000.0; it must be a whole number above 0"),
    (("schema", "columns", 0, "decimals"), 10**9, "'age': decimals = 1000000000; .* 0 to 30"),
    ((*CODING, "center"), "0", "conditional 'y', coding: center = '0'; .* a finite number"),
    ((*CODING, "warp"), [None], r"warp = \[None\]; it must be a list, each a finite number"),
    (("links", "y", "diagnosis", "n"), 10**9, "n = 1000000000; it was fitted on 0 to 200 rows"),
    (("source", "delimiter"), 3, "source: delimiter = 3; it must be a text"),
    (("schema", "columns", 0, "name"), "agee", "unknown column 'age'; allowed: 'agee'"),
]


@pytest.mark.parametrize(("path", "value", "text"), TEXTS, ids=range(len(TEXTS)))
def test_the_sentence_names_field_value_and_what_is_allowed(changed, path, value, text):
    with pytest.raises(StoreError, match=text):
        posynth.load_posterior(changed(path, value))


def test_many_rows_are_drawn_only_where_they_are_asked_for(changed):
    posterior = posynth.load_posterior(changed(("schema", "rows"), 10**9))
    text = r"rows = 1000000000, so a copy would have as many; more than 20000000 .* -k ROWS"
    with pytest.raises(StoreError, match=text):
        posynth.draw(posterior, 2)
    assert len(posynth.draw(posterior, 2, 50)[0]) == 50
    with pytest.raises(SpecError, match="copies"):
        posynth.draw(posterior, 10**9, 50)


def _redraw(folder, change):
    file = folder / "draws.nc"
    with xr.open_datatree(file, engine="h5netcdf") as tree:
        data = {group: tree[group].to_dataset().load() for group in tree.groups}
    data["/y/posterior"] = change(data["/y/posterior"])
    xr.DataTree.from_dict(data).to_netcdf(file, engine="h5netcdf", mode="w")


DRAWS = {
    "text": (lambda d: d.assign(alpha=d["alpha"].astype(str)), "alpha holds .*, not numbers"),
    "not finite": (lambda d: d.assign(alpha=d["alpha"] * np.nan), "alpha .* not finite"),
    "transposed": (lambda d: d.transpose("draw", "chain", ...), r"dims \('draw', 'chain'"),
    "no draw": (lambda d: d.isel(draw=slice(0, 0)), r"dims .*, not \(chain, draw"),
    "one coefficient less": (
        lambda d: d.isel(predictor=slice(1, None)),
        "coefficients for . predictors; the files do not belong together",
    ),
}


@pytest.mark.parametrize("case", DRAWS)
def test_draws_of_another_form_are_refused(saved, tmp_path, case):
    folder = shutil.copytree(saved, tmp_path / "posterior")
    change, text = DRAWS[case]
    _redraw(folder, change)
    with pytest.raises(StoreError, match=text):
        posynth.load_posterior(folder)


def test_a_parameter_that_is_missing_ends_in_a_sentence(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "posterior")
    _redraw(folder, lambda d: d.drop_vars("sigma"))
    with pytest.raises(StoreError, match=r"cannot be drawn from \(KeyError: 'sigma'\)"):
        posynth.draw(posynth.load_posterior(folder), 2)


def test_draws_that_would_fill_the_memory_are_not_read(saved, tmp_path):
    """A compressed file of a few kB can hold 10^10 zeros."""
    folder = shutil.copytree(saved, tmp_path / "posterior")
    with h5netcdf.File(folder / "draws.nc", "a") as file:
        group = file["y/posterior"]
        group.dimensions["wide"] = 10**8
        dims = ("chain", "draw", "wide")
        group.create_variable("bomb", dims, "f8", chunks=(1, 1, 10**5), compression="gzip")
    assert (folder / "draws.nc").stat().st_size < 1_000_000
    with pytest.raises(StoreError, match=r"bomb would hold \d+ numbers: 500000000 at most"):
        posynth.load_posterior(folder)


def test_a_tree_that_leads_back_to_itself_ends():
    splits = {
        "left": np.array([0]),
        "right": np.array([0]),
        "feature": np.array([0]),
        "threshold": np.array([0.5]),
    }
    with pytest.raises(FitError, match="a tree leads back to itself; fit again"):
        leaf_of(splits, np.zeros((3, 1)))


def test_on_the_command_line_it_is_one_sentence(saved, changed):
    from typer.testing import CliRunner

    from posynth.cli import app

    folder = changed(("schema", "rows"), 1e9)
    result = CliRunner().invoke(app, ["draw", str(folder), "-o", str(folder.parent / "out")])
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert "rows = 1000000000.0" in " ".join(result.output.split())
