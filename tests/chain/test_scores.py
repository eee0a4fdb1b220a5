"""Scores of a response: jumps filled given X, margins that the model itself implies."""

import numpy as np
import pytest
from scipy.special import ndtri

from posynth.chain.least_squares import fit_line
from posynth.chain.quantiles import learn_scale
from posynth.chain.scores import Warp, learn_scores, place_scores


def _line(n, seed, slope=0.8):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    return x, slope * x + np.sqrt(1 - slope**2) * rng.standard_normal(n)


def test_a_spike_does_not_weaken_the_slope():
    """Half of the cases at 0: uniform scores within the jump would lose a third of the slope."""
    x, z = _line(4000, 1)
    y = np.maximum(z, 0.0)
    scale = learn_scale(y)
    scored = learn_scores(scale, y, x[:, None], np.random.default_rng(2))
    first, last = scale.bounds(y)
    blind = ndtri(first + np.random.default_rng(3).random(len(y)) * (last - first))
    slope = np.polyfit(x, scored.z, 1)[0]
    # The standard error of the slope is sqrt(0.36 / 4000) = 0.0095; half the rows know less.
    assert slope == pytest.approx(0.8, abs=4 * 0.0095 * np.sqrt(2))
    assert np.polyfit(x, blind, 1)[0] < 0.7


def test_scores_lie_within_their_jumps():
    x, z = _line(1000, 4)
    y = np.round(z)
    scale = learn_scale(y, 0)
    scored = learn_scores(scale, y, x[:, None], np.random.default_rng(5))
    first, last = scale.bounds(y)
    low, high = (scored.warp.forward(ndtri(np.clip(u, 1e-15, 1 - 1e-15))) for u in (first, last))
    assert np.all((scored.z >= low - 1e-6) & (scored.z <= high + 1e-6))


def test_the_warp_makes_margin_and_model_agree():
    """Two groups with spreads 1 and 4: normal scores of the margin are not normal given group."""
    rng = np.random.default_rng(6)
    group = np.repeat([0.0, 1.0], 3000)
    y = np.where(group == 1, 4.0, 1.0) * rng.standard_normal(6000)
    X = (group - 0.5)[:, None]
    scored = learn_scores(learn_scale(y), y, X, rng, spread=True)
    for code in (0.0, 1.0):
        part = scored.z[group == code]
        kurtosis = np.mean((part - part.mean()) ** 4) / part.var() ** 2
        assert kurtosis == pytest.approx(3, abs=4 * np.sqrt(24 / 3000) + 0.1)
    sds = [scored.z[group == code].std() for code in (0.0, 1.0)]
    assert sds[1] / sds[0] == pytest.approx(4, rel=0.1)


def test_without_predictors_scores_are_normal_and_unwarped():
    y = np.exp(np.random.default_rng(7).normal(size=500))
    scored = learn_scores(learn_scale(y), y, np.empty((500, 0)), np.random.default_rng(8))
    assert scored.warp == Warp()
    assert abs(scored.z.mean()) < 0.02 and scored.z.std() == pytest.approx(1, abs=0.03)


def test_placing_scores_on_a_known_scale_gives_the_same_where_nothing_is_rounded():
    x, y = _line(800, 9)
    scale = learn_scale(y)
    scored = learn_scores(scale, y, x[:, None], np.random.default_rng(1))
    placed = place_scores(scale, scored.warp, y, x[:, None], np.random.default_rng(2))
    np.testing.assert_allclose(placed, scored.z, atol=1e-9)


def test_a_warp_and_its_inverse():
    warp = Warp(tuple(np.sinh(np.linspace(-3.5, 3.5, 57)).tolist()))
    w = np.linspace(-6, 6, 200)
    np.testing.assert_allclose(warp.back(warp.forward(w)), w, atol=1e-9)


@pytest.mark.parametrize("spread", [False, True])
def test_least_squares_recover_mean_and_spread(spread):
    rng = np.random.default_rng(10)
    x = rng.standard_normal(20_000)
    gamma = 0.4 if spread else 0.0
    y = 0.3 + 0.5 * x + np.exp(-0.2 + gamma * x) * rng.standard_normal(20_000)
    line = fit_line(x[:, None], y, spread=spread)
    np.testing.assert_allclose(line.mean, [0.3, 0.5], atol=0.03)
    np.testing.assert_allclose(line.log_sd, [-0.2, gamma], atol=4 / np.sqrt(2 * 20_000))
