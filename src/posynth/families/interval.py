r"""Regression of mean and spread on a learned scale, with shared values as intervals.

.. math:: z \sim N(\alpha + X\beta, \exp(\gamma_0 + S\gamma)),

S some columns of X, with :math:`\alpha \sim N(0, 2.5)`, :math:`\beta_j \sim N(0, 2.5)`,
:math:`\gamma_0 \sim N(0, 2)`, :math:`\gamma_j \sim N(0, 0.5)`. Of a value that many rows share -
zeros, heaps, few different numbers - the score z is known up to an interval (a, b) only, and such
a row contributes :math:`\Phi((b - \mu)/\sigma) - \Phi((a - \mu)/\sigma)`: an ordered probit where
all values are shared, a Tobit regression where the zeros are. Under families ``gaussian`` and
``location_scale`` the scores within intervals are drawn once and then taken as seen, so that all
copies agree on what is not known.

References
----------
Tobin, J. (1958). Estimation of relationships for limited dependent variables. Econometrica 26(1),
24-36. Rubin, D. B. (1987). Multiple Imputation for Nonresponse in Surveys. Wiley, chapter 4.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import (
    Contents,
    Design,
    Family,
    Priors,
    Response,
    regression_contents,
    weak_line,
)
from posynth.families.cells import cell_contents, log_normal, log_normal_response

if TYPE_CHECKING:
    import pymc as pm


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what the model holds."""
    held = regression_contents(design, response, priors)
    cells = cell_contents(response)
    data = {
        "spread_columns": (np.array(design.spread, dtype=np.int64), ("spread",)),
    }
    coords = {
        "spread": tuple(design.predictors[i] for i in design.spread),
    }
    return Contents({**held.data, **cells.data, **data}, {**held.coords, **cells.coords, **coords})


def _log_distribution(z: Any, mean: Any, sigma: Any, lower: Any, upper: Any) -> Any:
    return log_normal((z - mean) / sigma)


def _draw(mean: Any, sigma: Any, lower: Any, upper: Any, size: Any) -> Any:
    import pymc as pm

    return pm.Normal.dist(mean, sigma, size=mean.shape)


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        mean = weak_line(data)
        gamma0 = pm.Normal("gamma0", 0.0, data["prior_spread"])
        gamma = pm.Normal("gamma", 0.0, data["prior_spread_slope"], dims="spread")
        sigma = pm.math.exp(gamma0 + data["X"][:, data["spread_columns"]] @ gamma)
        pm.CustomDist(
            "response",
            *(mean, sigma, data["cell_lower"], data["cell_upper"]),
            logp=log_normal_response,
            logcdf=_log_distribution,
            dist=_draw,
            signature="(),(),(c),(c)->()",
            observed=data["y"],
            dims="row",
        )
    return model


FAMILY = Family(
    FamilyFacts(
        name="interval",
        kinds=NUMERIC,
        summary="regression of mean and spread whose shared values are intervals of the scale",
        priors={
            "weak": {"intercept": 2.5, "slope": 2.5, "spread": 2.0, "spread_slope": 0.5},
        },
        response="standardised",
        design="interval",
        sampler="tilted",
    ),
    build,
    contents=contents,
)
