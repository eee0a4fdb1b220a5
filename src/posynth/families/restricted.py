r"""Multinomial logistic regression over the levels that rules leave possible in each row.

.. math:: P(y_i = c) = \frac{a_{ic} \exp(\alpha_c + x_i\beta_c)}
    {\sum_k a_{ik} \exp(\alpha_k + x_i\beta_k)}, \qquad \alpha_r = \beta_r = 0

with :math:`a_{ic} = 1` where level c is possible in row i, else 0: the distribution of
``categorical`` given that the rules hold. The first K columns of X are a, the others the
predictors. Priors are those of ``categorical``.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.chain.facts import CATEGORICAL, FamilyFacts
from posynth.families.base import Contents, Design, Family, Priors, Response
from posynth.families.categorical import contents as of_categorical
from posynth.families.categorical import logistic_slopes, weak

if TYPE_CHECKING:
    import pymc as pm

#: Stands for the logit of a level that is impossible: the gradient at minus infinity is no number.
NEVER = -1e6


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a multinomial regression holds; X has the possible levels before predictors."""
    held = of_categorical(design, response, priors)
    return Contents({**held.data, "X": (design.X, ("row", "column"))}, held.coords)


def _write(design: Design, response: Response, priors: Priors, parameters: Any) -> "pm.Model":
    import pymc as pm
    import pytensor.tensor as pt

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        alpha, beta = parameters(data)
        contrasts = data["contrasts"]
        levels = contrasts.shape[1]
        allowed, Z = data["X"][:, :levels], data["X"][:, levels:]
        eta = alpha @ contrasts + Z @ (beta @ contrasts)  # (row, level)
        logits = pt.switch(pt.gt(allowed, 0.5), eta, NEVER)
        pm.Categorical("response", logit_p=logits, observed=data["y"], dims="row")
    return model


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under the weakly informative prior."""
    return _write(design, response, priors, weak)


def log_f(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under log-F(2, 2), the logistic distribution, for slopes."""
    return _write(design, response, priors, logistic_slopes)


def possible(X: Any, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Split X into indicators of possible levels (n, levels) and predictors (n, p)."""
    return X[:, :levels], X[:, levels:]


FAMILY = Family(
    FamilyFacts(
        name="restricted",
        kinds=CATEGORICAL,
        summary="multinomial logistic regression over the levels that rules leave possible",
        priors={
            "weak": {"intercept": 5.0, "slope": 2.5},
            "log_f": {"intercept": 5.0, "slope": 1.0},
        },
        design="restricted",
        sampler="restricted",
        sampler_priors=("weak", "log_f"),
        stated_priors=("weak", "log_f"),
        contrasts=True,
    ),
    build,
    variants={"log_f": log_f},
    contents=contents,
)
