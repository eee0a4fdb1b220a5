r"""Proposals: spread and shape first, then block scales, then the mean given all of these.

Given log spread and residual curve the likelihood of the mean's coefficients is nearly normal (and
exactly so for normal residuals), with information :math:`A' W A`, W the rows' weights. W changes
with the spread, :math:`W = W_0 \exp(-2 Z \delta)`; its products with A are kept to second order in
:math:`\delta`, so that no proposal needs a sum over rows of products.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from posynth.engines.batched.axes import WIDER
from posynth.engines.batched.proposals import Proposals, heavy_normal
from posynth.engines.laplace import proposal_log_density
from posynth.engines.structured.mode import Center
from posynth.engines.structured.posterior import CELLS, Structured
from posynth.engines.structured.rows import information, mean_information
from posynth.engines.structured.tables import mean_gradients
from posynth.families.curve_basis import Curve, Floats

TRUSTED = 4.0  # effective proposals a parameter, at which old and new moments count alike
SECOND = 12  # spread coefficients up to which the second order is kept


@dataclass(frozen=True)
class Weights:
    """The information about the mean's coefficients as a function of the spread's.

    Attributes
    ----------
    zero : ndarray, shape (p, p)
        At the centre.
    first : ndarray, shape (q, p, p)
        Its derivatives.
    second : ndarray, shape (q (q + 1) / 2, p, p) or (0, p, p)
        Second derivatives.
    """

    zero: Floats
    first: Floats
    second: Floats

    @classmethod
    def of(cls, density: Structured, center: Center) -> "Weights":
        """Sum over rows, once."""
        b, g, a = density.split(center.phi)
        A, B = density.A, density.B
        rows = information(density.target, A @ b, B @ g, a)
        weight = rows.mean
        first = np.array([A.T @ ((-2 * weight * z)[:, None] * A) for z in B.T])
        pairs = np.triu_indices(B.shape[1]) if B.shape[1] <= SECOND else ((), ())
        second = [
            A.T @ (((2.0 if i == j else 4.0) * weight * B[:, i] * B[:, j])[:, None] * A)
            for i, j in zip(*pairs, strict=True)
        ]
        zero = A.T @ (weight[:, None] * A)
        return cls(zero, first, np.array(second).reshape(-1, *zero.shape))

    def at(self, delta: Floats) -> Floats:
        """Return the information at spread coefficients moved by delta (q,)."""
        found = self.zero + np.tensordot(delta, self.first, 1)
        if len(self.second):
            i, j = np.triu_indices(len(delta))
            found += np.tensordot(delta[i] * delta[j], self.second, 1)
        return found


class Conditional(Proposals):
    """Proposals of all parameters with their log densities.

    Parameters
    ----------
    density : Structured
        The posterior.
    center : Center
        What the climb found.
    rng : numpy.random.Generator
        Source of randomness.
    """

    def __init__(self, density: Structured, center: Center, rng: np.random.Generator) -> None:
        super().__init__(density, rng)
        self.density, self.center = density, center
        self.p = density.A.shape[1]
        self.products = Weights.of(density, center)
        self.grids = center.quadratic.grids(center.log_tau)
        V = center.quadratic.center(center.log_tau)[1][self.p :, self.p :]
        self._fixed = center.quadratic.precision(center.log_tau)[self.p :]
        self._information = np.linalg.inv(V)
        self._pull = self._information @ center.phi[self.p :]
        size = len(self._fixed)
        self._shift, self._stretch = np.zeros(size), WIDER * np.eye(size)
        self._whitened = np.empty((0, size))

    def propose(self, count: int) -> tuple[Floats, Floats]:
        """Draw parameters (count, size); return them with log proposal densities (count,)."""
        density, p, rng = self.density, self.p, self._rng
        q = density.B.shape[1]
        log_tau, log_q = self.grids.draw(count, rng)
        log_sd = density.blocks.log_sd(log_tau)
        rest, log_r = self._rest(log_sd[:, p:])
        log_q = log_q + log_r
        scores = self._scores(rest)
        ratio = self._ratios(rest[:, q:])
        z = rng.standard_normal((count, p))
        b0, b = self.center.phi[:p], np.empty((count, p))
        for i in range(count):
            H = ratio[i] * self.products.at(rest[i, :q] - self.center.phi[p : p + q])
            prior = np.exp(-2 * log_sd[i, :p])
            L, bad = lapack.dpotrf(H + np.diag(prior), lower=1)
            if bad:
                b[i], log_q[i] = np.nan, 0.0
                continue
            mean = b0 + lapack.dpotrs(L, scores[i] - prior * b0, lower=1)[0]
            b[i] = mean + lapack.dtrtrs(L, z[i], lower=1, trans=1)[0]
            log_q[i] += np.log(np.diag(L)).sum()
        log_q -= 0.5 * np.sum(z**2, axis=1)
        return np.hstack([b, rest, log_tau]), log_q

    def _rest(self, log_sd: Floats) -> tuple[Floats, Floats]:
        """Draw coefficients of spread and shape given prior sds; return them and log densities."""
        count, size = log_sd.shape
        x = heavy_normal(count, size, self._rng)
        z = self._shift + x @ self._stretch.T
        self._whitened = np.concatenate([self._whitened, z])
        rest, log_q = np.empty_like(z), proposal_log_density(x)
        for i, precision in enumerate(np.exp(-2 * log_sd)):
            M = self._information + np.diag(precision - self._fixed)
            L, bad = lapack.dpotrf(M, lower=1)
            if bad:
                rest[i], log_q[i] = np.nan, 0.0
                continue
            mean = lapack.dpotrs(L, self._pull, lower=1)[0]
            rest[i] = mean + lapack.dtrtrs(L, z[i], lower=1, trans=1)[0]
            log_q[i] += np.log(np.diag(L)).sum()
        return rest, log_q

    def adapt(self) -> None:
        """Move the proposals of spread and shape to the moments that weights show; begin anew."""
        z, weights = self._whitened, self.weights / self.weights.sum()
        trust = self.effective / (self.effective + TRUSTED * z.shape[1])
        mean = weights @ z
        spread = (z - mean).T @ (weights[:, None] * (z - mean))
        old = self._stretch @ self._stretch.T
        self._shift = self._shift + trust * (mean - self._shift)
        self._stretch = np.linalg.cholesky(WIDER**2 * trust * spread + (1 - trust) * old)
        self.thetas, self.ratios = self.thetas[:0], self.ratios[:0]
        self._whitened = z[:0]

    def _ratios(self, shapes: Floats) -> Floats:
        """Return the information of a row under other residual curves (s, SIZE), relative."""
        center = self.center.phi[None, -shapes.shape[1] :]
        sizes = mean_information(np.concatenate([center, shapes]))
        ratios: Floats = sizes[1:] / sizes[0]
        return ratios

    def _scores(self, rest: Floats) -> Floats:
        """Return the gradient by the mean's coefficients at their centre, (s, p)."""
        density = self.density
        q = density.B.shape[1]
        mean = (density.A @ self.center.phi[: self.p]).astype(np.float32)
        curve = Curve.of(rest[:, q:])
        count = max(1, CELLS // len(mean))
        found = []
        for start in range(0, len(rest), count):
            some = slice(start, start + count)
            log_sd = rest[some, :q].astype(np.float32) @ density.B32.T
            part = mean_gradients(density.target, mean, log_sd, Curve(curve.slopes[some]))
            found.append(part @ density.A32)
        return np.concatenate(found).astype(np.float64)
