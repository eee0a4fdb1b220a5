"""Propensity models: statistics by hand, nulls by simulation, trees against brute force."""

from itertools import product
from math import sqrt

import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.utility import pmse, pmse_cart, tables
from posynth.evaluation.utility.design import main_effects, tree_features, with_interactions
from posynth.evaluation.utility.pmse_cart import _pruned
from posynth.evaluation.utility.propensity import compare as fit_and_compare
from posynth.evaluation.utility.propensity import statistics


def by_name(results):
    return {result.measure: result for result in results}


def population(n, rng):
    x = rng.normal(size=n)
    y = x + rng.normal(size=n)
    return pd.DataFrame({"x": x, "y": y, "g": np.where(rng.random(n) < 0.4, "a", "b")})


def test_statistics_worked_by_hand():
    p = np.array([0.9, 0.8, 0.3, 0.8, 0.2, 0.1])
    t = np.array([1, 1, 1, 0, 0, 0])
    found = statistics(p, t)
    squares = [0.4**2, 0.3**2, 0.2**2, 0.3**2, 0.3**2, 0.4**2]
    assert found["pMSE"] == pytest.approx(sum(squares) / 6)
    # called right: .9, .8 synthetic, .2, .1 original: 4 of 6
    assert found["PO50"] == pytest.approx(100 * 4 / 6 - 50)
    # pairs won: .9 beats 3; .8 ties one and beats 2; .3 beats 2
    assert found["U"] == 3 + 2.5 + 2
    # at .2: F_o = 2/3, F_s = 0
    assert found["SPECKS"] == pytest.approx(2 / 3)
    assert found["pMSE_excess"] == pytest.approx(found["pMSE"] * 16)
    assert found["U_excess"] == pytest.approx(7.5 / 9 - 0.5)


def test_nothing_is_told_apart_by_guessing_whatever_the_sizes():
    t = np.repeat([1, 0], [40, 400])
    guessed = np.full(440, 40 / 440)
    assert statistics(guessed, t)["PO50"] == statistics(guessed, 1 - t)["PO50"] == 0
    # 30 of 40 synthetic and 300 of 400 original rows are called right at c = 1/11: 25 beyond 50.
    p = np.repeat([0.2, 0.01, 0.2, 0.01], [30, 10, 100, 300])
    assert statistics(p, t)["PO50"] == statistics(p, t)["PO50_excess"] == 25
    assert statistics(1 - p, 1 - t)["PO50"] == 25


def test_saturated_logit_is_the_table(compare, rng):
    """A logistic model on the dummies of one column gives the cells' shares: two routes to pMSE."""
    real = pd.DataFrame({"g": rng.choice(list("abcd"), 300)})
    fake = pd.DataFrame({"g": rng.choice(list("abcd"), 500, p=[0.4, 0.3, 0.2, 0.1])})
    comparison = compare(real, [fake])
    table = tables.measure(comparison, 1)[0]
    logit = by_name(pmse.measure(comparison))
    assert logit["S_pMSE_logit"].value == pytest.approx(table.value, rel=1e-5)
    assert logit["S_pMSE_logit"].details["df"] == 3
    for name in ("pMSE", "SPECKS", "U"):
        assert logit[f"{name}_logit"].value == pytest.approx(
            table.details["statistics"][name], rel=1e-5
        )


def test_logit_agrees_with_statsmodels_on_two_way_effects(compare, rng):
    import statsmodels.formula.api as smf

    real, fake = population(300, rng), population(300, rng)
    fake["y"] -= 0.5 * fake["x"]
    stacked = pd.concat([fake.assign(t=1), real.assign(t=0)])
    glm = smf.logit("t ~ (x + y + g) ** 2", stacked).fit(disp=0)
    expected = float(((glm.predict() - 0.5) ** 2).mean())
    found = by_name(pmse.measure(compare(real, [fake]), maxorder=1))
    assert found["pMSE_logit"].value == pytest.approx(expected, rel=1e-4)
    assert found["S_pMSE_logit"].details["df"] == 6
    plugin = expected / (6 / 8 / 600)
    assert found["S_pMSE_logit"].details["S_plugin"] == pytest.approx(plugin, rel=1e-4)
    assert found["S_pMSE_logit"].value == pytest.approx(plugin / 2, rel=1e-4)  # k = n, proper


def test_redundant_predictors_are_not_counted(compare, rng):
    real = population(200, rng)
    real["twice"] = 2 * real["x"] - 3 * real["y"]
    fake = real.sample(200, replace=True, random_state=rng)
    comparison = compare(real, [fake])
    assert by_name(pmse.measure(comparison))["S_pMSE_logit"].details["df"] == 3


def test_constant_columns_give_a_score_of_zero(compare):
    real = pd.DataFrame({"x": [1.0] * 8})
    assert by_name(pmse.measure(compare(real, [real])))["S_pMSE_logit"].value == 0.0


def test_separated_copies_score_the_largest_pmse(compare):
    real = pd.DataFrame({"x": np.arange(50.0)})
    fake = real + 1000
    assert by_name(pmse.measure(compare(real, [fake])))["pMSE_logit"].value == pytest.approx(
        0.25, abs=1e-3
    )


def test_only_what_was_synthesised_counts(compare, rng):
    """Rank added by the synthesised columns: x is kept, so y and g give 2 of 3 coefficients."""
    real = population(200, rng)
    fake = real.assign(y=rng.normal(size=200), g=rng.permutation(real["g"].to_numpy()))
    part = compare(real, [fake], unsynthesised=("x",))
    assert by_name(pmse.measure(part))["S_pMSE_logit"].details["df"] == 2
    assert by_name(pmse.measure(part, maxorder=1))["S_pMSE_logit"].details["df"] == 5


def test_missing_numbers_enter_as_an_indicator_whatever_the_fill(compare, rng):
    real = pd.DataFrame({"x": np.where(rng.random(300) < 0.2, np.nan, rng.normal(5, 1, 300))})
    fake = pd.DataFrame({"x": np.where(rng.random(300) < 0.4, np.nan, rng.normal(5, 1, 300))})
    comparison = compare(real, [fake])
    found = by_name(pmse.measure(comparison))
    assert found["S_pMSE_logit"].details["df"] == 2
    shifted = compare(real + 100, [fake + 100])
    assert found["pMSE_logit"].value == pytest.approx(
        by_name(pmse.measure(shifted))["pMSE_logit"].value, rel=1e-6
    )
    assert found["S_pMSE_logit"].value > 3


def test_interactions_join_different_columns_only(compare):
    real = pd.DataFrame({"g": list("abcabc"), "x": [1.0, 2, 3, np.nan, 5, 6]})
    design = with_interactions(main_effects(compare(real, [real])))
    assert design.names == (
        "g=b", "g=c", "x", "x (missing)", "g=b:x", "g=b:x (missing)", "g=c:x", "g=c:x (missing)",
    )  # fmt: skip
    assert (
        design.original[:, 4].tolist() == (design.original[:, 0] * design.original[:, 2]).tolist()
    )


@pytest.mark.parametrize("ratio", [1, 3], ids=["k=n", "k=3n"])
def test_logit_nulls_of_identity_resample_and_second_sample(ratio, compare, rng):
    """0, 1 and 1/(1-c); df = 3, so a mean of 150 has standard error .07 x its value."""
    n, runs, plugin, second = 400, 150, [], []
    for _ in range(runs):
        real = population(n, rng)
        resample = real.iloc[rng.integers(0, n, ratio * n)]
        comparison = compare(real, [resample, population(ratio * n, rng)])
        result = by_name(pmse.measure(comparison))["S_pMSE_logit"]
        plugin.append(result.details["per_copy"][0])
        second.append(result.details["per_copy_proper"][1])
    for values in (plugin, second):
        error = np.std(values, ddof=1) / sqrt(runs)
        assert error < 0.09
        assert abs(np.mean(values) - 1) < 4 * error
    same = by_name(pmse.measure(compare(real, [pd.concat([real] * ratio)])))["S_pMSE_logit"]
    assert same.value == pytest.approx(0, abs=1e-6)


def test_formula_and_permutation_nulls_agree_for_logit(compare, rng):
    comparison = compare(population(400, rng), [population(400, rng)])
    formula = by_name(pmse.measure(comparison))["S_pMSE_logit"]
    resampled = by_name(pmse.measure(comparison, null="permutation", nperms=200, rng=rng))
    details = resampled["S_pMSE_logit"].details
    # E under relabelling = df (1-c) c / N = 3 / 4 / 800
    error = details["null_sd"] / sqrt(200)
    assert abs(details["null_mean"] - 3 / 4 / 800) < 4 * error
    assert resampled["S_pMSE_logit"].value == pytest.approx(
        formula.value * 3 / 4 / 800 / details["null_mean"]
    )


@pytest.mark.parametrize("proper", [False, True], ids=["plug-in", "proper"])
def test_pairs_null_of_logit_is_one_for_either_kind_and_linear_measures_take_root_two(
    proper, compare, rng
):
    """Columns are three-way tables, so that a proper draw is a Dirichlet draw of cell shares."""
    n, found = 400, {"S_pMSE_logit": [], "S_SPECKS_logit": [], "S_PO50_logit": [], "S_U_logit": []}
    base = rng.dirichlet(np.full(6, 10.0))
    for _ in range(30):
        o = rng.multinomial(n, base)
        thetas = [rng.dirichlet(o) if proper else o / n for _ in range(5)]
        copies = [_cells(rng.multinomial(n, theta)) for theta in thetas]
        results = by_name(pmse.measure(compare(_cells(o), copies), null="pairs"))
        for name, values in found.items():
            values.append(results[name].value)
    for name, values in found.items():
        error = np.std(values, ddof=1) / sqrt(len(values))
        assert error < 0.12, name
        assert abs(np.mean(values) - 1) < 4 * error, (name, np.mean(values), error)


def _cells(counts):
    cells = np.repeat(np.arange(6), counts)
    return pd.DataFrame({"g": cells // 3, "h": cells % 3}).map(lambda level: f"v{level}")


def test_cart_finds_an_interaction_that_main_effects_miss(compare, rng):
    n = 800
    sign = rng.choice([-1.0, 1.0], n)
    x = rng.normal(size=n)
    real = pd.DataFrame({"x": x, "y": np.abs(rng.normal(size=n)) * np.sign(x)})
    fake = pd.DataFrame({"x": x, "y": np.abs(rng.normal(size=n)) * sign})
    comparison = compare(real, [fake])
    main = by_name(pmse.measure(comparison))["S_pMSE_logit"]
    assert main.details["S_proper"] < 3
    cart = by_name(pmse_cart.measure(comparison, rng, nperms=5))
    null = cart["S_pMSE_cart"].details
    assert null["raw"] > null["null_mean"] + 5 * null["null_sd"]
    assert null["S_proper"] > 1.3


def test_cart_identity_is_zero_and_a_second_sample_is_one_on_the_proper_scale(compare, rng):
    runs, second, resampled = 40, [], []
    for _ in range(runs):
        real = population(150, rng)
        resample = real.sample(150, replace=True, random_state=rng)
        for copy, values in ((population(150, rng), second), (resample, resampled)):
            result = by_name(pmse_cart.measure(compare(real, [copy]), rng, nperms=4))
            values.append(result["S_pMSE_cart"].details["S_proper"])
    error = np.std(second, ddof=1) / sqrt(runs)
    assert error < 0.05
    assert abs(np.mean(second) - 1) < 4 * error
    assert np.mean(resampled) < 1 - 4 * error
    same = by_name(pmse_cart.measure(compare(real, [real]), rng, nperms=4))
    assert same["pMSE_cart"].value == pytest.approx(0, abs=1e-12)


def test_cart_permutation_null_is_halved_on_the_plugin_scale_only_at_k_equal_n(compare, rng):
    for ratio in (1, 3):
        comparison = compare(population(150, rng), [population(150 * ratio, rng)])
        details = by_name(pmse_cart.measure(comparison, rng, nperms=3))["S_pMSE_cart"].details
        assert details["S_proper"] == pytest.approx(details["raw"] / details["null_mean"])
        assert details["S_plugin"] == pytest.approx(details["S_proper"] * (1 + ratio))


def test_cart_leaves_hold_at_least_five_rows(rng):
    X, t = rng.normal(size=(300, 2)), rng.integers(0, 2, 300)
    p = pmse_cart.tree(X, t, complexity=0.0)
    _, rows = np.unique(p, return_counts=True)
    assert rows.min() >= 5
    assert np.unique(p).size > 10


def test_cart_splits_unordered_levels_by_their_share(rng):
    """Levels 0, 2, 4 synthetic and 1, 3, 5 original: one split after ordering, five before."""
    X = np.repeat(np.arange(6.0), 20)[:, None]
    t = (X[:, 0] % 2 == 0).astype(np.int64)
    assert np.unique(pmse_cart.tree(X, t, nominal=(0,), complexity=0.2)).tolist() == [0.0, 1.0]
    assert np.unique(pmse_cart.tree(X, t, complexity=0.2)).tolist() != [0.0, 1.0]


def test_cutting_back_minimises_errors_plus_penalty():
    """Against all ways of cutting a tree of seven nodes."""
    left = np.array([1, 2, -1, -1, 5, -1, -1])
    right = np.array([4, 3, -1, -1, 6, -1, -1])
    errors = np.array([40.0, 18, 5, 6, 12, 6, 5.5])

    def total(cut_1, cut_4, cut_0, penalty):
        if cut_0:
            return errors[0] + penalty
        one = errors[1] + penalty if cut_1 else errors[2] + errors[3] + 2 * penalty
        four = errors[4] + penalty if cut_4 else errors[5] + errors[6] + 2 * penalty
        return one + four

    for complexity in (0.0, 0.01, 0.05, 0.2, 0.5, 0.9):
        leaf = _pruned(left, right, errors, complexity)
        kept = np.unique(leaf[[2, 3, 5, 6]])
        penalty = complexity * 40
        got = errors[kept].sum() + penalty * kept.size
        best = min(total(*cuts, penalty) for cuts in product([True, False], repeat=3))
        assert got == pytest.approx(best)


def test_tree_features_put_missing_numbers_below_all_others(compare):
    real = pd.DataFrame({"x": [3.0, np.nan], "g": ["a", "b"]})
    fake = pd.DataFrame({"x": [-4.0, 2.0], "g": ["b", "b"]})
    design = tree_features(compare(real, [fake]))
    assert design.original[:, 0].tolist() == [3.0, -5.0]
    assert design.copies[0].tolist() == [[-4.0, 1.0], [2.0, 1.0]]


def test_same_stream_same_records(compare):
    real = population(100, np.random.default_rng(1))
    comparison = compare(real, [population(100, np.random.default_rng(2))])
    one, two, other = (
        pmse_cart.measure(comparison, np.random.default_rng(seed), nperms=3) for seed in (5, 5, 6)
    )
    assert one == two
    assert one != other


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda c: pmse.measure(c, maxorder=2),
            "maxorder must be 0 (main effects) or 1 (all products of two columns), got 2",
        ),
        (
            lambda c: pmse.measure(c, null="permute"),
            "unknown null of logit 'permute'; allowed: 'formula', 'pairs', 'permutation'",
        ),
        (
            lambda c: pmse_cart.measure(c, null="formula"),
            "unknown null of cart 'formula'; allowed: 'pairs', 'permutation'",
        ),
        (
            pmse_cart.measure,
            "null 'permutation' draws relabellings: pass rng=numpy.random.default_rng(seed)",
        ),
        (
            lambda c: pmse_cart.measure(c, np.random.default_rng(1), nperms=0),
            "nperms must be at least 1, got 0",
        ),
        (
            lambda c: pmse_cart.measure(c, null="pairs"),
            "null 'pairs' compares copies with each other and needs at least 2 (5 or more to be "
            "steady), got 1; make more copies or use null='permutation'",
        ),
    ],
)
def test_wrong_settings_are_answered_with_what_is_allowed(call, message, compare):
    real = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, 3.0, 2.0]})
    with pytest.raises(MeasureError) as caught:
        call(compare(real, [real]))
    assert str(caught.value).startswith(message)


def test_too_many_predictors_are_refused(compare):
    real = pd.DataFrame({"g": [f"v{i}" for i in range(1600)]})
    with pytest.raises(MeasureError, match=r"1599 predictors, at most 1500 are fitted"):
        pmse.measure(compare(real, [real]))


def test_any_model_can_be_compared(rng):
    """A model that knows nothing has no pMSE; the contract is (X, t) -> p."""
    found = fit_and_compare(
        lambda X, t: np.full(len(t), t.mean()), np.ones((4, 1)), np.ones((6, 1))
    )
    assert found["pMSE"] == 0
    assert found["U"] == 12
