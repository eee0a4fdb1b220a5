"""Coverage of every rule in a chain whose posterior is exact: the combining rules at work.

Bivariate normal, Jeffreys priors, n = 100, slope of Y on X. The published table was made with
40 000 runs (10 000 for k = 500). Here 200 000 runs: Monte-Carlo standard error of a coverage of
.95 is .0005, of .50 at most .0011.
"""

import numpy as np
import pytest
from scipy import stats

from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import pool
from posynth.evaluation.inference.catalogue import RULES
from posynth.evaluation.inference.estimates import Estimate
from posynth.evaluation.inference.moments import scalar_moments
from posynth.evaluation.inference.overlap import expected, overlap

RUNS = 200_000
TOLERANCE = 0.006
SCENARIOS = {
    "proper m=5": Provenance(n=100, k=100, m=5),
    "plug-in m=5": Provenance(n=100, k=100, m=5, proper=False),
    "proper m=1": Provenance(n=100, k=100, m=1),
    "proper m=20": Provenance(n=100, k=100, m=20),
    "proper k=500": Provenance(n=100, k=500, m=5),
}
COVERAGE = {
    "naive": (0.900, 0.925, 0.736, 0.941, 0.573),
    "simple": (0.928, 0.947, 0.883, 0.947, 0.925),
    "ppd": (0.949, 0.963, 0.943, 0.952, 0.947),
    "t_p_star": (0.948, 0.947, None, 0.952, 0.948),
    "rrr": (0.793, 0.503, None, 0.963, 0.966),
    "rubin": (0.992, 0.986, None, 0.999, 0.963),
}
CELLS = [
    (rule, scenario, value)
    for rule, row in COVERAGE.items()
    for scenario, value in zip(SCENARIOS, row, strict=True)
    if value is not None
]


@pytest.fixture(scope="module")
def studies(sufficient):
    rng = np.random.default_rng(20170401)
    return {name: sufficient(RUNS, p.n, p.k, p.m, p.proper, rng) for name, p in SCENARIOS.items()}


def moments(runs, provenance):
    return scalar_moments(runs.q, runs.v, provenance)


def intervals(rule, x):
    spread = RULES[rule].spread(x)
    positive = spread.variance > 0  # T <= 0 is a miss
    error = np.sqrt(np.where(positive, spread.variance, 0.0))
    if np.isinf(spread.df).all():
        return error * stats.norm.ppf(0.975)
    return error * stats.t.ppf(0.975, np.where(positive, spread.df, 1.0))


def coverage(x, half, truth=0.0):
    return float(np.mean(np.abs(x.center - truth) <= half))


@pytest.mark.parametrize(("rule", "scenario", "published"), CELLS)
def test_coverage_of_the_population_slope(studies, rule, scenario, published):
    x = moments(studies[scenario], SCENARIOS[scenario])
    assert coverage(x, intervals(rule, x)) == pytest.approx(published, abs=TOLERANCE)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_coverage_of_the_real_data(studies, scenario):
    runs = studies[scenario]
    half = np.sqrt(runs.v_obs) * stats.t.ppf(0.975, 98)
    assert np.mean(np.abs(runs.q_obs) <= half) == pytest.approx(0.95, abs=0.002)
    assert 2 * half.mean() == pytest.approx(0.401, abs=0.001)


@pytest.mark.parametrize(
    ("scenario", "published"),
    [
        ("proper m=5", 0.876),
        ("plug-in m=5", 0.846),
        ("proper m=20", 0.896),
        ("proper k=500", 0.859),
    ],
)
def test_adjusted_rrr_with_a_normal_reference(studies, scenario, published):
    x = moments(studies[scenario], SCENARIOS[scenario])
    spread = RULES["rrr_adjusted"].spread(x)
    half = stats.norm.ppf(0.975) * np.sqrt(spread.variance)
    assert coverage(x, half) == pytest.approx(published, abs=TOLERANCE)


def test_adjusted_rrr_with_its_own_reference_is_conservative(studies):
    x = moments(studies["proper m=5"], SCENARIOS["proper m=5"])
    assert coverage(x, intervals("rrr_adjusted", x)) == pytest.approx(0.980, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("scenario", "published"),
    [
        ("proper m=5", 0.207),
        ("plug-in m=5", 0.497),
        ("proper m=20", 0.031),
        ("proper k=500", 0.031),
    ],
)
def test_share_of_negative_rrr_variances(studies, scenario, published):
    x = moments(studies[scenario], SCENARIOS[scenario])
    negative = RULES["rrr"].spread(x).variance < 0
    assert negative.mean() == pytest.approx(published, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("rule", "scenario", "width"),
    [
        ("ppd", "proper m=5", 0.477),
        ("t_p_star", "proper m=5", 0.488),
        ("rubin", "proper m=5", 0.845),
        ("ppd", "proper m=20", 0.424),
    ],
)
def test_width_of_the_intervals(studies, rule, scenario, width):
    x = moments(studies[scenario], SCENARIOS[scenario])
    assert 2 * intervals(rule, x).mean() == pytest.approx(width, abs=0.004)


def test_mice_rule_without_the_factor_k_over_n_fails_when_they_differ(studies):
    # R mice's pool.syn is v̄ + b/m: with V = 1 and k = 5n that is .2 + .24 where 1.24 is needed.
    x = moments(studies["proper k=500"], SCENARIOS["proper k=500"])
    theory = 2 * stats.norm.cdf(stats.norm.ppf(0.975) * np.sqrt(0.44 / 1.24)) - 1
    assert coverage(x, intervals("partial", x)) == pytest.approx(theory, abs=0.02)
    assert RULES["partial"].spread(x).variance.mean() < 0.4 * x.center.var()


@pytest.mark.parametrize(("m", "documented"), [(1, 0.92), (5, 0.948)])
def test_normal_reference_in_small_samples(sufficient, m, documented):
    provenance = Provenance(n=20, k=20, m=m)
    x = moments(sufficient(RUNS, 20, 20, m, True, np.random.default_rng(m)), provenance)
    assert coverage(x, intervals("ppd", x)) == pytest.approx(documented, abs=TOLERANCE)


@pytest.mark.parametrize("scenario", ["proper m=5", "proper k=500", "proper m=20"])
def test_large_k_rule_covers_at_least_nominally(studies, scenario):
    x = moments(studies[scenario], SCENARIOS[scenario])
    assert coverage(x, intervals("large_k", x)) > 0.95


@pytest.mark.parametrize(
    ("rule", "scenario"),
    [
        ("t_p_star", "proper m=5"),
        ("t_p_star", "plug-in m=5"),
        ("t_p_star", "proper k=500"),
        ("ppd", "proper m=5"),
        ("ppd", "proper m=1"),
        ("ppd", "proper k=500"),
        ("simple", "plug-in m=5"),
    ],
)
def test_coverage_of_the_original_estimate(studies, rule, scenario):
    runs = studies[scenario]
    x = moments(runs, SCENARIOS[scenario])
    spread = RULES[rule].spread(x, "original")
    half = np.sqrt(spread.variance) * stats.t.ppf(0.975, spread.df[0])
    assert coverage(x, half, runs.q_obs) == pytest.approx(0.95, abs=TOLERANCE)


def test_drawing_every_row_gives_the_same_distribution(rowwise, studies):
    provenance = SCENARIOS["proper m=5"]
    rng = np.random.default_rng(5)
    parts = [rowwise(1000, 100, 100, 5, rng) for _ in range(20)]
    q = np.concatenate([part.q for part in parts], axis=1)
    v = np.concatenate([part.v for part in parts], axis=1)
    x, known = scalar_moments(q, v, provenance), moments(studies["proper m=5"], provenance)
    for rule, value in (("t_p_star", 0.948), ("ppd", 0.949), ("naive", 0.900)):
        assert coverage(x, intervals(rule, x)) == pytest.approx(value, abs=TOLERANCE)
    # 20 000 against 200 000 runs: two-sample Kolmogorov-Smirnov on q̄, v̄ and b.
    for name in ("center", "within", "between"):
        found = stats.ks_2samp(getattr(x, name), getattr(known, name)[:50_000])
        assert found.pvalue > 0.001, name


def test_pool_gives_what_the_rules_give(studies):
    provenance, runs = SCENARIOS["proper m=5"], studies["proper m=5"]
    x = moments(runs, provenance)
    half = intervals("t_p_star", x)
    for run in range(50):
        copies = [
            Estimate(("slope",), [q], [[v]])
            for q, v in zip(runs.q[:, run], runs.v[:, run], strict=True)
        ]
        row = pool(copies, provenance).table.loc["slope"]
        assert row["upper"] - row["estimate"] == pytest.approx(half[run])


@pytest.mark.parametrize(
    ("proper", "m", "difference", "shared"),
    [
        (True, 1, 1.128, 0.712),
        (True, 5, 0.505, 0.871),
        (True, 10, 0.357, 0.909),
        (False, 1, 0.798, 0.796),
        (False, 5, 0.357, 0.909),
        (False, 10, 0.252, 0.936),
    ],
)
def test_expected_standardised_difference_and_overlap(sufficient, proper, m, difference, shared):
    provenance = Provenance(n=1000, k=1000, m=m, proper=proper)
    assert expected(provenance) == pytest.approx((difference, shared), abs=0.0006)
    runs = sufficient(100_000, 1000, 1000, m, proper, np.random.default_rng(m))
    x, error = scalar_moments(runs.q, runs.v, provenance), np.sqrt(runs.v_obs)
    found = np.abs(x.center - runs.q_obs) / error
    # Standard error of the mean of a half-normal: .603·√factor/√runs < .003; n = 1000 adds .1 %.
    assert found.mean() == pytest.approx(difference, abs=0.01)
    z = stats.norm.ppf(0.975)
    synthetic = np.sqrt(x.original)
    both = overlap(
        np.array([runs.q_obs - z * error, runs.q_obs + z * error]),
        np.array([x.center - z * synthetic, x.center + z * synthetic]),
    )
    assert both.mean() == pytest.approx(shared, abs=0.004)


def test_expected_values_when_copies_are_larger(sufficient):
    provenance = Provenance(n=500, k=2000, m=2)
    runs = sufficient(100_000, 500, 2000, 2, True, np.random.default_rng(8))
    found = np.abs(runs.q.mean(axis=0) - runs.q_obs) / np.sqrt(runs.v_obs)
    assert found.mean() == pytest.approx(expected(provenance)[0], abs=0.01)
