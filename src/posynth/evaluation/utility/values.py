"""Columns as arrays: which are judged, numbers with NaN, levels as integer codes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison
from posynth.table import dates
from posynth.table.names import Names, as_names
from posynth.table.schema import Column, Kind

type Floats = NDArray[np.float64]
type Codes = NDArray[np.int64]

MISSING = "(missing)"


@dataclass(frozen=True)
class Numbers:
    """A numeric column as floats, missing as NaN.

    Attributes
    ----------
    name : str
        The column.
    original : ndarray, shape (n,)
        Values of the source.
    copies : tuple of ndarray, shape (k,)
        Values of each copy.
    """

    name: str
    original: Floats
    copies: tuple[Floats, ...]

    @property
    def has_missing(self) -> bool:
        """Whether a value is missing in the source or in a copy."""
        return any(bool(np.isnan(x).any()) for x in (self.original, *self.copies))


@dataclass(frozen=True)
class Coded:
    """A column as integer codes 0 .. len(levels) - 1.

    Attributes
    ----------
    name : str
        The column.
    levels : tuple of str
        What each code stands for; ``"(missing)"`` is the last level where a value is missing.
    original : ndarray of int, shape (n,)
        Codes of the source.
    copies : tuple of ndarray of int, shape (k,)
        Codes of each copy.
    """

    name: str
    levels: tuple[str, ...]
    original: Codes
    copies: tuple[Codes, ...]


def judged(comparison: Comparison, columns: Names | None = None) -> list[Column]:
    """List the columns to judge, after checking that every copy has them.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    columns : iterable of str, optional
        Names wanted; by default every column that is modelled.

    Returns
    -------
    list of Column
        Their schema records, in schema order.

    Raises
    ------
    MeasureError
        If there is no copy or no row, a name is unknown or not modelled, or a copy lacks it.
    """
    _check_rows(comparison)
    modelled = [column for column in comparison.schema if column.kind.is_modelled]
    wanted = None if columns is None else set(as_names(columns))
    for name in sorted(wanted or ()):
        if name not in {column.name for column in modelled}:
            what = "column to judge (text, identifiers and constants are not judged)"
            raise MeasureError(unknown(what, name, [column.name for column in modelled]))
    chosen = [column for column in modelled if wanted is None or column.name in wanted]
    if not chosen:
        raise MeasureError("no column to judge: none was named, or the schema has none modelled")
    for column in chosen:
        _check_presence(comparison, column.name)
    return chosen


def numeric(columns: Sequence[Column]) -> list[Column]:
    """Keep the columns whose values are numbers on a scale."""
    return [column for column in columns if column.kind.is_numeric]


def numbers(comparison: Comparison, column: Column) -> Numbers:
    """Read a numeric column as floats; dates become days since 1970-01-01.

    Raises
    ------
    MeasureError
        If a value is not a number, or is infinite.
    """
    tables = _tables(comparison)
    arrays = [_floats(table[column.name], column, where) for where, table in tables]
    return Numbers(column.name, arrays[0], tuple(arrays[1:]))


def levels(comparison: Comparison, column: Column) -> Coded:
    """Code a categorical column by its levels, missing as a level of its own.

    Raises
    ------
    MeasureError
        If a copy holds a level that neither the schema nor the original has.
    """
    found = comparison.original[column.name].dropna().astype(object).unique()
    known = list(dict.fromkeys([*column.levels, *found]))
    index = pd.Index(known, dtype=object)
    codes = [_codes(table[column.name], index, where) for where, table in _tables(comparison)]
    names = tuple(str(level) for level in known)
    if any(bool((code == len(known)).any()) for code in codes):
        names = (*names, MISSING)
    return Coded(column.name, names, codes[0], tuple(codes[1:]))


def _tables(comparison: Comparison) -> list[tuple[str, pd.DataFrame]]:
    copies = [(f"copy {i}", copy) for i, copy in enumerate(comparison.copies, start=1)]
    return [("the original", comparison.original), *copies]


def _check_rows(comparison: Comparison) -> None:
    if not comparison.copies:
        raise MeasureError("utility compares copies with the original: give at least one copy")
    for where, table in _tables(comparison):
        if len(table) == 0:
            raise MeasureError(f"{where} has no rows: utility needs at least one row on each side")


def _check_presence(comparison: Comparison, name: str) -> None:
    for where, table in _tables(comparison):
        if name not in table.columns:
            raise MeasureError(
                f"column {name!r} is missing from {where}, which has "
                f"{', '.join(map(repr, table.columns))}; give the same columns on both sides, "
                "or name the columns to judge"
            )


def _floats(values: pd.Series, column: Column, where: str) -> Floats:
    try:
        array = _days(values, column) if column.kind is Kind.DATE else _plain(values)
    except (TypeError, ValueError) as error:
        raise MeasureError(
            f"column {column.name!r} is {column.kind.value!r} in the schema but {where} holds "
            f"{_first_text(values)!r}; read {where} with the schema's types"
        ) from error
    if np.isinf(array).any():
        raise MeasureError(
            f"column {column.name!r}: {where} holds an infinite value; replace it or make it "
            "missing"
        )
    return array


def _plain(values: pd.Series) -> Floats:
    return np.asarray(pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan))


def _days(values: pd.Series, column: Column) -> Floats:
    if pd.api.types.is_string_dtype(values.dtype):
        return dates.to_days(dates.from_text(values, column.date_format))
    return dates.to_days(dates.times_of(values))


def _first_text(values: pd.Series) -> object:
    texts = [value for value in values.dropna() if isinstance(value, str)]
    return texts[0] if texts else values.dtype


def _codes(values: pd.Series, index: pd.Index, where: str) -> Codes:
    missing = values.isna().to_numpy(dtype=bool)
    codes = np.asarray(index.get_indexer(pd.Index(values.astype(object))), dtype=np.int64)
    unseen = ~missing & (codes < 0)
    if unseen.any():
        level = values[unseen].iloc[0]
        raise MeasureError(
            f"column {values.name!r}: {where} holds the level {level!r}, which the original does "
            f"not have ({', '.join(repr(known) for known in index)}); rename or merge the level, "
            f"or read {where} with the schema's types"
        )
    codes[missing] = len(index)
    return codes
