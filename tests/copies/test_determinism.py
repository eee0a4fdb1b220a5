"""One seed, the same copies: whatever the workers, the order of fits, or what ran before."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies import walk as walking
from posynth.copies.drawing import draw_copies
from posynth.engines.compiled import compilations
from posynth.errors import SpecError
from posynth.posterior import fitting
from posynth.posterior.seeds import Purpose, spread, stream


@pytest.fixture(scope="module")
def mixed() -> pd.DataFrame:
    rng = np.random.default_rng(12)
    rows = 150
    age = rng.integers(20, 80, rows)
    frame = pd.DataFrame(
        {
            "age": age,
            "bmi": (22 + 0.05 * age + rng.normal(0, 3, rows)).round(1),
            "edu": rng.choice(["low", "middle", "high"], rows),
            "smoke": rng.random(rows) < 0.3,
            "ill": rng.random(rows) < 1 / (1 + np.exp(2 - 0.03 * age)),
        }
    )
    frame.loc[rng.random(rows) < 0.2, "bmi"] = np.nan
    return frame


@pytest.fixture(scope="module")
def copies(mixed):
    return posynth.synthesize(mixed, m=3, seed=7)


def _same(one, other):
    return len(one) == len(other) and all(a.equals(b) for a, b in zip(one, other, strict=True))


def test_a_second_run_gives_the_same_copies(copies, mixed):
    assert _same(copies, posynth.synthesize(mixed, m=3, seed=7))


def test_another_seed_gives_other_copies_and_posteriors(copies, mixed):
    other = posynth.synthesize(mixed, m=3, seed=8)
    assert not any(a.equals(b) for a in copies for b in other)
    for target in copies.posterior.spec.targets:
        assert not copies.posterior.draws[target].equals(other.posterior.draws[target])


def test_another_seed_of_the_draws_leaves_the_posterior_as_it_is(copies):
    other = posynth.draw(copies.posterior, 3, seed=8)
    assert not any(a.equals(b) for a in copies for b in other)
    assert _same(other, posynth.draw(copies.posterior, 3, seed=8))
    assert _same(copies, draw_copies(copies.posterior, *copies.streams))


def test_two_processes_give_the_same_copies(copies, mixed):
    both = posynth.synthesize(mixed, m=3, seed=7, workers=2)
    assert _same(copies, both)
    for target, draws in copies.posterior.draws.items():
        assert draws.identical(both.posterior.draws[target])


def test_the_order_of_fits_does_not_matter(copies, mixed, monkeypatch):
    run = fitting.run

    def backwards(jobs, workers, progress):
        return run(dict(reversed(jobs.items())), workers, progress)

    monkeypatch.setattr(fitting, "run", backwards)
    assert _same(copies, posynth.synthesize(mixed, m=3, seed=7))


def test_other_work_before_does_not_matter(copies, mixed):
    posynth.synthesize(posynth.load_heart_failure()[["age", "sex", "anaemia"]], m=2, seed=1)
    np.random.default_rng().random(10)
    assert _same(copies, posynth.synthesize(mixed, m=3, seed=7))


@pytest.mark.parametrize("rows", [1, 150, 300, 450])
def test_how_many_copies_are_drawn_at_once_does_not_matter(copies, monkeypatch, rows):
    monkeypatch.setattr(walking, "BATCH_ROWS", rows)
    assert _same(copies, draw_copies(copies.posterior, *copies.streams))


def test_a_loaded_posterior_gives_the_same_copies(copies, tmp_path):
    copies.save(tmp_path / "out")
    loaded = posynth.load_copies(tmp_path / "out")
    assert _same(copies, draw_copies(loaded.posterior, *loaded.streams))
    other = posynth.draw(copies.posterior, 3, seed=7)
    assert _same(other, posynth.draw(posynth.load_posterior(tmp_path / "out"), 3, seed=7))


def test_a_conditional_does_not_depend_on_columns_behind_it(copies, mixed):
    """What a column is drawn from is fixed by the columns before it, whatever follows."""
    fewer = posynth.synthesize(mixed[["age", "bmi"]], m=3, seed=7)
    for a, b in zip(copies, fewer, strict=True):
        assert a[["age", "bmi"]].equals(b)


def test_copies_of_different_m_differ_in_parameters_only(copies):
    """Draws are spread over the chains as m allows: copy 1 of 2 is not copy 1 of 3."""
    fitted = replace(copies.posterior, copies_drawn=0)  # as `fit` leaves it
    two = posynth.draw(fitted, 2, seed=7)
    assert not two[0]["age"].equals(copies[0]["age"])
    # The rows' own randomness is the same: who is older in one is not younger in the other.
    ends = copies[0]["age"].groupby(two[0]["age"]).agg(["min", "max"])
    assert (ends["max"].to_numpy()[:-1] <= ends["min"].to_numpy()[1:]).all()


def test_a_second_column_of_a_family_compiles_nothing(mixed):
    frame = mixed.assign(well=~mixed["ill"], old=mixed["age"] > 50)
    # Whatever came before, the families of this table are compiled by its first synthesis.
    posynth.synthesize(frame[["smoke", "ill"]], m=2, seed=1, methods={"smoke": "bernoulli"})
    posynth.synthesize(frame[["edu", "age"]], m=2, seed=1, methods={"edu": "categorical"})
    before = dict(compilations)
    three = frame.assign(ward=np.resize(["a", "b", "c", "d"], len(frame)))
    posynth.synthesize(three[["smoke", "ill", "old", "edu", "ward", "age"]], m=3, k=40, seed=2)
    new = {key: compilations[key] - count for key, count in before.items() if key != "draw"}
    assert set(new.values()) == {0}
    # One draw function may be new: that of the saturated table, the first column's family.
    assert compilations["draw"] - before["draw"] <= 1


def test_streams_differ_by_every_part_of_their_key():
    def first(*key):
        return stream(*key).integers(2**63)

    base = (1, Purpose.DRAW, "age", 0)
    others = [
        (2, Purpose.DRAW, "age", 0),
        (1, Purpose.FIT, "age", 0),
        (1, Purpose.DRAW, "agf", 0),
        (1, Purpose.DRAW, "age", 1),
    ]
    drawn = [first(*key) for key in (base, *others)]
    assert len(set(drawn)) == 5
    assert first(*base) == drawn[0]
    assert first(1, Purpose.DRAW, "é" * 300, 10**6) > 0


@pytest.mark.parametrize(("total", "m"), [(600, 5), (600, 1), (600, 600), (601, 7), (1000, 33)])
def test_draws_are_spread_as_far_as_they_can_be(total, m):
    found = np.sort(spread(total, m, np.random.default_rng(3)))
    assert len(set(found)) == m and found[0] >= 0 and found[-1] < total
    if m > 1:
        gaps = np.diff(found)
        assert gaps.min() >= total // m and gaps.max() <= total // m + 1


def test_every_draw_is_as_likely_to_be_taken():
    counts = np.zeros(40)
    for seed in range(2000):
        counts[spread(40, 4, np.random.default_rng(seed))] += 1
    # 8000 places over 40 draws: 200 each, sd sqrt(200 * 0.9) = 13.4.
    assert np.abs(counts - 200).max() < 4.5 * 13.4


def test_copies_take_their_draws_in_any_order():
    orders = {tuple(np.argsort(spread(600, 3, np.random.default_rng(s)))) for s in range(60)}
    assert len(orders) == 6


def test_more_draws_than_there_are_cannot_be_spread():
    with pytest.raises(SpecError, match=r"5 copies need 5 posterior draws and the posterior holds"):
        spread(4, 5, np.random.default_rng(1))
