"""A table to be shown, on a terminal or on the page: caption, heads, rows of text."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from posynth.results import Result

NONE = "–"


@dataclass(frozen=True)
class Grid:
    """A table of text.

    Attributes
    ----------
    caption : str
        What the table shows.
    heads : tuple of str
        Heads of the columns; the first column names the rows.
    rows : tuple of tuple of str
        The cells.
    texts : int
        How many columns at the left hold words; the others hold numbers and stand to the right.
    flagged : frozenset of int
        Rows outside their limit.
    note : str
        How to read it.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1
    flagged: frozenset[int] = frozenset()
    note: str = ""


def grid(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    texts: int = 1,
    flagged: Iterable[int] = (),
    note: str = "",
) -> Grid:
    """Make a table from any sequences."""
    cells = tuple(tuple(row) for row in rows)
    return Grid(caption, tuple(heads), cells, texts, frozenset(flagged), note)


def fixed(value: float, digits: int = 2) -> str:
    """Write a number with a fixed number of decimals and a true minus sign.

    Examples
    --------
    >>> fixed(-1234.5, 1), fixed(float("nan"))
    ('−1,234.5', '–')
    """
    if not math.isfinite(value):
        return NONE if math.isnan(value) else ("∞" if value > 0 else "−∞")
    text = f"{value:,.{digits}f}"
    zero = not text.strip("-0.,")
    return text.removeprefix("-") if zero else text.replace("-", "−")


def decimals_of(error: float) -> int:
    """Decimals that show three digits of a standard error, so that a row reads alike.

    Examples
    --------
    >>> decimals_of(0.0112), decimals_of(250.0)
    (4, 0)
    """
    if not math.isfinite(error) or error <= 0:
        return 3
    return min(8, max(0, 2 - math.floor(math.log10(error))))


def p_value(value: float) -> str:
    """Write a p-value with three decimals.

    Examples
    --------
    >>> p_value(0.00001), p_value(0.0449)
    ('<0.001', '0.045')
    """
    return "<0.001" if value < 0.0005 else fixed(value, 3)


def interval(result: Result, digits: int) -> str:
    """Write the interval of a result.

    Examples
    --------
    >>> interval(Result("KS", 0.1, interval=(-0.05, 0.25)), 2), interval(Result("KS", 0.1), 2)
    ('−0.05 to 0.25', '–')
    """
    if result.interval is None:
        return NONE
    low, high = result.interval
    return f"{fixed(low, digits)} to {fixed(high, digits)}"


def verdict(passed: bool | None) -> str:
    """Say whether a value is within its limit."""
    return NONE if passed is None else ("yes" if passed else "no")
