r"""Priors of coefficients at many points: normal, or logistic (log-F with 2 and 2 degrees).

The logistic density with scale s is :math:`e^{-u} / (s (1 + e^{-u})^2)` at :math:`u = \beta / s`;
its log has slope :math:`-\tanh(u/2) / s` and curvature :math:`-1 / (2 s^2 \cosh^2(u/2))`.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from posynth.engines.base import Task

type Floats = NDArray[np.float64]

#: Priors of families whose slopes are logistic, not normal.
LOGISTIC = ("log_f",)


class CoefficientPrior:
    """Independent priors of d coefficients.

    Parameters
    ----------
    scale : ndarray, shape (d,)
        Standard deviation of a normal, or scale of a logistic distribution; infinity for none.
    logistic : ndarray of bool, shape (d,)
        Which of them are logistic.
    mean : ndarray, shape (d,), optional
        Means of those that are normal; 0 if not given.

    Examples
    --------
    >>> prior = CoefficientPrior(np.array([2.0, 1.0]), np.array([False, True]))
    >>> prior.logs(np.zeros((1, 2))).round(3), prior.gradients(np.ones((1, 2))).round(3)
    (array([-1.386]), array([[-0.25 , -0.462]]))
    """

    def __init__(
        self, scale: Floats, logistic: NDArray[np.bool_], mean: Floats | None = None
    ) -> None:
        self._mean = np.zeros(len(scale)) if mean is None else mean
        self._logistic, self._scale = np.flatnonzero(logistic), scale[logistic]
        self._precision = np.where(logistic, 0.0, 1 / scale**2)

    @classmethod
    def of(cls, task: "Task", contrasts: int = 0) -> "CoefficientPrior":
        """Return the prior of a task: that of slopes by its name, normal for all others.

        Parameters
        ----------
        task : Task
            Its prior.
        contrasts : int
            Sets of intercept and slopes, one after the other; 0 for slopes without an intercept.
        """
        slopes = np.ones((max(contrasts, 1), len(task.design.predictors) + bool(contrasts)), bool)
        slopes[:, : bool(contrasts)] = False
        mean, stated = np.zeros(slopes.shape), np.zeros(slopes.shape, dtype=bool)
        scale = _in_sets(task, "", slopes)
        if task.stated:
            mean = _in_sets(task, "_mean", slopes)
            stated[slopes] = np.ravel(_each(task.priors["slope_stated"], slopes)) > 0
        logistic = slopes & (task.prior in LOGISTIC) & ~stated
        return cls(scale.ravel(), logistic.ravel(), mean.ravel())

    def logs(self, thetas: Floats) -> Floats:
        """Return log densities at thetas (s, d) up to a constant, (s,)."""
        found: Floats = -0.5 * (thetas - self._mean) ** 2 @ self._precision
        if self._logistic.size:
            u = np.abs(thetas[:, self._logistic] / self._scale)
            found -= np.sum(u + 2 * np.log1p(np.exp(-u)), axis=1)
        return found

    def gradients(self, thetas: Floats) -> Floats:
        """Return their gradients, (s, d)."""
        found: Floats = (self._mean - thetas) * self._precision
        if self._logistic.size:
            half = thetas[:, self._logistic] / (2 * self._scale)
            found[:, self._logistic] -= np.tanh(half) / self._scale
        return found

    def curvature(self, thetas: Floats) -> Floats:
        """Return minus the second derivatives, averaged over the points, (d,)."""
        found: Floats = self._precision.copy()
        if self._logistic.size:
            square = np.tanh(thetas[:, self._logistic] / (2 * self._scale)) ** 2
            found[self._logistic] = (1 - square).mean(axis=0) / (2 * self._scale**2)
        return found


def _in_sets(task: "Task", what: str, slopes: NDArray[np.bool_]) -> Floats:
    """Return a scale of intercepts and slopes, in the places that ``slopes`` tells apart."""
    found: Floats = np.zeros(slopes.shape)
    if not slopes.all():
        found[:, 0] = task.priors[f"intercept{what}"]
    found[slopes] = np.ravel(_each(task.priors[f"slope{what}"], slopes))
    return found


def _each(value: object, slopes: NDArray[np.bool_]) -> Floats:
    """Return a number, (p,) or (p, sets) as (sets, p)."""
    return np.broadcast_to(np.asarray(value, dtype=float).T, (len(slopes), int(slopes[0].sum())))
