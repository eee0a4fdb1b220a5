"""Columns as integer codes shared by the original, its copies and the holdout."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison

type Ints = npt.NDArray[np.int64]
type Floats = npt.NDArray[np.float64]
type Groups = int | Mapping[str, int]

DEFAULT_KEYS = 4
MISSING = 0


@dataclass(frozen=True)
class Coded:
    """One column, or several joined, as codes that mean the same in every table.

    Attributes
    ----------
    original : numpy.ndarray
        Codes of the original, shape (n,).
    copies : tuple of numpy.ndarray
        Codes of each copy, shape (k,) each.
    holdout : numpy.ndarray, optional
        Codes of the holdout, shape (h,).
    size : int
        Every code is below this number.
    levels : tuple, optional
        For a single ungrouped column: the level of code ``i + 1``; code 0 is "Missing".
    """

    original: Ints
    copies: tuple[Ints, ...]
    holdout: Ints | None
    size: int
    levels: tuple[Any, ...] | None = None


def modelled_columns(comparison: Comparison) -> tuple[str, ...]:
    """Name the columns that carry information: no identifiers, free text or constants."""
    return tuple(column.name for column in comparison.schema if column.kind.is_modelled)


def default_keys(comparison: Comparison, without: Iterable[str] = ()) -> tuple[str, ...]:
    """Choose keys when the user names none: the first four columns an outsider could know.

    A column qualifies if it is categorical, or a number with 2 to 100 and at most n / 3 distinct
    values in the original. The choice follows table order and is no more than a stand-in: who could
    know what about a person is a question about the world, not about the table.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    without : iterable of str
        Columns that must not be chosen, such as the target.

    Returns
    -------
    tuple of str
        At most four column names.

    Examples
    --------
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> schema = Schema((Column("x", Kind.COUNT, "int64"), Column("id", Kind.IDENTIFIER, "str")), 6)
    >>> table = pd.DataFrame({"x": [1, 1, 1, 2, 2, 2], "id": list("abcdef")})
    >>> default_keys(Comparison(table, (table,), schema))
    ('x',)
    """
    banned = set(without)
    limit = min(100, len(comparison.original) // 3)
    chosen = [
        column.name
        for column in comparison.schema
        if column.name not in banned
        and (
            column.kind.is_categorical
            or (
                column.kind.is_modelled and 2 <= comparison.original[column.name].nunique() <= limit
            )
        )
    ]
    return tuple(chosen[:DEFAULT_KEYS])


def check_tables(comparison: Comparison, columns: Sequence[str]) -> None:
    """Refuse a comparison without copies or rows, or columns that a table lacks.

    Raises
    ------
    MeasureError
        Naming the table, the column and the columns there are.
    """
    if not comparison.copies:
        raise MeasureError("the comparison holds no copies; give at least one synthetic table")
    if not columns:
        raise MeasureError("no key columns given; name at least one column as a key")
    tables = {"the original": comparison.original}
    tables |= {f"copy {i}": copy for i, copy in enumerate(comparison.copies, start=1)}
    if comparison.holdout is not None:
        tables["the holdout"] = comparison.holdout
    for name, table in tables.items():
        if len(table) == 0:
            raise MeasureError(f"{name} has no rows; disclosure cannot be measured on it")
        for column in columns:
            if column not in table.columns:
                raise MeasureError(f"{name}: {unknown('column', column, table.columns)}")


def code_column(comparison: Comparison, name: str, groups: Groups | None = None) -> Coded:
    """Code one column: one code a level, "Missing" a level of its own (code 0).

    Parameters
    ----------
    comparison : Comparison
        The tables.
    name : str
        The column.
    groups : int or mapping of str to int, optional
        Cut a numeric column at the quantiles of the original into this many groups, a value at
        a cut falling into the lower one. Without it every distinct number is a level, as in
        synthpop.

    Returns
    -------
    Coded
        The codes.

    Examples
    --------
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> schema = Schema((Column("x", Kind.COUNT, "int64"),), rows=3)
    >>> original, copy = pd.DataFrame({"x": [7, 9, None]}), pd.DataFrame({"x": [9, 8]})
    >>> coded = code_column(Comparison(original, (copy,), schema), "x")
    >>> coded.original.tolist(), coded.copies[0].tolist()
    ([1, 2, 0], [2, 3])
    """
    check_tables(comparison, [name])
    _check_groups(comparison, groups)
    column = comparison.schema[name]
    tables = _tables(comparison)
    values = _joined([table[name] for table in tables], column.decimals)
    wanted = groups.get(name, 0) if isinstance(groups, Mapping) else groups or 0
    if wanted and column.kind.is_numeric and values.dtype == np.float64:
        codes = _quantile_groups(values, len(comparison.original), wanted)
        return _split(codes, tables, comparison.holdout is not None, int(codes.max()) + 1)
    codes, levels = pd.factorize(values)
    codes = codes.astype(np.int64) + 1
    return _split(codes, tables, comparison.holdout is not None, len(levels) + 1, tuple(levels))


def code_columns(
    comparison: Comparison, columns: Sequence[str], groups: Groups | None = None
) -> Coded:
    """Join columns into one composite key q: equal codes mean equal values in every column.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    columns : sequence of str
        The key columns.
    groups : int or mapping of str to int, optional
        As in ``code_column``.

    Returns
    -------
    Coded
        The composite codes; ``levels`` is None.
    """
    check_tables(comparison, columns)
    parts = [code_column(comparison, name, groups) for name in columns]
    return join(parts)


def join(parts: Sequence[Coded]) -> Coded:
    """Join coded columns into one composite code."""
    joined, size = _stack(parts[0]), parts[0].size
    for part in parts[1:]:
        # Renumbered after every column, so that the product cannot overflow.
        joined, levels = pd.factorize(joined * part.size + _stack(part))
        joined, size = joined.astype(np.int64), len(levels)
    return _split(joined, _slots(parts[0]), parts[0].holdout is not None, size)


def _tables(comparison: Comparison) -> list[pd.DataFrame]:
    tables = [comparison.original, *comparison.copies]
    return tables if comparison.holdout is None else [*tables, comparison.holdout]


def _slots(coded: Coded) -> list[Ints]:
    slots = [coded.original, *coded.copies]
    return slots if coded.holdout is None else [*slots, coded.holdout]


def _stack(coded: Coded) -> Ints:
    return np.concatenate(_slots(coded))


def _split(
    codes: Ints,
    tables: Sequence[Any],
    has_holdout: bool,
    size: int,
    levels: tuple[Any, ...] | None = None,
) -> Coded:
    cuts = np.cumsum([len(table) for table in tables])[:-1]
    pieces = np.split(codes, cuts)
    holdout = pieces.pop() if has_holdout else None
    return Coded(pieces[0], tuple(pieces[1:]), holdout, size, levels)


def numbers(series: pd.Series, decimals: int | None = None) -> Floats:
    """Give a numeric, boolean or date column as floats (dates in days), missing as NaN."""
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        days = (series - pd.Timestamp(0, tz=series.dt.tz)) / pd.Timedelta(days=1)
        since: Floats = np.array(days.to_numpy(dtype=np.float64, na_value=np.nan))
        return since
    values: Floats = np.array(series.to_numpy(dtype=np.float64, na_value=np.nan))
    # A value printed with so many decimals is the same value however it was computed.
    if decimals is not None:
        np.round(values, decimals, out=values)
    return values


def is_number(series: pd.Series) -> bool:
    """Whether ``numbers`` can read the column."""
    types = pd.api.types
    return types.is_numeric_dtype(series.dtype) or types.is_datetime64_any_dtype(series.dtype)


def _joined(columns: Sequence[pd.Series], decimals: int | None) -> npt.NDArray[Any]:
    if all(is_number(column) for column in columns):
        values: Floats = np.concatenate([numbers(column, decimals) for column in columns])
        return values
    return np.concatenate([column.astype(object).to_numpy() for column in columns])


def _check_groups(comparison: Comparison, groups: Groups | None) -> None:
    wanted = groups if isinstance(groups, Mapping) else {}
    for name in wanted:
        if name not in comparison.schema:
            raise MeasureError(f"groups: {unknown('column', name, comparison.schema.names)}")


def _quantile_groups(values: Floats, n: int, groups: int) -> Ints:
    if groups < 2:
        raise MeasureError(f"groups = {groups}: give at least 2 groups, or none to keep all levels")
    known = values[:n][~np.isnan(values[:n])]
    if len(known) == 0:
        return np.where(np.isnan(values), MISSING, 1).astype(np.int64)
    edges = np.unique(np.quantile(known, np.arange(1, groups) / groups))
    codes = np.searchsorted(edges, values, side="left") + 1
    return np.where(np.isnan(values), MISSING, codes).astype(np.int64)
