"""The rows that rules leave open, as they are modelled, and what stands before their design."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.limits import BETWEEN, FAR, Limits
from posynth.chain.quantiles import learn_scale
from posynth.chain.scale import Scale
from posynth.chain.scores import STRAIGHT, Warp, normal_scores
from posynth.chain.spec import Conditional
from posynth.table.bounds import half_unit

type Mask = NDArray[np.bool_]
#: Scores by which bounds are wider, so that no response lies on one.
WIDER = 1e-6


def part(rows: Rows, mask: Mask) -> Rows:
    """Return some of the rows."""
    arrays = {name: values[mask] for name, values in rows.arrays.items()}
    return replace(rows, arrays=arrays, count=int(mask.sum()))


def part_of(rows: Rows, where: slice) -> Rows:
    """Return a stretch of the rows."""
    arrays = {name: values[where] for name, values in rows.arrays.items()}
    return replace(rows, arrays=arrays, count=len(range(*where.indices(len(rows)))))


def with_hidden(rows: Rows, hidden: Mapping[str, Floats], names: Iterable[str]) -> Rows:
    """Return rows in which drawn values stand where columns are to be missing.

    A distance from a bound is then drawn where the bound itself is not released: as the source's
    rows were, before somebody left the other value out.
    """
    arrays = dict(rows.arrays)
    for name in names:
        if name in hidden:
            arrays[name] = np.where(np.isnan(arrays[name]), hidden[name], arrays[name])
    return replace(rows, arrays=arrays)


def opened(limits: Limits | None, rows: Rows) -> tuple[Mask, Floats]:
    """Return which rows are to be drawn, and the values of the others, NaN where still unknown."""
    if limits is None:
        return np.ones(len(rows), dtype=bool), np.empty(len(rows))
    return limits.foreseen(rows), limits.decided(rows)


def limited(rows: Rows, conditional: Conditional) -> tuple[Limits | None, Rows]:
    """Return the limits of a conditional, and the rows they leave open, as they are modelled."""
    limits = Limits.of(rows, conditional)
    if limits is None:
        return None, rows
    left = part(limits.measured(rows), limits.open(rows))
    name = conditional.column
    if name not in rows.learned or conditional.indicates:
        return limits, left
    decimals = None if limits.distance == BETWEEN else rows.schema[name].decimals
    others = {key: scale for key, scale in rows.learned.items() if key != name}
    scale = learn_scale(left.arrays[name], decimals)
    return limits, replace(left, learned=others if scale is None else {**others, name: scale})


class Measure(NamedTuple):
    """How values become what is modelled: ``(value - origin) / unit``, or scores if ``learned``."""

    origin: float = 0.0
    unit: float = 1.0
    learned: Scale | None = None
    warp: Warp = STRAIGHT

    def ends(self, low: Floats, high: Floats, half: float) -> Floats:
        """Return bounds as the response is modelled, (n, 2), half a unit of rounding wider."""
        if self.learned is None:
            ends = np.column_stack([low - half - self.origin, high + half - self.origin])
            return np.asarray(np.clip(ends / self.unit, -FAR, FAR))
        found = np.empty((len(low), 2))
        for side, values in enumerate((low, high)):
            known = np.isfinite(values)
            shares = self.learned.bounds(values[known])[side]
            found[known, side] = self.warp.forward(normal_scores(shares))
            found[~known, side] = FAR * (2 * side - 1)
        return np.asarray(found + np.array([-WIDER, WIDER]))


def behind_limits(
    rows: Rows, limits: Limits | None, X: Floats, measure: "Measure | None" = None
) -> Floats:
    """Put what rules leave open in each row before a design, if its family asks for it.

    Parameters
    ----------
    rows : Rows
        The rows, (n,).
    limits : Limits, optional
        What rules leave open.
    X : ndarray, shape (n, p)
        Predictors.
    measure : Measure, optional
        How values of the response are modelled.

    Returns
    -------
    ndarray
        X behind indicators of the possible levels, behind both bounds, or as it was.
    """
    if limits is None or not (limits.masked or limits.bounded):
        return X
    if limits.masked:
        return np.column_stack([limits.allowed(rows).astype(np.float64), X])
    half = half_unit(rows.schema[limits.column])
    low, high = limits.bounds(rows)
    return np.column_stack([(measure or Measure()).ends(low, high, half), X])
