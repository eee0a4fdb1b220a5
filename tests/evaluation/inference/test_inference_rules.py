"""Every rule on numbers small enough for a hand calculation."""

from dataclasses import replace

import numpy as np
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.catalogue import RULES, check_estimand, rule_named
from posynth.evaluation.inference.moments import matrix_moments, scalar_moments
from posynth.evaluation.inference.rules import barnard_rubin

# q̄ = 1, b = .1/4 = .025, v̄ = .04, k/n = 1/2.
Q, V = [1.0, 1.2, 0.9, 1.1, 0.8], [0.04, 0.05, 0.03, 0.04, 0.04]
HALF = Provenance(n=100, k=50, m=5)


@pytest.fixture
def x():
    return scalar_moments(Q, V, HALF)


@pytest.mark.parametrize(
    ("name", "variance", "df"),
    [
        ("naive", 0.04, np.inf),
        ("simple", 0.02 + 0.008, np.inf),
        ("ppd", 0.02 + 0.012, np.inf),
        ("partial", 0.04 + 0.005, 4 * 9**2),
        ("t_p_star", 0.02 + 0.005, 4 / (0.26 / 1.16) ** 2),  # b̃ = (4·.025 + .06/2)/4.5 = .26/9
        ("incomplete", 0.02 + 0.005, np.inf),
        ("rrr", 0.03 - 0.04, 4 / 9),
        ("rrr_adjusted", 0.02, np.inf),
        ("large_k", 0.03, 4),
        ("rubin", 0.07, 4 * (7 / 3) ** 2),
    ],
)
def test_population_variance_and_df(x, name, variance, df):
    spread = RULES[name].spread(x)
    assert float(spread.variance) == pytest.approx(variance)
    assert float(spread.df) == pytest.approx(df)


@pytest.mark.parametrize(
    ("name", "variance", "df"),
    [
        ("simple", 0.008, np.inf),
        ("ppd", 0.012, np.inf),
        *((name, 0.005, 4) for name in ("t_p_star", "partial", "rrr", "rubin", "large_k")),
    ],
)
def test_variance_about_the_original_estimate(x, name, variance, df):
    spread = RULES[name].spread(x, "original")
    assert float(spread.variance) == pytest.approx(variance)
    assert float(spread.df) == pytest.approx(df)


def test_positive_rrr_is_not_adjusted():
    x = scalar_moments([1.0, 2.0, 3.0], [0.1, 0.1, 0.1], Provenance(n=50, k=50, m=3))
    raw, adjusted = (RULES[name].spread(x) for name in ("rrr", "rrr_adjusted"))
    assert float(raw.variance) == pytest.approx(4 / 3 - 0.1)
    assert float(raw.df) == pytest.approx(2 * (1 - 0.1 * 3 / 4) ** 2)
    assert (adjusted.variance, adjusted.df) == (raw.variance, raw.df)


# Nests (1, 3), (5, 7), (3, 5): means 2, 6, 4, so B = 4; inside variances 2, 2, 2, so b̄ = 2.
NESTED = Provenance(n=100, k=50, m=6, missing="impute", nests=3)


def test_nested_rule_by_hand():
    x = scalar_moments([1, 3, 5, 7, 3, 5], [1.0] * 6, NESTED)
    assert (float(x.nest_between), float(x.nest_within)) == (4, 2)
    spread = RULES["nested"].spread(x)
    total = 16 / 3 - 1 + 0.5
    assert float(spread.variance) == pytest.approx(total)
    assert float(spread.df) == pytest.approx(total**2 / ((16 / 3) ** 2 / 2 + 1 / 3))
    about = RULES["nested"].spread(x, "original")
    assert (float(about.variance), float(about.df)) == (pytest.approx(4 / 3), 2)


def test_nested_rule_where_its_variance_is_negative():
    # Means 2, 2, 2.3: B = .03; b̄ = 32; (4/3)B - 16 + .5 < 0, so (4/3)B + .5 is used.
    x = scalar_moments([-2, 6, -2, 6, -1.7, 6.3], [1.0] * 6, NESTED)
    spread = RULES["nested"].spread(x)
    assert float(spread.variance) == pytest.approx(0.04 + 0.5)
    assert float(spread.df) == pytest.approx(2 * (1 + 0.5 / 0.04) ** 2)


def test_fmi_is_the_share_of_the_variance_that_synthesis_adds(x):
    rule = RULES["t_p_star"]
    assert float(rule.lost(x, rule.spread(x))) == pytest.approx(0.005 / 0.025)
    raw = RULES["rrr"]
    assert np.isnan(raw.lost(x, raw.spread(x)))


def test_rubin_fmi_and_df_are_those_of_mice(x):
    # mice pool.scalar: r = (1 + 1/m) b / ubar; fmi = (r + 2 / (df + 3)) / (r + 1).
    rule = RULES["rubin"]
    spread = rule.spread(x)
    assert float(rule.lost(x, spread)) == pytest.approx((0.75 + 2 / (float(spread.df) + 3)) / 1.75)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
@pytest.mark.parametrize("df_com", [3.0, 50.0, 1e6])
def test_barnard_rubin_agrees_with_the_algebra_of_mice(share, df_com):
    m = 7
    tmp = (1 - share) * (1 + df_com) * df_com
    mice = (m - 1) * tmp / ((df_com + 3) * (m - 1) + share**2 * tmp)
    assert float(barnard_rubin(np.array(share), m, df_com)) == pytest.approx(mice)


def test_barnard_rubin_never_exceeds_the_complete_data_df():
    found = barnard_rubin(np.array([1e-9, 0.2, 0.8]), 5, 30.0)
    assert (found < 30).all()
    assert found[0] == pytest.approx(30 * 31 / 33)


def test_a_rule_works_on_any_shape():
    rng = np.random.default_rng(2)
    q, v = rng.normal(size=(5, 3, 4)), rng.uniform(1, 2, size=(5, 3, 4))
    whole = RULES["t_p_star"].spread(scalar_moments(q, v, HALF))
    single = RULES["t_p_star"].spread(scalar_moments(q[:, 1, 2], v[:, 1, 2], HALF))
    assert whole.variance.shape == (3, 4)
    assert whole.variance[1, 2] == single.variance
    assert whole.df[1, 2] == single.df


def test_one_copy_has_no_spread_between_copies():
    x = scalar_moments([1.0], [0.04], Provenance(n=100, k=100, m=1))
    assert np.isnan(x.between)
    assert float(RULES["ppd"].spread(x).variance) == pytest.approx(0.12)
    assert float(RULES["simple"].spread(x).variance) == pytest.approx(0.08)


def test_identical_copies_do_not_have_infinite_df():
    # b = 0 by accident: b̃ = (0 + .08/2)/1.5 = .08/3, w = (b̃/2)/(.04 + b̃/2) = 1/4, ν = 1/w².
    x = scalar_moments([1.0, 1.0], [0.04, 0.04], Provenance(n=100, k=100, m=2))
    spread = RULES["t_p_star"].spread(x)
    assert (float(spread.variance), float(spread.df)) == (0.04, pytest.approx(16))


@pytest.mark.parametrize(
    ("name", "proper", "inverse"),
    [
        # k = 50, n = 100, m = 5, two coefficients: ν_k = 48, ν_n = 98; V̂ = .02.
        ("ppd", True, (1 / 48 + 2 * (0.02 / 0.032) ** 2 / 98) / 5),
        ("simple", False, (0.02 / 0.028) ** 2 / 98 + 1 / (5 * 48)),
        ("t_p_star", True, (0.26 / 1.16) ** 2 / 4 + (0.9 / 1.16) ** 2 * (1 / 98 + 1 / 48) / 5),
        # plug-in: b̃ = (.1 + .04/2)/4.5 = .24/9, w = .24/(.9 + .24)
        ("t_p_star", False, (0.24 / 1.14) ** 2 / 4 + (0.9 / 1.14) ** 2 * (1 / 98 + 1 / 240)),
    ],
)
def test_degrees_of_freedom_of_small_samples(name, proper, inverse):
    x = scalar_moments(Q, V, replace(HALF, proper=proper), df_com=48.0)
    assert x.df_original == 98
    assert float(RULES[name].spread(x).df) == pytest.approx(1 / inverse)


def test_degrees_of_freedom_about_the_original_estimate():
    x = scalar_moments(Q, V, HALF, df_com=48.0)
    for name in ("ppd", "simple"):
        assert float(RULES[name].spread(x, "original").df) == 5 * 48
    assert float(RULES["t_p_star"].spread(x, "original").df) == 4


def test_the_variance_of_the_source_may_be_given():
    x = scalar_moments(Q, V, HALF, source=np.full(5, 0.03))
    assert float(x.original) == pytest.approx(0.03)
    assert float(RULES["ppd"].spread(x).variance) == pytest.approx(0.03 + 0.07 / 5)
    assert float(RULES["t_p_star"].spread(x).variance) == pytest.approx(0.03 + 0.005)


def test_matrix_moments_have_the_scalar_ones_on_the_diagonal():
    rng = np.random.default_rng(3)
    q = rng.normal(size=(6, 2))
    cov = np.array([np.diag(rng.uniform(1, 2, 2)) for _ in range(6)])
    matrices = matrix_moments(q, cov, NESTED)
    scalars = scalar_moments(q, np.diagonal(cov, axis1=1, axis2=2), NESTED)
    for name in ("within", "between", "nest_between", "nest_within"):
        assert np.diag(getattr(matrices, name)) == pytest.approx(getattr(scalars, name))
    assert matrices.between == pytest.approx(np.cov(q, rowvar=False))


def test_number_of_copies_must_be_the_manifests():
    with pytest.raises(MeasureError, match=r"2 estimates, but the manifest speaks of m = 5 copies"):
        scalar_moments([1.0, 2.0], [1.0, 1.0], HALF)


@pytest.mark.parametrize(
    ("provenance", "text"),
    [
        (Provenance(0, 0, 2), r"n = 0, but it must be a whole number, at least 1"),
        (Provenance(10.5, 10, 2), r"n = 10.5, but it must be a whole number"),
        (Provenance(10, "10", 2), r"k = '10', but it must be a whole number"),
        (Provenance(10, 10, 2, nests=0), r"nests = 0"),
        (
            Provenance(10, 10, 2, missing="impute", nests=3),
            r"2 copies cannot be split evenly over 3 imputations",
        ),
        (Provenance(10, 10, 2, nests=2), r"2 nests and missing='none'.*say missing='impute'"),
        (Provenance(10, 10, 2, missing="pattern", nests=2), r"2 nests and missing='pattern'"),
        (Provenance(10, 10, 2, missing="joint", nests=2), r"2 nests and missing='joint'"),
    ],
)
def test_impossible_provenance_is_refused(provenance, text):
    with pytest.raises(MeasureError, match=text):
        scalar_moments([1.0, 2.0], [1.0, 1.0], provenance)


def test_unknown_names_are_explained():
    with pytest.raises(MeasureError, match=r"unknown rule 'rubn'.*Did you mean 'rubin'\?"):
        rule_named("rubn")
    with pytest.raises(MeasureError, match=r"unknown estimand 'pop'; allowed: 'original'"):
        check_estimand("pop")


@pytest.mark.parametrize("name", RULES)
def test_every_rule_says_what_it_is_for(name):
    rule = RULES[name]
    assert rule.formula.startswith("T = ")
    assert len(rule.when) > 20
