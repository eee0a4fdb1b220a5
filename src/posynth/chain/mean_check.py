r"""Whether a conditional on a learned scale gives its column the right linear regression.

Analysts regress a column on others on the natural scale. With m(x) the mean of a row under the
conditional and A the straight design with an intercept, such a regression fitted to copies tends
to :math:`\hat\beta + d`, :math:`d = (A'A)^{-1} A'(m - y)`. The conditional is refused where d is
long in the standard errors of the regression, :math:`d'A'Ad / (p s^2) >` ``WORTH``, and no chance:
the score test :math:`g'(A' \mathrm{diag}(r^2) A)^{-1} g`, :math:`g = A'(m - y)`, which holds
whatever the spread of the residuals r, is refused at ``LEVEL``.

References
----------
White, H. (1980). A heteroskedasticity-consistent covariance matrix estimator and a direct test for
heteroskedasticity. Econometrica 48(4), 817-838.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from posynth.chain.scale import Scale
from posynth.chain.scores import Scored

type Floats = NDArray[np.float64]

#: Mean square of the standard errors by which coefficients move, and level of the test.
WORTH, LEVEL = 1.0, 1e-3
#: Points of the quadrature over residuals.
POINTS = 12


def mean_shift(y: Floats, mean: Floats, X: Floats) -> float:
    """Return the mean square of the standard errors by which coefficients move, 0 where by chance.

    Parameters
    ----------
    y : ndarray, shape (n,)
        The column.
    mean : ndarray, shape (n,)
        Its mean in each row under the conditional.
    X : ndarray, shape (n, p)
        Straight design of its predictors.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 200)
    >>> y = x + np.random.default_rng(1).standard_normal(200)
    >>> mean_shift(y, x, x[:, None]), mean_shift(y, 0 * x, x[:, None]) > 10
    (0.0, True)
    """
    A = np.column_stack([np.ones(len(X)), X])
    basis = np.linalg.qr(A)[0]
    residual = y - basis @ (basis.T @ y)
    size = A.shape[1]
    variance = float(residual @ residual) / max(len(y) - size, 1)
    g = basis.T @ (mean - y)
    moved = float(g @ g) / (size * max(variance, 1e-300))
    left = (mean - y) - basis @ g
    robust = (basis * left[:, None] ** 2).T @ basis
    statistic = float(g @ np.linalg.pinv(robust, hermitian=True) @ g)
    return moved if chdtrc(size, statistic) < LEVEL else 0.0


def implied_means(scale: Scale, scored: Scored, X: Floats) -> Floats:
    """Return the mean of each row (n,) under a line on a learned scale, by quadrature.

    Parameters
    ----------
    scale : Scale
        The learned scale.
    scored : Scored
        Warp and line.
    X : ndarray, shape (n, p)
        The design of the line.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(POINTS)
    mean, sd = scored.line.predict(X)
    found = np.zeros(len(X))
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        shares = ndtr(scored.warp.back(mean + np.broadcast_to(sd, mean.shape) * node))
        found += weight * scale.quantiles(np.clip(shares, 1e-6, 1 - 1e-6))
    return found
