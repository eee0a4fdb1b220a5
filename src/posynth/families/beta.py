r"""Beta regression for values between two bounds.

.. math:: \frac{y - l}{u - l} \sim Beta(\mu\phi, (1 - \mu)\phi), \quad
    logit\,\mu = \alpha + X\beta, \quad \phi = 1/d - 1

on standardised predictors. d is the variance as a share of :math:`\mu(1 - \mu)`, the largest that
a bounded variable of that mean can have. :math:`\alpha \sim N(0, 2.5)`,
:math:`\beta_j \sim N(0, 2.5)` as in a logistic regression, and :math:`d \sim Beta(1, 1/s)` with
s = 1/4, which leans towards one hump.

Options ``lower`` and ``upper`` are l and u; unless stated they are 0 and 1, or 0 and 100 where a
value exceeds 1. Values at a bound have no density: ``truncated`` allows them, and
``semicontinuous_gaussian`` gives them a share of their own.

References
----------
Ferrari, S. and Cribari-Neto, F. (2004). Beta regression for modelling rates and proportions.
Journal of Applied Statistics 31(7), 799-815. Gelman, A., Jakulin, A., Pittau, M. G. and Su, Y.-S.
(2008). Annals of Applied Statistics 2(4), 1360-1383: the scale 2.5.
"""

from typing import TYPE_CHECKING

from posynth.chain.facts import FamilyFacts
from posynth.families.base import (
    Design,
    Family,
    Priors,
    Response,
    regression_contents,
    weak_line,
)
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = regression_contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        eta = weak_line(data)
        dispersion = pm.Beta("dispersion", 1.0, 1 / data["prior_dispersion"])
        size = 1 / dispersion - 1
        ones, zeros = size * pm.math.sigmoid(eta), size * pm.math.sigmoid(-eta)
        pm.Beta("response", ones, zeros, observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="beta",
        kinds=frozenset({Kind.CONTINUOUS, Kind.COUNT}),
        summary="beta regression between bounds, logit of the relative mean = alpha + X beta",
        priors={"weak": {"intercept": 2.5, "slope": 2.5, "dispersion": 0.25}},
        response="standardised",
        support="open",
        options={"lower": None, "upper": None},
        stated_priors=("weak",),
    ),
    build,
    contents=regression_contents,
)
