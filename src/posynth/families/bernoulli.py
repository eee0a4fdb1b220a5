r"""Bayesian logistic regression.

.. math:: P(y = 1) = logit^{-1}(\alpha + X\beta)

with predictors standardised and, by default, :math:`\alpha \sim N(0, 5)` and
:math:`\beta_j \sim N(0, 2.5)`, which keeps the posterior proper under perfect separation.
Prior ``flat`` is :math:`p(\alpha, \beta) \propto 1`.
"""

from typing import TYPE_CHECKING, Any

from posynth.chain.facts import FamilyFacts
from posynth.families.base import Design, Family, Priors, Response
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm


def _likelihood(design: Design, response: Response, parameters: Any) -> "pm.Model":
    import pymc as pm

    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        y = pm.Data("y", response.y, dims="row")
        alpha, beta = parameters()
        pm.Bernoulli("response", logit_p=alpha + X @ beta, observed=y, dims="row")
    return model


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under the weakly informative prior."""
    import pymc as pm

    def parameters() -> tuple[Any, Any]:
        scale = {name: pm.Data(f"prior_{name}", value) for name, value in priors.items()}
        alpha = pm.Normal("alpha", 0.0, scale["intercept"])
        return alpha, pm.Normal("beta", 0.0, scale["slope"], dims="predictor")

    return _likelihood(design, response, parameters)


def flat(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under a flat prior."""
    import pymc as pm

    return _likelihood(
        design, response, lambda: (pm.Flat("alpha"), pm.Flat("beta", dims="predictor"))
    )


FAMILY = Family(
    FamilyFacts(
        name="bernoulli",
        kinds=frozenset({Kind.BINARY}),
        summary="Bayesian logistic regression, logit P(y = 1) = alpha + X beta",
        priors={"weak": {"intercept": 5.0, "slope": 2.5}, "flat": {}},
    ),
    build,
    variants={"flat": flat},
)
