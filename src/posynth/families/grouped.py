r"""Random intercepts and slopes: what families of rows within groups share.

.. math:: \eta_i = \alpha + x_i\beta + \sum_k w_{ik} \tau_k z_{g(i)k}, \quad
    z_{jk} \sim N(0, 1), \quad \tau_k \sim Exp(r)

is the non-centred form: group j has the effects :math:`u_{jk} = \tau_k z_{jk}`, on the intercept
(:math:`w_{i0} = 1`) and on the slopes of the predictors that are named. They are independent of
each other a priori; predictors are standardised, so the intercept is that at their means, where it
has least to do with slopes. The first column of X is the index of the row's group, so that rows of
any number of groups move under one compiled model.

Copies keep the groups (z from the posterior, so that a group of a copy is that of the source) or
have new ones (z drawn anew for every copy, so that labels of groups say nothing of the source's).
Every parameter of dim ``group`` is standard normal a priori, so that it can be drawn anew.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.families.base import Contents, Design, Priors, Response, regression_contents


def grouped_contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a regression holds; X has the group's index before the predictors."""
    held = regression_contents(design, response, priors)
    places = np.array([design.predictors.index(name) for name in design.slopes], dtype=np.int64)
    data = {"X": (design.X, ("row", "column")), "slope_at": (places, ("slope",))}
    coords = {
        "group": design.groups,
        "slope": design.slopes,
        "effect": ("intercept", *design.slopes),
    }
    return Contents({**held.data, **data}, {**held.coords, **coords})


def grouped_line(data: Mapping[str, Any]) -> Any:
    """Return alpha + X beta + sum of W tau z[group], (row,), under the prior's scales."""
    import pymc as pm
    import pytensor.tensor as pt

    X = data["X"][:, 1:]
    alpha = pm.Normal("alpha", 0.0, data["prior_intercept"])
    beta = pm.Normal("beta", 0.0, data["prior_slope"], dims="predictor")
    tau = pm.Exponential("tau", data["prior_tau"], dims="effect")
    z = pm.Normal("z", 0.0, 1.0, dims=("group", "effect"))
    W = pt.concatenate(
        [pt.ones_like(X[:, :0].sum(axis=1))[:, None], X[:, data["slope_at"]]], axis=1
    )
    return alpha + X @ beta + (W * (tau * z)[group_of(data)]).sum(axis=1)


def group_of(data: Mapping[str, Any]) -> Any:
    """Return the index of each row's group, (row,)."""
    return data["X"][:, 0].astype("int64")
