r"""Gibbs sweeps of regression with random effects and a spread of each group's own.

Given log spreads :math:`s_j = \log\sigma_{g}`, rows divided by them are a regression with random
effects and residual sd 1, so all but a few parameters are drawn exactly. One sweep, in all chains
at once:

1. :math:`\log\tau` and the logits of agreement by Metropolis steps on their density given s, with
   theta and z integrated out;
2. theta given tau and s, then z given theta, exactly (``engines.mixed``);
3. each :math:`s_j` given its group's sum of squares and (gamma, omega), by an independence
   Metropolis step whose proposal is a t about the mode of this log-concave density;
4. gamma (log sigma) and :math:`\log\omega` by Metropolis steps, first given s, then given
   :math:`v_j = (s_j - \gamma)/\omega`, which moves s with them (Yu and Meng 2011): the one mixes
   where groups are large, the other where they are small.

References
----------
Yu, Y. and Meng, X.-L. (2011). To center or not to center: that is not the question. Journal of
Computational and Graphical Statistics 20, 531-570.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from posynth.engines.base import CHAINS, Task
from posynth.engines.mixed import (
    Products,
    draw_coefficients,
    draw_effects,
    log_agreement,
    regression,
    spread_factor,
)
from posynth.engines.walk import Walk

type Floats = NDArray[np.float64]

FREEDOM, WIDER = 5.0, 1.1  # of the t proposal of a group's log spread
NEWTON = 12


class OwnSpreads:
    """The state of the chains, each (chain, ...)."""

    def __init__(self, task: Task, rng: np.random.Generator) -> None:
        self.task, self.rng = task, rng
        self.products = Products.of(task)
        codes = task.design.X[:, 0].astype(np.int64)
        J, q, pairs = len(task.design.groups), self.products.effects, self.products.pairs
        A = np.column_stack([np.ones(len(codes)), task.design.X[:, 1:], task.response.y])
        self.rows = np.bincount(codes, minlength=J).astype(float)
        self.total = np.zeros((J, A.shape[1], A.shape[1]))
        np.add.at(self.total, codes, A[:, :, None] * A[:, None, :])
        spread = float(np.std(task.response.y)) or 1.0
        self.common = np.column_stack(
            [
                np.log(spread) + 0.5 * rng.standard_normal(CHAINS),
                -1.0 + 0.5 * rng.standard_normal(CHAINS),
            ]
        )
        self.s = self.common[:, :1] + 0.3 * rng.standard_normal((CHAINS, J))
        self.point = np.hstack(
            [-0.7 + 0.5 * rng.standard_normal((CHAINS, q)), rng.standard_normal((CHAINS, pairs))]
        )
        self.walks = [Walk(np.full((CHAINS, d), 0.3)) for d in (q + pairs, 2, 2)]

    @np.errstate(over="ignore", invalid="ignore")  # a density that overflows is not moved to
    def sweep(self, tune: bool = False) -> None:
        """Move every chain by the numbered steps above."""
        weighted = self._weighted()
        between, of_s, of_v = self.walks
        self.point = between.move(
            self.point, lambda x: self._density_between(weighted, x), self.rng, tune
        )
        M, ones = spread_factor(self.point, self.products.effects), np.ones((CHAINS, 1))
        self.theta = draw_coefficients(regression(weighted, self.task, M), ones, self.rng)
        self.z = draw_effects(weighted, M, ones, self.theta, self.rng)
        squares = self._squares(M)
        self.s = self._spreads(squares)
        self.common = of_s.move(self.common, self._centred, self.rng, tune)
        gamma, omega = self.common[:, :1], np.exp(self.common[:, 1:])
        v = (self.s - gamma) / omega
        self.common = of_v.move(
            self.common, lambda x: self._non_centred(squares, v, x), self.rng, tune
        )
        self.s = self.common[:, :1] + np.exp(self.common[:, 1:]) * v

    def draw(self) -> dict[str, Floats]:
        """Return the parameters of the model."""
        gamma, omega = self.common[:, 0], np.exp(self.common[:, 1])
        q = self.products.effects
        return {
            "alpha": self.theta[:, 0],
            "beta": self.theta[:, 1:],
            "tau": np.exp(self.point[:, :q]),
            "agreement": expit(self.point[:, q:]),
            "z": self.z,
            "sigma": np.exp(gamma),
            "omega": omega,
            "v": (self.s - gamma[:, None]) / omega[:, None],
        }

    def _weighted(self) -> Products:
        w = np.exp(-2 * self.s)
        return Products(
            self.products.n,
            np.einsum("rj,jab->rab", w, self.total),
            w[..., None, None] * self.products.within,
            w[..., None, None] * self.products.across,
        )

    def _density_between(self, weighted: Products, point: Floats) -> Floats:
        log_tau = point[:, : weighted.effects]
        given = regression(weighted, self.task, spread_factor(point, weighted.effects))
        found = np.sum(given.cross**2 / (given.lam + 1.0), axis=1) - given.square
        found -= np.log(given.lam + 1.0).sum(axis=1) + given.log_det
        prior = (log_tau - self.task.priors["tau"] * np.exp(log_tau)).sum(axis=1)
        density: Floats = 0.5 * found + prior + log_agreement(point, self.task)
        return density

    def _squares(self, M: Floats) -> Floats:
        """Return the sum of squared residuals of every group, (chain, group)."""
        b = np.column_stack([-self.theta, np.ones(CHAINS)])
        u = self.z @ M.transpose(0, 2, 1)
        found = np.einsum("ra,jab,rb->rj", b, self.total, b, optimize=True)
        found -= 2 * np.einsum("rjq,jqb,rb->rj", u, self.products.across, b, optimize=True)
        found += np.einsum("rjq,jqp,rjp->rj", u, self.products.within, u, optimize=True)
        squares: Floats = np.maximum(found, 0.0)
        return squares

    def _spreads(self, squares: Floats) -> Floats:
        """Step 3."""
        gamma, precision = self.common[:, :1], np.exp(-2 * self.common[:, 1:])

        def density(s: Floats) -> Floats:
            pull = precision * (s - gamma) ** 2
            found: Floats = -self.rows * s - 0.5 * squares * np.exp(-2 * s) - 0.5 * pull
            return found

        # Below the mode, from where Newton steps on a convex slope climb without overshooting.
        own = 0.5 * np.log((squares + 1e-300) / np.maximum(self.rows, 1.0))
        mode = np.maximum(np.minimum(gamma, own), gamma - self.rows / precision)
        for _ in range(NEWTON):
            fit = squares * np.exp(-2 * mode)
            slope = fit - self.rows - precision * (mode - gamma)
            mode = mode + slope / (2 * fit + precision)
        width = WIDER / np.sqrt(2 * squares * np.exp(-2 * mode) + precision)
        there = mode + width * self.rng.standard_t(FREEDOM, mode.shape)
        gain = density(there) - _log_t((there - mode) / width)
        gain -= density(self.s) - _log_t((self.s - mode) / width)
        moved: Floats = np.where(np.log(self.rng.random(gain.shape)) < gain, there, self.s)
        return moved

    def _prior(self, common: Floats) -> Floats:
        """Log prior density of gamma and log omega."""
        sigma, omega = np.exp(common).T
        of_sigma, of_omega = (self.task.priors[name] for name in ("sigma", "omega"))
        found: Floats = common.sum(axis=1) - of_sigma * sigma - of_omega * omega
        return found

    def _centred(self, common: Floats) -> Floats:
        v = (self.s - common[:, :1]) / np.exp(common[:, 1:])
        found: Floats = -0.5 * np.sum(v**2, axis=1) - self.s.shape[1] * common[:, 1]
        return found + self._prior(common)

    def _non_centred(self, squares: Floats, v: Floats, common: Floats) -> Floats:
        s = common[:, :1] + np.exp(common[:, 1:]) * v
        found: Floats = -np.sum(self.rows * s + 0.5 * squares * np.exp(-2 * s), axis=1)
        return found + self._prior(common)


def _log_t(x: Floats) -> Floats:
    """Log-density of t with that many degrees of freedom, up to a constant."""
    found: Floats = -0.5 * (FREEDOM + 1) * np.log1p(x**2 / FREEDOM)
    return found
