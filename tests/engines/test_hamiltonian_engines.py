"""HMC and NUTS against closed forms, the exact engine and quadrature, and what they refuse."""

import numpy as np
import pymc as pm
import pytest
from scipy import stats

from posynth.engines.choose import fit
from posynth.errors import FitError
from posynth.families.own import as_family

LIMIT = 4.0  # Monte-Carlo standard errors


def _stacked(found):
    named = {name: a.reshape(-1, *a.shape[2:]) for name, a in found.draws.items()}
    return named, min(found.mixed.ess, len(named["alpha"]))


ENGINES = pytest.mark.parametrize("engine", ["hmc", "nuts"])


@ENGINES
@pytest.mark.parametrize("prior", ["jeffreys", "flat"])
def test_linear_regression_has_the_closed_form(prior, engine, line, make_task):
    task = make_task("gaussian", prior, line.X, line.y, draws=500)
    found = fit(task, engine, np.random.default_rng(9))
    assert found.engine == engine and found.why.startswith("asked for")
    assert found.divergences == 0
    named, ess = _stacked(found)
    df = len(line.y) - 3 - (prior == "flat")
    variance = line.ssr / (df - 2) * np.diag(np.linalg.inv(line.A.T @ line.A))
    theta = np.column_stack([named["alpha"], named["beta"]])
    assert np.abs((theta.mean(axis=0) - line.estimate) / np.sqrt(variance / ess)).max() < LIMIT
    spread = (theta - line.estimate) ** 2
    scores = (spread.mean(axis=0) - variance) / (spread.std(axis=0) / np.sqrt(ess))
    assert np.abs(scores).max() < LIMIT
    chi2 = line.ssr / named["sigma"] ** 2
    assert abs(chi2.mean() - df) < LIMIT * np.sqrt(2 * df / ess)
    thinned = chi2[:: int(np.ceil(len(chi2) / ess)) + 1]
    assert stats.kstest(thinned, stats.chi2(df).cdf).pvalue > 1e-4


@ENGINES
@pytest.mark.parametrize("prior", ["weak", "conjugate"])
def test_linear_regression_agrees_with_the_exact_engine(prior, engine, line, make_task):
    task = make_task("gaussian", prior, line.X, line.y, draws=500)
    sampled, ess = _stacked(fit(task, engine, np.random.default_rng(9)))
    exact, count = _stacked(fit(task, "exact", np.random.default_rng(9)))
    for name in exact:
        for power in (1, 2):  # means and mean squares
            a, b = sampled[name] ** power, exact[name] ** power
            se = b.std(axis=0) * np.sqrt(1 / ess + 1 / count)
            assert np.abs((a.mean(axis=0) - b.mean(axis=0)) / se).max() < LIMIT


@ENGINES
def test_logistic_regression_has_the_moments_of_quadrature(
    engine, make_task, logistic_quadrature, z_scores
):
    x = np.linspace(-1.7, 1.7, 30)
    y = (x > 0.9).astype(np.int64)  # separated: the prior alone bounds the slope
    exact = logistic_quadrature(x, y, (5.0, 2.5), ((-20, 5), (-1, 18)))
    task = make_task("bernoulli", "weak", x[:, None], y, levels=2, draws=500)
    named, ess = _stacked(fit(task, engine, np.random.default_rng(9)))
    draws = np.column_stack([named["alpha"], named["beta"]])
    assert np.abs(z_scores(draws, ess, exact)).max() < LIMIT


@ENGINES
def test_the_same_seed_gives_the_same_draws(engine, line, make_task):
    task = make_task("gaussian", "weak", line.X, line.y, draws=100, need=50)
    first, again, other = (
        fit(task, engine, np.random.default_rng(seed)).draws["beta"] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def _own(make_task, build):
    from dataclasses import replace

    base = make_task("gaussian", "weak", np.ones((5, 1)), np.zeros(5), draws=100, need=100)
    return replace(base, family=as_family(build), prior="own", priors={})


def test_chains_that_do_not_agree_are_refused(make_task):
    def two_modes(design, response, priors):
        with pm.Model() as model:
            pm.Data("X", design.X, dims=("row", "predictor"))
            y = pm.Data("y", response.y, dims="row")
            alpha = pm.Normal("alpha", 0.0, 8.0, shape=2)
            apart = pm.math.logaddexp(-25 * (alpha[0] - 2) ** 2, -25 * (alpha[0] + 2) ** 2)
            pm.Potential("apart", apart)
            pm.Normal("r", alpha[1], 1.0, observed=y, dims="row")
        return model

    with pytest.raises(
        FitError, match=r"column 'outcome': NUTS did not explore the posterior \(R-hat 1\.\d"
    ):
        fit(_own(make_task, two_modes), "nuts", np.random.default_rng(3))


def test_a_proper_posterior_without_a_mode_is_left_to_nuts(make_task):
    def unbounded(design, response, priors):
        with pm.Model() as model:
            pm.Data("X", design.X, dims=("row", "predictor"))
            y = pm.Data("y", response.y, dims="row")
            alpha = pm.Uniform("alpha", -1.0, 1.0, default_transform=None)
            pm.Normal("r", 0.0 * alpha, 1.0, observed=y, dims="row")
        return model

    task = _own(make_task, unbounded)
    with pytest.raises(FitError, match="the posterior has no interior mode"):
        fit(task, "laplace", np.random.default_rng(3))
    with pytest.raises(FitError, match=r"NUTS (cannot start|did not explore)"):
        fit(task, "auto", np.random.default_rng(3))
