r"""Random intercepts and slopes: what families of rows within groups share.

.. math:: \eta_i = \alpha + x_i\beta + w_i' u_{g(i)}, \quad u_j = diag(\tau) L z_j, \quad
    z_{jk} \sim N(0, 1), \quad \tau_k \sim Exp(r), \quad L L' \sim LKJ(2)

is the non-centred form: group j has effects :math:`u_{jk}` on the intercept (:math:`w_{i0} = 1`)
and on the slopes of the predictors that are named, with standard deviations :math:`\tau_k` and
correlations L L'. L is written with partial correlations, which are independent under LKJ: those
of the first effect with the others, then of the second with the third given the first. What is
sampled is :math:`(1 + r)/2`, of beta distribution, as ``agreement``. The first column of X is the
index of the row's group, so that rows of any number of groups move under one compiled model.

Copies keep the groups (z from the posterior, so that a group of a copy is that of the source) or
have new ones (z drawn anew for every copy, so that labels of groups say nothing of the source's).
Every parameter of dim ``group`` is standard normal a priori, so that it can be drawn anew.

References
----------
Lewandowski, D., Kurowicka, D. and Joe, H. (2009). Generating random correlation matrices based on
vines and extended onion method. Journal of Multivariate Analysis 100, 1989-2001.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.families.base import (
    Contents,
    Design,
    Priors,
    Response,
    intercept,
    regression_contents,
    slopes,
)

type Floats = NDArray[np.float64]

#: Effects of a group at most: on the intercept and on two slopes.
MOST = 3


def pairs_of(effects: int) -> list[tuple[int, int]]:
    """Return the pairs of effects that have a parameter, (later, earlier), in its order."""
    return [(i, j) for j in range(effects) for i in range(j + 1, effects)]


def agreement_shape(effects: int, concentration: float) -> Floats:
    """Return both shapes of each pair's beta distribution under LKJ(concentration), (pair,)."""
    return np.array([concentration + (effects - 2 - j) / 2 for _, j in pairs_of(effects)])


def effect_names(slopes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the labels of effects and of their pairs."""
    names = ("intercept", *slopes)
    pairs = tuple(f"{names[j]}:{names[i]}" for i, j in pairs_of(len(names)))
    return {"effect": names, "pair": pairs}


def grouped_contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a regression holds; X has the group's index before the predictors."""
    held = regression_contents(design, response, priors)
    places = np.array([design.predictors.index(name) for name in design.slopes], dtype=np.int64)
    effects = 1 + len(design.slopes)
    at = np.array(pairs_of(effects), dtype=np.int64).reshape(-1, 2)
    coords = {"end": ("later", "earlier"), "group": design.groups, "slope": design.slopes}
    data = {
        "X": (design.X, ("row", "column")),
        "slope_at": (places, ("slope",)),
        "pair_at": (at, ("pair", "end")),
        "agreement_shape": (agreement_shape(effects, priors["lkj"]), ("pair",)),
    }
    coords |= effect_names(design.slopes)
    return Contents({**held.data, **data}, {**held.coords, **coords})


def grouped_line(data: Mapping[str, Any]) -> Any:
    """Return alpha + X beta + sum of W u[group], (row,), under the prior's scales."""
    import pymc as pm
    import pytensor.tensor as pt

    X = data["X"][:, 1:]
    alpha, beta = intercept(data), slopes(data)
    tau = pm.Exponential("tau", data["prior_tau"], dims="effect")
    shape = data["agreement_shape"]
    agreement = pm.Beta("agreement", shape, shape, dims="pair")
    z = pm.Normal("z", 0.0, 1.0, dims=("group", "effect"))
    W = pt.concatenate(
        [pt.ones_like(X[:, :0].sum(axis=1))[:, None], X[:, data["slope_at"]]], axis=1
    )
    L = _factor(agreement, data["pair_at"])[: z.shape[1], : z.shape[1]]
    return alpha + X @ beta + (W * (tau * (z @ L.T))[group_of(data)]).sum(axis=1)


def _factor(agreement: Any, at: Any) -> Any:
    """Return the Cholesky factor of the correlations, filled up to MOST effects by the identity."""
    import pytensor.tensor as pt

    partial = pt.set_subtensor(pt.zeros((MOST, MOST))[at[:, 0], at[:, 1]], 2 * agreement - 1)
    left = pt.sqrt(1 - partial**2)  # of an effect's sd, by each earlier one
    before = pt.stack([pt.ones(MOST), left[:, 0], left[:, 0] * left[:, 1]], axis=1)
    return (partial + pt.eye(MOST)) * before


def group_of(data: Mapping[str, Any]) -> Any:
    """Return the index of each row's group, (row,)."""
    return data["X"][:, 0].astype("int64")
