r"""Linear regression of mean and spread: errors are wider for some rows than for others.

.. math:: y \sim N(\alpha + X\beta, \exp(\gamma_0 + X\gamma))

on the standardised response and predictors, with :math:`\alpha \sim N(0, 2.5)`,
:math:`\beta_j \sim N(0, 2.5)`, :math:`\gamma_0 \sim N(0, 2)`, :math:`\gamma_j \sim N(0, 0.5)`: a
predictor one sd away multiplies the spread by a factor between 1/e and e with probability 0.95.

References
----------
Harvey, A. C. (1976). Estimating regression models with multiplicative heteroscedasticity.
Econometrica 44(3), 461-465.
"""

from typing import TYPE_CHECKING

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import (
    Design,
    Family,
    Priors,
    Response,
    regression_contents,
    weak_line,
)

if TYPE_CHECKING:
    import pymc as pm


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = regression_contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        mean = weak_line(data)
        gamma0 = pm.Normal("gamma0", 0.0, data["prior_spread"])
        gamma = pm.Normal("gamma", 0.0, data["prior_spread_slope"], dims="predictor")
        sigma = pm.math.exp(gamma0 + data["X"] @ gamma)
        pm.Normal("response", mean, sigma, observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="location_scale",
        kinds=NUMERIC,
        summary="linear regression of mean and spread, N(alpha + X beta, exp(gamma0 + X gamma))",
        priors={
            "weak": {"intercept": 2.5, "slope": 2.5, "spread": 2.0, "spread_slope": 0.5},
        },
        response="standardised",
        sampler="location_scale",
        stated_priors=("weak",),
    ),
    build,
    contents=regression_contents,
)
