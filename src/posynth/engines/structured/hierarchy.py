r"""Posterior of block scales where the likelihood of the coefficients is taken as normal.

With likelihood :math:`\exp(c'\phi - \tfrac12 \phi' H \phi)` and :math:`\phi_k \sim N(0, \tau_g^2)`
in block g, coefficients are integrated out exactly: with :math:`\Lambda = diag(\tau^{-2})`,
:math:`A = H + \Lambda`,

.. math:: \log p(\tau) = \tfrac12 \log|\Lambda| - \tfrac12 \log|A| + \tfrac12 c' A^{-1} c
    + \log \pi(\tau)

and given them :math:`\phi \sim N(A^{-1} c, A^{-1})`. The mode over log tau is found by Newton
steps; each log tau is then proposed from its own conditional density given the others at the mode,
on a grid, by the eigenvalues of its block's Schur complement.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from posynth.engines.structured.posterior import Blocks
from posynth.families.curve_basis import Floats

STEPS, SMALL, LONGEST = 30, 1e-3, 2.0
LEAST, MOST = -9.0, 5.0  # log tau
POINTS, REACH, FLOOR = 61, 4.0, 1e-4


@dataclass(frozen=True)
class Quadratic:
    """A normal likelihood, and the prior of its blocks.

    Attributes
    ----------
    H : ndarray, shape (d, d)
        Information.
    c : ndarray, shape (d,)
        H times the likelihood's centre.
    blocks : Blocks
        Prior.
    """

    H: Floats
    c: Floats
    blocks: Blocks

    @property
    def members(self) -> Floats:
        """Which coefficient (d) is in which block (G)."""
        found = np.zeros((len(self.c), len(self.blocks.scale)))
        free = np.flatnonzero(self.blocks.block >= 0)
        found[free, self.blocks.block[free]] = 1
        return found

    def precision(self, log_tau: Floats) -> Floats:
        """Return prior precisions (d,)."""
        found: Floats = np.exp(-2 * self.blocks.log_sd(log_tau[None])[0])
        return found

    def log_marginal(self, log_tau: Floats) -> float:
        """Return log p(tau) up to a constant."""
        weight = self.precision(log_tau)
        L = cho_factor(self.H + np.diag(weight), lower=True, check_finite=False)
        b = cho_solve(L, self.c, check_finite=False)
        half = 0.5 * np.log(weight).sum() - np.log(np.diag(L[0])).sum() + 0.5 * float(self.c @ b)
        return float(half + self.blocks.log_hyper(log_tau[None])[0])

    def center(self, log_tau: Floats) -> tuple[Floats, Floats]:
        """Return mean (d,) and covariance (d, d) of the coefficients."""
        L = cho_factor(self.H + np.diag(self.precision(log_tau)), lower=True, check_finite=False)
        return cho_solve(L, self.c), cho_solve(L, np.eye(len(self.c)))

    def derivatives(self, log_tau: Floats) -> tuple[Floats, Floats]:
        """Return gradient (G,) and Hessian (G, G) of log p(tau) by log tau."""
        Z, (b, V) = self.members, self.center(log_tau)
        weight = np.exp(-2 * log_tau)
        count, both = Z.sum(axis=0), Z.T @ (np.diag(V) + b**2)
        square = np.exp(2 * (log_tau - np.log(self.blocks.scale)))
        gradient = -count + weight * both + 1 - 2 * square / (1 + square)
        F, Zb = Z.T @ (V * V) @ Z, Z * b[:, None]
        outer = np.outer(weight, weight)
        hessian = 2 * outer * F + 4 * outer * (Zb.T @ V @ Zb)
        hessian -= np.diag(2 * weight * both + 4 * square / (1 + square) ** 2)
        return gradient, hessian

    def mode(self, log_tau: Floats, steps: int = STEPS) -> Floats:
        """Climb from log taus (G,) to the mode of log p."""
        value = self.log_marginal(log_tau)
        for _ in range(steps if len(log_tau) else 0):
            gradient, hessian = self.derivatives(log_tau)
            if np.abs(gradient).max() < SMALL:
                break
            size, turn = np.linalg.eigh(-hessian)
            step = turn @ ((turn.T @ gradient) / np.maximum(np.abs(size), 0.1))
            step *= min(1.0, LONGEST / np.abs(step).max())
            for _ in range(8):
                there = np.clip(log_tau + step, LEAST, MOST)
                found = self.log_marginal(there)
                if found >= value:
                    break
                step = step / 2
            else:
                break
            done = found - value < SMALL
            log_tau, value = there, found
            if done:
                break
        return log_tau

    def grids(self, log_tau: Floats) -> "Grids":
        """Return the conditional density of each log tau given the others at the mode."""
        b, V = self.center(log_tau)
        points = np.empty((len(log_tau), POINTS))
        chances = np.empty((len(log_tau), POINTS))
        for g, at in enumerate(log_tau):
            J = self.blocks.block == g
            schur = np.linalg.inv(V[np.ix_(J, J)])
            root, turn = np.linalg.eigh(schur - np.exp(-2 * at) * np.eye(int(J.sum())))
            root = np.maximum(root, 0.0)[:, None]
            pull = ((turn.T @ (schur @ b[J])) ** 2)[:, None]
            points[g] = np.clip(at, LEAST + 1, MOST - 1) + np.linspace(-REACH, REACH, POINTS)
            weight = np.exp(-2 * points[g])
            log_p = 0.5 * len(root) * np.log(weight) - 0.5 * np.log(root + weight).sum(axis=0)
            log_p += 0.5 * (pull / (root + weight)).sum(axis=0)
            square = 2 * (points[g] - np.log(self.blocks.scale[g]))
            log_p += points[g] - np.logaddexp(0, square)
            chance = np.exp(log_p - log_p.max()) + FLOOR
            chances[g] = chance / chance.sum()
        return Grids(points, chances)


@dataclass(frozen=True)
class Grids:
    """Piecewise constant densities of log taus.

    Attributes
    ----------
    points, chances : ndarray, shape (G, POINTS)
        Middles of the pieces and their probabilities.
    """

    points: Floats
    chances: Floats

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw log taus (count, G) and return them with their log densities (count,)."""
        found = np.empty((count, len(self.points)))
        log_q = np.zeros(count)
        for g, (points, chances) in enumerate(zip(self.points, self.chances, strict=True)):
            piece = rng.choice(len(points), count, p=chances)
            width = points[1] - points[0]
            found[:, g] = points[piece] + width * (rng.random(count) - 0.5)
            log_q += np.log(chances[piece] / width)
        return found, log_q
