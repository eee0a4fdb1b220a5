"""Options of a model and arguments of its fit: what is given counts, or is refused in words."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import posynth
from posynth.errors import MeasureError
from posynth.evaluation.inference.models import MODELS, fit_statsmodels

ROWS = 160


@pytest.fixture(scope="module")
def clinic():
    """Two copies: visits of patients of 16 doctors, with years under observation."""
    frames = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        dose, risk = rng.normal(size=(2, ROWS))
        years = rng.integers(1, 5, ROWS)
        frame = pd.DataFrame({"dose": dose, "risk": risk, "years": years})
        frame["known"] = rng.uniform(-1, 1, ROWS)
        frame["doctor"] = np.repeat(np.arange(16), 10)
        frame["visits"] = rng.poisson(years * np.exp(0.3 * dose + 0.5 * risk))
        frame["score"] = dose + risk + rng.normal(size=16)[frame["doctor"]] + rng.normal(size=ROWS)
        frame["died"] = (frame["score"] + rng.logistic(size=ROWS) > 0).astype(int)
        frame["grade"] = np.digitize(frame["score"], [-1.0, 1.0])
        frame["seen"] = pd.Timestamp("2021-03-01") + pd.to_timedelta(
            np.arange(ROWS) + frame["visits"], unit="D"
        )
        frames.append(frame)
    return frames


@pytest.mark.parametrize(
    ("model", "left", "options"),
    [
        ("ols", "score", {}),
        ("glm", "visits", {"family": "poisson"}),
        ("logit", "died", {}),
        ("ordered", "grade", {}),
        ("phreg", "years", {"status": "died"}),
    ],
)
def test_an_offset_of_the_formula_and_one_of_the_options_both_count(clinic, model, left, options):
    (frame, _) = clinic
    both = fit_statsmodels(f"{left} ~ dose + offset(known)", model, offset="risk", **options)
    one = fit_statsmodels(f"{left} ~ dose + offset(known) + offset(risk)", model, **options)
    alone = fit_statsmodels(f"{left} ~ dose + offset(known)", model, **options)
    assert both(frame).q == pytest.approx(one(frame).q, rel=1e-6)
    assert both(frame).q != pytest.approx(alone(frame).q, rel=1e-2)


@pytest.mark.parametrize(
    "model", [name for name, kind in MODELS.items() if "offset" not in kind.per_row]
)
def test_models_without_offset_refuse_one_in_the_formula(clinic, model):
    options = {"groups": "doctor"} if model == "mixed" else {}
    left = "score" if model == "mixed" else "grade"
    with pytest.raises(MeasureError, match=f"model '{model}' takes no offset"):
        fit_statsmodels(f"{left} ~ dose + offset(risk)", model, **options)(clinic[0])


@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("name", ["cov_typ", "maxiters", "robust"])
def test_arguments_that_a_fit_would_ignore_are_refused(model, name):
    options = {"groups": "doctor"} if model == "mixed" else {}
    with pytest.raises(MeasureError, match=f"fit of model '{model}': unknown argument '{name}'"):
        fit_statsmodels("score ~ dose", model, fit={name: 1}, **options)


@pytest.mark.parametrize(
    ("model", "fit"),
    [
        ("ols", {"cov_type": "hc3", "use_t": False, "method": "qr"}),
        ("glm", {"cov_type": "HC0", "scale": "X2", "maxiter": 50, "tol": 1e-9}),
        ("logit", {"method": "bfgs", "gtol": 1e-6, "maxiter": 300, "disp": 0}),
        ("mnlogit", {"method": "newton", "maxiter": 50, "tol": 1e-9}),
        ("ordered", {"method": "newton", "maxiter": 50}),
        ("mixed", {"reml": False, "method": "lbfgs", "maxiter": 300}),
        ("phreg", {"method": "bfgs", "maxiter": 300}),
    ],
)
def test_arguments_of_the_fit_and_of_its_optimiser_are_passed_on(clinic, model, fit):
    options = {"groups": "doctor"} if model == "mixed" else {}
    left = {"logit": "died", "mnlogit": "grade", "ordered": "grade", "phreg": "years"}
    found = fit_statsmodels(f"{left.get(model, 'score')} ~ dose", model, fit=fit, **options)
    assert np.isfinite(found(clinic[0]).q).all()


@pytest.mark.parametrize(
    ("model", "fit", "said"),
    [
        ("ols", {"cov_type": "cluster", "cov_kwds": {"groups": [0, 1]}}, "cluster=COLUMN"),
        ("glm", {"cov_type": "hac-panel", "cov_kwds": {"groups": [0, 1]}}, "cluster=COLUMN"),
        ("logit", {"cov_type": "HAC", "cov_kwds": {"maxlags": 1}}, "different records"),
        ("phreg", {"groups": np.arange(ROWS)}, "one a row"),
        ("mnlogit", {"cov_type": "cluster"}, "takes rows for independent"),
        ("ols", {"cov_type": "HC9"}, "unknown cov_type 'HC9'"),
        ("ols", {"cov_kwds": {"group": "doctor"}}, "cov_kwds of model 'ols'"),
        ("ols", {"cov_kwds": "doctor"}, "must be a mapping"),
        ("ols", "HC3", "of type str"),
    ],
)
def test_covariances_that_copies_cannot_have_are_refused(model, fit, said):
    with pytest.raises(MeasureError, match=said):
        fit_statsmodels("score ~ dose", model, fit=fit)


@pytest.mark.parametrize("name", ["cov_type", "use_t", "cov_kwds"])
def test_groups_and_another_covariance_are_not_both_taken(name):
    with pytest.raises(MeasureError, match=f"fit gives {name} too"):
        fit_statsmodels("score ~ dose", "ols", cluster="doctor", fit={name: None})


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("glm", {"family": sm.families.Poisson}, r"family=Poisson\(\)"),
        ("glm", {"family": 3}, "of type int"),
        ("ols", {"cluster": ["doctor"]}, "name one column of groups"),
        ("ols", {"offset": ["risk"]}, "offset='risk'"),
        ("ordered", {"distr": "cloglog"}, "allowed: 'logit', 'probit'"),
        ("phreg", {"ties": "exact"}, "allowed: 'breslow', 'efron'"),
        ("mixed", {"groups": "doctor", "re_formula": ["dose"]}, "one-sided formula"),
    ],
)
def test_values_of_options_are_checked_before_a_copy_is_read(model, options, said):
    with pytest.raises(MeasureError, match=said) as caught:
        fit_statsmodels("score ~ dose", model, **options)
    assert "check the formula" not in str(caught.value)


def test_options_that_are_none_are_not_given(clinic):
    plain, none = (fit_statsmodels("score ~ dose", "ols", **o) for o in ({}, {"offset": None}))
    assert none(clinic[0]).q.tolist() == plain(clinic[0]).q.tolist()


@pytest.mark.parametrize(("model", "options"), [("ols", {}), ("mixed", {"groups": "doctor"})])
def test_a_response_of_dates_is_counted_in_days(clinic, model, options):
    pooled = posynth.pool(clinic, model, "seen ~ dose", n=ROWS, proper=True, **options)
    days = [f.assign(seen=(f["seen"] - pd.Timestamp("1970-01-01")).dt.days) for f in clinic]
    same = posynth.pool(days, model, "seen ~ dose", n=ROWS, proper=True, **options)
    assert pooled.table["estimate"].tolist() == pytest.approx(same.table["estimate"].tolist())
    assert "'seen' is counted in days since 1970-01-01" in pooled.notes


@pytest.mark.parametrize("model", ["logit", "ordered", "mnlogit"])
def test_dates_are_no_levels_of_a_response(clinic, model):
    with pytest.raises(MeasureError, match="'seen' holds dates"):
        posynth.pool(clinic, model, "seen ~ dose", n=ROWS, proper=True)
    condition = "I(seen > 18750) ~ dose"
    assert posynth.pool(clinic, "logit", condition, n=ROWS, proper=True).names[1] == "dose"


@pytest.mark.parametrize("response", ["score", "ill"])
def test_levels_of_a_model_of_numbers_are_refused(clinic, response):
    frame = clinic[0].assign(ill=clinic[0]["died"] == 1)
    with pytest.raises(MeasureError, match="this model takes no levels"):
        fit_statsmodels(f"{response} ~ dose", "ols", levels=["no", "yes"])(frame)


@pytest.mark.parametrize("scale", [1.0, 5.0])
@pytest.mark.parametrize("model", ["logit", "ordered"])
def test_a_maximum_is_reached_whatever_the_size_of_the_offset(model, scale):
    """Newton's steps from 0 ended in a singular matrix; here the score is 0 at the estimates."""
    rng = np.random.default_rng(1)
    x, known = rng.normal(size=300), scale * rng.uniform(1, 5, 300)
    count = rng.poisson(known / scale * np.exp(0.3 * x))
    frame = pd.DataFrame({"x": x, "known": known, "y": np.minimum(count // 2, 2)})
    if model == "logit":
        frame["y"] = (count > 2).astype(int)
    fitted = fit_statsmodels("y ~ x", model, offset="known", levels=sorted(set(frame["y"])))(frame)
    slope, cuts = (fitted.q[1], -fitted.q[:1]) if model == "logit" else (fitted.q[0], fitted.q[1:])

    def loss(params):
        eta = params[0] * x + known
        above = 1 / (1 + np.exp(np.subtract.outer(params[1:], eta)))  # P(y > level), (cuts, rows)
        limits = np.vstack([np.ones(300), above, np.zeros(300)])
        y = frame["y"].to_numpy()
        return -np.log(limits[y, range(300)] - limits[y + 1, range(300)]).sum()

    found = np.r_[slope, cuts]
    step = 1e-5 * np.eye(len(found))
    score = [(loss(found + each) - loss(found - each)) / 2e-5 for each in step]
    assert np.abs(score).max() < 0.01 * np.sqrt(300)  # the score's own sd is near sqrt(300)
    assert all(loss(found) < loss(found + sign * 1e3 * e) for e in step for sign in (-1, 1))


def test_an_offset_of_hundreds_is_refused_in_words():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=90), "known": 200 * rng.uniform(1, 5, 90)})
    frame["y"] = rng.integers(0, 3, 90)
    frames, options = [frame, frame.assign(x=-frame["x"])], {"offset": "known", "levels": [0, 1, 2]}
    with pytest.raises(MeasureError, match=r"sizes of predictors and offset|cannot be estimated"):
        posynth.pool(frames, "ordered", "y ~ x", n=90, **options)


@pytest.mark.parametrize(
    ("model", "option"), [("ols", "cluster"), ("glm", "cluster"), ("mixed", "groups")]
)
def test_the_response_is_no_column_of_groups(clinic, model, option):
    """Its groups hold one value of the response each: standard errors were those of nothing."""
    said = rf"'visits' is the response and the column of groups \({option}\)"
    for left in ("visits", "log1p(visits)"):
        with pytest.raises(MeasureError, match=said):
            fit_statsmodels(f"{left} ~ dose", model, **{option: "visits"})(clinic[0])
    fit_statsmodels("visits ~ dose", model, **{option: "doctor"})(clinic[0])
