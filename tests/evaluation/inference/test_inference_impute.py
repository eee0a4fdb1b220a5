"""Multiple imputation inside a copy: against answers in closed form, and what it leaves alone."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import MeasureError
from posynth.evaluation.inference import fit_statsmodels, mean, proportion
from posynth.evaluation.inference.imputation import impute
from posynth.evaluation.inference.impute import imputing

MANY = 60


@pytest.fixture(scope="module")
def line():
    """y on x, y missing more often where x is high, and a posterior that knows the columns."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=400)
    y = 1 + 2 * x + rng.normal(size=400)
    table = pd.DataFrame(
        {"x": x, "y": np.where(rng.random(400) < 1 / (1 + np.exp(-2 * x)), np.nan, y)}
    )
    return table, posynth.fit(table, seed=1)


def test_a_response_imputed_from_its_predictors_gives_the_complete_cases_back(line):
    # Nothing is learned of y | x from rows without y: as the number M of imputations grows, the
    # total is the fit to the complete cases. B / T is below 1/2, so the estimates differ by some
    # sqrt(1 / (2 M)) = .09 standard errors, the errors themselves by sqrt(1 / (2 M)) / 2 = 5 %.
    table, posterior = line
    analysis = fit_statsmodels("y ~ x")
    own = analysis(table)
    found = imputing(analysis, posterior, ["x", "y"], MANY)(table)
    assert np.abs(found.q - own.q).max() < 0.35 * own.std_error.max()
    assert found.std_error == pytest.approx(own.std_error, rel=0.2)


def test_a_mean_under_missing_at_random_is_the_regression_estimate(line):
    # Imputations have mean b'x at the holes, so the mean of y is the regression estimate
    # ybar_r + b (xbar - xbar_r); its variance is s^2 (1/r + (xbar - xbar_r)^2 / Sxx) + b^2 Sx / n.
    table, posterior = line
    seen, x = table.dropna(), table["x"]
    own = fit_statsmodels("y ~ x")(table)
    away = x.mean() - seen["x"].mean()
    exact = seen["y"].mean() + own.q[1] * away
    s2 = np.sum((seen["y"] - own.q[0] - own.q[1] * seen["x"]) ** 2) / (len(seen) - 2)
    inside = s2 * (1 / len(seen) + away**2 / np.sum((seen["x"] - seen["x"].mean()) ** 2))
    error = np.sqrt(inside + own.q[1] ** 2 * x.var() / len(x))
    found = imputing(mean("y"), posterior, ["y"], MANY)(table)
    assert abs(found.q[0] - exact) < 0.3 * error
    assert found.std_error[0] == pytest.approx(error, rel=0.2)
    assert abs(seen["y"].mean() - exact) > 3 * error  # leaving the rows out is far off


def test_levels_are_imputed_with_their_probabilities():
    # P(b | x=1) = .8, P(b | x=0) = .2, half of the rows; g is missing in 3 of 4 rows with x = 1.
    rng = np.random.default_rng(3)
    x = np.repeat(["u", "v"], 1500)
    g = np.where(rng.random(3000) < np.where(x == "v", 0.8, 0.2), "b", "a").astype(object)
    g[(x == "v") & (rng.random(3000) < 0.75)] = None
    table = pd.DataFrame({"x": x, "g": g})
    posterior = posynth.fit(table, seed=1)
    found = imputing(proportion("g", "b"), posterior, ["g"], 10)(table)
    # The standard error is about sqrt(.16 / 375) / 2 = .010 from the rows seen with x = v.
    assert found.q[0] == pytest.approx(0.5, abs=0.035)
    assert 0.008 < found.std_error[0] < 0.02
    assert table["g"].eq("b").sum() / table["g"].notna().sum() < 0.4


@pytest.fixture(scope="module")
def holed(heart):
    table = heart[["sex", "age", "platelets", "smoking", "ejection_fraction"]].copy()
    table.loc[::4, "platelets"] = np.nan
    table.loc[1::5, "smoking"] = None
    table.loc[2::5, "ejection_fraction"] = np.nan
    return table, posynth.fit(table, seed=1)


def test_what_is_present_stays_and_holes_get_values_of_the_column(holed):
    table, posterior = holed
    columns = ["platelets", "smoking"]
    first, second = impute(table, posterior, columns, 2, 1)
    for name in columns:
        present = table[name].notna()
        pd.testing.assert_series_equal(first[name][present], table[name][present])
        assert first[name].notna().all()
        assert not first[name].equals(second[name])
    assert set(first["smoking"]) == {"No", "Yes"}
    assert first["ejection_fraction"].isna().sum() == table["ejection_fraction"].isna().sum()


def test_values_and_seed_decide_the_imputations(holed):
    table, posterior = holed
    one, again, other = (
        imputing(mean("platelets"), posterior, ["platelets"], 2, seed)(table).q[0]
        for seed in (1, 1, 2)
    )
    assert one == again != other


def test_without_holes_nothing_is_imputed(holed):
    table, posterior = holed
    found = imputing(mean("age"), posterior, ["age"], 2)(table)
    # Imputations were asked for, so that their absence is told.
    assert found.notes == (
        "no column of the analysis has a missing value, so that nothing was imputed",
    )
    assert found.q[0] == table["age"].mean()


def test_what_cannot_be_imputed_is_named(holed):
    table, posterior = holed
    with pytest.raises(MeasureError, match="impute = 1: impute at least 2 times"):
        imputing(mean("age"), posterior, ["age"], 1)
    with pytest.raises(MeasureError, match="column 'platelets' has no value here"):
        imputing(mean("age"), posterior, ["platelets"], 2)(table.assign(platelets=np.nan))
