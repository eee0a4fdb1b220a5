r"""Gamma regression for positive columns: a constant coefficient of variation.

.. math:: y \sim Gamma(mean = \mu, sd = \mu\sqrt{d}), \quad
    \log\mu = m + s(\alpha + X\beta)

on standardised predictors, with m and s the mean and sd of log y; :math:`\alpha \sim N(0, 2.5)`,
:math:`\beta_j \sim N(0, 2.5)` and :math:`d \sim Exp(1)`, the squared coefficient of variation.

References
----------
McCullagh, P. and Nelder, J. A. (1989). Generalized Linear Models, 2nd edition, chapter 8.
"""

from typing import TYPE_CHECKING

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import Design, Family, Priors, Response, weak_line
from posynth.families.lognormal import contents

if TYPE_CHECKING:
    import pymc as pm


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        eta = data["location"] + data["spread"] * weak_line(data)
        shape = 1 / pm.Exponential("dispersion", data["prior_dispersion"])
        rate = shape * pm.math.exp(-eta)
        pm.Gamma("response", shape, rate, observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="gamma",
        kinds=NUMERIC,
        summary="gamma regression, log E y = m + s (alpha + X beta), variance dispersion mu^2",
        priors={"weak": {"intercept": 2.5, "slope": 2.5, "dispersion": 1.0}},
        response="natural",
        support="positive",
        stated_priors=("weak",),
    ),
    build,
    contents=contents,
)
