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
from posynth.families.base import Design, Family, Priors, Response

if TYPE_CHECKING:
    import pymc as pm


def _likelihood(design: Design, response: Response, parameters: Any) -> "pm.Model":
    import pymc as pm

    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        y = pm.Data("y", response.y, dims="row")
        alpha, beta, sigma = parameters()
        pm.Normal("response", alpha + X @ beta, sigma, observed=y, dims="row")
    return model


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under the weakly informative prior."""
    import pymc as pm

    def parameters() -> tuple[Any, Any, Any]:
        scale = {name: pm.Data(f"prior_{name}", value) for name, value in priors.items()}
        alpha = pm.Normal("alpha", 0.0, scale["intercept"])
        beta = pm.Normal("beta", 0.0, scale["slope"], dims="predictor")
        return alpha, beta, pm.Exponential("sigma", scale["sigma"])

    return _likelihood(design, response, parameters)


def conjugate(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under the normal-inverse-gamma prior."""
    import pymc as pm

    def parameters() -> tuple[Any, Any, Any]:
        scale = {name: pm.Data(f"prior_{name}", value) for name, value in priors.items()}
        variance = pm.InverseGamma("variance", scale["shape"], scale["rate"])
        sigma = pm.math.sqrt(variance)
        alpha = pm.Normal("alpha", 0.0, scale["intercept"] * sigma)
        beta = pm.Normal("beta", 0.0, scale["slope"] * sigma, dims="predictor")
        return alpha, beta, sigma

    return _likelihood(design, response, parameters)


def jeffreys(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under p(alpha, beta, sigma) proportional to 1/sigma."""
    import pymc as pm

    def parameters() -> tuple[Any, Any, Any]:
        sigma = pm.HalfFlat("sigma")
        pm.Potential("jeffreys", -pm.math.log(sigma))
        return pm.Flat("alpha"), pm.Flat("beta", dims="predictor"), sigma

    return _likelihood(design, response, parameters)


def flat(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under a prior flat in alpha, beta and sigma."""
    import pymc as pm

    def parameters() -> tuple[Any, Any, Any]:
        return pm.Flat("alpha"), pm.Flat("beta", dims="predictor"), pm.HalfFlat("sigma")

    return _likelihood(design, response, parameters)


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
    ),
    build,
    variants={"conjugate": conjugate, "jeffreys": jeffreys, "flat": flat},
)
