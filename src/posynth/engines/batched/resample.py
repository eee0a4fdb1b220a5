"""Independent draws from proposals by their importance."""

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import CHAINS, Fit
from posynth.engines.batched.density import Floats
from posynth.engines.batched.proposals import Proposals
from posynth.engines.diagnostics import Convergence
from posynth.engines.laplace import check_ratios, failed

SURPLUS = 1.5  # effective proposals for each draw kept
LARGEST = 0.02  # weight of one proposal among all
FEWEST, SHARE_OF_NEED = 100, 4  # draws; independent ones serve a copy each, so fewer will do
MANY, MOST = 1500, 6000  # proposals for all draws that are needed, and for any
POOR = 0.1  # share of effective proposals with which no more than ``MANY`` are made
MANY_ROWS = 5000  # up to which ``MANY`` are affordable; fewer in proportion beyond


def resampled(
    proposals: Proposals, need: int, rows: int, rng: np.random.Generator
) -> tuple[Fit, Floats]:
    """Extend proposals until enough of them are effective, and draw by their importance.

    Parameters
    ----------
    proposals : Proposals
        With a pilot of them.
    need : int
        Draws to give; down to a quarter where ``MANY`` proposals do not suffice for all.
    rows : int
        Rows of the table.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of Fit and ndarray, shape (chain, draw, d)
        What was done, and the draws; none if importance is too uneven.
    """
    fewest = max(FEWEST, need // SHARE_OF_NEED)
    many = MANY * min(1.0, MANY_ROWS / rows)
    while True:
        count, share = len(proposals.ratios), proposals.effective / len(proposals.ratios)
        draws = int(np.clip(many * share / SURPLUS, fewest, max(need, fewest)))
        draws = CHAINS * -(-draws // CHAINS)
        check = check_ratios(proposals.ratios)
        weights = proposals.weights / proposals.weights.sum()
        even = check.passed and weights.max() < LARGEST
        if even and proposals.effective >= SURPLUS * draws:
            break
        if count >= MOST or (count >= MANY and share < POOR):
            return failed(f"proposals are too uneven ({check}); "), np.empty(0)
        missing = SURPLUS * draws / share - count
        proposals.extend(int(np.clip(missing, 32, 4 * count)))
    taken = systematic(weights, draws, rng)
    why = f"{check}, {draws} of {count} proposals taken by importance ({share:.0%} effective)"
    mixed = Convergence.of_independent(float(draws))
    found = Fit({}, {}, {}, "batched", mixed, why, independent=True, k_hat=check.k_hat)
    return found, proposals.thetas[taken].reshape(CHAINS, draws // CHAINS, -1)


def systematic(weights: Floats, draws: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Take places by systematic sampling in random order: place i ``draws * weights[i]`` times.

    That is its expectation; the number of times is one of the two whole numbers beside it. So a
    mean over the draws has the variance of as many independent ones, as long as effective
    proposals are no fewer.

    Parameters
    ----------
    weights : ndarray, shape (s,)
        Probabilities, which add up to 1.
    draws : int
        How many places to take.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of int, shape (draws,)
        In random order.
    """
    order = rng.permutation(len(weights))
    total = np.cumsum(weights[order])
    places = np.searchsorted(total, (np.arange(draws) + rng.random()) / draws * total[-1])
    return rng.permutation(order[np.minimum(places, len(order) - 1)])
