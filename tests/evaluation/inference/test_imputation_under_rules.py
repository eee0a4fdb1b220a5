"""Imputed values keep the rules of their chain, whichever columns of a rule are missing."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.evaluation.inference import fit_statsmodels
from posynth.evaluation.inference.imputation import impute
from posynth.evaluation.inference.impute import imputing

N = 400


def devices(rng):
    """Counts, one of which bounds the other; the default chain keeps that by itself."""
    pupils = np.exp(rng.normal(5, 0.8, N)).round() + 5
    devices = rng.binomial(pupils.astype(int), rng.beta(3, 1.5, N))
    return {"pupils": pupils, "devices": devices}, (), lambda t: t.devices <= t.pupils


def shares(rng):
    """Parts of a whole, each of which may be missing beside another one."""
    a, b, _ = (100 * rng.dirichlet([2, 3, 4], N)).round().T
    table = {"a": a, "b": b, "c": 100 - a - b}
    low = lambda t: t[["a", "b", "c"]].min(axis=1) >= 0  # noqa: E731
    return table, ("a + b + c == 100",), lambda t: (t.a + t.b + t.c == 100) & low(t)


def ratio(rng):
    """A ratio below 1: an interval for the numerator, none for the denominator."""
    x = rng.gamma(2, 50, N).round(1)
    z = x + rng.gamma(2, 20, N).round(1) + 1
    return {"z": z, "x": x}, ("x / z < 1",), lambda t: t.x < t.z


def nested(rng):
    """Towns within regions."""
    town = rng.integers(0, 12, N)
    table = {"region": np.char.add("R", (town // 3).astype(str)).astype(object)}
    table["town"] = np.char.add("T", town.astype(str)).astype(object)
    known = {*zip(table["region"], table["town"], strict=True)}
    pairs = lambda t: [p in known for p in zip(t.region, t.town, strict=True)]  # noqa: E731
    return table, ("town within region",), lambda t: pd.Series(pairs(t))


def skipped(rng):
    """A question that is not asked, whose condition may be missing too."""
    smoke = rng.choice(["never", "former", "current"], N, p=[0.4, 0.3, 0.3]).astype(object)
    cigs = np.where(smoke == "never", np.nan, rng.poisson(np.where(smoke == "current", 15, 8)))
    rules = ("cigs is missing if smoke == 'never'",)
    return {"smoke": smoke, "cigs": cigs}, rules, lambda t: (t.smoke == "never") == t.cigs.isna()


def no_weeks(rng):
    """A number that a level decides."""
    employed = rng.choice(["yes", "no"], N, p=[0.7, 0.3]).astype(object)
    weeks = np.where(employed == "no", 0, rng.integers(1, 53, N))
    rules = ("weeks == 0 if employed == 'no'", "weeks >= 1 if employed == 'yes'")
    table = {"employed": employed, "weeks": weeks}
    return table, rules, lambda t: (t.employed == "no") == (t.weeks == 0)


def three_steps(rng):
    """Two inequalities that share a column."""
    a = rng.poisson(30, N)
    b = a + rng.poisson(4, N)
    table = {"a": a, "b": b, "c": b + rng.poisson(4, N)}
    return table, ("a <= b", "b <= c"), lambda t: (t.a <= t.b) & (t.b <= t.c)


def bounded(rng):
    """A column that is never below 0, of which many values are near 0."""
    return {"a": rng.gamma(1, 3, N).round(1)}, (), lambda t: t.a >= 0


KINDS = (devices, shares, ratio, nested, skipped, no_weeks, three_steps, bounded)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def holed(request):
    """Give a table with 15 % missing in each column, its chain's posterior, and what holds."""
    rng = np.random.default_rng(11)
    columns, rules, holds = request.param(rng)
    table = pd.DataFrame(columns)
    number = table.select_dtypes("number").iloc[:, -1:].fillna(0).sum(axis=1)
    table["score"] = (0.05 * number + rng.normal(0, 3, N)).round(2)
    for name in columns:
        table[name] = table[name].mask(rng.random(N) < 0.15)
    posterior = posynth.fit(table, posynth.specify(table, rules=rules), seed=1)
    return table, posterior, holds


def test_imputed_values_keep_the_rules(holed):
    """The chain kept a rule in the column visited last: imputed pupils were below the devices."""
    table, posterior, holds = holed
    columns = [name for name in table if table[name].isna().any()]
    for done in impute(table, posterior, columns, 2, 5):
        assert not int((~holds(done).astype(bool)).sum())
        for name in columns:
            there = table[name].notna()
            assert (done[name][there] == table[name][there]).all()


def test_columns_of_a_rule_that_the_analysis_leaves_out_bound_it(holed):
    """A rule that read a column outside the analysis ended in an error."""
    table, posterior, _ = holed
    last = [name for name in table if table[name].isna().any()][-1]
    first = next(iter(impute(table, posterior, [last], 1, 5)))
    both = table.assign(**{last: first[last]})
    for rule in {rule for c in posterior.spec for rule in c.rules if "<=" in rule}:
        small, large = (both[name.strip()] for name in rule.split("<="))
        known = small.notna() & large.notna()
        assert (small[known] <= large[known]).all()


def test_a_default_chain_keeps_a_count_below_another_that_is_missing_in_places():
    """With a lower bound of its own the column was held to be decided, and the job ended.

    The regression of the pooled copies is within 4 standard errors of that of complete rows.
    """
    rng = np.random.default_rng(1)
    table = pd.DataFrame(devices(rng)[0])
    table["score"] = 0.05 * table.pupils - 0.08 * table.devices + rng.normal(0, 5, N)
    for name in ("pupils", "devices"):
        table[name] = table[name].mask(rng.random(N) < 0.15)
    posterior = posynth.fit(table, seed=1)
    assert posterior.spec["devices"].rules == ("devices <= pupils",)
    model = fit_statsmodels("score ~ pupils + devices")
    found = imputing(model, posterior, ["pupils", "devices"], 10, seed=3)(table)
    known = model(table.dropna())
    distance = np.abs(np.asarray(found.q) - np.asarray(known.q))
    assert (distance < 4 * np.sqrt(np.diag(known.cov))).all()
