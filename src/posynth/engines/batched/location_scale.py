r"""Batched posterior of a linear regression of mean and spread.

.. math:: \log p(\theta | y) = -\sum_i (\eta_i + \tfrac12 z_i^2) + \log p(\theta) + const,
    \quad \eta_i = \gamma_0 + x_i\gamma, \quad z_i = (y_i - \alpha - x_i\beta) e^{-\eta_i}

Its gradient is :math:`X'(z e^{-\eta})` for the mean and :math:`X'(z^2 - 1)` for the spread; minus
the Hessian has weights :math:`e^{-2\eta}`, :math:`2 z e^{-\eta}` and :math:`2 z^2`, whose
expectations over y are :math:`e^{-2\eta}`, 0 and 2. The first climb takes those, which are always
positive definite (Harvey 1976).

References
----------
Harvey, A. C. (1976). Estimating regression models with multiplicative heteroscedasticity.
Econometrica 44(3), 461-465.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posynth.engines.batched.density import CELLS, ROWS, Curvature, Floats
from posynth.engines.prior_normal import prior_means, prior_sds

if TYPE_CHECKING:
    from posynth.engines.base import Task


STEPS, HALVINGS, SMALL_STEP = 40, 20, 1e-3


class LocationScale:
    """The log-density; parameters are intercept and slopes of the mean, then of the log spread.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Predictors.
    y : ndarray, shape (n,)
        The response.
    sd : ndarray, shape (2 + 2 p,)
        Standard deviations of the normal priors.
    scale : float
        Factor of the likelihood: above 1 where the rows are a sample of those meant.
    mean : ndarray, shape (2 + 2 p,), optional
        Means of the normal priors; 0 if not given.
    """

    def __init__(
        self, X: Floats, y: Floats, sd: Floats, scale: float = 1.0, mean: Floats | None = None
    ) -> None:
        self._mean = np.zeros(len(sd)) if mean is None else mean
        self.terms: int = X.shape[1] + 1
        self.scale = scale
        # In double precision: where the spread is small, rounding of the mean would be felt.
        A = np.hstack([np.ones((len(X), 1)), X])
        starts = range(0, len(A), ROWS)
        self._pieces = [(np.ascontiguousarray(A[a : a + ROWS].T), y[a : a + ROWS]) for a in starts]
        self._precision = 1 / sd**2
        self._line = self._least_squares(A, y)
        self._block = max(1, CELLS // (4 * ROWS))

    def _least_squares(self, A: Floats, y: Floats) -> Floats:
        """Return a straight line of one spread."""
        penalised = A.T @ A + np.diag(self._precision[: self.terms])
        prior = (self._precision * self._mean)[: self.terms]
        line = np.linalg.solve(penalised, A.T @ y + prior)
        spread = max(float(np.std(y - A @ line)), 1e-6)
        found: Floats = np.r_[line, np.log(spread), np.zeros(self.terms - 1)]
        return found

    @property
    def size(self) -> int:
        """Number of parameters."""
        return 2 * self.terms

    def start(self) -> Floats:
        """Return a point near the mode, (d,): least squares, then steps of Fisher scoring."""
        theta = self._line
        value, gradient, information = self._scoring(theta)
        for _ in range(STEPS):
            step = np.linalg.solve(information, gradient)
            if gradient @ step < SMALL_STEP:
                break
            for _ in range(HALVINGS):
                found = self._scoring(theta + step)
                if found[0] >= value:
                    break
                step = step / 2
            else:
                break
            theta = theta + step
            value, gradient, information = found
        return theta

    def _scoring(self, theta: Floats) -> tuple[float, Floats, Floats]:
        """Return log p, gradient (d,) and expected information (d, d) at a point."""
        values, gradients = self.gradients(theta[None])
        q = self.terms
        information = np.diag(self._precision)
        for _, piece, _, _, shrink in self._parts(theta[None]):
            information[:q, :q] += self.scale * (piece * shrink[0] ** 2) @ piece.T
            information[q:, q:] += self.scale * 2 * piece @ piece.T
        return float(values[0]), gradients[0], information

    def values(self, thetas: Floats) -> Floats:
        """Return log p at each row of thetas (s, d)."""
        logs = np.zeros(len(thetas))
        for part, _, z, eta, _ in self._parts(thetas):
            logs[part] -= (eta + 0.5 * z**2).sum(axis=1)
        return self._value(thetas, logs)

    def gradients(self, thetas: Floats) -> tuple[Floats, Floats]:
        """Return log p and its gradient at each row of thetas (s, d)."""
        logs, sums = np.zeros(len(thetas)), np.zeros(thetas.shape)
        for part, piece, z, eta, shrink in self._parts(thetas):
            square = z**2
            logs[part] -= (eta + 0.5 * square).sum(axis=1)
            sums[part, : self.terms] += (z * shrink) @ piece.T
            sums[part, self.terms :] += (square - 1) @ piece.T
        return self._value(thetas, logs), self.scale * sums - (
            thetas - self._mean
        ) * self._precision

    def curvature(self, thetas: Floats) -> Curvature:
        """Return log p, gradients and the mean curvature over the rows of thetas (s, d)."""
        q = self.terms
        logs, sums = np.zeros(len(thetas)), np.zeros(thetas.shape)
        blocks = np.zeros((2, 2, q, q))
        for part, piece, z, eta, shrink in self._parts(thetas):
            square = z**2
            logs[part] -= (eta + 0.5 * square).sum(axis=1)
            sums[part, :q] += (z * shrink) @ piece.T
            sums[part, q:] += (square - 1) @ piece.T
            blocks[0, 0] += (piece * (shrink**2).sum(axis=0)) @ piece.T
            blocks[0, 1] += (piece * (2 * z * shrink).sum(axis=0)) @ piece.T
            blocks[1, 1] += (piece * (2 * square).sum(axis=0)) @ piece.T
        blocks[1, 0] = blocks[0, 1].T
        information = self.scale / len(thetas) * blocks.transpose(0, 2, 1, 3)
        information = information.reshape(self.size, self.size) + np.diag(self._precision)
        gradients = self.scale * sums - (thetas - self._mean) * self._precision
        return Curvature(self._value(thetas, logs), gradients, information)

    def given_spread(self, gamma: Floats) -> tuple[Floats, Floats]:
        """Return precision (q, q) and precision times mean (q,) of the mean's coefficients.

        Parameters
        ----------
        gamma : ndarray, shape (q,)
            Coefficients of the log spread.
        """
        precision = np.diag(self._precision[: self.terms])
        right = (self._precision * self._mean)[: self.terms]
        for piece, y in self._pieces:
            weighted = piece * np.exp(-2 * (gamma @ piece).clip(-300, 300))
            precision += self.scale * weighted @ piece.T
            right += self.scale * weighted @ y
        return precision, right

    def model_order(self, thetas: Floats) -> Floats:
        """Return thetas (s, d) as they are: the PyMC model has the same order."""
        return thetas

    def _value(self, thetas: Floats, logs: Floats) -> Floats:
        found: Floats = self.scale * logs - 0.5 * (thetas - self._mean) ** 2 @ self._precision
        return found

    def _parts(self, thetas: Floats) -> Iterator[tuple[slice, Floats, Floats, Floats, Floats]]:
        """Give which thetas, rows (q, r), z (s, r), log spreads (s, r) and 1 / spreads (s, r)."""
        for piece, y in self._pieces:
            for first in range(0, len(thetas), self._block):
                part = slice(first, min(first + self._block, len(thetas)))
                mean = thetas[part, : self.terms] @ piece
                eta = thetas[part, self.terms :] @ piece
                shrink = np.exp(-eta.clip(-300, 300))
                yield part, piece, (y - mean) * shrink, eta, shrink


def location_scale_density(task: "Task", rows: NDArray[np.int64] | None = None) -> LocationScale:
    """Return the batched posterior of a task.

    Parameters
    ----------
    task : Task
        Data and prior.
    rows : ndarray of int, optional
        Rows to use in place of all; the likelihood is scaled up to all of them.
    """
    X, y, scale = task.design.X, task.response.y, 1.0
    if rows is not None:
        X, y, scale = X[rows], y[rows], len(X) / len(rows)
    spread, spread_slope = (task.priors[name] for name in ("spread", "spread_slope"))
    slopes, means = np.ones(X.shape[1]), prior_means(task)
    sd = np.r_[prior_sds(task), spread, spread_slope * slopes]
    return LocationScale(X, y, sd, scale, np.r_[means, np.zeros(len(means))])
