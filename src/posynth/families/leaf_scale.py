r"""The scale on which leaves of trees are smoothed: normal scores of the column's learned scale.

A kernel on a skewed or heaped column's own scale is as wide for its dense part as its tail asks
for: values pass a bound, heaps dissolve. On normal scores :math:`z = \Phi^{-1}(F(y))` the same
kernel follows the density. F is that of ``chain.scale``: every piece of it rests on several rows,
and so does what is kept of it, F's pieces as intervals with their cumulative shares.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtr

from posynth.chain.scale import Scale
from posynth.families.base import Floats

#: Parts of a tail, each straight.
TAIL_PARTS = 12
NAMES = ("cut", "start", "end")


def pieces_of(scale: Scale) -> dict[str, Floats]:
    """Return the pieces of F: cumulative shares ``cut`` (p + 1,), ends ``start``, ``end`` (p,).

    Examples
    --------
    >>> from posynth.chain.quantiles import learn_scale
    >>> pieces = pieces_of(learn_scale(np.repeat([0.0, 1.0, 2.0], [50, 30, 20])))
    >>> pieces["cut"].round(2).tolist(), pieces["start"].tolist()
    ([0.0, 0.5, 0.8, 1.0], [0.0, 1.0, 2.0])
    """
    masses = scale.masses / scale.masses.sum()
    share, start, end = [], [], []
    tails = dict(scale.tails)
    offset = int(scale.below is not None)
    inner = np.full(TAIL_PARTS, 1 / TAIL_PARTS)
    for place, mass in enumerate(masses):
        if place not in tails:
            share.append(mass)
            start.append(scale.lower[place - offset])
            end.append(scale.upper[place - offset])
            continue
        tail = tails[place]
        edges = tail.quantile(np.linspace(0.0, 1.0, TAIL_PARTS + 1).clip(0.005, 0.995), tail.spread)
        share += (mass * inner).tolist()
        start += edges[:-1].tolist()
        end += edges[1:].tolist()
    cut = np.concatenate([[0.0], np.cumsum(share)])
    return {"cut": cut / cut[-1], "start": np.array(start), "end": np.array(end)}


def from_scores(pieces: Mapping[str, Any], scores: Floats) -> Floats:
    """Return the values (k,) at scores: F's quantiles.

    Examples
    --------
    >>> pieces = {"cut": np.array([0.0, 0.5, 1.0]), "start": np.array([0.0, 0.0])}
    >>> from_scores(pieces | {"end": np.array([0.0, 4.0])}, np.array([-1.0, 0.0, 9.0])).tolist()
    [0.0, 0.0, 4.0]
    """
    cut, start, end = (pieces[name] for name in NAMES)
    u = ndtr(scores)
    place = np.clip(np.searchsorted(cut, u, side="right") - 1, 0, len(start) - 1)
    width = np.maximum(np.diff(cut)[place], 1e-300)
    part = np.clip((u - cut[place]) / width, 0.0, 1.0)
    found: Floats = start[place] + part * (end[place] - start[place])
    return found
