"""Gower's distance between rows of mixed tables, and nearest neighbours by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from posynth.errors import MeasureError
from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure.keys import (
    Coded,
    check_tables,
    code_column,
    is_number,
    modelled_columns,
    numbers,
)
from posynth.table.names import Names, as_names

type Reals = npt.NDArray[np.float32]

# Rows x columns of a block of distances; a block of this size stays in the processor's cache.
BLOCK = 160_000
# A missing number lies this far out: at distance 0 from another one, clipped to 1 from others.
FAR = -1e3


@dataclass(frozen=True)
class Points:
    """Rows ready for Gower's distance.

    Attributes
    ----------
    numeric : numpy.ndarray
        Numbers over the range of the original, shape (columns, rows).
    levels : numpy.ndarray
        Codes of the categorical columns, shape (columns, rows).
    """

    numeric: Reals
    levels: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return int(max(self.numeric.shape[1], self.levels.shape[1]))

    def take(self, rows: npt.NDArray[np.integer]) -> "Points":
        """Give some of the rows."""
        return Points(self.numeric[:, rows], self.levels[:, rows])

    def sample(self, most: int, rng: np.random.Generator) -> "Points":
        """Give all rows, or ``most`` of them drawn without replacement if there are more."""
        if len(self) <= most:
            return self
        return self.take(rng.choice(len(self), most, replace=False))


def stack(points: Sequence[Points]) -> Points:
    """Put the rows of several tables under each other."""
    return Points(
        np.concatenate([p.numeric for p in points], axis=1),
        np.concatenate([p.levels for p in points], axis=1),
    )


class Neighbours(NamedTuple):
    """Nearest neighbours in order, shape (rows of the query, neighbours).

    Attributes
    ----------
    distance : numpy.ndarray
        Gower's distances, increasing along a row.
    row : numpy.ndarray
        Which rows of the reference they are.
    """

    distance: Reals
    row: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Space:
    """The tables of a comparison as points of one Gower space."""

    original: Points
    copies: tuple[Points, ...]
    holdout: Points | None


def embed(comparison: Comparison, columns: Names | None = None) -> Space:
    """Place the rows of all tables in one Gower space.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    columns : sequence of str, optional
        Columns compared; by default all but identifiers, free text and constants.

    Returns
    -------
    Space
        The points.
    """
    chosen = modelled_columns(comparison) if columns is None else as_names(columns)
    check_tables(comparison, chosen)
    tables = [comparison.original, *comparison.copies]
    if comparison.holdout is not None:
        tables.append(comparison.holdout)
    numeric: list[list[Reals]] = [[] for _ in tables]
    levels: list[list[npt.NDArray[np.int32]]] = [[] for _ in tables]
    for name in chosen:
        kind = comparison.schema[name].kind
        if kind.is_numeric and all(is_number(table[name]) for table in tables):
            low, span = _range(numbers(comparison.original[name]), name)
            for i, table in enumerate(tables):
                numeric[i].append(_scaled(numbers(table[name]), low, span))
        else:
            for i, codes in enumerate(_slots(code_column(comparison, name))):
                levels[i].append(codes.astype(np.int32))
    points = [_points(x, c, len(t)) for x, c, t in zip(numeric, levels, tables, strict=True)]
    holdout = points.pop() if comparison.holdout is not None else None
    return Space(points[0], tuple(points[1:]), holdout)


def nearest(
    query: Points, reference: Points, neighbours: int = 1, same: bool = False
) -> Neighbours:
    """Find the nearest neighbours by Gower's distance.

    The distance is the mean over columns of |x - y| / range (at most 1) for numbers and of
    1{x != y} for levels; missing is a level of its own. Ranges are those of the original.

    Parameters
    ----------
    query, reference : Points
        Rows, and the rows among which neighbours are sought.
    neighbours : int
        How many.

    Returns
    -------
    Neighbours
        Distances and rows.

    References
    ----------
    Gower (1971), A general coefficient of similarity, Biometrics 27, 857-871.

    Examples
    --------
    >>> numbers = np.array([[0.0, 0.5, 1.0]], np.float32)
    >>> levels = np.array([[1, 1, 2]], np.int32)
    >>> nearest(Points(numbers, levels), Points(numbers, levels), 2).distance.tolist()
    [[0.0, 0.25], [0.0, 0.25], [0.0, 0.75]]
    """
    if neighbours > len(reference):
        raise MeasureError(
            f"{neighbours} nearest neighbours asked for among {len(reference)} rows; give more rows"
        )
    step = max(1, BLOCK // len(reference))
    found = [
        _block(query, reference, slice(start, start + step), neighbours)
        for start in range(0, len(query), step)
    ]
    columns = np.float32(len(query.numeric) + len(query.levels))
    distance = np.concatenate([block.distance for block in found]) / columns
    return Neighbours(distance.astype(np.float32), np.concatenate([block.row for block in found]))


def _block(query: Points, reference: Points, rows: slice, neighbours: int) -> Neighbours:
    total = _distances(query, reference, rows)
    lines = np.arange(len(total))
    distance = np.empty((len(total), neighbours), np.float32)
    row = np.empty(distance.shape, np.intp)
    for j in range(neighbours):
        row[:, j] = total.argmin(axis=1)
        distance[:, j] = total[lines, row[:, j]]
        total[lines, row[:, j]] = np.inf
    return Neighbours(distance, row)


def _distances(query: Points, reference: Points, rows: slice) -> Reals:
    size = len(range(*rows.indices(len(query))))
    total = np.zeros((size, len(reference)), np.float32)
    part, differ = np.empty_like(total), np.empty(total.shape, np.bool_)
    for x, y in zip(query.numeric, reference.numeric, strict=True):
        np.subtract(x[rows, None], y[None], out=part)
        np.abs(part, out=part)
        np.minimum(part, np.float32(1), out=part)
        total += part
    for a, b in zip(query.levels, reference.levels, strict=True):
        total += np.not_equal(a[rows, None], b[None], out=differ)
    return total


def _range(values: npt.NDArray[np.float64], name: str) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if np.isinf(known).any():
        raise MeasureError(
            f"column {name!r} of the original holds an infinite value; correct it first"
        )
    if len(known) == 0:
        return 0.0, 1.0
    return float(known.min()), float(np.ptp(known)) or 1.0


def _scaled(values: npt.NDArray[np.float64], low: float, span: float) -> Reals:
    return np.where(np.isnan(values), FAR, (values - low) / span).astype(np.float32)


def _slots(coded: Coded) -> list[npt.NDArray[np.int64]]:
    slots = [coded.original, *coded.copies]
    return slots if coded.holdout is None else [*slots, coded.holdout]


def _points(numeric: list[Reals], levels: list[npt.NDArray[np.int32]], rows: int) -> Points:
    return Points(
        np.array(numeric, np.float32).reshape(len(numeric), rows),
        np.array(levels, np.int32).reshape(len(levels), rows),
    )
