"""A study of a valid pipeline passes; one whose pipeline is broken in a known way does not.

Each mutation breaks posynth itself, the study runs through the whole pipeline, and the check that
should see it must fail. The posteriors are exact; a valid pipeline fails one kind of check with
probability .001 (200 replications here).
"""

from dataclasses import replace

import numpy as np
import pytest

from posynth.chain.design import Curves, learn
from posynth.evaluation.inference import RULES
from posynth.evaluation.validity import replicate, run_study, verdicts
from posynth.evaluation.validity.summary import Validity
from posynth.posterior.coding import Coding
from posynth.posterior.predict import RowSampler


def failed(validity):
    return {result.measure for result in verdicts(validity) if result.passed is False}


@pytest.fixture(scope="module")
def intact(small_study):
    return run_study(small_study(k=(100,), m=(1, 5)))


def test_the_pipeline_as_it_is_passes_every_check(intact):
    results = verdicts(intact)
    assert {r.measure for r in results} == {
        "coverage", "mean coverage", "between/within", "bias",
    }  # fmt: skip
    assert [r for r in results if not r.passed] == []


def test_bias_that_falls_with_the_rows_of_a_copy_is_the_analysts(small_study, monkeypatch):
    found = run_study(small_study(k=(50, 100, 400), m=(2,), replications=60))
    estimates = Validity.estimates
    unit = np.sqrt(found.original_intervals().variance.mean(axis=0))

    def moved(constant, of_size):
        def estimates_moved(self, draws, k, m):
            q, v = estimates(self, draws, k, m)
            return q + (constant + of_size * 100 / k) * unit, v

        monkeypatch.setattr(Validity, "estimates", estimates_moved)
        return {r.subject for r in verdicts(found) if r.measure == "bias" and not r.passed}

    names = {f"proper, k={k}, {name}" for k in (50, 100, 400) for name in found.names}
    assert moved(0.0, 0.0) == moved(0.0, 2.0) == set()
    assert moved(1.0, 0.0) == moved(1.0, 2.0) == names


def test_one_parameter_draw_for_all_copies_is_found_out(small_study, monkeypatch):
    draw = RowSampler.draw
    monkeypatch.setattr(RowSampler, "draw", lambda self, X, index, rng: draw(self, X, 0, rng))
    found = run_study(small_study(replications=80))
    assert failed(found) >= {"mean coverage", "between/within"}


def test_copies_at_the_posterior_mean_are_found_out(small_study, monkeypatch):
    """T_p* still covers, as it must for any scheme; the spread between copies gives them away."""
    original = replicate.fit
    monkeypatch.setattr(replicate, "fit", lambda *given: replicate.plug_in(original(*given)))
    found = run_study(small_study(replications=60))
    assert failed(found) == {"between/within"}


@pytest.mark.parametrize("wrong", ["rubin", "naive", "simple", "rrr", "partial"])
def test_a_wrong_rule_is_found_out(intact, small_study, monkeypatch, wrong):
    if wrong == "partial":  # without the factor k/n it is right at k = n only
        intact = run_study(small_study(k=(500,), replications=60))
    assert "mean coverage" not in failed(intact)
    monkeypatch.setitem(RULES, "t_p_star", RULES[wrong])
    changed = replace(intact)  # nothing is kept of the former rule
    assert "mean coverage" in failed(changed)


def test_thresholds_that_each_use_their_own_uniform_are_found_out(small_study, monkeypatch):
    """What mice 3.19.10 does: P = (.2, .3, .5) is then drawn as (.1, .5, .4)."""
    draw = RowSampler.draw

    def thresholds(self, X, index, rng):
        if "p" not in self._parameters:
            return draw(self, X, index, rng)
        p = X @ self._parameters["p"][index]
        return (rng.random((len(X), 2)) > np.cumsum(p, axis=1)[:, :2]).sum(axis=1).astype(float)

    monkeypatch.setattr(RowSampler, "draw", thresholds)
    assert failed(run_study(small_study(replications=40))) >= {"mean coverage", "bias"}


def test_an_encoder_fitted_on_the_copy_is_found_out(small_study, monkeypatch):
    """Predictors standardised by the copy's own moments lose the parameters' meaning."""

    def relearned(self, rows):
        if self.encoder is None:
            return original(self, rows)
        own = self.encoder
        bent = Curves(own.splines, own.interactions, own.smooth)
        return learn(rows, own.columns, own.formula, curves=bent)[1]

    original = Coding.design
    monkeypatch.setattr(Coding, "design", relearned)
    assert "mean coverage" in failed(run_study(small_study(replications=80)))


def test_columns_drawn_independently_are_found_out(small_study, monkeypatch):
    original = Coding.design

    def nothing(self, rows):
        return original(self, rows) * (0.0 if self.encoder is not None else 1.0)

    monkeypatch.setattr(Coding, "design", nothing)
    assert failed(run_study(small_study(replications=40))) >= {"mean coverage", "bias"}
