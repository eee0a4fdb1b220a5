r"""Fast point fits of a line and of its spread, to choose a conditional and to place its scores.

The mean by ridge regression. Where the spread is modelled, :math:`\log\sigma = \gamma_0 + X\gamma`
starts from the regression of :math:`\log|r|` and takes Fisher scoring steps, and the mean is
weighted by it. No conditional is ever drawn from these: posteriors come from the engines.

References
----------
Harvey, A. C. (1976). Estimating regression models with multiplicative heteroscedasticity.
Econometrica 44(3), 461-465.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

type Floats = NDArray[np.float64]

#: Precision of N(0, 2.5), the prior of slopes of the mean, for a response of sd 1.
RIDGE = 0.16
#: Precision of N(0, 0.5), the prior of slopes of the log sd, on the scale of their information.
SPREAD_RIDGE = 4.0
STEPS = 3
#: Minus the mean of log|N(0, 1)|.
LOG_BIAS = 0.635
#: Log sds are kept within this distance of their middle.
WIDEST = 2.0
LEAST_SD = 1e-4


@dataclass(frozen=True)
class Line:
    """A fitted mean and log sd, each with its intercept first."""

    mean: Floats
    log_sd: Floats

    def predict(self, X: Floats) -> tuple[Floats, Floats]:
        """Return mean and sd of each row (n,)."""
        middle, slopes = self.log_sd[0], self.log_sd[1:]
        wide = np.clip(X @ slopes, -WIDEST, WIDEST) if slopes.any() else np.zeros(len(X))
        return self.mean[0] + X @ self.mean[1:], np.exp(middle + wide)


class LeastSquares:
    """Lines on one design, whose cross-products are made once.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Standardised design.
    ridge : float
        Prior precision of a slope.
    """

    def __init__(self, X: Floats, ridge: float = RIDGE) -> None:
        self._X = X
        self._A = np.column_stack([np.ones(len(X)), X])
        self._gram = self._A.T @ self._A
        self._penalty = _penalty(self._A, ridge)
        self._factor = cho_factor(self._gram + np.diag(self._penalty))

    def fit(self, y: Floats, *, spread: bool = False) -> Line:
        """Fit a line to y (n,), and its spread if asked for."""
        mean = cho_solve(self._factor, self._A.T @ y)
        residual = y - self._A @ mean
        free = max(len(y) - self._A.shape[1], 1)
        log_sd = np.zeros(len(mean))
        log_sd[0] = 0.5 * np.log(max(residual @ residual / free, LEAST_SD**2))
        return self._widened(y, mean) if spread else Line(mean, log_sd)

    def _widened(self, y: Floats, mean: Floats) -> Line:
        """Start from the regression of log |r|; then weight the mean and score the spread."""
        A, shrink = self._A, _penalty(self._A, SPREAD_RIDGE)
        residual = y - A @ mean
        log_sd = _solve(self._gram, A.T @ (np.log(np.abs(residual) + LEAST_SD) + LOG_BIAS), shrink)
        for _ in range(STEPS):
            sd = Line(mean, log_sd).predict(self._X)[1]
            step = A.T @ ((residual / sd) ** 2 - 1.0) - shrink * log_sd
            log_sd = log_sd + np.clip(_solve(2 * self._gram, step, shrink), -1.0, 1.0)
            weighted = A / (Line(mean, log_sd).predict(self._X)[1] ** 2)[:, None]
            mean = _solve(weighted.T @ A, weighted.T @ y, self._penalty)
            residual = y - A @ mean
        return Line(mean, log_sd)


def fit_line(X: Floats, y: Floats, *, spread: bool = False, ridge: float = RIDGE) -> Line:
    """Fit a line, and its spread if asked for.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Standardised design.
    y : ndarray, shape (n,)
        Response with sd about 1.
    spread : bool
        Whether log sd is linear in X.
    ridge : float
        Prior precision of a slope.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 50)
    >>> fit_line(x[:, None], 1 + 2 * x, ridge=0.0).mean.round(6).tolist()
    [1.0, 2.0]
    """
    return LeastSquares(X, ridge).fit(y, spread=spread)


def _penalty(A: Floats, precision: float) -> Floats:
    """Return the precision of each coefficient; the intercept is free."""
    penalty = np.full(A.shape[1], precision + 1e-9)
    penalty[0] = 1e-9
    return penalty


def _solve(gram: Floats, cross: Floats, penalty: Floats) -> Floats:
    solved: Floats = np.linalg.solve(gram + np.diag(penalty), cross)
    return solved
