r"""Batched posterior of a regression of mean and spread whose shape is corrected in bins.

With :math:`s = \log\sigma`, cut points c, :math:`b_e = (c_e - \mu) / \sigma`, corrections
:math:`\eta_k`, weights :math:`w_k = e^{\eta_k}` and :math:`D_e = w_e - w_{e+1}` a row contributes

.. math:: L = -s - z^2 / 2 + \eta_{k(z)} - \log T, \quad T = \sum_e D_e \Phi(b_e) + w_K

where :math:`-s - z^2/2` is the log-probability of an interval where the score is known up to one
only (``batched.row_terms``). The derivatives of T are :math:`T_\mu = -\sum D \phi / \sigma`,
:math:`T_s = -\sum D \phi b`, :math:`T_{\mu\mu} = -\sum D \phi b / \sigma^2`,
:math:`T_{\mu s} = -\sum D \phi (b^2 - 1) / \sigma`, :math:`T_{ss} = -\sum D \phi b (b^2 - 1)` and
:math:`T_{\eta_k} = P_k w_k`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from posynth.engines.batched.density import CELLS, Curvature, Floats
from posynth.engines.batched.row_terms import RowTerms, row_terms
from posynth.engines.prior_normal import prior_means, prior_sds
from posynth.families.cells import known_between
from posynth.families.tilted import ALIKE, contrasts

if TYPE_CHECKING:
    from posynth.engines.base import Task

ROOT = float(np.sqrt(2 * np.pi))
#: Rows worked on at once, and log weights and log spreads beyond which they are cut off.
ROWS, MOST = 256, 300.0


@dataclass(frozen=True)
class _Part:
    """Some rows at some points: arrays (s, r), and (s, K, r) or (s, K - 1, r) where bins come in.

    Attributes
    ----------
    where : slice
        Which points.
    rows : slice
        Which rows.
    shrink : ndarray, shape (s, r)
        1 / sigma.
    own : RowTerms
        What the normal density, or the probability of an interval, adds, and its derivatives.
    weights, share : ndarray, shape (s, K, r)
        Weights w, and probabilities of the bins.
    ends, height, jumps : ndarray, shape (s, K - 1, r)
        b_e, phi(b_e) / T and D_e.
    log : ndarray, shape (s,)
        Log-likelihood of these rows.
    """

    where: slice
    rows: slice
    shrink: Floats
    own: RowTerms
    weights: Floats
    share: Floats
    ends: Floats
    height: Floats
    jumps: Floats
    log: Floats

    def slopes(self) -> tuple[Floats, Floats]:
        """Return the derivatives of log T in mu and in s, (s, r) each."""
        part = self.jumps * self.height
        return -part.sum(axis=1) * self.shrink, -(part * self.ends).sum(axis=1)


class Tilted:
    """The log-density; parameters are u (q, K - 1), alpha, beta, gamma0, gamma.

    Parameters
    ----------
    G, X, S : ndarray, shape (n, q), (n, p), (n, r)
        Corrections, predictors of the mean and of the log spread.
    known : tuple of ndarray, shape (n,)
        Limits between which the response lies; equal where it is known.
    cuts : ndarray, shape (K - 1,)
        Cut points between its bins.
    sd, mean : ndarray, shape (d,)
        Normal priors.
    """

    def __init__(
        self,
        designs: tuple[Floats, Floats, Floats],
        known: tuple[Floats, Floats],
        cuts: Floats,
        sd: Floats,
        mean: Floats,
    ) -> None:
        lower, upper = known
        # Rows known exactly come first: a part of the rows is of one sort.
        self._known = int(np.sum(lower == upper))
        order = np.argsort(lower != upper, kind="stable")
        G, X, S = (design[order] for design in designs)
        one = np.ones((len(lower), 1))
        self._G, self._A, self._S = G, np.hstack([one, X]), np.hstack([one, S])
        self._lower, self._upper, self._cuts = lower[order], upper[order], cuts
        self._y = middles(self._lower, self._upper)
        place = np.searchsorted(cuts, self._y, side="right")
        self._seen = (place == np.arange(len(cuts) + 1)[:, None]).astype(np.float64)
        self._precision, self._mean = 1 / sd**2, mean
        self._bins = len(cuts) + 1
        self._contrasts = contrasts(cuts)
        sizes = (G.shape[1] * len(cuts), self._A.shape[1], self._S.shape[1])
        edges = np.cumsum([0, *sizes])
        self._places = [slice(a, b) for a, b in pairwise(edges)]
        self._block = max(1, CELLS // (2 * ROWS * self._bins))

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self._precision)

    def start(self) -> Floats:
        """Return a point to climb from, (d,): the mode without corrections, and then Newton steps.

        Without corrections the mean is a least-squares line, and the spread its residuals'.
        """
        at_line, at_spread = self._places[1:]
        theta = self._mean.copy()
        penalised = self._A.T @ self._A + np.diag(self._precision[at_line])
        right = self._A.T @ self._y + (self._precision * self._mean)[at_line]
        theta[at_line] = np.linalg.solve(penalised, right)
        left = self._y - self._A @ theta[at_line]
        theta[at_spread.start] = np.log(max(float(np.std(left)), 1e-6))
        return climb(self, theta)

    def values(self, thetas: Floats) -> Floats:
        """Return log p at each row of thetas (s, d)."""
        logs = np.zeros(len(thetas))
        for part in self._parts(thetas):
            logs[part.where] += part.log
        return self._value(thetas, logs)

    def gradients(self, thetas: Floats) -> tuple[Floats, Floats]:
        """Return log p and its gradient at each row of thetas (s, d)."""
        logs, sums = np.zeros(len(thetas)), np.zeros(thetas.shape)
        for part in self._parts(thetas):
            logs[part.where] += part.log
            self._add_gradient(part, sums)
        return self._value(thetas, logs), sums - (thetas - self._mean) * self._precision

    def curvature(self, thetas: Floats) -> Curvature:
        """Return log p, gradients and the mean curvature over the rows of thetas (s, d)."""
        logs, sums = np.zeros(len(thetas)), np.zeros(thetas.shape)
        information = np.zeros((self.size, self.size))
        for part in self._parts(thetas):
            logs[part.where] += part.log
            self._add_gradient(part, sums)
            self._add_curvature(part, information)
        information = information / len(thetas) + np.diag(self._precision)
        gradients = sums - (thetas - self._mean) * self._precision
        return Curvature(self._value(thetas, logs), gradients, information)

    def model_order(self, thetas: Floats) -> Floats:
        """Return thetas (s, d) as they are: the PyMC model has the same order."""
        return thetas

    def _value(self, thetas: Floats, logs: Floats) -> Floats:
        found: Floats = logs - 0.5 * (thetas - self._mean) ** 2 @ self._precision
        return found

    def _add_gradient(self, part: _Part, sums: Floats) -> None:
        """Add the likelihood's gradient (s, d)."""
        rows = part.rows
        by_mean, by_spread = part.slopes()
        at_theta, at_line, at_spread = self._places
        residual = self._seen[:, rows] - part.share
        found = self._contrasts @ (residual @ self._G[rows])
        sums[part.where, at_theta] += found.transpose(0, 2, 1).reshape(len(found), -1)
        sums[part.where, at_line] += (part.own.mean * part.shrink - by_mean) @ self._A[rows]
        sums[part.where, at_spread] += (part.own.spread - by_spread) @ self._S[rows]

    def _add_curvature(self, part: _Part, information: Floats) -> None:
        """Add minus the likelihood's Hessian, summed over the points, (d, d)."""
        rows = part.rows
        at_theta, at_line, at_spread = self._places
        A, S = self._A[rows], self._S[rows]
        by_mean, by_spread = part.slopes()
        bent, b = part.jumps * part.height, part.ends
        shrink, own = part.shrink, part.own.curvature()
        mean = (own[0] - (bent * b).sum(axis=1)) * shrink**2 - by_mean**2
        both = (own[1] - (bent * (b**2 - 1)).sum(axis=1)) * shrink - by_mean * by_spread
        spread = own[2] - (bent * b * (b**2 - 1)).sum(axis=1) - by_spread**2
        information[at_line, at_line] += (A * mean.sum(axis=0)[:, None]).T @ A
        information[at_spread, at_spread] += (S * spread.sum(axis=0)[:, None]).T @ S
        cross = (A * both.sum(axis=0)[:, None]).T @ S
        information[at_line, at_spread] += cross
        information[at_spread, at_line] += cross.T
        if at_theta.stop:
            self._add_corrections(part, information)

    def _add_corrections(self, part: _Part, information: Floats) -> None:
        """Add what has to do with the corrections."""
        rows = part.rows
        at_theta, at_line, at_spread = self._places
        G, A, S = self._G[rows], self._A[rows], self._S[rows]
        by_mean, by_spread = part.slopes()
        shrink, share, b = part.shrink, part.share, part.ends
        q, k, C = G.shape[1], self._bins, self._contrasts
        nothing = np.zeros((len(shrink), 1, shrink.shape[1]))
        below = np.concatenate([nothing, part.height, nothing], axis=1)
        turned = np.concatenate([nothing, part.height * b, nothing], axis=1)
        steps = [-np.diff(each, axis=1) * part.weights for each in (below, turned)]
        to_mean = (steps[0] * shrink[:, None] - share * by_mean[:, None]).sum(axis=0)
        to_spread = (steps[1] - share * by_spread[:, None]).sum(axis=0)
        for place, B, each in ((at_line, A, to_mean), (at_spread, S, to_spread)):
            block = np.stack([(G * row[:, None]).T @ B for row in C @ each], axis=1)
            information[at_theta, place] += block.reshape(q * (k - 1), -1)
            information[place, at_theta] += block.reshape(q * (k - 1), -1).T
        block = np.empty((q, k, q, k))
        for one in range(k):
            for two in range(k):
                pair = share[:, one] * ((one == two) - share[:, two])
                block[:, one, :, two] = (G * pair.sum(axis=0)[:, None]).T @ G
        block = np.einsum("ak,qkpl,bl->qapb", C, block, C, optimize=True)
        information[at_theta, at_theta] += block.reshape(q * (k - 1), q * (k - 1))

    def _parts(self, thetas: Floats) -> Iterator[_Part]:
        """Give rows and points in parts that fit the cache."""
        at_theta, at_line, at_spread = self._places
        for rows in self._rows():
            for start in range(0, len(thetas), self._block):
                where = slice(start, min(start + self._block, len(thetas)))
                some = thetas[where]
                log_spread = (some[:, at_spread] @ self._S[rows].T).clip(-MOST, MOST)
                mean = some[:, at_line] @ self._A[rows].T
                theta = some[:, at_theta].reshape(len(some), self._G.shape[1], self._bins - 1)
                eta = (theta @ self._contrasts).transpose(0, 2, 1) @ self._G[rows].T
                yield self._part(where, rows, (mean, log_spread), eta.clip(-MOST, MOST))

    def _rows(self) -> Iterator[slice]:
        """Give rows, either all known exactly or none."""
        for first, end in ((0, self._known), (self._known, len(self._y))):
            for start in range(first, end, ROWS):
                yield slice(start, min(start + ROWS, end))

    def _part(self, where: slice, rows: slice, line: tuple[Floats, Floats], eta: Floats) -> _Part:
        mean, log_spread = line
        shrink = np.exp(-log_spread)
        ends = (self._cuts[:, None] - mean[:, None]) * shrink[:, None]
        below, weights = ndtr(ends), np.exp(eta)
        chance = np.diff(below, axis=1, prepend=0.0, append=1.0)
        share = chance * weights
        total = share.sum(axis=1)
        share /= total[:, None]
        height = np.exp(-0.5 * ends**2) / (ROOT * total[:, None])
        own = row_terms(mean, log_spread, self._lower[rows], self._upper[rows])
        bin_weight = (eta * self._seen[:, rows]).sum(axis=1)
        log = (own.log + bin_weight - np.log(total)).sum(axis=1)
        jumps = weights[:, :-1] - weights[:, 1:]
        return _Part(where, rows, shrink, own, weights, share, ends, height, jumps, log)


def middles(lower: Floats, upper: Floats) -> Floats:
    """Return a number between limits (n,); one residual sd inside where one is infinite."""
    low = np.where(np.isinf(lower), upper - 1.0, lower)
    high = np.where(np.isinf(upper), lower + 1.0, upper)
    return np.nan_to_num((low + high) / 2)


#: Newton steps of the climb, halvings of each, and the gain below which it ends.
STEPS, HALVINGS, SMALL_GAIN = 60, 20, 1e-3


def climb(density: Tilted, theta: Floats) -> Floats:
    """Climb to the mode by Newton steps, (d,); damped where the curvature is not positive."""
    for _ in range(STEPS):
        at = density.curvature(theta[None])
        value, gradient = float(at.values[0]), at.gradients[0]
        sizes, directions = np.linalg.eigh(at.information)
        sizes = np.maximum(np.abs(sizes), 1e-3 * sizes.max())
        step = directions @ ((directions.T @ gradient) / sizes)
        if gradient @ step < SMALL_GAIN:
            break
        for _ in range(HALVINGS):
            if density.values((theta + step)[None])[0] >= value:
                break
            step = step / 2
        else:
            break
        theta = theta + step
    return theta


def tilted_density(task: "Task", rows: NDArray[np.int64] | None = None) -> Tilted:
    """Return the batched posterior of a task; it is not made of a part of the rows."""
    design, priors = task.design, task.priors
    size = len(design.corrections)
    G, X = design.X[:, :size], design.X[:, size:]
    S = X[:, list(design.spread)]
    cuts = np.atleast_1d(np.asarray(task.response.options.get("cuts", ()), dtype=np.float64))
    correction = np.full(len(cuts), float(priors.get("correction", 1.0)))
    correction[:ALIKE] = float(priors.get("shift", 1.0))
    line, means = prior_sds(task), prior_means(task)
    sd = np.r_[
        np.tile(correction, size),
        line,
        float(priors["spread"]),
        np.full(S.shape[1], float(priors["spread_slope"])),
    ]
    mean = np.r_[np.zeros(size * len(cuts)), means, np.zeros(1 + S.shape[1])]
    return Tilted((G, X, S), known_between(task.response), cuts, sd, mean)
