"""Rows to arrays and back: one float64 array a column, replayable from the Schema alone."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pandas as pd

from posynth.errors import TableError
from posynth.table import clock, dates
from posynth.table.arrays import Floats, Ints, with_dtype
from posynth.table.field import floats_of, round_to
from posynth.table.schema import Column, Kind, Schema
from posynth.table.storage import (
    as_categories,
    cast_numbers,
    is_datetime,
    is_number,
    level_types,
    placeholders,
    refuse_missing,
    taken_levels,
)


def encode(column: Column, values: pd.Series) -> Floats:
    """Turn the values of a column into numbers.

    Parameters
    ----------
    column : Column
        A modelled column (numeric or categorical).
    values : pandas.Series
        Values as the source or a copy holds them, shape (n,).

    Returns
    -------
    ndarray
        float64, shape (n,): numbers on their natural scale, dates as days since 1970-01-01 with
        the time of day as a fraction, levels as their index 0..K-1; NaN where missing.

    Raises
    ------
    TableError
        If a value is not among the declared levels, no number, or no date.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind
    >>> column = Column("sex", Kind.BINARY, "str", levels=("Female", "Male"))
    >>> encode(column, pd.Series(["Male", "Female", None]))
    array([ 1.,  0., nan])
    """
    _require_modelled(column)
    if column.kind.is_categorical:
        return _encode_levels(column, values)
    if column.kind is Kind.DATE:
        return _encode_dates(column, values)
    try:
        return floats_of(values)
    except (TypeError, ValueError):
        raise TableError(
            f"column {column.name!r}: values of dtype {values.dtype} are no numbers, which its "
            f"kind {column.kind.value!r} asks for; convert them with pd.to_numeric"
        ) from None


def decode(column: Column, values: Floats) -> pd.Series:
    """Turn numbers into values as the source holds them; the inverse of ``encode``.

    Numbers are rounded to the declared decimals and never clipped: a draw outside the range of
    the source is what the model said; clock times go on past midnight. A level is never invented:
    an index outside 0..K-1 is an error, not the nearest level.

    Parameters
    ----------
    column : Column
        A modelled column.
    values : ndarray
        float64, shape (n,), on the scale of ``encode``; NaN where missing.

    Returns
    -------
    pandas.Series
        Values of dtype ``column.dtype``, shape (n,).

    Raises
    ------
    TableError
        If a level index is none, a number does not fit the dtype, or a value is missing where
        the dtype holds no missing value.

    Examples
    --------
    >>> import numpy as np
    >>> from posynth.table.schema import Column, Kind
    >>> decode(Column("age", Kind.COUNT, "int64", decimals=0), np.array([41.2, -0.7])).tolist()
    [41, -1]
    """
    _require_modelled(column)
    numbers = np.asarray(values, dtype=np.float64)
    if column.kind.is_categorical:
        return _decode_levels(column, numbers)
    if np.isinf(numbers).any():
        raise TableError(
            f"column {column.name!r}: {int(np.isinf(numbers).sum())} of {len(numbers)} draws are "
            "infinite; its conditional has too heavy a tail for its scale: transform the column"
        )
    if column.kind is Kind.DATE:
        return _decode_dates(column, numbers)
    if column.clock:
        return cast_numbers(column, clock.within_day(numbers, column.clock))
    return cast_numbers(column, round_to(numbers, column.decimals))


def as_released(column: Column, values: Floats) -> Floats:
    """Round numbers as ``decode`` does, so that what is computed from them agrees with the file.

    Examples
    --------
    >>> import numpy as np
    >>> from posynth.table.schema import Column, Kind
    >>> as_released(Column("age", Kind.COUNT, "int64", decimals=0), np.array([41.2, np.nan]))
    array([41., nan])
    """
    if column.kind is Kind.DATE:
        return dates.rounded(values, column.date_format)
    if column.clock and column.kind.is_numeric:
        return clock.within_day(values, column.clock)
    if column.kind.is_numeric and column.decimals is not None:
        return np.round(values, column.decimals)
    return values


def decode_frame(schema: Schema, arrays: Mapping[str, Floats]) -> pd.DataFrame:
    """Build a table from one array a modelled column.

    Identifiers and text hold placeholders that number the rows, so no value of theirs comes from
    the source; those of a repeated identifier number the ids, whose array is as `Roster.draw` gives
    it. Constants hold their level.

    Parameters
    ----------
    schema : Schema
        Description of the source.
    arrays : mapping of str to ndarray
        float64, shape (n,), for every modelled column; n need not be the source's.

    Returns
    -------
    pandas.DataFrame
        Columns, order and dtypes of the source, shape (n, p).

    Raises
    ------
    TableError
        If a column is missing from ``arrays``, unknown, or of another length.

    Examples
    --------
    >>> import numpy as np
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> columns = (Column("id", Kind.IDENTIFIER, "int64"), Column("y", Kind.CONTINUOUS, "float64"))
    >>> decode_frame(Schema(columns, rows=20), {"y": np.array([0.5, 1.5])}).to_numpy().tolist()
    [[1.0, 0.5], [2.0, 1.5]]
    """
    rows = _common_length(schema, arrays)
    filled = {
        column.name: decode(column, arrays[column.name])
        if column.kind.is_modelled
        else placeholders(column, rows, arrays.get(column.name))
        for column in schema
    }
    return pd.DataFrame(filled, copy=False)


def _common_length(schema: Schema, arrays: Mapping[str, Floats]) -> int:
    modelled = [column.name for column in schema if column.kind.is_modelled]
    absent = [name for name in modelled if name not in arrays]
    filled = [c.name for c in schema if c.kind in (Kind.IDENTIFIER, Kind.TEXT)]
    extra = [name for name in arrays if name not in (*modelled, *filled)]
    lengths = {len(array) for array in arrays.values()}
    if absent or extra or len(lengths) > 1:
        raise TableError(
            f"a copy needs one array of equal length for each modelled column; absent: {absent}, "
            f"not modelled: {extra}, lengths: {sorted(lengths)}"
        )
    return lengths.pop() if lengths else schema.rows


def _require_modelled(column: Column) -> None:
    if not column.kind.is_modelled:
        raise TableError(
            f"column {column.name!r} is {column.kind.value!r} and has no numbers; decode_frame "
            "fills it in"
        )


@lru_cache(maxsize=4096)
def _index(column: Column, types: tuple[type, ...]) -> pd.Index:
    return pd.Index(list(column.levels))


def _encode_levels(column: Column, values: pd.Series) -> Floats:
    codes = _codes(column, values)
    absent = values.isna().to_numpy(dtype=bool)
    foreign = (codes < 0) & ~absent
    if foreign.any():
        found = values[foreign].iloc[0]
        raise TableError(
            f"column {column.name!r}: {found!r} ({int(foreign.sum())} rows) is not among its "
            f"levels {', '.join(map(repr, column.levels))}; correct the value or declare the level"
        )
    return np.where(absent, np.nan, codes.astype(np.float64))


def _codes(column: Column, values: pd.Series) -> Ints:
    index = _index(column, level_types(column))
    if isinstance(values.dtype, pd.CategoricalDtype):
        places = np.append(index.get_indexer(values.cat.categories), -1)
        return np.asarray(places[values.cat.codes.to_numpy()])
    if is_datetime(column):
        times = dates.times_of(values)
        return index.get_indexer(pd.Index(dates.to_text(times, column.date_format)))
    if is_number(column):
        return index.get_indexer(pd.Index(floats_of(values)))
    return index.get_indexer(pd.Index(values.astype("object")))


def _decode_levels(column: Column, numbers: Floats) -> pd.Series:
    absent = np.isnan(numbers)
    codes = np.where(absent, -1, numbers).astype(np.int64)
    wrong = ~absent & ((codes != numbers) | (codes < 0) | (codes >= len(column.levels)))
    if wrong.any():
        raise TableError(
            f"column {column.name!r}: {numbers[wrong][0]!r} ({int(wrong.sum())} rows) is no index "
            f"of its {len(column.levels)} levels; draws of a categorical column are 0.."
            f"{len(column.levels) - 1}"
        )
    if column.dtype == "category":
        return as_categories(column, codes)
    refuse_missing(column, absent)
    return taken_levels(column, codes)


def _encode_dates(column: Column, values: pd.Series) -> Floats:
    if is_datetime(column) and not pd.api.types.is_string_dtype(values.dtype):
        return dates.to_days(dates.times_of(values))
    times = dates.from_text(values, column.date_format)
    unread = np.isnat(times) & ~values.isna().to_numpy(dtype=bool)
    if unread.any():
        raise TableError(
            f"column {column.name!r}: {int(unread.sum())} values are no dates of the form "
            f"{column.date_format!r}; write them in that form"
        )
    return dates.to_days(times)


def _decode_dates(column: Column, numbers: Floats) -> pd.Series:
    outside = (numbers < dates.FIRST_DAY) | (numbers >= dates.LAST_DAY + 1)
    if outside.any():
        raise TableError(
            f"column {column.name!r}: {int(outside.sum())} draws lie outside the years 1 to 9999; "
            "its conditional does not suit dates: transform the column"
        )
    times = dates.from_days(numbers, column.date_format)
    if is_datetime(column):
        return with_dtype(pd.Series(times), column.dtype)
    return pd.Series(dates.to_text(times, column.date_format), dtype=column.dtype)
