"""A model of one's own is compiled once a form, and never used where its graph differs."""

import numpy as np
import pymc as pm
import pytensor
import pytest

from posynth.engines.compiled import CompiledModel, compilations
from posynth.engines.conditioned import Conditioned
from posynth.engines.density import Density
from posynth.engines.reuse import same_form
from posynth.families.base import Design, Response
from posynth.families.own import as_family


def line(n=20, p=2, seed=1, scale=1.0, constant=None, hidden=None, observed=True):
    rng = np.random.default_rng(seed)
    names = [f"x{j}" for j in range(p)]
    with pm.Model(coords={"predictor": names}) as model:
        X = pm.Data("X", rng.normal(size=(n, p)), dims=("row", "predictor"))
        values = rng.normal(size=n)
        y = pm.Data("y", values, dims="row") if observed else values
        beta = pm.Normal("beta", 0.0, scale, dims="predictor")
        sigma = pm.Exponential("sigma", 1.0)
        mean = X @ beta
        if constant is not None:
            mean = mean + constant
        if hidden is not None:
            mean = mean + pytensor.shared(hidden)
        pm.Normal("response", mean, sigma, observed=y, dims="row")
    return model


@pytest.mark.parametrize("other", [{"seed": 2}, {"n": 35}, {"p": 3}, {"n": 7, "p": 1, "seed": 4}])
def test_other_data_are_the_same_form(other):
    assert same_form(line(), line(**other))


@pytest.mark.parametrize(
    "other",
    [
        {"scale": 2.0},
        {"constant": 0.5},
        {"hidden": 0.5},
        {"observed": False},
    ],
)
def test_other_graphs_are_not(other):
    assert not same_form(line(), line(**other))
    assert not same_form(line(**other), line())


def test_constants_and_hidden_numbers_of_a_table_are_seen():
    assert same_form(line(constant=0.5), line(constant=0.5, seed=2))
    assert not same_form(line(constant=0.5), line(constant=0.6))
    assert not same_form(line(hidden=0.5), line(hidden=0.5))  # set_data cannot reach it
    assert not same_form(line(observed=False), line(observed=False, seed=2))


def test_the_reused_density_is_that_of_a_new_compilation():
    old, new = CompiledModel(line()), line(n=33, p=3, seed=8)
    reused = Density(Conditioned(old, new))
    fresh = Density(Conditioned(CompiledModel(new), new))
    theta = np.random.default_rng(3).normal(size=fresh.size)
    assert reused(theta)[0] == pytest.approx(fresh(theta)[0])
    np.testing.assert_allclose(reused(theta)[1], fresh(theta)[1])


def test_a_second_fit_of_a_column_compiles_nothing(make_task):
    from posynth.engines.base import Task
    from posynth.engines.choose import fit

    def build(design, response, priors):
        with pm.Model(coords={"predictor": design.predictors}) as model:
            X = pm.Data("X", design.X, dims=("row", "predictor"))
            y = pm.Data("y", response.y, dims="row")
            beta = pm.Normal("beta", 0.0, 2.0, dims="predictor")
            pm.Normal("response", X @ beta, 1.0, observed=y, dims="row")
        return model

    family, rng = as_family(build, "line_of_my_own"), np.random.default_rng(1)

    def task(n):
        X = rng.normal(size=(n, 2))
        return Task(family, Design(X, ("a", "b")), Response("y", X @ [1.0, -1.0]), "own", {})

    fit(task(50), "auto", rng)
    before = dict(compilations)
    found = fit(task(80), "auto", rng)
    assert compilations == before
    np.testing.assert_allclose(found.draws["beta"].mean(axis=(0, 1)), [1.0, -1.0], atol=0.15)
