r"""How likely chance is to make a rule hold in all rows: logarithms of probabilities.

Under independence the values of a column are a random arrangement. Of n rows, h of which have a
property, all of c given rows have it with probability

.. math:: \binom{n - c}{h - c} \Big/ \binom{n}{h},

and values in order fall into r runs with at most
:math:`\binom{d-1}{r-1} K (K-1)^{r-1}` of the :math:`d!/\prod_v d_v!` arrangements.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

type Counts = NDArray[np.int64]

CHANCE = 0.01
#: Share of rows in which a strong dependence may give what a rule excludes: of one level among
#: several (often the far corner of an ordered pair), and of all that is not one value.
RARE, SELDOM = 0.02, 0.05


def many(where: NDArray[np.bool_]) -> bool:
    """Whether so many rows agree that what a rule excludes is rarer than ``SELDOM``."""
    return bool((1 - SELDOM) ** int(np.sum(where)) < CHANCE)


def seldom(rows: int) -> bool:
    """Whether in so many rows a combination would have occurred that is as seldom as ``RARE``."""
    return (1 - RARE) ** rows < CHANCE


def all_have(rows: int, having: int, of: int) -> float:
    """Return log P(all of some rows have a property that a number of rows have).

    Examples
    --------
    >>> round(float(np.exp(all_have(4, 2, 2))), 4)
    0.1667
    """
    if of > having:
        return -np.inf
    return _choose(rows - of, having - of) - _choose(rows, having)


def none_have(rows: int, having: int, of: int) -> float:
    """Return log P(none of some rows have a property that a number of rows have)."""
    if of > rows - having:
        return -np.inf
    return _choose(rows - of, having) - _choose(rows, having)


def few_runs(values: Counts, runs: int) -> float:
    """Return log P(values in a random order fall into so few runs), at most.

    Parameters
    ----------
    values : ndarray of int, shape (v,)
        How often each value occurs.
    runs : int
        Stretches of equal values.
    """
    total, levels = int(values.sum()), len(values)
    if levels < 2:
        return 0.0
    ways: float = _choose(total - 1, runs - 1) + np.log(levels) + (runs - 1) * np.log(levels - 1.0)
    return min(0.0, float(ways - gammaln(total + 1) + np.sum(gammaln(values + 1.0))))


def _choose(n: int, k: int) -> float:
    return float(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))
