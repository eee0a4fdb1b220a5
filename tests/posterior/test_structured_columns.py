"""Columns of family ``structured`` from table to copies, and simpler ones in their place."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.spec import Conditional
from posynth.errors import FitError, SpecError
from posynth.posterior.simpler import simpler

ROWS = 150
METHODS = {"pay": "structured", "visits": "structured"}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    x, site = rng.normal(size=ROWS), np.r_[["rare"] * 3, rng.choice(["a", "b"], ROWS - 3)]
    pay = np.sin(2 * x) + (site == "a") + np.exp(0.5 * x) * 0.4 * rng.standard_t(4, ROWS)
    visits = rng.poisson(np.exp(1 + 0.4 * x))
    pay[rng.random(ROWS) < 0.1] = np.nan
    return pd.DataFrame({"x": x, "site": site, "pay": pay.round(2), "visits": visits})


@pytest.fixture(scope="module")
def chain(table):
    chain = posynth.specify(table, methods=METHODS)
    return chain.change("pay", spread=("x",), interactions=(("x", "site"),))


@pytest.fixture(scope="module")
def posterior(table, chain):
    return posynth.fit(table, chain, seed=4)


def test_it_is_drawn_by_its_own_sampler_and_the_chain_says_what_it_is_made_of(posterior, chain):
    assert chain.spec["visits"].scale == "learned" and chain.spec["pay"].splines > 2
    for target in METHODS:
        assert posterior.links[target].diagnosis.engine == "structured"
    draws = posterior.draws["pay"]
    assert {"x", "site", "x:site", "log spread"} == set(draws["block"].values)
    assert "site[rare]" in draws["predictor"].values  # 3 rows
    assert set(draws["spread"].values) >= {"x"}


def test_a_chain_file_and_two_processes_give_the_same_draws(posterior, table, chain, tmp_path):
    path = tmp_path / "chain.toml"
    path.write_text(chain.to_toml())
    again = posynth.fit(table, path, seed=4, workers=2)
    assert again.spec["pay"].spread == ("x",)
    for target in METHODS:
        for name, values in posterior.draws[target].data_vars.items():
            np.testing.assert_array_equal(values, again.draws[target][name])


def test_a_stored_posterior_gives_the_same_copies(posterior, tmp_path):
    posynth.save_posterior(posterior, tmp_path / "posterior")
    loaded = posynth.load_posterior(tmp_path / "posterior")
    assert loaded.links["pay"].coding == posterior.links["pay"].coding
    first, again = (posynth.draw(p, m=1, seed=5)[0] for p in (posterior, loaded))
    pd.testing.assert_frame_equal(first, again)
    assert set(first["site"]) <= {"a", "b", "rare"} and (first["visits"] >= 0).all()


def test_coefficients_and_log_likelihoods_of_both_scales_are_finite(posterior, table):
    for target in METHODS:
        assert np.isfinite(posterior.coefficients(target)["slope"]).all()
        found = posynth.log_likelihood(posterior, target, table, draws=20)
        assert np.isfinite(found["log_likelihood"][target]).all()


def test_its_prior_has_rows_of_the_table(table, chain):
    tree = posynth.prior_predictive(chain, "visits", table, draws=5, seed=1)
    drawn = tree["prior_predictive"]["visits"].to_numpy()
    assert (drawn >= 0).all() and (drawn == np.round(drawn)).all() and len(np.unique(drawn)) > 3


def _poor(monkeypatch):
    """Make its own sampler give no draws, and no other engine take over."""
    monkeypatch.setattr("posynth.engines.structured.sample.WORTH", 1.1)
    monkeypatch.setattr("posynth.engines.choose.MOST_CELLS", 0)


def _chosen(chain):
    """The same chain, as if the default had chosen its families."""
    for target in METHODS:
        chain = chain.change(target, note="default for numbers")
    return chain


def test_a_simpler_model_takes_its_place_and_chain_note_and_why_say_so(table, chain, monkeypatch):
    _poor(monkeypatch)
    posterior = posynth.fit(table, _chosen(chain), seed=4)
    found, diagnosis = posterior.spec["pay"], posterior.links["pay"].diagnosis
    assert (found.family, found.splines, found.interactions) == ("gaussian", 3, (("x", "site"),))
    assert "in place of a larger model, which was not fitted (" in found.note
    assert "the learned scale, splines of 3 columns" in found.note
    assert diagnosis.family == "gaussian"
    assert "in place of family 'structured', which was not fitted (" in diagnosis.why
    assert "proposals effective" in diagnosis.why
    assert np.isfinite(posynth.draw(posterior, m=1, seed=1)[0]["visits"]).all()


def test_a_family_that_was_named_ends_with_an_error_and_is_not_replaced(table, chain, monkeypatch):
    """It was replaced by straight lines, with a note that nobody who named it had to read."""
    _poor(monkeypatch)
    said = "family 'structured' was named for column '.*', so nothing simpler takes its place"
    with pytest.raises(FitError, match=f"{said}.*--method .*=gaussian"):
        posynth.fit(table, chain, seed=4)
    assert not list(simpler(chain.spec["pay"], "why"))


def test_simpler_models_come_in_steps(chain):
    steps = list(simpler(_chosen(chain).spec["pay"], "why"))
    assert [(s.family, bool(s.interactions), s.splines) for s in steps] == [
        ("structured", True, chain.spec["pay"].splines),
        ("gaussian", True, 3),
        ("structured", True, 3),
        ("structured", False, 3),
        ("gaussian", False, 0),
    ]
    assert not list(simpler(chain.spec["x"], "why"))


def test_every_default_has_simpler_ones_and_named_families_have_none(table):
    default = posynth.specify(table).spec["site"]
    assert default.note.startswith("default")
    steps = list(simpler(replace(default, splines=2, prior=""), "why"))
    assert [(s.family, s.splines, s.prior, s.predictors) for s in steps] == [
        ("categorical", 0, "", None),
        ("categorical", 0, "log_f", None),
        ("dirichlet", 0, "", ()),
    ]
    wide = Conditional("pay", "location_scale", splines=3, scale="learned", note="default for")
    steps = list(simpler(wide, "why"))
    assert [(s.family, s.splines, s.scale) for s in steps] == [
        ("gaussian", 3, "learned"),
        ("gaussian", 0, "learned"),
    ]
    assert all("in place of a larger model, which was not fitted (why)" in s.note for s in steps)
    named = posynth.specify(table, methods={"pay": "location_scale"}).spec["pay"]
    assert not list(simpler(named, "why"))


def test_a_default_job_ends_with_copies_where_a_family_is_not_fitted(table, monkeypatch):
    """Levels and spreads that no engine fits: straight lines of another prior, or no predictors."""

    def refuse(task, *_):
        raise FitError("no draws")

    for engine in ("_fit_batched", "_approximate"):
        monkeypatch.setattr(f"posynth.engines.choose.{engine}", refuse)
    copies = posynth.synthesize(table, m=1, seed=1)
    found = copies.posterior.spec["site"]
    assert found.predictors == ()
    assert "no predictors" in found.note and "(no draws)" in found.note
    assert copies.manifest()["simplified"]["site"] == "no predictors"
    pooled = posynth.pool(copies, "ols", "x ~ site", rule="naive")
    assert "the conditional of 'site' is simpler than what was chosen" in pooled.text


def test_where_an_engine_is_named_nothing_takes_its_place(chain):
    named = chain.change("pay", engine="laplace")
    assert not list(simpler(named.spec["pay"], "why"))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"spread": ("sit",)}, r"column 'pay', spread: unknown predictor 'sit'.*'site'"),
        ({"family": "gaussian", "spread": ("x",)}, "spread is for family 'structured'"),
        ({"strata": "site"}, "family 'structured' has curves.*take no strata"),
        ({"formula": "x + site"}, "family 'structured' has curves.*take no formula"),
    ],
)
def test_what_it_has_no_place_for_is_refused(chain, changes, text):
    with pytest.raises(SpecError, match=text):
        chain.change("pay", **changes)
