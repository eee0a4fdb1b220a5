"""Dates as days since 1970-01-01, and as text in a strftime format."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posynth.table.arrays import Floats, Objects, with_dtype

type Times = NDArray[np.datetime64]

ISO_DAY = "%Y-%m-%d"
FORMATS = (
    ISO_DAY,
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
)
# Day first or month first cannot be told from the text: used only where one of the two fits.
PAIRS = (("%d/%m/%Y", "%m/%d/%Y"), ("%d-%m-%Y", "%m-%d-%Y"))
MICROSECONDS = {"%f": 1, "%S": 10**6, "%M": 60 * 10**6}
DAY = 86_400 * 10**6
# Years 1 to 9999, the range of the calendar in Python and in most programs.
FIRST_DAY, LAST_DAY = -719_162, 2_932_896


def detect(texts: Sequence[str]) -> str:
    """Return the one format in which every text is a date, or an empty string.

    Parameters
    ----------
    texts : sequence of str
        Distinct texts without missing markers.

    Returns
    -------
    str
        A ``strftime`` format; empty if none fits, or if day and month cannot be told apart.

    Examples
    --------
    >>> detect(["2024-04-24", "2000-09-26"]), detect(["01/02/2024", "03/04/2024"])
    ('%Y-%m-%d', '')
    """
    if not texts or not texts[0][:1].isdigit() or not 8 <= len(texts[0]) <= 26:
        return ""
    for name in FORMATS:
        if _fits(texts, name):
            return name
    for pair in PAIRS:
        fitting = [name for name in pair if _fits(texts, name)]
        if len(fitting) == 1:
            return fitting[0]
    return ""


def _fits(texts: Sequence[str], name: str) -> bool:
    if len(texts) > 50 and not _fits(texts[:50], name):
        return False
    return not bool(np.isnat(from_text(texts, name)).any())


def from_text(texts: Sequence[object] | pd.Series, date_format: str) -> Times:
    """Parse texts; those that do not fit become NaT, shape (n,)."""
    parsed = pd.to_datetime(pd.Series(texts, dtype="object"), format=date_format, errors="coerce")
    return np.asarray(parsed.to_numpy(dtype="datetime64[us]"))


def is_ambiguous(texts: Sequence[str]) -> bool:
    """Whether texts are dates both day first and month first.

    Examples
    --------
    >>> is_ambiguous(["01/02/2024"]), is_ambiguous(["31/12/2024"])
    (True, False)
    """
    return any(all(_fits(texts, name) for name in pair) for pair in PAIRS) if texts else False


def times_of(values: pd.Series) -> Times:
    """Return the datetimes of a series in microseconds, missing as NaT, shape (n,)."""
    return np.asarray(with_dtype(values, "datetime64[us]").to_numpy(dtype="datetime64[us]"))


def to_text(times: Times, date_format: str) -> Objects:
    """Write times as text, missing as None, shape (n,)."""
    distinct, where = np.unique(times, return_inverse=True)
    texts = np.array(pd.DatetimeIndex(distinct).strftime(date_format), dtype=object)
    texts[np.isnat(distinct)] = None
    return np.asarray(texts[where], dtype=object)


def format_of(times: Times) -> str:
    """Return the ISO format of the coarsest resolution that holds every time."""
    ticks = times[~np.isnat(times)].astype("datetime64[us]").astype(np.int64)
    for name in FORMATS[:3:2]:
        if not (ticks % step(name)).any():
            return name
    whole = not (ticks % step("%S")).any()
    return FORMATS[1] if whole else FORMATS[3]


def step(date_format: str) -> int:
    """Return the resolution of a format in microseconds.

    Examples
    --------
    >>> step("%Y-%m-%d %H:%M")
    60000000
    """
    return next((size for part, size in MICROSECONDS.items() if part in date_format), DAY)


def to_days(times: Times) -> Floats:
    """Return days since 1970-01-01 with the time of day as a fraction, NaT as NaN."""
    epoch = np.datetime64(0, "us")
    elapsed = times.astype("datetime64[us]") - epoch
    return np.asarray(elapsed / np.timedelta64(1, "D"), dtype=np.float64)


def rounded(days: Floats, date_format: str) -> Floats:
    """Return days rounded as ``from_days`` rounds them, NaN kept.

    Examples
    --------
    >>> rounded(np.array([1.7, 2.26]), "%Y-%m-%d %H:%M:%S").round(2), rounded(np.array([1.7]), "%Y")
    (array([1.7 , 2.26]), array([2.]))
    """
    parts = DAY // step(date_format)
    return np.asarray(np.rint(days * parts) / parts)


def from_days(days: Floats, date_format: str) -> Times:
    """Return times rounded to the resolution of the format, NaN as NaT."""
    size = step(date_format)
    absent = np.isnan(days)
    ticks = np.rint(np.where(absent, 0.0, days) * (DAY // size)).astype(np.int64) * size
    times = ticks.view("datetime64[us]")
    times[absent] = np.datetime64("NaT", "us")
    return times
