r"""Bayesian logistic regression.

.. math:: P(y = 1) = logit^{-1}(\alpha + X\beta)

with predictors standardised and, by default, :math:`\alpha \sim N(0, 5)` and
:math:`\beta_j \sim N(0, 2.5)`, which keeps the posterior proper under perfect separation.
Prior ``log_f`` has :math:`\beta_j \sim Logistic(0, s)`, which is log-F(2, 2) for s = 1: it weighs
as much as one case and one non-case at a predictor's unit, pulls a slope by at most 1/s however
large it is, and so keeps strong effects where cases are few. Prior ``flat`` is
:math:`p(\alpha, \beta) \propto 1`.

References
----------
Greenland, S. and Mansournia, M. A. (2015). Penalization, bias reduction, and default priors in
logistic and related categorical and survival regressions. Statistics in Medicine 34, 3133-3143.
"""

from typing import TYPE_CHECKING, Any

from posynth.chain.facts import FamilyFacts
from posynth.families.base import (
    Design,
    Family,
    Priors,
    Response,
    intercept,
    regression_contents,
    slopes,
)
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm


def _write(design: Design, response: Response, priors: Priors, parameters: Any) -> "pm.Model":
    import pymc as pm

    held = regression_contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        alpha, beta = parameters(data)
        pm.Bernoulli("response", logit_p=alpha + data["X"] @ beta, observed=data["y"], dims="row")
    return model


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under the weakly informative prior."""

    def parameters(data: Any) -> tuple[Any, Any]:
        return intercept(data), slopes(data)

    return _write(design, response, priors, parameters)


def log_f(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under log-F(2, 2), the logistic distribution, for slopes."""

    def parameters(data: Any) -> tuple[Any, Any]:
        return intercept(data), slopes(data, logistic=True)

    return _write(design, response, priors, parameters)


def flat(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under a flat prior."""
    import pymc as pm

    def parameters(data: Any) -> tuple[Any, Any]:
        return pm.Flat("alpha"), pm.Flat("beta", dims="predictor")

    return _write(design, response, priors, parameters)


FAMILY = Family(
    FamilyFacts(
        name="bernoulli",
        kinds=frozenset({Kind.BINARY}),
        summary="Bayesian logistic regression, logit P(y = 1) = alpha + X beta",
        priors={
            "weak": {"intercept": 5.0, "slope": 2.5},
            "log_f": {"intercept": 5.0, "slope": 1.0},
            "flat": {},
        },
        sampler="logistic",
        sampler_priors=("weak", "log_f"),
        stated_priors=("weak", "log_f"),
    ),
    build,
    variants={"log_f": log_f, "flat": flat},
    contents=regression_contents,
)
