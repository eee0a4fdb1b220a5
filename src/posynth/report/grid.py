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


#: From here on numbers have exponents; and standard errors below which they have.
LONG, SMALL = 1e9, 1e-6


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


def scaled(values: Sequence[float], digits: int, error: float) -> list[str]:
    """Write numbers of one row alike: with exponents where decimals would be too long or all 0.

    Examples
    --------
    >>> scaled([-8.54066e19, 2.0], 0, 1e18), scaled([3.2e-9], 8, 1e-10), scaled([1234.5], 1, 2.0)
    (['−8.541e+19', '2.000e+00'], ['3.200e-09'], ['1,234.5'])
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest < LONG and not 0 < error < SMALL:
        return [fixed(value, digits) for value in values]
    return [_exponent(value) if math.isfinite(value) else fixed(value) for value in values]


def _exponent(value: float) -> str:
    return f"{'−' if value < 0 else ''}{abs(value):.3e}"


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
