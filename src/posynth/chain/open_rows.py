"""The rows that rules leave open, as they are modelled, and what stands before their design."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.limits import BETWEEN, FAR, Limits
from posynth.chain.quantiles import learn_scale
from posynth.chain.spec import Conditional
from posynth.table.bounds import half_unit

type Mask = NDArray[np.bool_]


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


def behind_limits(
    rows: Rows, limits: Limits | None, X: Floats, origin: float = 0.0, unit: float = 1.0
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
    origin, unit : float
        The response is ``(value - origin) / unit``; bounds are a half unit of rounding wider.

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
    ends = np.column_stack([low - half - origin, high + half - origin]) / unit
    return np.column_stack([np.clip(ends, -FAR, FAR), X])
