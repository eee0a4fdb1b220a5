"""Categories of dates, durations, periods or intervals: kept as text, given back as they were."""

import datetime
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from posynth.errors import TableError
from posynth.table.schema import Column, Schema

#: Name of the type of categories that are `datetime.date` objects.
DATE = "date"
_INTERVAL = re.compile(r"interval\[(?P<of>.+), (?P<closed>right|left|both|neither)\]")
_ENDS = re.compile(r"[\[(](.+), (.+)[\])]")
_TYPES = re.compile(r"date|(datetime64|timedelta64|period)\[[^\]]+\]|interval\[.+, \w+\]")


def category_type(categories: pd.Index) -> str:
    """Name the type of categories that are no labels, so that `typed_index` gives them back.

    Parameters
    ----------
    categories : pandas.Index
        The categories of a column.

    Returns
    -------
    str
        A name; empty if their texts do not lead back to them.

    Examples
    --------
    >>> category_type(pd.interval_range(0, 3))
    'interval[int64, right]'
    >>> category_type(pd.Index([(1, 2), (3, 4)], tupleize_cols=False))
    ''
    """
    is_date = all(type(value) is datetime.date for value in categories)
    name = DATE if is_date else str(categories.dtype)
    try:
        again = typed_index([str(value) for value in categories], name)
    except TableError:
        return ""
    same = again.dtype == categories.dtype and again.equals(categories)
    return name if same else ""


def typed_index(texts: Sequence[str], name: str) -> pd.Index:
    """Return categories of a type from their texts.

    Parameters
    ----------
    texts : sequence of str
        As ``str`` writes the categories.
    name : str
        Type, as `category_type` names it.

    Returns
    -------
    pandas.Index
        The categories, in order.

    Raises
    ------
    TableError
        If the type is unknown, or a text is no value of it.

    Examples
    --------
    >>> typed_index(["2020-03-01 00:00:00"], "datetime64[us]")[0]
    Timestamp('2020-03-01 00:00:00')
    >>> str(typed_index(["(0.5, 2.0]"], "interval[float64, right]")[0])
    '(0.5, 2.0]'
    """
    try:
        if not _TYPES.fullmatch(name):
            raise ValueError
        return _read(list(texts), name)
    except (ValueError, TypeError, OverflowError, AttributeError):
        shown = ", ".join(map(repr, texts[:3]))
        raise TableError(
            f"categories {shown} are no values of type {name!r}; rename them to text, for example "
            "with df[column].cat.rename_categories(str)"
        ) from None


def _read(texts: list[str], name: str) -> pd.Index:
    if name == DATE:
        return pd.Index([datetime.date.fromisoformat(text) for text in texts], dtype="object")
    if name.startswith("datetime64"):
        zoned = "," in name
        times = pd.to_datetime(pd.Index(texts, dtype="object"), format="ISO8601", utc=zoned)
        return times.astype(name)
    if name.startswith("timedelta64"):
        return pd.to_timedelta(pd.Index(texts, dtype="object")).astype(name)
    if name.startswith("period"):
        return pd.PeriodIndex(texts, dtype=name)
    return _intervals(texts, name)


def _intervals(texts: list[str], name: str) -> pd.Index:
    kind: Any = _INTERVAL.fullmatch(name)
    ends: list[Any] = [_ENDS.fullmatch(text) for text in texts]
    left, right = (_side([found[i] for found in ends], kind["of"]) for i in (1, 2))
    pairs: Any = pd.arrays.IntervalArray.from_arrays(left, right, closed=kind["closed"])
    return pd.IntervalIndex(pairs).astype(name)


def _side(texts: list[str], of: str) -> Any:
    if of.startswith(("int", "uint", "float")):
        return pd.Index(texts, dtype="object").astype(of)
    if of.startswith(("datetime64", "timedelta64")):
        return _read(texts, of)
    raise ValueError


def as_given(schema: Schema, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose categories have the types that the source's have.

    Parameters
    ----------
    schema : Schema
        Description of the source.
    frame : pandas.DataFrame
        Rows in which categories are labels.

    Returns
    -------
    pandas.DataFrame
        The same frame, if no column has categories of another type.
    """
    typed = {c.name: _typed(c, frame[c.name]) for c in schema if c.category_type}
    return frame.assign(**typed) if typed else frame


def _typed(column: Column, values: pd.Series) -> pd.Series:
    modelled = column.kind.is_categorical or (column.levels and not column.kind.is_modelled)
    if not modelled or not isinstance(values.dtype, pd.CategoricalDtype):
        return values
    index = _index(tuple(map(str, values.cat.categories)), column.category_type)
    dtype = pd.CategoricalDtype(index, ordered=values.dtype.ordered)
    codes = values.cat.codes.to_numpy()
    return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype), index=values.index)


@lru_cache(maxsize=256)
def _index(texts: tuple[str, ...], name: str) -> pd.Index:
    return typed_index(texts, name)
