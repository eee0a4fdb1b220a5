r"""Batched posterior of logistic and multinomial regression.

.. math:: \log p(\theta | y) = \langle X'Y, \Theta \rangle
    - \sum_i \log(1 + \sum_c e^{x_i\theta_c}) + \log p(\theta) + const

with one column :math:`\theta_c` a contrast with the reference level, the intercept first. Where
rules leave some levels only, the sum goes over those. The
curvature has blocks :math:`X' diag(p_k(\delta_{kl} - p_l)) X` (Böhning 1992).

References
----------
Böhning, D. (1992). Multinomial logistic regression algorithm. Annals of the Institute of
Statistical Mathematics 44(1), 197-200.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posynth.engines.batched.density import CELLS, ROWS, Curvature, Floats, Singles, pieces
from posynth.engines.batched.prior import CoefficientPrior
from posynth.families.restricted import NEVER, possible

if TYPE_CHECKING:
    from posynth.engines.base import Task

type Rows = NDArray[np.int64] | None


class Softmax:
    """The log-density, with parameters laid out as (contrast, 1 + predictor).

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Predictors.
    codes : ndarray of int, shape (n,)
        Contrast each row shows, -1 for the reference level.
    contrasts : int
        Number of contrasts: 1 is logistic regression.
    prior : CoefficientPrior
        Of all parameters.
    scale : float
        Factor of the likelihood: above 1 where the rows are a sample of those meant.
    allowed : ndarray, shape (n, 1 + contrasts), optional
        1 for the levels possible in a row, the reference first; all by default.
    """

    def __init__(
        self,
        X: Floats,
        codes: np.ndarray,
        contrasts: int,
        prior: CoefficientPrior,
        scale: float = 1.0,
        allowed: Floats | None = None,
    ) -> None:
        self._never = None if allowed is None else _penalties(allowed)
        self.contrasts, self.scale = contrasts, scale
        self.terms: int = X.shape[1] + 1
        ones = np.ones((len(X), 1))
        self._pieces = pieces(np.hstack([ones, X]))
        shown = codes[:, None] == np.arange(contrasts)
        totals = np.vstack([shown.sum(axis=0), X.T @ shown]).T
        self._totals = scale * totals.ravel()
        self._prior = prior
        self._block = max(1, CELLS // (contrasts * ROWS))

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.contrasts * self.terms

    def start(self) -> Floats:
        """Return the origin, where every level is as likely."""
        return np.zeros(self.size)

    def values(self, thetas: Floats) -> Floats:
        """Return log p at each row of thetas (s, d)."""
        logs = np.zeros(len(thetas))
        for part, _, _, log_total in self._parts(thetas):
            logs[part] += log_total.sum(axis=1, dtype=np.float64)
        return self._value(thetas, logs)

    def gradients(self, thetas: Floats) -> tuple[Floats, Floats]:
        """Return log p and its gradient at each row of thetas (s, d)."""
        logs, sums = np.zeros(len(thetas)), np.zeros((len(thetas), self.contrasts, self.terms))
        for part, piece, shares, log_total in self._parts(thetas):
            logs[part] += log_total.sum(axis=1, dtype=np.float64)
            sums[part] += shares @ piece.T
        return self._value(thetas, logs), self._gradient(thetas, sums)

    def curvature(self, thetas: Floats) -> Curvature:
        """Return log p, gradients and the mean curvature over the rows of thetas (s, d)."""
        c, q = self.contrasts, self.terms
        logs, sums = np.zeros(len(thetas)), np.zeros((len(thetas), c, q))
        blocks = np.zeros((c, c, q, q))
        for part, piece, shares, log_total in self._parts(thetas):
            logs[part] += log_total.sum(axis=1, dtype=np.float64)
            sums[part] += shares @ piece.T
            for k in range(c):
                for other in range(k, c):
                    weight = -np.einsum("sr,sr->r", shares[:, k], shares[:, other])
                    if k == other:
                        weight += shares[:, k].sum(axis=0)
                    blocks[k, other] += (piece * weight) @ piece.T
        for k in range(c):
            for other in range(k):
                blocks[k, other] = blocks[other, k].T
        information = self.scale / len(thetas) * blocks.transpose(0, 2, 1, 3)
        information = information.reshape(self.size, self.size) + np.diag(
            self._prior.curvature(thetas)
        )
        return Curvature(self._value(thetas, logs), self._gradient(thetas, sums), information)

    def model_order(self, thetas: Floats) -> Floats:
        """Return thetas with the intercepts first, then slopes as (predictor, contrast)."""
        shaped = thetas.reshape(len(thetas), self.contrasts, self.terms)
        return shaped.transpose(0, 2, 1).reshape(len(thetas), -1)

    def _value(self, thetas: Floats, logs: Floats) -> Floats:
        found: Floats = thetas @ self._totals - self.scale * logs
        return found + self._prior.logs(thetas)

    def _gradient(self, thetas: Floats, sums: Floats) -> Floats:
        found: Floats = self._totals - self.scale * sums.reshape(thetas.shape)
        return found + self._prior.gradients(thetas)

    def _parts(self, thetas: Floats) -> Iterator[tuple[slice, Singles, Singles, Singles]]:
        """Give, piece by piece, which thetas, rows (q, r), shares (s, c, r), log totals (s, r)."""
        single = thetas.astype(np.float32).reshape(-1, self.contrasts, self.terms)
        for number, piece in enumerate(self._pieces):
            never = None if self._never is None else self._never[number]
            for first in range(0, len(single), self._block):
                part = slice(first, min(first + self._block, len(single)))
                eta = single[part].reshape(-1, self.terms) @ piece
                eta = eta.reshape(-1, self.contrasts, piece.shape[1])
                if never is not None:
                    eta += never[1:]
                base = np.float32(0) if never is None else never[0]
                top = np.maximum(eta.max(axis=1), base)
                eta -= top[:, None]
                np.exp(eta, out=eta)
                total = np.exp(base - top) + eta.sum(axis=1)
                eta /= total[:, None]
                yield part, piece, eta, top + np.log(total)


def _penalties(allowed: Floats) -> list[Singles]:
    """Return log indicators of possible levels, finite, in the pieces of the rows."""
    return pieces(np.where(allowed > 0, 0.0, NEVER))


def restricted_density(task: "Task", rows: Rows = None) -> Softmax:
    """Return the batched posterior of a regression over the levels possible in each row.

    Parameters
    ----------
    task : Task
        Data and prior; X has indicators of the possible levels before the predictors.
    rows : ndarray of int, optional
        As above.
    """
    reference, levels = task.response.reference, len(task.response.levels)
    allowed, Z = possible(task.design.X, levels)
    first = [reference, *(c for c in range(levels) if c != reference)]
    plain = replace(task, design=replace(task.design, X=Z))
    return _density(plain, rows, reference, levels - 1, allowed[:, first])


def logistic_density(task: "Task", rows: Rows = None) -> Softmax:
    """Return the batched posterior of a logistic regression: its one contrast is y = 1.

    Parameters
    ----------
    task : Task
        Data and prior.
    rows : ndarray of int, optional
        Rows to use in place of all; the likelihood is scaled up to all of them.
    """
    return _density(task, rows, 0, 1)


def softmax_density(task: "Task", rows: Rows = None) -> Softmax:
    """Return the batched posterior of a multinomial regression; arguments as above."""
    return _density(task, rows, task.response.reference, len(task.response.contrasts))


def _density(
    task: "Task", rows: Rows, reference: int, contrasts: int, allowed: Floats | None = None
) -> Softmax:
    X, y, scale = task.design.X, task.response.y, 1.0
    if rows is not None:
        X, y, scale = X[rows], y[rows], len(X) / len(rows)
        allowed = None if allowed is None else allowed[rows]
    codes = np.where(y == reference, -1, np.where(y > reference, y - 1, y))
    prior = CoefficientPrior.of(task, contrasts)
    return Softmax(X, codes, contrasts, prior, scale, allowed)
