"""R-hat, ESS and k-hat: equal to ArviZ, and true to what they claim."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy.signal import lfilter

from posynth.engines.diagnostics import convergence, k_hat, r_hat_limit


def _autoregressive(rng, rho, shape):
    noise = rng.standard_normal(shape)
    noise[:, 0] /= np.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=1)


CHAINS = {
    "independent": lambda rng: rng.standard_normal((4, 250, 3)),
    "odd half-chains": lambda rng: rng.standard_normal((4, 246, 1)),
    "few": lambda rng: rng.standard_normal((4, 12, 2)),
    "heavy tails": lambda rng: rng.standard_cauchy((4, 200, 2)),
    "positive autocorrelation": lambda rng: _autoregressive(rng, 0.9, (4, 300, 2)),
    "negative autocorrelation": lambda rng: _autoregressive(rng, -0.7, (4, 300, 2)),
    "one chain elsewhere": lambda rng: (
        rng.standard_normal((4, 200, 1)) + 3 * np.eye(4)[0][:, None, None]
    ),
    "one chain wider": lambda rng: rng.standard_normal((4, 200, 1)) * [[[4]], [[1]], [[1]], [[1]]],
    "trend": lambda rng: rng.standard_normal((4, 200, 1)) + np.linspace(0, 3, 200)[None, :, None],
    "ties": lambda rng: np.floor(2 * rng.standard_normal((4, 250, 2))),
    "Metropolis repeats": lambda rng: np.repeat(rng.standard_normal((4, 50, 2)), 5, axis=1),
    "one chain stuck": lambda rng: np.where(
        np.arange(4)[:, None, None] == 2, 0.3, rng.standard_normal((4, 200, 1))
    ),
}


@pytest.mark.parametrize("case", CHAINS)
def test_r_hat_and_ess_equal_those_of_arviz(case, rng):
    thetas = CHAINS[case](rng)
    found = convergence(thetas, need=100)
    axes = {"chain_axis": 0, "draw_axis": 1}
    assert found.r_hat == pytest.approx(np.max(array_stats.rhat(thetas, **axes)), rel=1e-9)
    assert found.ess == pytest.approx(np.min(array_stats.ess(thetas, **axes)), rel=1e-9)


@pytest.mark.parametrize("shape", [0.0, 0.3, 0.69, 1.1])
def test_k_hat_equals_that_of_arviz(shape, rng):
    log_ratios = shape * rng.standard_exponential(1000) + 0.1 * rng.standard_normal(1000) - 700.0
    _, expected = array_stats.psislw(-log_ratios)
    assert k_hat(log_ratios) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.7, 1.2])
def test_k_hat_finds_the_shape_of_a_pareto_tail(shape):
    # A ratio exp(k E) is exactly Pareto of shape k. The largest M = 3 sqrt(S) of S are used and
    # pulled to 0.5 with the weight of 10 observations; the s.e. of the fit is (1 + k) / sqrt(M).
    sample, tail = 250_000, 1500
    log_ratios = shape * np.random.default_rng(5).standard_exponential(sample)
    expected = (tail * shape + 5) / (tail + 10)
    assert abs(k_hat(log_ratios) - expected) < 4 * (1 + shape) / np.sqrt(tail)


def test_k_hat_of_equal_ratios_has_no_tail_and_of_too_few_is_not_trusted():
    assert k_hat(np.full(1000, -3.0)) == -np.inf
    assert k_hat(np.arange(9.0)) == np.inf


def test_k_hat_counts_impossible_proposals_as_ratios_of_zero(rng):
    log_ratios = rng.standard_normal(1000)
    worse = np.where(np.arange(1000) % 10 == 0, np.nan, log_ratios)
    impossible = np.where(np.arange(1000) % 10 == 0, -np.inf, log_ratios)
    assert k_hat(worse) == k_hat(impossible)


@pytest.mark.parametrize(("draws", "size"), [(60, 1), (60, 4), (120, 2)])
def test_converged_chains_exceed_the_r_hat_limit_once_in_a_hundred(draws, size):
    rng = np.random.default_rng([draws, size])
    limit, repetitions = r_hat_limit(4, 4 * draws, size), 2000
    assert limit > 1.01
    exceeded = np.mean(
        [
            convergence(rng.standard_normal((4, draws, size)), need=1).r_hat > limit
            for _ in range(repetitions)
        ]
    )
    standard_error = np.sqrt(0.01 * 0.99 / repetitions)  # .0022
    assert abs(exceeded - 0.01) < 4 * standard_error
    assert exceeded > 0


def test_the_limit_does_not_fall_below_the_usual_one_and_grows_with_the_number_of_parameters():
    assert r_hat_limit(4, 1e6, 1) == 1.01
    limits = [r_hat_limit(4, 400, size) for size in (1, 10, 100)]
    assert limits == sorted(limits) and limits[0] < limits[2]


def test_a_parameter_that_never_moves_is_not_mixed():
    assert not convergence(np.zeros((4, 100, 1)), need=1).enough(1)
    moving = np.random.default_rng(1).standard_normal((4, 100, 1))
    assert convergence(moving, need=1).enough(1)
    both = np.concatenate([moving, np.zeros((4, 100, 1))], axis=2)
    assert not convergence(both, need=1).enough(1)


def test_no_parameters_are_always_mixed():
    found = convergence(np.empty((4, 100, 0)), need=400)
    assert found.enough(400) and found.ess == 400
