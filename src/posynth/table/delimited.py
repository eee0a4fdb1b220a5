"""Delimited text: bytes become named columns of text cells and the dialect they stand in."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from posynth.errors import TableError
from posynth.table.frame import FewRows
from posynth.table.source import Source

DELIMITERS = (",", ";", "\t", "|")
SNIFFED_LINES = 200
BINARY = {
    b"PK\x03\x04": "a spreadsheet or zip archive",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\x1f\x8b": "a gzip archive",
}


class TextTable(NamedTuple):
    """Named columns of text cells, in order, with the dialect and what reading had to decide."""

    columns: dict[str, tuple[str, ...]]
    source: Source
    notes: tuple[str, ...]


def parse_delimited(raw: bytes, name: str, delimiter: str | None = None) -> TextTable:
    r"""Split the bytes of a delimited file into columns of text.

    Parameters
    ----------
    raw : bytes
        Content of the file.
    name : str
        File name, for the source record.
    delimiter : str, optional
        Known delimiter; sniffed among comma, semicolon, tab and bar where not given.

    Returns
    -------
    TextTable
        Cells exactly as they stand in the file, without quotes.

    Raises
    ------
    TableError
        If the file is empty, not text, ragged, or its header is unusable.

    Examples
    --------
    >>> parse_delimited(b"a;b\n1,5;x\n2,5;y\n", "t.csv").source.decimal
    ','
    """
    if not raw.strip():
        raise TableError("the file is empty (0 cells); expected a header and rows")
    text, encoding, notes = _decode(raw)
    if text.startswith("sep="):
        raise TableError("line 1 is a spreadsheet's hint 'sep='; remove it, delimiters are sniffed")
    sep = delimiter or _sniff(text)
    records = _records(text, sep)
    header = next(records)[1]
    _check_header(header)
    rows, skipped = _rows(records, header, sep)
    if not rows:
        raise FewRows("the file has a header but no rows; at least 10 are needed", "no rows")
    if skipped:
        notes = (*notes, f"{skipped} blank lines were skipped")
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    return TextTable(
        columns, _dialect(text, Source(name, "csv", sep, ".", encoding), header), notes
    )


def _decode(raw: bytes) -> tuple[str, str, tuple[str, ...]]:
    for magic, what in BINARY.items():
        if raw.startswith(magic):
            raise TableError(f"the file is {what}; save it as CSV in UTF-8 and read that")
    if b"\x00" in raw:
        raise TableError(f"byte {raw.index(0) + 1} is NUL, so this is no text; save as CSV")
    encoding = "utf-8-sig" if raw.startswith(b"\xef\xbb\xbf") else "utf-8"
    try:
        return raw.decode(encoding), encoding, ()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
    # Latin-1 has control characters where Windows has quotes and the euro sign.
    encoding = "cp1252" if re.search(rb"[\x80-\x9f]", raw) else "latin-1"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise TableError(
            f"line {line} is neither UTF-8 nor latin-1 text (byte {error.start + 1} is "
            f"0x{raw[error.start]:02x}); save the file in UTF-8"
        ) from None
    return text, encoding, (f"line {line} is not UTF-8, so the file was read as {encoding}",)


def _sniff(text: str) -> str:
    head = text.splitlines()[:SNIFFED_LINES]

    def score(delimiter: str) -> tuple[bool, float, int]:
        widths = [len(_split(line, delimiter)) for line in head if line]
        if not widths:
            return False, 0.0, 0
        same = sum(width == widths[0] for width in widths) / len(widths)
        return widths[0] > 1, same, widths[0]

    return max(DELIMITERS, key=score)


def _split(line: str, delimiter: str) -> list[str]:
    """Split one line into raw fields that keep their quotes."""
    sep = re.escape(delimiter)
    return re.findall(rf'(?:^|{sep})("(?:[^"]|"")*"|[^{sep}]*)', line)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for record in reader:
            yield reader.line_num, record
    except csv.Error as error:
        raise TableError(
            f"line {reader.line_num} cannot be split into fields ({error}); check quotes"
        ) from None


def _check_header(header: list[str]) -> None:
    for position, column in enumerate(header, start=1):
        if not column.strip():
            raise TableError(
                f"column {position} has no name in line 1; name it, or leave it out "
                "(row names are no column)"
            )
        places = [i for i, other in enumerate(header, start=1) if other == column]
        if len(places) > 1:
            raise TableError(
                f"column name {column!r} stands at positions "
                f"{', '.join(map(str, places))}; give each column a name of its own"
            )


def _rows(
    records: Iterator[tuple[int, list[str]]], header: list[str], delimiter: str
) -> tuple[list[list[str]], int]:
    """Return the rows and the number of blank lines; in a single column a blank line is a value."""
    width, blank = len(header), 0
    rows: list[list[str]] = []
    for line, record in records:
        if not record:
            blank += 1
            continue
        if len(record) != width:
            raise TableError(
                f"line {line} has {len(record)} fields, the header has {width}; mend the "
                f"line, or quote fields that contain {delimiter!r}"
            )
        if width == 1 and blank:
            rows.extend([""] for _ in range(blank))
            blank = 0
        rows.append(record)
    return rows, 0 if width == 1 else blank


def _dialect(text: str, source: Source, header: list[str]) -> Source:
    lines = text[: 4000 * len(header)].splitlines()[: SNIFFED_LINES + 1]
    fields = [
        found for line in lines if len(found := _split(line, source.delimiter)) == len(header)
    ]
    quoted = tuple(
        column
        for column, cells in zip(header, zip(*fields[1:], strict=True), strict=False)
        if _always_quoted(cells)
    )
    return replace(
        source,
        decimal="," if source.delimiter == ";" and _has_comma_numbers(text) else ".",
        newline="\r\n" if "\r\n" in text[: len(lines[0]) + 2] else "\n",
        quoted_header=lines[0].startswith('"'),
        quoted_columns=quoted,
    )


def _always_quoted(cells: tuple[str, ...]) -> bool:
    # Programs that quote every text leave a missing value bare: "x",NA,"y".
    bare = {cell for cell in cells if not cell.startswith('"')}
    return bare <= {"", "NA"} and len(bare) < len(set(cells))


def _has_comma_numbers(text: str) -> bool:
    return re.search(r'(?m)(?:^|;)"?[+-]?\d+,\d+"?(?:;|\r?$)', text) is not None
