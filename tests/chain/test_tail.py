"""Tails: the generalised Pareto fitted and inverted, cut off at natural bounds."""

import numpy as np
import pytest
from scipy.stats import genpareto

from posynth.chain.tail import Tail, fit_tail


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3])
def test_spread_and_shape_are_recovered_from_quantiles(shape):
    p = (np.arange(2000) + 0.5) / 2000
    spread, found = fit_tail(genpareto.ppf(p, shape, scale=7.0))
    assert spread == pytest.approx(7.0, rel=0.06)
    assert found == pytest.approx(shape, abs=0.051)  # the grid of shapes is 0.05 apart


def test_one_extreme_case_does_not_make_the_tail_without_variance():
    spread, shape = fit_tail(np.array([0.5, 1, 1, 2, 2, 3, 4, 5, 6, 4000.0]))
    assert shape <= 0.5 and spread < 200


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("limit", [0.0, 3.0])
@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.4])
def test_distribution_and_quantile_are_inverse(sign, limit, shape):
    tail = Tail(10.0, sign, 20.0, 2.0, shape, limit)
    share = np.linspace(0.01, 0.99, 50)
    values = tail.quantile(share, tail.spread)
    np.testing.assert_allclose(tail.distribution(values), share, atol=1e-9)
    assert np.all(np.diff(values) > 0)
    if limit:
        assert np.all(np.abs(values - 10) <= limit)


def test_a_drawn_spread_has_the_posterior_of_an_exponential_scale():
    rng = np.random.default_rng(1)
    drawn = np.array([Tail(0, 1, 20.0, 2.0, 0.0).draw_spread(rng) for _ in range(20_000)])
    # Inverse gamma with shape 20 and mean 2 * 20 / 19; its sd is mean / sqrt(18).
    assert drawn.mean() == pytest.approx(40 / 19, abs=4 * 40 / 19 / np.sqrt(18 * 20_000))


def test_values_are_rounded_to_the_grain():
    assert Tail(10.0, 1, 20.0, 2.0, 0.0, 0.0, 0.5).quantile(np.array([0.3]), 2.0)[0] == 10.5


def test_rounding_does_not_pass_a_natural_bound():
    """The least values of a positive column come in halves: 0.2 is rounded to 0.5, not to 0."""
    share = np.linspace(0.001, 0.999, 200)
    least = Tail(0.75, -1, 10.0, 0.4, 0.0, limit=0.70, grain=0.5).quantile(share, 0.4)
    assert set(least) == {0.5, 1.0} or set(least) == {0.5}
    most = Tail(0.7, 1, 10.0, 0.2, 0.0, limit=0.3, grain=0.4).quantile(share, 0.2)
    assert most.max() <= 1.0
