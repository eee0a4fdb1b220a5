"""A copy's file becomes a data frame in the dtypes of the source: the inverse of writing it."""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posynth.errors import TableError, unknown
from posynth.table import clock, dates
from posynth.table.arrays import Bools, Floats, Ints
from posynth.table.codec import decode_frame, encode
from posynth.table.missing_codes import without_codes
from posynth.table.numerals import Form
from posynth.table.reasons import kind_numbers, reasons_of
from posynth.table.render import label_text
from posynth.table.roster import BLANK
from posynth.table.schema import Column, Kind, Schema
from posynth.table.source import Source

EDITED = "the file is not as posynth wrote it; write it again with `posynth draw`"


def read_copy(path: Path, schema: Schema, source: Source) -> pd.DataFrame:
    """Read a copy that ``write_copy`` wrote.

    Nothing is guessed: labels, decimals and missing marks are those of the schema, so a copy
    has the dtypes and levels of the source even where it lacks some of the levels.

    Parameters
    ----------
    path : Path
        The file, CSV or Parquet.
    schema : Schema
        Description of the source.
    source : Source
        Dialect of the source.

    Returns
    -------
    pandas.DataFrame
        The copy, shape (k, p).

    Raises
    ------
    TableError
        If the file cannot be read, or holds a column or value that the schema does not have.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from posynth.table.frame import table_from_frame
    >>> from posynth.table.io import write_copy
    >>> table = table_from_frame(pd.DataFrame({"x": [1.5, None] * 5, "y": list("ab") * 5}))
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "copy.csv"
    ...     write_copy(table.frame, table.schema, table.source, file)
    ...     read_copy(file, table.schema, table.source).equals(table.frame)
    True
    """
    try:
        if path.suffix == ".parquet":
            arrays = _from_parquet(path, schema)
        else:
            arrays = _from_text(path, schema, source)
    except (OSError, ValueError, csv.Error) as error:
        raise TableError(f"{path.name}: {error}; {EDITED}") from None
    except TableError as error:
        raise TableError(f"{path.name}: {error}; {EDITED}") from None
    return _frame(schema, arrays)


def read_reasons(path: Path, schema: Schema, source: Source) -> dict[str, Ints]:
    """Return which kind each missing value of a copy is, for columns with several kinds.

    Returns
    -------
    dict of str to ndarray of int64, shape (k,)
        Column -> place of the kind, from 1; 0 where a value is present. Empty where no column has
        several kinds.
    """
    columns = [column for column in schema if column.missing_kinds]
    if not columns:
        return {}
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path, columns=[column.name for column in columns])
        found = {c.name: reasons_of(frame[c.name], c.missing_codes) for c in columns}
        return {c.name: kind_numbers(c, found[c.name]).astype(np.int64) for c in columns}
    cells = _cells(path, source)
    places = {c.name: {kind: at for at, kind in enumerate(c.missing_kinds, 1)} for c in columns}
    return {
        name: np.array([place.get(cell, 0) for cell in cells[name]], dtype=np.int64)
        for name, place in places.items()
    }


def _frame(schema: Schema, arrays: Mapping[str, Floats]) -> pd.DataFrame:
    modelled = {c.name: arrays[c.name] for c in schema if c.kind is not Kind.CONSTANT}
    frame = decode_frame(schema, modelled)
    if not modelled:
        frame = frame.reindex(range(len(next(iter(arrays.values())))))
    for column in schema:
        if column.kind is Kind.CONSTANT and column.missing:
            frame[column.name] = frame[column.name].mask(np.isnan(arrays[column.name]))
    return frame


def _from_parquet(path: Path, schema: Schema) -> dict[str, Floats]:
    frame = pd.read_parquet(path)
    _check_columns(list(frame.columns), schema)
    frame = frame.assign(
        **{c.name: without_codes(frame[c.name], c.missing_codes)[0] for c in schema}
    )
    return {
        c.name: encode(c, frame[c.name]) if c.kind.is_modelled else _filled_in(c, frame[c.name])
        for c in schema
    }


def _filled_in(column: Column, values: pd.Series) -> Floats:
    missing = values.isna().to_numpy(dtype=bool)
    return _filled(column, missing, values.astype(object).to_numpy())


def _filled(column: Column, missing: Bools, values: NDArray[Any]) -> Floats:
    """Return where a constant is missing, or which row or id each placeholder stands for."""
    if column.kind is Kind.CONSTANT:
        return np.where(missing, np.nan, 0.0)
    codes = pd.factorize(pd.Series(values).mask(missing))[0].astype(np.float64)
    if len(np.unique(codes[~missing])) == int(np.sum(~missing)):
        codes = np.arange(len(codes), dtype=np.float64)  # no repeated identifier
    return np.where(missing, np.arange(len(codes)) + BLANK, codes)


def _from_text(path: Path, schema: Schema, source: Source) -> dict[str, Floats]:
    cells = _cells(path, source)
    _check_columns(list(cells), schema)
    return {c.name: _numbers(c, cells[c.name], source.decimal) for c in schema}


def _cells(path: Path, source: Source) -> dict[str, tuple[str, ...]]:
    text = path.read_bytes().decode(source.encoding)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=source.delimiter, strict=True)
    header, rows = next(reader, []), list(reader)
    widths = {len(row) for row in rows} or {0}
    if widths != {len(header)}:
        raise TableError(f"rows have {min(widths)} to {max(widths)} fields, not {len(header)}")
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def _check_columns(found: list[str], schema: Schema) -> None:
    for name in schema.names:
        if name not in found:
            raise TableError(unknown("column", name, found))
    if list(schema.names) != found:
        raise TableError(f"columns {found} are not those of the schema, {list(schema.names)}")


def _numbers(column: Column, cells: tuple[str, ...], decimal: str) -> Floats:
    """Return what ``encode`` would give for the cells of one column, shape (k,)."""
    codes, texts = pd.factorize(np.array(cells, dtype=object))
    if not column.kind.is_modelled:
        missing = np.array([text == column.missing_text for text in texts], dtype=bool)[codes]
        return _filled(column, missing, np.array(cells, dtype=object))
    read = _reader(column, decimal)
    values = [_value(column, text, read) for text in texts]
    return np.array(values, dtype=np.float64)[codes]


def _value(column: Column, text: str, read: Callable[[str], float]) -> float:
    # A code for missing values may read as a number; a label "" is no missing value.
    if column.missing_codes and text in (column.missing_text, *column.missing_kinds):
        return np.nan
    try:
        return read(text)
    except (KeyError, ValueError):
        if text == column.missing_text:
            return np.nan
        levels = ", ".join(map(repr, column.levels))
        allowed = f"one of its levels {levels}" if levels else f"a {column.kind.value} value"
        raise TableError(f"column {column.name!r}: {text!r} is not {allowed}") from None


def _reader(column: Column, decimal: str) -> Callable[[str], float]:
    """Return the function that turns one cell into a number; it fails where there is none."""
    if column.kind.is_categorical:
        labels = {label_text(column, level, decimal): i for i, level in enumerate(column.levels)}
        return lambda text: float(labels[text])
    if column.kind is Kind.DATE:
        return lambda text: _days(text, column.date_format)
    if column.clock:
        return lambda text: clock.number(text, column.clock)
    form = Form.of(column)
    return lambda text: _finite(form.bare(text, decimal))


def _finite(text: str) -> float:
    number = float(text)
    if not np.isfinite(number):
        raise ValueError(text)
    return number


def _days(text: str, date_format: str) -> float:
    days = float(dates.to_days(dates.from_text([text], date_format))[0])
    if np.isnan(days):
        raise ValueError(text)
    return days
