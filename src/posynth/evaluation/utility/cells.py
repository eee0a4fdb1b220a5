"""Columns cut into cells: levels as they are, numbers at quantiles of the original."""

from itertools import pairwise

import numpy as np

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.values import (
    MISSING,
    Coded,
    Codes,
    Floats,
    Numbers,
    judged,
    levels,
    numbers,
)
from posynth.table.names import Names

CUTS = ("original", "pooled")


def code(
    comparison: Comparison,
    columns: Names | None = None,
    groups: int = 5,
    cut: str = "original",
) -> list[Coded]:
    """Code every judged column as cells.

    Categorical columns keep their levels. A numeric column is cut into ``groups`` half-open
    intervals [a, b) at quantiles; where ties leave fewer than three intervals, it is cut into
    intervals of equal width instead. Missing is a cell of its own.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    columns : iterable of str, optional
        Columns wanted; by default every modelled column.
    groups : int
        Number of intervals of a numeric column.
    cut : {"original", "pooled"}
        Whose quantiles: the original's (default: adding a copy changes no other copy's value),
        or, as R's synthpop does, those of the original and all copies together.

    Returns
    -------
    list of Coded
        One record a column, in schema order.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, None]})
    >>> schema = Schema((Column("x", Kind.CONTINUOUS, "float64"),), 5)
    >>> code(Comparison(table, (table,), schema), groups=4)[0].original.tolist()
    [0, 1, 2, 3, 4]
    """
    if cut not in CUTS:
        raise MeasureError(unknown("cut", cut, CUTS))
    if groups < 2:
        raise MeasureError(f"groups must be at least 2, got {groups}; synthpop's default is 5")
    return [
        levels(comparison, column)
        if column.kind.is_categorical
        else _cut(numbers(comparison, column), groups, cut)
        for column in judged(comparison, columns)
    ]


def inner_breaks(values: Floats, groups: int) -> Floats:
    """Return the limits between intervals: quantiles, or equal widths where ties are heavy.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Numbers; NaN is left out.
    groups : int
        Number of intervals wanted.

    Returns
    -------
    ndarray
        Increasing limits, all above the smallest value; empty if all values are equal.

    Notes
    -----
    R's ``quantile`` type 7, intervals closed on the left, the last one on both sides; the switch
    to equal widths below three intervals is the one of ``synthpop::utility.tab``.
    """
    present = values[~np.isnan(values)]
    if present.size == 0:
        return np.empty(0)
    low, high = present.min(), present.max()
    inner = _quantiles(np.sort(present), groups)
    inner = np.unique(inner[(inner > low) & (inner < high)])
    if inner.size < 2:
        inner = np.unique(np.linspace(low, high, groups + 1)[1:-1])
    return np.asarray(inner[inner > low])


def _quantiles(ordered: Floats, groups: int) -> Floats:
    """Return the inner type 7 quantiles; at whole positions exactly a value, as in R.

    NumPy's interpolation can miss by a rounding error there and put every row of that value into
    the interval below.
    """
    position = np.arange(1, groups) * (ordered.size - 1) / groups
    below = np.floor(position).astype(np.int64)  # exact: a whole ratio of integers has no error
    above = np.minimum(below + 1, ordered.size - 1)
    return np.asarray(ordered[below] + (position - below) * (ordered[above] - ordered[below]))


def _cut(column: Numbers, groups: int, cut: str) -> Coded:
    source = (
        column.original if cut == "original" else np.concatenate((column.original, *column.copies))
    )
    breaks = inner_breaks(source, groups)
    names = _interval_names(breaks)
    if column.has_missing:
        names = (*names, MISSING)
    coded = [_interval_codes(x, breaks) for x in (column.original, *column.copies)]
    return Coded(column.name, names, coded[0], tuple(coded[1:]))


def _interval_codes(values: Floats, breaks: Floats) -> Codes:
    codes = np.searchsorted(breaks, values, side="right").astype(np.int64)
    codes[np.isnan(values)] = breaks.size + 1
    return codes


def _interval_names(breaks: Floats) -> tuple[str, ...]:
    edges = ["-inf", *(f"{edge:.6g}" for edge in breaks), "inf"]
    return tuple(f"[{a}, {b})" for a, b in pairwise(edges))
