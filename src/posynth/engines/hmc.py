r"""Hamiltonian Monte Carlo in coordinates in which the posterior is nearly standard normal.

A trajectory on a standard normal turns position and momentum into each other, which is solved
exactly; only what the density differs by is left to the steps (split Hamiltonian: Neal 2011,
section 5.5.1; Shahbaba et al. 2014, Statistics and Computing 24:339). So two steps a trajectory
are stable where the coordinates fit.

On a standard normal a trajectory of length pi / 2 is independent of its start, in position and in
distance from the center. Lengths are drawn around that, from U(1.35, 1.95): longer ones make means
more precise and spreads less, so that folded R-hat would need twice the draws. Pilot runs, thrown
away, choose the number of steps. Center and spread are left as they are: those of a pilot are
noisier than the coordinates are wrong, and cost half the effective draws.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import CHAINS, Fit, Task
from posynth.engines.density import Density
from posynth.engines.diagnostics import Convergence, convergence
from posynth.engines.length import first_length, further
from posynth.engines.warp import Warp, plain

type Floats = NDArray[np.float64]

PILOT = 20  # trajectories of each chain in a pilot run
POOR = 0.75  # share of proposals accepted below which other coordinates are tried
LONGEST = 4  # times their first length, to which chains are extended before the engine gives up
RETRIES = 2  # with more steps a trajectory, after a divergence
FIRST_STEPS, MOST_STEPS = 2, 16  # of a trajectory
LENGTHS = (1.35, 1.95)  # of a trajectory, drawn at random
EFFICIENCY = 0.85  # effective draws expected of a trajectory
DIVERGENT = 1000.0  # loss of energy
FINER = 4  # times the steps, with which a trajectory must be lost too to count as divergent
UNSTABLE = 0.01  # share of trajectories lost at these steps that calls for more of them


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
        Data, prior, effective draws needed.
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
    coordinates = _Mapped(density, map), _Mapped(density, plain(map.mode))
    run = run_hmc(coordinates, start, task.need, rng)
    if not run.passed:
        return Fit({}, {}, {}, "hmc", run.mixed, run.why, divergences=run.divergences)
    shape = run.path.shape[:2]
    thetas = coordinates[run.chosen].map.theta(run.path.reshape(-1, density.size))[0]
    flat = density.model.constrain(thetas)
    draws = {name: a.reshape(*shape, *a.shape[1:]) for name, a in flat.items()}
    dims, coords = density.model.labels(draws)
    # Of parameters, not of coordinates, is the density that the energy is later added to.
    jacobian = coordinates[run.chosen].map.theta(run.path.reshape(-1, density.size))[1]
    jacobian = jacobian.reshape(shape)
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
        States, in the coordinates chosen.
    mixed : Convergence
        R-hat, ESS and shift.
    divergences : int
        Divergent trajectories.
    passed : bool
        Whether they suffice.
    why : str
        Acceptance, or what is short.
    stats : dict of str to ndarray, shape (chain, draw)
        As in ``Fit``.
    chosen : int
        Place of the coordinates chosen among those given.
    """

    path: Floats
    mixed: Convergence
    divergences: int
    passed: bool
    why: str
    stats: dict[str, NDArray[Any]]
    chosen: int


def run_hmc(
    coordinates: Sequence[Target],
    start: Floats,
    need: int,
    rng: np.random.Generator,
    longest: float = LONGEST,
) -> Run:
    """Choose coordinates and the number of steps on pilot runs, then run chains until they pass.

    Parameters
    ----------
    coordinates : sequence of Target
        The density in one or two sets of coordinates: the second is tried where trajectories
        in the first are poor.
    start : ndarray, shape (chain, d)
        Where chains begin.
    need : int
        Effective draws asked for.
    rng : numpy.random.Generator
        Source of randomness.
    longest : float
        Times their first length, to which chains are extended before the engine gives up.

    Returns
    -------
    Run
    """
    pilot, chosen = _Chains(coordinates[0], start, FIRST_STEPS), 0
    pilot.run(PILOT, rng)
    if len(coordinates) > 1 and (pilot.unstable or pilot.accepted < POOR):
        # Axes taken one at a time can say too little of a posterior, and then make it worse.
        straight = _Chains(coordinates[1], start, FIRST_STEPS)
        straight.run(PILOT, rng)
        if straight.better_than(pilot):
            pilot, chosen = straight, 1
    start, steps = pilot.here.x, best_steps(pilot.accepted, FIRST_STEPS)
    for number in range(1 + RETRIES):
        chains = _Chains(pilot.target, start, steps)
        mixed = _lengthen(chains, need, rng, longest)
        if mixed.ess > 0:
            break
        steps = 2 * steps if number else steps + 1
    passed, why = mixed.enough(need), f"{chains.accepted:.0%} accepted"
    if not passed:
        lost = f"{chains.unstable:.1%} of {len(chains.states)} trajectories lose all energy"
        why = ", ".join(mixed.reasons(need)) if mixed.ess > 0 else lost
    return Run(chains.path, mixed, chains.divergences, passed, why, chains.stats, chosen)


def best_steps(accepted: float, steps: int) -> int:
    """Return how many steps of a trajectory give most effective draws for the work.

    The error in energy falls with the fourth power of the number of steps; of its size Delta, a
    share ``2 Phi(-sqrt(Delta) / 2)`` of proposals is accepted (Neal 2011, section 5.4.4).

    Parameters
    ----------
    accepted : float
        Share of proposals accepted in a pilot run.
    steps : int
        Steps of its trajectories.

    Examples
    --------
    >>> best_steps(0.95, 2), best_steps(0.85, 2), best_steps(0.2, 2)
    (2, 2, 4)
    """
    from scipy.special import ndtr, ndtri

    root = -2 * ndtri(min(max(accepted, 0.001), 0.999) / 2) * steps**2
    numbers = np.arange(FIRST_STEPS, MOST_STEPS + 1)  # one leaves slow directions far behind
    chance = 2 * ndtr(-root / numbers**2 / 2)
    worth = chance / (2 - chance) / numbers
    return int(numbers[np.argmax(worth)])


def _lengthen(
    chains: "_Chains", need: int, rng: np.random.Generator, longest: float
) -> Convergence:
    """Run chains until they pass, diverge, or have had their time."""
    count, size = chains.here.x.shape
    more = first = first_length(need, size, EFFICIENCY, count)
    looks = 0
    while True:
        chains.run(more, rng, to_divergence=True)
        if chains.divergences or chains.unstable > UNSTABLE:
            return Convergence.none()
        mixed, looks = convergence(chains.path), looks + 1
        length = len(chains.states)
        if mixed.enough(need) or length >= longest * first:
            return mixed
        more = further(mixed, need, length, looks)


@dataclass(frozen=True)
class _Point:
    """States of all chains (chain, d), their log-densities (chain,) and gradients (chain, d)."""

    x: Floats
    value: Floats
    force: Floats


class _Chains:
    """Chains side by side: they share lengths, drawn apart from their states."""

    def __init__(self, target: Target, start: Floats, steps: int) -> None:
        self.target, self.steps = target, steps
        self.here = self._at(start)
        self.states: list[Floats] = []
        self.chances: list[float] = []
        self.told: list[dict[str, NDArray[Any]]] = []
        self.lost = self.divergences = 0

    @property
    def path(self) -> Floats:
        """States, (chain, draw, d)."""
        return np.stack(self.states, axis=1)

    def better_than(self, other: "_Chains") -> bool:
        """Whether it lost fewer trajectories, or as many and accepted more."""
        return (-self.unstable, self.accepted) > (-other.unstable, other.accepted)

    @property
    def unstable(self) -> float:
        """Share of trajectories lost at these steps."""
        return self.lost / max(len(self.here.x) * len(self.states), 1)

    @property
    def stats(self) -> dict[str, NDArray[Any]]:
        """What is told of each draw, (chain, draw)."""
        return {name: np.stack([d[name] for d in self.told], axis=1) for name in self.told[0]}

    @property
    def accepted(self) -> float:
        """Share of proposals accepted."""
        return float(np.mean(self.chances))

    def run(self, draws: int, rng: np.random.Generator, to_divergence: bool = False) -> None:
        """Add draws to every chain, up to the first divergence if that is asked for."""
        for _ in range(draws):
            self._move(rng)
            self.states.append(self.here.x)
            if to_divergence and self.divergences:
                return

    def _move(self, rng: np.random.Generator) -> None:
        """Move along one trajectory each, and stay where it is not accepted."""
        length, momentum = rng.uniform(*LENGTHS), rng.standard_normal(self.here.x.shape)
        before = 0.5 * np.sum(momentum**2, axis=1)
        there, after, change = self._follow(momentum, length, self.steps)
        lost = change < -DIVERGENT
        if lost.any():
            # Rejecting it is exact. It tells of the posterior if finer steps get lost there too.
            self.lost += int(lost.sum())
            lost &= self._follow(momentum, length, FINER * self.steps)[2] < -DIVERGENT
            self.divergences += int(lost.sum())
        chance = np.exp(np.minimum(change, 0.0))
        accept = rng.random(len(chance)) < chance
        self.chances.append(float(chance.mean()))
        everywhere = np.ones(len(chance))
        self.told.append(
            {
                "acceptance_rate": chance,
                "diverging": lost,
                "kinetic": np.where(accept, after, before),
                "n_steps": self.steps * everywhere.astype(np.int64),
                "step_size": length / self.steps * everywhere,
            }
        )
        self.here = _Point(
            np.where(accept[:, None], there.x, self.here.x),
            np.where(accept, there.value, self.here.value),
            np.where(accept[:, None], there.force, self.here.force),
        )

    @np.errstate(over="ignore", invalid="ignore")  # what overflows is lost
    def _follow(self, momentum: Floats, length: float, steps: int) -> tuple[_Point, Floats, Floats]:
        """Return the ends of trajectories, kinetic energies there, and changes of energy."""
        step = length / steps
        energy = self.here.value - 0.5 * np.sum(momentum**2, axis=1)
        momentum = momentum + 0.5 * step * (self.here.force + self.here.x)
        there = self.here
        lost = np.zeros(len(momentum), dtype=bool)
        turn, drift = math.cos(step), math.sin(step)
        for number in range(1, steps + 1):
            x = turn * there.x + drift * momentum
            momentum = turn * momentum - drift * there.x
            there = self._at(x)
            lost |= np.isneginf(there.value)
            momentum += (0.5 if number == steps else 1.0) * step * (there.force + there.x)
        kinetic: Floats = 0.5 * np.sum(momentum**2, axis=1)
        change = there.value - kinetic - energy
        return there, kinetic, np.where(lost | np.isnan(change), -np.inf, change)

    def _at(self, x: Floats) -> _Point:
        return _Point(x, *self.target.at(x))
