"""Sample the posterior of a structured additive regression.

1. The normal distribution nearest to the posterior (``mode``).
2. Independent draws: proposals of spread, shape, block scales and mean (``conditional``), taken
   by their importance.
3. As for all batched densities, some draws are compared with the PyMC model's log-density.
"""

import numpy as np

from posynth.engines.base import CHAINS, K_HAT_LIMIT, Fit, Task
from posynth.engines.batched.resample import systematic
from posynth.engines.batched.sample import compared
from posynth.engines.conditioned import Conditioned
from posynth.engines.diagnostics import Convergence
from posynth.engines.laplace import check_ratios, failed
from posynth.engines.structured.conditional import Conditional
from posynth.engines.structured.mode import climb
from posynth.engines.structured.posterior import Blocks, Structured
from posynth.engines.structured.rows import Target
from posynth.families.cells import known_between
from posynth.families.curve_basis import SIZE, Floats
from posynth.families.structured import contents

PILOT = 256  # proposals that decide how to go on
WORTH = 0.04  # share of effective proposals without which there are no draws
WORTH_ADAPTING = 0.3  # share below which proposals are moved to the moments that the pilot shows
SURPLUS = 1.5  # effective proposals for each draw kept
MANY = 4  # times the pilot, at which they are moved too where importance is uneven
ROUNDS = 3  # times proposals are moved
LARGEST = 0.04  # weight of one proposal among all
MOST = 12  # times the pilot, after which proposals are given up
FEWEST, COPY = 100, 4  # draws, and of those needed one in so many, where proposals are poor


def make_density(task: Task) -> Structured:
    """Return the density of a task of family ``structured``."""
    held = contents(task.design, task.response, task.priors)
    data = {name: value for name, (value, _) in held.data.items()}
    place = data["block_of"].astype(np.int64) - 1
    spread, priors = data["spread_columns"], task.priors
    tau = np.where(data["of_spread"], priors["spread_block"], priors["block"])
    block = np.concatenate([[-1], place, [-1], np.full(len(spread), len(tau) - 1), [-1] * SIZE])
    sd = np.concatenate(
        [
            [priors["intercept"]],
            np.full(len(place), priors["slope"]),
            [priors["spread"]],
            np.ones(len(spread)),
            np.full(SIZE, priors["shape"]),
        ]
    )
    target = Target(*known_between(task.response))
    blocks = Blocks(block.astype(np.int64), sd, tau)
    return Structured(data["X"], spread, target, blocks)


def fit_structured(task: Task, model: Conditioned, rng: np.random.Generator) -> Fit:
    """Fit by the numbered steps above.

    Parameters
    ----------
    task : Task
        Data and prior of a conditional of family ``structured``.
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
    density = make_density(task)
    try:
        center = climb(density)
        proposals = Conditional(density, center, rng)
        proposals.extend(PILOT)
    except np.linalg.LinAlgError:
        return failed("its information is not positive definite")
    found, thetas = _resampled(proposals, task.need, rng)
    if not thetas.size:
        return found
    return compared(found, thetas, density, model)


def _resampled(proposals: Conditional, need: int, rng: np.random.Generator) -> tuple[Fit, Floats]:
    """Draw from the proposals by their importance; give no draws if they are poor.

    There are as many draws as are needed, or as ``MOST`` proposals give, but at least one for each
    copy: independent draws serve a copy each.
    """
    adapted = 0
    while True:
        count = len(proposals.ratios)
        share = proposals.effective / count
        draws = _affordable(share, need)
        check = check_ratios(proposals.ratios)
        weights = proposals.weights / proposals.weights.sum()
        even = check.k_hat < K_HAT_LIMIT and weights.max() < LARGEST
        if even and proposals.effective >= SURPLUS * draws:
            break
        few = count == PILOT and share < WORTH_ADAPTING
        if adapted < ROUNDS and (few or (count >= MANY * PILOT and not even)):
            proposals.adapt()
            proposals.extend(PILOT)
            adapted += 1
        elif share < WORTH or count >= MOST * PILOT:
            return failed(f"{share:.0%} of {count} proposals effective, {check}"), np.empty(0)
        else:
            missing = SURPLUS * draws / share - count
            proposals.extend(int(np.clip(missing, PILOT, count)))
    taken = systematic(weights, draws, rng)
    why = f"{check}, {draws} of {count} proposals taken by importance ({share:.0%} effective)"
    mixed = Convergence.of_independent(float(draws))
    found = Fit({}, {}, {}, "structured", mixed, why, independent=True, k_hat=check.k_hat)
    return found, proposals.thetas[taken].reshape(CHAINS, draws // CHAINS, -1)


def _affordable(share: float, need: int) -> int:
    """Return the number of draws that ``MOST`` proposals give, of which a share is effective."""
    fewest = max(FEWEST, need // COPY)
    draws = int(np.clip(MOST * PILOT * share / SURPLUS, fewest, max(need, fewest)))
    return CHAINS * -(-draws // CHAINS)
