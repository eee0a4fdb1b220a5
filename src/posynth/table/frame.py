"""A pandas data frame becomes a Table; the same inference serves files."""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pandas as pd

from posynth.errors import TableError
from posynth.table.arrays import with_dtype
from posynth.table.declare import declared_kinds
from posynth.table.field import EXACT_INTEGER, Field, Storage, decimals_of, floats_of
from posynth.table.infer import infer_column
from posynth.table.schema import Column, Schema
from posynth.table.source import Source

LEAST_ROWS = 10


@dataclass(frozen=True)
class Table:
    """A confidential table: canonical values, their description, and where they came from.

    Attributes
    ----------
    frame : pandas.DataFrame
        The n rows; every column has the dtype that its Column names.
    schema : Schema
        Description of the columns.
    source : Source
        Dialect in which copies are written.
    notes : tuple of str
        What reading had to decide for the table as a whole.
    """

    frame: pd.DataFrame
    schema: Schema
    source: Source
    notes: tuple[str, ...] = ()


def table_from_frame(df: pd.DataFrame, *, kinds: Mapping[str, str] | None = None) -> Table:
    """Describe a data frame.

    Parameters
    ----------
    df : pandas.DataFrame
        Rows to describe, shape (n, p); it is not changed. The index is no part of the table.
    kinds : mapping of str to str, optional
        Kinds to use instead of the guessed ones, by column.

    Returns
    -------
    Table
        Values, schema and source.

    Raises
    ------
    TableError
        If columns are unnamed, repeated or of an unusable type, or rows are fewer than 10.

    Examples
    --------
    >>> import pandas as pd
    >>> table = table_from_frame(pd.DataFrame({"y": [0.5, 1.25] * 6}), kinds={"y": "continuous"})
    >>> table.schema["y"].decimals
    2
    """
    _check_names(df)
    declared = declared_kinds(kinds, df.columns)
    check_rows(len(df))
    plain = df.reset_index(drop=True)
    columns = [
        infer_column(field_from_series(str(name), plain[name]), declared.get(str(name)))
        for name in plain.columns
    ]
    notes = (
        ()
        if isinstance(df.index, pd.RangeIndex)
        else ("the index is left out; reset_index() makes it a column",)
    )
    return table_of(columns, Source(), notes)


def table_of(
    columns: Iterable[tuple[pd.Series, Column]], source: Source, notes: tuple[str, ...]
) -> Table:
    """Join described columns into a Table."""
    pairs = list(columns)
    frame = pd.DataFrame({column.name: values for values, column in pairs})
    return Table(frame, Schema(tuple(column for _, column in pairs), len(frame)), source, notes)


def check_rows(rows: int) -> None:
    """Refuse a table of so few rows that a copy would describe single persons."""
    if rows < LEAST_ROWS:
        found = "1 row" if rows == 1 else f"{rows} rows"
        raise TableError(
            f"the table has {found}; at least {LEAST_ROWS} are needed: "
            "a copy of so few rows would describe single persons; add rows"
        )


def _check_names(df: pd.DataFrame) -> None:
    if isinstance(df.columns, pd.MultiIndex):
        raise TableError(
            f"the data frame has {df.columns.nlevels} levels of column names; join them into one, "
            "for example df.columns = ['_'.join(name) for name in df.columns]"
        )
    names = list(df.columns)
    if not names:
        raise TableError("the data frame has no columns; give it at least one")
    for position, name in enumerate(names, start=1):
        if not isinstance(name, str) or not name.strip():
            raise TableError(
                f"column {position} of the data frame is named {name!r}; give it a text as name, "
                "for example df.columns = df.columns.astype(str)"
            )
        if names.count(name) > 1:
            places = [str(i) for i, other in enumerate(names, start=1) if other == name]
            raise TableError(
                f"column name {name!r} stands at positions {', '.join(places)} of the data frame; "
                "give each column a name of its own"
            )


def field_from_series(name: str, values: pd.Series) -> Field:
    """Tell how a series stores its values.

    Raises
    ------
    TableError
        If the dtype, or the mixture of types in an object column, has no place in a table.

    Examples
    --------
    >>> import pandas as pd
    >>> field_from_series("x", pd.Series([1, 2])).storage.value
    'number'
    """
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        _check_categories(name, values)
        return Field(name, values, Storage.CATEGORY)
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return _field_from_objects(name, values)
    if isinstance(dtype, pd.SparseDtype):
        raise TableError(f"column {name!r} is sparse ({dtype}); convert it with .sparse.to_dense()")
    if pd.api.types.is_bool_dtype(dtype):
        return Field(name, values, Storage.BOOL)
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        return _number_field(name, values)
    if isinstance(dtype, pd.DatetimeTZDtype) or _has_zone(dtype):
        raise TableError(
            f"column {name!r} holds times of a time zone ({dtype}); convert it with "
            ".dt.tz_convert('UTC').dt.tz_localize(None)"
        )
    if pd.api.types.is_datetime64_any_dtype(dtype) or str(dtype) == "date32[day][pyarrow]":
        return Field(name, values, Storage.DATETIME)
    if pd.api.types.is_string_dtype(dtype):
        return Field(name, values, Storage.TEXT)
    raise TableError(
        f"column {name!r} has dtype {dtype}, which no model here uses; convert it to numbers, "
        "text, categories or datetime64, or drop it"
    )


def _has_zone(dtype: object) -> bool:
    return "timestamp" in str(dtype) and "tz=" in str(dtype)


def _number_field(name: str, values: pd.Series, note: str = "") -> Field:
    if pd.api.types.is_integer_dtype(values.dtype):
        present = values.dropna()
        oversized = bool(((present >= EXACT_INTEGER) | (present <= -EXACT_INTEGER)).any())
        return Field(name, values, Storage.NUMBER, 0, oversized=oversized, note=note)
    numbers = floats_of(values)
    if str(values.dtype).lower().startswith("float32"):
        # Decimals are those of the shortest text of the 32-bit number, not of its 64-bit twin.
        numbers = np.array([float(str(value)) for value in numbers.astype(np.float32)])
    return Field(name, values, Storage.NUMBER, decimals_of(numbers), note=note)


def _check_categories(name: str, values: pd.Series) -> None:
    types = {type(value) for value in values.cat.categories}
    bad = sorted(kind.__name__ for kind in types if len(types) > 1 or not issubclass(kind, LABELS))
    if bad:
        raise TableError(
            f"column {name!r} has categories of type {', '.join(bad)}; rename them to text, for "
            "example with .cat.rename_categories(str)"
        )


LABELS = (str, bool, int, float, np.integer, np.floating, np.bool_)


def _field_from_objects(name: str, values: pd.Series) -> Field:
    present = values.dropna()
    types = frozenset(type(value) for value in present)
    if not types or types == {str}:
        return Field(name, values, Storage.TEXT)
    if types <= {bool, np.bool_}:
        return Field(name, values, Storage.BOOL)
    if types <= {int, float, Decimal, np.int64, np.float64}:
        return _numbers_from_objects(name, values, present)
    if types == {datetime.date}:
        days = with_dtype(pd.Series(pd.to_datetime(values)), "date32[day][pyarrow]")
        return Field(name, days, Storage.DATETIME, note="date objects are kept as date32")
    found = ", ".join(
        f"{sum(type(value) is kind for value in present)} {kind.__name__}"
        for kind in sorted(types, key=lambda kind: kind.__name__)
    )
    raise TableError(
        f"column {name!r} holds values of several or unusable types ({found}); convert it to one, "
        f"for example with df[{name!r}].astype(str) or pd.to_numeric"
    )


def _numbers_from_objects(name: str, values: pd.Series, present: pd.Series) -> Field:
    is_integer = all(isinstance(value, (int, np.int64)) for value in present)
    if is_integer and any(abs(int(value)) >= EXACT_INTEGER for value in present):
        texts = values.map(str, na_action="ignore").astype("str")
        return Field(name, texts, Storage.TEXT, 0, oversized=True)
    dtype = "int64" if is_integer and len(present) == len(values) else "float64"
    field = _number_field(
        name, with_dtype(values, dtype), f"numbers stored as objects, kept as {dtype}"
    )
    return replace(field, decimals=0 if is_integer else field.decimals)
