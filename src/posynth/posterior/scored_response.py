"""A numeric response on its learned scale: scores, cells of rounded values, bins of its shape."""

from dataclasses import replace

import numpy as np

from posynth.chain.blocks import Floats, Rows
from posynth.chain.corrections import NO_CORRECTIONS, Corrections, cut_points
from posynth.chain.facts import FamilyFacts
from posynth.chain.scale import Scale
from posynth.chain.scores import FURTHEST, Warp, learn_scores, normal_scores
from posynth.chain.spec import Conditional
from posynth.families.base import Response
from posynth.posterior.seeds import Purpose, stream

#: The family whose spread depends on predictors.
SPREAD = "location_scale"
#: Designs of families that take a value many rows share for an interval.
IN_CELLS = ("structured", "interval", "tilted")
#: Width of an interval of scores that counts as a point.
NARROW = 0.02


def scored_response(
    learned: Scale,
    conditional: Conditional,
    facts: FamilyFacts,
    observed: Floats,
    X: Floats,
    seed: int,
) -> tuple[Response, Warp]:
    """Return the response as scores on its learned scale, and the warp that made them."""
    rng = stream(seed, Purpose.SCORE, conditional.target)
    structured = facts.design == "structured"
    named = bool(conditional.spread) and not structured
    wide = conditional.family == SPREAD or named
    slope = conditional.scales.get("slope", 2.5)
    ridge = 1.0 if structured else 1 / slope**2
    scored = learn_scores(learned, observed, X, rng, spread=wide, ridge=ridge)
    response = Response(conditional.target, scored.z)
    if facts.design in IN_CELLS:
        response = in_cells(response, learned, scored.warp, observed)
    return response, scored.warp


def in_cells(response: Response, learned: Scale, warp: Warp, values: Floats) -> Response:
    """Return a response known up to the interval that each value is on a learned scale.

    Intervals narrower than ``NARROW`` are their middles; of others the response is a point inside
    that is in no other interval.
    """
    low, high = (warp.forward(normal_scores(limit)) for limit in learned.bounds(values))
    least, most = warp.forward(np.array([-FURTHEST, FURTHEST]))
    low, high = np.where(low <= least, -np.inf, low), np.where(high >= most, np.inf, high)
    wide = high - low >= NARROW
    lower, place = np.unique(low[wide], return_inverse=True)
    upper = np.full(len(lower), -np.inf)
    np.maximum.at(upper, place, high[wide])
    end = np.minimum(upper, np.append(lower[1:], np.inf))
    first = np.where(np.isinf(lower), np.nan_to_num(end, posinf=1.0) - 1.0, lower)
    last = np.where(np.isinf(end), first + 1.0, end)
    y = np.empty(len(values))
    y[wide], y[~wide] = ((first + last) / 2)[place], (low[~wide] + high[~wide]) / 2
    return replace(response, y=y, cells=(lower, upper))


def in_bins(
    response: Response, learned: Scale, warp: Warp, conditional: Conditional, known: Rows
) -> tuple[Response, Corrections]:
    """Return the response with the cut points of its bins, and what corrects their shares.

    Parameters
    ----------
    response : Response
        Scores.
    learned, warp : Scale and Warp
        How they were made.
    conditional : Conditional
        The conditional; only some have corrections.
    known : Rows
        The rows that are fitted.
    """
    if not conditional.corrections:
        return response, NO_CORRECTIONS
    corrections = Corrections.of(known, conditional.corrections)
    shares = cut_points(learned, corrections.shares(len(known)))
    cuts = tuple(_outside_cells(warp.forward(normal_scores(shares)), response).tolist())
    return replace(response, options={"cuts": cuts}), corrections


def _outside_cells(cuts: Floats, response: Response) -> Floats:
    """Move cut points that lie inside an interval of the response to its nearer end."""
    if response.cells is None or not len(response.cells[0]):
        return cuts
    lower, upper = response.cells
    cell = np.searchsorted(lower, cuts, side="right") - 1
    low, high = lower[cell], upper[cell]
    inside = (cell >= 0) & (low < cuts) & (cuts < high)
    nearer = np.where(cuts - low < high - cuts, low, high)
    return np.unique(np.where(inside, nearer, cuts))
