"""R-hat, ESS and k-hat: equal to ArviZ, and true to what they claim."""

from dataclasses import replace

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy.signal import lfilter

from posynth.engines.diagnostics import (
    R_HAT_LIMIT,
    SHIFT_LIMIT,
    Convergence,
    convergence,
    draws_to_pass,
    k_hat,
    measures,
)
from posynth.engines.length import first_length, further


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
    found = convergence(thetas)
    axes = {"chain_axis": 0, "draw_axis": 1}
    assert found.r_hat == pytest.approx(np.max(array_stats.rhat(thetas, **axes)), rel=1e-9)
    assert found.ess == pytest.approx(np.min(array_stats.ess(thetas, **axes)), rel=1e-9)
    tails = array_stats.ess(thetas, method="tail", prob=(0.05, 0.95), **axes)
    assert found.ess_tail == pytest.approx(np.min(tails), rel=1e-9)


def test_r_hat_is_the_larger_of_bulk_and_folded(rng):
    moved = rng.standard_normal((4, 250, 1)) + np.eye(4)[0][:, None, None]
    wider = rng.standard_normal((4, 250, 1)) * [[[3]], [[1]], [[1]], [[1]]]
    for thetas, larger, smaller in ((moved, "r_hat", "folded"), (wider, "folded", "r_hat")):
        each = measures(thetas)
        assert getattr(each, larger)[0] > 1.05
        assert getattr(each, smaller)[0] < 1.02
        assert convergence(thetas).r_hat == getattr(each, larger)[0]


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


def _pass(thetas, need=0.0):
    """Return which parameters are within all limits, (d,)."""
    each = measures(thetas)
    r_hat = np.maximum(each.r_hat, each.folded)
    enough = (each.ess >= need) & (each.ess_tail >= min(need, 400))
    return (r_hat <= R_HAT_LIMIT) & (each.shift < SHIFT_LIMIT) & enough


@pytest.mark.parametrize("size", [1, 5])
def test_chains_that_have_converged_pass_in_99_of_100_cases(size):
    rng, cases = np.random.default_rng([3, size]), 2000 // size
    thetas = rng.standard_normal((4, draws_to_pass(size) // 4, cases * size))
    failed = np.mean(~_pass(thetas).reshape(cases, size).all(axis=1))
    error = np.sqrt(0.01 * 0.99 / cases)  # .0022 and .0050
    assert failed <= 0.01 + 3 * error
    assert np.mean(~_pass(thetas[:, : thetas.shape[1] // 2])) > 0.05  # half the draws do not do


def test_more_parameters_need_more_draws_and_so_does_more_certainty():
    needed = [draws_to_pass(size) for size in (1, 10, 100)]
    assert needed == sorted(set(needed))
    assert draws_to_pass(10, share=0.5) < draws_to_pass(10, share=0.9) < draws_to_pass(10)


CASES = 1000
ERROR = np.sqrt(0.95 * 0.05 / CASES)  # .0069


@pytest.mark.parametrize("rho", [0.0, 0.5])
@pytest.mark.parametrize("draws", [60, 150, 400])
def test_a_chain_off_by_two_fifths_of_a_standard_deviation_is_refused(draws, rho):
    rng = np.random.default_rng([7, draws, int(10 * rho)])
    thetas = _autoregressive(rng, rho, (4, draws, CASES)) * np.sqrt(1 - rho**2)
    thetas[0] += 0.4
    assert np.mean(~_pass(thetas)) >= 0.95 + 2 * ERROR


def test_a_chain_that_is_too_wide_or_too_narrow_is_refused(rng):
    for factor in (0.6, 1.6):
        thetas = rng.standard_normal((4, 250, CASES))
        thetas[0] *= factor
        assert np.mean(~_pass(thetas)) > 0.95 + 2 * ERROR


def _passes_in_time(shift, cases, seed):
    """Share of cases in which chains pass when they are lengthened as engines do it."""
    rng = np.random.default_rng(seed)
    length = first = first_length(400, 1, 1.0, 4)
    thetas = rng.standard_normal((4, 9 * first, cases))
    thetas[0] += shift
    looks = 0
    while True:
        looks += 1
        thetas = thetas[:, :, ~_pass(thetas[:, :length], 400)]
        if not thetas.shape[2] or length >= 4 * first:
            return 1 - thetas.shape[2] / cases
        slowest = convergence(thetas[:, :length, :1])
        length += further(replace(slowest, r_hat=1.015, ess=1e4, ess_tail=1e4), 400, length, looks)


def test_looking_again_and_again_neither_refuses_good_chains_nor_accepts_shifted_ones():
    cases = 1000
    assert _passes_in_time(0.0, cases, 1) > 0.99
    error = np.sqrt(0.05 * 0.95 / cases)  # .0069
    assert _passes_in_time(0.4, cases, 2) < 0.05 + error


def test_more_chains_than_four_are_judged_as_four_groups():
    rng, cases = np.random.default_rng(12), 300
    many = rng.standard_normal((16, 70, cases))
    together = measures(many)
    sixteen = many.reshape(4, 4, 70, cases)
    few = sixteen.transpose(0, 2, 1, 3).reshape(4, 280, cases)  # R-hat does not see the order
    alike = np.corrcoef(together.r_hat, measures(few).r_hat)[0, 1]
    assert alike > 0.98 and np.mean(_pass(many)) > 0.9
    many[:4] += 0.4  # a whole group: as if one of four were elsewhere
    assert np.mean(~_pass(many)) >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / cases)  # 2 x .0126
    seven = rng.standard_normal((7, 160, cases))  # not divisible: each is judged alone
    seven[0] += 0.4
    assert np.mean(~_pass(seven)) >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / cases)


def test_what_is_not_within_its_limit_is_named_with_value_and_limit():
    draws = np.random.default_rng(2).standard_normal((4, 40, 1))
    found = convergence(draws + np.array([0.8, 0, 0, 0])[:, None, None])
    assert found.reasons(400) == (
        f"R-hat {found.r_hat:.3f} > 1.01",
        f"chain shift {found.shift:.2f} >= 0.4 sd",
        f"ESS {found.ess:.0f} < 400",
        f"tail ESS {found.ess_tail:.0f} < 400",
    )
    many = convergence(np.random.default_rng(1).standard_normal((4, 400, 1)))
    assert many.reasons(400) == ()
    assert many.reasons(5000) == (f"ESS {many.ess:.0f} < 5000",)  # tails need 400 at most
    assert Convergence.none().reasons(0)[0] == "R-hat nan > 1.01"


def test_a_parameter_that_never_moves_is_not_mixed():
    assert not convergence(np.zeros((4, 250, 1))).enough(1)
    moving = np.random.default_rng(1).standard_normal((4, 250, 1))
    assert convergence(moving).enough(1)
    both = np.concatenate([moving, np.zeros((4, 250, 1))], axis=2)
    assert not convergence(both).enough(1)


def test_no_parameters_are_always_mixed():
    found = convergence(np.empty((4, 100, 0)))
    assert found.enough(400) and found.ess == 400
