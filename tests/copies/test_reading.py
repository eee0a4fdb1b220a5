"""An output folder read back is what was written, or an error that says what is missing."""

import json
import shutil

import pandas as pd
import pytest

import posynth
from posynth.copies.drawing import draw_copies
from posynth.errors import StoreError


@pytest.fixture
def folder(judged_folder, tmp_path):
    """A copy of an output folder, to be damaged."""
    shutil.copytree(judged_folder[0], tmp_path / "out")
    return tmp_path / "out"


def test_copies_and_manifest_are_those_that_were_written(judged_folder):
    folder, source = judged_folder
    copies = posynth.load_copies(folder)
    drawn = draw_copies(copies.posterior, *copies.streams)
    for read, made in zip(copies, drawn, strict=True):
        pd.testing.assert_frame_equal(read, made)
    assert copies.manifest() == json.loads((folder / "manifest.json").read_text("utf-8"))
    assert copies.manifest()["source"] == source.name


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StoreError, match=r"is not there; name the folder that `posynth synthesiz"):
        posynth.load_copies(tmp_path / "none")


def test_a_folder_with_a_posterior_only_names_the_next_step(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(
        StoreError, match=r"no copies were finished there; `posynth draw .*out` wri"
    ):
        posynth.load_copies(folder)


def test_a_copy_too_few(folder):
    (folder / "copies" / "copy-02.csv").unlink()
    with pytest.raises(StoreError, match=r"holds 2 copies, the manifest says 3; `posynth draw"):
        posynth.load_copies(folder)


def test_a_row_too_few(folder):
    path = folder / "copies" / "copy-02.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(StoreError, match=r"copy-02.csv has 298 rows, the manifest says 299"):
        posynth.load_copies(folder)


def test_an_edited_value(folder):
    path = folder / "copies" / "copy-01.csv"
    path.write_text(path.read_text().replace("Female", "Femal", 1))
    with pytest.raises(StoreError, match=r"copy-01.csv: column 'sex': 'Femal' is not one of its"):
        posynth.load_copies(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"spec_hash": "0"},
            r"the manifest has spec_hash = '0', the posterior '\w+', so they do n",
        ),
        ({"n": 7}, r"the manifest has n = 7, the posterior 299"),
    ],
)
def test_a_manifest_of_another_posterior(folder, change, said):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change))
    with pytest.raises(StoreError, match=said):
        posynth.load_copies(folder)


@pytest.mark.parametrize(("text", "said"), [("{", "cannot be read"), ("{}", "lacks 'n'")])
def test_a_manifest_that_is_none(folder, text, said):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match=said):
        posynth.load_copies(folder)


@pytest.mark.parametrize(("word", "meant"), [("no", False), ("Yes", True), (False, False)])
def test_a_manifest_that_says_no_in_a_word_is_not_read_as_yes(folder, word, meant):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    (folder / "posterior" / "posterior.json").unlink()
    shutil.rmtree(folder / "posterior")
    path.write_text(json.dumps({**manifest, "proper": word}), "utf-8")
    copies = posynth.load_copies(folder)
    assert copies.proper is meant and copies.manifest()["proper"] is meant
    pooled = posynth.pool(copies, "ols", "platelets ~ age")
    assert ("plug-in" in pooled.text) is not meant


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("proper", "perhaps", "must be true or false"),
        ("proper", 1, "must be true or false"),
        ("unsynthesised", "age", r"must be a list of columns, as \["),
        ("without_noise", "age", "must be a list of columns, or an object"),
        ("failed_affects", ["age"], "must be an object"),
        ("missing", None, "must be a text"),
        ("nests", "2", "must be a whole number"),
    ],
)
def test_entries_of_the_wrong_type_are_refused_with_what_they_must_be(folder, key, value, match):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**manifest, key: value}), "utf-8")
    with pytest.raises(StoreError, match=f"has {key} = .*{match}"):
        posynth.load_copies(folder)
