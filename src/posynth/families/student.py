r"""Linear regression with Student-t errors: outliers neither bend the line nor widen the errors.

.. math:: y \sim t_\nu(\alpha + X\beta, \sigma)

on the standardised response and predictors, with :math:`\alpha \sim N(0, 2.5)`,
:math:`\beta_j \sim N(0, 2.5)`, :math:`\sigma \sim Exp(1)`, :math:`\nu \sim Gamma(2, 0.1)`.

References
----------
Juárez, M. A. and Steel, M. F. J. (2010). Model-based clustering of non-Gaussian panel data based
on skew-t distributions. Journal of Business & Economic Statistics 28(1), 52-66: the prior of nu.
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
        sigma = pm.Exponential("sigma", data["prior_sigma"])
        nu = pm.Gamma("nu", 2.0, data["prior_nu"])
        pm.StudentT("response", nu, mean, sigma=sigma, observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="student",
        kinds=NUMERIC,
        summary="linear regression with Student-t errors, y ~ t(nu, alpha + X beta, sigma)",
        priors={"weak": {"intercept": 2.5, "slope": 2.5, "sigma": 1.0, "nu": 0.1}},
        response="standardised",
        stated_priors=("weak",),
    ),
    build,
    contents=regression_contents,
)
