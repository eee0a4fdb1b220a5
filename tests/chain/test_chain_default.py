"""The chain that is used where nothing is said."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.default import (
    FAMILY_OF_KIND,
    LEAST_CASES,
    default_chain,
    indicator_name,
    slope_scale,
    visit_order,
)
from posynth.errors import SpecError
from posynth.table.schema import Kind


def test_every_modelled_kind_has_a_family():
    assert set(FAMILY_OF_KIND) == {kind for kind in Kind if kind.is_modelled}


def test_columns_are_visited_in_table_order_with_their_holes_first(schema):
    spec = default_chain(schema)
    assert spec.targets == (
        "age",
        "edu",
        "smoke",
        "bmi_missing",
        "bmi",
        "income_missing",
        "income",
        "rare_missing",
        "rare",
        "ward_missing",
        "remark_missing",  # missing texts are reproduced too
    )
    families = {c.target: c.family for c in spec}
    assert families == {
        "age": "gaussian",
        "edu": "categorical",
        "smoke": "bernoulli",
        "bmi_missing": "bernoulli",
        "bmi": "gaussian",
        "income_missing": "bernoulli",
        "income": "gaussian",
        "rare_missing": "dirichlet",
        "rare": "gaussian",
        "ward_missing": "bernoulli",
        "remark_missing": "bernoulli",
    }
    assert all(c.note for c in spec)


@pytest.mark.parametrize(
    ("first", "family", "predictors"),
    [("edu", "dirichlet", None), ("smoke", "dirichlet", None), ("age", "gaussian", None)],
)
def test_the_first_column_is_drawn_from_its_marginal(schema, first, family, predictors):
    conditional = next(iter(default_chain(schema, order=[first])))
    assert (conditional.target, conditional.family) == (first, family)
    assert default_chain(schema, order=[first]).predictors(first) == ()


def test_a_first_column_with_holes_has_its_rate_modelled(schema):
    holes, values = list(default_chain(schema, order=["bmi"]))[:2]
    assert (holes.target, holes.family, holes.predictors) == ("bmi_missing", "dirichlet", ())
    assert values.target == "bmi" and "first column" in holes.note


def _indicator(schema, missing, others=0):
    columns = tuple(
        replace(c, missing={"income": missing, "bmi": others}.get(c.name, 0)) for c in schema
    )
    return default_chain(replace(schema, columns=columns, rows=1000))["income_missing"]


@pytest.mark.parametrize(
    ("missing", "others", "family", "predictors"),
    [
        (1, 0, "dirichlet", ()),
        (LEAST_CASES - 1, 500, "dirichlet", ()),
        (LEAST_CASES, 0, "bernoulli", None),
        (1000 - LEAST_CASES, 300, "bernoulli", None),
        (1000 - LEAST_CASES + 1, 300, "dirichlet", ()),
    ],
)
def test_few_holes_or_few_values_support_few_predictors(
    schema, missing, others, family, predictors
):
    found = _indicator(schema, missing, others)
    assert (found.family, found.predictors) == (family, predictors)
    assert f"{missing} of 1000 values of 'income' are missing" in found.note


def test_an_order_comes_first_and_the_rest_follows(schema):
    assert visit_order(schema, ["rare", "edu"]) == (
        "rare",
        "edu",
        "age",
        "smoke",
        "bmi",
        "income",
        "ward",
        "remark",
    )
    assert visit_order(schema, ["key"]) == visit_order(schema)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({"order": ["agee"]}, "order: unknown column 'agee'.*Did you mean 'age'"),
        ({"order": ["age", "edu", "age"]}, "order: column 'age' is named 2 times"),
        ({"methods": {"agee": "gaussian"}}, "method: unknown column 'agee'.*mean 'age'"),
        (
            {"methods": {"key": "gaussian"}},
            r"method for column 'key': it is filled in, not modelled \(kind 'identifier'\)",
        ),
        ({"engine": "stan"}, "conditional 'age': unknown engine 'stan'"),
        ({"missing": "drop"}, "unknown missing-data plan 'drop'"),
    ],
)
def test_wrong_wishes_are_refused(schema, call, text):
    with pytest.raises(SpecError, match=text):
        default_chain(schema, **call)


def test_wishes_are_followed(schema):
    spec = default_chain(schema, methods={"edu": "dirichlet"}, engine="nuts")
    assert spec["edu"].family == "dirichlet" and spec["edu"].note == "asked for"
    assert {c.engine for c in spec} == {"nuts"}


def test_an_indicator_takes_no_columns_name(schema):
    taken = replace(schema["age"], name="bmi_missing")
    columns = tuple(taken if c.name == "age" else c for c in schema)
    renamed = replace(schema, columns=columns)
    assert indicator_name(renamed, "bmi") == "bmi_missing_"
    assert default_chain(renamed).indicators["bmi"] == "bmi_missing_"


def test_slopes_are_shrunk_from_one_predictor_to_five_rows_on(schema):
    # At two rows a predictor it is 0.7 / sqrt(3); its logarithm rises in a straight line to that of
    # 2.5 at five: with 0.7 / sqrt(3) up to there, an effect of 4.8 at 15 rows was 3.6 at 14.
    least = 0.7 / 3**0.5
    way = (14 / 3 - 2) / 3
    for rows, expected in ((15, {}), (14, {"slope": round(least * (2.5 / least) ** way, 4)})):
        found = default_chain(replace(schema, rows=rows), order=["age", "edu", "rare"])["rare"]
        assert found.scales == expected
        assert ("slopes shrunk: 3 predictors for 14 rows" in found.note) == bool(expected)
    few = replace(schema, rows=10)
    assert default_chain(few, order=["age", "edu", "rare"])["rare"].scales["slope"] < 1.5
    assert slope_scale(3, 6) == slope_scale(3, 2) == round(least, 4)
    assert default_chain(few)["smoke"].prior == "log_f"
    assert default_chain(few)["smoke"].scales == {"slope": 1.0}  # of three predictors
    assert default_chain(few, methods={"smoke": "dirichlet"})["smoke"].scales == {}


def test_priors_of_slopes_have_no_cliff():
    found = np.array([slope_scale(31, rows) for rows in range(10, 200)])
    assert (np.diff(found) >= 0).all() and found[0] == 0.1257 and found[-1] == 2.5
    assert (found[1:] / found[:-1]).max() < 1.04


def test_the_prior_is_that_of_the_predictors_a_user_states(rng):
    """Of 31 predictors of 60 rows two are asked for: their slopes are those of least squares."""
    frame = pd.DataFrame(rng.normal(size=(60, 30)), columns=[f"x{i}" for i in range(30)])
    frame["y"] = 5 * frame["x0"] - 2 * frame["x1"] + rng.normal(size=60)
    default = posynth.specify(frame, methods={"y": "gaussian"}).spec["y"]
    asked = {"formulas": {"y": "x0 + x1"}}, {"predictors": {"y": ["x0", "x1"]}}
    for found in (posynth.specify(frame, **each).spec["y"] for each in asked):
        assert default.scales["slope"] < 0.5 and not found.scales
        assert "slopes shrunk" in default.note and "slopes shrunk" not in found.note
    many = " + ".join(f"x{i}" for i in range(20))
    some = posynth.specify(frame, formulas={"y": many}).spec["y"]
    assert some.scales == {"slope": slope_scale(20, 60)}
    assert "slopes shrunk: 20 predictors for 60 rows" in some.note
    copies = posynth.synthesize(frame, m=40, seed=1, **asked[0])
    fits = [np.linalg.lstsq(c[["x0", "x1"]], c["y"], rcond=None)[0] for c in (frame, *copies)]
    error = np.std(fits[1:], axis=0) / 40**0.5
    assert (np.abs(np.mean(fits[1:], axis=0) - fits[0]) < 4 * error + 0.02).all()
