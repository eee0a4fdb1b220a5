r"""Lognormal regression for positive columns.

.. math:: \log y \sim N(m + s(\alpha + X\beta), s\sigma)

on standardised predictors, with m and s the mean and sd of log y; :math:`\alpha \sim N(0, 2.5)`,
:math:`\beta_j \sim N(0, 2.5)`, :math:`\sigma \sim Exp(1)`: the weakly informative prior of a linear
regression of log y.

References
----------
Gelman, A., Hill, J. and Vehtari, A. (2020). Regression and Other Stories. Cambridge University
Press, section 12.4.
"""

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    import pymc as pm


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a regression holds, and the mean and sd of log y to standardise by."""
    held = regression_contents(design, response, priors)
    of_log = {
        "location": (np.asarray(response.center), ()),
        "spread": (np.asarray(response.scale), ()),
    }
    return Contents({**held.data, **of_log}, held.coords)


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        mean = data["location"] + data["spread"] * weak_line(data)
        sigma = data["spread"] * pm.Exponential("sigma", data["prior_sigma"])
        pm.LogNormal("response", mean, sigma, observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="lognormal",
        kinds=NUMERIC,
        summary="lognormal regression, standardised log y ~ N(alpha + X beta, sigma)",
        priors={"weak": {"intercept": 2.5, "slope": 2.5, "sigma": 1.0}},
        response="natural",
        support="positive",
        exact="log_linear",
        exact_priors=("weak",),
        stated_priors=("weak",),
    ),
    build,
    contents=contents,
)
