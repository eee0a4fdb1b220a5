"""Log score of holdout rows: against predictive densities in closed form, and its verdicts."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import posynth
from posynth.evaluation.utility import log_score
from posynth.posterior.likelihood import comb


def scored(table, held, **wishes):
    """Fit a chain to a table and score other rows under it, by (measure, subject)."""
    chain = posynth.specify(table)
    for target, changes in wishes.items():
        chain = chain.change(target, **changes)
    copies = posynth.draw(posynth.fit(table, chain, seed=1), 2, seed=1)
    tables = posynth.lay_beside(copies, table, held)
    found = log_score.measure(tables, copies.posterior, rng=np.random.default_rng(1), draws=600)
    return {(r.measure, r.subject): r for r in found}


def test_a_linear_column_has_the_score_of_its_predictive_t(rng):
    # Under Jeffreys' prior the predictive of y | x is t with n - 2 df, location x'b and scale
    # s sqrt(1 + x'(X'X)^-1 x). The mean over 600 draws has relative error below 5 % a row, hence
    # a mean log error below .05^2 / 2 of bias and .05 / sqrt(600) of noise.
    x = rng.normal(3, 2, size=160)
    y = np.round(1 + 0.5 * x + rng.normal(0, 1.5, size=160), 6)
    table = pd.DataFrame({"x": x, "y": y})
    fitted, held = table[:60], table[60:]
    found = scored(fitted, held, y={"prior": "jeffreys"})
    X, new = (np.column_stack([np.ones(len(t)), t["x"]]) for t in (fitted, held))
    b, rest, *_ = np.linalg.lstsq(X, fitted["y"], rcond=None)
    spread = np.sqrt(
        rest[0] / 58 * (1 + np.einsum("ij,jk,ik->i", new, np.linalg.inv(X.T @ X), new))
    )
    exact = stats.t.logpdf(held["y"], 58, new @ b, spread)
    score = found["log score", "y"]
    assert score.value == pytest.approx(exact.mean(), abs=0.005)
    assert score.details["se"] == pytest.approx(exact.std(ddof=1) / 10, rel=0.02)
    assert score.details["rows"] == 100


def test_levels_have_the_score_of_their_dirichlet_predictive():
    # p(level) = (count + 1) / (n + 3), which is also the score of independent columns: no gain.
    table = pd.DataFrame({"g": ["a"] * 20 + ["b"] * 30 + ["c"] * 10})
    held = pd.DataFrame({"g": ["a"] * 5 + ["b"] * 5 + ["c"] * 10})
    found = scored(table, held)
    exact = np.log(np.repeat(np.array([21, 31, 11]) / 63, [5, 5, 10]))
    # A mean of 600 Dirichlet draws: relative error sd(p) / p / sqrt(600) < .3 / 24 = .0125.
    assert found["log score", "g"].value == pytest.approx(exact.mean(), abs=0.02)
    assert found["log score", "g"].details["baseline"] == pytest.approx(exact.mean())
    assert abs(found["log score gain", "g"].value) < 0.02


def test_what_a_predictor_tells_is_the_gain(rng):
    # Normal pair with correlation .8: mutual information -log(1 - .64) / 2 = .511 nats; its
    # standard error over 2000 rows is about .02. The kernel density loses some .02 itself.
    draws = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=4000)
    table = pd.DataFrame(draws, columns=["x", "y"])
    found = scored(table[:2000], table[2000:])
    gain = found["log score gain", "y"]
    assert gain.value == pytest.approx(0.511, abs=0.08)
    assert gain.interval[0] < gain.value < gain.interval[1]
    assert gain.passed
    whole, parts = found["log score", ""], [found["log score", name] for name in ("x", "y")]
    assert whole.value == pytest.approx(sum(part.value for part in parts))


def test_a_wrong_shape_is_told(rng):
    table = pd.DataFrame({"skew": rng.exponential(size=800) ** 2})
    plain = {"family": "gaussian", "scale": "natural"}
    gain = scored(table[:400], table[400:], skew=plain)["log score gain", "skew"]
    assert gain.interval[1] < 0
    assert gain.passed is False
    assert "change the family" in gain.text


def test_a_gain_of_zero_passes_whatever_the_noise_of_the_draws():
    table = pd.DataFrame({"g": ["a"] * 200 + ["b"] * 200})
    gain = scored(table, table[::2])["log score gain", "g"]
    assert gain.interval[0] == pytest.approx(gain.interval[1], abs=0.002)
    assert gain.passed


def test_holes_are_scored_by_their_indicator_and_values_where_present(rng):
    values = rng.normal(size=200)
    values[::4] = np.nan
    table = pd.DataFrame({"x": rng.normal(size=200), "y": values})
    found = scored(table[:100], table[100:])
    assert found["log score", "y"].details["rows"] == 75
    assert found["log score", "y_missing"].details["rows"] == 100


def test_without_a_holdout_it_is_not_measured():
    table = pd.DataFrame({"g": list("ab") * 10})
    copies = posynth.synthesize(table, m=1, seed=1)
    tables = posynth.lay_beside(copies, table)
    (result,) = log_score.measure(tables, copies.posterior, rng=np.random.default_rng(1))
    assert np.isnan(result.value)
    assert "needs a holdout" in result.text


def test_draws_are_spread_and_leave_out_those_that_made_copies():
    posterior = posynth.fit(pd.DataFrame({"g": list("ab") * 10}), seed=1)
    total = posterior.draws["g"].sizes["chain"] * posterior.draws["g"].sizes["draw"]
    assert len(comb(posterior, 10_000)["g"]) == total
    chosen = comb(posterior, 50, {"g": np.array([0, 7])})["g"]
    assert len(set(chosen)) == 50
    assert not {0, 7} & set(chosen)
    assert chosen[0] < total / 25 and chosen[-1] > total * 24 / 25


def test_algorithms_have_no_score_and_whole_rows_are_then_not_scored():
    table = posynth.load_heart_failure()[["age", "sex"]]
    copies = posynth.synthesize(table[:200], m=2, seed=1, methods={"sex": "cart"})
    tables = posynth.lay_beside(copies, table[:200], holdout=table[200:])
    results = log_score.measure(tables, copies.posterior, rng=np.random.default_rng(1))
    assert {r.subject for r in results} == {"age"}


def test_on_a_learned_scale_the_baseline_is_on_it_too():
    """A column that nothing predicts gains nothing, however far its values are from normal."""
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"x": rng.normal(size=1200), "y": np.exp(1.5 * rng.normal(size=1200)) - 1})
    copies = posynth.synthesize(table[:800], m=2, seed=1)
    assert copies.posterior.links["y"].coding.learned is not None
    tables = posynth.lay_beside(copies, table[:800], holdout=table[800:])
    results = log_score.measure(tables, copies.posterior, rng=np.random.default_rng(1))
    gain = next(r for r in results if (r.measure, r.subject) == ("log score gain", "y"))
    assert abs(gain.value) < 0.02  # its standard error over 400 rows is about .005
