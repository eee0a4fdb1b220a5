from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import fit_copies, fit_statsmodels, mean, pool
from posynth.evaluation.inference.estimates import Estimate
from posynth.results import to_frame

FIVE = Provenance(n=100, k=50, m=5)
SLOPES = [
    Estimate(("slope",), [q], [[v]])
    for q, v in zip([1.0, 1.2, 0.9, 1.1, 0.8], [0.04, 0.05, 0.03, 0.04, 0.04], strict=True)
]


def test_the_table_by_hand():
    row = pool(SLOPES, FIVE).table.loc["slope"]
    df = 4 / (0.26 / 1.16) ** 2  # b̃ = (4·.025 + .06/2)/4.5, see the rule
    half = stats.t.ppf(0.975, df) * np.sqrt(0.025)
    assert row["estimate"] == pytest.approx(1.0)
    assert row["std error"] == pytest.approx(np.sqrt(0.025))
    assert row["df"] == pytest.approx(df)
    assert row["t"] == pytest.approx(1 / np.sqrt(0.025))
    assert row["p"] == pytest.approx(2 * stats.t.sf(1 / np.sqrt(0.025), df))
    assert (row["lower"], row["upper"]) == (pytest.approx(1 - half), pytest.approx(1 + half))
    assert row["fmi"] == pytest.approx(0.2)
    assert (row["within"], row["between"]) == (pytest.approx(0.04), pytest.approx(0.025))
    assert row["expected error"] == pytest.approx(np.sqrt(0.02))


def test_synthpops_population_inference():
    # methods.syn.r: Tf = vars(1 + (n/k + 1)/m) proper, vars(1 + n/(k m)) otherwise, vars = v̄k/n.
    for rule, factor in (("ppd", 1 + (2 + 1) / 5), ("simple", 1 + 2 / 5)):
        row = pool(SLOPES, FIVE, rule=rule).table.loc["slope"]
        error = np.sqrt(0.04 * 0.5 * factor)
        assert row["std error"] == pytest.approx(error)
        assert row["p"] == pytest.approx(2 * stats.norm.cdf(-1 / error))
    row = pool(SLOPES, FIVE, rule="incomplete").table.loc["slope"]
    assert row["p"] == pytest.approx(2 * stats.norm.cdf(-1 / np.sqrt(0.025 / 5 + 0.02)))


def test_mices_pool_syn():
    # pool.scalar(rule = "reiter2003"): t = ubar + b/m, df = (m - 1)(1 + ubar/(b/m))^2.
    row = pool(SLOPES, FIVE, rule="partial").table.loc["slope"]
    assert row["std error"] == pytest.approx(np.sqrt(0.045))
    assert row["df"] == pytest.approx(4 * 81)
    assert row["p"] == pytest.approx(2 * stats.t.sf(1 / np.sqrt(0.045), 324))


def test_about_the_original_estimate():
    pooled = pool(SLOPES, FIVE, estimand="original")
    row = pooled.table.loc["slope"]
    assert row["std error"] == pytest.approx(np.sqrt(0.005))
    assert row["upper"] - 1 == pytest.approx(stats.t.ppf(0.975, 4) * np.sqrt(0.005))
    assert np.isnan(row["fmi"])
    assert "q̂_obs" in pooled.text


def test_the_text_explains_in_words():
    text = pool(SLOPES, FIVE).text
    assert text == (
        "Inference about the population value Q, from 5 copies of 50 rows from a source of 100 "
        "rows.\nRule 't_p_star' (T = v̄·k/n + b/m): every column was synthesised from its own "
        "posterior draw a copy, and the spread between 5 copies measures what that adds, whether "
        "or not your model agrees with the chain.\nk/n = 0.5; the reference of the intervals is t "
        "with 79.6 degrees of freedom."
    )
    two = pool(SLOPES[:2], replace(FIVE, m=2)).text
    assert two == (
        "Inference about the population value Q, from 2 copies of 50 rows from a source of 100 "
        "rows.\nRule 'ppd' (T = v̄·(k/n + (1 + k/n)/m)): 2 copies are too few to measure the spread "
        "between copies (that takes 5), so it is taken from theory for proper copies of every "
        "column; that holds if the chain has what your model asks for, and its priors are weak.\n"
        "k/n = 0.5; the reference of the intervals is normal."
    )
    kept = pool(SLOPES, FIVE, rule="rubin").text
    assert "asked for by the user" in kept
    assert "posynth would take 't_p_star'" in kept


def test_one_copy():
    pooled = pool(SLOPES[:1], replace(FIVE, m=1, k=100))
    assert pooled.choice.rule == "ppd"
    assert pooled.table.loc["slope", "std error"] == pytest.approx(np.sqrt(0.12))
    assert "from 1 copy of 100 rows" in pooled.text
    assert np.isnan(pooled.table.loc["slope", "between"])


def test_a_negative_variance_gives_no_interval_and_a_note():
    pooled = pool(SLOPES, FIVE, rule="rrr")
    row = pooled.table.loc["slope"]
    assert row[["std error", "df", "t", "p", "lower", "upper", "fmi"]].isna().all()
    assert any("variance of 'slope' is negative" in note for note in pooled.notes)
    adjusted = pool(SLOPES, FIVE, rule="rrr_adjusted").table.loc["slope"]
    assert adjusted["std error"] == pytest.approx(np.sqrt(0.02))


def test_rubin_takes_the_complete_data_df():
    few = [replace(estimate, df_com=20.0) for estimate in SLOPES]
    assert pool(few, FIVE, rule="rubin").table.loc["slope", "df"] < 20
    assert pool(SLOPES, FIVE, rule="rubin").table.loc["slope", "df"] > 20


def test_notes_of_the_fits_name_their_copy():
    noted = [*SLOPES[:4], replace(SLOPES[4], notes=("ConvergenceWarning: stopped early",))]
    pooled = pool(noted, FIVE)
    assert pooled.notes == ("copy 5: ConvergenceWarning: stopped early",)
    assert "Note: copy 5: ConvergenceWarning: stopped early." in pooled.text


def test_results_are_one_record_a_coefficient():
    pooled = pool(SLOPES, FIVE)
    (result,) = pooled.results()
    assert (result.measure, result.subject, result.value) == ("pooled estimate", "slope", 1.0)
    assert result.interval == (
        pooled.table.loc["slope", "lower"],
        pooled.table.loc["slope", "upper"],
    )
    assert result.details["between"] == pytest.approx(0.025)
    assert len(to_frame(pooled.results())) == 1


@pytest.fixture(scope="module")
def bootstrapped(request):
    """Five resamples of heart_failure: plug-in copies drawn from the empirical distribution."""
    heart = request.getfixturevalue("heart")
    rng = np.random.default_rng(11)
    copies = [heart.iloc[rng.integers(0, 299, 299)] for _ in range(5)]
    return heart, copies, Provenance(n=299, k=299, m=5, proper=False)


def test_resampled_rows_behave_as_plug_in_copies(bootstrapped):
    heart, copies, provenance = bootstrapped
    analysis = fit_statsmodels("deceased ~ age + diabetes + follow_up", "logit")
    pooled = pool(fit_copies(analysis, copies), provenance)
    original = analysis(heart)
    assert pooled.names == original.names
    z = (pooled.table["estimate"] - original.q) / original.std_error
    assert np.abs(z).max() < 4 * np.sqrt(1 / 5)
    assert pooled.table["expected error"].to_numpy() == pytest.approx(original.std_error, rel=0.15)


def test_wald_of_one_coefficient_is_the_squared_t(bootstrapped):
    _, copies, provenance = bootstrapped
    pooled = pool(fit_copies(mean("age"), copies), provenance)
    result = pooled.wald(null=60.0)
    row = pooled.table.iloc[0]
    assert result.value == pytest.approx(((row["estimate"] - 60) / row["std error"]) ** 2)
    assert (result.subject, result.details["df1"]) == ("mean(age)", 1)


def test_wald_of_several_coefficients(bootstrapped):
    _, copies, provenance = bootstrapped
    analysis = fit_statsmodels("deceased ~ age + diabetes + follow_up", "logit")
    pooled = pool(fit_copies(analysis, copies), provenance, rule="simple")
    both = pooled.wald(["age", "follow_up"])
    at = [pooled.names.index(name) for name in ("age", "follow_up")]
    total = pooled.moments.within[np.ix_(at, at)] * 1.2
    d = pooled.moments.center[at]
    assert both.value == pytest.approx(d @ np.linalg.inv(total) @ d / 2)
    assert both.details["df2"] == np.inf
    assert both.details["p"] == pytest.approx(stats.chi2.sf(2 * both.value, 2))
    assert both.text.startswith("F(2, inf), p = ")
    with pytest.raises(MeasureError, match=r"unknown coefficient 'aged'.*Did you mean 'age'\?"):
        pooled.wald(["aged"])


def test_wald_without_enough_copies_says_so():
    two = [Estimate(("a", "b"), [i, 2.0 * i], np.eye(2)) for i in range(2)]
    pooled = pool(two, Provenance(100, 100, 2), "t_p_star", estimand="original")
    result = pooled.wald()
    assert np.isnan(result.value)
    assert "no joint test here; make more copies" in result.text


def test_wald_of_a_singular_matrix_says_so():
    flat = [Estimate(("a", "b"), [1.0, 1.0], np.ones((2, 2))) for _ in range(3)]
    pooled = pool(flat, Provenance(100, 100, 3), rule="ppd")
    with pytest.raises(MeasureError, match=r"covariance matrix of 'a', 'b' is singular"):
        pooled.wald()


def test_wrong_calls_are_explained():
    with pytest.raises(MeasureError, match=r"5 estimates, but the manifest speaks of m = 4"):
        pool(SLOPES, replace(FIVE, m=4))
    with pytest.raises(MeasureError, match=r"unknown estimand 'Q'"):
        pool(SLOPES, FIVE, estimand="Q")
    with pytest.raises(MeasureError, match=r"level 95 is not between 0 and 1"):
        pool(SLOPES, FIVE, level=95)
    with pytest.raises(MeasureError, match=r"'t_p_star' needs at least 2 copies"):
        pool(SLOPES[:1], replace(FIVE, m=1), rule="t_p_star")
    with pytest.raises(MeasureError, match=r"copy 2 has a coefficient 'other'|copy 2 lacks"):
        pool([SLOPES[0], Estimate(("other",), [1.0], [[1.0]])], replace(FIVE, m=2))


def test_nested_copies_pool_by_nest():
    provenance = Provenance(n=100, k=50, m=6, missing="impute", nests=3)
    copies = [Estimate(("mean",), [q], [[1.0]]) for q in (1, 3, 5, 7, 3, 5)]
    pooled = pool(copies, provenance)
    assert pooled.choice.rule == "nested"
    assert pooled.table.loc["mean", "std error"] == pytest.approx(np.sqrt(16 / 3 - 1 + 0.5))
    assert pooled.wald().value == pytest.approx(16 / (16 / 3 - 1 + 0.5))
