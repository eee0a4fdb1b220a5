"""Where trees may cut a predictor: between neighbouring values, some rows apart.

Were every midpoint a cut, a column could be worked out from them: each value is twice a midpoint
less the value before. Cuts with rows between them that no cut tells apart give no value away.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

#: Rows between two cuts.
APART = 5


def cuts_of(column: Floats, apart: float = APART) -> Floats:
    """Return the cuts of a predictor, each midway between two neighbouring values.

    Parameters
    ----------
    column : ndarray, shape (n,)
        A predictor.
    apart : float
        Rows that lie between two cuts, at least; 1 for every midpoint.

    Returns
    -------
    ndarray, shape (c,)
        In order.

    Examples
    --------
    >>> cuts_of(np.repeat([3.0, 1.0, 2.0, 4.0], [6, 4, 2, 8]))
    array([2.5, 3.5])
    """
    values, counts = np.unique(column, return_counts=True)
    since, found = 0, []
    for low, high, count in zip(values[:-1], values[1:], counts[:-1], strict=True):
        since += count
        middle = low + (high - low) / 2
        if since >= apart and low < middle < high:
            found.append(middle)
            since = 0
    return np.array(found, dtype=np.float64)


@dataclass(frozen=True)
class Binned:
    """Predictors by the cuts below each value, which is all that a tree can tell.

    Attributes
    ----------
    cuts : tuple of ndarray
        Those of each predictor.
    codes : ndarray, shape (n, p)
        How many of them lie below each value: x <= cuts[c] where the code is at most c.
    """

    cuts: tuple[Floats, ...]
    codes: NDArray[np.float32]

    @classmethod
    def of(cls, X: Floats, apart: float = APART) -> "Binned":
        """Bin predictors (n, p)."""
        cuts = tuple(cuts_of(column, apart) for column in X.T)
        codes = [np.searchsorted(c, x) for c, x in zip(cuts, X.T, strict=True)]
        return cls(cuts, np.array(codes, dtype=np.float32).T.reshape(X.shape))

    def threshold(self, feature: NDArray[np.int64], code: Floats) -> Floats:
        """Return the cuts that splits of the codes stand for, 0 where there is none."""
        found = np.zeros(len(feature))
        for node, (j, c) in enumerate(zip(feature, code, strict=True)):
            if c >= 0:
                found[node] = self.cuts[j][int(c)]
        return found
