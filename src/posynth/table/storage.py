"""Storage of a copy: dtypes are those of the source, whatever is put into them."""

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import TableError
from posynth.table import dates
from posynth.table.arrays import Bools, Floats, Ints, array_of, decimal_places, with_dtype
from posynth.table.schema import Column, Kind


def is_datetime(column: Column) -> bool:
    """Whether the column is stored as datetimes rather than as text."""
    return column.dtype.startswith(("datetime64", "timestamp", "date32"))


def is_number(column: Column) -> bool:
    """Whether the column is stored as numbers."""
    return column.dtype.lower().startswith(
        ("int", "uint", "float", "double", "halffloat", "decimal")
    )


def _is_integer(column: Column) -> bool:
    return column.dtype.lower().startswith(("int", "uint"))


def _width(column: Column) -> np.dtype[Any]:
    """Return the NumPy dtype of the numbers: ``Int64`` and ``int64[pyarrow]`` hold int64."""
    name = column.dtype.lower().removesuffix("[pyarrow]")
    if name.startswith("decimal"):
        return np.dtype("float64")
    return np.dtype(
        {"double": "float64", "float": "float32", "halffloat": "float16"}.get(name, name)
    )


def _holds_missing(column: Column) -> bool:
    return not (
        column.dtype.startswith(("int", "uint", "bool"))
        and column.dtype.islower()
        and "[" not in column.dtype
        and column.dtype != "boolean"
    )


def refuse_missing(column: Column, absent: Bools) -> None:
    """Refuse missing values where the dtype of the source holds none."""
    if absent.any() and not _holds_missing(column):
        raise TableError(
            f"column {column.name!r} is stored as {column.dtype}, which holds no missing value, "
            f"but {int(absent.sum())} are missing; its source had none, so draw them all"
        )


def cast_numbers(column: Column, numbers: Floats) -> pd.Series:
    """Store rounded numbers in the dtype of the column, without wrapping round.

    Raises
    ------
    TableError
        If a number does not fit the dtype.
    """
    absent = np.isnan(numbers)
    refuse_missing(column, absent)
    _refuse_overflow(column, numbers)
    if not _is_integer(column):
        if "[" not in column.dtype and column.dtype.islower():
            return pd.Series(numbers.astype(column.dtype))
        return with_dtype(pd.Series(pd.arrays.FloatingArray(numbers, absent)), column.dtype)
    if _is_plain_integer(column):
        return pd.Series(numbers.astype(column.dtype))
    width = _width(column)
    whole = np.where(absent, 0.0, numbers).astype(width)
    masked = pd.arrays.IntegerArray(whole, absent)
    return with_dtype(pd.Series(masked), column.dtype)


def _is_plain_integer(column: Column) -> bool:
    return column.dtype.islower() and "[" not in column.dtype


def _refuse_overflow(column: Column, numbers: Floats) -> None:
    width, (digits, places) = _width(column), decimal_places(column.dtype)
    if digits:
        outside = np.abs(numbers) >= 10.0 ** (digits - places)
    elif width.kind == "f":
        outside = np.abs(numbers) > float(np.finfo(width).max)
    else:
        limits = np.iinfo(width)
        # float64 rounds the largest int64 up to 2**63, which does not fit any more.
        end = float(limits.max) if limits.bits < 64 else float(limits.max) * (1 - 2.0**-53)
        outside = (numbers < float(limits.min)) | (numbers > end)
    if outside.any() and width.kind == "u" and not (numbers > end).any():
        raise TableError(
            f"column {column.name!r}: {int(outside.sum())} of {len(numbers)} draws do not fit "
            f"{column.dtype}, which holds nothing below 0; store it with a sign, by "
            f"df[{column.name!r}].astype('Int64'), name a family of counts for it, as methods="
            f"{{{column.name!r}: 'negbinomial'}}, or transform it"
        )
    if outside.any():
        most = numbers[~outside].max(initial=0)
        raise TableError(
            f"column {column.name!r}: {int(outside.sum())} of {len(numbers)} draws do not fit "
            f"{column.dtype}; store it in a wider type, by df[{column.name!r}].astype('Int64'), "
            f"state bounds, as upper={{{column.name!r}: {most:g}}}, or transform it: its "
            "conditional may have too heavy a tail for its scale"
        )


def level_types(column: Column) -> tuple[type, ...]:
    """Types of the levels: part of a cache's key, since 1, 1.0 and True are equal in Python."""
    return tuple(map(type, (*column.levels, *column.categories)))


def category_dtype(column: Column) -> pd.CategoricalDtype:
    """Categories of the source in their order."""
    return _category_dtype(column, level_types(column))


@lru_cache(maxsize=4096)
def _category_dtype(column: Column, types: tuple[type, ...]) -> pd.CategoricalDtype:
    categories: Any = _categories(column)
    if column.category_dtype:
        categories = pd.Index(array_of(categories, column.category_dtype))
    return pd.CategoricalDtype(categories, ordered=column.ordered)


def _categories(column: Column) -> list[Any]:
    """Return the levels, and in their places those that no row of the source holds."""
    added = [level for level in column.levels if level not in column.categories]
    return [*column.categories, *added]


def as_categories(column: Column, codes: Ints) -> pd.Series:
    """Levels of the given indices, -1 for missing, as categories of the source's dtype."""
    places = {level: place for place, level in enumerate(_categories(column))}
    at = np.array([*(places[level] for level in column.levels), -1])
    return pd.Series(pd.Categorical.from_codes(at[codes], dtype=category_dtype(column)))


@lru_cache(maxsize=4096)
def _level_array(column: Column, types: tuple[type, ...]) -> Any:
    """Levels as an array of the column's dtype, with a missing value at the end for index -1."""
    levels: list[Any] = list(column.levels)
    if is_datetime(column):
        times = pd.Series(dates.from_text([*levels, None], column.date_format))
        return with_dtype(times, column.dtype).array
    if not _holds_missing(column):
        return array_of(levels, column.dtype)
    return array_of([*levels, None], column.dtype)


def taken_levels(column: Column, codes: Ints) -> pd.Series:
    """Levels of the given indices, -1 for missing, in the dtype of the column."""
    taken = _level_array(column, level_types(column)).take(codes)
    return pd.Series(taken, dtype="object" if column.dtype == "object" else None)


def placeholders(column: Column, rows: int, ids: Floats | None = None) -> pd.Series:
    """Fill a column that is not modelled: constants with their level, others with row numbers.

    Of a repeated identifier the ids are numbered in place of the rows, ``ids`` (n,) from 0; rows
    without an id have a number that is not whole, and are missing.

    Row numbers say nothing of the source, even where its own keys were row numbers too.

    Examples
    --------
    >>> placeholders(Column("who", Kind.TEXT, "str"), 2).tolist()
    ['who-000001', 'who-000002']
    """
    if column.kind is Kind.CONSTANT:
        return _constant(column, rows)
    number = np.arange(1, rows + 1) if ids is None else ids.astype(np.int64) + 1
    filled = _numbered(column, number)
    return filled if ids is None else filled.mask(ids % 1 != 0)


def _numbered(column: Column, number: Ints) -> pd.Series:
    if _is_integer(column):
        return cast_numbers(column, number.astype(np.float64))
    if is_number(column):
        return with_dtype(pd.Series(number.astype(np.float64)), column.dtype)
    if is_datetime(column):
        return with_dtype(pd.Series(number.astype("datetime64[D]")), column.dtype)
    if column.decimals == 0:
        texts = [str(row) for row in number.tolist()]
    else:
        texts = [f"{column.name}-{row:06d}" for row in number.tolist()]
    if column.dtype in ("bool", "boolean"):
        return pd.Series([False] * len(number), dtype=column.dtype)
    return pd.Series(texts, dtype=column.dtype)


def _constant(column: Column, rows: int) -> pd.Series:
    if not column.levels:
        return pd.Series([None] * rows, dtype=column.dtype)
    if column.dtype == "category":
        return as_categories(column, np.zeros(rows, dtype=np.int64))
    return taken_levels(column, np.zeros(rows, dtype=np.int64))
