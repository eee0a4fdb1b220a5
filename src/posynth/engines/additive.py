r"""Markov chain of a sum of regression trees: Bayesian backfitting.

One sweep, for every tree in turn: a Metropolis step on its splits with leaf values integrated out,
then its leaf values from their normal conditional (``engines.tree_moves``). Then

- :math:`\sigma^2` from its scaled inverse chi-square conditional, for numbers, or
- latent :math:`z_i \sim N(f(x_i), 1)`, positive where :math:`y_i = 1`, for two levels (Albert and
  Chib 1993), of which f is the sum of trees and the probit of their mean share.

Four chains run until R-hat and ESS of log sigma and of f at eight rows suffice. A copy is served by
one sweep, these far apart.

PyMC-BART was tried first. Its particle Gibbs sampler (0.13.1) ignores the seed and mixes too slowly
to be judged: on 300 rows of a curved truth, f had an ESS of 21 after 3200 sweeps of 50 trees with
60 particles, in 245 s; here it has one of 325 after 5200 sweeps of 200 trees, in 5 s.

References
----------
Albert, J. H. and Chib, S. (1993). Bayesian analysis of binary and polychotomous response data.
Journal of the American Statistical Association 88, 669-679.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.cuts import APART, cuts_of
from posynth.engines.base import CHAINS, Fit, Task
from posynth.engines.diagnostics import Convergence, convergence
from posynth.engines.length import further
from posynth.engines.own import DRAWS_A_COPY
from posynth.errors import FitError

type Floats = NDArray[np.float64]

WARM_UP, FIRST = 500, 500
LONGEST = 32  # times their first length, to which chains are extended
MOST_CUTS = 100  # of a predictor
WATCHED = 8  # rows at which f is judged
USABLE = 1.1  # R-hat up to which draws are given with a warning, where they should be closer to 1


def fit_additive(task: Task, rng: np.random.Generator) -> Fit:
    """Sample until R-hat and ESS are as needed, at most 16,000 sweeps a chain.

    Parameters
    ----------
    task : Task
        Data and scales: ``trees``, ``alpha``, ``beta``, ``k``, and for numbers ``nu`` and ``q``.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Fit
        As many draws as there may be copies, with R-hat and ESS of all sweeps they were taken from.

    Raises
    ------
    FitError
        If chains still disagree at the end.
    """
    each = math.ceil(task.need / DRAWS_A_COPY / CHAINS)
    spacing = math.ceil(FIRST / each)
    watched = rng.permutation(len(task.response.y))[:WATCHED]
    apart = max(APART, len(task.design.X) / (MOST_CUTS + 1))
    cuts = [cuts_of(column, apart) for column in task.design.X.T]
    chains = [AdditiveTrees(task, cuts, stream) for stream in rng.spawn(CHAINS)]
    for chain in chains:
        chain.run(WARM_UP, watched)
        chain.restart()
    more, looks = each, 0  # draws that may be kept of each chain, ``spacing`` sweeps apart
    while True:
        for chain in chains:
            chain.run(more * spacing, watched, spacing)
        mixed, looks = convergence(np.array([chain.seen for chain in chains])), looks + 1
        length = len(chains[0].kept)
        if mixed.enough(task.need) or length >= LONGEST * each:
            break
        more = min(further(mixed, task.need, length, looks), LONGEST * each - length)
    if not mixed.r_hat <= USABLE:
        raise FitError(
            f"column {task.response.name!r}, family {task.family.facts.name!r}: its chains do not "
            f"agree after {len(chains[0].seen)} sweeps (R-hat {mixed.r_hat:.2f}, limit {USABLE}); "
            "use more trees, as scales = {trees = 400}, or family 'forest'"
        )
    return _fit(task, chains, each, mixed)


def _fit(task: Task, chains: "list[AdditiveTrees]", each: int, mixed: Convergence) -> Fit:
    last = (np.arange(each) + 1) * len(chains[0].kept) // each - 1  # as far apart as can be
    kept = [[chain.kept[i] for i in last] for chain in chains]
    draws: dict[str, NDArray[Any]] = {}
    widest = max(a["left"].shape[1] for chain in kept for a in chain)
    for name, first in kept[0][0].items():
        wide = [[_widened(a[name], widest) for a in chain] for chain in kept]
        draws[name] = np.array(wide) if first.ndim else np.array(wide, dtype=np.float64)
    sweeps = len(chains[0].seen)
    why = f"Bayesian backfitting, {sweeps} sweeps in each of {CHAINS} chains"
    if not mixed.enough(task.need):
        why += f", too few: {', '.join(mixed.reasons(task.need))}"
    return Fit(draws, dict.fromkeys(draws, ()), {}, task.family.facts.chain, mixed, why)


def _widened(a: NDArray[Any], width: int) -> NDArray[Any]:
    """Give all trees the same number of nodes; those added are never visited."""
    return np.pad(a, ((0, 0), (0, width - a.shape[1]))) if a.ndim else a


class AdditiveTrees:
    """One chain.

    Attributes
    ----------
    seen : list of ndarray, shape (d,)
        Of every sweep, log sigma (of numbers) and f at the rows watched.
    kept : list of dict
        Parameters of every ``spacing``-th sweep.
    """

    def __init__(self, task: Task, cuts: list[Floats], rng: np.random.Generator) -> None:
        from posynth.engines.tree_moves import NODES

        y, X, scales, n = task.response.y, task.design.X, task.priors, len(task.response.y)
        self.rng, self.cuts, m = rng, cuts, round(scales["trees"])
        self.codes = np.array(
            [np.searchsorted(c, x) for c, x in zip(cuts, X.T, strict=True)], dtype=np.int32
        ).reshape(len(cuts), n)
        self.levels = y == 1 if task.response.levels else None
        self.center, self.unit = _location(task)
        self.z = np.zeros(n) if self.levels is not None else (y - self.center) / self.unit
        self.prior = (3.0 / scales["k"]) ** 2 / m
        self.shape, self.variance = (scales["alpha"], scales["beta"]), 1.0
        if self.levels is None:
            self.freedom, self.weight = scales["nu"], _sigma_scale(task, X, self.z)
        self.trees = (
            np.full((m, NODES), -1, dtype=np.int16),
            np.zeros((m, NODES), dtype=np.int64),
            np.zeros((m, n), dtype=np.uint8),
            rng.standard_normal((m, NODES)) * np.sqrt(self.prior),
        )
        self.f = self.trees[3][:, 0].sum() * np.ones(n)
        self.restart()

    def restart(self) -> None:
        """Forget the sweeps so far."""
        self.seen: list[Floats] = []
        self.kept: list[dict[str, NDArray[Any]]] = []

    def run(self, sweeps: int, watched: NDArray[np.int64], spacing: int = 0) -> None:
        """Run sweeps; keep every ``spacing``-th."""
        for _ in range(sweeps):
            self._sweep()
            spread = [] if self.levels is not None else [0.5 * np.log(self.variance)]
            self.seen.append(np.array([*spread, *self.f[watched]]))
            if spacing and len(self.seen) % spacing == 0:
                self.kept.append(self.parameters())

    def _sweep(self) -> None:
        from posynth.engines.tree_moves import sweep

        if self.levels is not None:
            self.z = _latent(self.f + self.center, self.levels, self.rng) - self.center
        rest = self.z - self.f
        cuts = np.array([len(c) for c in self.cuts], dtype=np.int64)
        sweep(
            self.codes, rest, self.trees, cuts, (self.variance, self.prior, *self.shape), self.rng
        )
        self.f = self.z - rest
        if self.levels is None:
            total = self.freedom * self.weight + rest @ rest
            self.variance = float(total / self.rng.chisquare(self.freedom + len(rest)))

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Return the trees, and the spread of numbers, on the scale of the response."""
        feature, cut, _, value = self.trees
        compact = [self._compact(*tree) for tree in zip(feature, cut, value, strict=True)]
        widest = max(len(tree["left"]) for tree in compact)
        found = {
            name: np.stack([_widened(tree[name][None], widest)[0] for tree in compact])
            for name in compact[0]
        }
        found["center"] = np.array(self.center)
        if self.levels is None:
            found["sigma"] = np.array(self.unit * np.sqrt(self.variance))
        return found

    def _compact(self, feature: Any, cut: Any, value: Floats) -> dict[str, NDArray[Any]]:
        """Return a tree with its nodes one after the other."""
        split = feature >= 0
        exists = np.concatenate([[True], np.repeat(split[: len(split) // 2], 2)])
        place = np.cumsum(exists) - 1
        at = np.flatnonzero(exists)
        inner, last = split[at], len(place) - 1
        j = np.maximum(feature[at], 0).astype(np.int64)
        pairs = zip(j, cut[at], inner, strict=True)
        return {
            "feature": j.astype(np.int32),
            "threshold": np.array([self.cuts[i][c] if s else 0.0 for i, c, s in pairs]),
            "left": np.where(inner, place[np.minimum(2 * at + 1, last)], -1).astype(np.int16),
            "right": np.where(inner, place[np.minimum(2 * at + 2, last)], -1).astype(np.int16),
            "value": np.where(inner, 0.0, self.unit * value[at]),
        }


def _location(task: Task) -> tuple[float, float]:
    """Return the centre and unit of numbers, or the probit of the share of the second level."""
    from scipy.special import ndtri

    y = task.response.y
    if task.response.levels:
        return float(ndtri((y.sum() + 1.0) / (len(y) + 2.0))), 1.0
    return float(y.mean()), float(y.std()) or 1.0


def _sigma_scale(task: Task, X: Floats, z: Floats) -> float:
    """Return lambda: sigma is below the residual sd of least squares with probability q."""
    from scipy.special import chdtri

    nu, free = task.priors["nu"], len(z) - X.shape[1] - 1
    guess = float(z @ z) / len(z)
    if free > len(z) / 2:
        A = np.column_stack([np.ones(len(z)), X])
        rest = z - A @ np.linalg.lstsq(A, z, rcond=None)[0]
        guess = max(float(rest @ rest) / free, 1e-6)
    return float(guess * chdtri(nu, task.priors["q"]) / nu)


def _latent(mean: Floats, positive: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Draw normal values of sd 1, positive or negative as told."""
    from scipy.special import ndtr, ndtri

    sign = np.where(positive, 1.0, -1.0)
    # -z sign is below 0 with probability ndtr(mean sign): the tail keeps its digits.
    below = rng.random(len(mean)) * ndtr(sign * mean)
    drawn: Floats = mean - sign * ndtri(np.maximum(below, 1e-300))
    return drawn
