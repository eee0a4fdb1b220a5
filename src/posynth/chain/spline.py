r"""A numeric predictor as a natural cubic spline of its normal score.

With score s and knots :math:`k_1 < \dots < k_{q+1}` fixed on the score scale, the columns are s
and q - 1 terms cubic between and linear beyond the outer knots (Harrell 2015, section 2.4.5). The
terms are made orthogonal to 1 and s and given sd 1 under :math:`s \sim N(0, 1)`, by a fixed
matrix, so that independent priors of slopes mean the same for every column.

Few knots lie at quantiles, as Harrell puts them. Many lie evenly on the score scale: curves that
need them turn fast at an end, as schooling does below the age of 25, where quantiles have few.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

type Floats = NDArray[np.float64]

#: Share of the cases beyond each outer knot.
OUTER = 0.05
#: Columns from which on knots lie evenly between scores this far on either side.
MANY, FURTHEST = 6, 2.2


def natural_spline(scores: Floats, columns: int) -> Floats:
    """Return the columns of a natural cubic spline.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Normal scores; NaN gives a row of NaN.
    columns : int
        How many, 1 or more; 1 is a straight line.

    Returns
    -------
    ndarray, shape (n, columns)

    Examples
    --------
    >>> import numpy as np
    >>> natural_spline(np.array([-1.0, 0.0, 2.0]), 1).ravel().tolist()
    [-1.0, 0.0, 2.0]
    """
    if columns < 2:
        return scores[:, None]
    turned: Floats = np.column_stack([np.ones(len(scores)), scores, _terms(scores, columns)])
    return turned @ _rotation(columns)


def _terms(scores: Floats, columns: int) -> Floats:
    """Return the terms beyond the straight line, (n, columns - 1)."""
    knots = _knots(columns)
    cubes = np.maximum(scores[:, None] - knots, 0.0) ** 3
    last, before = knots[-1], knots[-2]
    left = (last - knots[:-2]) / (last - before)
    right = (before - knots[:-2]) / (last - before)
    terms: Floats = cubes[:, :-2] - cubes[:, [-2]] * left + cubes[:, [-1]] * right
    return terms


def _knots(columns: int) -> Floats:
    """Return where pieces meet, on the score scale, (columns + 1,)."""
    if columns >= MANY:
        return np.linspace(-FURTHEST, FURTHEST, columns + 1)
    knots: Floats = ndtri(np.linspace(OUTER, 1 - OUTER, columns + 1))
    return knots


@cache
def _rotation(columns: int) -> Floats:
    """Return what turns (1, s, terms) into s and orthonormal terms under N(0, 1)."""
    nodes = np.linspace(-8.0, 8.0, 4001)
    weights = np.exp(-0.5 * nodes**2)
    weights /= weights.sum()
    raw = np.column_stack([np.ones(len(nodes)), nodes, _terms(nodes, columns)])
    gram = raw.T @ (weights[:, None] * raw)
    # Gram-Schmidt in order: R from the Cholesky factor, and s keeps its own sign and size.
    rotation: Floats = np.linalg.inv(np.linalg.cholesky(gram)).T
    return rotation[:, 1:]
