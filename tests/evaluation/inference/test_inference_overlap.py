"""Overlap and lack of fit against R synthpop's printed results (vignette inference.Rnw)."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.compare import compare_fits
from posynth.evaluation.inference.estimates import Estimate
from posynth.evaluation.inference.models import fit_statsmodels
from posynth.evaluation.inference.moments import matrix_moments
from posynth.evaluation.inference.overlap import expected, lack_of_fit, noise_factor, overlap

# Synthetic coefficients of smoke ~ sex + edu + sex * edu as printed, their std diffs and overlaps.
STRATA = {
    "f8": (
        [0.45921, 1.03712, 0.08504, 0.44279, 0.90379, -0.59573, -0.36813, -0.76002],
        [0.47653, -0.14727, -0.22471, -0.46064, -0.46585, 0.05417, 0.41637, 0.16529],
        [0.8784, 0.9624, 0.9427, 0.8825, 0.8812, 0.9862, 0.8938, 0.9578],
    ),
    "f12": (
        [0.45676, 1.01348, 0.09649, 0.48782, 0.94450, -0.55190, -0.48621, -0.74999],
        [0.4538, -0.3047, -0.1355, -0.1393, -0.2363, 0.2908, -0.1862, 0.2083],
        [0.8842, 0.9223, 0.9654, 0.9645, 0.9397, 0.9258, 0.9525, 0.9469],
    ),
    "f13": (
        [0.2855, 1.2375, 0.2531, 0.6540, 0.9508, -0.8695, -0.5814, -0.7774],
        [-1.13337, 1.18760, 1.08434, 1.04631, -0.20096, -1.42346, -0.67214, 0.09067],
        [0.7109, 0.6970, 0.7234, 0.7331, 0.9487, 0.6369, 0.8285, 0.9769],
    ),
    "f16": (
        [0.36822, 1.24320, 0.01954, 0.74137, 1.10822, -0.56713, -0.81774, -1.18534],
        [-0.3667, 1.2255, -0.7350, 1.6695, 0.6869, 0.2085, -1.8782, -1.6586],
        [0.9064, 0.6874, 0.8125, 0.5741, 0.8248, 0.9468, 0.5208, 0.5769],
    ),
}
ROWS = Provenance(n=4990, k=4990, m=5)


# The model is saturated in sex and education, so these counts of (NO, YES) are all it reads.
COUNTS = {
    ("MALE", "NONE"): (215, 143),
    ("MALE", "VOC"): (556, 330),
    ("MALE", "SEC"): (437, 175),
    ("MALE", "HIGH"): (254, 63),
    ("FEMALE", "NONE"): (490, 113),
    ("FEMALE", "VOC"): (525, 198),
    ("FEMALE", "SEC"): (712, 155),
    ("FEMALE", "HIGH"): (518, 99),
}


@pytest.fixture(scope="module")
def smoking():
    """The vignette's fit to the original rows of SD2011 (R models the level NO)."""
    cells = [(*cell, *count) for cell, count in COUNTS.items()]
    wide = pd.DataFrame(cells, columns=["sex", "edu", "NO", "YES"])
    long = wide.melt(["sex", "edu"], var_name="smoke", value_name="count")
    rows = long.loc[long.index.repeat(long["count"])].assign(
        sex=lambda frame: pd.Categorical(frame["sex"], ["MALE", "FEMALE"]),
        edu=lambda frame: pd.Categorical(frame["edu"], ["NONE", "VOC", "SEC", "HIGH"]),
    )
    return fit_statsmodels("smoke ~ sex + edu + sex:edu", "logit", levels=("YES", "NO"))(rows)


def test_the_original_fit_is_the_printed_one(smoking):
    printed = [0.4078, 1.0592, 0.1139, 0.5074, 0.9864, -0.6058, -0.4497, -0.7986]
    assert np.round(smoking.q, 4).tolist() == printed


@pytest.mark.parametrize("fit", STRATA)
def test_standardised_differences_and_overlaps(smoking, fit):
    q, printed, overlaps = STRATA[fit]
    copy = Estimate(smoking.names, q, smoking.cov)
    found = compare_fits([copy], smoking, Provenance(4990, 4990, 1)).table
    # The printed coefficients have 4 to 5 decimals, the smallest standard error is .1.
    assert found["std diff"].to_numpy() == pytest.approx(printed, abs=1e-3)
    assert found["overlap"].to_numpy() == pytest.approx(overlaps, abs=3e-4)


def test_overlap_of_population_intervals(smoking):
    # f16: one proper copy, T = 3V, so an interval inside the other gives (1 + 1/√3)/2 = .7887.
    copy = Estimate(smoking.names, STRATA["f16"][0], smoking.cov)
    found = compare_fits([copy], smoking, Provenance(4990, 4990, 1), interval="population")
    printed = [0.7887, 0.7887, 0.7887, 0.7414, 0.7887, 0.7887, 0.6995, 0.7436]
    assert found.table["overlap"].to_numpy() == pytest.approx(printed, abs=3e-4)


def vignette_test(smoking, fit, m, proper):
    q = np.tile(STRATA[fit][0], (m, 1))
    moments = matrix_moments(q, [smoking.cov] * m, Provenance(4990, 4990, m))
    provenance = Provenance(4990, 4990, m, proper=proper)
    return lack_of_fit(moments.center - smoking.q, smoking.cov, moments, provenance)


@pytest.mark.parametrize(("fit", "statistic", "p"), [("f8", 3.948, 0.8618), ("f12", 5.57, 0.6953)])
def test_lack_of_fit_of_plug_in_copies(smoking, fit, statistic, p):
    found = vignette_test(smoking, fit, 5, proper=False)
    assert found.value == pytest.approx(statistic, abs=0.01)
    assert found.details["p"] == pytest.approx(p, abs=0.001)
    assert found.passed


@pytest.mark.parametrize(("fit", "m", "printed"), [("f13", 5, 22.12), ("f16", 1, 13.18)])
def test_synthpop_doubles_the_lack_of_fit_of_proper_copies(smoking, fit, m, printed):
    # compare.syn.r divides by V·n/(k m) for proper copies too; (1 + n/k)/m is twice that.
    as_printed = vignette_test(smoking, fit, m, proper=False)
    right = vignette_test(smoking, fit, m, proper=True)
    assert as_printed.value == pytest.approx(printed, abs=0.02)
    assert right.value == pytest.approx(as_printed.value / 2)


def test_the_vignettes_rejection_of_a_right_synthesis_goes_away(smoking):
    assert not vignette_test(smoking, "f13", 5, proper=False).passed
    right = vignette_test(smoking, "f13", 5, proper=True)
    assert right.passed
    assert right.details["p"] == pytest.approx(0.198, abs=0.001)
    assert right.text.startswith("χ²(8) = 11.06, p = 0.198")


def test_the_doubled_statistic_without_the_data():
    # The same, from the printed number alone: any difference with d'V⁻¹d = 22.12/5.
    d, cov = np.full(8, np.sqrt(22.12 / 5 / 8)), np.eye(8)
    moments = matrix_moments(np.tile(d, (5, 1)), [cov] * 5, ROWS)
    plug_in = lack_of_fit(d, cov, moments, Provenance(4990, 4990, 5, proper=False))
    proper = lack_of_fit(d, cov, moments, ROWS)
    assert (plug_in.value, plug_in.details["p"]) == (
        pytest.approx(22.12),
        pytest.approx(0.0047, abs=5e-5),
    )
    assert (proper.value, proper.details["p"]) == (
        pytest.approx(11.06),
        pytest.approx(0.198, abs=5e-4),
    )
    assert plug_in.text.endswith("more than synthesis explains; see which std diffs are large")


def test_lack_of_fit_of_partial_copies_is_hotellings():
    # compare.syn.r, incomplete: d'(B/m)⁻¹d·(m - p)/(p(m - 1)) on F(p, m - p).
    rng = np.random.default_rng(5)
    q, d = rng.normal(size=(9, 2)), np.array([0.5, -0.4])
    provenance = Provenance(100, 100, 9, unsynthesised=("sex",))
    moments = matrix_moments(q, [np.eye(2)] * 9, provenance)
    found = lack_of_fit(d, np.eye(2), moments, provenance)
    statistic = d @ np.linalg.inv(np.cov(q, rowvar=False) / 9) @ d * 7 / 16
    assert found.value == pytest.approx(statistic)
    assert found.details["p"] == pytest.approx(stats.f.sf(statistic, 2, 7))
    assert found.text.startswith("F(2, 7) = ")


def test_partial_copies_need_more_copies_than_coefficients():
    provenance = Provenance(100, 100, 2, unsynthesised=("sex",))
    moments = matrix_moments(np.zeros((2, 2)), [np.eye(2)] * 2, provenance)
    found = lack_of_fit(np.zeros(2), np.eye(2), moments, provenance)
    assert np.isnan(found.value)
    assert found.passed is None
    assert "more copies than the 2 coefficients" in found.text


@pytest.mark.parametrize("proper", [True, False])
def test_level_of_the_lack_of_fit_test(sufficient, proper):
    provenance = Provenance(n=1000, k=500, m=4, proper=proper)
    runs = sufficient(50_000, 1000, 500, 4, proper, np.random.default_rng(9))
    z2 = (runs.q.mean(axis=0) - runs.q_obs) ** 2 / (runs.v_obs * noise_factor(provenance))
    # Standard error of the level .001; n = 1000 and k = 500 add about .002.
    assert np.mean(z2 > stats.chi2.ppf(0.95, 1)) == pytest.approx(0.05, abs=0.006)


def test_a_singular_covariance_matrix_is_explained():
    moments = matrix_moments(np.zeros((5, 2)), [np.eye(2)] * 5, ROWS)
    with pytest.raises(MeasureError, match="is singular, so there is no lack-of-fit test"):
        lack_of_fit(np.ones(2), np.ones((2, 2)), moments, ROWS)


def test_disjoint_intervals_overlap_negatively():
    assert float(overlap(np.array([0.0, 1.0]), np.array([3.0, 5.0]))) == pytest.approx(-1.5)
    same = np.array([0.0, 1.0])
    assert float(overlap(same, same)) == 1


@pytest.mark.parametrize(
    "provenance",
    [
        Provenance(100, 100, 5, unsynthesised=("sex",)),
        Provenance(100, 100, 20, missing="impute", nests=5),
        Provenance(100, 100, 20, missing="joint"),
    ],
)
def test_no_expectation_where_only_the_copies_know(provenance):
    assert np.isnan(expected(provenance)).all()
