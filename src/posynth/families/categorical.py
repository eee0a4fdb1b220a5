r"""Bayesian multinomial logistic regression.

.. math:: P(y = c) \propto \exp(\alpha_c + X\beta_c), \qquad \alpha_r = \beta_r = 0

The most frequent level r is the reference. Predictors are standardised; by default
:math:`\alpha_c \sim N(0, 5)` and :math:`\beta_{jc} \sim N(0, 2.5)`; prior ``log_f`` has
:math:`\beta_{jc} \sim Logistic(0, s)` (see ``bernoulli``); prior ``flat`` is constant.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.chain.facts import CATEGORICAL, FamilyFacts
from posynth.families.base import (
    Contents,
    Design,
    Family,
    Priors,
    Response,
    intercept,
    regression_contents,
    slopes,
)

if TYPE_CHECKING:
    import pymc as pm


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a regression holds, and the matrix that sets the reference level to zero."""
    held = regression_contents(design, response, priors)
    # A product with a contrast matrix compiles in half the time of joining a column of zeros.
    others = np.delete(np.eye(len(response.levels)), response.reference, axis=0)
    return Contents(
        {**held.data, "contrasts": (others, ("contrast", "level"))},
        {**held.coords, "level": response.levels, "contrast": response.contrasts},
    )


def _write(design: Design, response: Response, priors: Priors, parameters: Any) -> "pm.Model":
    import pymc as pm

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        alpha, beta = parameters(data)
        contrasts = data["contrasts"]
        eta = alpha @ contrasts + data["X"] @ (beta @ contrasts)  # (row, level)
        pm.Categorical("response", logit_p=eta, observed=data["y"], dims="row")
    return model


def weak(data: Any) -> tuple[Any, Any]:
    """Return intercepts and slopes under normal priors."""
    return intercept(data, dims="contrast"), slopes(data, dims=("predictor", "contrast"))


def logistic_slopes(data: Any) -> tuple[Any, Any]:
    """Return intercepts and slopes under log-F(2, 2), the logistic distribution, for slopes."""
    both = ("predictor", "contrast")
    return intercept(data, dims="contrast"), slopes(data, dims=both, logistic=True)


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under the weakly informative prior."""
    return _write(design, response, priors, weak)


def log_f(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under log-F(2, 2), the logistic distribution, for slopes."""
    return _write(design, response, priors, logistic_slopes)


def flat(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under a flat prior."""
    import pymc as pm

    def parameters(data: Any) -> tuple[Any, Any]:
        return pm.Flat("alpha", dims="contrast"), pm.Flat("beta", dims=("predictor", "contrast"))

    return _write(design, response, priors, parameters)


FAMILY = Family(
    FamilyFacts(
        name="categorical",
        kinds=CATEGORICAL,
        summary="Bayesian multinomial logistic regression, most frequent level as reference",
        priors={
            "weak": {"intercept": 5.0, "slope": 2.5},
            "log_f": {"intercept": 5.0, "slope": 1.0},
            "flat": {},
        },
        sampler="softmax",
        sampler_priors=("weak", "log_f"),
        stated_priors=("weak", "log_f"),
        contrasts=True,
    ),
    build,
    variants={"log_f": log_f, "flat": flat},
    contents=contents,
)
