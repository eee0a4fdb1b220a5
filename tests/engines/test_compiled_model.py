"""One compiled form serves every column: gradients, other data, and draws."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest

from posynth.engines.choose import condition, fit
from posynth.engines.compiled import CompiledModel, compilations
from posynth.engines.density import Density
from posynth.errors import SpecError
from posynth.families import families
from posynth.families.own import as_family

PAIRS = [
    (name, prior)
    for name, f in families().items()
    if not f.algorithm  # it has no density
    for prior in f.facts.priors
]


@pytest.fixture
def simulate(make_task, holder):
    """Give a task of any family on simulated data of any size."""

    def build(name, prior, n, p, levels, seed=1):
        rng, facts = np.random.default_rng([n, p, levels, seed]), families()[name].facts
        X = rng.standard_normal((n, p))
        if facts.design == "cells":
            X = np.eye(p)[rng.integers(0, p, n)]
        if facts.response != "codes":
            noise = np.abs(rng.standard_normal(n).round(1)) + 1
            open_support = facts.support == "real"
            return make_task(name, prior, X, noise if open_support else holder(facts, n, 0))
        levels = 2 if facts.kinds == families()["bernoulli"].facts.kinds else levels
        return make_task(name, prior, X, rng.integers(0, levels, n), levels=levels)

    return build


SIZES = [(23, 2, 3), (1, 1, 2), (40, 5, 6), (7, 1, 2), (23, 2, 3)]


@pytest.mark.parametrize(("name", "prior"), PAIRS)
def test_a_template_on_other_data_equals_a_fresh_model_and_compiles_nothing(name, prior, simulate):
    tasks = [simulate(name, prior, *size) for size in SIZES]
    Density(condition(tasks[0], tasks[0].model()))
    before = dict(compilations)
    rng = np.random.default_rng(2)
    for task in tasks:
        model = task.model()
        density = Density(condition(task, model))
        fresh = model.compile_logp(mode="FAST_COMPILE")
        for _ in range(3):
            theta = 0.5 * rng.standard_normal(density.size)
            parts = density.model.split(theta)
            point = dict(zip((v.name for v in model.value_vars), parts, strict=True))
            assert density(theta)[0] == pytest.approx(float(fresh(point)), rel=1e-12, abs=1e-9)
    assert compilations == before


@pytest.mark.parametrize(("name", "prior"), PAIRS)
def test_the_gradient_is_that_of_the_log_density(name, prior, simulate, density_of):
    density = density_of(simulate(name, prior, 23, 2, 3))
    rng, step = np.random.default_rng(3), 1e-5
    for _ in range(5):
        theta = 0.7 * rng.standard_normal(density.size)
        gradient = density(theta)[1]
        offsets = step * np.eye(density.size)
        numeric = [(density(theta + h)[0] - density(theta - h)[0]) / (2 * step) for h in offsets]
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-6)


def test_a_density_keeps_its_data_whatever_the_template_is_used_for_next(simulate, monkeypatch):
    monkeypatch.setattr("posynth.engines.choose._shared", {})  # as in a new process
    tasks = [simulate("categorical", "weak", *size) for size in SIZES]
    kept = Density(condition(tasks[0]))
    theta = np.full(6, 0.3)
    first = kept(theta)[0]
    for task in tasks[1:]:
        other = condition(task)
        Density(other)(np.zeros(other.size))
        other.with_data(X=np.zeros((2, task.design.X.shape[1])))
    assert kept(theta)[0] == Density(condition(tasks[0]))(theta)[0] == first


def test_data_laid_out_otherwise_give_the_same_digits_and_compile_nothing(simulate):
    task = simulate("bernoulli", "weak", 40, 3, 2)
    design, readonly = task.design, task.design.X.copy()
    readonly.flags.writeable = False
    theta = np.full(4, 0.2)
    value, gradient = Density(condition(task))(theta)
    call = condition(task).compiled.density._call.vm.jit_fn
    known = len(call.signatures)
    for X in (np.asfortranarray(design.X), np.repeat(design.X, 2, axis=0)[::2], readonly):
        other = Density(condition(replace(task, design=replace(design, X=X))))(theta)
        assert other[0] == value and (other[1] == gradient).all()
    assert len(call.signatures) == known


@pytest.mark.parametrize("levels", [2, 3, 6])
@pytest.mark.parametrize("p", [0, 1, 4])
def test_categorical_columns_of_any_size_are_fitted_and_drawn(levels, p, simulate):
    task = simulate("categorical", "weak", 80, p, levels)
    found = fit(task, "auto", np.random.default_rng(1))
    assert found.draws["alpha"].shape[2:] == (levels - 1,)
    assert found.draws["beta"].shape[2:] == (p, levels - 1)
    model = condition(task).with_data(X=np.zeros((500, p)))
    theta = [found.draws[name][0, 0] for name in model.names]
    drawn = model.draw(theta, np.random.default_rng(1))
    assert drawn.shape == (500,) and set(drawn) <= set(range(levels))


def test_gaussian_columns_without_predictors_are_drawn(simulate):
    task = simulate("gaussian", "weak", 30, 0, 0)
    model = condition(task).with_data(X=np.empty((1000, 0)))
    theta = [np.array(2.0), np.empty(0), np.array(0.5)]
    drawn = model.draw(theta, np.random.default_rng(1))
    assert drawn.shape == (1000,)
    assert abs(drawn.mean() - 2) < 4 * 0.5 / np.sqrt(1000)


def test_a_second_draw_with_one_generator_is_another_draw(simulate):
    task = simulate("gaussian", "weak", 30, 1, 0)
    model = condition(task)
    theta, rng = [np.array(0.0), np.zeros(1), np.array(1.0)], np.random.default_rng(1)
    first, second = model.draw(theta, rng), model.draw(theta, rng)
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(30)
    again = model.draw(theta, np.random.default_rng(1))
    np.testing.assert_array_equal(first, again)


def test_a_model_without_coordinates_keeps_its_slopes(make_task):
    def build(design, response, priors):
        with pm.Model() as model:
            X = pm.Data("X", design.X, dims=("row", "predictor"))
            y = pm.Data("y", response.y, dims="row")
            slope = pm.Normal("slope", dims="predictor")
            pm.Normal("r", X @ slope, 1.0, observed=y, dims="row")
        return model

    X = np.random.default_rng(1).standard_normal((200, 2))
    task = make_task("gaussian", "weak", X, X @ [1.0, -1.0])
    task = replace(task, family=as_family(build), prior="own", priors={})
    found = fit(task, "auto", np.random.default_rng(1))
    np.testing.assert_allclose(found.draws["slope"].mean(axis=(0, 1)), [1, -1], atol=4 * 0.08)


def test_a_model_of_another_form_is_refused():
    with pm.Model() as model:
        pm.Normal("a")
    with pytest.raises(SpecError, match=r"needs pm.Data\('X', ...\) and exactly one observed"):
        CompiledModel(model)


def test_whole_and_real_responses_do_not_share_a_compiled_form(make_task, density_of):
    X = np.random.default_rng(1).standard_normal((9, 1))
    for y in (np.arange(9), np.arange(9) / 4, np.arange(9)):
        density = density_of(make_task("gaussian", "weak", X, y))
        residual = 0.5 * np.sum(y**2) + 9 * 0.5 * np.log(2 * np.pi)
        prior = 2 * np.log(2.5 * np.sqrt(2 * np.pi)) + 1
        assert density(np.zeros(3))[0] == pytest.approx(-residual - prior)
