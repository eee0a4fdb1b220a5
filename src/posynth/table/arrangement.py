r"""How likely chance is to arrange the values of a column so within groups: log probabilities.

Under independence a column is a random arrangement of its values over the rows. All values of a
group of s rows differ with probability

.. math:: s!\, e_s(p) \, n^s / (n)_s,

with :math:`e_s` the elementary symmetric polynomial of the values' shares p and :math:`(n)_s` the
falling factorial; all groups of sizes c_g have one value each with probability about
:math:`\prod_g \sum_v p_v^{c_g}`: at most that for one group, somewhat more for a few small ones.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

type Counts = NDArray[np.int64]


def one_value_each(groups: Counts, values: Counts) -> float:
    """Return log P(every group of rows has one value only), about.

    Parameters
    ----------
    groups : ndarray of int, shape (g,)
        Rows of each group.
    values : ndarray of int, shape (v,)
        Rows of each value.
    """
    shares = np.log(values[values > 0] / values.sum())
    sizes, times = np.unique(groups[groups > 1], return_counts=True)
    if not len(sizes):
        return 0.0
    return float(np.sum(times * logsumexp(sizes[:, None] * shares, axis=1)))


def all_differ(groups: Counts, values: Counts) -> float:
    """Return log P(no group of rows has a value twice), from the groups of half of the rows.

    Groups whose values all differ leave others for the rest, so the probabilities of all groups
    must not be multiplied; those of half of the rows are, which is cautious.

    Parameters
    ----------
    groups : ndarray of int, shape (g,)
        Rows of each group.
    values : ndarray of int, shape (v,)
        Rows of each value.

    Examples
    --------
    >>> round(all_differ(np.array([2, 2, 2, 2]), np.array([4, 4])), 3) # 2 groups, 4/7 each
    -1.119
    """
    rows, most = int(values.sum()), int(groups.max(initial=1))
    if most < 2:
        return 0.0
    differ = np.zeros(most + 1)
    differ[0] = 1.0
    places = np.arange(1, most + 1)
    for share in values / rows:
        differ[1:] += share * places * differ[:-1]
    sizes, times = np.unique(groups[groups > 1], return_counts=True)
    falling = gammaln(rows + 1.0) - gammaln(rows - sizes + 1.0)
    with np.errstate(divide="ignore"):
        each = np.log(differ[sizes]) + sizes * np.log(rows) - falling
    return float(np.sum(times * np.minimum(each, 0.0)) / 2)
