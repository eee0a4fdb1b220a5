r"""Hamiltonian Monte Carlo in coordinates in which the posterior is nearly standard normal.

A trajectory on a standard normal turns position and momentum into each other, which is solved
exactly; only what the density differs by is left to the steps (split Hamiltonian: Neal 2011,
section 5.5.1; Shahbaba et al. 2014, Statistics and Computing 24:339). So steps of a radian are
stable where the coordinates fit, twice those of leapfrog. A quarter turn forgets where it began;
lengths are drawn around that, since no single one suits every direction where the coordinates fit
less well, and step sizes are jittered by a fifth. A pilot run, thrown away, moves the step
towards eight accepted proposals in ten. Center and spread are left as they are: those of a pilot
are noisier than the coordinates are wrong, and cost half the effective draws.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import CHAINS, Fit, Task
from posynth.engines.density import Density
from posynth.engines.diagnostics import Convergence, convergence
from posynth.engines.warp import Warp

type Floats = NDArray[np.float64]

PILOT = 20  # trajectories of each chain in a pilot run
PILOTS = 2
ROUNDS = 4  # times the chains may be lengthened before the engine gives up
RETRIES = 2  # with half the step, after a divergence
FIRST_STEP, SHORTEST, LONGEST = 0.8, 0.1, 1.3
LENGTHS = (1.2, 2.6)  # of a trajectory, drawn at random
DIVERGENT = 1000.0


def fit_hmc(
    task: Task,
    density: Density,
    map: Warp,
    rng: np.random.Generator,
) -> Fit:
    """Sample in the coordinates of a map.

    Parameters
    ----------
    task : Task
        Data, prior, number of draws.
    density : Density
        Log-density on the task's data.
    map : Warp
        Coordinates in which the posterior is nearly standard normal.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Fit
        Draws with R-hat, ESS and divergences; ``draws`` is empty if they do not suffice.
    """
    start = rng.standard_normal((CHAINS, density.size)) / 2
    run = run_hmc(_Mapped(density, map), start, task.draws, task.need, rng)
    if not run.passed:
        return Fit({}, {}, {}, "hmc", run.mixed, run.why, divergences=run.divergences)
    shape = run.path.shape[:2]
    thetas = map.theta(run.path.reshape(-1, density.size))[0]
    flat = density.model.constrain(thetas)
    draws = {name: a.reshape(*shape, *a.shape[1:]) for name, a in flat.items()}
    dims, coords = density.model.labels(draws)
    # Of parameters, not of coordinates, is the density that the energy is later added to.
    jacobian = map.theta(run.path.reshape(-1, density.size))[1].reshape(shape)
    stats = {**run.stats, "kinetic": run.stats["kinetic"] - jacobian}
    return Fit(draws, dims, coords, "hmc", run.mixed, run.why, stats=stats)


class Target(Protocol):
    """A density in coordinates in which it is nearly standard normal."""

    def at(self, x: Floats) -> tuple[Floats, Floats]:
        """Return log-densities (chain,) and gradients (chain, d) at points (chain, d)."""
        ...


@dataclass(frozen=True)
class _Mapped:
    """The density of a compiled model in the coordinates of a map."""

    density: Density
    map: Warp

    def at(self, x: Floats) -> tuple[Floats, Floats]:
        return self.map.target(self.density, x)


@dataclass(frozen=True)
class Run:
    """What chains gave.

    Attributes
    ----------
    path : ndarray, shape (chain, draw, d)
        States, in the target's coordinates.
    mixed : Convergence
        R-hat and ESS.
    divergences : int
        Divergent trajectories.
    passed : bool
        Whether they suffice.
    why : str
        Acceptance, or what is short.
    stats : dict of str to ndarray, shape (chain, draw)
        As in ``Fit``.
    """

    path: Floats
    mixed: Convergence
    divergences: int
    passed: bool
    why: str
    stats: dict[str, NDArray[Any]]


def run_hmc(target: Target, start: Floats, draws: int, need: int, rng: np.random.Generator) -> Run:
    """Tune the step on pilot runs, then run chains until they suffice.

    Parameters
    ----------
    target : Target
        What to sample.
    start : ndarray, shape (chain, d)
        Where chains begin, in the target's coordinates.
    draws : int
        Draws of each chain before convergence is first judged.
    need : int
        Effective draws asked for.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Run
    """
    step = FIRST_STEP
    for _ in range(PILOTS):
        pilot = _Chains(target, start, step)
        pilot.run(max(4, PILOT * CHAINS // len(start)), rng)
        step *= 0.49 + pilot.accepted**3
        start, step = pilot.here.x, float(np.clip(step, SHORTEST, LONGEST))
    for _ in range(1 + RETRIES):
        chains = _Chains(target, start, step)
        mixed = _lengthen(chains, draws, need, rng)
        if not chains.divergences:
            break
        step /= 2
    passed = not chains.divergences and mixed.enough(need)
    why = f"{chains.accepted:.0%} accepted"
    if not passed:
        why = f"R-hat {mixed.r_hat:.3f}, ESS {mixed.ess:.0f} of {need} needed"
    return Run(chains.path, mixed, chains.divergences, passed, why, chains.stats)


def _lengthen(chains: "_Chains", draws: int, need: int, rng: np.random.Generator) -> Convergence:
    """Run chains until they suffice, diverge, or have had their rounds."""
    more = draws
    for _ in range(1 + ROUNDS):
        chains.run(more, rng)
        mixed = convergence(chains.path, need)
        if mixed.enough(need) or chains.divergences:
            break
        more = int(np.clip(1.2 * need / mixed.ess - 1, 0.25, 1.0) * len(chains.states))
    return mixed


@dataclass(frozen=True)
class _Point:
    """States of all chains (chain, d), their log-densities (chain,) and gradients (chain, d)."""

    x: Floats
    value: Floats
    force: Floats


class _Chains:
    """Chains side by side: they share step sizes and lengths, drawn apart from their states."""

    def __init__(self, target: Target, start: Floats, step: float) -> None:
        self.target, self.step = target, step
        self.here = self._at(start)
        self.states: list[Floats] = []
        self.chances: list[float] = []
        self.told: list[dict[str, NDArray[Any]]] = []
        self.divergences = 0

    @property
    def path(self) -> Floats:
        """States, (chain, draw, d)."""
        return np.stack(self.states, axis=1)

    @property
    def stats(self) -> dict[str, NDArray[Any]]:
        """What is told of each draw, (chain, draw)."""
        return {name: np.stack([d[name] for d in self.told], axis=1) for name in self.told[0]}

    @property
    def accepted(self) -> float:
        """Share of proposals accepted."""
        return float(np.mean(self.chances))

    def run(self, draws: int, rng: np.random.Generator) -> None:
        """Add draws to every chain."""
        for _ in range(draws):
            self._move(rng)
            self.states.append(self.here.x)

    @np.errstate(over="ignore", invalid="ignore")  # what overflows is a divergence, met below
    def _move(self, rng: np.random.Generator) -> None:
        """Move along one trajectory each, and stay where it is not accepted."""
        step = self.step * rng.uniform(0.8, 1.2)
        leaps = max(1, round(rng.uniform(*LENGTHS) / self.step))
        momentum = rng.standard_normal(self.here.x.shape)
        before = 0.5 * np.sum(momentum**2, axis=1)
        energy = self.here.value - before
        momentum += 0.5 * step * (self.here.force + self.here.x)
        there = self.here
        lost = np.zeros(len(momentum), dtype=bool)
        turn, drift = math.cos(step), math.sin(step)
        for leap in range(leaps):
            x = turn * there.x + drift * momentum
            momentum = turn * momentum - drift * there.x
            there = self._at(x)
            lost |= np.isneginf(there.value)
            momentum += (0.5 if leap == leaps - 1 else 1.0) * step * (there.force + there.x)
        after = 0.5 * np.sum(momentum**2, axis=1)
        change = there.value - after - energy
        change = np.where(lost | np.isnan(change), -np.inf, change)
        self.divergences += int(np.sum(change < -DIVERGENT))
        chance = np.exp(np.minimum(change, 0.0))
        accept = rng.random(len(chance)) < chance
        self.chances.append(float(chance.mean()))
        everywhere = np.ones(len(chance))
        self.told.append(
            {
                "acceptance_rate": chance,
                "diverging": change < -DIVERGENT,
                "kinetic": np.where(accept, after, before),
                "n_steps": leaps * everywhere.astype(np.int64),
                "step_size": step * everywhere,
            }
        )
        self.here = _Point(
            np.where(accept[:, None], there.x, self.here.x),
            np.where(accept, there.value, self.here.value),
            np.where(accept[:, None], there.force, self.here.force),
        )

    def _at(self, x: Floats) -> _Point:
        return _Point(x, *self.target.at(x))
