r"""Bayesian linear regression.

.. math:: y \sim N(\alpha + X\beta, \sigma)

on the standardised response and standardised predictors. Priors:

``weak``
    :math:`\alpha \sim N(0, a)`, :math:`\beta_j \sim N(0, b)`, :math:`\sigma \sim Exp(r)`, with
    a = b = 2.5 and r = 1: the autoscaled priors of rstanarm.
``conjugate``
    normal-inverse-gamma: :math:`\sigma^2 \sim IG(shape, rate)`,
    :math:`\alpha, \beta_j \mid \sigma \sim N(0, \sigma a), N(0, \sigma b)`.
``jeffreys``
    :math:`p(\alpha, \beta, \sigma^2) \propto 1/\sigma^2`, as in ``mice.impute.norm``.
``flat``
    :math:`p(\alpha, \beta, \sigma) \propto 1`, as in the linear posteriors of posteriordb.
"""

from typing import TYPE_CHECKING, Any

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import (
    Design,
    Family,
    Priors,
    Response,
    intercept,
    regression_contents,
    slopes,
)

if TYPE_CHECKING:
    import pymc as pm


def _write(design: Design, response: Response, priors: Priors, parameters: Any) -> "pm.Model":
    import pymc as pm

    held = regression_contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        alpha, beta, sigma = parameters(data)
        mean = alpha + data["X"] @ beta
        pm.Normal("response", mean, sigma, observed=data["y"], dims="row")
    return model


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under the weakly informative prior."""
    import pymc as pm

    def parameters(data: Any) -> tuple[Any, Any, Any]:
        alpha, beta = intercept(data), slopes(data)
        return alpha, beta, pm.Exponential("sigma", data["prior_sigma"])

    return _write(design, response, priors, parameters)


def conjugate(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under the normal-inverse-gamma prior."""
    import pymc as pm

    def parameters(data: Any) -> tuple[Any, Any, Any]:
        variance = pm.InverseGamma("variance", data["prior_shape"], data["prior_rate"])
        sigma = pm.math.sqrt(variance)
        alpha = pm.Normal("alpha", 0.0, data["prior_intercept"] * sigma)
        beta = pm.Normal("beta", 0.0, data["prior_slope"] * sigma, dims="predictor")
        return alpha, beta, sigma

    return _write(design, response, priors, parameters)


def jeffreys(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under p(alpha, beta, sigma) proportional to 1/sigma."""
    import pymc as pm

    def parameters(data: Any) -> tuple[Any, Any, Any]:
        sigma = pm.HalfFlat("sigma")
        pm.Potential("jeffreys", -pm.math.log(sigma))
        return pm.Flat("alpha"), pm.Flat("beta", dims="predictor"), sigma

    return _write(design, response, priors, parameters)


def flat(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under a prior flat in alpha, beta and sigma."""
    import pymc as pm

    def parameters(data: Any) -> tuple[Any, Any, Any]:
        return pm.Flat("alpha"), pm.Flat("beta", dims="predictor"), pm.HalfFlat("sigma")

    return _write(design, response, priors, parameters)


FAMILY = Family(
    FamilyFacts(
        name="gaussian",
        kinds=NUMERIC,
        summary="Bayesian linear regression, y ~ N(alpha + X beta, sigma)",
        priors={
            "weak": {"intercept": 2.5, "slope": 2.5, "sigma": 1.0},
            "conjugate": {"intercept": 2.5, "slope": 2.5, "shape": 0.5, "rate": 0.005},
            "jeffreys": {},
            "flat": {},
        },
        response="standardised",
        exact="linear",
        exact_priors=("weak", "conjugate", "jeffreys", "flat"),
        stated_priors=("weak",),
    ),
    build,
    variants={"conjugate": conjugate, "jeffreys": jeffreys, "flat": flat},
    contents=regression_contents,
)
