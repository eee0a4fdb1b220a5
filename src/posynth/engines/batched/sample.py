"""Sample a posterior whose density is evaluated at many points at once.

1. The nearest normal (``posynth.engines.batched.gaussian``) and a pilot of proposals from it, which
   follow the posterior's own slices along axes where it is skewed (``batched.axes``); the mean of
   a regression with a modelled spread may be drawn given that (``mean_given_spread``).
2. If enough of them are effective: independent draws by importance, from as many proposals as k-hat
   and their weights ask for.
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
from posynth.engines.batched.gaussian import MOST_POINTS, Gaussian, nearest_gaussian
from posynth.engines.batched.location_scale import LocationScale, location_scale_density
from posynth.engines.batched.mean_given_spread import MeanGivenSpread
from posynth.engines.batched.proposals import Proposals, pilot
from posynth.engines.batched.resample import resampled
from posynth.engines.batched.softmax import (
    logistic_density,
    restricted_density,
    softmax_density,
)
from posynth.engines.batched.tilted import tilted_density
from posynth.engines.conditioned import Conditioned
from posynth.engines.hmc import run_hmc
from posynth.engines.laplace import failed

type Make = Callable[[Task, NDArray[np.int64] | None], BatchedDensity]

PILOT = 128  # proposals that decide how to go on
FEW = 0.3  # share below which the mean is drawn given the spread
WORTH_MORE = 0.1  # share of effective proposals
LONGEST = 12  # times their first length, to which chains are extended: other engines take longer
MANY_ROWS, PART = 40_000, 20_000  # rows from which a sample of them gives the curvature
MOST_WORK = 2e8  # rows x parameters x points in a round of the nearest normal
COMPARED, DIFFERENT = 4, 0.05  # draws at which densities are compared; log units they may differ

DENSITIES: dict[str, Make] = {
    "logistic": logistic_density,
    "softmax": softmax_density,
    "restricted": restricted_density,
    "cumulative": cumulative_density,
    "location_scale": location_scale_density,
    "tilted": tilted_density,
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
        # Of a modelled spread a sample says too little: its curvature depends on the response.
        sampled = rows > MANY_ROWS and not isinstance(density, LocationScale)
        part = make(task, subsample(rows, PART)) if sampled else None
        most = min(MOST_POINTS, int(MOST_WORK / rows / density.size))
        gaussian = nearest_gaussian(density, rng, part, most)
    except np.linalg.LinAlgError:
        return failed("its curvature is not positive definite")
    found, thetas, proposals = _independent(density, gaussian, task, rng)
    if not thetas.size and task.design.corrections and task.replaceable:
        share = proposals.effective / len(proposals.ratios)
        return failed(found.why.rstrip("; ") or f"{share:.0%} of proposals effective")
    if not thetas.size:
        start = gaussian.whitened(proposals.starts(CHAINS))
        run = run_hmc([_Whitened(density, gaussian)], start, task.need, rng, LONGEST)
        why = f"{found.why}HMC on the density of many points, {run.why}"
        found = Fit(
            *({}, {}, {}, "batched", run.mixed, why), divergences=run.divergences, stats=run.stats
        )
        if not run.passed:
            return found
        shape = run.path.shape
        thetas = gaussian.at(run.path.reshape(-1, density.size)).reshape(shape)
    return compared(found, thetas, density, model)


def _independent(
    density: BatchedDensity, gaussian: Gaussian, task: Task, rng: np.random.Generator
) -> tuple[Fit, Floats, Proposals]:
    """Draw by importance from one kind of proposals after the other; no draws if all are poor."""
    found, thetas = failed(""), np.empty((0, 0, density.size))
    spread = isinstance(density, LocationScale)
    first: Proposals = pilot(density, gaussian, PILOT, rng)
    if first.effective > (FEW if spread else WORTH_MORE) * PILOT:
        found, thetas = resampled(first, task.need, len(task.response.y), rng)
    if thetas.size or not isinstance(density, LocationScale):
        return found, thetas, first
    other = MeanGivenSpread(density, gaussian, rng)
    other.extend(PILOT)
    best = max(other, first, key=lambda each: each.effective / len(each.ratios))
    if best.effective > WORTH_MORE * len(best.ratios):
        found, thetas = resampled(best, task.need, len(task.response.y), rng)
    return found, thetas, first


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
