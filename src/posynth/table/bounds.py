"""Bounds of numeric columns: which hold in every row by nature, which the user states.

A bound is kept by default where one of these holds:

* no value lies below 0: the lower bound is 0, or the smallest number above 0 that the column can be
  written with, if it has at least ``LEAST_ABOVE`` values and none of them is 0;
* no value lies above 1, the largest is above 0.9 and not all are whole: a share, at most 1;
* values reach from 5 or less to 95 or more and none is above 100: percentages, at most 100;
* the smallest or largest value is shared by at least ``SHARED_BY`` rows of a column with at most
  ``FEW`` steps from end to end, half of which occur, such as a rating;
* it is shared by at least ``SHARED_BY`` rows and ``SHARE`` of them, and half of the steps from end
  to end occur, as those of ages do, or the end is a heap of ``HEAP`` times the median count.

Another extreme is somebody's, or that of a group whose rows share it, and is no bound.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from posynth.errors import SpecError, unknown
from posynth.table.arrays import Floats
from posynth.table.schema import Column, Kind, Schema

if TYPE_CHECKING:
    from posynth.table.frame import Table

SHARED_BY, SHARE, FEW, HEAP = 5, 0.01, 21, 5
#: Values of which none is 0, so that a column is above 0; and those that tell anything of bounds.
LEAST_ABOVE, LEAST_VALUES = 50, 10
#: Largest value above which a share is one, and ends of the values of percentages.
NEARLY_ONE, LOW_PERCENT, HIGH_PERCENT = 0.9, 5.0, 95.0

#: Integer types whose range is a bound, if values leave no more than this share of it at an end.
SMALL_TYPES, UNUSED = ("int8", "uint8", "int16", "uint16"), 0.1

type Stated = Mapping[str, float | None]


def seen_bounds(
    numbers: Floats, counts: Floats, decimals: int | None
) -> tuple[float | None, float | None, str]:
    """Return the bounds that values show, and the reasons.

    Parameters
    ----------
    numbers : ndarray, shape (d,)
        Different values in increasing order.
    counts : ndarray, shape (d,)
        Rows of each.
    decimals : int, optional
        Decimals of the column.

    Returns
    -------
    lower, upper : float or None
        None where the column has no such bound.
    why : str
        What they rest on; ``""`` if there are none.

    Examples
    --------
    >>> seen_bounds(np.arange(1.0, 6.0), np.array([9, 30, 40, 20, 8]), 0)
    (1.0, 5.0, 'lower bound 1 (shared by 9 rows); upper bound 5 (shared by 8 rows)')
    >>> seen_bounds(np.linspace(0.7, 60.2, 80), np.ones(80), 1)[:2]
    (0.1, None)
    """
    rows = int(counts.sum())
    if rows < LEAST_VALUES:
        return None, None, ""
    least = _least_shared(numbers, counts)
    lower, below = _shared(float(numbers[0]), int(counts[0]), least)
    upper, above = _shared(float(numbers[-1]), int(counts[-1]), least)
    if lower is None and numbers[0] >= 0:
        positive = numbers[0] > 0 and rows >= LEAST_ABOVE and decimals is not None
        lower = round(10.0 ** -(decimals or 0), decimals or 0) if positive else 0.0
        below = "no value is 0 or below" if positive else "no value is below 0"
    if upper is None and numbers[0] >= 0:
        upper, above = _ceiling(numbers)
    said = [f"{side} bound {end:g} ({why})" for side, end, why in (
        ("lower", lower, below), ("upper", upper, above)) if end is not None]  # fmt: skip
    return lower, upper, "; ".join(said)


def within_type(
    found: tuple[float | None, float | None, str], numbers: Floats, dtype: str
) -> tuple[float | None, float | None, str]:
    """Return bounds and those of a small integer type, where values use nearly all of its range.

    Examples
    --------
    >>> within_type((0.0, None, "counts"), np.array([0.0, 250.0]), "uint8")
    (0.0, 255.0, 'counts; upper bound 255 (the range of uint8)')
    """
    name = dtype.lower().removesuffix("[pyarrow]")
    if name not in SMALL_TYPES:
        return found
    (lower, upper, why), limits = found, np.iinfo(name)
    near = UNUSED * (float(limits.max) - float(limits.min))
    said = [why] if why else []
    if lower is None and numbers[0] - limits.min <= near:
        lower = float(limits.min)
        said.append(f"lower bound {lower:g} (the range of {name})")
    if upper is None and limits.max - numbers[-1] <= near:
        upper = float(limits.max)
        said.append(f"upper bound {upper:g} (the range of {name})")
    return lower, upper, "; ".join(said)


def _least_shared(numbers: Floats, counts: Floats) -> float:
    """Return how many rows must share an end that is a bound."""
    if len(numbers) < 2:
        return np.inf
    steps = float((numbers[-1] - numbers[0]) / np.diff(numbers).min()) + 1
    dense = len(numbers) >= steps / 2
    if dense and round(steps) <= FEW:
        return SHARED_BY
    least = max(SHARED_BY, SHARE * float(counts.sum()))
    return least if dense else max(least, HEAP * float(np.median(counts)))


def _shared(end: float, count: int, least: float) -> tuple[float | None, str]:
    return (end, f"shared by {count} rows") if count >= least else (None, "")


def _ceiling(numbers: Floats) -> tuple[float | None, str]:
    """Return the upper bound of a share or percentage."""
    top = float(numbers[-1])
    if NEARLY_ONE < top <= 1 and np.any(numbers != np.round(numbers)):
        return 1.0, "a share"
    if HIGH_PERCENT <= top <= 100 and numbers[0] <= LOW_PERCENT:
        return 100.0, "a percentage"
    return None, ""


def is_bounded(column: Column) -> bool:
    """Whether a column has a finite bound."""
    return any(end is not None and np.isfinite(end) for end in (column.lower, column.upper))


def bounds_text(column: Column) -> str:
    """Write the bounds of a column.

    Examples
    --------
    >>> bounds_text(Column("x", Kind.COUNT, "int64", lower=1, upper=5))
    '1 to 5'
    >>> bounds_text(Column("x", Kind.COUNT, "int64", lower=0))
    '0 or more'
    """
    lower, upper = ends(column)
    if np.isfinite(lower) and np.isfinite(upper):
        return f"{lower:g} to {upper:g}"
    if np.isfinite(lower):
        return f"{lower:g} or more"
    return f"{upper:g} or less" if np.isfinite(upper) else ""


def ends(column: Column) -> tuple[float, float]:
    """Return the bounds of a column, infinite where it has none."""
    lower = -np.inf if column.lower is None else float(column.lower)
    return lower, np.inf if column.upper is None else float(column.upper)


def within_bounds(column: Column, drawn: Floats) -> Floats:
    """Reflect draws beyond a bound into it; what would reach beyond the other one is put there.

    Of a column with decimals the mirror stands half a unit beyond the bound, up to where values are
    rounded to it. Reflection takes no random numbers, and changes the mean by far less than drawing
    again would.

    Parameters
    ----------
    column : Column
        Its bounds and decimals.
    drawn : ndarray, shape (k,)
        Draws, not rounded.

    Examples
    --------
    >>> rating = Column("x", Kind.COUNT, "int64", decimals=0, lower=1, upper=5)
    >>> within_bounds(rating, np.array([-0.5, 0.7, 3.2, 6.0, 40.0])).tolist()
    [1.5, 1.0, 3.2, 5.0, 1.0]
    """
    if not is_bounded(column):
        return drawn
    (lower, upper), half = ends(column), half_unit(column)
    found = drawn.copy()
    for edge, beyond in (
        (lower - half, drawn < lower - half),
        (upper + half, drawn > upper + half),
    ):
        if beyond.any():
            found[beyond] = 2 * edge - drawn[beyond]
    return np.clip(found, lower, upper)


def placed(column: Column, drawn: Floats) -> Floats:
    """Return draws within the bounds of their column, on its grid if it has one.

    Examples
    --------
    >>> from posynth.table.grid import Grid
    >>> even = Column("x", Kind.COUNT, "int64", decimals=0, lower=1, grid=Grid(2))
    >>> placed(even, np.array([-0.5, 0.7, 3.2, 6.0])).tolist()
    [2.0, 2.0, 4.0, 6.0]
    """
    found = within_bounds(column, drawn)
    if column.grid is None:
        return found
    return column.grid.nearest(found, *ends(column))


def half_unit(column: Column) -> float:
    """Return half of the unit that values are rounded to."""
    return 0.0 if column.decimals is None else 0.5 * 10.0**-column.decimals


def stated(schema: Schema, lower: Stated, upper: Stated) -> Schema:
    """Return a schema with the bounds that a user states; None or an infinite one lifts a bound.

    Raises
    ------
    SpecError
        If a column is unknown or not numeric, or its bounds are no numbers or cross.
    """
    for side, given in (("lower", lower), ("upper", upper)):
        for name, end in given.items():
            if name not in schema:
                raise SpecError(f"{side}: {unknown('column', name, schema.names)}")
            column = schema[name]
            if column.kind not in (Kind.COUNT, Kind.CONTINUOUS) or column.clock:
                raise SpecError(
                    f"{side} bound of column {name!r}: its kind is {column.kind.value!r}; bounds "
                    "are for kinds 'count' and 'continuous' (of dates, state a rule)"
                )
            value = (-np.inf if side == "lower" else np.inf) if end is None else float(end)
            if np.isnan(value):
                raise SpecError(f"{side} bound of column {name!r} is {end}; give a number, or None")
            changed = (
                replace(column, lower=value) if side == "lower" else replace(column, upper=value)
            )
            schema = schema.with_column(changed)
            low, high = ends(changed)
            if low >= high:
                raise SpecError(
                    f"column {name!r}: its lower bound {low:g} is not below its upper bound "
                    f"{high:g}; state both"
                )
    return schema


def require_within(table: "Table", names: Iterable[str]) -> None:
    """Raise if the source contradicts bounds that a user states.

    Raises
    ------
    SpecError
        With the number of rows; no value is shown.
    """
    for name in names:
        beyond = rows_beyond(table, name)
        if beyond:
            raise SpecError(
                f"column {name!r}: {beyond} of {len(table.frame)} rows of the source lie beyond "
                f"its bounds ({bounds_text(table.schema[name])}); correct these rows or the bounds"
            )


def rows_beyond(table: "Table", name: str) -> int:
    """Return how many rows lie beyond the bounds of a column."""
    from posynth.table.codec import encode

    column = table.schema[name]
    values = encode(column, table.frame[name])
    lower, upper = ends(column)
    return int(np.sum((values < lower) | (values > upper)))


def fitting_bounds(table: "Table") -> "Table":
    """Lift bounds, seen in another table, that rows of this one lie beyond."""
    schema = table.schema
    for column in schema:
        if is_bounded(column) and rows_beyond(table, column.name):
            said = f"{column.note}; bounds of another table do not hold here and are lifted"
            schema = schema.with_column(replace(column, lower=None, upper=None, note=said))
    return replace(table, schema=schema)
