"""What is published of a manifest: enough to pool the copies, nothing to test guesses with."""

import json

import posynth
from posynth.copies.manifest import PUBLIC, public_manifest
from posynth.evaluation.base import Provenance

# Rules of passive columns are public since codebook and report tell them: they hold in every row.
PRIVATE = ("seed", "fit_seed", "streams", "spec_hash", "source", "priors", "engines", "failed")


def test_seeds_hashes_and_the_source_are_left_out(judged_folder):
    folder, source = judged_folder
    written = json.loads((folder / "manifest.json").read_text("utf-8"))
    public = public_manifest(written)
    assert not set(public) & {*PRIVATE, "missing_note"}
    text = json.dumps(public)
    assert source.name not in text and written["spec_hash"] not in text


def test_a_key_that_nobody_thought_of_is_left_out():
    assert public_manifest({"n": 5, "guess": 1, "fit_seconds": 2.0}) == {"n": 5}


def test_it_says_enough_to_choose_a_pooling_rule(judged_folder):
    manifest = posynth.load_copies(judged_folder[0]).manifest()
    public = public_manifest(manifest)
    assert Provenance.from_manifest(public) == Provenance.from_manifest(manifest)
    assert {"n", "k", "m", "proper", "improper", "without_noise", "copies_values"} <= set(public)
    assert {"missing", "unsynthesised", "passed", "versions"} <= set(public)


def test_it_changes_no_value_and_holds_no_key_that_the_manifest_lacks(judged_folder):
    manifest = posynth.load_copies(judged_folder[0]).manifest()
    public = public_manifest(manifest)
    assert public == {key: manifest[key] for key in PUBLIC if key in manifest}
    assert "nests" not in public
    assert public_manifest({**manifest, "nests": 2})["nests"] == 2
