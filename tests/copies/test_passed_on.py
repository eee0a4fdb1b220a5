"""Copies and their manifest suffice to pool; what needs the posterior says so."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.codebook import Codebook, private_codebook, public_codebook
from posynth.copies.manifest import public_manifest
from posynth.errors import StoreError, TableError
from posynth.table.schema import Column, Kind, Schema
from posynth.table.source import Source

FORMULA = "platelets ~ age + sex + edu"


@pytest.fixture(scope="module")
def table(heart):
    """Labels, an ordered category, numbers with missing values, a date, a key, a constant."""
    rng = np.random.default_rng(8)
    table = heart[["sex", "age", "platelets", "deceased"]].copy()
    edu = rng.choice(["low", "middle", "high"], len(table), p=[0.5, 0.3, 0.2])
    table["edu"] = pd.Categorical(edu, ["low", "middle", "high"], ordered=True)
    table.loc[::5, "platelets"] = np.nan
    table["visit"] = pd.Timestamp("2020-03-01") + pd.to_timedelta(rng.integers(0, 90, 299), "D")
    table["key"] = [f"K{i * 7919 % 100003:06d}" for i in range(299)]
    table["unit"] = "clinic"
    return table


@pytest.fixture(scope="module")
def copies(table):
    return posynth.synthesize(table, m=3, k=200, seed=20261)


def _pass_on(copies, place, format, drop=(), public=False):
    """Save an output, and keep only what a recipient gets."""
    copies.save(place / "out", format)
    shutil.copytree(place / "out" / "copies", place / "got" / "copies")
    manifest = json.loads((place / "out" / "manifest.json").read_text("utf-8"))
    kept = {key: value for key, value in manifest.items() if key not in drop}
    if public:
        kept = public_manifest(kept) | {key: kept[key] for key in ("columns", "dialect")}
    (place / "got" / "manifest.json").write_text(json.dumps(kept), encoding="utf-8")
    return place / "got"


@pytest.mark.parametrize("format", ["csv", "parquet"])
@pytest.mark.parametrize("public", [False, True])
def test_copies_and_manifest_give_the_same_inference(copies, tmp_path, format, public):
    folder = _pass_on(copies, tmp_path, format, public=public)
    got = posynth.load_copies(folder)
    for read, made in zip(got, copies, strict=True):
        pd.testing.assert_frame_equal(read, made)
    here = posynth.pool(folder, "ols", FORMULA)
    there = posynth.pool(copies, "ols", FORMULA)
    pd.testing.assert_frame_equal(here.table, there.table, rtol=1e-12)
    assert here.text == there.text
    logit = posynth.pool(folder, "logit", "deceased ~ age")
    pd.testing.assert_frame_equal(
        logit.table, posynth.pool(copies, "logit", "deceased ~ age").table, rtol=1e-12
    )


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_without_a_description_columns_are_inferred_and_that_is_said(copies, tmp_path, format):
    folder = _pass_on(copies, tmp_path, format, drop=("columns", "dialect"))
    here = posynth.pool(folder, "ols", "platelets ~ age + sex")
    there = posynth.pool(copies, "ols", "platelets ~ age + sex")
    pd.testing.assert_frame_equal(here.table, there.table, rtol=1e-12)
    assert "were inferred from the copies" in here.text
    assert "inferred" not in there.text


def test_inferred_columns_have_one_type_and_the_levels_of_all_copies(tmp_path):
    (tmp_path / "copies").mkdir()
    rows = {"1": "x;y;z\n" + "1;a;7\n" * 12, "2": "x;y;z\n" + "0,5;b;7\n" * 12}
    for number, text in rows.items():
        (tmp_path / "copies" / f"copy-{number}.csv").write_text(text)
    manifest = {"n": 30, "k": 12, "m": 2, "proper": True}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    copies = posynth.load_copies(tmp_path)
    assert [str(frame["x"].dtype) for frame in copies] == ["float64", "float64"]
    assert copies[1]["x"].eq(0.5).all()
    assert copies.schema["y"].levels == ("a", "b")
    assert copies.schema.rows == 30


def test_the_manifest_tells_neither_counts_nor_notes_of_the_source(copies):
    told = {column["name"]: column for column in copies.manifest()["columns"]}
    assert told["platelets"]["missing"] == 1
    assert copies.posterior.schema["platelets"].missing == 60
    assert not any("note" in column for column in told.values())


@pytest.mark.parametrize(
    "call",
    [
        lambda folder: posynth.pool(folder, "ols", FORMULA, impute=2),
        lambda folder: posynth.load_copies(folder).diagnostics(),
        lambda folder: posynth.load_copies(folder).tree,
        lambda folder: posynth.load_copies(folder).save(folder / "again"),
    ],
)
def test_what_needs_the_posterior_says_so_with_the_next_step(copies, tmp_path, call):
    folder = _pass_on(copies, tmp_path, "csv")
    with pytest.raises(StoreError, match=r"passed on without their posterior.*ask whoever made"):
        call(folder)


def test_drawing_and_diagnosing_name_the_folder_that_can(copies, tmp_path):
    folder = _pass_on(copies, tmp_path, "csv")
    with pytest.raises(StoreError, match=r"no posterior in .*got.*passed on without it"):
        posynth.load_posterior(folder)


def test_a_public_manifest_beside_the_posterior_lacks_the_seed_and_says_so(copies, tmp_path):
    folder = copies.save(tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps(public_manifest(manifest)))
    got = posynth.load_copies(folder)
    assert posynth.pool(got, "ols", FORMULA).names == posynth.pool(copies, "ols", FORMULA).names
    with pytest.raises(StoreError, match="a public one, without seeds"):
        posynth.pool(got, "ols", FORMULA, impute=2)


def test_copies_passed_on_are_evaluated_as_far_as_they_can_be(copies, table, tmp_path):
    folder = _pass_on(copies, tmp_path, "parquet")
    found = posynth.evaluate(folder, table, keys=["sex", "age"], target="deceased")
    by_name = {r.measure: r for r in found}
    assert np.isfinite(by_name["S_pMSE"].value)
    assert np.isfinite(by_name["DiSCO"].value)
    for name in ("log score", "attribute risk"):
        assert np.isnan(by_name[name].value)
        assert "Not measured: these copies were passed on without their posterior" in (
            by_name[name].text
        )


def test_shown_copies_say_that_they_were_passed_on(copies, tmp_path):
    got = posynth.load_copies(_pass_on(copies, tmp_path, "csv"))
    assert repr(got) == (
        "3 copies of 200 rows from a source of 299 rows, proper, passed on without their posterior"
    )
    assert not got.has_posterior
    assert got.to_xarray().sizes == {"copy": 3, "row": 200}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": 3}, "describes the columns in a way that cannot be read"),
        ({"columns": [{"name": "x"}]}, "field 'kind' is missing"),
        ({"columns": [{"name": "x", "kind": "count", "dtype": "int65"}]}, "cannot be read"),
        ({"columns": [{"name": "x", "kind": "number", "dtype": "int64"}]}, "Did you mean|unknown"),
        ({"dialect": {"encoding": "no such"}}, "unknown encoding"),
        ({"dialect": {"delimiter": ["a"]}}, '"delimiter" must be string'),
        ({"n": "many"}, "n = 'many', which is no whole number above 0"),
        ({"k": True}, "k = True, which is no whole number above 0"),
        ({"m": 0}, "m = 0, which is no whole number above 0"),
    ],
)
def test_a_manifest_with_wrong_entries_is_refused_without_a_traceback(
    copies, tmp_path, change, said
):
    folder = _pass_on(copies, tmp_path, "csv")
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change))
    with pytest.raises(StoreError, match=said):
        posynth.load_copies(folder)


def test_a_folder_without_manifest_points_to_pooling_frames(copies, tmp_path):
    folder = _pass_on(copies, tmp_path, "csv")
    (folder / "manifest.json").unlink()
    with pytest.raises(StoreError, match=r"posynth.pool\(frames, n=ROWS OF THE SOURCE"):
        posynth.load_copies(folder)


def test_a_public_codebook_lists_no_level_that_no_copy_has():
    rare = Column("town", Kind.NOMINAL, "category", ("A", "B", "Nowhere"), missing=3)
    few = Column("ill", Kind.BINARY, "str", ("no", "yes"), missing=1, missing_text="NA")
    frames = [
        pd.DataFrame({"town": pd.Categorical(t, ["A", "B", "Nowhere"]), "ill": ["no"] * 2})
        for t in (["A", "A"], ["B", None])
    ]
    book = public_codebook(private_codebook(Schema((rare, few), 40), Source()), frames)
    assert book.schema["town"].levels == ("A", "B")
    assert book.schema["town"].missing == 1
    assert (book.schema["ill"].kind, book.schema["ill"].levels) == (Kind.CONSTANT, ("no",))
    assert (book.schema["ill"].missing, book.schema["ill"].missing_text) == (0, "")
    assert Codebook.from_manifest({"n": 40, **book.to_dict()}) == book


def test_another_table_beside_copies_passed_on_names_the_folder_to_use(copies, table, tmp_path):
    folder = _pass_on(copies, tmp_path, "csv")
    with pytest.raises(TableError, match="lists only levels that occur in them"):
        posynth.compare(folder, table.assign(sex="neither"), "ols", FORMULA)


def test_a_file_that_is_not_there_is_no_other_table(copies, tmp_path):
    folder = _pass_on(copies, tmp_path, "csv")
    with pytest.raises(TableError, match="no such file") as caught:
        posynth.compare(folder, tmp_path / "nowhere.csv", "ols", FORMULA)
    assert "levels" not in str(caught.value)
