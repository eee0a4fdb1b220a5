"""The test of a fitted line's margin keeps its level, and sees the shapes that bias curves."""

import numpy as np
import pytest
from scipy import stats

from posynth.chain.margin import margin_p

RUNS = 4000


@pytest.mark.parametrize("n", [20, 200])
def test_p_values_are_uniform_where_there_are_no_predictors(rng, n):
    found = np.array(
        [margin_p(y, np.full(n, y.mean()), y.std(ddof=1)) for y in rng.standard_normal((RUNS, n))]
    )
    for level in (0.5, 0.1, 0.01):
        error = (level * (1 - level) / RUNS) ** 0.5
        assert (found < level).mean() == pytest.approx(level, abs=4 * error + 0.02 * level)


def test_p_values_agree_with_the_published_quantiles():
    """Stephens (1986), table 4.7: .752 and 1.035 are the 5 and 1 % points."""
    from posynth.chain.margin import _p

    assert _p(0.752) == pytest.approx(0.05, abs=0.0005)
    assert _p(1.035) == pytest.approx(0.01, abs=0.0002)
    found = [_p(a) for a in np.linspace(0.05, 14, 600)]
    assert np.all(np.diff(found) < 0.002) and found[-1] == 0.0


def test_a_statistic_equals_that_of_scipy(rng):
    y = rng.gamma(4.0, 1.0, 150)
    found = stats.anderson(y, "norm", method="interpolate")
    from posynth.chain.margin import _p

    expected = _p(found.statistic * (1 + 0.75 / 150 + 2.25 / 150**2))
    assert margin_p(y, np.full(150, y.mean()), y.std(ddof=1)) == pytest.approx(expected, rel=1e-6)


def test_predictors_make_the_test_conservative(rng):
    refused = 0
    for _ in range(500):
        x = rng.exponential(1.0, 200)  # a skew margin that the line explains
        y = 2 * x + rng.standard_normal(200)
        slope, intercept = np.polyfit(x, y, 1)
        mean = intercept + slope * x
        refused += margin_p(y, mean, (y - mean).std(ddof=2)) < 0.05
    assert refused / 500 < 0.05 + 2.6 * (0.05 * 0.95 / 500) ** 0.5  # .025 on its border


def test_a_flat_margin_is_refused_where_it_matters(rng):
    y = rng.uniform(18, 90, 500)
    assert margin_p(y, np.full(500, y.mean()), y.std()) < 1e-3
