"""Direct fits beside statsmodels, on the same tables."""

import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.inference import fit_statsmodels
from posynth.evaluation.inference.direct import fit_direct, main_effects

FORMULAS = {
    "ols": "y ~ x + b + g + flag",
    "logit": "b ~ x + y + g",
    "mnlogit": "g ~ x + b",
    "ordered": "o ~ x + b + g",
}
#: statsmodels stops early unless told; its ordered model has a numerical Hessian.
TIGHT = {
    "ols": {},
    "logit": {"tol": 1e-14},
    "mnlogit": {"method": "newton", "tol": 1e-14},
    "ordered": {"gtol": 1e-10, "maxiter": 2000},
}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(4)
    n = 300
    x = rng.normal(size=n)
    b = rng.random(n) < 1 / (1 + np.exp(-x))
    g = rng.integers(0, 3, n)
    o = np.digitize(0.8 * x - 0.5 * (g == 1) + rng.logistic(size=n), [-1.0, 0.5, 2.0])
    frame = pd.DataFrame(
        {
            "x": x,
            "y": 2 + x - b + rng.normal(size=n),
            "b": np.where(b, "yes", "no"),
            "g": pd.Categorical(np.array(["u", "v", "w"])[g]),
            "o": pd.Categorical.from_codes(o, ["low", "mid", "high", "top"], ordered=True),
            "flag": rng.random(n) < 0.4,
        }
    )
    frame.loc[[3, 8], "x"] = np.nan
    frame.loc[[11], "g"] = np.nan
    return frame


@pytest.mark.parametrize("model", FORMULAS)
def test_direct_fits_agree_with_statsmodels(frame, model):
    found = fit_direct(FORMULAS[model], model)(frame)
    known = fit_statsmodels(FORMULAS[model], model, fit=TIGHT[model])(frame)
    assert found.names == known.names
    assert found.df_com == known.df_com
    # statsmodels may add that it cannot be that tight
    assert found.notes == tuple(note for note in known.notes if "Warning" not in note)
    estimate, cov = (1e-6, 1e-4) if model == "ordered" else (1e-8, 1e-8)
    np.testing.assert_allclose(found.q, known.q, rtol=estimate, atol=estimate)
    np.testing.assert_allclose(found.cov, known.cov, rtol=cov, atol=cov * np.abs(known.cov).max())


def test_the_ordered_fit_is_a_maximum_with_the_curvature_of_its_likelihood(frame):
    """Better than statsmodels' numerical Hessian: central differences of its log-likelihood."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    complete = frame.dropna()
    found = fit_direct("o ~ x", "ordered")(complete)
    model = OrderedModel(complete["o"], complete[["x"]].to_numpy(), distr="logit")

    def raw(theta):
        return np.r_[theta[:2], np.log(np.diff(theta[1:]))]

    def height(theta):
        return model.loglike(raw(theta))

    p, h = len(found.q), 1e-4
    steps = h * np.eye(p)
    gradient = [(height(found.q + s) - height(found.q - s)) / (2 * h) for s in steps]
    assert np.abs(gradient).max() < 1e-4
    hessian = [
        [
            (
                height(found.q + a + b)
                - height(found.q + a - b)
                - height(found.q - a + b)
                + height(found.q - a - b)
            )
            / (4 * h * h)
            for a in steps
        ]
        for b in steps
    ]
    np.testing.assert_allclose(-np.linalg.inv(hessian), found.cov, rtol=1e-4, atol=1e-6)


def test_an_intercept_alone(frame):
    found, known = fit_direct("y ~ 1")(frame), fit_statsmodels("y ~ 1")(frame)
    np.testing.assert_allclose([found.q, found.cov[0]], [known.q, known.cov[0]], rtol=1e-10)


@pytest.mark.parametrize(
    "formula", ["y ~ x * b", "np.log(y) ~ x", "y ~ x - 1", "y ~ C(g)", "y ~ x + 0", "y"]
)
def test_other_formulas_are_left_to_statsmodels(formula):
    assert main_effects(formula) is None
    assert fit_direct(formula) is None
    assert fit_direct("y ~ x", "glm") is None


def test_separation_and_unknown_columns_are_told(frame):
    apart = pd.DataFrame({"b": ["no"] * 10 + ["yes"] * 10, "x": np.arange(20.0)})
    with pytest.raises(MeasureError, match=r"'logit' did not converge.*separation"):
        fit_direct("b ~ x", "logit")(apart)
    with pytest.raises(MeasureError, match=r"z"):
        fit_direct("y ~ z")(frame)
    with pytest.raises(MeasureError, match=r"'twice' cannot be estimated"):
        fit_direct("y ~ x + twice")(frame.assign(twice=2 * frame["x"]))
