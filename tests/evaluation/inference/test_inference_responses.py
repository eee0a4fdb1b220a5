import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import MeasureError
from posynth.evaluation.inference.models import fit_statsmodels
from posynth.evaluation.inference.responses import codes, event, number, order, status


def test_levels_become_numbers_in_their_order():
    column = pd.Series(["b", "a", None, "b"], name="s")
    assert codes(column, None).values.tolist()[:2] == [1.0, 0.0]
    assert np.isnan(codes(column, None).values.iloc[2])
    assert codes(column, ("b", "a")).values.tolist()[:2] == [0.0, 1.0]
    assert event(pd.Series([0, 1, 1], name="n"), None).values.tolist() == [0, 1, 1]
    assert event(pd.Series([True, False], name="n"), None).values.tolist() == [1.0, 0.0]
    assert number(pd.Series([True, False], name="n"), None).values.tolist() == [1.0, 0.0]


def test_an_ordered_response_keeps_its_order():
    stored = pd.Series(pd.Categorical(["low", "high"], ["low", "high"], ordered=True), name="s")
    assert list(order(stored, None).values.cat.categories) == ["low", "high"]
    assert list(order(pd.Series([3, 1, 2], name="s"), None).values.cat.categories) == [1, 2, 3]


@pytest.mark.parametrize(
    ("coding", "column", "levels", "text"),
    [
        (codes, ["a", "b"], ("a", "c"), r"response 's': unknown level 'b'; allowed: 'a', 'c'"),
        (codes, ["a", "a"], ("a", "b"), r"response 's' never takes the level 'b'"),
        (codes, ["a", "b"], ("a", "b", "z"), r"never takes the level 'z'; its levels are 'a', 'b'"),
        (codes, ["a", "b"], ("a",), r"allowed: 'a'; name all levels that occur, in order \(--lev"),
        (event, ["a", "a"], None, r"'s' has 1 level\(s\) \['a'\]; a yes/no model needs 2"),
        (number, ["a", "b"], None, r"'s' has levels, not numbers"),
        (order, ["a", "b"], None, r"'s' has levels without an order"),
    ],
)
def test_responses_that_do_not_serve_are_explained(coding, column, levels, text):
    with pytest.raises(MeasureError, match=text):
        coding(pd.Series(column, name="s"), levels)


def test_the_frame_of_the_caller_is_left_alone(heart):
    before = heart.copy()
    coded = event(heart["deceased"], None)
    assert (coded.values.mean(), coded.levels) == (pytest.approx(96 / 299), ("No", "Yes"))
    assert status(heart["smoking"]).values.mean() == pytest.approx(96 / 299)
    fit_statsmodels("follow_up ~ age * sex", "phreg", status="deceased")(heart)
    pd.testing.assert_frame_equal(heart, before)


def test_a_quoted_response_is_found(heart):
    odd = heart.rename(columns={"deceased": "has died"})
    found = fit_statsmodels("Q('has died') ~ age", "logit")(odd)
    assert found.q == pytest.approx(fit_statsmodels("deceased ~ age", "logit")(heart).q)


@pytest.mark.parametrize("hole", [False, True])
@pytest.mark.parametrize(
    ("formula", "model"),
    [("serum_sodium ~ follow_up + smoker", "ols"), ("smoker ~ follow_up", "logit")],
)
def test_nullable_columns_are_read(heart, formula, model, hole):
    plain = heart.assign(smoker=heart["smoking"] == "Yes")
    nullable = plain.astype({"serum_sodium": "Int64", "follow_up": "Float64", "smoker": "boolean"})
    if hole:
        for column in ("serum_sodium", "follow_up", "smoker"):
            nullable.loc[0, column] = pd.NA
        plain = plain.iloc[1:]
    analysis = fit_statsmodels(formula, model)
    found, expected = analysis(nullable), analysis(plain)
    assert found.names == expected.names
    assert found.q == pytest.approx(expected.q)
    assert ("1 rows with missing values were left out" in found.notes) == hole


@pytest.mark.parametrize("value", [0, 1, 2])
def test_a_single_value_is_neither_an_event_nor_its_absence(value):
    """A copy without events of 1/2 holds 1 only: it was read as every row having one."""
    column = pd.Series([value] * 5, name="s")
    with pytest.raises(MeasureError, match=f"status 's' takes the value {value} in every row"):
        status(column)
    if value < 2:
        with pytest.raises(MeasureError, match=f"response 's' takes the value {value} in every"):
            event(column, None)


@pytest.mark.parametrize("left", ["y-1", "y + 0", "y:x", "log(y) + x"])
def test_terms_joined_on_the_left_are_refused(left):
    frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 3.0], "x": [1.0, 0.0, 1.0, 2.0]})
    with pytest.raises(MeasureError, match=r"joins terms there; write what is .* as I\("):
        fit_statsmodels(f"{left} ~ x", "ols")(frame)


def test_what_is_computed_on_the_left_is_the_response():
    frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 3.0], "x": [1.0, 0.0, 1.0, 2.0]})
    found = fit_statsmodels("I(y - 1) ~ x", "ols")(frame)
    exact = np.polyfit(frame["x"], frame["y"] - 1, 1)[::-1]
    assert np.allclose(found.q, exact)


@pytest.mark.parametrize("model", ["logit", "glm"])
@pytest.mark.parametrize(("low", "high"), [(0, 0.5), (0.2, 0.8), (1, 2), (0.5, 1)])
def test_two_numbers_are_two_levels_whatever_they_are(model, low, high):
    rng = np.random.default_rng(1)
    x = rng.normal(size=200)
    events = rng.random(200) < 1 / (1 + np.exp(-x))
    given = {"family": "binomial"} if model == "glm" else {}
    frames = [
        pd.DataFrame({"x": x, "y": np.where(part, high, low)}) for part in (events, ~events[::-1])
    ]
    zero_one = [frame.assign(y=(frame["y"] == high) * 1) for frame in frames]
    pooled = [
        posynth.pool(each, model, "y ~ x", n=200, proper=True, **given)
        for each in (frames, zero_one)
    ]
    np.testing.assert_allclose(pooled[0].table, pooled[1].table)
    said = f"the event of 'y' is {np.float64(high):g}, against {np.float64(low):g}"
    assert said in pooled[0].text.replace(".0,", ",").replace("0.0", "0")
    assert "event of" not in pooled[1].text


def test_proportions_are_said_to_be_taken_for_such_in_every_copy():
    rng = np.random.default_rng(2)
    frames = [pd.DataFrame({"x": rng.normal(size=90)}) for _ in range(3)]
    shares = [rng.choice(each, 90) for each in ([0.2, 0.8], [0.2, 0.5], [0.1, 0.5, 0.8])]
    given = [frame.assign(y=share) for frame, share in zip(frames, shares, strict=True)]
    pooled = posynth.pool(given, "logit", "y ~ x", n=90, proper=True)
    assert "'y' is taken for proportions, each of one trial" in pooled.text
    assert "event of" not in pooled.text
