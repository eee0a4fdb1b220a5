import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.inference.estimates import fit_copies
from posynth.evaluation.inference.models import fit_statsmodels

FORMULA = "deceased ~ age + diabetes + smoking + follow_up"
NAMES = ("Intercept", "age", "diabetes[T.Yes]", "smoking[T.Yes]", "follow_up")


@pytest.fixture
def stages(heart):
    """heart_failure with age in four ordered stages and a text copy of them."""
    stage = pd.cut(heart["age"], [0, 50, 60, 70, 200], labels=list("abcd"))
    return heart.assign(stage=stage, text=stage.astype(str))


@pytest.mark.parametrize(
    "analysis",
    [fit_statsmodels(FORMULA, "glm", family="binomial"), fit_statsmodels(FORMULA, "logit")],
)
def test_the_tutorials_model_to_all_printed_digits(heart, analysis):
    # Printed by R's glm in the OSWS tutorial, practical 2.
    printed = ["-0.84667", "0.03651", "0.11021", "-0.20590", "-0.01932"]
    errors = ["0.90336", "0.01332", "0.31027", "0.32636", "0.00258"]
    found = analysis(heart).ordered(NAMES)
    assert [f"{value:.5f}" for value in found.q] == printed
    assert [f"{value:.5f}" for value in found.std_error] == errors
    assert found.df_com == np.inf
    # Which level is the event is said, since software differs in it.
    assert found.notes == ("the event of 'deceased' is Yes, against No",)


def test_the_event_is_the_second_level_however_the_response_is_stored(heart):
    plain = fit_statsmodels(FORMULA, "glm", family="binomial")(heart)
    for stored in (
        heart["deceased"].astype("category"),
        heart["deceased"] == "Yes",
        (heart["deceased"] == "Yes").astype(int),
    ):
        found = fit_statsmodels(FORMULA, "glm", family="binomial")(heart.assign(deceased=stored))
        assert found.q == pytest.approx(plain.q)
    turned = fit_statsmodels(FORMULA, "logit", levels=("Yes", "No"))(heart)
    assert turned.q == pytest.approx(-plain.q, rel=1e-5)


def test_ols_agrees_with_least_squares_by_hand(heart):
    found = fit_statsmodels("serum_sodium ~ age")(heart)
    x, y = np.c_[np.ones(299), heart["age"]], heart["serum_sodium"].to_numpy(dtype=float)
    beta = np.linalg.solve(x.T @ x, x.T @ y)
    residual = y - x @ beta
    assert found.q == pytest.approx(beta)
    assert found.cov == pytest.approx(np.linalg.inv(x.T @ x) * (residual @ residual) / 297)
    assert found.df_com == 297


def test_robust_errors_and_other_families(heart):
    robust = fit_statsmodels("serum_sodium ~ age", fit={"cov_type": "HC1"})(heart)
    plain = fit_statsmodels("serum_sodium ~ age")(heart)
    assert robust.q == pytest.approx(plain.q)
    assert robust.std_error[1] != pytest.approx(plain.std_error[1], rel=1e-3)
    counts = fit_statsmodels("follow_up ~ 1", "glm", family="poisson")(heart)
    assert counts.q[0] == pytest.approx(np.log(heart["follow_up"].mean()))
    assert counts.cov[0, 0] == pytest.approx(1 / heart["follow_up"].sum())


def test_multinomial_without_predictors_is_log_ratios(stages):
    found = fit_statsmodels("text ~ 1", "mnlogit")(stages)
    counts = stages["text"].value_counts().loc[list("abcd")].to_numpy()
    assert found.names == ("b: Intercept", "c: Intercept", "d: Intercept")
    assert found.q == pytest.approx(np.log(counts[1:] / counts[0]), abs=1e-5)
    # Var log(n_j/n_a) = 1/n_j + 1/n_a, covariance 1/n_a.
    assert found.cov == pytest.approx(np.diag(1 / counts[1:]) + 1 / counts[0], rel=1e-4)


def test_multinomial_coefficients_belong_to_their_level_and_term(stages):
    # Saturated in diabetes, so every coefficient is a log ratio of counts.
    found = fit_statsmodels("text ~ diabetes", "mnlogit")(stages)
    counts = pd.crosstab(stages["diabetes"], stages["text"])
    for level in "bcd":
        odds = np.log(counts[level] / counts["a"])
        at = [found.names.index(f"{level}: {term}") for term in ("Intercept", "diabetes[T.Yes]")]
        assert found.q[at] == pytest.approx([odds["No"], odds["Yes"] - odds["No"]], abs=1e-4)


def test_ordered_cutpoints_are_on_the_scale_of_the_predictor(stages):
    found = fit_statsmodels("stage ~ diabetes", "ordered")(stages)
    assert found.names == ("diabetes[T.Yes]", "a|b", "b|c", "c|d")
    assert (np.diff(found.q[1:]) > 0).all()
    # A binary predictor and two levels make it the logistic regression with the sign turned.
    two = stages.assign(late=stages["age"] > 60)
    cut = fit_statsmodels("late ~ diabetes", "ordered")(two)
    logit = fit_statsmodels("late ~ diabetes", "logit")(two)
    assert cut.q == pytest.approx([logit.q[1], -logit.q[0]], abs=1e-3)
    assert cut.std_error == pytest.approx(logit.std_error[::-1], rel=1e-3)


def test_covariance_of_the_cutpoints_by_the_delta_method(heart):
    # At the maximum the information in cutpoints is the transformed one: differentiate twice.
    third = pd.cut(heart["age"], [0, 48, 75, 200], labels=list("abc"))
    found = fit_statsmodels("third ~ anaemia", "ordered")(heart.assign(third=third))
    x, y = (heart["anaemia"] == "Yes").to_numpy(dtype=float), third.cat.codes.to_numpy()

    def log_likelihood(theta):
        cuts = np.array([-np.inf, theta[1], theta[2], np.inf])
        shares = 1 / (1 + np.exp(theta[0] * x[:, None] - cuts))
        return np.log(shares[np.arange(299), y + 1] - shares[np.arange(299), y]).sum()

    step = 1e-3 * np.eye(3)
    information = -np.array(
        [
            [
                sum(
                    s * t * log_likelihood(found.q + s * a + t * b)
                    for s in (1, -1)
                    for t in (1, -1)
                )
                for b in step
            ]
            for a in step
        ]
    ) / (4e-6)
    assert found.names == ("anaemia[T.Yes]", "a|b", "b|c")
    assert found.cov == pytest.approx(np.linalg.inv(information), rel=0.01)


def test_mixed_model_gives_its_fixed_effects():
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(40), 6)
    frame = pd.DataFrame({"group": group, "x": rng.normal(size=240)})
    frame["y"] = 1 + 2 * frame["x"] + rng.normal(size=40)[group] + rng.normal(size=240)
    found = fit_statsmodels("y ~ x", "mixed", groups="group")(frame)
    assert found.names == ("Intercept", "x")
    assert np.abs(found.q - [1, 2]).max() < 4 * found.std_error.max()
    # Intercept: random-effect variance over groups plus residual over rows, both about 1.
    assert found.std_error[0] == pytest.approx(np.sqrt(1 / 40 + 1 / 240), rel=0.3)


def test_proportional_hazards_takes_a_text_status(heart):
    text = fit_statsmodels("follow_up ~ age", "phreg", status="deceased")(heart)
    number = heart.assign(deceased=(heart["deceased"] == "Yes").astype(int))
    assert text.q == pytest.approx(
        fit_statsmodels("follow_up ~ age", "phreg", status="deceased")(number).q
    )
    everyone = fit_statsmodels("follow_up ~ age", "phreg")(heart)
    assert everyone.q[0] != pytest.approx(text.q[0], rel=0.01)


@pytest.mark.parametrize(
    ("formula", "model", "options"),
    [
        ("deceased ~ age", "logit", {}),
        ("stage ~ serum_sodium", "ordered", {}),
        ("text ~ serum_sodium", "mnlogit", {}),
        ("follow_up ~ age", "mixed", {"groups": "text"}),
        ("follow_up ~ age", "phreg", {"status": "deceased"}),
        ("follow_up ~ age", "ols", {}),
    ],
)
def test_rows_with_missing_values_are_left_out_and_noted(stages, formula, model, options):
    holes = stages.copy()
    for column in ("age", "serum_sodium"):
        holes.loc[:9, column] = np.nan
    analysis = fit_statsmodels(formula, model, **options)
    found = analysis(holes)
    assert "10 rows with missing values were left out" in found.notes
    assert found.q == pytest.approx(analysis(holes.iloc[10:]).q, abs=1e-6)


def test_warnings_of_the_fit_become_notes(heart):
    noise = np.random.default_rng(1).normal(size=299)
    separated = heart.assign(x=(heart["deceased"] == "Yes") + 0.001 * noise)
    found = fit_statsmodels("deceased ~ x", "logit")(separated)
    (note,) = (note for note in found.notes if note.startswith("PerfectSeparationWarning"))
    assert "not be identified: the terms tell the levels of the response apart" in note
    short = fit_statsmodels("deceased ~ age", "logit", fit={"maxiter": 1})(heart)
    (note,) = (note for note in short.notes if note.startswith("ConvergenceWarning"))
    assert "not those of a maximum of the likelihood" in note and "fit={'maxiter': 500}" in note


def test_a_text_level_missing_in_one_copy_names_copy_and_coefficient(heart):
    copies = [heart, heart.assign(sex="Male"), heart]
    # In one coding the cause is seen in the copy itself, not in coefficients that differ.
    text = r"copy 2: the coefficients of 'sex' .* no row has its reference level 'Female'"
    with pytest.raises(MeasureError, match=text):
        fit_copies(fit_statsmodels("age ~ sex"), copies)


def test_a_category_missing_in_one_copy_names_copy_and_coefficient(stages):
    copies = [stages, stages[stages["stage"] != "b"]]
    text = r"copy 2: coefficient 'stage\[T\.b\]' cannot be estimated: no row has that level"
    with pytest.raises(MeasureError, match=text):
        fit_copies(fit_statsmodels("follow_up ~ stage"), copies)


@pytest.mark.parametrize("model", ["ordered", "mnlogit"])
def test_a_response_level_missing_in_one_copy_is_named(stages, model):
    copies = [stages, stages[stages["stage"] != "b"]]
    with pytest.raises(MeasureError, match=r"copy 2: response 'stage' never takes the level 'b'"):
        fit_copies(fit_statsmodels("stage ~ serum_sodium", model), copies)


@pytest.mark.parametrize(
    ("formula", "model", "text"),
    [
        ("text ~ age", "logit", r"'text' has 4 level\(s\) \['a', 'b', 'c', 'd'\]; a yes/no model"),
        ("text ~ age", "ols", r"'text' has levels, not numbers; use model 'logit'"),
        ("sex ~ age", "glm", r"'sex' has levels, not numbers"),
        ("text ~ age", "ordered", r"levels without an order; pass levels=\(lowest"),
        ("follow_up ~ nope", "ols", r"unknown column 'nope'\. Names it may use: 'age', 'anaemia'"),
        ("follow_up ~ age + I(2 * age)", "ols", r"'I\(2 \* age\)' cannot be estimated: .*linear"),
    ],
)
def test_models_that_cannot_be_fitted_are_explained(stages, formula, model, text):
    with pytest.raises(MeasureError, match=text):
        fit_statsmodels(formula, model)(stages)


def test_a_condition_as_response_is_the_event(heart):
    # As in R; patsy made two columns of it, of which statsmodels would have modelled the first.
    analysis = fit_statsmodels("I(deceased == 'Yes') ~ age", "glm", family="binomial")
    plain = fit_statsmodels("deceased ~ age", "glm", family="binomial")(heart)
    assert analysis(heart).q == pytest.approx(plain.q)
    with pytest.raises(MeasureError, match=r"became the columns .*use a 0/1 number or the plain"):
        fit_statsmodels("C(deceased) ~ age", "glm", family="binomial")(heart)


def test_unknown_models_and_families_fail_before_any_fit():
    with pytest.raises(MeasureError, match=r"unknown model 'logistic'; allowed: 'glm', 'logit'"):
        fit_statsmodels(FORMULA, "logistic")
    with pytest.raises(MeasureError, match=r"unknown glm family 'binominal'.*'binomial'\?"):
        fit_statsmodels(FORMULA, "glm", family="binominal")
