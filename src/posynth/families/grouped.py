r"""Random intercepts: what families of rows within groups share.

.. math:: \eta_i = \alpha + x_i\beta + \tau z_{g(i)}, \quad z_j \sim N(0, 1), \quad
    \tau \sim Exp(r)

is the non-centred form: group j has the effect :math:`u_j = \tau z_j`. The first column of X is
the index of the row's group, so that rows of any number of groups move under one compiled model.

Copies keep the groups (z from the posterior, so that a group of a copy is that of the source) or
have new ones (z drawn anew for every copy, so that labels of groups say nothing of the source's).
"""

from collections.abc import Mapping
from typing import Any

from posynth.families.base import Contents, Design, Priors, Response, regression_contents


def grouped_contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a regression holds; X has the group's index before the predictors."""
    held = regression_contents(design, response, priors)
    X = {"X": (design.X, ("row", "column"))}
    return Contents({**held.data, **X}, {**held.coords, "group": design.groups})


def grouped_line(data: Mapping[str, Any]) -> Any:
    """Return alpha + X beta + tau z[group], (row,), under the prior's scales."""
    import pymc as pm

    group, X = data["X"][:, 0].astype("int64"), data["X"][:, 1:]
    alpha = pm.Normal("alpha", 0.0, data["prior_intercept"])
    beta = pm.Normal("beta", 0.0, data["prior_slope"], dims="predictor")
    tau = pm.Exponential("tau", data["prior_tau"])
    z = pm.Normal("z", 0.0, 1.0, dims="group")
    return alpha + X @ beta + tau * z[group]
