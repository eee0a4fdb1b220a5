"""Sample a posterior whose density is evaluated at many points at once.

1. The nearest normal (``posynth.engines.batched.gaussian``) and a pilot of proposals from it.
2. If enough of them are effective and the posterior nowhere outlasts the normal: independence
   Metropolis chains over as many proposals as R-hat and ESS ask for.
3. Else Hamiltonian Monte Carlo in the coordinates of that normal, chains side by side.
4. The density is compared with that of the PyMC model at some draws, up to a constant. Where the
   two differ, or neither sampler suffices, there are no draws and another engine takes over.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import CHAINS, Fit, Task
from posynth.engines.batched.cumulative import cumulative_density
from posynth.engines.batched.density import BatchedDensity, Floats, ManyPoints, subsample
from posynth.engines.batched.gaussian import Gaussian, nearest_gaussian
from posynth.engines.batched.proposals import NormalProposals, Proposals
from posynth.engines.batched.softmax import logistic_density, softmax_density
from posynth.engines.conditioned import Conditioned
from posynth.engines.diagnostics import convergence
from posynth.engines.hmc import run_hmc
from posynth.engines.laplace import check_ratios, failed
from posynth.engines.length import first_length, further

type Make = Callable[[Task, NDArray[np.int64] | None], BatchedDensity]

PILOT = 128  # proposals that decide how to go on
WORTH_METROPOLIS = 0.15  # share of effective proposals
LARGEST_WEIGHT = 0.04  # of one proposal among all
EFFICIENCY = 0.85  # effective draws expected of a step of Metropolis, in units of that share
LONGEST = 4  # times their first length, to which chains are extended before they are given up
MANY_ROWS, PART = 40_000, 20_000  # rows from which a sample of them gives the curvature
COMPARED, DIFFERENT = 4, 0.05  # draws at which densities are compared; log units they may differ

DENSITIES: dict[str, Make] = {
    "logistic": logistic_density,
    "softmax": softmax_density,
    "cumulative": cumulative_density,
}


@dataclass(frozen=True)
class _Whitened:
    """A batched density in the coordinates of a normal."""

    density: BatchedDensity
    gaussian: Gaussian

    def at(self, x: Floats) -> tuple[Floats, Floats]:
        values, gradients = self.density.gradients(self.gaussian.at(x))
        return values, gradients @ self.gaussian.factor


def fit_batched(task: Task, model: Conditioned, rng: np.random.Generator) -> Fit:
    """Fit by the numbered steps above.

    Parameters
    ----------
    task : Task
        Data and prior of a family with a batched density.
    model : Conditioned
        The PyMC model on the task's data.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Fit
        Draws with k-hat, R-hat and ESS; ``draws`` is empty if they do not suffice or the density
        is not that of the PyMC model.
    """
    make = DENSITIES[task.family.facts.sampler]
    try:
        density = make(task, None)
        rows = len(task.response.y)
        part = make(task, subsample(rows, PART)) if rows > MANY_ROWS else None
        gaussian = nearest_gaussian(density, rng, part)
    except np.linalg.LinAlgError:
        return failed("its curvature is not positive definite")
    proposals = NormalProposals(density, gaussian, rng)
    proposals.extend(PILOT)
    found = failed("")
    thetas: Floats = np.empty((0, 0, density.size))
    if proposals.effective > WORTH_METROPOLIS * PILOT and not proposals.outlasted():
        found, thetas = _metropolis(proposals, task)
    if not thetas.size:
        start = gaussian.whitened(proposals.starts(CHAINS))
        run = run_hmc([_Whitened(density, gaussian)], start, task.need, rng)
        why = f"{found.why}HMC on the density of many points, {run.why}"
        found = Fit(
            *({}, {}, {}, "batched", run.mixed, why), divergences=run.divergences, stats=run.stats
        )
        if not run.passed:
            return found
        shape = run.path.shape
        thetas = gaussian.at(run.path.reshape(-1, density.size)).reshape(shape)
    return compared(found, thetas, density, model)


def _metropolis(proposals: Proposals, task: Task, pilot: int = PILOT) -> tuple[Fit, Floats]:
    """Extend the proposals until chains over them suffice; give no draws if they never do."""
    share = proposals.effective / pilot
    first = first_length(
        task.need, proposals.thetas.shape[1], EFFICIENCY * share / (2 - share), CHAINS
    )
    more, looks = first, 0
    while True:
        proposals.extend(CHAINS * more)
        check = check_ratios(proposals.ratios)
        weights = proposals.weights
        if not check.passed or weights.max() > LARGEST_WEIGHT * weights.sum():
            return failed(f"proposals are too uneven ({check}); "), np.empty(0)
        thetas, accepted = proposals.path(CHAINS, pilot)
        mixed, length, looks = convergence(thetas), thetas.shape[1], looks + 1
        if mixed.enough(task.need):
            why = f"{check}, then independence Metropolis, {accepted:.0%} accepted"
            return Fit({}, {}, {}, "batched", mixed, why, k_hat=check.k_hat), thetas
        more = further(mixed, task.need, length, looks)
        if length + more > LONGEST * first:
            reasons = ", ".join(mixed.reasons(task.need))
            return failed(f"independence Metropolis fails ({reasons}); "), np.empty(0)


def compared(found: Fit, thetas: Floats, density: ManyPoints, model: Conditioned) -> Fit:
    """Turn draws (chain, draw, d) into parameters if the PyMC model agrees about their density."""
    flat = thetas.reshape(-1, density.size)
    some = flat[subsample(len(flat), COMPARED)]
    exact = model.plain_log_density(density.model_order(some))
    off = float(np.ptp(density.values(some) - exact))
    if not off < DIFFERENT:
        return replace(found, why=f"its density differs from the PyMC model's by {off:.2g}")
    values = model.constrain(density.model_order(flat))
    draws = {name: a.reshape(*thetas.shape[:2], *a.shape[1:]) for name, a in values.items()}
    dims, coords = model.labels(draws)
    return replace(found, draws=draws, dims=dims, coords=coords)
