"""Combining rules and table estimands of the user's own, and how mistakes in them are explained."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import RULES, Rule, Spread, compare_fits, fit_copies, pool
from posynth.evaluation.inference.estimates import Estimate

TWO = Provenance(n=100, k=50, m=2)
COPIES = [Estimate(("a", "b"), [q, 2 * q], np.diag([0.04, 0.05])) for q in (1.0, 1.2)]
TEXTS = {"name": "mine", "formula": "T = 2·V̂", "when": "for the example"}


def mine(function, **facts):
    return Rule(**{**TEXTS, "function": function, **facts})


def twice(x):
    return Spread(2 * x.original, np.full_like(x.center, 7.0))


def test_a_rule_of_the_users_own_is_used_and_named():
    pooled = pool(COPIES, TWO, rule=mine(twice))
    assert pooled.table["std error"].to_numpy() == pytest.approx(np.sqrt([0.04, 0.05]))
    assert (pooled.table["df"] == 7).all()
    assert (pooled.choice.rule, pooled.rule.name) == ("mine", "mine")
    assert "Rule 'mine' (T = 2·V̂): asked for by the user; it is for the example." in pooled.text
    assert "posynth would take 'ppd'" in pooled.text
    assert pooled.table["fmi"].to_numpy() == pytest.approx([0.5, 0.5])


def test_a_rule_may_return_a_pair_of_single_numbers():
    table = pool(COPIES, TWO, rule=mine(lambda x: (1.0, np.inf))).table
    assert table["std error"].tolist() == [1.0, 1.0]
    assert np.isinf(table["df"]).all()


def test_what_a_rule_leaves_out_has_a_default():
    about = pool(COPIES, TWO, rule=mine(twice), estimand="original").table
    assert about["std error"].to_numpy() == pytest.approx(np.sqrt([0.02 / 2, 0.08 / 2]))
    assert "no joint test here" in pool(COPIES, TWO, rule=mine(twice)).wald().text
    tested = mine(twice, joint=RULES["ppd"].joint)
    assert pool(COPIES, TWO, rule=tested).wald().value > 0


def test_the_verbs_take_the_rule(judged_folder):
    formula = "platelets ~ age"
    rule = mine(twice)
    pooled = posynth.pool(judged_folder[0], "ols", formula, rule=rule)
    assert pooled.choice.rule == "mine"
    agreement = posynth.compare(judged_folder[0], judged_folder[1], "ols", formula, rule=rule)
    assert agreement.pooled.choice.rule == "mine"
    assert compare_fits(COPIES, COPIES[0], TWO, rule=rule).pooled.choice.rule == "mine"
    assert posynth.Rule is Rule and posynth.Estimate is Estimate


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x.nothing, r"rule 'mine': its function failed with AttributeError"),
        (lambda x: x.within, r"returned ndarray; return a pair \(variance, degrees of freedom\)"),
        (lambda x: (np.ones(3), np.inf), r"its variance has shape \(3,\), but .* shape \(2,\)"),
        (lambda x: (x.within, np.ones((2, 2))), r"its degrees of freedom has shape \(2, 2\)"),
        (lambda x: ("much", np.inf), r"its variance is str, not numbers"),
        (lambda x: (x.within - 0.045, np.inf), r"its variance is -0.005; it must be 0 or more"),
        (lambda x: (x.within * np.nan, np.inf), r"its variance is nan; it must be 0 or more"),
        (lambda x: (x.within, 0.0), r"its degrees of freedom are 0; they must be above 0"),
        (lambda x: (x.within, np.nan), r"its degrees of freedom are nan; they must be above 0"),
    ],
)
def test_what_a_rule_returns_is_checked(function, text):
    with pytest.raises(MeasureError, match=text):
        pool(COPIES, TWO, rule=mine(function))


def test_a_signed_rule_may_leave_a_coefficient_without_interval():
    rule = mine(lambda x: (x.within - 0.045, np.inf), signed=True)
    pooled = pool(COPIES, TWO, rule=rule)
    assert np.isnan(pooled.table.loc["a", "std error"]) and pooled.table.loc["b", "std error"] > 0
    assert any("variance of 'a' is negative" in note for note in pooled.notes)


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"function": 3.0}, r"rule 'mine': function is a float, not a function; pass a function"),
        ({"joint": "F"}, r"rule 'mine': joint is a str, not a function"),
        ({"name": ""}, r"rule: name = ''; give a text"),
        ({"when": None}, r"rule: when = None; give a text"),
    ],
)
def test_a_rule_is_checked_when_it_is_made(facts, text):
    with pytest.raises(MeasureError, match=text):
        Rule(**{**TEXTS, "function": twice, **facts})


@pytest.mark.parametrize("name", ["ppd", "auto"])
def test_a_rule_may_not_take_the_name_of_another(name):
    with pytest.raises(MeasureError, match=f"rule {name!r}: posynth has a rule of that name"):
        pool(COPIES, TWO, rule=mine(twice, name=name))


def test_a_rule_says_how_many_copies_it_needs():
    with pytest.raises(MeasureError, match="rule 'mine' needs at least 3 copies"):
        pool(COPIES, TWO, rule=mine(twice, copies=(3, 3)))


FRAMES = [pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0 + i], "g": list("aabb")}) for i in range(2)]


def middle(frame):
    x = frame["x"].to_numpy()
    return np.median(x), np.pi / 2 * x.var(ddof=1) / len(x)


def by_group(frame):
    groups = frame.groupby("g")["x"]
    return groups.mean().to_numpy(), np.diag(groups.var() / groups.size()), ["low", "high"]


def test_an_estimand_of_the_users_own_is_pooled_under_its_name():
    pooled = pool(fit_copies(middle, FRAMES), replace(TWO, n=4, k=4))
    assert pooled.names == ("middle",)
    assert pooled.table.loc["middle", "estimate"] == 2.5
    assert fit_copies(lambda frame: (1.0, 2.0), FRAMES)[0].names == ("estimate",)


def test_an_estimand_may_have_several_values_with_names():
    found = fit_copies(by_group, FRAMES)
    assert found[0].names == ("low", "high")
    assert found[1].q.tolist() == [1.5, 4.0]
    assert found[1].cov.tolist() == [[0.25, 0.0], [0.0, 1.0]]


def test_an_estimand_of_ones_own_reaches_the_verb(judged_folder):
    def middle_age(frame):
        return middle(frame.rename(columns={"age": "x"}))

    table = posynth.pool(judged_folder[0], middle_age).table
    assert list(table.index) == ["middle_age"]
    agreement = posynth.compare(*judged_folder, middle_age)
    assert list(agreement.table.index) == ["middle_age"]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ((1.0, [[1.0, 2.0]]), r"shape \(1,\) and a covariance matrix of shape \(1, 1\).*\(1, 2\)"),
        ((np.ones(2), np.eye(2)), r"estimates are a ndarray without names; return a pandas Series"),
        ((np.ones(2), np.ones(2), ["a", "b"]), r"covariance matrix of shape \(2, 2\).*\(2,\)"),
        ((np.ones(2), np.eye(2), ["a"]), r"1 names need estimates of shape \(1,\)"),
        ((np.ones(2), np.eye(2), ["a", "a"]), r"estimates need one unique name each"),
        ((np.nan, 1.0), r"coefficient 'odd' has estimate nan with variance 1"),
        ((1.0, np.inf), r"coefficient 'odd' has estimate 1 with variance inf"),
        ((1.0, -2.0), r"coefficient 'odd' has estimate 1 with variance -2"),
        (("high", 1.0), r"the estimates of the analysis cannot be read as numbers \(str\)"),
        ((1.0, "low"), r"the covariance matrix of the analysis cannot be read as numbers"),
        (
            (np.ones(2), [[1.0, np.nan], [np.nan, 1.0]], ["a", "b"]),
            r"the covariance of 'a' and 'b', nan, is not a number",
        ),
        (
            (np.ones(2), [[1.0, 0.5], [0.4, 1.0]], ["a", "b"]),
            r"the covariance of 'a' and 'b', 0.5, differs from its mirror image",
        ),
        (
            (np.ones(2), [[1.0, 3.0], [3.0, 1.0]], ["a", "b"]),
            r"the covariance of 'a' and 'b', 3, is larger than their variances allow",
        ),
    ],
)
def test_wrong_estimands_are_explained(found, text):
    def odd(frame):
        return found

    with pytest.raises(MeasureError, match=f"copy 1: .*{text}"):
        fit_copies(odd, FRAMES)


def test_names_that_differ_between_copies_are_named():
    def by_value(frame):
        return [1.0], [[1.0]], [f"top {frame['x'].max():g}"]

    with pytest.raises(MeasureError, match=r"copy 2 .* 'top [45]', unlike other copies"):
        fit_copies(by_value, FRAMES)
