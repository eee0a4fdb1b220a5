"""Years of two digits: the hundred years that they are read in.

``%1945y`` in a format of dates is a year of two digits from 1945 to 2044. The hundred years are
chosen so that the years between the first and the last that occur are as few as can be, and lie in
their middle: 45, 75, 99 and 03 are 1945 to 2003, of 1924 to 2023. They end by ``LAST`` at the
latest: 60 alone is 1960.
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

type Times = NDArray[np.datetime64]

#: The last year that is read of two digits.
LAST = 2039
#: Years without a date that there must be, for the hundred years to be told.
LEAST_GAP = 5
#: Different days of the month that tell them from years, and how many times as many.
MANY_DAYS, MUCH_MORE = 10, 3
#: A year of two digits in a format, and the first year that it may be.
PART = re.compile(r"%(\d{4})y")
_DATE = re.compile(r"\d{1,2}([/.\-])\d{1,2}\1\d{2}(?!\d)")
_NAMED = re.compile(
    r"\d{1,2}([ \-/]?)[A-Za-z]{3,9}\1\d{2}(?![\d])|[A-Za-z]{3,9} \d{1,2}, ?\d{2}(?!\d)"
)
_ORDERS = ("%d{0}%m{0}%y", "%m{0}%d{0}%y", "%y{0}%m{0}%d")
_BY_NAME = ("%d-%b-%y", "%d %b %y", "%d%b%y", "%d/%b/%y", "%d %B %y", "%b %d, %y", "%B %d, %y")


def candidates(text: str, times: Sequence[str]) -> tuple[str, ...]:
    """Return the formats with a year of two digits that a text may have.

    Examples
    --------
    >>> candidates("31/12/19", ["", " %H:%M"])[:2]
    ('%d/%m/%y', '%d/%m/%y %H:%M')
    """
    found = _DATE.match(text)
    days: Sequence[str] = ()
    if found:
        orders = _ORDERS[:1] if found[1] == "." else _ORDERS
        days = [order.format(found[1]) for order in orders]
    elif _NAMED.match(text):
        days = _BY_NAME
    return tuple(f"{day}{time}" for day in days for time in times)


def likely(fitting: Sequence[str], read: Sequence[Times]) -> tuple[str, ...]:
    """Leave out formats that take years for days, which are then few.

    Of 19 to 22 as the day of every date there are four, of 31 days that there may be.

    Parameters
    ----------
    fitting : sequence of str
        Formats that fit all texts.
    read : sequence of ndarray, shape (n,)
        The dates in each of them.
    """
    if len(fitting) != 2 or not any(name.startswith("%y") for name in fitting):
        return tuple(fitting)
    days = [len(np.unique(pd.DatetimeIndex(times).day)) for times in read]
    most, least = max(days), min(days)
    clear = most >= MANY_DAYS and most >= MUCH_MORE * least
    return (fitting[days.index(most)],) if clear else tuple(fitting)


def settled(times: Times, name: str) -> str:
    """Return a format with the first of the hundred years; empty if these cannot be told.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Dates, in any century.
    name : str
        A format with ``%y``.

    Examples
    --------
    >>> years = ["2045-01-01", "1975-01-01", "1999-01-01", "2003-01-01"]
    >>> settled(np.array(years, "datetime64[us]"), "%d-%b-%y")
    '%d-%b-%1924y'
    """
    years = np.unique(pd.DatetimeIndex(times).year.to_numpy() % 100)
    gaps = np.diff([*years, years[0] + 100])
    widest = int(gaps.argmax())
    if gaps[widest] <= LEAST_GAP:
        return ""
    first = int(years[(widest + 1) % len(years)])
    span = 100 - int(gaps[widest])
    start = max(c + first for c in (1700, 1800, 1900, 2000) if c + first + span <= LAST)
    return name.replace("%y", f"%{start - int(gaps[widest]) // 2}y")


def moved(times: Times, start: int) -> Times:
    """Return times whose years are moved by centuries to the hundred years from a first one."""
    index = pd.DatetimeIndex(times)
    years = index.year.to_numpy(dtype=np.float64, na_value=np.nan)
    off = np.nan_to_num(start + (years - start) % 100 - years)
    found = times.copy()
    for shift in np.unique(off[off != 0]):
        rows = off == shift
        part = index[rows] + pd.DateOffset(years=int(shift))
        found[rows] = part.to_numpy(dtype="datetime64[us]")
    return found
