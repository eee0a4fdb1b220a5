"""The delimiter, decimal mark and quotes of a delimited file, told from its first lines."""

import re
from collections import Counter
from collections.abc import Sequence

DELIMITERS = (",", ";", "\t", "|")
SNIFFED_LINES = 200


def sniff(lines: Sequence[str]) -> str:
    """Return the delimiter by which most lines have the same number of fields.

    Examples
    --------
    >>> sniff(["A title, and more", "a;b", "1,5;2", "2,5;3"])
    ';'
    """

    def score(delimiter: str) -> tuple[bool, float, int, bool]:
        widths = [len(split(line, delimiter)) for line in lines if line.strip("\r\n")]
        if not widths:
            return False, 0.0, 0, False
        width, rows = Counter(widths).most_common(1)[0]
        # A comma may be a decimal mark between other delimiters.
        return width > 1, rows / len(widths), width, delimiter != ","

    return max(DELIMITERS, key=score)


def split(line: str, delimiter: str) -> list[str]:
    """Split one line into raw fields that keep their quotes."""
    sep = re.escape(delimiter)
    return re.findall(rf'(?:^|{sep})("(?:[^"]|"")*"|[^{sep}]*)', line.rstrip("\r\n"))


def decimal_mark(text: str, delimiter: str) -> str:
    r"""Return the decimal mark of a file: a comma where fields are numbers with one.

    ``1,234`` may hold a thousands mark: it counts only where the delimiter is a semicolon, as in
    files of programs that use the decimal comma, and no number has a point.

    Examples
    --------
    >>> decimal_mark("x;y\n1,5;2\n", ";"), decimal_mark("x\ty\n1.5\t1,234\n", "\t")
    (',', '.')
    """
    certain = r"(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))"
    quote = '"' if delimiter == "," else '"?'
    if _has(text, delimiter, certain, quote):
        return "." if delimiter == "," and _has(text, delimiter, r"\d+\.\d+", '"?') else ","
    if delimiter == ";" and _has(text, delimiter, r"\d+,\d+", '"?'):
        return "." if _has(text, delimiter, r"\d*\.\d+", '"?') else ","
    return "."


def _has(text: str, delimiter: str, number: str, quote: str) -> bool:
    sep, tail = re.escape(delimiter), r"(?:\s?[%\u20ac$\u00a3])?"
    field = rf"(?m)(?:^|{sep}){quote}[ ]?[+-]?{number}{tail}{quote}[ ]?(?:{sep}|\r?$)"
    return re.search(field, text) is not None


def quoted_columns(header: Sequence[str], lines: Sequence[str], delimiter: str) -> tuple[str, ...]:
    """Return the columns whose values always stand in quotes in some lines of rows."""
    fields = [found for line in lines if len(found := split(line, delimiter)) == len(header)]
    columns = zip(header, zip(*fields, strict=True), strict=False)
    return tuple(column for column, cells in columns if _always_quoted(cells))


def _always_quoted(cells: tuple[str, ...]) -> bool:
    # Programs that quote every text leave a missing value bare: "x",NA,"y".
    bare = {cell for cell in cells if not cell.startswith('"')}
    return bare <= {"", "NA"} and len(bare) < len(set(cells))
