"""Families of installed plugins are tried before any fit, as a user's own models are."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth import families as registry
from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.errors import MachineWarning, SpecError
from posynth.families.base import Family, regression_contents

FACTS = FamilyFacts(
    name="laplace_errors",
    kinds=NUMERIC,
    summary="linear regression with Laplace errors",
    priors={"weak": {"intercept": 2.5, "slope": 2.5, "sigma": 1.0}},
    response="standardised",
)


def _model(design, response, priors, scale=lambda sigma, y: sigma):
    import pymc as pm

    held = regression_contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        alpha = pm.Normal("alpha", 0.0, data["prior_intercept"])
        beta = pm.Normal("beta", 0.0, data["prior_slope"], dims="predictor")
        sigma = pm.Exponential("sigma", data["prior_sigma"])
        mean = alpha + data["X"] @ beta
        spread = scale(sigma, data["y"])
        pm.Laplace("response", mean, spread, observed=data["y"], dims="row")
    return model


def _reads_itself(design, response, priors):
    return _model(design, response, priors, lambda sigma, y: sigma * (1 + y.var()))


def _not_finite(design, response, priors):
    return _model(design, response, priors, lambda sigma, y: sigma * 0.0)


GOOD = Family(FACTS, _model, contents=regression_contents)


@pytest.fixture
def install(monkeypatch):
    """Install plugins for one test: name -> what their entry point gives, or raises."""

    def run(**plugins):
        def entry(name, given):
            def load():
                if isinstance(given, Exception):
                    raise given
                return given

            return SimpleNamespace(name=name, value=f"plugin:{name}", load=load)

        found = [entry(name, given) for name, given in plugins.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: found)
        registry._loaded.cache_clear()

    yield run
    monkeypatch.undo()
    registry._loaded.cache_clear()


@pytest.fixture
def table(rng):
    x = rng.normal(size=80)
    return pd.DataFrame({"x": x, "y": x + rng.laplace(size=80)}).round(3)


def test_a_plugin_that_can_be_used_is_tried_and_fitted(install, table, monkeypatch):
    from posynth.engines import own_check

    tried = []
    own = own_check.check_own
    monkeypatch.setattr(own_check, "check_own", lambda task: (tried.append(task), own(task)))
    install(good=GOOD)
    assert registry.is_plugin(registry.family("laplace_errors"))
    assert not any(
        registry.is_plugin(each) for name, each in registry.families().items() if "lap" not in name
    )
    chain = posynth.specify(table, methods={"y": "laplace_errors"})
    assert [task.response.name for task in tried] == ["y"]
    posterior = posynth.fit(table, chain, seed=1)
    slope = posterior.coefficients("y")["slope"].to_numpy().ravel()
    assert abs(slope.mean() - np.polyfit(table["x"], table["y"], 1)[0]) < 4 * slope.std()


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (_reads_itself, "the likelihood of 'response' reads the response itself"),
        (_not_finite, "column 'y', family 'laplace_errors': "),
    ],
)
def test_a_plugin_that_cannot_be_used_is_refused_before_any_fit(
    install, table, build, match, monkeypatch
):
    def refuse(*_, **__):
        raise AssertionError("a fit was begun")

    monkeypatch.setattr("posynth.posterior.schedule.fit_task", refuse)
    install(bad=replace(GOOD, build=build))
    with pytest.raises(SpecError, match=match):
        posynth.specify(table, methods={"y": "laplace_errors"})


def test_plugins_that_cannot_be_loaded_are_left_out_with_a_warning(install):
    taken = replace(GOOD, facts=replace(FACTS, name="gaussian"))
    install(broken=ImportError("no module named torch"), other="text", taken=taken, good=GOOD)
    with pytest.warns(MachineWarning) as caught:
        found = registry.families()
    texts = [str(each.message) for each in caught]
    assert texts == [
        "plugin 'broken' (plugin:broken) is left out: no module named torch",
        "plugin 'other' (plugin:other) is left out: it is a str, and must be a posynth Family",
        "plugin 'taken' (plugin:taken) is left out: there is a family of the name 'gaussian' "
        "already",
    ]
    assert found["gaussian"] is not taken and found["laplace_errors"] is GOOD
