r"""Bayesian multinomial logistic regression.

.. math:: P(y = c) \propto \exp(\alpha_c + X\beta_c), \qquad \alpha_r = \beta_r = 0

The most frequent level r is the reference. Predictors are standardised; by default
:math:`\alpha_c \sim N(0, 5)` and :math:`\beta_{jc} \sim N(0, 2.5)`; prior ``flat`` is constant.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.chain.facts import CATEGORICAL, FamilyFacts
from posynth.families.base import Design, Family, Priors, Response

if TYPE_CHECKING:
    import pymc as pm


def _likelihood(design: Design, response: Response, parameters: Any) -> "pm.Model":
    import pymc as pm

    coords = {
        "predictor": design.predictors,
        "level": response.levels,
        "contrast": response.contrasts,
    }
    with pm.Model(coords=coords) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        y = pm.Data("y", response.y, dims="row")
        # A product with a contrast matrix compiles in half the time of joining a column of zeros.
        others = np.delete(np.eye(len(response.levels)), response.reference, axis=0)
        contrasts = pm.Data("contrasts", others, dims=("contrast", "level"))
        alpha, beta = parameters()
        eta = (alpha + X @ beta) @ contrasts  # (row, level)
        pm.Categorical("response", logit_p=eta, observed=y, dims="row")
    return model


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under the weakly informative prior."""
    import pymc as pm

    def parameters() -> tuple[Any, Any]:
        scale = {name: pm.Data(f"prior_{name}", value) for name, value in priors.items()}
        alpha = pm.Normal("alpha", 0.0, scale["intercept"], dims="contrast")
        beta = pm.Normal("beta", 0.0, scale["slope"], dims=("predictor", "contrast"))
        return alpha, beta

    return _likelihood(design, response, parameters)


def flat(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under a flat prior."""
    import pymc as pm

    def parameters() -> tuple[Any, Any]:
        return pm.Flat("alpha", dims="contrast"), pm.Flat("beta", dims=("predictor", "contrast"))

    return _likelihood(design, response, parameters)


FAMILY = Family(
    FamilyFacts(
        name="categorical",
        kinds=CATEGORICAL,
        summary="Bayesian multinomial logistic regression, most frequent level as reference",
        priors={"weak": {"intercept": 5.0, "slope": 2.5}, "flat": {}},
    ),
    build,
    variants={"flat": flat},
)
