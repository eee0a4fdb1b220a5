"""Columns as text cells, in the decimals, labels and marks of the source."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from posynth.table import clock, dates
from posynth.table.codec import encode
from posynth.table.field import floats_of
from posynth.table.numerals import Form
from posynth.table.reasons import Reasons
from posynth.table.schema import Column, Level, Schema
from posynth.table.source import Source
from posynth.table.storage import is_datetime, is_number

type Quote = Callable[[str], str]


def render(
    frame: pd.DataFrame, schema: Schema, source: Source, reasons: Reasons | None = None
) -> str:
    r"""Write a table as delimited text in the dialect of its source.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows in schema order, shape (n, p).
    schema : Schema
        Decimals, labels and missing markers of the columns.
    source : Source
        Delimiter, decimal mark, quotes and line ends.
    reasons : Mapping of str to ndarray, shape (n,), optional
        Column -> place of the kind of each missing value, from 1; 0 where a value is present.

    Returns
    -------
    str
        Header and n lines.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> schema = Schema((Column("x", Kind.CONTINUOUS, "float64", decimals=2, padded=True),), 1)
    >>> render(pd.DataFrame({"x": [1.5]}), schema, Source())
    'x\n1.50\n'
    """
    always = set(source.quoted_columns)
    cells = [
        _cells(column, frame[column.name], source.decimal, _quoting(source, column.name in always))
        for column in schema
    ]
    for column, texts in zip(schema, cells, strict=True):
        kinds = (reasons or {}).get(column.name, np.array([], dtype=np.int64))
        for row in np.flatnonzero(kinds):
            texts[row] = column.missing_kinds[kinds[row] - 1]
    quote = _quoting(source, source.quoted_header)
    header = source.delimiter.join(quote(name) for name in schema.names)
    if len(cells) == 1:
        # A single empty cell would be a blank line, which most programs skip.
        cells = [[cell or '""' for cell in cells[0]]]
    lines = map(source.delimiter.join, zip(*cells, strict=True))
    return source.newline.join([header, *lines, ""])


def _quoting(source: Source, always: bool) -> Quote:
    special = re.compile(f'[{re.escape(source.delimiter)}"\n\r]').search

    def quote(text: str) -> str:
        if always or special(text):
            return '"' + text.replace('"', '""') + '"'
        return text

    return quote


def _cells(column: Column, values: pd.Series, decimal: str, quote: Quote) -> list[str]:
    if column.kind.is_categorical:
        return _label_cells(column, values, decimal, quote)
    if is_number(column):
        cells = _number_cells(column, floats_of(values), decimal)
        # All numbers need quotes, or none does: 0,0 shows which.
        form = Form.of(column)
        if form.grouping or quote(f"0{decimal}0") != f"0{decimal}0":
            cells = list(map(quote, cells))
    elif is_datetime(column):
        times = dates.times_of(values)
        cells = _quoted(dates.to_text(times, column.date_format or dates.format_of(times)), quote)
    else:
        cells = _quoted(values.astype("object").to_numpy(), quote)
    for row in np.flatnonzero(values.isna().to_numpy()):
        cells[row] = column.missing_text
    return cells


def _quoted(texts: "np.ndarray[tuple[int], np.dtype[np.object_]]", quote: Quote) -> list[str]:
    return [quote(str(text)) for text in texts.tolist()]


def _label_cells(column: Column, values: pd.Series, decimal: str, quote: Quote) -> list[str]:
    labels = [quote(label_text(column, level, decimal)) for level in column.levels]
    codes = encode(column, values)
    lookup = np.array([*labels, column.missing_text], dtype=object)
    places = np.where(np.isnan(codes), len(labels), codes).astype(np.int64)
    cells: list[str] = lookup[places].tolist()
    return cells


def label_text(column: Column, level: Level, decimal: str) -> str:
    """Return a level as it stands in the file, before quoting."""
    if isinstance(level, (str, bool)):
        return str(level)
    return _number_cells(column, np.array([level], dtype=np.float64), decimal)[0]


def _number_cells(
    column: Column, numbers: "np.ndarray[tuple[int], np.dtype[np.float64]]", decimal: str
) -> list[str]:
    if column.clock:
        return [
            clock.text_of(number, column.clock) if not np.isnan(number) else ""
            for number in numbers
        ]
    least = column.min_decimals
    if column.decimals is None:
        cells = list(map(repr, numbers.tolist()))
        if not least:
            cells = [cell.removesuffix(".0") for cell in cells]
    elif column.padded or column.decimals == 0 or least > column.decimals:
        form = f"%.{column.decimals if column.padded else least}f"
        cells = [form % number for number in numbers.tolist()]
    else:
        form, shortest = f"%.{column.decimals}f", _shortener(column.decimals, least)
        cells = [shortest(form % number) for number in numbers.tolist()]
    written = Form.of(column)
    if written != Form():
        return [written.written(cell, decimal) for cell in cells]
    return cells if decimal == "." else [cell.replace(".", decimal) for cell in cells]


def _shortener(decimals: int, least: int) -> Callable[[str], str]:
    if not least:
        return lambda text: text.rstrip("0").rstrip(".")

    def shorten(text: str) -> str:
        bare = text.rstrip("0")
        return text[: max(len(bare), len(text) - decimals + least)]

    return shorten
