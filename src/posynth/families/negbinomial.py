r"""Negative binomial regression for counts that vary more than a Poisson's.

.. math:: y \sim NB(\mu, \phi), \quad \log\mu = \log\bar y + \alpha + X\beta, \quad
    Var(y) = \mu + \mu^2/\phi

on standardised predictors, with :math:`\alpha \sim N(0, 5)`,
:math:`\beta_j \sim N(0, 2.5)` and :math:`1/\phi \sim Exp(1)`, which puts its mode at the Poisson.

References
----------
Hilbe, J. M. (2011). Negative Binomial Regression, 2nd edition. Cambridge University Press.
"""

from typing import TYPE_CHECKING

from posynth.chain.facts import FamilyFacts
from posynth.families.base import (
    Design,
    Family,
    Priors,
    Response,
    log_link_contents,
    weak_line,
)
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = log_link_contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        mean = pm.math.exp(data["location"] + weak_line(data))
        dispersion = pm.Exponential("dispersion", data["prior_dispersion"])
        pm.NegativeBinomial(
            "response", mu=mean, alpha=1 / dispersion, observed=data["y"], dims="row"
        )
    return model


FAMILY = Family(
    FamilyFacts(
        name="negbinomial",
        kinds=frozenset({Kind.COUNT}),
        summary="negative binomial regression, log mu = log mean + alpha + X beta",
        priors={"weak": {"intercept": 5.0, "slope": 2.5, "dispersion": 1.0}},
        response="natural",
        support="whole",
        stated_priors=("weak",),
    ),
    build,
    contents=log_link_contents,
)
