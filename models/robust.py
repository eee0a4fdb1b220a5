"""A conditional written by hand: linear regression with Student-t errors, for outliers.

Any function (design, response, priors) -> pm.Model can be named in a chain file, here as
``family = "robust.py:student"``. It holds the data ``X`` and ``y``, named parameters, and one
observed variable; everything else (engines, diagnostics, draws) is posynth's.
"""

import pymc as pm

from posynth import conditional


@conditional(response="standardised", summary="Student-t regression, degrees of freedom unknown")
def student(design, response, priors):
    """Y ~ t(nu, alpha + X beta, sigma), nu ~ Gamma(2, 0.1) (Juarez and Steel 2010)."""
    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        y = pm.Data("y", response.y, dims="row")
        alpha = pm.Normal("alpha", 0.0, 2.5)
        beta = pm.Normal("beta", 0.0, 2.5, dims="predictor")
        sigma = pm.Exponential("sigma", 1.0)
        nu = pm.Gamma("nu", 2.0, 0.1)
        pm.StudentT("response", nu=nu, mu=alpha + X @ beta, sigma=sigma, observed=y, dims="row")
    return model
