r"""Whether levels (or holes) bend with numeric predictors: Rao's score test of the spline columns.

With R the indicators of the levels less their regression on the straight design, and P the spline
columns cleared of it, :math:`n\,tr\{(P'P)^{-1} P'R\,(R'R)^{-1} R'P\}` is about
:math:`\chi^2_{q(K-1)}` if straight lines suffice. Straight lines are kept unless the test refuses
them: analysts' logistic regressions on such columns are then the synthesis model's own.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

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
    basis = np.linalg.qr(np.column_stack([np.ones(len(straight)), straight]))[0]
    R = (codes[:, None] == levels[1:]).astype(np.float64)
    R -= basis @ (basis.T @ R)
    P = curved - basis @ (basis.T @ curved)
    P = P[:, P.std(axis=0) > 1e-6]
    if not P.shape[1] or not R.shape[1]:
        return False
    directions, sizes, _ = np.linalg.svd(P, full_matrices=False)
    directions = directions[:, sizes > 1e-6 * sizes[0]]
    cross = directions.T @ R
    spread = R.T @ R + 1e-9 * np.eye(R.shape[1])
    statistic = len(R) * float(np.trace(cross @ np.linalg.solve(spread, cross.T)))
    return bool(chdtrc(directions.shape[1] * R.shape[1], statistic) < LEVEL)
