r"""Logistic regression with random intercepts: the effects of groups integrated out by quadrature.

The posterior of effects and their spread together is a funnel with a dimension a group, on which
Hamiltonian chains are slow. Given coefficients and spread groups are independent, so

.. math:: p(y | \theta, \tau) = \prod_j \int N(z; 0, 1) \prod_{i \in j}
    p(y_i | x_i\theta + \tau z)\,dz

is a product of integrals of one dimension. Each is summed over equal steps about the mode of its
integrand, in units of the curvature there; for smooth integrands that vanish at the ends the error
falls exponentially with the step. What is left has few parameters and is sampled as any other
conditional; at some of the draws the sum is compared with one of half the step. Then z is drawn
group by group: independence Metropolis steps on a proposal that is constant around each point.

References
----------
Trefethen, L. N. and Weideman, J. A. C. (2014). The exponentially convergent trapezoidal rule. SIAM
Review 56, 385-458.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from posynth.engines.base import Fit, Task
from posynth.engines.compiled import CompiledModel
from posynth.engines.conditioned import Conditioned, Draws
from posynth.engines.density import Density
from posynth.engines.mode import find_mode, refine
from posynth.engines.prior_normal import prior_means, prior_sds
from posynth.engines.warp import warp

type Floats = NDArray[np.float64]

STEP, RADIUS = 0.4, 16.0  # of the sum, in units of curvature
CHECKED, DIFFERENT = 20, 0.05  # draws at which sums are compared, and sd of log ratios allowed
NEWTON, NEAR = 40, 1e-3  # steps towards a mode, until they are small in sds of z
MOVES = 10  # of each group's effect, from a point of its proposal
SMALLEST = -100.0  # logs of shares that count: products of smaller ones are slow, being subnormal
WORTH_A_TRY = 0.85  # share of effective proposals without which Laplace is not tried


def fit_integrated(task: Task, rng: np.random.Generator) -> Fit:
    """Sample what groups have in common, then the effect of each.

    Parameters
    ----------
    task : Task
        Data and prior; the first column of X is the group.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Fit
        Draws with R-hat and ESS; ``draws`` is empty if they do not suffice, or if the sum is not
        as exact as it should be.

    Raises
    ------
    FitError
        If the density has no mode.
    """
    from posynth.engines.hmc import fit_hmc
    from posynth.engines.laplace import fit_laplace

    integrated = Integrated(task)
    density = Density(integrated)
    of_mode, of_laplace, of_hmc, of_effects = rng.spawn(4)
    map = warp(density, refine(density, find_mode(density), of_mode))
    found = fit_laplace(task, density, map, of_laplace, least=WORTH_A_TRY)
    before = ""
    if not found.draws:
        before = f"the Laplace proposal fails: {found.why}; "
        found = fit_hmc(task, density, map, of_hmc)
    if not found.draws:
        return replace(found, why=before + found.why)
    shape = found.draws["alpha"].shape
    thetas = integrated.unmap(found.draws)
    finer = Integrated(task, 0.5)
    some = thetas[:: max(1, len(thetas) // CHECKED)]
    off = float(np.std(density.values(some) - Density(finer).values(some)))
    if not off < DIFFERENT:
        why = f"sums over effects of groups are off by {off:.2f} log units"
        return replace(found, draws={}, why=why)
    z = np.array([integrated.effects(theta, of_effects) for theta in thetas])
    draws = {**found.draws, "z": z.reshape(*shape, -1, 1)}
    dims, coords = integrated.labels(draws)
    why = f"effects of groups integrated out; {before}{found.why}"
    return replace(found, draws=draws, dims=dims, coords=coords, why=why)


@dataclass(frozen=True)
class _Sums:
    """Integrals over z, and what is summed.

    Attributes
    ----------
    logs : ndarray, shape (groups,)
        Log integrals, up to a constant.
    z, share : ndarray, shape (groups, points)
        Points, and the integrand there as a share of its sum.
    missed : ndarray, shape (rows, points)
        y less its probability, times that share.
    width : ndarray, shape (groups,)
        Distance between points.
    """

    logs: Floats
    z: Floats
    share: Floats
    missed: Floats
    width: Floats


class Integrated(Conditioned):
    """Density of coefficients and log spread, without effects of groups.

    Parameters
    ----------
    task : Task
        Two levels and rows within groups.
    finer : float
        Share of the usual step of the sum.
    """

    def __init__(self, task: Task, finer: float = 1.0) -> None:
        model = task.model()
        super().__init__(CompiledModel(model), model)
        codes = task.design.X[:, 0].astype(np.int64)
        order = np.argsort(codes, kind="stable")
        self._present, self._starts, self._group = np.unique(
            codes[order], return_index=True, return_inverse=True
        )
        self._groups, self._rate = len(task.design.groups), task.priors["tau"]
        self._A = np.hstack([np.ones((len(order), 1)), task.design.X[order, 1:]])
        self._sign = 2.0 * task.response.y[order] - 1
        self._sd, self._mean = prior_sds(task), prior_means(task)
        self._t = np.arange(-RADIUS, RADIUS + STEP * finer / 2, STEP * finer)
        self._near = np.zeros(len(self._present))

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of the vector it takes."""
        return [(self._A.shape[1] + 1,)]

    @cached_property
    def density(self) -> Callable[..., Any]:
        """The function that gives log-density and gradient."""
        return self._density

    def constrain(self, thetas: Floats) -> Draws:
        """Map draws (s, d) to the model's parameters but for effects of groups."""
        return {
            "alpha": thetas[:, 0],
            "beta": thetas[:, 1:-1],
            "tau": np.exp(thetas[:, -1:]),
            "agreement": np.empty((len(thetas), 0)),
        }

    def unmap(self, draws: Any) -> Floats:
        """Return the vectors (s, d) of parameters (chain, draw, ...)."""
        parts = [draws["alpha"][..., None], draws["beta"], np.log(draws["tau"])]
        return np.concatenate(parts, axis=2).reshape(-1, self._A.shape[1] + 1)

    def effects(self, theta: Floats, rng: np.random.Generator) -> Floats:
        """Draw z given all else, (groups,)."""
        offset, tau = self._A @ theta[:-1], np.exp(theta[-1])
        sums = self._sum(offset, tau)
        log_share = np.log(np.maximum(sums.share, 1e-300))
        edges, each = np.cumsum(sums.share, axis=1), np.arange(len(sums.logs))

        def propose() -> tuple[Floats, Floats]:
            u = rng.random((len(each), 1)) * edges[:, -1:]
            point = np.minimum((u > edges).sum(axis=1), edges.shape[1] - 1)
            z = sums.z[each, point] + sums.width * (rng.random(len(each)) - 0.5)
            return z, self._log_integrand(z, offset, tau) - log_share[each, point]

        z, here = propose()
        for _ in range(MOVES):
            there, value = propose()
            moved = np.log(rng.random(len(each))) < value - here
            z, here = np.where(moved, there, z), np.where(moved, value, here)
        drawn = rng.standard_normal(self._groups)
        drawn[self._present] = z
        return drawn

    @np.errstate(over="ignore", invalid="ignore")
    def _density(self, theta: Floats) -> tuple[float, Floats]:
        offset, tau = self._A @ theta[:-1], float(np.exp(theta[-1]))
        if not (np.isfinite(offset).all() and np.isfinite(tau)):
            return -np.inf, np.zeros(len(theta))
        sums = self._sum(offset, tau)
        scaled = (theta[:-1] - self._mean) / self._sd
        value = sums.logs.sum() - 0.5 * scaled @ scaled + theta[-1] - self._rate * tau
        moment = np.sum(np.add.reduceat(sums.missed, self._starts) * sums.z)
        of_coefficients = self._A.T @ sums.missed.sum(axis=1) - scaled / self._sd
        return float(value), np.append(of_coefficients, tau * moment + 1 - self._rate * tau)

    def _log_integrand(self, z: Floats, offset: Floats, tau: float) -> Floats:
        """Return its log at one point a group, (groups,)."""
        eta = self._sign * (offset + tau * z[self._group])
        rows = np.minimum(eta, 0.0) - np.log1p(np.exp(-np.abs(eta)))
        found: Floats = np.add.reduceat(rows, self._starts) - 0.5 * z**2
        return found

    def _modes(self, offset: Floats, tau: float) -> tuple[Floats, Floats]:
        """Return where integrands are largest, and one over the root of their curvature there."""
        z, value = self._near, self._log_integrand(self._near, offset, tau)
        share = np.ones(len(z))  # of a Newton step, halved where it went too far
        for _ in range(NEWTON):
            p = expit(-self._sign * (offset + tau * z[self._group]))
            slope = tau * np.add.reduceat(self._sign * p, self._starts) - z
            curved = 1.0 + tau**2 * np.add.reduceat(p * (1 - p), self._starts)
            step = slope / curved
            if np.abs(step).max() < NEAR:
                break
            there = z + share * step
            reached = self._log_integrand(there, offset, tau)
            higher = reached >= value
            z, value = np.where(higher, there, z), np.maximum(reached, value)
            share = np.where(higher, 1.0, share / 2)
        self._near = z
        return z, 1 / np.sqrt(curved)

    def _sum(self, offset: Floats, tau: float) -> _Sums:
        center, unit = self._modes(offset, tau)
        z = center[:, None] + unit[:, None] * self._t
        # With eta turned where y = 0, log p(y) is -log(1 + exp(-eta)) for all rows.
        eta = (self._sign * offset)[:, None] + (tau * self._sign)[:, None] * z[self._group]
        grown = np.exp(np.maximum(-np.abs(eta), SMALLEST))
        rows = np.minimum(eta, 0.0) - np.log1p(grown)
        logs = np.add.reduceat(rows, self._starts) - 0.5 * z**2
        top = logs.max(axis=1, keepdims=True)
        share = np.exp(np.maximum(logs - top, SMALLEST))
        total = share.sum(axis=1, keepdims=True)
        share = share / total
        wrong = np.where(eta <= 0, 1.0, grown) / (1.0 + grown)
        missed = self._sign[:, None] * wrong * share[self._group]
        width = unit * (self._t[1] - self._t[0])
        return _Sums((top + np.log(total))[:, 0] + np.log(width), z, share, missed, width)
