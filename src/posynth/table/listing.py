"""Text that fits one screen: tables of few rows, and records without what is at its default."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from html import escape
from reprlib import Repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 100
ROWS = 18


def listing(
    heads: Sequence[str], rows: Iterable[Sequence[object]], *, more: str = "", most: int = ROWS
) -> list[str]:
    r"""Lay rows out in columns, shortened to fit a screen.

    Parameters
    ----------
    heads : sequence of str
        Names of the columns; where all do not fit, the widest are shortened.
    rows : iterable of sequence
        What to show.
    more : str
        Where the rows that are left out can be seen.
    most : int
        Rows shown, if there are more by two or more.

    Returns
    -------
    list of str
        Lines of at most ``WIDTH`` characters.

    Examples
    --------
    >>> print("\n".join(listing(["column", "kind"], [("age", "count"), ("sex", "binary")])))
    column  kind
    age     count
    sex     binary
    """
    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    left = len(cells) - most
    shown = cells[:most] if left > 1 else cells
    table = [list(heads), *shown]
    widths = _fitting([max(map(_width, column)) for column in zip(*table, strict=True)])
    lines = ["  ".join(map(_padded, row, widths)).rstrip() for row in table]
    if left > 1:
        lines.append(shortened(f"... and {left} more{': ' if more else ''}{more}", WIDTH))
    return lines


def some(names: Sequence[str], most: int = 4, width: int = WIDTH - 40) -> str:
    """Name a few of many, and say how many more there are.

    Examples
    --------
    >>> some(["age", "sex", "bmi", "smoke", "income", "edu"])
    'age, sex, bmi, smoke and 2 more'
    """
    cut = [shortened(one_line(str(name)), 24) for name in names]
    shown = cut if len(cut) <= most + 1 else cut[:most]
    while len(shown) > 1 and _width(", ".join(shown)) > width:
        shown.pop()
    left = len(names) - len(shown)
    text = ", ".join(shown)
    return f"{text} and {left} more" if left else text


def record_text(record: Any, shown: Mapping[str, object] | None = None) -> str:
    """Return a dataclass as a call that leaves out what is at its default.

    Parameters
    ----------
    record : dataclass
        What to show.
    shown : Mapping, optional
        Field -> what to show in place of its value.

    Examples
    --------
    >>> from posynth.chain.spec import Conditional
    >>> record_text(Conditional("bmi", "gaussian", splines=3))
    "Conditional('bmi', 'gaussian', splines=3)"
    """
    parts = []
    for field in fields(record):
        value, default = getattr(record, field.name), field.default
        if default is MISSING and field.default_factory is not MISSING:
            default = field.default_factory()
        if not field.repr or value == default:
            continue
        given = (shown or {}).get(field.name, value)
        name = "" if field.default is MISSING and default is MISSING else f"{field.name}="
        parts.append(f"{name}{given if field.name in (shown or {}) else _SHORT.repr(given)}")
    return _folded(type(record).__name__, parts)


def table_html(head: str, table: "pd.DataFrame", foot: str = "") -> str:
    """Return a table as HTML in which every name is escaped, under one sentence."""
    texts = [f"<p>{escape(text)}</p>" if text else "" for text in (head, foot)]
    shown = table.to_html(index=False, escape=True, max_rows=60, na_rep="")
    return f"{texts[0]}{shown}{texts[1]}"


def shortened(text: str, width: int) -> str:
    """Cut a text that is too wide, and mark that it was cut."""
    if _width(text) <= width:
        return text
    while _width(text) > width - 3:
        text = text[:-1]
    return f"{text}..."


def one_line(text: str) -> str:
    """Return a text without line breaks or control characters, which would spoil the columns."""
    return "".join(" " if unicodedata.category(c).startswith("C") else c for c in text)


def _folded(name: str, parts: Sequence[str]) -> str:
    whole = f"{name}({', '.join(parts)})"
    if _width(whole) <= WIDTH:
        return whole
    lines = [f"    {shortened(one_line(part), WIDTH - 5)}," for part in parts]
    return "\n".join([f"{name}(", *lines, ")"])


def _fitting(widths: list[int]) -> list[int]:
    """Take width from the widest columns until all fit."""
    while sum(widths) + 2 * (len(widths) - 1) > WIDTH:
        widths[widths.index(max(widths))] -= 1
    return widths


def _padded(text: str, width: int) -> str:
    cut = shortened(text, width)
    return cut + " " * (width - _width(cut))


def _width(text: str) -> int:
    """Columns that a terminal takes for a text: East Asian characters are two wide."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in ("W", "F"))
        for c in text
    )


class _Short(Repr):
    """Values in short, texts cut at their end."""

    def repr_str(self, x: str, level: int) -> str:
        return repr(shortened(one_line(x), self.maxstring))


_SHORT = _Short(maxtuple=4, maxlist=4, maxdict=4, maxstring=80, maxother=72, maxlevel=3)
