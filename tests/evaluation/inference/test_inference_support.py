"""Values that a model has no place for are named before it is fitted, as R does."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import MeasureError
from posynth.evaluation.inference import fit_copies, fit_statsmodels

N = 60


@pytest.fixture(scope="module")
def frames():
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        count = rng.poisson(3, N).astype(float)
        count[0] = 0.0
        frame = pd.DataFrame({"x": rng.normal(size=N), "count": count, "t": rng.exponential(2, N)})
        frame = frame.assign(low=count - 1, below=frame["t"] - 1, late=frame["t"] + frame["x"])
        frame = frame.assign(key=np.arange(N), g=rng.integers(0, 3, N), h=rng.choice(list("ab"), N))
        found.append(frame.assign(d=rng.integers(0, 2, N)))
    return found


def _pool(frames, model, formula, **options):
    return posynth.pool(frames, model, formula, n=N, proper=True, missing="none", **options)


@pytest.mark.parametrize(
    ("family", "response", "said"),
    [
        ("poisson", "low", r"response 'low' is below 0 in \d+ of 60 rows \(-1 at least\)"),
        ("negative_binomial", "low", "family NegativeBinomial are 0 or more"),
        ("tweedie", "low", "family Tweedie are 0 or more"),
        ("gamma", "count", r"response 'count' is 0 or less in \d+ of 60 rows \(0 at least\)"),
        ("inverse_gaussian", "count", "family InverseGaussian are above 0"),
    ],
)
def test_a_response_outside_its_family_is_refused(frames, family, response, said):
    # statsmodels fitted each of these but for the last, without a word.
    with pytest.raises(MeasureError, match=said):
        _pool(frames, "glm", f"{response} ~ x", family=family)


@pytest.mark.parametrize(
    ("family", "response"),
    [("poisson", "count"), ("tweedie", "count"), ("gamma", "t"), ("gaussian", "low")],
)
def test_a_response_within_its_family_is_taken(frames, family, response):
    assert _pool(frames, "glm", f"{response} ~ x", family=family).names == ("Intercept", "x")


@pytest.mark.parametrize(
    ("formula", "options", "said"),
    [
        ("below ~ x", {}, "response 'below' is below 0 in .* times of phreg are 0 or more"),
        ("t ~ x", {"entry": "late"}, r"entry 'late' comes after the time 't' in \d+ of 60 rows"),
        ("t ~ g", {"strata": "g"}, "coefficient 'g' .* same in all rows of each stratum of 'g'"),
        ("t ~ x + h", {"strata": "h"}, r"coefficient 'h\[T\.b\]' .* each stratum of 'h'"),
        ("t ~ x + I(g + 1)", {"strata": "g"}, r"coefficient 'I\(g \+ 1\)' .* stratum of 'g'"),
        ("t ~ x", {"strata": "d"}, "'d' is the status and the strata"),
        ("t ~ x", {"strata": "t"}, "'t' is the time and the strata"),
    ],
)
def test_a_hazard_model_names_what_it_cannot_learn_from(frames, formula, options, said):
    with pytest.raises(MeasureError, match=said):
        _pool(frames, "phreg", formula, status="d", **options)


def test_an_effect_may_differ_between_strata(frames):
    found = _pool(frames, "phreg", "t ~ x:h", status="d", strata="h")
    for level in "ab":
        own = [frame[frame["h"] == level] for frame in frames]
        each = [posynth.pool([f], "phreg", "t ~ x", n=N, proper=True, status="d") for f in own]
        mean = np.mean([one.table.loc["x", "estimate"] for one in each])
        assert found.table.loc[f"x:h[{level}]", "estimate"] == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize(
    ("model", "formula", "options", "said"),
    [
        ("mixed", "t ~ x", {"groups": "key"}, "every group of 'key' has a single row"),
        ("mixed", "t ~ x + h", {"groups": "h"}, "already tells the 2 groups of 'h' apart"),
        ("mixed", "t ~ C(g)", {"groups": "g"}, "already tells the 3 groups of 'g' apart"),
        ("mixed", "t ~ x", {"groups": "g", "re_formula": "~ C(key)"}, "g' has 3 groups, too few"),
        ("ols", "t ~ h", {"cluster": "h"}, "cluster: variances by groups of 'h' are 0"),
        ("logit", "d ~ C(g)", {"cluster": "g"}, "by groups of 'g' are 0, because the formula fits"),
    ],
)
def test_groups_that_tell_nothing_are_refused(frames, model, formula, options, said):
    with pytest.raises(MeasureError, match=said):
        _pool(frames, model, formula, **options)


def test_slopes_beside_the_means_of_groups_keep_their_variance(frames):
    # x sums to 0 in each group, so that the means of the groups have no variance of their own.
    centred = [f.assign(x=f["x"] - f.groupby("g")["x"].transform("mean")) for f in frames]
    found = _pool(centred, "ols", "t ~ x + C(g)", cluster="g")
    assert found.table.loc["x", "within"] > 1e-3
    assert found.table.loc["Intercept", "within"] == pytest.approx(0, abs=1e-20)
    assert "variance of 'Intercept', 'C(g)[T.1]', 'C(g)[T.2]' is 0, because the" in found.text
    assert "is 0, because" not in _pool(frames, "ols", "t ~ x + h", cluster="g").text


@pytest.mark.parametrize("model", ["ols", "logit", "phreg", "glm"])
@pytest.mark.parametrize("term", ["log(x)", "log(zero)", "I(1 / zero)"])
def test_an_offset_that_is_not_finite_is_refused(model, term):
    frame = pd.DataFrame({"x": [-1.0, 2.0, 3.0, 4.0], "zero": [0, 1, 2, 3], "y": [0, 1, 1, 0]})
    with pytest.raises(MeasureError, match=r"offset\(.*\) is not finite in 1 rows"):
        fit_statsmodels(f"y ~ x + offset({term})", model)(frame)


@pytest.mark.parametrize("option", ["offset", "exposure", "freq_weights", "var_weights"])
def test_infinite_offsets_and_weights_are_refused(option):
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1, 2, 4], "w": [1.0, np.inf, 2.0]})
    with pytest.raises(MeasureError, match=f"{option}: column 'w' is infinite in 1 rows"):
        fit_statsmodels("y ~ x", "glm", family="poisson", **{option: "w"})(frame)


@pytest.mark.parametrize(
    "formula", ["y ~ x + one", "y ~ one", "y ~ holed", "y ~ C(k)", "y ~ x:one"]
)
@pytest.mark.parametrize("model", ["ols", "ordered"])
@pytest.mark.parametrize("together", [True, False])
def test_a_term_of_one_level_is_refused_and_does_not_vanish(formula, model, together):
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 5.0], "y": [1, 2, 1, 2], "one": "a", "k": 7})
    frame["holed"] = frame["one"].where(frame["x"] > 1)
    with pytest.raises(MeasureError, match=r"has the single level .* leave the term out"):
        if together:
            fit_copies(fit_statsmodels(formula, model), [frame, frame[::-1]])
        else:
            fit_statsmodels(formula, model)(frame)


@pytest.mark.parametrize("values", [[1.0, 2.0], [1.0, np.nan, 2.0], 3.0, [[1.0], [2.0], [3.0]]])
def test_values_for_each_row_are_one_a_row_and_not_missing(values):
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1, 2, 4]})
    with pytest.raises(MeasureError, match=r"offset: .* values.* for 3 rows; give one value a row"):
        fit_statsmodels("y ~ x", "glm", family="poisson", offset=values)(frame)
    given = fit_statsmodels("y ~ x", "ols", offset=[1.0, 1.0, 2.0])(frame)
    named = fit_statsmodels("y ~ x", "ols", offset="z")(frame.assign(z=[1.0, 1.0, 2.0]))
    assert given.q.tolist() == named.q.tolist()
