r"""Laplace proposal, importance check, and independence Metropolis steps that make it exact.

1. Normal approximation ``center + L z`` from the mode and curvature (``engines.mode``).
2. Proposals in coordinates that follow the posterior's skew (``engines.warp``), nine in ten
   normal and one in ten multivariate t; importance ratios against the model's own density;
   Pareto k-hat.
3. If k-hat < 0.7, or no ratio is above five times their mean (k-hat describes the shape of the
   tail and can be large where all ratios are all but equal): four independence Metropolis chains
   over those proposals. They leave the posterior invariant (Tierney 1994), so the approximation
   is only a proposal, and R-hat and ESS judge the result like that of any sampler.
"""

from dataclasses import dataclass
from itertools import count
from math import lgamma

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import CHAINS, K_HAT_LIMIT, Fit, Task
from posynth.engines.density import Density
from posynth.engines.diagnostics import Convergence, convergence, k_hat
from posynth.engines.length import first_length, further
from posynth.engines.warp import Warp

type Floats = NDArray[np.float64]

POOL = 100  # proposals from which the chains' starting points are drawn
SHARE, FREEDOM = 0.1, 5.0  # of multivariate t in the proposal, and its degrees of freedom
LEAST_EFFECTIVE = 0.15  # share of proposals
EFFICIENCY = 0.7  # effective draws of a step, times e / (2 - e) where a share e is effective
LARGEST_LIMIT = 5.0  # times the mean ratio
LONGEST = 1.6  # times their first length, to which chains are extended


@dataclass(frozen=True)
class ImportanceCheck:
    """How well the proposal covers the posterior.

    Attributes
    ----------
    k_hat : float
        Pareto k-hat of the importance ratios.
    largest : float
        Largest ratio over their mean.
    """

    k_hat: float
    largest: float

    @property
    def passed(self) -> bool:
        """Whether the proposal can be used."""
        return self.k_hat < K_HAT_LIMIT or self.largest < LARGEST_LIMIT

    def __str__(self) -> str:
        if self.k_hat < K_HAT_LIMIT:
            return f"k-hat {self.k_hat:.2f} < {K_HAT_LIMIT}"
        sign = "<" if self.passed else ">="
        return (
            f"k-hat {self.k_hat:.2f} >= {K_HAT_LIMIT}, largest ratio {self.largest:.1f} {sign} "
            f"{LARGEST_LIMIT:.0f} times the mean"
        )


def check_ratios(log_ratios: Floats) -> ImportanceCheck:
    """Judge importance ratios (s,), given as logs up to a constant."""
    ratios = np.exp(log_ratios - log_ratios.max())
    return ImportanceCheck(k_hat(log_ratios), float(1.0 / ratios.mean()))


def fit_laplace(
    task: Task,
    density: Density,
    map: Warp,
    rng: np.random.Generator,
    least: float = LEAST_EFFECTIVE,
) -> Fit:
    """Fit by the numbered steps above.

    Parameters
    ----------
    task : Task
        Data, prior, effective draws needed.
    density : Density
        Log-density on the task's data.
    map : Warp
        Coordinates in which the posterior is nearly standard normal.
    rng : numpy.random.Generator
        Source of randomness.
    least : float
        Share of effective proposals without which the chains are not begun.

    Returns
    -------
    Fit
        Draws with k-hat, R-hat, ESS and acceptance; ``draws`` is empty if k-hat is too large or
        ESS too small, so that "auto" can turn to another.
    """
    chains = _Chains(density, map, rng)
    if chains.effective < least:
        return failed(f"{chains.effective:.0%} of {POOL} proposals effective")
    size = density.size
    efficiency = EFFICIENCY * chains.effective / (2 - chains.effective)
    first = first_length(task.need, size, efficiency, CHAINS)
    chains.extend(first)
    check = chains.check()
    if not check.passed:
        return failed(str(check), check.k_hat)
    for looks in count(1):
        thetas, acceptance = chains.run()
        mixed = convergence(thetas)
        if mixed.enough(task.need):
            break
        # Chains that would need much more are left to another engine.
        more = further(mixed, task.need, chains.length, looks)
        if chains.length + more > LONGEST * first:
            why = ", ".join(mixed.reasons(task.need))
            return Fit({}, {}, {}, "laplace", mixed, why=why, k_hat=check.k_hat)
        chains.extend(more)
    flat = density.model.constrain(thetas.reshape(-1, density.size))
    shape = thetas.shape[:2]
    draws = {name: a.reshape(*shape, *a.shape[1:]) for name, a in flat.items()}
    dims, coords = density.model.labels(draws)
    why = f"{check}, then independence Metropolis, {acceptance:.0%} accepted"
    return Fit(draws, dims, coords, "laplace", mixed, why, k_hat=check.k_hat)


def failed(why: str, k_hat: float = float("nan")) -> Fit:
    """Return a fit without draws, which sends "auto" to another engine."""
    return Fit({}, {}, {}, "laplace", Convergence.none(), why, k_hat=k_hat)


class _Chains:
    """Independence Metropolis chains over a growing set of proposals."""

    def __init__(self, density: Density, map: Warp, rng: np.random.Generator) -> None:
        self.density, self.map, self.rng = density, map, rng
        pool, ratios = self._propose(POOL)
        weight = np.exp(ratios - ratios.max())
        self.effective = float(weight.sum() ** 2 / np.sum(weight**2) / POOL)
        start = rng.choice(POOL, size=CHAINS, replace=False, p=_mix(weight))
        self.points = pool[start][:, None, :]  # (chain, 1 + step, d)
        self.ratios = ratios[start][:, None]
        self.uniforms = np.empty((CHAINS, 0))

    @property
    def length(self) -> int:
        return self.uniforms.shape[1]

    def extend(self, steps: int) -> None:
        points, ratios = self._propose(CHAINS * steps)
        shape = (CHAINS, steps)
        self.points = np.concatenate([self.points, points.reshape(*shape, -1)], axis=1)
        self.ratios = np.concatenate([self.ratios, ratios.reshape(shape)], axis=1)
        self.uniforms = np.concatenate([self.uniforms, self.rng.random(shape)], axis=1)

    def check(self) -> "ImportanceCheck":
        return check_ratios(self.ratios[:, 1:].ravel())

    def run(self) -> tuple[Floats, float]:
        """Return the states after each step (chain, step, d), and the share of moves accepted."""
        state = np.zeros(CHAINS, dtype=np.int64)
        path = np.empty((CHAINS, self.length), dtype=np.int64)
        each = np.arange(CHAINS)
        log_u = np.log(self.uniforms)
        for step in range(self.length):
            accept = log_u[:, step] < self.ratios[:, step + 1] - self.ratios[each, state]
            state = np.where(accept, step + 1, state)
            path[:, step] = state
        accepted = float(np.mean(path == np.arange(1, self.length + 1)))
        return self.points[each[:, None], path], accepted

    def _propose(self, count: int) -> tuple[Floats, Floats]:
        x = self.rng.standard_normal((count, self.density.size))
        heavy = self.rng.random(count) < SHARE
        stretch = np.sqrt(FREEDOM / self.rng.chisquare(FREEDOM, count))
        x[heavy] *= stretch[heavy, None]
        points, jacobian = self.map.theta(x)
        return points, self.density.values(points) + jacobian - proposal_log_density(x)


def proposal_log_density(x: Floats) -> Floats:
    """Log-density, up to a constant, of the proposal at points x (s, d).

    A normal with a share of multivariate t: the t bounds the ratios where coordinates depend on
    each other and the posterior outlasts the normal, at the cost of that share of proposals.
    """
    size = x.shape[1]
    square = np.sum(x**2, axis=1)
    half = (FREEDOM + size) / 2
    constant = lgamma(half) - lgamma(FREEDOM / 2) + size / 2 * np.log(2 / FREEDOM)
    t = constant - half * np.log1p(square / FREEDOM)
    density: Floats = np.logaddexp(np.log1p(-SHARE) - square / 2, np.log(SHARE) + t)
    return density


def _mix(weight: Floats) -> Floats:
    """Normalise weights, with a grain of uniform so that four distinct starts always exist."""
    share = weight / weight.sum()
    return 0.99 * share + 0.01 / len(share)
