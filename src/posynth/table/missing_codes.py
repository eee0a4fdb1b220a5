"""Codes for missing values: those that are declared, those that are evident, those that are likely.

Declared codes are missing wherever they occur. Texts such as ``?`` are evident where every other
value of their column is a number. Numbers such as -9 or 999 are only pointed out: they can be data.
"""

import datetime
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan

import numpy as np
import pandas as pd

from posynth.errors import TableError, unknown
from posynth.table.arrays import Floats, Ints

type Code = str | int | float
type Codes = "Code | Iterable[Code] | Mapping[str, Code | Iterable[Code]] | MissingCodes"

#: Texts that are missing in every column.
MISSING = frozenset({"", "NA", "NaN", "nan", "N/A", "n/a", "NULL", "null", "#N/A", "<NA>"})
#: Text that is missing in every column of numbers, whatever kind is declared for it.
DOT = "."
#: Texts that are missing in a column of numbers, in lower case.
EVIDENT = frozenset(
    {DOT, "..", "...", "?", "-", "--", "\u2013", "\u2014", "missing", "n.a.", "na", "0000-00-00"}
)
#: The same, only as they stand here: "none" may be the number 0.
EVIDENT_AS_WRITTEN = frozenset({"None", "#DIV/0!", "#VALUE!", "#REF!"})
#: Numbers that surveys use for missing values.
LIKELY = frozenset(
    {*range(-9, 0)}
    | {sign * int(digit * width) for sign in (-1, 1) for digit in "789" for width in range(2, 9)}
    | {sign * (10**width - less) for sign in (-1, 1) for width in (2, 3, 4) for less in (2, 3, 4)}
)
#: Rows that must hold a number before it is pointed out as a likely code.
LEAST_ROWS = 3
#: Times that a likely code is more frequent than any other number, if it lies close to them.
OFTEN = 5


@dataclass(frozen=True)
class MissingCodes:
    """Codes declared to be missing values.

    Attributes
    ----------
    everywhere : tuple of str
        Codes of every column.
    columns : Mapping of str to tuple of str
        Codes of single columns, beside those of every column.
    strict : bool
        Whether a column that does not exist is an error.
    """

    everywhere: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strict: bool = True

    def of(self, column: str) -> tuple[str, ...]:
        """Return the codes of a column, each once."""
        return tuple(dict.fromkeys((*self.everywhere, *self.columns.get(column, ()))))

    def check(self, names: Iterable[str]) -> None:
        """Refuse codes of a column that does not exist.

        Raises
        ------
        TableError
            Naming the columns that exist.
        """
        known = list(names)
        for name in self.columns:
            if self.strict and name not in known:
                raise TableError(f"na: {unknown('column', name, known)}")


def declared_codes(na: Codes | None) -> MissingCodes:
    """Read what a user declares to be missing.

    Parameters
    ----------
    na : str, number, iterable of these, or Mapping, optional
        Codes of every column; or column -> its codes, where the name ``""`` is every column.

    Returns
    -------
    MissingCodes

    Raises
    ------
    TableError
        If a code is neither text nor number.

    Examples
    --------
    >>> declared_codes([-9, "?"]).of("income")
    ('-9', '?')
    >>> declared_codes({"": "?", "income": [-9, -8.0]}).of("income")
    ('?', '-9', '-8')
    """
    if isinstance(na, MissingCodes):
        return na
    if not isinstance(na, Mapping):
        return MissingCodes(_code_texts(na, ""))
    columns = {str(name): _code_texts(codes, str(name)) for name, codes in na.items()}
    return MissingCodes(columns.pop("", ()), columns)


def _code_texts(codes: object, name: str) -> tuple[str, ...]:
    given = codes if isinstance(codes, Iterable) and not isinstance(codes, str) else [codes]
    texts = [_code_text(code, name) for code in given if code is not None]
    return tuple(dict.fromkeys(text for text in texts if text))


def _code_text(code: object, name: str) -> str:
    if isinstance(code, str):
        return code.strip()
    if isinstance(code, bool | np.bool_) or not isinstance(code, int | float | np.number):
        where = f"na, column {name!r}" if name else "na"
        raise TableError(
            f"{where}: the code {code!r} is of type {type(code).__name__}; give texts or numbers, "
            "as na={'income': [-9, 'refused']}"
        )
    number = float(code)
    return "" if isnan(number) else str(int(number)) if number.is_integer() else repr(number)


def is_evident(text: str) -> bool:
    """Whether a text beside numbers only is a missing value; Stata has .a to .z for them.

    Examples
    --------
    >>> is_evident(" ?"), is_evident("Missing"), is_evident("none"), is_evident("12")
    (True, True, False, False)
    """
    if text[:1].isdigit() and text[:1] != "0":
        return False  # most cells are numbers
    bare = text.strip()
    stata = len(bare) == 2 and bare[0] == DOT and "a" <= bare[1] <= "z"
    return stata or bare.casefold() in EVIDENT or bare in EVIDENT_AS_WRITTEN


def _as_number(text: str) -> str:
    try:
        return str(float(text.strip()))
    except ValueError:
        return ""


class Matcher:
    """Tells which values are declared codes: numbers by value, texts without outer blanks."""

    def __init__(self, codes: Sequence[str]) -> None:
        self.codes = tuple(codes)
        self._texts = {code: code for code in codes}
        self._numbers: dict[float, str] = {}
        for code in codes:
            try:
                self._numbers.setdefault(float(code), code)
            except ValueError:
                continue

    def __call__(self, text: str, number: str = "") -> str:
        """Return the code that a cell holds, or an empty string.

        Parameters
        ----------
        text : str
            The cell.
        number : str
            The number that the cell is, as Python writes it; empty if it is none.
        """
        if not self.codes:
            return ""
        found = self._texts.get(text.strip(), "")
        return found or (self._numbers.get(float(number), "") if number else "")

    def of_value(self, value: object) -> str:
        """Return the code that a value of a data frame is, or an empty string."""
        if isinstance(value, bool | np.bool_):
            return ""
        if isinstance(value, str):
            return self(value, _as_number(value))
        if isinstance(value, datetime.date):
            return self(str(value)) or self(str(value).removesuffix(" 00:00:00"))
        try:
            return self("", str(float(value)))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return ""

    def numbers(self) -> tuple[float, ...]:
        """Return the codes that are numbers."""
        return tuple(self._numbers)


def without_codes(values: pd.Series, codes: Sequence[str]) -> tuple[pd.Series, dict[str, int]]:
    """Make the declared codes of a series missing.

    Parameters
    ----------
    values : pandas.Series
        Values of any dtype, shape (n,).
    codes : sequence of str
        The codes.

    Returns
    -------
    values : pandas.Series
        The same, with missing values in place of codes; the same object if there are none.
    rows : dict of str to int
        Code -> rows that held it, for the codes that occur.

    Examples
    --------
    >>> values, rows = without_codes(pd.Series([1, -9, 3]), ("-9", "?"))
    >>> values.tolist(), rows
    ([1.0, nan, 3.0], {'-9': 1})
    """
    if not codes:
        return values, {}
    matcher = Matcher(codes)
    distinct = values.drop_duplicates().dropna()
    found = {value: matcher.of_value(value) for value in distinct}
    found = {value: code for value, code in found.items() if code}
    if not found:
        return values, {}
    rows: dict[str, int] = {}
    gone = pd.Series(False, index=values.index)
    for value, code in found.items():
        same = (values == value).fillna(False).astype(bool)
        rows[code] = rows.get(code, 0) + int(same.sum())
        gone |= same
    return _emptied(values, gone, found), rows


def _emptied(values: pd.Series, gone: pd.Series, found: Mapping[object, str]) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        kept = [c for c in values.cat.categories if c not in found]
        return values.cat.set_categories(kept)
    return values.mask(gone)


def likely_codes(numbers: Floats, counts: Ints) -> list[tuple[float, int]]:
    """Return numbers at the ends of a column that may be codes for missing values.

    A number is likely if surveys use it as a code, no value lies beyond it but other such numbers,
    several rows hold it, and it is further from all other values than the middle half of these is
    wide; or held by five times as many rows as any of these; or -7 or less where these are 0 or
    more.

    Parameters
    ----------
    numbers : ndarray, shape (u,)
        Distinct numbers, in increasing order.
    counts : ndarray, shape (u,)
        Rows of each.

    Returns
    -------
    list of tuple
        Number and rows that hold it.

    Examples
    --------
    >>> likely_codes(np.array([-9.0, 0, 1, 2, 3]), np.array([12, 40, 60, 30, 9]))
    [(-9.0, 12)]
    >>> likely_codes(np.array([18.0, 40, 70, 88, 95, 99]), np.array([4, 30, 20, 9, 5, 3]))
    []
    """
    first, last = 0, len(numbers)
    while first < last and numbers[first] in LIKELY:
        first += 1
    while last > first and numbers[last - 1] in LIKELY:
        last -= 1
    rest, weights = numbers[first:last], counts[first:last]
    if len(rest) < 2:
        return []
    ranks = np.cumsum(weights) / weights.sum()
    quarter, most = np.searchsorted(ranks, (0.25, 0.75))
    spread = float(rest[most] - rest[quarter])
    ends = (range(first - 1, -1, -1), range(last, len(numbers)))
    found = {at for end in ends for at in _apart(numbers, counts, end, rest, weights, spread)}
    return [(float(numbers[at]), int(counts[at])) for at in sorted(found)]


def _apart(
    numbers: Floats, counts: Ints, end: range, rest: Floats, weights: Ints, spread: float
) -> list[int]:
    """Return which numbers of one end, from within outwards, are likely codes."""
    found: list[int] = []
    edge = float(rest[0] if end.step < 0 else rest[-1])
    for at in end:
        number = float(numbers[at])
        far = bool(found) or abs(number - edge) > max(spread, 1.0)
        far |= number <= -7 and float(rest[0]) >= 0
        often = counts[at] >= OFTEN * weights.max()
        if counts[at] >= LEAST_ROWS and (far or often):
            found.append(at)
        elif not found:
            edge = number
    return found


def option(name: str, codes: Iterable[object]) -> str:
    """Return the option of the command line that declares codes of a column.

    Examples
    --------
    >>> option("income", [-9, -8]), option("net income", ["?"])
    ('--na income=-9,-8', "--na 'net income=?'")
    """
    return column_option("--na", name, ",".join(map(str, codes)))


def column_option(flag: str, name: str, value: str) -> str:
    """Return an option COLUMN=VALUE as it is typed, quoted where a shell needs it.

    Examples
    --------
    >>> column_option("--kind", "zip code", "nominal")
    "--kind 'zip code=nominal'"
    """
    return f"{flag} {shlex.quote(f'{name}={value}')}"
