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

type Floats = NDArray[np.float64]

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


def fit_line(X: Floats, y: Floats, *, spread: bool = False, ridge: float = 0.16) -> Line:
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
    A = np.column_stack([np.ones(len(X)), X])
    penalty = np.full(A.shape[1], ridge)
    penalty[0] = 1e-9
    gram = A.T @ A
    mean = _solve(gram, A.T @ y, penalty)
    residual = y - A @ mean
    free = max(len(y) - A.shape[1], 1)
    log_sd = np.zeros(A.shape[1])
    log_sd[0] = 0.5 * np.log(max(residual @ residual / free, LEAST_SD**2))
    if not spread:
        return Line(mean, log_sd)
    shrink = np.full(A.shape[1], SPREAD_RIDGE)
    shrink[0] = 1e-9
    sizes = np.log(np.maximum(np.abs(residual), LEAST_SD)) + LOG_BIAS
    log_sd = _solve(gram, A.T @ sizes, shrink)
    for _ in range(STEPS):
        sd = Line(mean, log_sd).predict(X)[1]
        step = A.T @ ((residual / sd) ** 2 - 1.0) - shrink * log_sd
        log_sd = log_sd + np.clip(_solve(2 * gram, step, shrink), -1.0, 1.0)
        sd = Line(mean, log_sd).predict(X)[1]
        weighted = A / (sd**2)[:, None]
        mean = _solve(weighted.T @ A, weighted.T @ y, penalty)
        residual = y - A @ mean
    return Line(mean, log_sd)


def _solve(gram: Floats, cross: Floats, penalty: Floats) -> Floats:
    solved: Floats = np.linalg.solve(gram + np.diag(penalty), cross)
    return solved
