"""Every table statistic on tables small enough to work by hand, or against SciPy on the rows."""

from math import log, pi, sqrt

import numpy as np
import pytest
from scipy.stats import ks_2samp, mannwhitneyu

from posynth.evaluation.utility.table_statistics import RAW, STANDARDISED, Counts

EQUAL = Counts.of(np.array([10, 20, 30, 0, 0]), np.array([20, 20, 10, 10, 0]))
"""n = k = 60; the last cell is empty on both sides."""
UNEQUAL = Counts.of(np.array([8, 4]), np.array([9, 27]))
"""n = 12, k = 36, c = 3/4."""
JSD_EQUAL = (
    (10 * log(10 / 15) + 30 * log(30 / 20)) / 60
    + (20 * log(20 / 15) + 10 * log(10 / 20) + 10 * log(10 / 5)) / 60
) / (2 * log(2))


@pytest.mark.parametrize(
    ("name", "table", "expected"),
    [
        ("VW", EQUAL, 100 / 15 + 0 + 400 / 20 + 100 / 5),
        # scores 2/3, 1/2, 1/4, 1 in cells of 30, 40, 40, 10 rows
        ("pMSE", EQUAL, (30 / 36 + 0 + 40 / 16 + 10 / 4) / 120),
        (
            "FT",
            EQUAL,
            4 * ((sqrt(20) - sqrt(10)) ** 2 + (sqrt(10) - sqrt(30)) ** 2 + 10),
        ),
        # shares over the three cells in use on both sides: s/50, o/60
        (
            "G",
            EQUAL,
            2 * (20 * log(0.4 / (1 / 6)) + 20 * log(0.4 / (1 / 3)) + 10 * log(0.2 / 0.5)),
        ),
        ("JSD", EQUAL, JSD_EQUAL),
        ("PO50", EQUAL, 100 * (20 + 10 + 20 + 30) / 120 - 50),
        ("MabsDD", EQUAL, 40 / 60),
        ("WMabsDD", EQUAL, (10 / sqrt(15) + 20 / sqrt(20) + 10 / sqrt(5)) / sqrt(2 / pi)),
        ("dBhatt", EQUAL, sqrt(1 - (sqrt(200) + 20 + sqrt(300)) / 60)),
        # diff = s - 3 o = -15, 15; expect = 3/4 of 17 and 31
        ("VW", UNEQUAL, 225 / 12.75 + 225 / 23.25),
        ("pMSE", UNEQUAL, (17 * (9 / 17 - 0.75) ** 2 + 31 * (27 / 31 - 0.75) ** 2) / 48),
        ("FT", UNEQUAL, 4 * ((3 - sqrt(24)) ** 2 + (sqrt(27) - sqrt(12)) ** 2)),
        ("MabsDD", UNEQUAL, 30 / 36),
        # 27 of 36 synthetic and 8 of 12 original rows lie where their side has more than its share
        ("PO50", UNEQUAL, 100 * (27 / 36 + 8 / 12) / 2 - 50),
    ],
)
def test_raw_statistic_worked_by_hand(name, table, expected):
    assert RAW[name](table) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("table", [EQUAL, UNEQUAL], ids=["k=n", "k=3n"])
def test_specks_and_u_agree_with_scipy_on_the_rows(table):
    score = table.s / (table.s + table.o)
    synthetic = np.repeat(score, table.s.astype(int))
    original = np.repeat(score, table.o.astype(int))
    assert RAW["SPECKS"](table) == pytest.approx(
        ks_2samp(synthetic, original, method="asymp").statistic
    )
    assert RAW["U"](table) == mannwhitneyu(synthetic, original, method="asymptotic").statistic


def test_u_of_many_tied_and_untied_scores_agrees_with_scipy(rng):
    for _ in range(20):
        table = Counts.of(rng.integers(0, 6, 12), rng.integers(0, 6, 12))
        score = table.s / (table.s + table.o)
        x, y = np.repeat(score, table.s.astype(int)), np.repeat(score, table.o.astype(int))
        assert RAW["U"](table) == mannwhitneyu(x, y, method="asymptotic").statistic


def test_degrees_of_freedom_leave_out_empty_cells():
    assert EQUAL.df == 3
    assert EQUAL.df_g == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("S_VW", (100 / 15 + 20 + 20) / 3),
        ("S_pMSE", (30 / 36 + 40 / 16 + 10 / 4) / 120 / (3 / 8 / 120)),  # df (1-c)^2 c / N
        ("S_FT", 4 * ((sqrt(20) - sqrt(10)) ** 2 + (sqrt(10) - sqrt(30)) ** 2 + 10) / 3),
        ("S_G", (20 * log(2.4) + 20 * log(1.2) + 10 * log(0.4))),  # 2 / dfG = 1
        ("S_JSD", 8 * 60 * log(2) * JSD_EQUAL / 3),
        ("S_JSD_synthpop", 2 * 120 * JSD_EQUAL / 3 / log(2)),
        ("S_WMabsDD", (10 / sqrt(15) + 20 / sqrt(20) + 10 / sqrt(5)) / sqrt(2 / pi) / 3),
        ("S_dBhatt", sqrt((1 - (sqrt(200) + 20 + sqrt(300)) / 60) * 8 * 60 / 3)),
    ],
)
def test_standardised_statistic_worked_by_hand(name, expected):
    assert STANDARDISED[name][0](EQUAL) == pytest.approx(expected, rel=1e-12)


def test_s_mabsdd_divides_by_the_mean_of_a_folded_normal():
    p = np.array([30, 40, 40, 10]) / 120
    null = sum(sqrt(2 / pi) * sqrt(q * (1 - q) / 60) for q in p)
    for name in ("S_MabsDD", "S_SPECKS", "S_PO50"):
        assert STANDARDISED[name][0](EQUAL) == pytest.approx((40 / 60) / null)


@pytest.mark.parametrize("name", STANDARDISED)
def test_identical_tables_score_zero(name):
    table = Counts.of(np.array([5, 9, 2]), np.array([5, 9, 2]))
    assert STANDARDISED[name][0](table) == pytest.approx(0, abs=1e-12)


def test_proportional_tables_of_other_size_score_zero():
    table = Counts.of(np.array([5, 9, 2]), np.array([15, 27, 6]))
    for name, (statistic, _) in STANDARDISED.items():
        assert statistic(table) == pytest.approx(0, abs=1e-6), name
    assert RAW["PO50"](table) == pytest.approx(0, abs=1e-12)


def test_a_table_of_one_cell_cannot_misfit():
    table = Counts.of(np.array([7, 0]), np.array([9, 0]))
    assert STANDARDISED["S_VW"][0](table) == 0.0


def test_tables_without_a_common_cell_have_no_g_and_the_largest_distances():
    table = Counts.of(np.array([5, 0]), np.array([0, 5]))
    assert np.isnan(STANDARDISED["S_G"][0](table))
    assert RAW["JSD"](table) == 1.0
    assert RAW["SPECKS"](table) == 1.0
    assert RAW["dBhatt"](table) == 1.0
    assert RAW["U"](table) == 25.0
    assert RAW["PO50"](table) == 50.0
