r"""Truncated normal regression for values that cannot lie beyond a bound.

.. math:: y \sim N(\alpha + X\beta, \sigma) \text{ given } l \le y \le u

on the standardised response and predictors, with :math:`\alpha \sim N(0, 2.5)`,
:math:`\beta_j \sim N(0, 2.5)`, :math:`\sigma \sim Exp(1)`: the priors of ``gaussian``.

Options ``lower`` and ``upper`` are l and u; where only one is stated the other side is open, where
neither is l = 0. They are what the column cannot exceed, never taken from the data, whose extremes
belong to somebody.

References
----------
Amemiya, T. (1973). Regression analysis when the dependent variable is truncated normal.
Econometrica 41(6), 997-1016. Priors: Goodrich, B. et al., rstanarm, autoscaled defaults.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.chain.facts import FamilyFacts
from posynth.families.base import (
    Contents,
    Design,
    Family,
    Priors,
    Response,
    regression_contents,
    weak_line,
)
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm

#: Stands for no bound, in sds of the response: the gradient at an infinite one is not a number.
FAR = 1e4
ROOT = 2.0**0.5


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a regression holds, and the bounds."""
    held = regression_contents(design, response, priors)
    bounds = {
        name: (np.asarray(np.clip(response.options[name], -FAR, FAR)), ())
        for name in ("lower", "upper")
    }
    return Contents({**held.data, **bounds}, held.coords)


def log_truncated(y: Any, mean: Any, sigma: Any, lower: Any, upper: Any) -> Any:
    """Return the log-density of a truncated normal."""
    import pymc as pm

    return pm.logp(pm.TruncatedNormal.dist(mean, sigma, lower=lower, upper=upper), y)


def log_below(y: Any, mean: Any, sigma: Any, lower: Any, upper: Any) -> Any:
    """Return the log of the distribution function of a truncated normal."""
    import pymc as pm

    return pm.logcdf(pm.TruncatedNormal.dist(mean, sigma, lower=lower, upper=upper), y)


def draw_truncated(mean: Any, sigma: Any, lower: Any, upper: Any, size: Any) -> Any:
    """Invert the distribution function, in the half of the line where it keeps its digits.

    The last step may round a value beyond its bound, where it would have no density.
    """
    import pymc as pm
    import pytensor.tensor as pt

    low, high = (lower - mean) / sigma, (upper - mean) / sigma
    mirror = low + high > 0
    low, high = pt.switch(mirror, -high, low), pt.switch(mirror, -low, high)
    below, above = pt.erfc(-low / ROOT), pt.erfc(-high / ROOT)
    share = pm.Uniform.dist(0.0, 1.0, size=size)
    z = pt.clip(-ROOT * pt.erfcinv(below + share * (above - below)), low, high)
    return pt.clip(mean + sigma * pt.switch(mirror, -z, z), lower, upper)


def observed(data: Mapping[str, Any], mean: Any, lower: Any, upper: Any) -> None:
    """Declare the spread, and the response as normal between bounds."""
    import pymc as pm

    sigma = pm.Exponential("sigma", data["prior_sigma"])
    pm.CustomDist(
        "response",
        *(mean, sigma, lower, upper),
        logp=log_truncated,
        logcdf=log_below,
        dist=draw_truncated,
        observed=data["y"],
        dims="row",
    )


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        observed(data, weak_line(data), data["lower"], data["upper"])
    return model


FAMILY = Family(
    FamilyFacts(
        name="truncated",
        kinds=frozenset({Kind.CONTINUOUS, Kind.COUNT}),
        summary="truncated normal regression, N(alpha + X beta, sigma) between declared bounds",
        priors={"weak": {"intercept": 2.5, "slope": 2.5, "sigma": 1.0}},
        response="standardised",
        support="closed",
        options={"lower": None, "upper": None},
        stated_priors=("weak",),
    ),
    build,
    contents=contents,
)
