"""A numeric column whose few numbers are levels of a multinomial logit, from end to end."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.drawing import draw_copies
from posynth.errors import SpecError
from posynth.posterior.likelihood import encoded
from posynth.posterior.predictive import log_likelihood, posterior_predictive, prior_predictive

NUMBERS = (-8.0, 0.5, 2.0, 17.5)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    x = rng.standard_normal(600)
    high = rng.random(600) < 1 / (1 + np.exp(-3 * x))
    y = np.where(high, rng.choice(NUMBERS[::3], 600), rng.choice(NUMBERS[1:3], 600))
    frame = pd.DataFrame({"x": x, "y": y, "z": y / 10 + x + rng.standard_normal(600)})
    frame.loc[rng.random(600) < 0.1, "y"] = np.nan
    return frame


@pytest.fixture(scope="module")
def chain(table):
    return posynth.specify(table, methods={"x": "gaussian", "z": "gaussian"}).change(
        "y", family="categorical", scale="levels"
    )


@pytest.fixture(scope="module")
def copies(table, chain):
    return posynth.synthesize(table, m=4, seed=2, chain=chain)


def test_copies_hold_the_numbers_in_their_proportions(table, copies):
    share = table["y"].value_counts(normalize=True)
    for copy in copies:
        assert copy["y"].dtype == table["y"].dtype
        assert set(copy["y"].dropna()) == set(NUMBERS)
        # Two samples of 540 and two draws of parameters: sd of a difference .027 at most.
        found = copy["y"].value_counts(normalize=True)
        assert (found - share).abs().max() < 4 * 0.027


def test_what_predictors_tell_is_kept(table, copies):
    """P(-8 or 17.5 | x > 1) is above .9, and a shifted normal could not say so."""
    for copy in (table, *copies):
        there = copy[(copy["x"] > 1) & copy["y"].notna()]
        assert there["y"].isin(NUMBERS[::3]).mean() > 0.85


def test_probabilities_are_those_of_the_levels(table, copies, chain):
    one = table.assign(y=0.5)[:5]
    total = 0.0
    for number in NUMBERS:
        tree = log_likelihood(copies.posterior, "y", one.assign(y=number), draws=50)
        total = total + np.exp(tree["log_likelihood"]["y"].to_numpy())
    assert total == pytest.approx(np.ones_like(total))


def test_predictive_draws_are_numbers(table, copies, chain):
    for tree, group in (
        (posterior_predictive(copies.posterior, "y", table, 20), "posterior_predictive"),
        (prior_predictive(chain, "y", table, 20), "prior_predictive"),
    ):
        assert set(np.unique(tree[group]["y"])) <= set(NUMBERS)
        assert set(np.unique(tree["observed_data"]["y"])) == set(NUMBERS)


def test_a_number_never_seen_has_no_probability(table, copies):
    with pytest.raises(SpecError, match=r"'y' holds 3, which is none of the numbers .*-8, 0.5, 2"):
        log_likelihood(copies.posterior, "y", table.assign(y=3.0), draws=10)


def test_a_saved_posterior_draws_the_same(copies, tmp_path):
    copies.save(tmp_path / "out")
    again = draw_copies(posynth.load_posterior(tmp_path / "out"), *copies.streams)
    assert all(a.equals(b) for a, b in zip(copies, again, strict=True))
    assert 'scale = "levels"' in (tmp_path / "out" / "chain.toml").read_text()
    read = posynth.specify(copies[0], chain=tmp_path / "out" / "chain.toml")
    assert read.spec["y"].label == "categorical, numbers as levels"


def test_every_measure_takes_such_a_column(table, copies):
    others = table.sample(200, random_state=1).assign(x=lambda rows: rows["x"] + 0.01)
    results = posynth.evaluate(copies, table, keys=["x"], target=["y"], holdout=others)
    told = {(r.measure, str(r.subject)) for r in results}
    assert ("attribute risk", "y") in told
    assert all(
        np.isfinite(r.value) for r in results if r.measure in ("attribute risk", "log score")
    )


def test_holes_of_copies_are_imputed_by_its_numbers(copies):
    pooled = posynth.pool(copies, "ols", "z ~ x + y", impute=2)
    assert pooled.names == ("Intercept", "x", "y")
    assert encoded(copies.posterior, copies[0]).arrays["y"].size == 600


def test_what_cannot_be_levels_is_refused(table, chain):
    with pytest.raises(
        SpecError, match=r"column 'z': scale 'levels' with 600 different values; it"
    ):
        posynth.fit(table, chain.change("z", family="categorical", scale="levels"))
    with pytest.raises(
        SpecError, match="scale 'levels' is for numeric columns under a family of l"
    ):
        chain.change("z", scale="levels")
    dropped = chain.change("y", family="gaussian")
    assert dropped.spec["y"].scale == "natural"
    assert dropped.spec["y"].note.endswith("dropped: numbers as levels")
