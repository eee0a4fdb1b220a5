"""What stands before the rows of a delimited file: comments, a preamble, a header of two lines."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from posynth.table.dialect import split
from posynth.table.missing_codes import MISSING, is_evident

#: Lines that may stand before a header that was not declared.
MOST_LINES = 50
#: Rows that must follow a header further down.
LEAST_ROWS = 5
_NUMBER = re.compile(r"[+-]?\W{0,2}\d[\d.,'\s]*(?:[eE][+-]?\d+)?\s?[%\u20ac$\u00a3]?")
COMMENT = "#"


class Opening(NamedTuple):
    """Where the header of a file is.

    Attributes
    ----------
    header : int
        Lines before the header.
    second : bool
        Whether the line behind it is a second header.
    notes : tuple of str
        What was decided, and how to decide otherwise.
    """

    header: int
    second: bool
    notes: tuple[str, ...]


def find_opening(lines: Sequence[str], delimiter: str) -> Opening:
    r"""Look for the header of a file whose beginning was not declared.

    Parameters
    ----------
    lines : sequence of str
        First lines of the file.
    delimiter : str
        Its delimiter.

    Returns
    -------
    Opening
        The first line is the header where nothing else is evident.

    Examples
    --------
    >>> find_opening(["# made 2024\n", "a,b\n", "1,2\n"], ",").notes[0]
    '1 comment line was left out (--skip-rows 0 reads it)'
    """
    first = comment_lines(lines, delimiter)
    notes = []
    if first:
        were, them = ("s were", "them") if first > 1 else (" was", "it")
        notes.append(f"{first} comment line{were} left out (--skip-rows 0 reads {them})")
    cells = [_cells(line, delimiter) for line in lines[first:]]
    skipped = _preamble(cells)
    if skipped:
        were = "lines before the header were" if skipped > 1 else "line before the header was"
        notes.append(f"{skipped} {were} left out (--skip-rows 0 reads the file from line 1)")
    second = _is_second_header(cells[skipped:])
    if second:
        notes.append(
            f"line {first + skipped + 2} was left out: it is a second header, with text where all "
            "rows have numbers (--skip-rows "
            f"{first + skipped} reads it as a row)"
        )
    if notes:
        notes.append("copies begin with the header")
    return Opening(first + skipped, second, tuple(notes))


def comment_lines(lines: Sequence[str], delimiter: str) -> int:
    """Return how many lines at the top are comments; a header may begin with the sign too."""
    count = 0
    while count < len(lines) and lines[count].startswith(COMMENT):
        count += 1
    if not count or count == len(lines):
        return 0
    last, after = _cells(lines[count - 1], delimiter), _cells(lines[count], delimiter)
    has_numbers = any(map(is_number, after)) and not any(map(is_number, last))
    named = last[0][len(COMMENT) :][:1].strip() != ""
    is_header = len(last) == len(after) > 1 and (has_numbers or named)
    return count - is_header


def _cells(line: str, delimiter: str) -> list[str]:
    if not line.strip():
        return []
    return [cell.strip().strip('"').strip() for cell in split(line, delimiter)]


def _preamble(lines: Sequence[list[str]]) -> int:
    """Return how many lines stand before the first that can be the header of all that follow."""
    widths = [len(cells) for cells in lines]
    width = Counter(filter(None, widths[:-1] or widths)).most_common(1)[0][0] if any(widths) else 0
    first = next((cells for cells in lines if cells), [])
    full = len(first) == width and sum(map(bool, first)) > width / 2
    if width < 2 or full:
        return 0
    for at, cells in enumerate(lines[:MOST_LINES]):
        below = [row for row in lines[at + 1 :] if row]
        if at and _is_header(cells, width) and _are_rows(below, width):
            return at
    return 0


def _is_header(cells: list[str], width: int) -> bool:
    names = cells[:-1] if cells and not cells[-1] else cells
    distinct = len(set(names)) == len(names) and all(names)
    return len(cells) == width and distinct and not any(map(is_number, names))


def _are_rows(rows: list[list[str]], width: int) -> bool:
    """Whether lines are rows of one width, some column of which holds numbers only."""
    # The last of the lines may go on behind what was looked at.
    even = len(rows) >= LEAST_ROWS and all(len(row) == width for row in rows[:-1])
    return even and bool(_numeric(rows, width))


def _numeric(rows: list[list[str]], width: int) -> list[int]:
    """Return the columns that hold numbers, and nothing else but missing values."""
    found = []
    for at in range(width):
        cells = [row[at] for row in rows if len(row) == width and not _is_missing(row[at])]
        if len(cells) >= min(3, len(rows)) and all(map(is_number, cells)):
            found.append(at)
    return found


def _is_second_header(lines: Sequence[list[str]]) -> bool:
    """Whether the line behind the header has text where all others have numbers.

    Two columns at least must say so, and no text of the line may occur in its column again.
    """
    filled = [cells for cells in lines if cells]
    if len(filled) < LEAST_ROWS + 2 or len(filled[1]) != len(filled[0]):
        return False
    second, rows, width = filled[1], filled[2:], len(filled[0])
    columns = _numeric(rows, width)
    texts = [second[at] for at in columns if second[at] and not _is_missing(second[at])]
    again = {(at, cell) for row in rows for at, cell in enumerate(row)}
    fresh = all(not cell or (at, cell) not in again for at, cell in enumerate(second))
    return len(texts) >= 2 and fresh and not any(is_number(second[at]) for at in columns)


def is_number(cell: str) -> bool:
    """Whether a cell looks like a number, in any of the forms of people."""
    return _NUMBER.fullmatch(cell) is not None


def _is_missing(cell: str) -> bool:
    return cell in MISSING or is_evident(cell)
