"""Simulation-based calibration where rules hold in every row: likelihoods are those that remain.

Ranks of true values among 99 posterior draws are judged as ``posynth sbc`` judges them: chi-square
of 10 or 20 bins, limit .001 over all quantities of a conditional, so that a right sampler fails in
one seed of 1000; the seed is fixed. With R replications the standard error of a mean rank is
.29 / sqrt(R) of its range: .037 at 60, .020 at 200. That this is enough to see a likelihood without
its normalising constant is tested with one.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.evaluation.validity.calibration import calibrate
from posynth.evaluation.validity.exchange import exchange
from posynth.posterior.plan import plan
from posynth.posterior.task import encode_table, make_task

ROWS = 80
RULES = {"g": "z == 'b' if g == 'w'", "low": "low <= x", "high": "high >= x", "stay": "stay >= x"}
#: Priors that are no wider than what rows of a table look like, so that bounds are not far off.
MODEST = {
    "g": {"intercept": 1.5, "slope": 1.0},
    "low": {"intercept": 1.0, "slope": 0.7},
    "high": {"intercept": 1.0, "slope": 0.7},
    "stay": {"intercept": 1.0, "slope": 0.7},
}
FAMILIES = {"g": "restricted", "low": "bounded", "high": "bounded"}


def _table():
    rng = np.random.default_rng(1)
    x, z = rng.normal(0, 1, ROWS).round(3), rng.choice(["a", "b"], ROWS)
    some = rng.choice(["u", "v"], ROWS)
    g = np.where((z == "b") & (rng.random(ROWS) < 0.4), "w", some)
    above = (x + 0.2 + rng.gamma(3, 0.6, ROWS)).round(3)
    stay = (x + 0.01 + rng.exponential(1, ROWS)).round(3)
    columns = {"z": z, "x": x, "g": g, "high": above, "low": (2 * x - above).round(3)}
    return pd.DataFrame({**columns, "stay": stay})


def _chain(target):
    """Return a table and a chain in which one column has a rule, and its family is the rule's."""
    df = _table()[["z", "x", target]]
    if target == "stay":  # a distance on its natural scale, since a learned one has no prior
        table, chain = plan(df, chain=posynth.specify(df, rules=RULES[target]))
        assert "its distance from the bound is modelled" in chain.spec[target].note
        changes = {"family": "lognormal", "scale": "natural", "splines": 0, "prior": ""}
        return table, chain.change(target, **changes, scales=MODEST[target])
    methods = {target: FAMILIES[target]}
    chosen = posynth.specify(df, rules=RULES[target], methods=methods)
    table, chain = plan(df, chain=chosen)
    return table, chain.change(target, scales=MODEST[target])


def _task(target):
    table, chain = _chain(target)
    conditional = chain.spec[target]
    assert RULES[target] in conditional.rules
    rows = encode_table(table, chain.spec)
    return make_task(rows, chain.spec, conditional, chain.families[conditional.family])[0]


def _failed(found):
    assert found.failed == 0  # a fit that is refused would take its ranks with it
    return [result.subject for result in found.results() if not result.passed]


@pytest.mark.parametrize(("target", "runs"), [("g", 200), ("high", 60), ("low", 60), ("stay", 200)])
def test_ranks_are_uniform_where_a_rule_restricts_a_column(target, runs):
    assert _failed(calibrate(_task(target), runs, seed=4)) == []


@pytest.mark.slow
@pytest.mark.parametrize("target", RULES)
def test_many_ranks_are_uniform_where_a_rule_restricts_a_column(target):
    """400 replications: the standard error of a mean rank is .014 of its range."""
    assert _failed(calibrate(_task(target), 400, seed=5)) == []


def _unrestricted(task):
    X = task.design.X.copy()
    if task.family.facts.name == "restricted":
        X[:, : len(task.response.levels)] = 1.0
    else:
        X[:, :2] = [-1e4, 1e4]
    return replace(task, design=replace(task.design, X=X))


@pytest.mark.parametrize(("target", "runs"), [("g", 100), ("high", 60)])
def test_a_likelihood_that_is_not_normalised_is_found_out(target, runs):
    found = calibrate(_task(target), runs, seed=4, fitted=_unrestricted)
    assert [result for result in found.results() if not result.passed]


@pytest.mark.parametrize(("target", "pairs"), [("g", 60), ("stay", 100)])
def test_a_table_of_the_prior_and_its_copy_are_exchangeable_under_a_rule(target, pairs):
    """Sign and KS tests of every statistic at .001 in all: rule, distance and way back take part.

    The sign test's standard error is .5 / sqrt(pairs).
    """
    table, chain = _chain(target)
    found = exchange(chain, table, pairs, seed=2)
    names = [name for name in found.names if target in name]
    assert names and all(result.passed for result in found.results())


@pytest.mark.slow
@pytest.mark.parametrize("target", RULES)
def test_many_pairs_are_exchangeable_under_a_rule(target):
    table, chain = _chain(target)
    assert all(result.passed for result in exchange(chain, table, 120, seed=3).results())


@pytest.mark.parametrize("target", RULES)
def test_no_row_drawn_from_the_prior_breaks_the_rule(target):
    from posynth.copies.walk import as_frame, walk
    from posynth.posterior.prior import from_prior

    table, chain = _chain(target)
    prior = from_prior(chain, table, np.random.default_rng(6))
    (arrays,) = walk(prior, 1, 400, 1)
    drawn = as_frame(prior, arrays)
    kept = {
        "g": (drawn["z"] == "b") | (drawn["g"].astype(str) != "w") if target == "g" else None,
        "low": drawn[target] <= drawn["x"] if target == "low" else None,
    }.get(target)
    assert (drawn[target] >= drawn["x"] if kept is None else kept).all()
