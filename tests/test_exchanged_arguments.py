"""Arguments in another order, or of another type: a sentence with both types, and no row shown."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import PosynthError, SpecError

SECRET = 987_654.25


@pytest.fixture(scope="module")
def parts():
    """A table, what is made of it, and things that are none of it."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"x": rng.normal(size=40).round(2), "s": rng.choice(list("ab"), 40)})
    table.loc[0, "x"] = SECRET
    chain = posynth.specify(table, methods={"x": "gaussian"})
    posterior = posynth.fit(table, chain, seed=1)
    copies = posynth.draw(posterior, m=2, seed=1)
    others = {"none": None, "number": 3, "text": "x", "list": [1, 2]}
    return {"table": table, "posterior": posterior, "chain": chain, "copies": copies, **others}


#: Functions by the number of arguments they need, and the arguments that are right.
TWO = ("check_conditionals", "compare", "evaluate", "lay_beside", "save_posterior", "release")
THREE = ("log_likelihood", "posterior_predictive", "prior_predictive")
RIGHT = {
    ("check_conditionals", "posterior", "table"),
    ("evaluate", "copies", "table"),
    ("lay_beside", "copies", "table"),
    ("save_posterior", "posterior", "text"),
    ("release", "copies", "text"),
    ("log_likelihood", "posterior", "text", "table"),
    ("posterior_predictive", "posterior", "text", "table"),
    ("prior_predictive", "chain", "text", "table"),
}


def _refused(action):
    with pytest.raises(PosynthError) as caught:
        action()
    said = str(caught.value)
    assert "\n" not in said and "987" not in said and len(said) < 400
    return caught.value


@pytest.mark.parametrize("name", TWO + THREE)
def test_exchanged_arguments_are_refused_in_words(parts, name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    function = getattr(posynth, name)
    for given in product(parts, repeat=3 if name in THREE else 2):
        if (name, *given) not in RIGHT:
            _refused(lambda given=given: function(*(parts[each] for each in given)))


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("combined", ()),
        ("draw", ("posterior",)),
        ("exchangeable", ()),
        ("load_copies", ()),
        ("load_posterior", ()),
        ("plot_calibration", ()),
        ("plot_coverage", ()),
        ("sbc", ()),
        ("specify", ("table",)),
        ("validity", ()),
    ],
)
def test_a_wrong_first_argument_is_refused_in_words(parts, name, right):
    for each in set(parts) - set(right):
        _refused(lambda each=each: getattr(posynth, name)(parts[each]))
    _refused(lambda: posynth.plot_zip(parts["table"], "x"))
    _refused(lambda: posynth.design_study(parts["table"], parts["table"]))
    _refused(lambda: posynth.design_study(parts["copies"], 30))


def test_the_error_is_a_type_error_too_and_names_both_types_and_the_order(parts):
    error = _refused(lambda: posynth.log_likelihood(parts["table"], "x", parts["posterior"]))
    assert isinstance(error, TypeError) and isinstance(error, SpecError)
    assert str(error) == (
        "posterior is of type DataFrame; it must be a Posterior: pass what `fit` returned, or the "
        ".posterior of copies, in the order (posterior, target, df)"
    )


@pytest.mark.parametrize(
    ("verb", "argument"),
    [
        *(("specify", each) for each in ("methods", "formulas", "passive", "kinds", "predictors")),
        *(("evaluate", each) for each in ("seed", "groups", "checks", "progress")),
        *(("draw", each) for each in ("seed", "m", "k", "progress", "apart_from")),
        *(("pool", each) for each in ("formula", "rule", "estimand", "level", "impute", "delta")),
    ],
)
def test_a_table_in_place_of_a_setting_is_not_shown(parts, verb, argument):
    first = {
        "specify": [parts["table"]],
        "evaluate": [parts["copies"], parts["table"]],
        "draw": [parts["posterior"]],
        "pool": [parts["copies"]],
    }[verb]
    usual = {"formula": "x ~ s"} if verb == "pool" else {}
    given = parts["posterior" if argument == "predictors" else "table"]
    _refused(lambda: getattr(posynth, verb)(*first, **{**usual, argument: given}))
