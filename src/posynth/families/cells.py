"""Responses that are known up to an interval: the limits, and the probability of an interval.

Intervals ("cells") are sorted, and a response lies in one if it is at or above its lower limit and
below its upper one. So a model finds them from the response alone, and what it draws is a number.
"""

from typing import Any

import numpy as np

from posynth.families.base import Contents, Floats, Response

ROOT = 2.0**0.5
#: Stands for an infinite limit, in residual standard deviations.
FAR = 1000.0


def cell_contents(response: Response) -> Contents:
    """Return limits of the cells as models hold them: ``cell_lower``, ``cell_upper``, (c + 1,).

    The first cell is empty: a response below all others is in none.
    """
    limits = response.cells or (np.empty(0), np.empty(0))
    lower, upper = (np.concatenate([[-np.inf], side]) for side in limits)
    data = {"cell_lower": (lower, ("cell",)), "cell_upper": (upper, ("cell",))}
    return Contents(data, {"cell": tuple(map(str, range(len(lower))))})


def known_between(response: Response) -> tuple[Floats, Floats]:
    """Return the limits between which each response is known to lie, (n,) each.

    They are equal where a response is in no cell.

    Examples
    --------
    >>> cells = (np.array([0.0, 2.0]), np.array([1.0, np.inf]))
    >>> known_between(Response("y", np.array([-1.0, 0.5, 1.5, 7.0]), cells=cells))
    (array([-1. ,  0. ,  1.5,  2. ]), array([-1. ,  1. ,  1.5,  inf]))
    """
    y = np.asarray(response.y, dtype=np.float64)
    if response.cells is None or not len(response.cells[0]):
        return y, y
    lower, upper = response.cells
    place = np.searchsorted(lower, y, side="right") - 1
    inside = (place >= 0) & (y < upper[place])
    return np.where(inside, lower[place], y), np.where(inside, upper[place], y)


def cell_of(y: Any, lower: Any, upper: Any) -> tuple[Any, Any, Any]:
    """Return whether each response lies in a cell, and its limits there, (n,) tensors.

    In no cell both limits are the response itself.
    """
    import pytensor.tensor as pt

    cell = pt.searchsorted(lower, y, side="right") - 1
    inside = pt.lt(y, upper[cell])
    low, high = (pt.switch(inside, limits[cell], y) for limits in (lower, upper))
    return inside, low, high


def standardised(limit: Any, mean: Any, sigma: Any) -> Any:
    """Return (limit - mean) / sigma, and ``FAR`` with its sign where a limit is infinite."""
    import pytensor.tensor as pt

    endless = pt.isinf(limit)
    score = (pt.switch(endless, 0.0, limit) - mean) / sigma
    return pt.switch(endless, pt.sign(limit) * FAR, score)


def log_normal_response(z: Any, mean: Any, sigma: Any, lower: Any, upper: Any) -> Any:
    """Return the normal log-density of each response; in a cell, the log-probability of that."""
    import pymc as pm
    import pytensor.tensor as pt

    inside, first, last = cell_of(z, lower, upper)
    low, high = (standardised(limit, mean, sigma) for limit in (first, last))
    density = pm.logp(pm.Normal.dist(mean, sigma), z)
    return pt.switch(inside, log_between(low, high), density)


def log_between(low: Any, high: Any) -> Any:
    """Return log(Phi(high) - Phi(low)) without loss in the tails."""
    import pytensor.tensor as pt

    mirror = low > 0
    low, high = pt.switch(mirror, -high, low), pt.switch(mirror, -low, high)
    above, below = log_normal(high), log_normal(low)
    return above + pt.log(-pt.expm1(pt.minimum(below - above, -1e-15)))


def log_normal(z: Any) -> Any:
    """Return log Phi(z) without loss in the lower tail."""
    import pytensor.tensor as pt

    left = pt.minimum(z, 0.0)
    tail = pt.log(pt.erfcx(-left / ROOT) / 2) - left**2 / 2
    return pt.switch(pt.lt(z, 0.0), tail, pt.log1p(-pt.erfc(pt.maximum(z, 0.0) / ROOT) / 2))
