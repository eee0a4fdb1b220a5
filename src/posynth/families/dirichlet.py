r"""Saturated table: every cell of the predictors has its own level probabilities.

.. math:: y \mid cell \sim Categorical(p_{cell}), \qquad p_{cell} \sim Dirichlet(a, \ldots, a)

``X`` holds one indicator a cell; without predictors there is one cell, and the model is the
marginal of a categorical column. The posterior is Dirichlet(a + counts), exactly.
"""

from typing import TYPE_CHECKING

import numpy as np

from posynth.chain.facts import CATEGORICAL, FamilyFacts
from posynth.families.base import Contents, Design, Family, Priors, Response

if TYPE_CHECKING:
    import pymc as pm


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return cell indicators, level indices and the prior's concentrations."""
    a = np.full((len(design.predictors), len(response.levels)), float(priors["concentration"]))
    return Contents(
        {
            "X": (design.X, ("row", "predictor")),
            "y": (response.y, ("row",)),
            "prior_concentration": (a, ("predictor", "level")),
        },
        {"predictor": design.predictors, "level": response.levels},
    )


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        p = pm.Dirichlet("p", data["prior_concentration"], dims=("predictor", "level"))
        pm.Categorical("response", p=data["X"] @ p, observed=data["y"], dims="row")
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
    contents=contents,
)
