"""Draws of ``structured``: closed forms, quadrature, NUTS, and what happens where they are poor."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from posynth.engines.base import Task
from posynth.engines.choose import fit
from posynth.engines.structured.sample import systematic
from posynth.errors import FitError
from posynth.families import family
from posynth.families.base import Design, Response

FAMILY = family("structured")
#: Residuals that are standard normal: no spread to learn, no shape.
FIXED = {"spread": 1e-3, "shape": 1e-3}


def task_of(X, y, blocks, of_spread=(), need=1200, **scales) -> Task:
    names = tuple(f"x{j}" for j in range(X.shape[1]))
    priors = FAMILY.facts.priors["weak"] | scales
    design = Design(X, names, blocks=blocks, spread=of_spread)
    return Task(FAMILY, design, Response("y", y), "weak", priors, 250, need)


def flat(found, name):
    draws = found.draws[name]
    return draws.reshape(draws.shape[0] * draws.shape[1], -1)


@pytest.fixture
def line(rng):
    X = rng.standard_normal((60, 3)) @ np.array([[1, 0.8, 0], [0, 1, 0], [0, 0, 1]])
    X -= X.mean(axis=0)
    return X, X @ [0.5, -0.3, 0.0] + rng.standard_normal(60)


def _normal(X, y, precision):
    """Mean and covariance of coefficients, the intercept first, with residual sd 1."""
    A = np.column_stack([np.ones(len(X)), X])
    V = np.linalg.inv(A.T @ A + np.diag(precision))
    return V @ A.T @ y, V


def test_with_normal_residuals_and_fixed_scales_draws_have_the_closed_form(line):
    X, y = line
    found = fit(task_of(X, y, ("", "", ""), **FIXED), "auto", np.random.default_rng(1))
    assert found.engine == "structured" and found.independent
    mean, V = _normal(X, y, np.full(4, 1 / 2.5**2))
    draws = np.hstack([flat(found, "alpha"), flat(found, "beta")])
    count, sd = len(draws), np.sqrt(np.diag(V))
    assert count >= 1000
    # Standard errors of means sd / sqrt(n), of sds sd / sqrt(2 n): 4 of them.
    assert np.abs((draws.mean(axis=0) - mean) / sd).max() < 4 / count**0.5
    assert np.abs(draws.std(axis=0) / sd - 1).max() < 4 / (2 * count) ** 0.5
    expected = V / np.outer(sd, sd)
    assert np.abs(np.corrcoef(draws.T) - expected).max() < 4 / count**0.5


def test_a_learned_scale_of_a_block_has_its_posterior_by_quadrature(line):
    """Given tau coefficients are normal; log tau is summed over a grid of 2001 points."""
    X, y = line
    found = fit(task_of(X, y, ("g", "g", "g"), **FIXED), "auto", np.random.default_rng(2))
    grid = np.linspace(-9, 5, 2001)
    A = np.column_stack([np.ones(len(X)), X])
    log_p, means, seconds = [], [], []
    for log_tau in grid:
        precision = np.r_[1 / 2.5**2, np.full(3, np.exp(-2 * log_tau))]
        mean, V = _normal(X, y, precision)
        half = 0.5 * np.linalg.slogdet(V)[1] + 0.5 * np.log(precision).sum()
        half += 0.5 * y @ A @ mean
        log_p.append(half + log_tau + stats.halfcauchy.logpdf(np.exp(log_tau)))
        means.append(mean)
        seconds.append(np.diag(V) + mean**2)
    weight = np.exp(np.array(log_p) - max(log_p))
    weight /= weight.sum()
    mean = weight @ np.array(means)
    sd = np.sqrt(weight @ np.array(seconds) - mean**2)
    draws = np.hstack([flat(found, "alpha"), flat(found, "beta")])
    count = len(draws)
    assert count >= 1000
    assert np.abs((draws.mean(axis=0) - mean) / sd).max() < 4 / count**0.5
    # The kurtosis of coefficients under a learned scale is above 3: twice the normal error.
    assert np.abs(draws.std(axis=0) / sd - 1).max() < 8 / (2 * count) ** 0.5
    shares = np.searchsorted(np.cumsum(weight), [0.1, 0.25, 0.5, 0.75, 0.9])
    log_tau = np.log(flat(found, "tau")[:, 0])
    for point, share in zip(grid[shares], np.cumsum(weight)[shares], strict=True):
        error = np.sqrt(share * (1 - share) / count)
        assert abs(np.mean(log_tau <= point) - share) < 4 * error


@pytest.fixture(scope="module")
def heavy():
    """150 rows with a spread that depends on a predictor, and residuals of 3 degrees of freedom."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((150, 2))
    y = X @ [0.5, -0.3] + np.exp(0.3 * X[:, 0]) * rng.standard_t(3, 150)
    y = (y - y.mean()) / y.std()
    return task_of(X - X.mean(axis=0), y, ("", ""), of_spread=(0, 1))


def test_draws_have_the_moments_of_nuts(heavy):
    """Means, and second moments about them, within 4.5 standard errors by the ESS of both."""
    found = fit(heavy, "auto", np.random.default_rng(2))
    nuts = fit(replace(heavy, draws=750), "nuts", np.random.default_rng(2))
    assert (found.engine, nuts.engine) == ("structured", "nuts")
    for name in ("alpha", "beta", "gamma0", "gamma", "shape"):
        here, there = flat(found, name), flat(nuts, name)
        for a, b in ((here, there), *[[(d - d.mean(0)) ** 2 for d in (here, there)]]):
            error = np.sqrt(a.var(0) / found.mixed.ess + b.var(0) / nuts.mixed.ess)
            assert np.abs((a.mean(0) - b.mean(0)) / error).max() < 4.5, name
    assert np.all(np.abs(flat(found, "gamma").mean(0) - [0.3, 0.0]) < 0.3)


def test_hmc_by_name_finds_the_same_posterior(heavy):
    found = fit(replace(heavy, need=400), "hmc", np.random.default_rng(3))
    auto = fit(heavy, "auto", np.random.default_rng(2))
    assert found.engine == "hmc"
    for name in ("beta", "gamma"):
        a, b = flat(found, name), flat(auto, name)
        error = np.sqrt(a.var(0) / found.mixed.ess + b.var(0) / auto.mixed.ess)
        assert np.abs((a.mean(0) - b.mean(0)) / error).max() < 4.5


def test_where_proposals_are_poor_another_engine_draws_and_why_says_so(heavy, monkeypatch):
    monkeypatch.setattr("posynth.engines.structured.sample.WORTH", 1.1)
    found = fit(replace(heavy, need=200), "auto", np.random.default_rng(3))
    assert found.engine in ("laplace", "hmc", "nuts")
    assert found.why.startswith("the sampler of this family fails: ")
    assert "proposals effective" in found.why


def test_a_large_design_is_not_left_to_the_other_engines(heavy, monkeypatch):
    monkeypatch.setattr("posynth.engines.structured.sample.WORTH", 1.1)
    monkeypatch.setattr("posynth.engines.choose.MOST_CELLS", 299)
    with pytest.raises(FitError, match=r"column 'y': .*proposals effective.*too large"):
        fit(heavy, "auto", np.random.default_rng(3))


def test_a_density_that_is_not_that_of_the_model_gives_no_draws(heavy, monkeypatch):
    """As in every batched engine, draws are compared with the PyMC graph in each fit."""
    from posynth.engines.structured.posterior import Structured

    wrong = Structured.log_prior

    def tilted(self, phi, log_tau):
        return wrong(self, phi, log_tau) + 0.5 * phi[:, 0]

    monkeypatch.setattr(Structured, "log_prior", tilted)
    found = fit(replace(heavy, need=200), "auto", np.random.default_rng(3))
    assert found.engine != "structured"
    assert "its density differs from the PyMC model's by" in found.why


def test_systematic_sampling_takes_each_place_as_often_as_its_weight_says():
    rng = np.random.default_rng(5)
    weights = rng.exponential(size=50) ** 2
    weights /= weights.sum()
    counts = np.array(
        [np.bincount(systematic(weights, 40, rng), minlength=50) for _ in range(2000)]
    )
    assert (counts.sum(axis=1) == 40).all()
    assert (np.abs(counts - 40 * weights) < 1).all()
    part = 40 * weights % 1
    error = np.sqrt(np.maximum(part * (1 - part), 1e-9) / len(counts))
    assert np.abs((counts.mean(axis=0) - 40 * weights) / error).max() < 4.5


def test_a_rare_level_keeps_its_own_coefficient():
    """3 of 200 rows, 6 residual sds above the others: shrunk a little, not left out."""
    rng = np.random.default_rng(6)
    level = np.r_[[3] * 3, rng.integers(0, 3, 197)]
    X = (level[:, None] == np.arange(4)).astype(float)
    y = np.where(level == 3, 3.0, 0.0) + 0.5 * rng.standard_normal(200)
    found = fit(task_of(X - X.mean(0), y, ("f",) * 4, need=400), "auto", np.random.default_rng(1))
    beta = flat(found, "beta")
    effect = beta[:, 3] - beta[:, :3].mean(axis=1)
    own = y[level == 3].mean() - y[level < 3].mean()
    assert 0.6 * own < effect.mean() < own
    assert np.quantile(effect, 0.01) > 0
