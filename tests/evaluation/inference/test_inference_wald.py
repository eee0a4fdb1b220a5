"""Multivariate tests: hand-computed values, scalar limits, and their level by simulation.

The formulas of Reiter (2005) and the nested test were recalled or derived, so the level is the
check: 40 000 runs, standard error of a level of .05 is .0011.
"""

import numpy as np
import pytest
from scipy import stats

from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import wald
from posynth.evaluation.inference.catalogue import RULES
from posynth.evaluation.inference.moments import matrix_moments

RUNS = 40_000


def large_sample_copies(provenance, p, rng):
    """q̂_obs ~ N(0, I) and copies about it with the variances of large samples, V = I."""
    rows = provenance.n / provenance.k
    q_obs = rng.normal(size=(RUNS, p))
    spread = np.sqrt(rows + 1 if provenance.proper else rows)
    q = q_obs + spread * rng.normal(size=(provenance.m, RUNS, p))
    cov = np.broadcast_to(rows * np.eye(p), (provenance.m, RUNS, p, p))
    return q_obs, matrix_moments(q, cov, provenance)


def level(test):
    return float(np.mean(test.p < 0.05))


@pytest.mark.parametrize(
    ("rule", "provenance", "p", "tolerance"),
    [
        ("t_p_star", Provenance(100, 100, 5), 3, 0.006),
        ("t_p_star", Provenance(100, 500, 5), 2, 0.006),
        ("t_p_star", Provenance(100, 100, 5, proper=False), 3, 0.006),
        ("t_p_star", Provenance(100, 100, 10), 3, 0.006),
        ("t_p_star", Provenance(100, 100, 3), 2, 0.006),
        ("t_p_star", Provenance(100, 100, 2), 2, 0.015),
        ("partial", Provenance(100, 100, 5, proper=False), 3, 0.006),
        ("ppd", Provenance(100, 100, 5), 3, 0.006),
        ("ppd", Provenance(100, 300, 1), 2, 0.006),
        ("simple", Provenance(100, 100, 5, proper=False), 3, 0.006),
        ("rrr", Provenance(100, 100, 20), 3, 0.006),
        ("rrr_adjusted", Provenance(100, 500, 20), 3, 0.006),
    ],
)
def test_level_about_the_population(rule, provenance, p, tolerance):
    _, x = large_sample_copies(provenance, p, np.random.default_rng(provenance.m))
    assert level(RULES[rule].test(x.center, x)) == pytest.approx(0.05, abs=tolerance)


@pytest.mark.parametrize(
    ("rule", "provenance"),
    [
        ("t_p_star", Provenance(100, 100, 5)),
        ("t_p_star", Provenance(100, 500, 8, proper=False)),
        ("ppd", Provenance(100, 500, 5)),
        ("simple", Provenance(100, 50, 5, proper=False)),
    ],
)
def test_level_about_the_original_estimate(rule, provenance):
    q_obs, x = large_sample_copies(provenance, 3, np.random.default_rng(provenance.k))
    test = RULES[rule].test(x.center - q_obs, x, "original")
    assert level(test) == pytest.approx(0.05, abs=0.006)


def test_level_of_the_nested_test():
    # V = I; imputations about q̂_obs's limit with B_mis = .5 I on both sides, copies r = 3 a nest.
    provenance = Provenance(100, 100, 30, missing="impute", nests=10)
    rng = np.random.default_rng(4)
    q_obs = np.sqrt(1.5) * rng.normal(size=(RUNS, 2))
    completed = q_obs + np.sqrt(0.5) * rng.normal(size=(10, RUNS, 2))
    q = np.repeat(completed, 3, axis=0) + np.sqrt(2) * rng.normal(size=(30, RUNS, 2))
    x = matrix_moments(q, np.broadcast_to(np.eye(2), (30, RUNS, 2, 2)), provenance)
    assert level(RULES["nested"].test(x.center, x)) == pytest.approx(0.05, abs=0.015)
    original = RULES["nested"].test(x.center - q_obs, x, "original")
    assert level(original) == pytest.approx(0.05, abs=0.006)


def test_nested_test_by_hand():
    # p = 1, L = 3, r = 2, B = 4, b̄ = 2, V̂ = 1/2: r₁ = 32/3, r₂ = 2, factor 29/3.
    q = np.array([[1.0], [3.0], [5.0], [7.0], [3.0], [5.0]])
    provenance = Provenance(100, 50, 6, missing="impute", nests=3)
    test = wald.nested(np.array([4.0]), matrix_moments(q, np.ones((6, 1, 1)), provenance))
    assert float(test.statistic) == pytest.approx(32 / (29 / 3))
    assert float(test.df2) == pytest.approx((29 / 3) ** 2 / ((32 / 3) ** 2 / 2 + 4 / 3))


def test_plug_in_rule_on_proper_copies_rejects_too_often():
    _, x = large_sample_copies(Provenance(100, 100, 1), 2, np.random.default_rng(1))
    # χ²₂ of a difference with variance 3 in units of 2: P(3/2·χ² > 5.99) = .05^(2/3).
    assert level(RULES["simple"].test(x.center, x)) == pytest.approx(0.05 ** (2 / 3), abs=0.006)


def test_rrr_test_by_hand():
    # One coefficient, Ū = 1, b = 3, m = 3: r = 4, S = d²/3, t = 2 so w = 2·2·(3/4)²/2.
    x = matrix_moments([[0.0], [3**0.5], [-(3**0.5)]], np.ones((3, 1, 1)), Provenance(9, 9, 3))
    test = wald.rrr(np.array([3.0]), x)
    assert float(test.statistic) == pytest.approx(3.0)
    assert float(test.df2) == pytest.approx(2 * (3 / 4) ** 2)


def test_partial_test_by_hand():
    # p = 2, Ū = I, B = 2I, m = 4: t = 6, r = 1/2, S = d'd/(2·3/2), w = 4 + 2(1 + (2/3)/(1/2))².
    q = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * np.sqrt(1.5)
    x = matrix_moments(q, np.broadcast_to(np.eye(2), (4, 2, 2)), Provenance(9, 9, 4))
    assert x.between == pytest.approx(2 * np.eye(2))
    test = wald.partial(np.array([3.0, 0.0]), x)
    assert float(test.statistic) == pytest.approx(3.0)
    assert float(test.df2) == pytest.approx(4 + 2 * (7 / 3) ** 2)
    assert float(test.p) == pytest.approx(stats.f.sf(3.0, 2, 4 + 2 * (7 / 3) ** 2))


def test_rubin_test_is_that_of_mice_d1():
    # mice D1: r = (1 + 1/m) tr(B Ū⁻¹)/p, F = d'Ū⁻¹d/(p(1 + r)), df2 = 4 + (t-4)(1 + (1-2/t)/r)².
    rng = np.random.default_rng(6)
    q, u = rng.normal(size=(8, 3)), np.array([[2, 0.5, 0], [0.5, 1, 0.2], [0, 0.2, 3]])
    x = matrix_moments(q, np.broadcast_to(u, (8, 3, 3)), Provenance(9, 9, 8))
    inverse, d = np.linalg.inv(u), np.array([1.0, -1.0, 2.0])
    r = (1 + 1 / 8) * np.trace(np.cov(q, rowvar=False) @ inverse) / 3
    test = wald.rubin(d, x)
    assert float(test.statistic) == pytest.approx(d @ inverse @ d / (3 * (1 + r)))
    assert float(test.df2) == pytest.approx(4 + 17 * (1 + (1 - 2 / 21) / r) ** 2)


def test_infinite_df_mean_chi_square():
    test = wald.f_test(np.array([2.0]), 3, np.array([np.inf]))
    assert test.p == pytest.approx(stats.chi2.sf(6.0, 3))


def test_undefined_tests_are_nan():
    x = matrix_moments([[0.0, 1.0], [1.0, 0.0]], [np.eye(2)] * 2, Provenance(9, 9, 2))
    d = np.array([1.0, 1.0])
    assert np.isnan(RULES["large_k"].test(d, x).p)
    assert np.isnan(RULES["t_p_star"].test(d, x, "original").p)
    assert np.isnan(RULES["rrr"].test(d, x).p)
    adjusted = RULES["rrr_adjusted"].test(d, x)
    assert float(adjusted.p) == pytest.approx(stats.chi2.sf(2.0, 2))
