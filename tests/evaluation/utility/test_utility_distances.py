"""KS, Hellinger, correlations and density ratios against closed forms."""

from math import exp, log, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from posynth.errors import MeasureError
from posynth.evaluation.utility import correlations, density_ratio, hellinger, ks
from posynth.evaluation.utility.density_ratio import Sizes, kernels, kullback_leibler, pearson
from posynth.table.schema import Column, Kind, Schema


def test_ks_worked_by_hand_with_missing_left_out(compare):
    real = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, np.nan]})
    fake = pd.DataFrame({"x": [3.0, 3.0, np.nan, 5.0, 6.0]})
    raw, ratio = ks.measure(compare(real, [fake]))
    # at 2: 2/4 against 0; at 3: 3/4 against 2/4
    assert raw.value == 0.5
    plugin = 0.5 * sqrt(4) / (sqrt(np.pi / 2) * log(2))
    assert ratio.details["S_plugin"] == pytest.approx(plugin)
    assert ratio.value == ratio.details["S_proper"] == pytest.approx(plugin / sqrt(2))


@pytest.mark.parametrize("ratio", [1, 3], ids=["k=n", "k=3n"])
def test_ks_and_hellinger_nulls(ratio, compare, rng):
    """Finite rows make D discrete and its mean a little low (order 1/sqrt(n)), hence the .03."""
    n, runs = 3000, 200
    found = {"plug-in": [], "second": []}
    for _ in range(runs):
        real = pd.DataFrame({"x": rng.normal(size=n)})
        resample = real.iloc[rng.integers(0, n, ratio * n)]
        other = pd.DataFrame({"x": rng.normal(size=ratio * n)})
        details = ks.measure(compare(real, [resample, other]))[1].details
        found["plug-in"].append(details["per_copy"][0])
        found["second"].append(details["per_copy_proper"][1])
    for values in found.values():
        error = np.std(values, ddof=1) / sqrt(runs)
        assert error < 0.03
        assert -4 * error - 0.03 < np.mean(values) - 1 < 4 * error


def test_ks_of_a_column_without_values_is_nan(compare):
    real = pd.DataFrame({"x": [1.0, 2.0]})
    fake = pd.DataFrame({"x": [np.nan, np.nan]})
    raw, ratio = ks.measure(compare(real, [fake]))
    assert np.isnan(raw.value)
    assert ratio.passed is None


def test_hellinger_of_two_normals_approaches_the_closed_form(compare, rng):
    delta, n = 1.0, 100_000
    real = pd.DataFrame({"x": rng.normal(size=n)})
    fake = pd.DataFrame({"x": rng.normal(delta, 1, size=n)})
    exact = sqrt(1 - exp(-(delta**2) / 8))
    coarse = hellinger.measure(compare(real, [fake]), groups=4)[0].value
    fine = hellinger.measure(compare(real, [fake]), groups=100)[0].value
    assert coarse < fine < exact + 0.005
    assert fine == pytest.approx(exact, abs=0.005)


def test_correlations_worked_by_hand_on_rows_present_in_both(compare):
    real = pd.DataFrame({"x": [1.0, 2, 3, 4, np.nan], "y": [2.0, 4, 6, 8, 100]})
    fake = pd.DataFrame({"x": [1.0, 2, 3, 4], "y": [1.0, 3, 2, 4]})
    result = correlations.measure(compare(real, [fake]))[0]
    assert result.subject == "x:y"
    assert result.details["original"] == pytest.approx(1.0)
    # deviations of y: -1.5, .5, -.5, 1.5; sum xy = 4, both sums of squares 5
    assert result.details["copies"] == pytest.approx(0.8)
    assert result.value == pytest.approx(-0.2)


def test_correlation_is_standardised_by_fishers_variance(compare):
    """r = .8 against .6: sums of squares 5 and 5, sum of products 4 and 3; k - 3 = 1."""
    real = pd.DataFrame({"x": [1.0, 2, 3, 4], "y": [1.0, 3, 2, 4]})
    fake = pd.DataFrame({"x": [1.0, 2, 3, 4], "y": [2.0, 1, 4, 3]})
    details = correlations.measure(compare(real, [fake]))[0].details
    assert (details["original"], details["copies"]) == pytest.approx((0.8, 0.6))
    expected = (log(1.8 / 0.2) / 2 - log(1.6 / 0.4) / 2) ** 2
    assert details["S_plugin"] == pytest.approx(expected)
    assert details["S_proper"] == pytest.approx(expected / 2)


def test_spearman_is_pearson_of_ranks(compare, rng):
    real = pd.DataFrame({"x": rng.normal(size=50), "y": rng.normal(size=50)})
    ranks = compare(real.rank(), [real.rank()])
    spearman = correlations.measure(compare(real, [real]), method="spearman")[0]
    assert spearman.details["original"] == pytest.approx(
        correlations.measure(ranks)[0].details["original"]
    )


def test_ordinal_levels_enter_in_the_schemas_order_and_nominal_ones_do_not(compare):
    real = pd.DataFrame(
        {"o": ["low", "mid", "high", "mid"], "x": [1.0, 2, 3, 2], "g": list("abca")}
    )
    schema = Schema(
        (
            Column("o", Kind.ORDINAL, "str", levels=("low", "mid", "high"), ordered=True),
            Column("x", Kind.CONTINUOUS, "float64"),
            Column("g", Kind.NOMINAL, "str", levels=("a", "b", "c")),
        ),
        4,
    )
    results = correlations.measure(compare(real, [real], schema=schema))
    assert [result.subject for result in results] == ["o:x"]
    assert results[0].details["original"] == pytest.approx(1.0)


@pytest.mark.parametrize("ratio", [1, 3], ids=["k=n", "k=3n"])
def test_correlation_null_is_one_plugin_and_one_over_one_minus_c(ratio, compare, rng):
    n, runs, second = 300, 250, []
    plugin = []
    for _ in range(runs):
        real, other = (_bivariate(size, 0.5, rng) for size in (n, ratio * n))
        r = real.corr().iloc[0, 1]
        fitted = _bivariate(ratio * n, r, rng)
        plugin.append(correlations.measure(compare(real, [fitted]))[0].details["S_plugin"])
        second.append(correlations.measure(compare(real, [other]))[0].details["S_proper"])
    for values in (plugin, second):
        error = np.std(values, ddof=1) / sqrt(runs)
        assert error < 0.12
        assert abs(np.mean(values) - 1) < 4 * error


def _bivariate(n, r, rng):
    return pd.DataFrame(
        rng.multivariate_normal([0, 0], [[1, r], [r, 1]], size=n), columns=["x", "y"]
    )


def test_too_few_ordered_columns_and_unknown_methods_are_errors(compare):
    real = pd.DataFrame({"g": list("abc"), "x": [1.0, 2, 3]})
    with pytest.raises(MeasureError, match=r"need at least 2 numeric, binary or ordinal.*got 1"):
        correlations.measure(compare(real, [real]))
    with pytest.raises(MeasureError, match="allowed: 'pearson', 'spearman'"):
        correlations.measure(compare(real, [real]), method="kendall")


def test_ulsif_solves_its_normal_equations(rng):
    nu, de = (np.exp(-rng.random((40, 6))) for _ in range(2))
    alpha = density_ratio._least_squares(nu, de, np.array([0.1, 10.0]))
    for j, ridge in enumerate((0.1, 10.0)):
        expected = np.linalg.solve(de.T @ de / 40 + ridge * np.eye(6), nu.mean(axis=0))
        assert alpha[:, j] == pytest.approx(expected)


def test_kliep_reaches_the_optimum_of_its_constrained_problem(rng):
    """Against SciPy's SLSQP on max mean log(phi alpha), alpha >= 0, mean r(de) = 1."""
    nu_rows, de_rows = rng.normal(0.7, 1, (150, 1)), rng.normal(0, 1, (150, 1))
    phi = kernels(np.vstack((nu_rows, de_rows)), np.linspace(-2, 3, 6)[:, None])
    nu, de = phi[:150], phi[150:]
    start = np.full(6, 1 / (6 * de.mean(axis=0)))
    best = minimize(
        lambda a: -np.log(nu @ a).mean(),
        start,
        bounds=[(0, None)] * 6,
        constraints={"type": "eq", "fun": lambda a: (de @ a).mean() - 1},
        method="SLSQP",
    )
    assert kullback_leibler(nu, de, most=5000) == pytest.approx(-best.fun, abs=1e-3)
    assert -best.fun > 0.05


def test_divergences_of_two_normals_come_near_their_closed_forms(rng):
    """PE = (exp(delta^2) - 1) / 2 and KL = delta^2 / 2 for unit normals delta apart."""
    delta, n = 0.5, 6000
    nu_rows, de_rows = rng.normal(delta, 1, (n, 1)), rng.normal(0, 1, (n, 1))
    rows = np.vstack((nu_rows, de_rows))
    phi = kernels(rows, rows[rng.permutation(2 * n)[:60]])
    assert pearson(phi[:n], phi[n:]) == pytest.approx((exp(delta**2) - 1) / 2, abs=0.03)
    assert kullback_leibler(phi[:n], phi[n:], 2000) == pytest.approx(delta**2 / 2, abs=0.03)


@pytest.mark.parametrize("method", ["ulsif", "kliep"])
def test_density_ratio_finds_a_shift_and_leaves_equal_samples_alone(method, compare, rng):
    small = Sizes(rows=150, centres=30, nperms=9)
    real = _bivariate(150, 0.5, rng)
    shifted = compare(real, [_bivariate(150, 0.5, rng) + 0.7])
    found = density_ratio.measure(shifted, rng, method=method, sizes=small)[0]
    assert found.details["p"] == pytest.approx(1 / 10)
    assert found.value > 2 * found.details["null_mean"]
    tails = []
    for _ in range(30):
        same = compare(_bivariate(100, 0.5, rng), [_bivariate(100, 0.5, rng)])
        tails.append(density_ratio.measure(same, rng, method=method, sizes=small)[0].details["p"])
    # p is uniform on 1/10 ... 1: mean .55, sd .287
    assert abs(np.mean(tails) - 0.55) < 4 * 0.287 / sqrt(30)


def test_density_ratio_without_a_test_says_so(compare, rng):
    real = _bivariate(60, 0.5, rng)
    result = density_ratio.measure(compare(real, [real]), rng, sizes=Sizes(60, 20, 0))[0]
    assert result.passed is None
    assert result.text.endswith("no test was asked for.")


def test_unknown_density_ratio_method(compare, rng):
    real = _bivariate(10, 0.5, rng)
    with pytest.raises(MeasureError, match="allowed: 'kliep', 'ulsif'"):
        density_ratio.measure(compare(real, [real]), rng, method="kmm")
