"""How a column is imputed: as the chain models it, given its Markov blanket."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.blocks import Rows
from posynth.chain.spec import ChainSpec, Conditional
from posynth.evaluation.inference import imputation
from posynth.evaluation.inference.departure import AT_RANDOM, Departure
from posynth.evaluation.inference.imputation import Imputation
from posynth.evaluation.inference.imputation_models import blanket, imputation_model
from posynth.posterior.task import learn_scales
from posynth.table.codec import encode
from posynth.table.frame import table_from_frame

N = 300


def rows_of(frame, kinds=None):
    table = table_from_frame(frame, kinds=kinds)
    arrays = {c.name: encode(c, table.frame[c.name]) for c in table.schema}
    numeric = {c.name: arrays[c.name] for c in table.schema if c.kind.is_numeric}
    return Rows(table.schema, arrays, {}, len(frame), learn_scales(table.schema, numeric))


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(4)
    numbers = {name: rng.normal(size=N) for name in ("a", "b", "y", "c")}
    return rows_of(pd.DataFrame({**numbers, "g": rng.choice(["u", "v"], N)}))


def chain(*conditionals):
    return ChainSpec(tuple(conditionals))


def model(target, rows, spec, available=None, departure=AT_RANDOM):
    available = rows.schema.names if available is None else available
    return imputation_model(target, rows, spec, available, departure)


PLAIN = tuple(Conditional(name, "gaussian") for name in ("a", "b"))
Y = Conditional("y", "location_scale", scale="learned", splines=2, interactions=(("a", "b"),))
C = Conditional("c", "gaussian", scale="learned", splines=1, interactions=(("a", "y"),))
G = Conditional("g", "bernoulli")


def test_family_and_scale_are_those_of_the_chain(rows):
    found = model("y", rows, chain(*PLAIN, Y, C, G)).conditional
    assert (found.family, found.scale, found.splines) == ("location_scale", "learned", 2)
    assert found.predictors == ("a", "b", "c", "g")
    fine = model("y", rows, chain(*PLAIN, replace(Y, splines=8), C, G)).conditional
    assert fine.splines == 2  # as many as 300 rows support


def test_product_terms_of_every_factor_are_kept(rows):
    """A product a:y in the conditional of c is a product a:c in that of y."""
    spec = chain(*PLAIN, Y, C, G)
    assert model("y", rows, spec).conditional.interactions == (("a", "b"), ("a", "c"))
    assert set(model("a", rows, spec).conditional.interactions) == {("b", "y"), ("y", "c")}
    assert set(model("c", rows, spec).conditional.interactions) == {("a", "y")}


def test_a_line_beside_a_column_on_a_learned_scale_bends(rows):
    """x | y is a line in log y, not in y, where y | x is a line on the learned scale of y."""
    spec = chain(*PLAIN, Conditional("y", "gaussian", ("a",), scale="learned"))
    found = model("a", rows, spec, ("b", "y")).conditional
    assert found.scale == "natural" and found.splines >= 1
    straight = chain(*PLAIN, Conditional("y", "gaussian"))
    assert model("a", rows, straight, ("b", "y")).conditional.splines == 0


def test_predictors_are_the_markov_blanket():
    given = {"a": (), "b": ("a",), "c": (), "d": ("b", "c"), "e": ("d",)}
    spec = chain(*(Conditional(name, "gaussian", read) for name, read in given.items()))
    assert blanket("b", spec) == ("a", "c", "d")
    assert blanket("e", spec) == ("d",)
    assert blanket("a", spec) == ("b",)


def test_all_that_is_available_is_read_where_the_blanket_is_not_complete(rows):
    given = {"a": (), "b": ("a",), "y": ("b",), "c": ("y",)}
    spec = chain(*(Conditional(name, "gaussian", read) for name, read in given.items()), G)
    spec = spec.with_conditional(Conditional("g", "bernoulli", ("a",)))
    assert model("y", rows, spec).conditional.predictors == ("b", "c")
    assert model("y", rows, spec, ("a", "b", "g")).conditional.predictors == ("a", "b", "g")


def test_what_is_computed_from_a_column_does_not_predict_it(rows):
    rule = Conditional("c", "passive", passive="a + y")
    spec = chain(*PLAIN, Conditional("y", "gaussian"), rule, Conditional("g", "bernoulli", ("c",)))
    assert model("y", rows, spec).conditional.predictors == ("a", "b", "g")


def test_options_prior_and_strata_stay_and_groups_keep_their_effects(rows):
    bounded = Conditional("y", "truncated", options={"lower": -9.0, "upper": 9.0}, strata="g")
    spec = chain(*PLAIN, G, bounded)
    found = model("y", rows, spec, ("a", "b", "g")).conditional
    assert found.options == {"lower": -9.0, "upper": 9.0} and found.strata == "g"
    grouped = Conditional("y", "gaussian_ml", new_groups="g", slopes=("a",))
    found = model("y", rows, chain(*PLAIN, G, grouped), ("a", "b", "g")).conditional
    assert (found.keep_groups, found.new_groups, found.slopes) == ("g", "", ("a",))


def test_a_formula_is_kept_beside_the_main_effects_of_the_rest(rows):
    spec = chain(*PLAIN, Conditional("y", "gaussian", formula="I(a**2)"), C, G)
    found = model("y", rows, spec).conditional
    assert found.formula == ". + I(a**2)" and "c" in found.predictors and found.splines == 0


WITHOUT = [
    ("file.py:own", "a model of one's own is written for the predictors it has in the chain"),
    ("gaussian_plugin", "its draws carry no uncertainty of parameters"),
    ("bart", "it takes too long to be fitted anew for every draw"),
]


@pytest.mark.parametrize(("family", "reason"), WITHOUT)
def test_a_family_that_cannot_impute_is_replaced_and_named(rows, family, reason):
    found = model("y", rows, chain(*PLAIN, Conditional("y", family), C, G))
    assert (found.conditional.family, found.conditional.scale) == ("gaussian", "learned")
    assert found.note == f"'y' was imputed by gaussian, learned scale, not {family}: {reason}"


def test_groups_that_are_missing_in_some_rows_are_named(rows):
    grouped = Conditional("y", "gaussian_ml", keep_groups="g")
    found = model("y", rows, chain(*PLAIN, G, grouped), ("a", "b"))
    assert "its groups, 'g', or slopes are missing in some rows" in found.note


def test_the_margin_of_a_first_column_is_no_reason_to_speak(rows):
    spec = chain(Conditional("g", "dirichlet", ()), *PLAIN)
    found = model("g", rows, spec, ("a", "b"))
    assert (found.conditional.family, found.note) == ("bernoulli", "")


def test_a_departure_on_the_log_odds_needs_a_logit(rows):
    spec = chain(*PLAIN, Conditional("g", "cart"))
    found = model("g", rows, spec, ("a", "b"), Departure({"g": 1.0}))
    assert found.conditional.family == "bernoulli"
    assert "not cart: the departure that was stated is about its log-odds" in found.note
    assert model("g", rows, spec, ("a", "b")).conditional.family == "cart"


def test_slopes_are_held_near_zero_where_predictors_are_many_for_the_rows():
    rng = np.random.default_rng(1)
    wide = rows_of(pd.DataFrame({f"x{i}": rng.normal(size=38) for i in range(20)}))
    spec = chain(
        *(Conditional(f"x{i}", "gaussian", ()) for i in range(19)), Conditional("x19", "gaussian")
    )
    found = model("x19", wide, spec).conditional
    # At two rows a predictor all slopes together explain about half of the variance.
    assert found.scales["slope"] == pytest.approx(0.7 / np.sqrt(19), abs=1e-4)
    free = model("x19", wide, spec, ("x0", "x1")).conditional
    assert free.scales.get("slope", 2.5) == 2.5


@pytest.fixture(scope="module")
def two():
    """Give two columns with missing values, neither pattern inside the other, and their chain."""
    rng = np.random.default_rng(2)
    z = rng.normal(size=120)
    table = pd.DataFrame({"z": z, "x": z + rng.normal(size=120), "y": z + rng.normal(size=120)})
    table.loc[::4, "x"] = np.nan
    table.loc[::3, "y"] = np.nan
    return table, posynth.fit(
        table, posynth.specify(table, methods=dict.fromkeys("zxy", "gaussian"))
    )


def test_every_fit_has_a_seed_of_its_own(two, monkeypatch):
    """One stream a table, imputation and column: no number of draws in place of a seed."""
    table, posterior = two
    seeds = []
    make = imputation.make_task

    def recorded(rows, spec, conditional, family, seed):
        seeds.append(seed)
        return make(rows, spec, conditional, family, seed)

    monkeypatch.setattr(imputation, "make_task", recorded)
    plan = Imputation.of(table, posterior, ["x", "y"], AT_RANDOM)
    first = list(plan.complete(3, 5))
    assert len(seeds) == 3 * 2 * (1 + imputation.SWEEPS) == len(set(seeds))
    again, other = list(plan.complete(3, 5)), list(plan.complete(3, 6))
    for one, same in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one, same)
    assert not set(seeds[:36]) & set(seeds[72:]) and seeds[:36] == seeds[36:72]
    assert not first[0].equals(other[0])


def test_the_imputations_asked_for_do_not_change_those_before(two):
    table, posterior = two
    plan = Imputation.of(table, posterior, ["y"], AT_RANDOM)
    few, many = list(plan.complete(2, 5)), list(plan.complete(4, 5))
    for one, same in zip(few, many, strict=False):
        pd.testing.assert_frame_equal(one, same)


def test_columns_have_different_streams(two):
    """Two columns of equal distribution whose values are missing in the same rows."""
    table, posterior = two
    table = table.assign(x=table["x"].where(table["y"].notna()))
    (found,) = Imputation.of(table, posterior, ["x", "y"], AT_RANDOM).complete(1, 5)
    gone = table["y"].isna()
    left = [found.loc[gone, name] - table.loc[gone, "z"] for name in "xy"]
    # Noise of 40 rows: the correlation of independent ones has a standard error of .16.
    assert abs(np.corrcoef(*left)[0, 1]) < 0.5


def test_a_monotone_pattern_needs_no_sweep(two):
    table, posterior = two
    nested = table.assign(x=table["x"].where(table["y"].notna()))  # x is missing wherever y is
    assert Imputation.of(nested, posterior, ["x", "y"], AT_RANDOM).again == ()
    crossed = Imputation.of(table, posterior, ["x", "y"], AT_RANDOM)
    assert [m.target for m in crossed.first] == ["x", "y"]
    assert [m.target for m in crossed.again] == ["x", "y"]
    assert crossed.first[0].conditional.predictors == ("z",)
    assert crossed.again[0].conditional.predictors == ("z", "y")
