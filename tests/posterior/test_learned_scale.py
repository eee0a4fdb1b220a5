"""Conditionals on a learned scale, from the chain to the copies."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import posynth
from posynth.errors import SpecError
from posynth.posterior.predictive import log_likelihood, posterior_predictive, prior_predictive
from posynth.posterior.task import encode_table, make_task
from posynth.table.inputs import given_table


def _table(n=400, seed=1):
    rng = np.random.default_rng(seed)
    g = rng.choice(["a", "b"], n)
    x = rng.normal(40, 10, n).round()
    y = np.exp(0.03 * x + 0.5 * (g == "b") + 0.8 * rng.standard_normal(n)).round(2)
    y[rng.random(n) < 0.1] = 0.0
    return pd.DataFrame({"g": g, "x": x.astype(int), "y": y})


@pytest.fixture(scope="module")
def table():
    return _table()


@pytest.fixture(scope="module")
def posterior(table):
    return posynth.fit(table, seed=1)


def test_the_default_says_what_was_chosen_and_why(table):
    chain = posynth.specify(table)
    assert chain.spec["y"].scale == "learned"
    assert "learned scale] default for continuous columns" in str(chain)
    assert "held-out log score" in chain.spec["y"].note


def test_a_named_family_means_the_natural_scale(table):
    chain = posynth.specify(table, methods={"y": "gaussian"})
    assert (chain.spec["y"].scale, chain.spec["y"].splines) == ("natural", 0)


def test_the_chain_file_records_the_choice(table, tmp_path):
    chain = posynth.specify(table)
    path = tmp_path / "chain.toml"
    path.write_text(chain.to_toml())
    again = posynth.specify(table, chain=path)
    assert again.resolved() == chain.resolved()
    natural = posynth.specify(table, chain=path, methods={"y": "student"})
    assert (natural.spec["y"].family, natural.spec["y"].scale) == ("student", "natural")


def test_a_change_of_family_drops_what_it_cannot_hold(table):
    chain = posynth.specify(table).change(
        "y", scale="learned", splines=2, interactions=(("g", "x"),)
    )
    assert chain.change("y", family="student").spec["y"].scale == "learned"
    crossed = chain.change("y", predictors=("g",)).spec["y"]
    assert crossed.interactions == () and crossed.splines == 2
    assert chain.change("y", formula="g * x").spec["y"].splines == 0


def test_a_change_keeps_the_interactions_it_can_and_tells_the_others(table):
    wide = table.assign(z=np.arange(len(table)) % 7)[["g", "x", "z", "y"]]
    asked = (("g", "x"), ("x", "z"))
    chain = posynth.specify(wide).change("y", scale="learned", splines=2, interactions=asked)
    fewer = chain.change("y", predictors=("g", "x")).spec["y"]
    assert fewer.interactions == (("g", "x"),)
    assert fewer.note == "changed: predictors; dropped: interactions x:z"
    by_formula = chain.change("y", formula="g * x").spec["y"]
    assert by_formula.note == "changed: formula; dropped: interactions g:x, x:z, splines"
    other = chain.change("y", family="gamma").spec["y"]
    assert other.note.endswith("changed: family; dropped: the learned scale")
    assert chain.change("y", predictors=("g",), note="mine").spec["y"].note == "mine"
    with pytest.raises(SpecError, match="interactions: unknown predictor 'z'; allowed: 'g', 'x'"):
        chain.change("y", predictors=("g", "x"), interactions=asked)


def test_a_change_does_not_keep_the_grounds_of_the_old_choice(table):
    chain = posynth.specify(table)
    assert "held-out log score" in chain.spec["y"].note
    changed = chain.change("y", family="student", scale="natural")
    assert changed.spec["y"].note == "changed: family, scale"
    assert (
        chain.change("y", prior="flat", note="by the protocol").spec["y"].note == "by the protocol"
    )


WRONG = [
    ("g", {"scale": "learned"}, r"column 'g': scale 'learned' is for numeric columns"),
    ("y", {"scale": "rank"}, r"conditional 'y': unknown scale 'rank'; allowed: .*'learned'"),
    # A family structured has up to 12 columns of a curve.
    ("y", {"splines": 9}, r"conditional 'y': splines = 9; it must be 0 .* to 8 columns"),
    ("y", {"formula": "g", "splines": 2}, r"'y': splines or interactions together with a formula"),
    ("x", {"interactions": (("g", "y"),)}, r"'x', interactions: unknown predictor 'y'"),
]


@pytest.mark.parametrize(("target", "changes", "message"), WRONG)
def test_a_wrong_wish_is_refused_in_words(table, target, changes, message):
    with pytest.raises(SpecError, match=message):
        posynth.specify(table).change(target, **changes)


def test_a_scale_cannot_be_learned_from_a_handful(table):
    chain = posynth.specify(table).change("y", scale="learned")
    with pytest.raises(SpecError, match=r"'y': scale 'learned' needs at least 20 values"):
        posynth.fit(table.head(15), replace(chain, schema=replace(chain.schema, rows=15)))


def test_a_posterior_from_disk_gives_the_same_copies_and_holds_no_value(posterior, table, tmp_path):
    from posynth.posterior.store import save_posterior

    save_posterior(posterior, tmp_path / "p")
    again = posynth.load_posterior(tmp_path / "p")
    for mine, other in zip(*(posynth.draw(p, 2, seed=3) for p in (posterior, again)), strict=True):
        pd.testing.assert_frame_equal(mine, other)
    text = (tmp_path / "p" / "posterior.json").read_text()
    counts = table["y"].value_counts()
    rare = [f"{v:.2f}" for v in counts.index[counts < 5] if v > 10 and f"{v:.2f}"[-1] != "0"]
    assert len(rare) > 50
    assert not [v for v in rare if f" {v},\n" in text]


def test_zeros_bounds_and_decimals_are_those_of_the_source(posterior, table):
    drawn = pd.concat(posynth.draw(posterior, 20, seed=posterior.seed))["y"]
    share = np.mean(table["y"] == 0)
    # Sampling and posterior of a share over 20 copies.
    assert np.mean(drawn == 0) == pytest.approx(
        share, abs=4 * np.sqrt(2 * share / (20 * 400)) + 0.01
    )
    assert drawn.min() == 0.0
    np.testing.assert_allclose(drawn, drawn.round(2))


def test_between_copies_the_margin_varies_as_much_as_its_uncertainty_and_sampling():
    """Var(q | D) = V (posterior) + V (k = n rows): the learned scale is drawn, and not twice."""
    n, m = 400, 150
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"y": np.exp(rng.standard_normal(n))})
    chain = posynth.specify(table, methods={"y": "gaussian"}).change("y", scale="learned")
    copies = posynth.draw(posynth.fit(table, chain, seed=2, m=m), m, seed=2)

    def statistics(y):
        return np.array([np.mean(np.log(y)), *np.quantile(y, [0.1, 0.25, 0.5, 0.75, 0.9])])

    between = np.var([statistics(c["y"].to_numpy()) for c in copies], axis=0, ddof=1)
    source = table["y"].to_numpy()
    sampling = np.var([statistics(rng.choice(source, n)) for _ in range(1000)], axis=0, ddof=1)
    # A ratio of variances over 150 copies has a relative standard error of sqrt(2 / 150) = 0.115;
    # a fixed scale would give about 1, one counted twice about 3, for the mean.
    assert np.all(np.abs(between / sampling - 2) < 4 * 2 * 0.115)
    assert between[0] / sampling[0] == pytest.approx(2, abs=3 * 2 * 0.115)


def test_copies_do_not_depend_on_their_number_of_processes_or_order(posterior):
    one, three = (posynth.draw(posterior, m, k=50, seed=1) for m in (1, 3))
    assert len(one) == 1 and not three[0].equals(three[1])


def test_predictive_groups_stand_on_the_columns_own_scale(posterior, table):
    tree = posterior_predictive(posterior, "y", table, draws=40, seed=1)
    drawn = tree["posterior_predictive"]["y"].to_numpy()
    np.testing.assert_allclose(tree["observed_data"]["y"], table["y"])
    assert drawn.min() >= 0 and np.median(drawn) == pytest.approx(table["y"].median(), rel=0.15)
    prior = prior_predictive(posynth.specify(table), "y", table, draws=30)
    assert prior["prior_predictive"]["y"].to_numpy().min() >= 0
    likelihood = log_likelihood(posterior, "y", table, draws=40)["log_likelihood"]["y"]
    # In units of the column, so that it can be compared with the truth: a tenth of zeros, each
    # standing for a cent like every other value, else lognormal.
    mean = 0.03 * table["x"] + 0.5 * (table["g"] == "b")
    positive = table["y"] > 0
    log_y = np.log(table["y"].where(positive, 1.0))
    truth = np.log(0.9) + stats.norm.logpdf(log_y, mean, 0.8) - log_y
    exact = np.where(positive, truth, np.log(0.1 / 0.01)).mean()
    assert float(likelihood.mean()) == pytest.approx(exact, abs=0.15)


def test_another_seed_places_scores_within_heaps_anew(table):
    chain = posynth.specify(table)
    data = encode_table(given_table(table), chain.spec)
    family = chain["y"].family
    first, again, other = (
        make_task(data, chain.spec, chain.spec["y"], family, seed)[0].response.y
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
