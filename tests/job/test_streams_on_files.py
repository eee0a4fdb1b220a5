"""Seeds on the command line: random, printed, kept private; and several draws pooled as one."""

import json

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.walk import total_draws

FORMULA = ("--formula", "bmi ~ age")


@pytest.fixture(scope="module")
def drawn(cli, people, tmp_path_factory):
    """Folders of a synthesis with a seed, and of two draws without, with what was printed."""
    place = tmp_path_factory.mktemp("streams")
    people[["age", "bmi", "smoke"]].to_csv(place / "people.csv", index=False)
    run = ("synthesize", place / "people.csv", "-m", 3, "--seed", 1, "--workers", 1)
    shown = [cli(*run, "-o", place / "out").stdout]
    shown += [cli("draw", place / "out", "-m", 4, "-o", place / name).stdout for name in "ab"]
    return place, shown


def _manifest(folder):
    return json.loads((folder / "manifest.json").read_text("utf-8"))


def test_a_random_seed_is_printed_and_repeats_the_draw(cli, said, drawn, tmp_path):
    place, shown = drawn
    for name, text in zip("ab", shown[1:], strict=True):
        (streams,) = _manifest(place / name)["streams"]
        assert f"seed {streams['seed']} (drawn at random; --seed {streams['seed']} rep" in said(
            text
        )
        assert streams["verb"] == "draw" and streams["given"] is False
    cli("draw", place / "out", "-m", 4, "--seed", streams["seed"], "-o", tmp_path / "again")
    for copy in (place / "b" / "copies").iterdir():
        assert (tmp_path / "again" / "copies" / copy.name).read_bytes() == copy.read_bytes()


def test_a_random_seed_repeats_the_synthesis(cli, said, drawn, tmp_path):
    run = ("synthesize", drawn[0] / "people.csv", "-m", 1, "--workers", 1)
    text = said(cli(*run, "-o", tmp_path / "one").stdout)
    seed = text.partition("--seed ")[2].split()[0]
    cli(*run, "--seed", seed, "-o", tmp_path / "two")
    one, two = ((tmp_path / n / "copies" / "copy-01.csv").read_bytes() for n in ("one", "two"))
    assert one == two


def test_a_fit_prints_its_random_seed(cli, said, drawn, tmp_path):
    text = said(cli("fit", drawn[0] / "people.csv", "--workers", 1, "-o", tmp_path / "f").stdout)
    assert f"seed {posynth.load_posterior(tmp_path / 'f').seed} (drawn at random" in text


def test_a_seed_that_was_given_is_said_not_to_be_for_release(said, drawn):
    assert "seed 1 (given; one that can be guessed is not for copies to be" in said(drawn[1][0])


def test_two_draws_without_a_seed_have_rows_of_their_own(drawn):
    """Correlations of 160 rows have a standard error of .08; shared noise gives nearly 1."""
    one, other, first = (
        [pd.read_csv(path) for path in sorted((drawn[0] / name / "copies").iterdir())]
        for name in ("a", "b", "out")
    )
    for group in ((one, other), (one, first), (other, first)):
        for a, b in zip(*group, strict=False):
            assert abs(np.corrcoef(a["age"], b["age"])[0, 1]) < 6 * 0.08


def test_folders_of_several_draws_are_pooled_as_one_set(cli, said, drawn, tmp_path):
    folders = [drawn[0] / name for name in ("out", "a", "b")]
    shown = said(cli("pool", *folders, *FORMULA, "--json", tmp_path / "p.json").stdout)
    assert "from 11 copies of 160 rows from a source of 160 rows" in shown
    pooled = posynth.pool(folders, "ols", "bmi ~ age")
    written = {
        row["coefficient"]: row for row in json.loads((tmp_path / "p.json").read_text())["pooled"]
    }
    assert written["age"]["estimate"] == pytest.approx(pooled.table.loc["age", "estimate"])


def test_folders_that_share_streams_are_refused(cli, said, drawn, tmp_path):
    place = drawn[0]
    text = said(cli("pool", place / "out", place / "a", place / "a", *FORMULA, code=2).stderr)
    assert "cannot be pooled: both hold copies 1-4 of call" in text
    assert "without a seed or with another one" in text
    for seed, name in ((5, "x"), (5, "y"), (1, "z")):
        cli("draw", place / "out", "-m", 2, "-k", 160, "--seed", seed, "-o", tmp_path / name)
    text = said(cli("pool", tmp_path / "x", tmp_path / "y", *FORMULA, code=2).stderr)
    assert "both hold copies 1-2 of call" in text
    cli("pool", place / "out", tmp_path / "z", *FORMULA)  # the seed of the fit, other streams


def test_draws_are_kept_apart_where_asked(cli, drawn, tmp_path):
    place = drawn[0]
    options = ("-m", 20, "--apart-from", place / "a", "--apart-from", place / "b")
    cli("draw", place / "out", *options, "-o", tmp_path / "c")
    taken = [posynth.load_copies(f) for f in (place / "out", place / "a", place / "b")]
    for target, draws in posynth.load_copies(tmp_path / "c").taken.items():
        assert not set(draws) & {draw for copies in taken for draw in copies.taken[target]}


def test_draws_that_have_to_be_taken_twice_are_told(cli, said, drawn, tmp_path):
    place = drawn[0]
    posterior = posynth.load_posterior(place / "out")
    total = min(total_draws(posterior, target) for target in posterior.estimated)
    options = ("-m", total, "-k", 5, "--allow-failed", "-o", tmp_path / "many")
    shown = said(cli("draw", place / "out", *options).stdout)
    assert f"of {3 * total} pairs of copies from different calls of draw take the same" in shown
