"""The normal approximation that every engine starts from."""

import numpy as np
import pymc as pm
import pytest

from posynth.engines.compiled import CompiledModel
from posynth.engines.conditioned import Conditioned
from posynth.engines.density import Density
from posynth.engines.mode import find_mode


def test_a_density_with_kinks_has_its_spread_from_afar() -> None:
    """Medians of n absolute errors of scale b have sd b / sqrt(n), at any kink of the density."""
    rng = np.random.default_rng(4)
    n, b = 400, 0.7
    x = rng.standard_normal(n)
    with pm.Model() as model:
        X = pm.Data("X", x[:, None], dims=("row", "predictor"))
        y = pm.Data("y", 1.0 + 2.0 * x + rng.laplace(0, b, n), dims="row")
        alpha, beta = pm.Normal("alpha", 0, 100), pm.Normal("beta", 0, 100)
        pm.Laplace("response", alpha + beta * X[:, 0], b, observed=y, dims="row")
    mode = find_mode(Density(Conditioned(CompiledModel(model), model)))
    sds = np.sqrt(np.diag(mode.factor @ mode.factor.T))
    # curvature is counted over some 10 rows within one sd: its relative error is about 1/3
    assert np.abs(np.log(sds * np.sqrt(n) / b)).max() < np.log(1.5)
    assert mode.theta == pytest.approx([1.0, 2.0], abs=4 * b / np.sqrt(n))
