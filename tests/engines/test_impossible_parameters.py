"""Where a distribution's parameters are impossible the density is zero, not an exception."""

from dataclasses import replace

import numpy as np
import pymc as pm

from posynth.engines.choose import fit
from posynth.families.own import as_family


def _unbounded(design, response, priors):
    """A scale that the sampler may push below zero."""
    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        y = pm.Data("y", response.y, dims="row")
        alpha = pm.Normal("alpha", 0.0, 2.5)
        scale = pm.Normal("scale", 1.0, 1.0)
        pm.Normal("r", alpha + 0.0 * X.sum(axis=1), scale, observed=y, dims="row")
    return model


def test_a_scale_below_zero_has_density_zero(make_task, density_of):
    y = np.random.default_rng(2).standard_normal(40)
    base = make_task("gaussian", "weak", np.ones((40, 1)), y)
    task = replace(base, family=as_family(_unbounded, "unbounded"), prior="own", priors={})
    value, gradient = density_of(task)(np.array([0.0, -0.5]))
    assert value == -np.inf and (gradient == 0).all()
    found = fit(task, "auto", np.random.default_rng(1))
    assert (found.draws["scale"] > 0).all()
    error = y.std() / np.sqrt(2 * 40)
    assert abs(found.draws["scale"].mean() - y.std()) < 2 * error
