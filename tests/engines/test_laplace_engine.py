"""The Laplace engine against quadrature and closed forms, where a normal curve would be wrong."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
from scipy import special

from posynth.engines.choose import fit
from posynth.engines.laplace import check_ratios, proposal_log_density
from posynth.engines.mode import find_mode, refine
from posynth.errors import FitError
from posynth.families.base import Family
from posynth.families.own import as_family

FLAT = (np.inf, np.inf)
WEAK = (5.0, 2.5)
LIMIT = 4.0  # Monte-Carlo standard errors


@pytest.fixture(scope="module")
def events():
    """Two hundred rows, twenty events: a skewed posterior."""
    x = np.linspace(-1.7, 1.7, 200)
    y = (np.random.default_rng(8).random(200) < special.expit(-2.6 + x)).astype(np.int64)
    assert y.sum() == 20
    return x, y


BOX = ((-8, 0), (-2, 6.5))


def _fitted(task, engine="laplace", seed=6):
    found = fit(task, engine, np.random.default_rng(seed))
    count = found.draws[next(iter(found.draws))].shape[:2]
    flat = [a.reshape(count[0] * count[1], -1) for a in found.draws.values() if a.size]
    return found, np.concatenate(flat, axis=1)


def _pooled(task, fits=16):
    """Draws and effective number of independent fits: a sharper test than one fit allows.

    A fit that "auto" leaves to another engine stays in: without it the draws would be selected.
    """
    pairs = [_fitted(task, "auto", [6, number]) for number in range(fits)]
    assert np.mean([found.engine in ("batched", "laplace") for found, _ in pairs]) > 0.7
    ess = sum(min(found.mixed.ess, len(draws)) for found, draws in pairs)
    return np.concatenate([draws for _, draws in pairs]), ess


@pytest.mark.parametrize(("prior", "sds"), [("flat", FLAT), ("weak", WEAK)])
def test_draws_have_the_moments_of_quadrature(
    prior, sds, events, make_task, logistic_quadrature, z_scores
):
    x, y = events
    exact = logistic_quadrature(x, y, sds, BOX)
    draws, ess = _pooled(make_task("bernoulli", prior, x[:, None], y, levels=2))
    assert np.abs(z_scores(draws, ess, exact)).max() < LIMIT


@pytest.mark.parametrize("moved", [False, True])
def test_the_normal_approximation_alone_fails_that_test(
    moved, events, make_task, density_of, logistic_quadrature, z_scores
):
    x, y = events
    exact = logistic_quadrature(x, y, FLAT, BOX)
    density = density_of(make_task("bernoulli", "flat", x[:, None], y, levels=2))
    rng = np.random.default_rng(6)
    mode = find_mode(density)
    if moved:  # towards mean and spread: better, and still not skewed
        mode = refine(density, mode, rng)
    draws = mode.at(rng.standard_normal((10_000, 2)))
    assert np.abs(z_scores(draws, 10_000, exact)).max() > (1.5 * LIMIT if moved else 4 * LIMIT)


def test_a_rare_event_alone_has_the_logit_of_a_beta(make_task):
    # Flat on the logit is Beta(0, 0): the posterior of 12 events in 300 is Beta(12, 288).
    y = (np.arange(300) < 12).astype(np.int64)
    draws, ess = _pooled(make_task("bernoulli", "flat", np.empty((300, 0)), y, levels=2))
    variance = special.polygamma(1, 12) + special.polygamma(1, 288)
    third = special.polygamma(2, 12) - special.polygamma(2, 288)
    fourth = special.polygamma(3, 12) + special.polygamma(3, 288) + 3 * variance**2
    centred = draws[:, 0] - (special.digamma(12) - special.digamma(288))
    assert abs(centred.mean()) < LIMIT * np.sqrt(variance / ess)
    se = np.sqrt((fourth - variance**2) / ess)
    assert abs((centred**2).mean() - variance) < LIMIT * se
    assert third / variance**1.5 < -0.25  # so that a normal curve could not pass the next line
    assert (centred**3).mean() == pytest.approx(
        third, abs=LIMIT * (centred**3).std() / np.sqrt(ess)
    )


COUNTS = np.array([[24, 130, 51], [75, 23, 107]])  # (cell, level)


@pytest.mark.parametrize("cells", [1, 2])
def test_saturated_logits_under_a_flat_prior_are_dirichlet(cells, make_task):
    counts = COUNTS[:cells]
    cell, level = np.indices(counts.shape)
    cell, level = (np.repeat(a.ravel(), counts.ravel()) for a in (cell, level))
    x = (cell - cell.mean()) / max(cell.std(), 1e-9)
    X = x[:, None] if cells == 2 else np.empty((len(x), 0))
    draws, ess = _pooled(make_task("categorical", "flat", X, level, levels=3))
    alpha, beta = draws[:, :2], draws[:, 2:]
    for number, row in enumerate(counts):
        at = x[cell == number][0]
        eta = alpha + (at * beta if cells == 2 else 0.0)
        p = special.softmax(np.column_stack([np.zeros(len(eta)), eta]), axis=1)
        mean, total = row / row.sum(), row.sum()
        variance = mean * (1 - mean) / (total + 1)
        se = np.sqrt(variance / ess)
        assert np.abs((p.mean(axis=0) - mean) / se).max() < LIMIT
        spread = (p - mean) ** 2
        se = spread.std(axis=0) / np.sqrt(ess)
        assert np.abs((spread.mean(axis=0) - variance) / se).max() < LIMIT


def test_perfect_separation_is_carried_by_the_weak_prior(make_task, logistic_quadrature, z_scores):
    x = np.linspace(-1.7, 1.7, 30)
    y = (x > 0).astype(np.int64)
    exact = logistic_quadrature(x, y, WEAK, ((-9, 9), (-1, 18)))
    task = make_task("bernoulli", "weak", x[:, None], y, levels=2)
    draws, ess = _pooled(task, fits=4)
    assert np.abs(z_scores(draws, ess, exact)).max() < LIMIT


def _separated(rng):
    x = rng.standard_normal(300)
    return x[:, None], (x > 0.2).astype(np.int64), 2


def _one_pure_cell(rng):
    cell = np.repeat([0.0, 1.0], [270, 30])
    y = np.where(cell == 1, 1, rng.integers(0, 2, 300))
    return np.column_stack([(cell - 0.1) / 0.3, rng.standard_normal(300)]), y, 2


def _absent_level(rng):
    return rng.standard_normal((300, 1)), 2 * rng.integers(0, 2, 300), 3


def _collinear(rng):
    x = rng.standard_normal((300, 2))
    return np.column_stack([x, x.sum(axis=1)]), rng.integers(0, 3, 300), 3


@pytest.mark.parametrize("engine", ["auto", "laplace", "hmc", "nuts"])
@pytest.mark.parametrize("data", [_separated, _one_pure_cell, _absent_level, _collinear])
def test_posteriors_without_a_mode_are_refused_under_the_flat_prior(data, engine, make_task, rng):
    X, y, levels = data(rng)
    task = make_task("bernoulli" if levels == 2 else "categorical", "flat", X, y, levels=levels)
    text = "column 'outcome': the posterior has no interior mode: .* use prior 'weak'"
    with pytest.raises(FitError, match=text):
        fit(task, engine, np.random.default_rng(2))


def test_a_nearly_separated_sample_is_not_mistaken_for_a_separated_one(make_task, rng):
    x = np.sort(rng.standard_normal(300))
    y = (x > 0.2).astype(np.int64)
    edge = int(y.argmax())
    y[edge - 2 : edge + 2] = [1, 0, 1, 0]
    task = make_task("bernoulli", "flat", x[:, None], y, levels=2)
    found, draws = _fitted(task, engine="auto")
    assert found.mixed.enough(task.need)
    assert (draws[:, 1] > 0).all()


def _funnel() -> Family:
    """Ten scales that hang on one parameter, which no normal curve covers; y says nothing."""

    def build(design, response, priors):
        with pm.Model(coords={"predictor": design.predictors, "arm": range(10)}) as model:
            X = pm.Data("X", design.X, dims=("row", "predictor"))
            y = pm.Data("y", response.y, dims="row")
            width = pm.Normal("width", 0.0, 1.0)
            arms = pm.Normal("arms", 0.0, pm.math.exp(width / 2), dims="arm")
            pm.Normal("r", 0.0 * arms.sum() + X.sum(axis=1), 1.0, observed=y, dims="row")
        return model

    return as_family(build, "funnel")


def test_a_proposal_that_does_not_fit_is_told_and_auto_turns_to_another_engine(make_task):
    base = make_task("gaussian", "weak", np.ones((5, 1)), np.zeros(5))
    task = replace(base, family=_funnel(), prior="own", priors={})
    text = r"column .outcome.: the Laplace proposal fails: \d+% of 100 proposals effective; use"
    with pytest.raises(FitError, match=text):
        fit(task, "laplace", np.random.default_rng(1))
    found, draws = _fitted(task, engine="auto", seed=1)  # the same proposals
    assert found.engine in ("hmc", "nuts") and found.why.startswith("the Laplace proposal fails: ")
    # y says nothing: width keeps its N(0, 1).
    assert abs(draws[:, 0].mean()) < LIMIT / np.sqrt(found.mixed.ess)
    assert abs((draws[:, 0] ** 2).mean() - 1) < LIMIT * np.sqrt(2 / found.mixed.ess)


def test_ratios_are_judged_by_k_hat_or_by_their_size():
    rng = np.random.default_rng(3)
    z = rng.standard_normal(2000)
    assert check_ratios(0.3 * z).passed
    assert not check_ratios(1.5 * rng.standard_exponential(2000)).passed
    flat_tailed = check_ratios(np.log1p(1e-3 * np.exp(rng.standard_exponential(2000))))
    assert flat_tailed.k_hat > 0.7 and flat_tailed.largest < 5 and flat_tailed.passed


@pytest.mark.parametrize("size", [1, 2])
def test_the_proposal_density_integrates_to_that_of_a_normal(size):
    axis = np.linspace(-40, 40, 1601 if size == 2 else 20_001)
    step = axis[1] - axis[0]
    grid = np.stack(np.meshgrid(*[axis] * size), axis=-1).reshape(-1, size)
    total = np.exp(proposal_log_density(grid)).sum() * step**size
    # What is left out of the box is the t's tail: P(|t_5| > 40) is 2e-7 in each direction.
    assert total == pytest.approx((2 * np.pi) ** (size / 2), rel=2e-6)


def test_the_same_seed_gives_the_same_draws_whatever_was_fitted_before(events, make_task):
    x, y = events
    task = make_task("bernoulli", "weak", x[:, None], y, levels=2)
    _, first = _fitted(task)
    _fitted(make_task("bernoulli", "weak", np.ones((9, 3)) * x[:9, None], y[-9:], levels=2), "auto")
    _, second = _fitted(task)
    _, other = _fitted(task, seed=7)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
