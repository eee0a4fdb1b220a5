"""The density that is compiled is PyMC's own, whatever form it takes for speed."""

import numpy as np
import pymc as pm
import pytensor
import pytest

from posynth.engines.base import Task
from posynth.engines.compiled import CompiledModel
from posynth.engines.conditioned import Conditioned
from posynth.engines.density import Density
from posynth.engines.likelihood import log_density
from posynth.families import families
from posynth.families.base import Design, Response

LEVELS = ("a", "b", "c", "d")


def _task(family: str, seed: int = 3) -> Task:
    member = families()[family]
    rng = np.random.default_rng(seed)
    levels = LEVELS[:2] if family == "bernoulli" else LEVELS
    prior = member.facts.default_prior
    response = Response("y", rng.integers(0, len(levels), 40), levels, reference=1)
    design = Design(rng.standard_normal((40, 3)), ("u", "v", "w"))
    return Task(member, design, response, prior, member.facts.priors[prior])


@pytest.mark.parametrize("family", ["bernoulli", "categorical", "ordinal", "ordinal_probit"])
def test_density_and_gradient_are_those_of_pymc(family: str) -> None:
    task = _task(family)
    model = task.model()
    value_and_gradient = pytensor.function(
        model.value_vars, [model.logp(), *pytensor.grad(model.logp(), model.value_vars)]
    )
    density = Density(Conditioned(CompiledModel(task.model()), task.held()))
    rng = np.random.default_rng(5)
    for size in (0.1, 1.0, 5.0):
        theta = size * rng.standard_normal(density.size)
        value, *parts = value_and_gradient(*density.model.split(theta))
        found, gradient = density(theta)
        assert found == pytest.approx(float(value), rel=1e-10)
        np.testing.assert_allclose(
            gradient, np.concatenate([np.ravel(p) for p in parts]), rtol=1e-8, atol=1e-8
        )


@pytest.mark.parametrize("family", ["bernoulli", "categorical", "ordinal"])
def test_the_fast_form_is_used(family: str) -> None:
    model = _task(family).model()
    text = str(pytensor.dprint(log_density(model), file="str"))
    assert "0 <= p" not in text


def test_other_likelihoods_are_left_as_they_are() -> None:
    with pm.Model() as model:
        x = pm.Data("X", np.zeros((4, 1)))
        p = pm.Beta("p", 1.0, 1.0)
        pm.Bernoulli("response", p=p + 0.0 * x[:, 0], observed=[0, 1, 1, 0])
    assert "0 <= p" in str(pytensor.dprint(log_density(model), file="str"))


def test_potentials_count() -> None:
    with pm.Model() as model:
        X = pm.Data("X", np.ones((4, 1)))
        beta = pm.Normal("beta")
        pm.Potential("push", 3.0 * beta)
        pm.Bernoulli("response", logit_p=X[:, 0] * beta, observed=[0, 1, 1, 0])
    at = {"beta": np.array(0.7)}
    expected = model.compile_logp()(at)
    found = pytensor.function(model.value_vars, log_density(model))(0.7)
    assert float(found) == pytest.approx(float(expected), rel=1e-12)
