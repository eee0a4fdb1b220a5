r"""Poisson regression for counts.

.. math:: y \sim Poisson(\bar y\exp(\alpha + X\beta))

on standardised predictors, with :math:`\alpha \sim N(0, 5)` and
:math:`\beta_j \sim N(0, 2.5)`. Mean and variance are equal; where counts vary more, use
``negbinomial``.

References
----------
McCullagh, P. and Nelder, J. A. (1989). Generalized Linear Models, 2nd edition, chapter 6.
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
        pm.Poisson("response", mean, observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="poisson",
        kinds=frozenset({Kind.COUNT}),
        summary="Poisson regression, log E y = log mean + alpha + X beta",
        priors={"weak": {"intercept": 5.0, "slope": 2.5}},
        response="natural",
        support="whole",
        stated_priors=("weak",),
    ),
    build,
    contents=log_link_contents,
)
