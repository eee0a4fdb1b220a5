r"""Saturated table: every cell of the predictors has its own level probabilities.

.. math:: y \mid cell \sim Categorical(p_{cell}), \qquad p_{cell} \sim Dirichlet(a, \ldots, a)

``X`` holds one indicator a cell; without predictors there is one cell, and the model is the
marginal of a categorical column. The posterior is Dirichlet(a + counts), exactly.
"""

from typing import TYPE_CHECKING

import numpy as np

from posynth.chain.facts import CATEGORICAL, FamilyFacts
from posynth.families.base import Design, Family, Priors, Response

if TYPE_CHECKING:
    import pymc as pm


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    coords = {"predictor": design.predictors, "level": response.levels}
    ones = np.ones((len(design.predictors), len(response.levels)))
    with pm.Model(coords=coords) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        y = pm.Data("y", response.y, dims="row")
        a = pm.Data("prior_concentration", priors["concentration"] * ones)
        p = pm.Dirichlet("p", a, dims=("predictor", "level"))
        pm.Categorical("response", p=X @ p, observed=y, dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="dirichlet",
        kinds=CATEGORICAL,
        summary="saturated table: Dirichlet-categorical in every cell of the predictors",
        priors={"uniform": {"concentration": 1.0}, "jeffreys": {"concentration": 0.5}},
        design="cells",
        exact="dirichlet",
        exact_priors=("uniform", "jeffreys"),
    ),
    build,
)
