"""Coverage contains the choice of the chain: it is made on every replication's own sample."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import SpecError, StoreError
from posynth.evaluation.validity import design_study, read_study, run_study
from posynth.evaluation.validity.choices import chosen
from posynth.evaluation.validity.replicate import REPLICATION, planned, replicate, sample, stream
from posynth.posterior.wishes import Wishes
from posynth.report.study_tables import planning

POPULATION = """\
import numpy as np
import pandas as pd


def faint(rows, rng):
    x = rng.normal(size=rows)
    g = rng.random(rows) < 0.5
    y = np.exp(0.4 * (x + 0.35 * x * g + rng.normal(size=rows)))
    return pd.DataFrame({"x": x, "g": np.where(g, "b", "a"), "y": y})
"""
STUDY = """\
n = 260
replications = 6
seed = 5
[population]
simulator = "faint.py:faint"
[[analysis]]
formula = "y ~ x + g"
[truth]
rows = 2000
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Give a study whose interaction is found in some samples and not in others."""
    folder = tmp_path_factory.mktemp("plan")
    (folder / "faint.py").write_text(POPULATION)
    (folder / "study.toml").write_text(STUDY)
    return folder


@pytest.fixture(scope="module")
def each(files):
    """Give the study run in one process."""
    return run_study(read_study(files / "study.toml", allow_code=True))


def samples(study):
    for number in range(study.replications):
        rng = stream(study.seed, REPLICATION, number).spawn(4)[1]
        yield sample(study.n, study.population.at(rng), study.holes, rng)


def test_every_replication_has_the_chain_that_its_own_sample_would_be_given(each):
    study = each.study
    assert study.plan == "each"
    for replication, frame in zip(each.replications, samples(study), strict=True):
        own = posynth.specify(frame).spec
        assert replication.choices == {c.target: chosen(own, c) for c in own}
        assert planned(study, frame)[1].spec == own
    assert len({str(r.choices) for r in each.replications}) > 1


def test_shares_of_choices_are_counted_over_replications(each):
    found = each.choices().set_index(["conditional", "choice"])
    hits = sum("interaction x:g" in r.choices["y"] for r in each.replications)
    assert 0 < hits < 6
    row = found.loc[("y", "interaction x:g")]
    assert row["share"] == pytest.approx(hits / 6)
    assert row["share_mcse"] == pytest.approx(np.sqrt(hits * (6 - hits) / 6**3))
    assert found.loc[("x", "gaussian"), "share"] == 1
    text = planning(each)
    assert text[0] == (
        "the chain was chosen anew in each replication: coverage contains the choice"
    )
    assert any(f"interaction x:g {hits / 6:.0%}" in line for line in text)


def test_one_chain_for_all_replications_on_request(files, each):
    study = read_study(files / "study.toml", allow_code=True, plan="once", replications=4)
    once = run_study(study)
    assert len({str(r.choices) for r in once.replications}) == 1
    assert (once.table()["plan"] == "once").all() and (each.table()["plan"] == "each").all()
    assert once.dataset.attrs["plan"] == "once"
    assert planning(once) == [
        "the chain was chosen once, on a first sample: coverage does not contain the choice"
    ]
    # The samples are the same, so that the two differ by the choice of the chain alone.
    np.testing.assert_array_equal(
        [r.original for r in once.replications], [r.original for r in each.replications[:4]]
    )


def test_neither_workers_nor_an_interruption_change_what_is_chosen(files, each, tmp_path):
    study = read_study(files / "study.toml", allow_code=True)
    parallel = run_study(study, workers=2)
    assert [r.choices for r in parallel.replications] == [r.choices for r in each.replications]
    pd.testing.assert_frame_equal(parallel.table(), each.table(), check_exact=True)
    run_study(read_study(files / "study.toml", allow_code=True, replications=2), tmp_path)
    resumed = run_study(study, tmp_path)
    assert [r.choices for r in resumed.replications] == [r.choices for r in each.replications]
    pd.testing.assert_frame_equal(resumed.table(), each.table(), check_exact=True)
    with pytest.raises(StoreError, match=r"another study \(population, chain, plan, sizes"):
        run_study(read_study(files / "study.toml", allow_code=True, plan="once"), tmp_path)


def test_order_and_methods_hold_in_every_replication(files):
    study = design_study(
        "faint.py:faint", 100, "ols", "y ~ x", order=["y"], methods={"x": "gaussian"},
        folders=(files,), replications=1, truth_rows=200,
    )  # fmt: skip
    found = replicate(study, 0).choices
    assert list(found) == ["y", "x", "g"]
    assert found["x"] == ["gaussian"]
    free = replace(study, choices=Wishes())
    assert list(replicate(free, 0).choices) == ["x", "g", "y"]


def test_a_chain_that_is_given_leaves_nothing_to_choose(files):
    frame = next(samples(read_study(files / "study.toml", allow_code=True)))
    chain = posynth.specify(frame)

    def simulate(rows, rng):
        return frame.iloc[rng.integers(0, len(frame), rows)].reset_index(drop=True)

    def design(**settings):
        return design_study(simulate, 100, "ols", "y ~ x", chain=chain, truth_rows=200, **settings)

    study = design(replications=2)
    assert study.plan == "given"
    found = run_study(study)
    assert planning(found) == ["the chain was given: nothing was left to choose"]
    with pytest.raises(SpecError, match=r"plan = 'each'.* but a chain is given; leave out"):
        design(plan="each")
    with pytest.raises(SpecError, match=r"unknown plan 'twice'; allowed: 'each', 'given', 'once'"):
        read_study(files / "study.toml", allow_code=True, plan="twice")
    with pytest.raises(SpecError, match=r"plan = 'given' needs a chain; name its file"):
        read_study(files / "study.toml", allow_code=True, plan="given")


def test_kinds_and_levels_are_declared_once_and_the_rest_is_chosen_on_the_sample(files):
    """A level that a sample lacks stays a level, as in a codebook."""

    def rare(rows, rng):
        level = np.where(rng.random(rows) < 0.004, "rare", np.where(rng.random(rows) < 0.5, *"ab"))
        return pd.DataFrame({"g": level, "y": rng.normal(size=rows)})

    study = design_study(rare, 60, "ols", "y ~ 1", replications=3, truth_rows=100)
    frame = next(f for f in samples(study) if "rare" not in set(f["g"]))
    _, chain = planned(study, frame)
    assert chain.schema["g"].levels == ("a", "b", "rare")
    assert chain.schema.rows == 60
    assert replicate(study, 0).failure == ""
