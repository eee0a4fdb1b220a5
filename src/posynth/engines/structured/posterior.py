"""The posterior of a structured additive regression, at many parameter vectors at once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from posynth.engines.structured.rows import Information, Scores, Target, information
from posynth.engines.structured.rows import scores as row_scores
from posynth.engines.structured.tables import log_likelihoods
from posynth.families.curve_basis import SIZE, Curve, Floats

CELLS = 1_000_000  # numbers worked on at once


@dataclass(frozen=True)
class Blocks:
    """Priors: each coefficient is N(0, sd), sd fixed or the scale tau of its block.

    Attributes
    ----------
    block : ndarray of int, shape (d,)
        Block of each coefficient, -1 where its sd is fixed.
    sd : ndarray, shape (d,)
        Fixed standard deviations; not read inside blocks.
    scale : ndarray, shape (G,)
        Scale of the half-Cauchy prior of each tau.
    """

    block: NDArray[np.int64]
    sd: Floats
    scale: Floats

    def log_sd(self, log_tau: Floats) -> Floats:
        """Return log sds (s, d) for log taus (s, G)."""
        free = self.block >= 0
        found = np.broadcast_to(np.log(self.sd), (len(log_tau), len(self.sd))).copy()
        found[:, free] = log_tau[:, self.block[free]]
        return found

    def log_hyper(self, log_tau: Floats) -> Floats:
        """Return the log prior density of log taus (s, G), summed, (s,)."""
        found: Floats = np.sum(
            log_tau
            - np.log(self.scale)
            + np.log(2 / np.pi)
            - np.log1p(np.exp(2 * (log_tau - np.log(self.scale)))),
            axis=1,
        )
        return found


@dataclass(frozen=True)
class Structured:
    """Data and prior. Parameters: alpha, beta, gamma0, gamma, shape, log tau, in this order.

    Attributes
    ----------
    X : ndarray, shape (n, p)
        Predictors of the mean.
    spread : ndarray of int, shape (q,)
        Columns of X that predict the log spread.
    target : Target
        The response.
    blocks : Blocks
        Priors of the first d = p + q + 2 + SIZE parameters.
    """

    X: Floats
    spread: NDArray[np.int64]
    target: Target
    blocks: Blocks

    @cached_property
    def A(self) -> Floats:
        """Predictors of the mean behind a column of ones, (n, 1 + p)."""
        return np.hstack([np.ones((len(self.X), 1)), self.X])

    @cached_property
    def B(self) -> Floats:
        """Predictors of the log spread behind a column of ones, (n, 1 + q)."""
        return np.hstack([np.ones((len(self.X), 1)), self.X[:, self.spread]])

    @cached_property
    def A32(self) -> NDArray[np.float32]:
        """A in single precision."""
        return self.A.astype(np.float32)

    @cached_property
    def B32(self) -> NDArray[np.float32]:
        """B in single precision."""
        return self.B.astype(np.float32)

    @property
    def coefficients(self) -> int:
        """Number d of coefficients."""
        return int(self.X.shape[1]) + len(self.spread) + 2 + SIZE

    @property
    def size(self) -> int:
        """Number of parameters, d + G."""
        return self.coefficients + len(self.blocks.scale)

    def split(self, phi: Floats) -> tuple[Floats, Floats, Floats]:
        """Cut coefficients (..., d) into those of mean, log spread and shape."""
        a, b = self.A.shape[1], self.A.shape[1] + self.B.shape[1]
        return phi[..., :a], phi[..., a:b], phi[..., b : self.coefficients]

    def model_order(self, thetas: Floats) -> Floats:
        """Return thetas in the order of the PyMC model: log taus come first."""
        d = self.coefficients
        return np.hstack([thetas[:, d:], thetas[:, :d]])

    def log_prior(self, phi: Floats, log_tau: Floats) -> Floats:
        """Return the log prior density of coefficients (s, d) and log taus (s, G)."""
        log_sd = self.blocks.log_sd(log_tau)
        normal = -0.5 * (phi * np.exp(-log_sd)) ** 2 - log_sd - 0.5 * np.log(2 * np.pi)
        found: Floats = normal.sum(axis=1) + self.blocks.log_hyper(log_tau)
        return found

    def log_likelihood(self, phi: Floats) -> Floats:
        """Return the log-likelihood at coefficients (s, d)."""
        mean, spread, shape = self.split(phi)
        curve = Curve.of(shape)
        count = max(1, CELLS // len(self.X))
        parts = []
        for start in range(0, len(phi), count):
            some = slice(start, start + count)
            eta = mean[some].astype(np.float32) @ self.A32.T
            zeta = spread[some].astype(np.float32) @ self.B32.T
            parts.append(log_likelihoods(self.target, eta, zeta, Curve(curve.slopes[some])))
        return np.concatenate(parts)

    def values(self, thetas: Floats) -> Floats:
        """Return log p at each row of thetas (s, size), (s,)."""
        phi, log_tau = thetas[:, : self.coefficients], thetas[:, self.coefficients :]
        with np.errstate(over="ignore", invalid="ignore"):
            found = self.log_likelihood(phi) + self.log_prior(phi, log_tau)
        return np.where(np.isnan(found), -np.inf, found)

    def score(self, phi: Floats) -> tuple[Scores, Floats]:
        """Return row scores at coefficients (d,), and the log-likelihood's gradient (d,)."""
        b, g, a = self.split(phi)
        found = row_scores(self.target, self.A @ b, self.B @ g, a)
        parts = self.A.T @ found.mean, self.B.T @ found.spread, found.shape.sum(axis=0)
        return found, np.concatenate(parts)

    def expected(self, phi: Floats, width: Floats | None = None) -> tuple[Floats, Floats]:
        """Return the log-likelihood's gradient (d,) and information (d, d) at coefficients (d,).

        With ``width`` (n,) they are averages over predictors of the mean that far on either side.
        """
        b, g, a = self.split(phi)
        mean, log_sd = self.A @ b, self.B @ g
        sides = [mean] if width is None else [mean - width, mean + width]
        gradient, H = np.zeros(self.coefficients), np.zeros((self.coefficients,) * 2)
        for side in sides:
            found = row_scores(self.target, side, log_sd, a)
            parts = self.A.T @ found.mean, self.B.T @ found.spread, found.shape.sum(axis=0)
            gradient += np.concatenate(parts) / len(sides)
        rows = information(self.target, mean, log_sd, a)
        H += _assemble(self.A, self.B, rows)
        return gradient, H


def _assemble(A: Floats, B: Floats, rows: Information) -> Floats:
    AA, AB = A.T @ (rows.mean[:, None] * A), A.T @ (rows.both[:, None] * B)
    BB = B.T @ (rows.spread[:, None] * B)
    AS, BS = A.T @ rows.mean_shape, B.T @ rows.spread_shape
    found: Floats = np.block([[AA, AB, AS], [AB.T, BB, BS], [AS.T, BS.T, rows.shape]])
    return found
