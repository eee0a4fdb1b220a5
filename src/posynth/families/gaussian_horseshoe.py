r"""Bayesian linear regression under the regularised horseshoe: for many predictors, few of use.

.. math:: y \sim N(\alpha + X\beta, \sigma)

on the standardised response and standardised predictors, with :math:`\alpha \sim N(0, 2.5)`,
:math:`\sigma \sim Exp(1)`, and :math:`\beta` under the prior of ``horseshoe``. Where predictors do
nothing, copies carry their noise no further; ``gaussian`` estimates each and passes its error on.
"""

from typing import TYPE_CHECKING

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import Design, Family, Priors, Response
from posynth.families.horseshoe import RATIO, coefficients, contents

if TYPE_CHECKING:
    import pymc as pm


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        alpha = pm.Normal("alpha", 0.0, data["prior_intercept"])
        sigma = pm.Exponential("sigma", data["prior_sigma"])
        mean = alpha + data["X"] @ coefficients(data, sigma)
        pm.Normal("response", mean, sigma, observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="gaussian_horseshoe",
        kinds=NUMERIC,
        summary="linear regression that shrinks coefficients of no use, regularised horseshoe",
        priors={"shrinkage": {"intercept": 2.5, "slope": 2.5, "sigma": 1.0, "ratio": RATIO}},
        response="standardised",
    ),
    build,
    contents=contents,
)
