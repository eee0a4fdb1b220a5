"""Shared values as intervals: their probabilities, their posterior, and what copies vary by."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp, ndtr, ndtri

import posynth
from posynth.chain.choice import MOST_SHARED, shared
from posynth.chain.quantiles import learn_scale
from posynth.engines.batched.row_terms import Between
from posynth.engines.choose import condition, fit
from posynth.families.base import Design

CELLS = np.array([-np.inf, 0.3]), np.array([-0.8, 0.7])


def _log_probability(y, mean, sd):
    """The log-likelihood of responses, by the definition of cells."""
    found = -0.5 * ((y - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
    for low, high in zip(*CELLS, strict=True):
        inside = (y >= low) & (y < high)
        mass = ndtr((high - mean) / sd) - ndtr((low - mean) / sd)
        found = np.where(inside, np.log(np.maximum(mass, 1e-300)), found)
    return found


def test_the_model_gives_cells_their_probability(make_task):
    y = np.array([-2.0, -0.9, -0.79, 0.29, 0.31, 0.69, 0.71, 3.0])
    task = make_task("interval", "weak", np.zeros((8, 1)), y)
    assert task.response.cells is not None
    model = condition(task, task.model())
    names = {"alpha": 0.4, "beta": np.zeros(1), "gamma0": np.log(0.7), "gamma": np.zeros(1)}
    theta = np.concatenate([np.ravel(names[name]) for name in model.names])
    assert np.allclose(model.row_log_likelihood(theta), _log_probability(y, 0.4, 0.7))


def test_the_log_of_a_rare_interval_is_exact():
    # log(Phi(-30) - Phi(-31)) by Mills' ratio: -30^2/2 - log(30 sqrt(2 pi)) + log(1 - 1/900 + ...).
    rare = Between(np.array([[-31.0, 30.0]]), np.array([[-30.0, 31.0]]))
    assert rare.log == pytest.approx(np.full((1, 2), -454.321244), abs=1e-5)
    assert np.isfinite(rare.mean).all() and np.isfinite(rare.curvature()).all()


@pytest.mark.parametrize("limits", [(45.0, np.inf), (-np.inf, -45.0), (45.0, 60.0), (-3.0, 2.0)])
def test_derivatives_hold_far_out_too(limits):
    def log(mean, spread):
        low, high = ((limit - mean) * np.exp(-spread) for limit in limits)
        return float(Between(np.array([[low]]), np.array([[high]])).log[0, 0])

    here = Between(*(np.array([[limit]]) for limit in limits))
    step = 1e-4
    by_mean = (log(step, 0) - log(-step, 0)) / (2 * step)
    by_spread = (log(0, step) - log(0, -step)) / (2 * step)
    assert here.mean[0, 0] == pytest.approx(by_mean, rel=1e-4)
    assert here.spread[0, 0] == pytest.approx(by_spread, rel=1e-4)


def test_the_model_agrees_far_out_too(make_task):
    y = np.array([-0.9, 0.5])
    model = condition(task := make_task("interval", "weak", np.zeros((2, 1)), y), task.model())
    names = {"alpha": 2.0, "beta": np.zeros(1), "gamma0": -4.0, "gamma": np.zeros(1)}
    theta = np.concatenate([np.ravel(names[name]) for name in model.names])
    found = model.row_log_likelihood(theta)
    ends = [(np.array(side) - 2.0) * np.exp(4.0) for side in ((-np.inf, 0.3), (-0.8, 0.7))]
    assert np.allclose(found, Between(*(end[None] for end in ends)).log[0], rtol=1e-6)


def test_the_posterior_is_that_of_quadrature(make_task):
    rng = np.random.default_rng(2)
    x = rng.standard_normal(40)
    y = -0.5 + 0.6 * x + 0.8 * rng.standard_normal(40)
    task = make_task("interval", "weak", x[:, None], y, draws=2000, need=8000)
    task = replace(task, design=Design(x[:, None], ("x",)))
    drawn = fit(task, "auto", np.random.default_rng(2)).draws
    axes = np.linspace(-1.6, 0.7, 81), np.linspace(-0.4, 1.7, 81), np.linspace(-1.0, 0.9, 61)
    alpha, beta, gamma0 = np.meshgrid(*axes, indexing="ij")
    log = -0.5 * ((alpha / 2.5) ** 2 + (beta / 2.5) ** 2 + (gamma0 / 2.0) ** 2)
    for xi, yi in zip(x, y, strict=True):
        log = log + _log_probability(np.array(yi), alpha + beta * xi, np.exp(gamma0))
    weight = np.exp(log - logsumexp(log))
    assert weight[[0, -1]].sum() + weight[:, [0, -1]].sum() + weight[..., [0, -1]].sum() < 1e-3
    for name, grid in (("alpha", alpha), ("beta", beta), ("gamma0", gamma0)):
        mean = float((weight * grid).sum())
        sd = float(np.sqrt((weight * (grid - mean) ** 2).sum()))
        found = np.ravel(drawn[name])
        # 2000 draws: standard errors of .022 sd in a mean and of 1.6 % in an sd.
        assert abs(found.mean() - mean) < 0.07 * sd
        assert found.std() == pytest.approx(sd, rel=0.05)


@pytest.mark.parametrize("kind", ["three values", "zeros"])
def test_copies_vary_as_much_as_the_full_posterior(kind):
    rng = np.random.default_rng(5)
    n, m, k = 300, 200, 6000
    x = rng.standard_normal(n)
    y = np.digitize(0.5 * x + rng.standard_normal(n), [-0.4, 0.4]) * 10.0
    if kind == "zeros":
        y = np.round(np.maximum(0.5 * x + rng.standard_normal(n) - 0.5, 0.0), 2)
    table = pd.DataFrame({"x": x, "y": y})
    chain = posynth.specify(table)
    plain = {"splines": 0, "interactions": (), "spread": (), "corrections": ()}
    chain = chain.change("y", family="interval", scale="learned", **plain)
    copies = list(posynth.draw(posynth.fit(table, chain, m=m, seed=1, workers=1), m, k, seed=2))
    first = y.min()
    share = np.array([np.mean(copy["y"] == first) for copy in copies])
    exact = np.mean(y == first) * np.mean(y != first)
    ratio = (share.var(ddof=1) - exact / k) / (exact / n)
    # A variance of 200 copies has a relative standard error of .10; .82 if scores are drawn once.
    assert 0.78 < ratio < 1.3
    slope = np.array([np.polyfit(copy["x"], copy["y"], 1)[0] for copy in copies])
    A = np.column_stack([np.ones(n), x])
    fitted = np.linalg.lstsq(A, y, rcond=None)[0]
    variance = np.sum((y - A @ fitted) ** 2) / (n - 2) * np.linalg.inv(A.T @ A)[1, 1]
    # Least squares of a normal response: its variance is not quite that of the model's slope.
    assert 0.75 < slope.var(ddof=1) / (variance * (1 + n / k)) < 1.35


def test_a_scale_knows_what_rows_share():
    rng = np.random.default_rng(3)
    smooth = np.round(rng.lognormal(size=500), 3)
    assert shared(learn_scale(smooth, 3)) == 0.0
    assert shared(learn_scale(np.where(rng.random(500) < 0.3, 0.0, smooth), 3)) > MOST_SHARED


def test_a_draw_of_three_cells_is_a_shift_and_a_stretch():
    scale = learn_scale(np.repeat([1.0, 2.0, 3.0], [300, 500, 200]), 0)
    drawn = replace(scale.draw(np.random.default_rng(1)), shares=np.array([0.31, 0.495, 0.195]))
    scores = np.linspace(-4, 4, 200_001)
    weight = np.exp(-0.5 * scores**2)
    values = drawn.values(scores, intervals=True)
    found = [weight[values == v].sum() / weight.sum() for v in (1.0, 2.0, 3.0)]
    # A model with a mean and a sd knows both free shares: nothing of the draw is left.
    assert np.allclose(found, [0.3, 0.5, 0.2], atol=1e-3)


@pytest.mark.parametrize("counts", [(490, 5, 5), (495, 5), (5, 490, 5), (5, 5, 200, 290)])
def test_draws_of_rare_cells_leave_the_shares_of_a_model_alone(counts):
    """Of two or three cells nothing is left, of four what shift and stretch cannot do."""
    y = np.repeat(np.arange(len(counts), dtype=float), counts)
    scale, n = learn_scale(y, 0), len(y)
    scores = ndtri((np.arange(20_000) + 0.5) / 20_000)
    rng = np.random.default_rng(1)
    drawn = [scale.draw(rng).values(scores, intervals=True) for _ in range(100)]
    for value in np.unique(y)[:-1]:
        found = np.array([np.mean(each <= value) for each in drawn])
        exact = np.mean(y <= value)
        error = np.sqrt(exact * (1 - exact) / n)
        most = 0.1 if len(counts) < 4 else 1.0
        assert abs(found.mean() - exact) < most * error and found.std() < most * error


def test_the_default_takes_shared_values_for_intervals():
    rng = np.random.default_rng(7)
    x = rng.standard_normal(400)
    y = np.round(np.maximum(x + rng.standard_normal(400), 0.0), 2)
    chain = posynth.specify(pd.DataFrame({"x": x, "y": y}))
    conditional = chain.spec["y"]
    assert conditional.family == "interval" and "intervals" in conditional.note
