r"""Batched posterior of cumulative logit regression.

With cutpoints :math:`c_1 < \ldots < c_{K-1}` and :math:`\eta = X\beta` a row of level k adds

.. math:: -softplus(\eta - c_k) - softplus(c_{k-1} - \eta) + \log(1 - e^{c_{k-1} - c_k}),

the first term 0 for the last level and the second 0 for the first. The cutpoints follow from the
sticks of ``posynth.families.ordinal``, held as logits u: with :math:`t_k = -\sum_{j \le k}
softplus(u_j)`, the log share above level k at X = 0, :math:`c_k = \log(e^{-t_k} - 1)`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posynth.engines.batched.density import CELLS, ROWS, Curvature, Floats, Singles, pieces
from posynth.engines.batched.prior import CoefficientPrior

if TYPE_CHECKING:
    from posynth.engines.base import Task


@dataclass(frozen=True)
class _Cuts:
    """Cutpoints at s points, each (s, K - 1): themselves and derivatives by the logits u.

    Attributes
    ----------
    at, first, second : ndarray
        c_k, dc_k/dt_k and the second derivative.
    stick : ndarray
        v = logistic(u), the share of a level in what the lower ones leave over.
    """

    at: Floats
    first: Floats
    second: Floats
    stick: Floats

    @classmethod
    def of(cls, u: Floats) -> "_Cuts":
        tail = -np.cumsum(np.logaddexp(0, u), axis=1)
        rest = -np.expm1(tail)  # 1 - e^t
        at = np.log(rest) - tail
        return cls(at, -1 / rest, -np.exp(tail) / rest**2, np.exp(-np.logaddexp(0, -u)))

    @property
    def jacobian(self) -> Floats:
        """dc_k/du_j, (s, K - 1, K - 1), zero for j > k."""
        below = np.tri(self.at.shape[1])
        found: Floats = -below * self.first[:, :, None] * self.stick[:, None, :]
        return found

    def curved(self, gradient: Floats) -> Floats:
        """Sum over k of gradient_k times the second derivatives of c_k by u, (s, K-1, K-1)."""
        v = self.stick
        size = v.shape[1]
        # Both indices at most k: the sum over k from the larger one on.
        above = np.cumsum((gradient * self.second)[:, ::-1], axis=1)[:, ::-1]
        larger = np.maximum(np.arange(size)[:, None], np.arange(size))
        found = above[:, larger] * v[:, :, None] * v[:, None, :]
        line = np.cumsum((gradient * self.first)[:, ::-1], axis=1)[:, ::-1]
        at = np.arange(size)
        found[:, at, at] -= line * v * (1 - v)
        return found


class Cumulative:
    """The log-density, parameters: slopes (p), then logits u of the sticks (K - 1).

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Predictors.
    y : ndarray of int, shape (n,)
        Levels from 0.
    levels : int
        Their number K.
    prior : CoefficientPrior
        Of the slopes.
    level : float
        Parameter of the Dirichlet prior.
    scale : float
        Factor of the likelihood: above 1 where the rows are a sample of those meant.
    """

    def __init__(
        self,
        X: Floats,
        y: NDArray[np.int64],
        levels: int,
        prior: CoefficientPrior,
        level: float,
        scale: float = 1.0,
    ) -> None:
        self._predictors: int = X.shape[1]
        self._cuts, self._scale = levels - 1, scale
        self._counts = np.bincount(y, minlength=levels).astype(float)
        self._pieces = [(k, piece) for k in range(levels) for piece in pieces(X[y == k])]
        self._prior, self._level = prior, level
        self._above = level * np.arange(levels - 1.0, 0.0, -1.0)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self._predictors + self._cuts

    def start(self) -> Floats:
        """Return slopes of zero and sticks that give the levels their shares."""
        share = self._counts + 1
        left = np.cumsum(share[::-1])[::-1]
        stick = share[:-1] / left[:-1]
        return np.concatenate([np.zeros(self._predictors), np.log(stick / (1 - stick))])

    def values(self, thetas: Floats) -> Floats:
        """Return log p at each row of thetas (s, d)."""
        return self.gradients(thetas)[0]

    def gradients(self, thetas: Floats) -> tuple[Floats, Floats]:
        """Return log p and its gradient at each row of thetas (s, d)."""
        cuts = _Cuts.of(thetas[:, self._predictors :])
        logs, slopes, by_cut = self._sums(thetas, cuts)
        return self._value(thetas, cuts, logs), self._gradient(thetas, cuts, slopes, by_cut)

    def curvature(self, thetas: Floats) -> Curvature:
        """Return log p, gradients and the mean curvature over the rows of thetas (s, d)."""
        p, k = self._predictors, self._cuts
        cuts = _Cuts.of(thetas[:, p:])
        logs, slopes, by_cut = self._sums(thetas, cuts)
        mixed, diagonal = np.zeros((len(thetas), p, k)), np.zeros((len(thetas), k))
        squares = np.zeros((p, p))
        for part, level, piece, _, upper, lower in self._parts(thetas, cuts):
            a, b = upper * (1 - upper), lower * (1 - lower)
            squares += (piece * (a + b).sum(axis=0)) @ piece.T
            if level < k:
                mixed[part, :, level] -= a @ piece.T
                diagonal[part, level] += a.sum(axis=1)
            if level:
                mixed[part, :, level - 1] -= b @ piece.T
                diagonal[part, level - 1] += b.sum(axis=1)
        of_cuts = diagonal[:, :, None] * np.eye(k)
        gap = cuts.at[:, :-1] - cuts.at[:, 1:]
        bent = self._counts[1:-1] * np.exp(gap) / np.expm1(gap) ** 2
        low, high = np.arange(k - 1), np.arange(1, k)
        for i, j, sign in ((low, low, 1), (high, high, 1), (low, high, -1), (high, low, -1)):
            of_cuts[:, i, j] += sign * bent
        jacobian, v = cuts.jacobian, cuts.stick
        inner = np.einsum("ski,skl,slj->sij", jacobian, of_cuts, jacobian) - cuts.curved(by_cut)
        information = np.empty((self.size, self.size))
        information[:p, :p] = self._scale / len(thetas) * squares
        information[:p, :p] += np.diag(self._prior.curvature(thetas[:, :p]))
        information[:p, p:] = self._scale * np.einsum("spk,skj->pj", mixed, jacobian) / len(thetas)
        information[p:, :p] = information[:p, p:].T
        of_sticks = ((self._level + self._above) * v * (1 - v)).mean(axis=0)
        information[p:, p:] = self._scale * inner.mean(axis=0) + np.diag(of_sticks)
        gradient = self._gradient(thetas, cuts, slopes, by_cut)
        return Curvature(self._value(thetas, cuts, logs), gradient, information)

    def model_order(self, thetas: Floats) -> Floats:
        """Return thetas as they are: the model holds slopes, then sticks on the logit scale."""
        return thetas

    def _value(self, thetas: Floats, cuts: _Cuts, logs: Floats) -> Floats:
        u = thetas[:, self._predictors :]
        gap = cuts.at[:, :-1] - cuts.at[:, 1:]
        found: Floats = self._scale * (logs + np.log(-np.expm1(gap)) @ self._counts[1:-1])
        found += self._prior.logs(thetas[:, : self._predictors])
        found -= self._level * np.logaddexp(0, -u).sum(axis=1) + np.logaddexp(0, u) @ self._above
        return found

    def _gradient(self, thetas: Floats, cuts: _Cuts, slopes: Floats, by_cut: Floats) -> Floats:
        v = cuts.stick
        by_u = self._scale * np.einsum("sk,skj->sj", by_cut, cuts.jacobian)
        by_u += self._level * (1 - v) - self._above * v
        prior = self._prior.gradients(thetas[:, : self._predictors])
        return np.concatenate([self._scale * slopes + prior, by_u], axis=1)

    def _sums(self, thetas: Floats, cuts: _Cuts) -> tuple[Floats, Floats, Floats]:
        """Return the rows' log p without gaps (s,), and the gradient by slopes and cutpoints."""
        logs = np.zeros(len(thetas))
        slopes = np.zeros((len(thetas), self._predictors))
        by_cut = np.zeros((len(thetas), self._cuts))
        for part, level, piece, log_rows, upper, lower in self._parts(thetas, cuts):
            logs[part] += log_rows.sum(axis=1, dtype=np.float64)
            slopes[part] += (lower - upper) @ piece.T
            if level < self._cuts:
                by_cut[part, level] += upper.sum(axis=1, dtype=np.float64)
            if level:
                by_cut[part, level - 1] -= lower.sum(axis=1, dtype=np.float64)
        gap = cuts.at[:, :-1] - cuts.at[:, 1:]
        pull = self._counts[1:-1] / np.expm1(-gap)  # -d log(1 - e^gap) / d gap, times rows
        by_cut[:, :-1] -= pull
        by_cut[:, 1:] += pull
        return logs, slopes, by_cut

    def _parts(
        self, thetas: Floats, cuts: _Cuts
    ) -> Iterator[tuple[slice, int, Singles, Singles, Singles, Singles]]:
        """Give, piece by piece: which thetas, level, rows (p, r), log p, and the chances beyond.

        The chances are logistic(eta - c_k) and logistic(c_{k-1} - eta), each (s, r).
        """
        slopes = thetas[:, : self._predictors].astype(np.float32)
        ends = np.full((len(thetas), 1), np.inf)
        edges = np.hstack([-ends, cuts.at, ends]).astype(np.float32)
        block = max(1, CELLS // (2 * ROWS))
        for level, piece in self._pieces:
            for first in range(0, len(thetas), block):
                part = slice(first, min(first + block, len(thetas)))
                eta = slopes[part] @ piece
                over, above = _chance(eta - edges[part, level + 1, None])
                under, below = _chance(edges[part, level, None] - eta)
                yield part, level, piece, -over - under, above, below


def _chance(x: Singles) -> tuple[Singles, Singles]:
    """Return softplus(x) and logistic(x); both are 0 where x is minus infinity."""
    small = np.exp(-np.abs(x))
    return np.maximum(x, 0) + np.log(1 + small), np.where(x > 0, 1, small) / (1 + small)


def cumulative_density(task: "Task", rows: NDArray[np.int64] | None = None) -> Cumulative:
    """Return the batched posterior of a cumulative logit regression.

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
    levels, priors = len(task.response.levels), task.priors
    prior = CoefficientPrior.of(task)
    return Cumulative(X, y, levels, prior, priors["level"], scale)
