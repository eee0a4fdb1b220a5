r"""A quick look whether levels bend with numeric predictors: a score test of the spline columns.

With R the indicators of the levels less their regression on the straight design, and P the spline
columns cleared of it, :math:`n\,tr\{(P'P)^{-1} P'R\,(R'R)^{-1} R'P\}` is about
:math:`\chi^2_{q(K-1)}` if probabilities are straight lines. Those of a logit are not, so what is
found here is tested against the logit itself (``logit_test``), which takes a fit.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from posynth.chain.logit_test import beyond

type Floats = NDArray[np.float64]

LEVEL = 0.001


def is_curved(straight: Floats, curved: Floats, codes: NDArray[np.int64]) -> bool:
    """Test splines of the predictors of a categorical response.

    Parameters
    ----------
    straight, curved : ndarray, shape (n, p) and (n, q)
        Standardised designs without and with splines.
    codes : ndarray, shape (n,)
        Level indices.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 400)
    >>> is_curved(x[:, None], np.column_stack([x, x**2]), (np.abs(x) > 0.5).astype(int))
    True
    """
    levels = np.unique(codes)
    A = np.column_stack([np.ones(len(straight)), straight])
    basis = np.linalg.qr(A)[0]
    R = (codes[:, None] == levels[1:]).astype(np.float64)
    R -= basis @ (basis.T @ R)
    directions = beyond(A, curved)
    if not directions.shape[1] or not R.shape[1]:
        return False
    cross = directions.T @ R
    spread = R.T @ R + 1e-9 * np.eye(R.shape[1])
    statistic = float(np.trace(cross @ np.linalg.solve(spread, cross.T)))
    return bool(chdtrc(directions.shape[1] * R.shape[1], statistic) < LEVEL)
