"""Copies are analysed in one coding: basis, levels and events are those of all copies together."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import posynth
from posynth.errors import MeasureError
from posynth.evaluation.inference import fit_copies
from posynth.evaluation.inference.basis import Basis
from posynth.evaluation.inference.models import fit_statsmodels

M, K, N = 4, 40, 100


def _copy(seed, g="abc", c=(1, 2, 3), e=(1, 2)):
    rng = np.random.default_rng(seed)
    x = rng.normal(50, 10, K)
    return pd.DataFrame(
        {
            "x": x,
            "z": rng.uniform(1, 2, K),
            "y": 0.1 * x + 0.002 * x**2 + rng.normal(size=K),
            "g": rng.choice(list(g), K),
            "c": rng.choice(c, K),
            "e": rng.choice(e, K),
            "t": rng.exponential(5, K),
            "d": rng.integers(0, 2, K),
        }
    )


@pytest.fixture(scope="module")
def frames():
    return [_copy(seed) for seed in range(M)]


def _pool(frames, formula, model="ols", **options):
    return posynth.pool(frames, model, formula, n=N, proper=True, **options)


def _least_squares(X, frames):
    """Mean over copies of estimates and variances by statsmodels, design by design."""
    fits = [sm.OLS(frame["y"].to_numpy(), design).fit() for design, frame in zip(X, frames)]  # noqa: B905
    q = np.mean([fit.params for fit in fits], axis=0)
    return q, np.mean([np.diag(fit.cov_params()) for fit in fits], axis=0)


def _design(columns, frames):
    blocks = np.split(columns, len(frames))
    return [np.column_stack([np.ones(len(block)), block]) for block in blocks]


def _orthogonal(x):
    """Return orthonormal columns of degree 1 and 2, as R's poly has them."""
    Q, R = np.linalg.qr(np.column_stack([x**k for k in range(3)]))
    return (Q * np.sign(np.diag(R)))[:, 1:]


def test_orthogonal_polynomials_are_of_all_rows_and_of_the_size_they_have_in_the_source(frames):
    x = pd.concat(frames)["x"].to_numpy()
    P = _orthogonal(x) * np.sqrt(len(x) / N)  # a table of N such rows has columns of length 1
    q, v = _least_squares(_design(P, frames), frames)
    pooled = _pool(frames, "y ~ poly(x, 2)")
    np.testing.assert_allclose(pooled.table["estimate"], q, rtol=1e-8)
    np.testing.assert_allclose(pooled.table["within"], v, rtol=1e-8)
    told = "poly(x, 2): one basis for all copies, from the rows of all 4; columns of poly are"
    assert told + " scaled as on the 100 rows of the source" in pooled.notes


def test_a_single_copy_of_another_length_tells_the_scale_of_its_polynomials(frames):
    pooled = _pool(frames[:1], "y ~ poly(x, 2)")
    own = sm.OLS(frames[0]["y"], _design(_orthogonal(frames[0]["x"].to_numpy()), [0])[0]).fit()
    expected = own.params[1:] * np.sqrt(N / K)
    np.testing.assert_allclose(pooled.table["estimate"][1:], expected, rtol=1e-8)
    assert "poly(x, 2): columns of poly are scaled as on the 100 rows of the source" in pooled.text


@pytest.mark.parametrize("call", ["bs(x, df=4)", "cr(x, df=3, constraints='center')"])
def test_splines_have_one_set_of_knots_that_holds_every_copy(frames, call):
    wide = [frame.assign(x=frame["x"] * (1 + 0.2 * i)) for i, frame in enumerate(frames)]
    pooled = _pool(wide, f"y ~ {call}")
    whole = fit_statsmodels(f"y ~ {call}")(pd.concat(wide))
    assert pooled.names == whole.names
    x = pd.concat(wide)["x"].to_numpy()
    if call.startswith("bs"):
        from scipy.interpolate import BSpline

        knots = np.r_[[x.min()] * 4, np.quantile(x, [0.5]), [x.max()] * 4]
        B = BSpline.design_matrix(x, knots, 3).toarray()[:, 1:]
        q, v = _least_squares(_design(B, wide), wide)
        np.testing.assert_allclose(pooled.table["estimate"], q, rtol=1e-7)
        np.testing.assert_allclose(pooled.table["within"], v, rtol=1e-7)
    assert f"{call}: one basis for all copies, from the rows of all 4" in pooled.notes


def test_a_scaled_response_and_offset_learn_from_all_rows_too(frames):
    every = pd.concat(frames)
    pooled = _pool(frames, "scale(y) ~ scale(x) + offset(center(z))")
    parts = []
    for frame in frames:
        y = (frame["y"] - every["y"].mean()) / every["y"].std() - (frame["z"] - every["z"].mean())
        x = (frame["x"] - every["x"].mean()) / every["x"].std()
        parts.append(sm.OLS(y, sm.add_constant(x)).fit().params.to_numpy())
    np.testing.assert_allclose(pooled.table["estimate"], np.mean(parts, axis=0), rtol=1e-8)


def test_fits_of_copies_alone_are_in_one_coding_too(frames):
    analysis = fit_statsmodels("y ~ poly(x, 2) + C(c)")
    known = _pool(frames, "y ~ poly(x, 2) + C(c)").table["estimate"].to_numpy()
    q = np.mean([each.q for each in fit_copies(analysis, iter(frames))], axis=0)
    poly = [name.startswith("poly") for name in fit_copies(analysis, frames)[0].names]
    # Without the rows of the source, poly is scaled to those of a copy.
    np.testing.assert_allclose(q, np.where(poly, known * np.sqrt(K / N), known), rtol=1e-8)
    odd = [frames[0], _copy(1, e=(2, 3))]
    with pytest.raises(MeasureError, match=r"'e' has 3 level\(s\) \[1, 2, 3\]"):
        fit_copies(fit_statsmodels("e ~ x", "logit"), odd)
    alone = fit_statsmodels("e ~ x", "logit")(frames[0])
    assert alone.notes == ("the event of 'e' is 2, against 1",)


def test_a_value_outside_the_knots_is_explained(frames):
    basis = Basis(tuple(frames), N)
    beyond = frames[0].assign(x=frames[0]["x"] + 100)
    with pytest.raises(MeasureError, match=r"bs\(x, df=4\): there are values outside the range .* "
                       "write extrapolation='extend'"):  # fmt: skip
        fit_statsmodels("y ~ bs(x, df=4)", basis=basis)(beyond)


REFUSED = {
    "numeric codes of a predictor": (
        {1: {"c": (2, 3)}}, "y ~ C(c)", "ols", {},
        "copy 2: the coefficients of 'c' cannot be estimated: no row has its reference level 1",
    ),
    "a numeric code that one copy lacks": (
        {1: {"c": (1, 3)}}, "y ~ C(c)", "ols", {},
        r"copy 2: coefficient 'C\(c\)\[T\.2\]' .* no row has that level, 2 of 'c'",
    ),
    "the reference of text levels": (
        {2: {"g": "bc"}}, "y ~ g", "ols", {},
        "copy 3: .*'g' cannot be estimated: no row has its reference level 'a', with which",
    ),
    "a chosen reference": (
        {2: {"g": "ac"}}, "y ~ C(g, Treatment('b'))", "ols", {},
        "copy 3: .*'g' cannot be estimated: no row has its reference level 'b'",
    ),
    "a level of sum contrasts": (
        {2: {"g": "ab"}}, "y ~ C(g, Sum)", "ols", {},
        "copy 3: .*no row has its level 'c', which the contrasts of the others need",
    ),
    "an interaction": (
        {1: {"g": "ab"}}, "y ~ g * z", "ols", {},
        r"copy 2: coefficient 'g\[T\.c\]' cannot be estimated: no row has that level, 'c' of 'g'",
    ),
    "events 1/2 and 2/3": (
        {1: {"e": (2, 3)}}, "e ~ x", "logit", {},
        r"'e' has 3 level\(s\) \[1, 2, 3\].*\(of its levels 1, 2, 3 copy 1 has only 1, 2\)",
    ),
    "events 0/1 and 1/2": (
        {0: {"e": (0, 1)}}, "e ~ x", "glm", {"family": "binomial"}, r"3 level\(s\) \[0, 1, 2\]"
    ),
    "an event that one copy lacks": (
        {1: {"e": (2, 3)}}, "e ~ x", "logit", {"event": 1},
        "copy 2: response 'e' never takes the level 1, the event",
    ),
    "a response level that one copy lacks": (
        {1: {"e": (1, 2, 3)}}, "e ~ x", "mnlogit", {}, "copy 1: response 'e' never takes .* '3'"
    ),
    "a cutpoint that one copy lacks": (
        {0: {"e": (1, 2, 3)}, 2: {"e": (2, 3)}}, "e ~ x", "ordered", {},
        "never takes the level",
    ),
    "status 0/1 and 1/2": (
        {0: {"e": (0, 1)}}, "t ~ x", "phreg", {"status": "e"}, r"the level\(s\) '0', '1', '2'"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_levels_that_differ_between_copies_are_never_taken_for_the_same(case):
    odd, formula, model, options, said = REFUSED[case]
    frames = [_copy(seed, **odd.get(seed, {})) for seed in range(M)]
    with pytest.raises(MeasureError, match=said):
        _pool(frames, formula, model, **options)


def test_contrasts_of_numeric_codes_are_those_of_the_union_of_levels(frames):
    pooled = _pool(frames, "y ~ C(c)")
    X = [pd.get_dummies(frame["c"]).to_numpy(float)[:, 1:] for frame in frames]
    q, _ = _least_squares([np.column_stack([np.ones(K), D]) for D in X], frames)
    np.testing.assert_allclose(pooled.table["estimate"], q, rtol=1e-8)
    assert pooled.names == ("Intercept", "C(c)[T.2]", "C(c)[T.3]")
    holed = [f.assign(c=f["c"].astype(float).where(f.index != i)) for i, f in enumerate(frames)]
    assert _pool([frames[0], *holed[1:]], "y ~ C(c)").names == pooled.names


def test_categories_of_all_copies_count_and_an_order_must_agree(frames):
    kinds = [["a", "b", "c"], ["b", "a", "c"], ["c", "b", "a"], ["a", "b", "c"]]
    stored = [f.assign(g=pd.Categorical(f["g"], kinds[i])) for i, f in enumerate(frames)]
    expected = _pool(frames, "y ~ g").table
    pd.testing.assert_frame_equal(_pool(stored, "y ~ g").table, expected)
    few = [_copy(0, g="ab"), *frames[1:]]
    few = [few[0].assign(g=pd.Categorical(few[0]["g"])), *(few[1:])]
    with pytest.raises(MeasureError, match=r"copy 1: .* no row has that level, 'c' of 'g'"):
        _pool(few, "y ~ g")
    ordered = [f.assign(g=pd.Categorical(f["g"], kinds[i], ordered=True))
               for i, f in enumerate(frames)]  # fmt: skip
    with pytest.raises(MeasureError, match="copy 2 has its categories in another order"):
        _pool(ordered, "y ~ g")
    extra = [frames[0].assign(g=pd.Categorical(["a"] * K, ["a"], ordered=True)),
             *(f.assign(g=pd.Categorical(f["g"], list("abc"), ordered=True))
               for f in frames[1:])]  # fmt: skip
    with pytest.raises(MeasureError, match="copy 2 has the category 'b', which copy 1 lacks"):
        _pool(extra, "y ~ g")


def test_a_declared_level_that_no_copy_has_is_left_out_and_noted(frames):
    kinds = ["none", "a", "b", "c"]
    stored = [frame.assign(g=pd.Categorical(frame["g"], kinds)) for frame in frames]
    pooled = _pool(stored, "y ~ g")
    pd.testing.assert_frame_equal(pooled.table, _pool(frames, "y ~ g").table)
    told = "'g' takes its level 'none' in no copy, so that it is left out of the model, and the "
    assert told + "others are compared with 'a'" in pooled.notes
    known = fit_statsmodels("y ~ g", basis=Basis(tuple(frames), N))
    with pytest.raises(MeasureError, match="unknown level 'none'"):
        known(stored[0].assign(g="none"))


def test_a_constant_column_and_columns_of_extreme_size_are_named(frames):
    with pytest.raises(MeasureError, match=r"copy 1: coefficient 'x' .* its column is 3 in every"):
        _pool([frames[0].assign(x=3.0), *frames[1:]], "y ~ x")
    with pytest.raises(MeasureError, match="'x' cannot be estimated: its column is 3 in every row"):
        _pool([frames[0].assign(x=3.0), *frames[1:]], "t ~ x", "phreg", status="d")
    with pytest.raises(MeasureError, match=r"'I\(x \*\* 9\)' differ in size .* other units"):
        _pool(frames, "y ~ x + I(x ** 9)")
    with pytest.raises(MeasureError, match="write constraints='center' in the call"):
        _pool(frames, "y ~ cr(x, df=3)")
    with pytest.raises(MeasureError, match=r"copy 1: 4 complete rows are too few for 5 coeff"):
        posynth.pool([f[:4] for f in frames], "ols", "y ~ x + z + t + d", n=N, proper=True)


def test_without_a_status_every_row_is_an_event_and_that_is_said(frames):
    pooled = _pool(frames, "t ~ x", "phreg")
    told = [note for note in pooled.notes if "each row counts as an event" in note]
    assert len(told) == 1 and "(40 events in 40 rows, none censored)" in told[0]
    assert told[0] in pooled.text
    assert not any(
        "each row counts" in n for n in _pool(frames, "t ~ x", "phreg", status="d").notes
    )
    events = _pool([f.assign(d=1) if i == 0 else f for i, f in enumerate(frames)],
                   "t ~ x", "phreg", status="d")  # fmt: skip
    everyone = fit_statsmodels("t ~ x", "phreg")(frames[0])
    rest = [fit_statsmodels("t ~ x", "phreg", status="d")(f) for f in frames[1:]]
    expected = np.mean([everyone.q, *(each.q for each in rest)])
    assert events.table["estimate"].item() == pytest.approx(expected, rel=1e-8)
    with pytest.raises(MeasureError, match="copy 2: status 'd': no row is an event"):
        _pool([frames[0], frames[1].assign(d=0), *frames[2:]], "t ~ x", "phreg", status="d")


@pytest.mark.parametrize(
    ("formula", "model", "options", "said"),
    [
        ("y ~ y + x", "ols", {}, "'y' is the response and a predictor"),
        ("log(t) ~ x + I(t ** 2)", "ols", {}, "'t' is the response and a predictor"),
        ("y ~ x + offset(y)", "ols", {}, "'y' is the response and a predictor"),
        ("t ~ x + d", "phreg", {"status": "d"}, "'d' is the status and a predictor"),
        ("t ~ x", "phreg", {"status": "t"}, "'t' is the time and the status"),
    ],
)
def test_a_response_does_not_predict_itself(frames, formula, model, options, said):
    with pytest.raises(MeasureError, match=said):
        _pool(frames, formula, model, **options)


def test_a_change_may_be_predicted_by_its_start(frames):
    found = _pool(frames, "I(y - x) ~ x").table["estimate"]
    level = _pool(frames, "y ~ x").table["estimate"]
    np.testing.assert_allclose(found, level - np.array([0, 1]), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"levels": "c,a,b"},
            r"levels = 'c,a,b' is one text; .*levels=\['c', 'a', 'b'\]",
        ),
        ({"impute": 2.5}, "impute = 2.5: give a whole number of imputations"),
        ({"impute": -1}, "impute = -1: give a whole number"),
        ({"impute": True}, "impute = True: give a whole number"),
        ({"impute": "5"}, "impute = '5': give a whole number"),
    ],
)
def test_options_of_the_wrong_kind_are_explained(frames, options, said):
    with pytest.raises(MeasureError, match=said):
        _pool(frames, "g ~ x", "mnlogit", **options)


def test_a_contrast_of_ones_own_is_not_said_to_be_the_default(frames):
    kinds = ["a", "b", "c"]
    ranked = [f.assign(g=pd.Categorical(f["g"], kinds, ordered=True)) for f in frames]
    assert "its levels enter as contrasts with a" in _pool(ranked, "y ~ g").text
    assert "enter as contrasts" not in _pool(ranked, "y ~ C(g, Treatment('b'))").text


@pytest.mark.parametrize(
    ("formula", "model", "options", "said"),
    [
        ("y ~ x", "mixed", {}, "model 'mixed' needs the column of its groups: --groups COLUMN"),
        ("y ~ x + (1 | g)", "mixed", {"groups": "g"}, "model 'mixed' with --groups g"),
        ("y ~ 0", "ols", {}, "has no term on its right-hand side"),
        ("y ~ x", "ols", {"offset": "g"}, "offset: column 'g' holds .*, not numbers"),
        ("y ~ x", "ols", {"offset": np.ones(K)}, "rows of different copies are different records"),
        ("x ~ z", "ordered", {}, "'x' takes 160 different values, too many for levels"),
        ("y ~ I(g == 'B')", "ols", {}, "column 'g': unknown level 'B'; allowed: 'a', 'b', 'c'"),
        ("I(g == 'B') ~ x", "logit", {}, "column 'g': unknown level 'B'"),
        ("y ~ x", "ols", {"level": "0.9"}, "level '0.9' is not between 0 and 1"),
        (None, "ols", {}, "formula None: model 'ols' needs one such as"),
        (
            "y ~ log(g)",
            "ols",
            {},
            r"log\(g\): it computes with numbers, and",
        ),
        ("y ~ I(g > 'a')", "ols", {}, "levels without an order are compared with == and != only"),
        ("t ~ 1", "phreg", {}, "no term beside the intercept, which this model has none of"),
        (
            "I(0 * y + 2) ~ x",
            "ols",
            {},
            "is 2 in every row, so that there is no",
        ),
        (
            "c ~ x",
            "glm",
            {"family": "poisson", "exposure": "d"},
            "column 'd' is 0 in some",
        ),
        (
            "c ~ x",
            "glm",
            {"family": "poisson", "freq_weights": "x0"},
            "weights are 0 or more",
        ),
    ],
)
def test_what_cannot_be_meant_is_explained(frames, formula, model, options, said):
    frames = [frame.assign(x0=frame["x"] - 50) for frame in frames]
    with pytest.raises(MeasureError, match=said):
        _pool(frames, formula, model, **options)


def test_dates_are_numbers_of_days_not_levels(frames):
    dated = [f.assign(day=pd.Timestamp("2020-01-01") + pd.to_timedelta(f["c"], unit="D"))
             for f in frames]  # fmt: skip
    slope = _pool(frames, "y ~ c").table.loc["c", "estimate"]
    assert _pool(dated, "y ~ day").table.loc["day", "estimate"] == pytest.approx(slope, rel=1e-6)
    for stored in (lambda d: d.dt.date, lambda d: d.dt.tz_localize("UTC")):
        other = [f.assign(day=stored(f["day"])) for f in dated]
        assert _pool(other, "y ~ day").table.loc["day", "estimate"] == pytest.approx(slope)
    with pytest.raises(MeasureError, match="'day' holds dates, which are numbers of days here"):
        _pool(dated, "y ~ C(day)")
    with pytest.raises(MeasureError, match=r"days since 1970-01-01\), and '2020-06-01' is a text"):
        _pool(dated, "y ~ I(day > '2020-06-01')")


def test_a_dispersion_that_is_held_is_noted(frames):
    pooled = _pool(frames, "c ~ x", "glm", family="negative_binomial")
    assert (
        "the dispersion alpha of the negative binomial is held at 1, not estimated" in pooled.text
    )
    own = [
        sm.GLM(f["c"], sm.add_constant(f["x"]), sm.families.NegativeBinomial(alpha=1.0)).fit()
        for f in frames
    ]
    expected = np.mean([fit.params for fit in own], axis=0)
    np.testing.assert_allclose(pooled.table["estimate"], expected, rtol=1e-6)
