r"""Hamiltonian Monte Carlo in coordinates in which the posterior is nearly standard normal.

On a standard normal a trajectory of length :math:`\pi/2` forgets where it began (Neal 2011,
section 5.4). Lengths are drawn around that, since no single one suits every direction where the
coordinates fit less well, and step sizes are jittered by a fifth. A pilot run moves center and
spread towards the posterior's own and the step towards eight accepted proposals in ten; it is
thrown away.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import CHAINS, Fit, Task, labels
from posynth.engines.compiled import CompiledModel, Density
from posynth.engines.diagnostics import convergence
from posynth.engines.warp import Warp

type Floats = NDArray[np.float64]

PILOT = 30  # trajectories of each chain in a pilot run
PILOTS = 2
ROUNDS = 4  # times the chains may be doubled before the engine gives up
FIRST_STEP = 0.8
LENGTHS = (1.2, 2.6)  # of a trajectory, drawn at random
DIVERGENT = 1000.0


def fit_hmc(
    task: Task,
    compiled: CompiledModel,
    map: Warp,
    rng: np.random.Generator,
) -> Fit:
    """Sample in the coordinates of a map.

    Parameters
    ----------
    task : Task
        Data, prior, number of draws.
    compiled : CompiledModel
        The family's compiled form, holding the task's data.
    map : Warp
        Coordinates in which the posterior is nearly standard normal.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Fit
        Draws with R-hat, ESS and divergences; ``draws`` is empty if they do not suffice.
    """
    density = Density(compiled, compiled.model)
    target = _Target(density, map, np.zeros(density.size), np.eye(density.size))
    state = rng.standard_normal((CHAINS, density.size)) / 2
    step = FIRST_STEP
    for _ in range(PILOTS):
        pilot = _run(target, state, step, PILOT, rng)
        step = float(np.clip(step * (0.49 + pilot.accepted**3), 0.1, 1.2))
        target, state = target.adapted(pilot.path)
    found = _run(target, state, step, task.draws, rng)
    for _ in range(ROUNDS):
        mixed = convergence(found.path, task.need)
        if mixed.enough(task.need) and not found.divergences:
            break
        length = found.path.shape[1]
        more = int(np.clip(1.2 * task.need / mixed.ess - 1, 0.5, 1.0) * length)
        found += _run(target, found.path[:, -1], step, more, rng)
    else:
        why = f"R-hat {mixed.r_hat:.3f}, ESS {mixed.ess:.0f} of {task.need} needed"
        return Fit({}, {}, {}, "hmc", mixed, why, divergences=found.divergences)
    flat = compiled.constrain(target.thetas(found.path.reshape(-1, density.size)), density.shapes)
    draws = {name: a.reshape(*found.path.shape[:2], *a.shape[1:]) for name, a in flat.items()}
    dims, coords = labels(compiled.model, list(draws))
    return Fit(draws, dims, coords, "hmc", mixed, f"{found.accepted:.0%} accepted")


@dataclass(frozen=True)
class _Path:
    """States after each trajectory (chain, draw, d), share accepted, divergent trajectories."""

    path: Floats
    accepted: float
    divergences: int

    def __add__(self, other: "_Path") -> "_Path":
        path = np.concatenate([self.path, other.path], axis=1)
        share = self.path.shape[1] / path.shape[1]
        mean = share * self.accepted + (1 - share) * other.accepted
        return _Path(path, mean, self.divergences + other.divergences)


@dataclass(frozen=True)
class _Target:
    """The posterior in coordinates y with x = center + spread y, x those of the map."""

    density: Density
    map: Warp
    center: Floats
    spread: Floats

    def __call__(self, y: Floats) -> tuple[float, Floats]:
        value, force = self.map.target(self.density, self.center + self.spread @ y)
        return value, force @ self.spread

    def thetas(self, y: Floats) -> Floats:
        """Map points y (s, d) to parameters (s, d)."""
        return self.map.theta(self.center + y @ self.spread.T)[0]

    def adapted(self, path: Floats) -> tuple["_Target", Floats]:
        """Take center and spread from a pilot run, shrunk; return its last states too."""
        settled = path[:, path.shape[1] // 4 :].reshape(-1, path.shape[-1])
        count, size = settled.shape
        weight = count / (count + 5 * size)
        shift = settled.mean(axis=0)
        spread = weight * np.cov(settled, rowvar=False).reshape(size, size)
        spread += (1 - weight) * np.diag(np.atleast_1d(settled.var(axis=0)))
        lower = np.linalg.cholesky(spread + 1e-6 * np.eye(size))
        last = np.linalg.solve(lower, (path[:, -1] - shift).T).T
        center = self.center + self.spread @ shift
        return _Target(self.density, self.map, center, self.spread @ lower), last


def _run(
    target: _Target, start: Floats, step: float, draws: int, rng: np.random.Generator
) -> _Path:
    path = np.empty((CHAINS, draws, start.shape[1]))
    accepted, divergences = 0.0, 0
    for chain, generator in enumerate(rng.spawn(CHAINS)):
        z = start[chain]
        point = target(z)
        for draw in range(draws):
            z, point, probability, lost = _trajectory(target, z, point, step, generator)
            path[chain, draw] = z
            accepted += probability / (CHAINS * draws)
            divergences += lost
    return _Path(path, accepted, divergences)


@np.errstate(over="ignore", invalid="ignore")  # what overflows is a divergence, met below
def _trajectory(
    target: _Target,
    z: Floats,
    point: tuple[float, Floats],
    step: float,
    rng: np.random.Generator,
) -> tuple[Floats, tuple[float, Floats], float, bool]:
    """Move along one trajectory; return state, its density, acceptance and divergence."""
    jittered = step * rng.uniform(0.8, 1.2)
    momentum = rng.standard_normal(len(z))
    energy = point[0] - 0.5 * momentum @ momentum
    here, there = z, point
    momentum = momentum + 0.5 * jittered * point[1]
    leaps = max(1, round(rng.uniform(*LENGTHS) / step))
    for leap in range(leaps):
        here = here + jittered * momentum
        there = target(here)
        if there[0] == -math.inf:
            break
        half = 0.5 if leap == leaps - 1 else 1.0
        momentum = momentum + (half * jittered) * there[1]
    change = float(there[0] - 0.5 * momentum @ momentum - energy)
    if math.isnan(change):  # a gradient that overflowed on the way
        change = -math.inf
    probability = math.exp(min(change, 0.0))
    if rng.random() < probability:
        return here, there, probability, False
    return z, point, probability, bool(change < -DIVERGENT)
