"""Two draws share no noise, say where theirs comes from, and are pooled only if they share none."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.combine import combined
from posynth.copies.drawing import draw_copies
from posynth.copies.manifest import public_manifest
from posynth.copies.streams import Streams, exchanged, part_of, shared_draws, shared_noise
from posynth.copies.walk import total_draws
from posynth.errors import MeasureError, SpecError, StoreError
from posynth.posterior import seeds
from posynth.posterior.seeds import SEED_BITS, seed_or_random

ROWS = 400


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(5)
    x = rng.normal(size=ROWS)
    return pd.DataFrame({"x": x, "y": 1 + x + rng.normal(size=ROWS)})


@pytest.fixture(scope="module")
def first(table):
    return posynth.synthesize(table, m=5, seed=1)


@pytest.fixture(scope="module")
def fitted(table):
    return posynth.fit(table, seed=1)


def _correlations(one, other):
    """Correlations over rows of x and of the noise of y, between copies of the same number."""
    rows = []
    for a, b in zip(one, other, strict=False):
        rows += [np.corrcoef(a[c], b[c])[0, 1] for c in ("x", "y")]
    return np.array(rows)


def _draws(first, fitted):
    posterior = first.posterior
    return {
        "two of one posterior": (posynth.draw(posterior, 5), posynth.draw(posterior, 5)),
        "synthesize, and draw": (first, posynth.draw(posterior, 5)),
        "synthesize, and draw with its seed": (first, posynth.draw(posterior, 5, seed=1)),
        "two of a fit": (posynth.draw(fitted, 5), posynth.draw(fitted, 5)),
        "two seeds": (posynth.draw(fitted, 5, seed=1), posynth.draw(fitted, 5, seed=2)),
    }


def test_two_draws_share_no_noise(first, fitted, monkeypatch):
    """A correlation of independent rows has a standard error of 1 / sqrt(400) = .05."""
    rng = np.random.default_rng(1)  # what would be random is fixed here: 50 correlations
    monkeypatch.setattr(seeds.secrets, "randbits", lambda bits: int(rng.integers(2**bits)))
    for name, (one, other) in _draws(first, fitted).items():
        found = _correlations(one, other)
        assert np.abs(found).max() < 4.5 * 0.05, name
        assert abs(found.mean()) < 4 * 0.05 / np.sqrt(5), name  # x and y of a copy are related
        assert one.streams[0].call != other.streams[0].call, name
        assert shared_noise(one.streams[0], other.streams[0]) == (), name


def test_one_seed_gives_the_same_copies_and_says_that_the_noise_is_shared(first):
    one, again = (posynth.draw(first.posterior, 3, k=50, seed=9) for _ in range(2))
    assert all(a.equals(b) for a, b in zip(one, again, strict=True))
    more = posynth.draw(first.posterior, 20, seed=9)
    assert _correlations(more, posynth.draw(first.posterior, 3, seed=9)).min() > 0.98
    assert shared_noise(one.streams[0], more.streams[0]) == (1, 2, 3)


def test_a_fit_and_a_draw_with_its_seed_are_the_call_of_synthesize(first, fitted):
    drawn = posynth.draw(fitted, 5, seed=1)
    assert all(a.equals(b) for a, b in zip(first, drawn, strict=True))
    assert drawn.streams[0].call == first.streams[0].call


def test_seeds_are_random_unless_given_and_kept(table):
    found = {posynth.fit(table[["x"]]).seed for _ in range(2)}
    copies = posynth.synthesize(table[["x"]], m=1)
    found |= {copies.seed, posynth.draw(copies.posterior, 1).seed}
    assert len(found) == 4 and all(0 <= seed < 2**SEED_BITS for seed in found)
    assert copies.manifest()["seed"] == copies.manifest()["fit_seed"] == copies.posterior.seed
    assert not copies.streams[0].given
    again = posynth.synthesize(table[["x"]], m=1, seed=copies.seed)
    assert again[0].equals(copies[0]) and again.streams[0].given
    assert f"seed {copies.seed}" in repr(copies)


def test_a_random_seed_is_exact_in_json_and_uses_all_its_bits():
    drawn = [seed_or_random(None) for _ in range(200)]
    assert all(int(float(json.dumps(seed))) == seed for seed in drawn)
    assert max(drawn) >= 2 ** (SEED_BITS - 3) and len(set(drawn)) == 200
    assert seed_or_random(np.int64(3)) == 3 and type(seed_or_random(np.int64(3))) is int


def test_further_copies_take_posterior_draws_that_are_unused(first):
    posterior = first.posterior
    for m in (5, 20, 100):
        more = posynth.draw(posterior, m, seed=m)
        third = posynth.draw(posterior, m, seed=m + 1, apart_from=[more])
        for target in ("x", "y"):
            taken = [*first.taken[target], *more.taken[target], *third.taken[target]]
            assert len(set(taken)) == 5 + 2 * m
        assert shared_draws([*first.streams, *more.streams, *third.streams]) == ""
        calls = (first.streams[0].call, more.streams[0].call)
        assert third.streams[0].apart_from == calls


def test_where_no_draw_is_left_the_pooled_result_says_which_are_taken_twice(first):
    total = total_draws(first.posterior, "x")
    with pytest.warns(posynth.DiagnosticWarning, match="take the same posterior draw of a cond"):
        more = posynth.draw(first.posterior, total - 2, k=20, seed=3)
    text = shared_draws([*first.streams, *more.streams])
    # Five are taken, and all but two of the total are needed: three or more have to be shared.
    assert text.startswith(f"{text.split()[0]} of {5 * (total - 2)} pairs of copies from different")
    assert 3 <= int(text.split()[0]) <= 6 and "(x, y)" in text and "--apart-from" in text


def test_pooling_names_copies_that_take_the_same_posterior_draws(fitted):
    one, other = posynth.draw(fitted, 4, seed=1), posynth.draw(fitted, 4, seed=2)
    record = replace(other.streams[0], taken={**other.streams[0].taken, "y": (0, 1, 2, 3)})
    same = draw_copies(
        fitted, replace(record, taken={**record.taken, "y": one.streams[0].taken["y"]})
    )
    found = posynth.pool([one, same], "ols", "y ~ x")
    assert "4 of 16 pairs of copies from different calls of draw take the same" in found.text
    assert not any("--apart-from" in note for note in posynth.pool(one, "ols", "y ~ x").notes)


def test_draws_are_exchanged_for_those_farthest_from_all_others():
    taken, used = np.array([10, 50, 90]), {50, 30}
    found = exchanged(taken, used, 100)
    assert found.tolist()[::2] == [10, 90] and found[1] == 70
    assert exchanged(taken, set(), 100).tolist() == [10, 50, 90]
    assert exchanged(np.array([0, 1]), {0, 1}, 2).tolist() == [0, 1]


def test_copies_of_several_draws_are_pooled_as_one_set(first):
    more = posynth.draw(first.posterior, 20, seed=4)
    together = combined([first, more])
    assert len(together) == 25 and together.manifest()["m"] == 25
    assert together.manifest()["seed"] == [1, 4]
    pooled = posynth.pool([first, more], "ols", "y ~ x")
    assert pooled.provenance.m == 25
    by_hand = posynth.pool(together, "ols", "y ~ x")
    pd.testing.assert_frame_equal(pooled.table, by_hand.table)
    means = [np.polyfit(c["x"], c["y"], 1)[0] for c in (*first, *more)]
    assert pooled.table.loc["x", "estimate"] == pytest.approx(np.mean(means))


def test_whether_diagnostics_suffice_is_said_of_all_copies_together(table):
    """20 effective draws a copy: enough for each of two sets, not for both."""
    high = table.assign(high=table["y"] > 1)[["x", "high"]]
    posterior = posynth.fit(high, posynth.specify(high).change("high", engine="hmc"), seed=1)
    m = int(0.7 * posterior.diagnostics()["ess"].min() / 20)
    one, other = (posynth.draw(posterior, m, k=5, seed=seed) for seed in (2, 3))
    assert one.manifest()["passed"] and other.manifest()["passed"]
    both = combined([one, other])
    assert not both.manifest()["passed"] and both.manifest()["failed"]


def test_combined_copies_are_saved_and_read(first, tmp_path):
    more = posynth.draw(first.posterior, 2, seed=4)
    together = combined([first, more])
    together.save(tmp_path / "all")
    read = posynth.load_copies(tmp_path / "all")
    assert read.streams == (*first.streams, *more.streams) and len(read) == 7
    with pytest.raises(MeasureError, match="both hold copies 1-2 of call"):
        combined([read, more])


def test_shared_noise_is_refused(first, tmp_path):
    more, again = posynth.draw(first.posterior, 3, seed=4), posynth.draw(first.posterior, 7, seed=4)
    call = more.streams[0].call
    text = (
        f"copies 2 and copies 3 cannot be pooled: both hold copies 1-3 of call {call}, so that "
        "their rows are the same random numbers and would be counted twice; draw the second anew"
    )
    with pytest.raises(MeasureError, match=text):
        posynth.pool([first, more, again], "ols", "y ~ x")
    for name, copies in {"a": more, "b": again}.items():
        copies.save(tmp_path / name)
    with pytest.raises(MeasureError, match=r"/a' and '.*/b' cannot be pooled: both hold copies"):
        posynth.pool([tmp_path / "a", tmp_path / "b"], "ols", "y ~ x")
    with pytest.raises(MeasureError, match="both hold copies 2, 4 of call"):
        combined([again[1:4:2], again])


def test_parts_of_one_draw_are_put_together_again(first):
    together = combined([first[3:], first[:3]])
    assert len(together) == 5 and together[0].equals(first[3])
    assert [s.copies for s in together.streams] == [(4, 5), (1, 2, 3)]


def test_copies_of_different_posteriors_are_refused(table, first):
    other = posynth.synthesize(table, m=2, seed=2)
    with pytest.raises(MeasureError, match=r"the posterior is \w+ in the first and \w+ in the"):
        posynth.pool([first, other], "ols", "y ~ x")
    fewer = posynth.synthesize(table[:300], m=2, seed=2)
    with pytest.raises(MeasureError, match="rows of the source n is 400 in the first and 300"):
        posynth.pool([first, fewer], "ols", "y ~ x")
    chain = posynth.specify(table).change("y", prior="flat")
    flat = posynth.synthesize(table, m=2, seed=2, chain=chain)
    with pytest.raises(MeasureError, match="the hash of the chain is"):
        posynth.pool([first, flat], "ols", "y ~ x")


def test_copies_of_different_sizes_are_refused(first):
    small = posynth.draw(first.posterior, 2, k=50)
    text = r"copies have k = 400 and 50 rows.*draw the second again with -k 400 \(k=400 in Python\)"
    with pytest.raises(MeasureError, match=text):
        combined([first, small])
    with pytest.raises(MeasureError, match="there are no copies to combine"):
        combined([])


def test_copies_that_were_passed_on_are_not_combined(first, tmp_path):
    first.save(tmp_path / "out")
    manifest = json.dumps(public_manifest(first.manifest()))
    (tmp_path / "out" / "manifest.json").write_text(manifest)
    for _ in range(2):  # with and without the posterior beside
        read = posynth.load_copies(tmp_path / "out")
        assert read.streams == () and read.seed is None and len(read[1:]) == 4
        assert posynth.pool(read[1:], "ols", "y ~ x").provenance.m == 4
        with pytest.raises(
            MeasureError, match="copies 1 cannot be pooled with others: copies that"
        ):
            combined([read, first])
        with pytest.raises(StoreError):
            read.taken  # noqa: B018
        shutil.rmtree(tmp_path / "out" / "posterior", ignore_errors=True)


def test_copies_to_keep_apart_from_must_be_of_the_posterior(table, first):
    other = posynth.synthesize(table, m=2, seed=2)
    for given in (other, [other]):
        with pytest.raises(SpecError, match="apart_from: these copies were drawn from another po"):
            posynth.draw(first.posterior, 2, apart_from=given)
    with pytest.raises(SpecError, match="apart_from holds a str; give copies, as `draw` and"):
        posynth.draw(first.posterior, 2, apart_from=["out"])


def test_a_record_gives_its_copies_again_and_only_on_its_posterior(first, fitted, table):
    more = posynth.draw(first.posterior, 2, k=30)
    read = Streams.from_dict(json.loads(json.dumps(more.streams[0].to_dict())))
    assert read == more.streams[0]
    again = draw_copies(first.posterior, read, 30)
    assert all(a.equals(b) for a, b in zip(more, again, strict=True))
    assert fitted.fingerprint == first.posterior.fingerprint  # the same fit, by another verb
    other = posynth.fit(table, seed=2)
    with pytest.raises(SpecError, match="belongs to another posterior"):
        draw_copies(other, read)
    with pytest.raises(SpecError, match="some copies of a call"):
        draw_copies(first.posterior, read.of([1]))


def test_records_of_some_copies_keep_order_and_draws(first):
    more = posynth.draw(first.posterior, 3, seed=2)
    both = (*first.streams, *more.streams)
    one, two, three = part_of(both, [4, 6, 0])
    assert (one.copies, two.copies, three.copies) == ((5,), (2,), (1,))
    assert two.taken["y"] == (more.streams[0].taken["y"][1],)


@pytest.mark.parametrize(
    "change", [{"taken": {"x": [1]}}, {"copies": "ab"}, {"call": None, "seed": "x"}]
)
def test_a_record_that_is_none_is_named(first, change):
    with pytest.raises(
        StoreError, match=r"record of streams cannot be read.*draw the copies again"
    ):
        Streams.from_dict({**first.streams[0].to_dict(), **change})


def test_a_folder_with_copies_of_another_posterior_is_refused(first, table, tmp_path):
    first.save(tmp_path / "out")
    posynth.synthesize(table, m=5, seed=2).save(tmp_path / "other")
    for part in ("draws.nc", "posterior.json"):
        (tmp_path / "other" / "posterior" / part).replace(tmp_path / "out" / "posterior" / part)
    with pytest.raises(StoreError, match="were drawn from another posterior than the one that"):
        posynth.load_copies(tmp_path / "out")


def test_the_fingerprint_survives_saving_and_tells_fits_apart(table, first, tmp_path):
    posynth.save_posterior(first.posterior, tmp_path / "p")
    read = posynth.load_posterior(tmp_path / "p")
    assert read.fingerprint == first.posterior.fingerprint and read.copies_drawn == 5
    assert posynth.fit(table, seed=2).fingerprint != read.fingerprint
