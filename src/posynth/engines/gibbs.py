r"""Gibbs samplers of Gaussian regression with random effects, where no grid is fine enough.

Coefficients and effects are drawn exactly given spreads and correlations (``engines.mixed``), which
move by Metropolis steps on their marginal density: with one residual spread here, with one of each
group's own in ``engines.own_spreads``. Steps are tuned while the chains warm up, and fixed after.
"""

from itertools import count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import CHAINS, Fit, Task
from posynth.engines.diagnostics import convergence
from posynth.engines.length import first_length, further
from posynth.engines.mixed import Products, draw_given, log_density
from posynth.engines.own_spreads import OwnSpreads
from posynth.engines.prior_normal import around_zero, moved_back
from posynth.engines.walk import Walk
from posynth.families.grouped import effect_names

type Floats = NDArray[np.float64]

WARM_UP, THIN = 300, 4
LONGEST = 4  # times their first length, to which chains are extended before the engine gives up
EFFICIENCY = 0.8  # effective draws expected of a draw kept


class Sweeps(Protocol):
    """Chains side by side that move by sweeps."""

    def sweep(self, tune: bool = False) -> None:
        """Move every chain."""
        ...

    def draw(self) -> dict[str, Floats]:
        """Return the parameters of the model, each (chain, ...)."""
        ...


def fit_gibbs(task: Task, rng: np.random.Generator) -> Fit:
    """Sample until R-hat and ESS are as needed.

    Parameters
    ----------
    task : Task
        Data and prior; the first column of X is the group.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Fit
        Draws with R-hat and ESS; ``draws`` is empty if they do not suffice.
    """
    task, means = around_zero(task)
    own = "omega" in task.priors
    chains: Sweeps = OwnSpreads(task, rng) if own else _OneSpread(task, rng)
    for _ in range(WARM_UP):
        chains.sweep(tune=True)
    kept = [chains.draw()]
    size = sum(a[0].size for a in kept[0].values())
    more = first = first_length(task.need, size, EFFICIENCY, CHAINS)
    for looks in count(1):
        for _ in range(more):
            for _ in range(THIN):
                chains.sweep()
            kept.append(chains.draw())
        draws = {name: np.stack([each[name] for each in kept], axis=1) for name in kept[0]}
        mixed = convergence(_unbounded(draws))
        if mixed.enough(task.need) or len(kept) > LONGEST * first:
            break
        more = further(mixed, task.need, len(kept), looks)
    if not mixed.enough(task.need):
        return Fit({}, {}, {}, "gibbs", mixed, ", ".join(mixed.reasons(task.need)))
    coords = {
        "predictor": task.design.predictors,
        "group": task.design.groups,
        **effect_names(task.design.slopes),
    }
    dims = {name: _DIMS[name] for name in draws}
    draws = moved_back(draws, means)
    return Fit(draws, dims, coords, "gibbs", mixed, "Gibbs sampler of this family")


def _unbounded(draws: dict[str, Floats]) -> Floats:
    """Return all parameters side by side, (chain, draw, d), spreads on the log scale."""
    scaled = {k: np.log(a) if k in {"tau", "sigma", "omega"} else a for k, a in draws.items()}
    return np.concatenate([a.reshape(*a.shape[:2], -1) for a in scaled.values()], axis=2)


class _OneSpread:
    """Points of the marginal posterior of spreads and correlations, (chain, q + pairs + 1)."""

    def __init__(self, task: Task, rng: np.random.Generator) -> None:
        self.task, self.rng, self.products = task, rng, Products.of(task)
        log_spread = np.log(float(np.std(task.response.y)) or 1.0)
        center = np.array(
            [-0.7] * self.products.effects + [0.0] * self.products.pairs + [log_spread]
        )
        self.point = center + 0.5 * rng.standard_normal((CHAINS, len(center)))
        self.walk = Walk(np.full(self.point.shape, 0.3))

    @np.errstate(over="ignore", invalid="ignore")  # a density that overflows is not moved to
    def sweep(self, tune: bool = False) -> None:
        """Move every chain by Metropolis steps."""
        self.point = self.walk.move(self.point, self._density, self.rng, tune)

    def draw(self) -> dict[str, Floats]:
        """Return the parameters of the model, coefficients and effects drawn anew."""
        return draw_given(self.products, self.task, self.point, self.rng)

    def _density(self, point: Floats) -> Floats:
        return log_density(self.products, self.task, point[:, :-1], point[:, -1:])[:, 0]


_DIMS: dict[str, tuple[str, ...]] = {
    "alpha": (), "beta": ("predictor",), "tau": ("effect",), "agreement": ("pair",),
    "z": ("group", "effect"), "sigma": (), "omega": (), "v": ("group",),
}  # fmt: skip
