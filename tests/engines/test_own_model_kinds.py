"""Kinds of a user's own model: each is drawn from as it was written, or refused before any fit."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest

from posynth.engines.base import Task
from posynth.engines.own_check import check_own
from posynth.errors import SpecError
from posynth.families.base import Design, Response
from posynth.families.own import as_family, conditional
from posynth.posterior.coding import Coding
from posynth.posterior.predict import RowSampler

ROWS = 40
SIGMA = 0.01


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(ROWS, 2))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    mean = 2 + X @ [1.0, -1.0]
    return {
        "X": X,
        "number": mean + rng.normal(size=ROWS),
        "positive": np.exp(mean / 3),
        "count": rng.poisson(np.exp(mean / 3)),
        "negative": -1 - rng.poisson(1.0, ROWS),
        "level": (mean > 2).astype(int),
    }


def task_of(build, table, column="number"):
    y = table[column]
    levels = ("a", "b") if column == "level" else ()
    family = as_family(conditional(response="codes")(build) if levels else build)
    about = () if levels else (float(np.mean(y)), float(np.std(y)))
    return Task(
        family, Design(table["X"], ("x0", "x1")), Response("y", y, levels, *about), "own", {}
    )


def slopes():
    return pm.Normal("a", 0, 10), pm.Normal("b", shape=2), pm.HalfNormal("s")


def mutable(design, response, priors):
    """All as posynth's own families write it."""
    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        y = pm.Data("y", response.y, dims="row")
        a, b, s = pm.Normal("a", 0, 10), pm.Normal("b", dims="predictor"), pm.HalfNormal("s")
        pm.Normal("response", a + X @ b, s, observed=y, dims="row")
    return model


def no_dims(design, response, priors):
    with pm.Model() as model:
        X, y = pm.Data("X", design.X), pm.Data("outcome", response.y)
        a, b, s = slopes()
        pm.Normal("obs", a + X @ b, s, observed=y)
    return model


def array_observed(design, response, priors):
    with pm.Model() as model:
        X = pm.Data("X", design.X)
        a, b, s = slopes()
        pm.Normal("obs", a + X @ b, s, observed=response.y)
    return model


def fixed_length(design, response, priors):
    with pm.Model() as model:
        X = pm.Data("X", design.X)
        a, b, s = slopes()
        pm.Normal("obs", a + X @ b, s, shape=len(response.y), observed=response.y)
    return model


def labelled_rows(design, response, priors):
    coords = {"row": np.arange(len(response.y)), "predictor": design.predictors}
    with pm.Model(coords=coords) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        a, b, s = pm.Normal("a", 0, 10), pm.Normal("b", dims="predictor"), pm.HalfNormal("s")
        mean = pm.Deterministic("mean", a + X @ b, dims="row")
        pm.Normal("obs", mean, s, observed=response.y, dims="row")
    return model


def named_columns(design, response, priors):
    with pm.Model() as model:
        first = pm.Data("first", design.X[:, 0], dims="patient")
        second = pm.Data("second", design.X[:, 1], dims="patient")
        y = pm.Data("y", response.y, dims="patient")
        a, b, s = slopes()
        pm.Normal("obs", a + b[0] * first + b[1] * second, s, observed=y, dims="patient")
    return model


def turned_predictors(design, response, priors):
    with pm.Model() as model:
        X = pm.Data("X", design.X[:, ::-1])
        a, b, s = slopes()
        pm.Normal("obs", a + X @ b[::-1], s, observed=response.y)
    return model


def center_and_scale(design, response, priors):
    with pm.Model() as model:
        X = pm.Data("X", design.X)
        a, b, s = slopes()
        mean = response.center + response.scale * (a - response.center + X @ b) / response.scale
        pm.Normal("obs", mean, s, observed=response.y)
    return model


WORKS = [
    *(mutable, no_dims, array_observed, fixed_length, labelled_rows, named_columns),
    *(turned_predictors, center_and_scale),
]


@pytest.mark.parametrize("build", WORKS, ids=lambda build: build.__name__)
def test_rows_are_drawn_for_any_number_of_rows(build, table):
    """From parameters alone: the model is written without the table, as after loading."""
    task = task_of(build, table)
    check_own(task)
    coding = Coding(None, (), ("x0", "x1"), (), task.response.center, task.response.scale)
    theta = {"a": 2.0, "b": np.array([3.0, -5.0]), "s": SIGMA}
    stored = {name: np.asarray(value)[None] for name, value in theta.items()}
    sampler = RowSampler(task.family, "y", coding, "own", stored)
    for rows in (1, 3, 90):
        X = np.random.default_rng(rows).normal(size=(rows, 2))
        drawn = sampler.draw(X, 0, np.random.default_rng(5))
        assert drawn.shape == (rows,)
        np.testing.assert_allclose(drawn, 2 + X @ [3.0, -5.0], atol=6 * SIGMA)


def _likelihood(write, potential=None, **dims):
    """Return a function whose model has a mean a + X b and the response that ``write`` gives."""

    def build(design, response, priors):
        with pm.Model(**dims) as model:
            X = pm.Data("X", design.X)
            a, b, s = slopes()
            write(design, response, a + X @ b, s)
        return model

    return build


def _normal(mean=lambda d, r, m: m, **options):
    def write(design, response, mu, s):
        chosen = {name: value(response) for name, value in options.items()}
        chosen.setdefault("observed", response.y)
        pm.Normal("obs", mean(design, response, mu), s, **chosen)

    return _likelihood(write)


def _rank(design, response, mu, s):
    pm.Normal("obs", mu + pt.argsort(mu) * 0.1, s, observed=response.y)


def _minibatch(design, response, priors):
    with pm.Model() as model:
        X, y = pm.Minibatch(design.X, response.y, batch_size=5)
        a, b, s = slopes()
        pm.Normal("obs", a + X @ b, s, observed=y, total_size=len(response.y))
    return model


def _constants(design, response, priors):
    with pm.Model() as model:
        a, b, s = slopes()
        pm.Normal("obs", a + design.X @ b, s, observed=response.y)
    return model


def _several(design, response, mu, s):
    pm.Normal("obs", mu, s, observed=response.y)
    pm.Normal("more", mu.mean(), s, observed=1.0)


def _lagged(design, response, mu, s):
    before = pm.Data("before", np.concatenate([[0.0], response.y[:-1]]))
    pm.Normal("obs", mu + before, s, observed=response.y)


def _of_the_response(design, response, mu, s):
    y = pm.Data("y", response.y)
    pm.Normal("obs", mu + 0.5 * y, s, observed=y)


def _potential(design, response, mu, s):
    pm.Normal("obs", mu, s, observed=response.y)
    pm.Potential("more", -pt.abs(mu).sum())


def _discrete(design, response, mu, s):
    pm.Normal("obs", mu + pm.Bernoulli("shift", 0.5), s, observed=response.y)


def _row_effects(design, response, mu, s):
    effect = pm.Normal("effect", shape=len(response.y))
    pm.Normal("obs", mu + effect, s, observed=response.y)


def _by_the_table(design, response, mu, s):
    extra = pm.Normal("extra") if np.std(response.y) > 0.1 else 0.0
    pm.Normal("obs", mu + extra, s, observed=response.y)


def _named_like_a_dim(design, response, mu, s):
    pm.Normal("obs", mu + pm.Normal("chain"), s, observed=response.y)


def _no_gradient(design, response, mu, s):
    shift = pytensor.wrap_py(itypes=[pt.dscalar], otypes=[pt.dscalar])(lambda s: np.asarray(s**2))
    pm.Normal("obs", mu + shift(s), s, observed=response.y)


def _cannot_be_drawn(design, response, mu, s):
    logp = lambda value, mean: -((value - mean) ** 2)  # noqa: E731
    pm.CustomDist("obs", mu, logp=logp, observed=response.y)


REFUSED = {
    "no model": (lambda d, r, p: None, "number", "returned NoneType, not a pm.Model; end it with"),
    "nothing observed": (
        _likelihood(lambda d, r, m, s: pm.Deterministic("m", m)),
        "number",
        r"no observed variable; .* `pm.Normal\(\"y\", mu, sigma, observed=response.y\)`",
    ),
    "several observed": (
        _likelihood(_several),
        "number",
        "2 observed variables, 'obs', 'more'; a ",
    ),
    "constants": (
        _constants,
        "number",
        r"holds an array of shape \(40, 2\) of the table .*`X = pm.Data\(\"X\", design.X, dims=",
    ),
    "minibatch": (_minibatch, "number", r"uses pm.Minibatch or total_size, .* read all rows: `X"),
    "no parameter": (
        lambda d, r, p: _fixed(r),
        "number",
        r"no parameters, .* as `mu = pm.Normal\(\"mu\", 0, 10\)`",
    ),
    "discrete": (_likelihood(_discrete), "number", r"'shift' is discrete, .* `pm.Mixture\(\"y\""),
    "effects of rows": (
        _likelihood(_row_effects),
        "number",
        r"parameter 'effect' has one value a row \(40\), which new rows do not have; sum it out",
    ),
    "form of the table": (_likelihood(_by_the_table), "number", "'extra' is there for some tables"),
    "name of a dim": (
        _likelihood(_named_like_a_dim),
        "number",
        "calls a variable 'chain', which is a dim of the draws; call it 'chain_'",
    ),
    "sd of the table": (
        _normal(lambda d, r, m: m + np.median(r.y) + np.std(r.y)),
        "number",
        "holds a number computed from the table, .* use response.center and response.scale",
    ),
    "centred in the model": (
        _likelihood(lambda d, r, m, s: pm.Normal("obs", m - m.mean(), s, observed=r.y)),
        "number",
        "density of a row depends on other rows .* own predictors",
    ),
    "ranks": (_likelihood(_rank), "number", "density of a row depends on other rows"),
    "lags": (_likelihood(_lagged), "number", r"pm.Data\('before', ...\) is computed from the resp"),
    "of the response": (
        _likelihood(_of_the_response),
        "number",
        "likelihood of 'obs' reads the response itself, which is what a copy draws",
    ),
    "potential of rows": (_likelihood(_potential), "number", "potential 'more' reads the rows: "),
    "logarithm by hand": (
        _normal(observed=lambda r: np.log(r.y)),
        "positive",
        r"observes .* where response.y is .*, so that draws would not be values of the column; wri",
    ),
    "whole numbers": (
        _likelihood(lambda d, r, m, s: pm.Poisson("obs", pt.exp(m), observed=r.y)),
        "positive",
        "a distribution of whole numbers, and the column holds others; use a continuous one",
    ),
    "some rows": (
        _likelihood(lambda d, r, m, s: pm.Normal("obs", m[:-1], s, observed=r.y[:-1])),
        "number",
        "'obs' observes 39 values of 40; observe them all: `observed=response.y`",
    ),
    "support": (
        _likelihood(lambda d, r, m, s: pm.Poisson("obs", pt.exp(m), observed=r.y)),
        "negative",
        "no density for 40 of 40 values at the initial parameters, for example -",
    ),
    "rows together": (
        _likelihood(lambda d, r, m, s: pm.MvNormal("obs", m, np.eye(len(r.y)), observed=r.y)),
        "number",
        r"'obs' is one draw of all rows at once \(MvNormalRV\), so that rows depend on each other",
    ),
    "two dims": (
        _likelihood(lambda d, r, m, s: pm.Normal("obs", m[:, None], s, observed=r.y[:, None])),
        "number",
        r"'obs' has 2 dims; .* `observed=response.y`, and `mu\[:, 0\]` for a mean of one column",
    ),
    "no gradient": (_likelihood(_no_gradient), "number", "density has no gradient, which engines"),
    "no way to draw": (
        _likelihood(_cannot_be_drawn),
        "number",
        r"response cannot be drawn \(NotImplementedError: .*; give pm.CustomDist a `dist=` or `ran",
    ),
    "no levels": (
        _likelihood(lambda d, r, m, s: pm.Poisson("obs", 30 + 0 * m, observed=r.y)),
        "level",
        "for a column of 2 levels; use a distribution of their codes, 0 to 1: pm.Bernoulli",
    ),
    "fails without data": (
        lambda d, r, p: array_observed(d, r, p) if np.std(r.y) > 0.1 else 1 / 0,
        "number",
        r"fails on rows without data \(ZeroDivisionError: .*use response.center and response.scale",
    ),
}


def _fixed(response):
    with pm.Model() as model:
        pm.Normal("obs", 0.0, 1.0, observed=response.y)
    return model


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_serve_is_refused_with_the_line_to_change(kind, table):
    build, column, text = REFUSED[kind]
    with pytest.raises(SpecError, match=text):
        check_own(task_of(build, table, column))


OTHERS = {
    "counts": ("count", lambda d, r, m, s: pm.Poisson("obs", pt.exp(m / 9), observed=r.y)),
    "levels": ("level", lambda d, r, m, s: pm.Bernoulli("obs", logit_p=m, observed=r.y)),
    "hurdle": (
        "positive",
        lambda d, r, m, s: pm.HurdleGamma("obs", 0.9, alpha=s, beta=pt.exp(m / 9), observed=r.y),
    ),
    "censored": (
        "number",
        lambda d, r, m, s: pm.Censored("obs", pm.Normal.dist(m, s), -99, 99, observed=r.y),
    ),
    "custom": (
        "number",
        lambda d, r, m, s: pm.CustomDist(
            "obs",
            m,
            logp=lambda value, mean: -((value - mean) ** 2),
            random=lambda mean, rng=None, size=None: rng.normal(mean, 0.5**0.5, size=size),
            observed=r.y,
        ),
    ),
    "identity link": (  # impossible means, but near the initial values
        "positive",
        lambda d, r, m, s: pm.Gamma("obs", mu=m + 0.2, sigma=s, observed=r.y),
    ),
    "potential of parameters": ("number", lambda d, r, m, s: _with_potential(r, m, s)),
    "prior of the table": (
        "number",
        lambda d, r, m, s: pm.Normal(
            "obs", m + pm.Normal("c", np.median(r.y), 1 + 5 * np.std(r.y)), s, observed=r.y
        ),
    ),
}


def _with_potential(response, mu, s):
    pm.Potential("small", -(s**2))
    pm.Normal("obs", mu, s, observed=response.y)


@pytest.mark.parametrize("kind", OTHERS)
def test_other_likelihoods_pass(kind, table):
    column, write = OTHERS[kind]
    check_own(task_of(_likelihood(write), table, column))
