"""Delimited text: bytes become named columns of text cells and the dialect they stand in."""

import csv
import io
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import dropwhile, islice
from typing import NamedTuple

from posynth.errors import TableError
from posynth.table.dialect import SNIFFED_LINES, decimal_mark, quoted_columns, sniff
from posynth.table.frame import LEAST_ROWS, FewRows
from posynth.table.opening import COMMENT, MOST_LINES, Opening, find_opening, is_number
from posynth.table.reading import Reading
from posynth.table.source import Source

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


def parse_delimited(
    raw: bytes, name: str, delimiter: str | None = None, reading: Reading | None = None
) -> TextTable:
    r"""Split the bytes of a delimited file into columns of text.

    Parameters
    ----------
    raw : bytes
        Content of the file.
    name : str
        File name, for the source record.
    delimiter : str, optional
        Known delimiter; sniffed among comma, semicolon, tab and bar where not given.
    reading : Reading, optional
        How the file is to be read, where that is not left to what it shows.

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
    asked = reading or Reading()
    head = list(
        islice(_lines(text, asked.skip_rows or 0, asked.comment), SNIFFED_LINES + MOST_LINES)
    )
    if not head:
        raise TableError(f"skip_rows = {asked.skip_rows} leaves no line of the file; skip fewer")
    plain = list(dropwhile(lambda line: line.startswith(COMMENT), (line for _, line in head)))
    sep = delimiter or sniff(plain or [line for _, line in head])
    opening = Opening(0, False, ())
    if asked.skip_rows is None:
        opening = find_opening([line for _, line in head], sep)
    lines = islice(_lines(text, asked.skip_rows or 0, asked.comment), opening.header, None)
    _refuse_blanks([line for _, line in head], sep)
    columns, blank = _columns(_records(lines, sep, opening.second), sep)
    notes = (*notes, *opening.notes, *blank)
    if asked.comment:
        notes = (*notes, f"lines that begin with {asked.comment!r} are left out, as declared")
    top = [line for _, line in head[opening.header :]]
    source = _source(name, text, encoding, sep, asked)
    if source.decimal == "," and not source.decimal_given:
        notes = (*notes, "the decimal mark is a comma, in copies too (--decimal . overrides it)")
    source = replace(
        source,
        newline="\r\n" if top[0].endswith("\r\n") else "\n",
        quoted_header=top[0].startswith('"'),
        quoted_columns=quoted_columns(list(columns), top[1 + opening.second :], sep),
    )
    return TextTable(columns, source, notes)


def _refuse_blanks(lines: Sequence[str], delimiter: str) -> None:
    """Refuse a table whose columns are set apart by blanks: it has one column of all of them."""
    parts = [line.split() for line in lines if line.strip()]
    widths = set(map(len, parts))
    single = any(delimiter in line or '"' in line for line in lines) or len(parts) <= LEAST_ROWS
    if single or widths == {1} or len(widths) > 1:
        return
    # Words of a text are no columns, unless some of them are numbers below a name.
    if any(
        not is_number(top) and all(map(is_number, rest)) for top, *rest in zip(*parts, strict=True)
    ):
        raise TableError(
            f"all lines have {widths.pop()} parts set apart by blanks, and no comma, semicolon, "
            "tab or bar: save the file with one of these between columns"
        )


def _lines(text: str, skipped: int, comment: str | None) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers, without those skipped and comments outside quotes."""
    quoted = False
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if number <= skipped or (comment and not quoted and line.startswith(comment)):
            continue
        if comment:
            quoted ^= line.count('"') % 2 == 1
        yield number, line


def _source(name: str, text: str, encoding: str, delimiter: str, asked: Reading) -> Source:
    implied = {".": ",", ",": "."}.get(asked.thousands or "")
    decimal = asked.decimal or implied or decimal_mark(text, delimiter)
    return Source(
        name,
        "csv",
        delimiter,
        decimal,
        encoding,
        decimal_given=asked.decimal is not None,
        comment=asked.comment,
        thousands=asked.thousands,
        skip_rows=asked.skip_rows,
    )


def _columns(
    records: Iterator[tuple[int, list[str]]], delimiter: str
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Return named columns of cells, and what was left out."""
    first = next(records, None)
    while first is not None and not first[1]:
        first = next(records, None)
    if first is None:
        raise TableError("the file has no header; its lines are blank or comments")
    line, header = first
    bare = len(header) > 1 and not header[-1].strip()
    _check_header(header[:-1] if bare else header, line)
    rows, skipped = _rows(records, header, delimiter)
    if not rows:
        raise FewRows("the file has a header but no rows; at least 10 are needed", "no rows")
    notes = [f"{skipped} blank lines were skipped"] if skipped else []
    cells = list(zip(*rows, strict=True))
    if bare and not any(cell.strip() for cell in cells[-1]):
        header, cells = header[:-1], cells[:-1]
        notes.append("the last column has neither a name nor a value, and is left out")
    _check_header(header, line)
    return dict(zip(header, cells, strict=True)), tuple(notes)


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


def _records(
    lines: Iterator[tuple[int, str]], delimiter: str, second: bool
) -> Iterator[tuple[int, list[str]]]:
    """Split lines into records with the number of their last line; leave out a second header."""
    number = 0

    def texts() -> Iterator[str]:
        nonlocal number
        filled = 0
        for at, line in lines:
            number, filled = at, filled + bool(line.strip())
            if second and filled == 2 and line.strip():
                continue
            yield line

    reader = csv.reader(texts(), delimiter=delimiter, strict=True)
    try:
        for record in reader:
            yield number, record
    except csv.Error as error:
        raise TableError(
            f"line {number} cannot be split into fields ({error}); check quotes"
        ) from None


def _check_header(header: list[str], line: int) -> None:
    for position, column in enumerate(header, start=1):
        if not column.strip():
            raise TableError(
                f"column {position} has no name in line {line}; name it, or leave it out "
                "(row names are no column); if the header stands further down, --skip-rows N "
                "(skip_rows=N in Python) skips the lines before it"
            )
        places = [i for i, other in enumerate(header, start=1) if other == column]
        if len(places) > 1:
            raise TableError(
                f"column name {column!r} stands at positions "
                f"{', '.join(map(str, places))}; give each column a name of its own"
            )


def _hint(record: list[str], rows: int, width: int) -> str:
    """Say what may be the matter with a file whose lines have several widths."""
    mark = re.match(r"#+|%+|//|!+|\*+", record[0])
    if mark:
        return f"; --comment {shlex.quote(mark[0])} leaves out lines that begin so"
    if rows:
        return "; if it is no row of the table (a source, a note, a total), delete it"
    names = "; if the first field is a row name, give its column a name in the header"
    if len(record) == width + 1:
        return names
    return "; if the header stands further down, --skip-rows N skips the lines before it"


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
                f"line, or quote fields that contain {delimiter!r}{_hint(record, len(rows), width)}"
            )
        if width == 1 and blank:
            rows.extend([""] for _ in range(blank))
            blank = 0
        rows.append(record)
    return rows, 0 if width == 1 else blank
