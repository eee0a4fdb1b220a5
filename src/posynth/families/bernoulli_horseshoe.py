r"""Bayesian logistic regression under the regularised horseshoe: for many predictors, few of use.

.. math:: P(y = 1) = logit^{-1}(\alpha + X\beta)

with standardised predictors, :math:`\alpha \sim N(0, 5)`, and :math:`\beta` under the prior of
``horseshoe``, whose slab keeps the posterior proper under separation.
"""

from typing import TYPE_CHECKING

from posynth.chain.facts import FamilyFacts
from posynth.families.base import Design, Family, Priors, Response
from posynth.families.horseshoe import RATIO, coefficients, contents
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm

#: The information of a fair coin about its logit is 1/4 a row.
PSEUDO_SIGMA = 2.0


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        alpha = pm.Normal("alpha", 0.0, data["prior_intercept"])
        eta = alpha + data["X"] @ coefficients(data, PSEUDO_SIGMA)
        pm.Bernoulli("response", logit_p=eta, observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="bernoulli_horseshoe",
        kinds=frozenset({Kind.BINARY}),
        summary="logistic regression that shrinks coefficients of no use, regularised horseshoe",
        priors={"shrinkage": {"intercept": 5.0, "slope": 2.5, "ratio": RATIO}},
    ),
    build,
    contents=contents,
)
