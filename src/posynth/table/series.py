"""A pandas series becomes a Field: how its values are stored, and what cannot be used."""

import datetime
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import TableError
from posynth.table.arrays import as_categorical, with_dtype
from posynth.table.field import EXACT_INTEGER, Field, Storage, decimals_of, floats_of
from posynth.table.typed import category_type

LABELS = (str, bool, int, float, np.integer, np.floating, np.bool_)
NUMBERS = (int, float, Decimal, Fraction, np.integer, np.floating)
DATES = (datetime.date, np.datetime64)
_SECONDS = "convert it with pd.to_timedelta({x}.astype(str)).dt.total_seconds()"
_CATEGORIES = 'convert it with {x}.astype(str).astype("category")'
#: Start of a dtype's name -> what the column holds, and the next step; {x} is the column.
UNUSABLE = {
    ("Sparse",): ("is sparse", "convert it with {x}.sparse.to_dense()"),
    ("complex",): ("holds complex numbers", "make two columns of np.real({x}) and np.imag({x})"),
    ("period",): ("holds periods", "convert it with {x}.dt.to_timestamp()"),
    ("timedelta64", "duration"): ("holds durations", "convert it with {x}.dt.total_seconds()"),
    ("interval",): ("holds intervals", _CATEGORIES),
    ("time",): ("holds clock times", _SECONDS),
    ("binary", "large_binary", "fixed_size_binary"): ("holds bytes", "decode it to text"),
    ("list", "large_list", "fixed_size_list"): ("holds a list in every cell", "make columns of it"),
    ("struct", "map"): ("holds records", "make columns of it with pd.json_normalize"),
}
#: The same for types of objects.
UNUSABLE_OBJECTS = {
    complex: UNUSABLE["complex",],
    pd.Period: ("holds periods", "convert it with pd.PeriodIndex({x}).to_timestamp()"),
    datetime.timedelta: (
        "holds durations",
        "convert it with pd.to_timedelta({x}).dt.total_seconds()",
    ),
    pd.Interval: UNUSABLE["interval",],
    datetime.time: UNUSABLE["time",],
    bytes: ("holds bytes", 'convert it with {x}.str.decode("utf-8")'),
    list: UNUSABLE["list", "large_list", "fixed_size_list"],
    dict: UNUSABLE["struct", "map"],
}


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
    if str(dtype).startswith("dictionary<"):
        note = "Arrow's dictionaries are kept as categories"
        return replace(field_from_series(name, as_categorical(values)), note=note)
    if isinstance(dtype, pd.CategoricalDtype):
        return _field_from_categories(name, values)
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return _field_from_objects(name, values)
    if isinstance(dtype, pd.DatetimeTZDtype) or _has_zone(dtype):
        raise _zoned(name, f"a time zone ({dtype})")
    for found in _storages(dtype):
        return found(name, values)
    raise _unusable(name, str(dtype))


def numbers_as_text(name: str, values: pd.Series) -> str:
    """Say of text most of which is numbers how it becomes numbers; empty of other text.

    Examples
    --------
    >>> print(numbers_as_text("x", pd.Series(["1.5", "2", "?"])))
    2 of 3 values are numbers as text: pd.to_numeric(df['x'], errors='coerce') makes numbers of them
    """
    counts = values.value_counts()
    read = pd.to_numeric(pd.Series(counts.index, dtype=object), errors="coerce").notna()
    numbers, present = int(counts.to_numpy()[read.to_numpy()].sum()), int(counts.sum())
    if not 2 * numbers > present:
        return ""
    what = "all values" if numbers == present else f"{numbers} of {present} values"
    step = f"pd.to_numeric(df[{name!r}], errors='coerce') makes numbers of them"
    return f"{what} are numbers as text: {step}"


def unusable(name: str, values: pd.Series) -> TableError | None:
    """Return why a model can use values of this type neither as numbers nor as levels.

    Parameters
    ----------
    name : str
        The column.
    values : pandas.Series
        Its values, n of them.

    Returns
    -------
    TableError or None
        With the next step; None where they can be used.

    Examples
    --------
    >>> import pandas as pd
    >>> print(unusable("wait", pd.Series([1, 2]).astype("timedelta64[s]")))  # doctest: +ELLIPSIS
    column 'wait' holds durations (timedelta64[s]); convert it with ...
    """
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "O":
        present = values.dropna()
        types = frozenset(type(value) for value in present)
        odd = any(issubclass(kind, tuple(UNUSABLE_OBJECTS)) for kind in types)
        return _unusable_objects(name, present, types) if odd else None
    levels = isinstance(values.dtype, pd.CategoricalDtype)
    if levels or str(values.dtype).startswith(("Sparse[int", "Sparse[float", "dictionary<")):
        return None
    return _unusable(name, str(values.dtype)) if not _storages(values.dtype) else None


def canonical(name: str, values: pd.Series) -> pd.Series:
    """Return values as a Table keeps them: objects and categories of unusual types are converted.

    Raises
    ------
    TableError
        As for ``field_from_series``.
    """
    unusual = ("object", "category", "dictionary<")
    return (
        field_from_series(name, values).values if str(values.dtype).startswith(unusual) else values
    )


def _storages(dtype: Any) -> "tuple[Callable[[str, pd.Series], Field], ...]":
    """Return how to read a dtype, or nothing where no model uses it."""
    text = str(dtype)
    if isinstance(dtype, pd.SparseDtype) or pd.api.types.is_complex_dtype(dtype):
        return ()
    if pd.api.types.is_bool_dtype(dtype):
        return (lambda name, values: Field(name, values, Storage.BOOL),)
    if pd.api.types.is_numeric_dtype(dtype):
        return (_number_field,)
    if pd.api.types.is_datetime64_any_dtype(dtype) or text == "date32[day][pyarrow]":
        return (lambda name, values: Field(name, values, Storage.DATETIME),)
    if pd.api.types.is_string_dtype(dtype) or text == "null[pyarrow]":
        return (lambda name, values: Field(name, values, Storage.TEXT),)
    return ()


def _unusable(name: str, dtype: str) -> TableError:
    for start, (what, step) in UNUSABLE.items():
        if dtype.startswith(start):
            return TableError(f"column {name!r} {what} ({dtype}); {_step(step, name)}")
    return TableError(
        f"column {name!r} has dtype {dtype}, which no model here uses; convert it to numbers, "
        f"text, categories or datetime64, or leave it out: df.drop(columns={name!r})"
    )


def _step(step: str, name: str) -> str:
    column = f"df[{name!r}]"
    return f"{step.replace('{x}', column)}, or leave it out: df.drop(columns={name!r})"


def _has_zone(dtype: object) -> bool:
    return "timestamp" in str(dtype) and "tz=" in str(dtype)


def _zoned(name: str, what: str) -> TableError:
    return TableError(
        f"column {name!r} holds times of {what}; convert it with "
        f"pd.to_datetime(df[{name!r}], utc=True).dt.tz_localize(None)"
    )


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


def _field_from_categories(name: str, values: pd.Series) -> Field:
    categories = values.cat.categories
    types = {type(value) for value in categories}
    if len(types) > 1:
        found = ", ".join(sorted(kind.__name__ for kind in types))
        raise TableError(
            f"column {name!r} has categories of types {found}; rename them to text, for example "
            f"with df[{name!r}].cat.rename_categories(str)"
        )
    if all(issubclass(kind, LABELS) for kind in types):
        return Field(name, values, Storage.CATEGORY)
    kind, found = category_type(categories), types.pop().__name__
    if not kind:
        raise TableError(
            f"column {name!r} has categories of type {found}, which text does not give back; "
            f"rename them, for example with df[{name!r}].cat.rename_categories(str)"
        )
    note = f"categories of type {found} are kept as text; copies give them back as they were"
    texts = values.cat.rename_categories([str(value) for value in categories])
    return Field(name, texts, Storage.CATEGORY, note=note, category_type=kind)


def _field_from_objects(name: str, values: pd.Series) -> Field:
    present = values.dropna()
    types = frozenset(type(value) for value in present)
    if all(issubclass(kind, str) for kind in types):
        plain = types <= {str}
        texts = values if plain else values.map(str, na_action="ignore").astype("object")
        return Field(name, texts, Storage.TEXT)
    if types <= {bool, np.bool_}:
        return Field(name, values, Storage.BOOL)
    if all(issubclass(kind, NUMBERS) and kind is not bool for kind in types):
        return _numbers_from_objects(name, values, present)
    if all(issubclass(kind, DATES) for kind in types):
        return _dates_from_objects(name, values, present)
    raise _unusable_objects(name, present, types)


def _unusable_objects(name: str, present: pd.Series, types: frozenset[type]) -> TableError:
    found = ", ".join(
        f"{sum(type(value) is kind for value in present)} {kind.__name__}"
        for kind in sorted(types, key=lambda kind: kind.__name__)
    )
    for kind, (what, step) in UNUSABLE_OBJECTS.items():
        if all(issubclass(each, kind) for each in types):
            return TableError(f"column {name!r} {what} ({found}); {_step(step, name)}")
    return TableError(
        f"column {name!r} holds values of several or unusable types ({found}); convert it to one, "
        f"for example with df[{name!r}].astype(str) or pd.to_numeric"
    )


def _dates_from_objects(name: str, values: pd.Series, present: pd.Series) -> Field:
    """Keep dates as date32 and points in time as datetime64."""
    if all(type(value) is datetime.date for value in present):
        days = with_dtype(pd.Series(pd.to_datetime(values)), "date32[day][pyarrow]")
        return Field(name, days, Storage.DATETIME, note="date objects are kept as date32")
    if any(getattr(value, "tzinfo", None) is not None for value in present):
        raise _zoned(name, "a time zone (objects)")
    try:
        times = pd.Series(values.astype("datetime64[us]"))
    except (ValueError, OverflowError, TypeError) as error:
        raise TableError(
            f"column {name!r} holds times that datetime64 cannot hold ({error}); convert it to "
            f"text with df[{name!r}].astype(str)"
        ) from None
    return Field(name, times, Storage.DATETIME, note=f"objects are kept as {times.dtype}")


def _numbers_from_objects(name: str, values: pd.Series, present: pd.Series) -> Field:
    is_integer = all(isinstance(value, int | np.integer) for value in present)
    if is_integer and any(abs(int(value)) >= EXACT_INTEGER for value in present):
        texts = values.map(str, na_action="ignore").astype("str")
        return Field(name, texts, Storage.TEXT, 0, oversized=True)
    dtype = "int64" if is_integer and len(present) == len(values) else "float64"
    field = _number_field(
        name, with_dtype(values, dtype), f"numbers stored as objects, kept as {dtype}"
    )
    return replace(field, decimals=0 if is_integer else field.decimals)
