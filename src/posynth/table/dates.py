"""Dates as days since 1970-01-01, and as text in a strftime format.

Beside the parts of ``strftime`` a format may hold ``%-d``, ``%-m`` and ``%-H``, which have no
leading zero, ``%-I`` alike, ``%P``, am and pm in small letters, ``%^b``, a month in capitals,
``%3f``, milliseconds, ``%1945y``, a year of two digits from 1945 on, and behind the time ``Z``, an
offset, or ``%z`` where offsets differ.
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posynth.table import two_digit_years
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
    "%Y%m%dT%H%M%S",
    "%Y%m%d",
)
#: Begins what is said of dates that are not read.
UNTOLD = "dates whose day and month cannot be told apart"
UNTOLD_CENTURY = "dates whose years of two digits span nearly a century"
#: Years of dates that are written as integers.
YEARS = (1850, 2100)
#: Formats of texts that name the month.
NAMED = (
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d%b%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
    "%d %b %Y %H:%M",
    "%d %b %Y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
    "%d%b%Y:%H:%M:%S",
    "%d. %B %Y",
)
# Day first or month first cannot be told from the text: used only where one of the two fits.
PAIRS = tuple(
    (f"%d{mark}%m{mark}%Y{time}", f"%m{mark}%d{mark}%Y{time}")
    for mark in "/-"
    for time in ("", " %H:%M", " %H:%M:%S")
)
#: Times of a clock of 12 hours, and all that may stand behind a year of two digits.
TWELVE = tuple(f" %I:%M{second}{mark}%p" for second in ("", ":%S") for mark in (" ", ""))
TIMES = ("", " %H:%M", " %H:%M:%S", *TWELVE)
MICROSECONDS = {"%3f": 1000, "%f": 1, "%S": 10**6, "%M": 60 * 10**6}
DAY = 86_400 * 10**6
_LIKE = re.compile(r"(?:\d|[A-Z][a-z]{2,8} \d).*")
_MONTH = re.compile(r"[A-Za-z]{3}")
_HALF = re.compile(r"\d\s?[AaPp][Mm]$")
_ZONE = re.compile(r"(?<=[\d])(?:Z|[+-]\d\d:?\d\d)$")
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
    >>> detect(["3 Jan 2020", "23 Jun 2021"]), detect(["2021-06-23T19:04:36Z"])
    ('%-d %b %Y', '%Y-%m-%dT%H:%M:%SZ')
    """
    if not texts or not _LIKE.fullmatch(texts[0]) or not 6 <= len(texts[0]) <= 32:
        return ""
    bare, zone = _without_zone(texts)
    found = _plain_format(bare)
    return f"{_as_written(bare, found)}{zone}" if found and (not zone or "%H" in found) else ""


def _plain_format(texts: Sequence[str]) -> str:
    alone, pairs = _formats(texts[0])
    for name in alone:
        if _fits(texts, name):
            return name
    for pair in pairs:
        fitting = [name for name in pair if _fits(texts, name)]
        if len(fitting) == 1:
            return fitting[0]
    return _of_two_digits(texts)


def _formats(text: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return formats that a text may have, and pairs of which one must not fit."""
    named = _MONTH.search(text) is not None and not _HALF.search(text)
    if not _HALF.search(text):
        return (NAMED if named else FORMATS), PAIRS
    days = [ISO_DAY, "%Y/%m/%d", "%d.%m.%Y", *NAMED[:7]]
    dated = [pair for pair in PAIRS if ":" not in pair[0]]
    pairs = tuple((f"{a}{time}", f"{b}{time}") for a, b in dated for time in TWELVE)
    return tuple(f"{day}{time}" for day in days for time in TWELVE), pairs


def _of_two_digits(texts: Sequence[str]) -> str:
    """Return the format of dates whose years have two digits, if there is one."""
    fitting = _short(texts)
    if len(fitting) != 1:
        return ""
    return two_digit_years.settled(from_text(texts, fitting[0]), fitting[0])


def _short(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the formats with years of two digits that fit all texts."""
    times = TWELVE if _HALF.search(texts[0]) else TIMES[: -len(TWELVE)]
    names = [n for n in two_digit_years.candidates(texts[0], times) if _fits(texts, n)]
    return two_digit_years.likely(names, [from_text(texts, name) for name in names])


def is_untold_century(texts: Sequence[str]) -> bool:
    """Whether texts are dates of a known form whose century cannot be told."""
    return bool(texts) and len(_short(texts)) == 1 and not _of_two_digits(texts)


def _without_zone(texts: Sequence[str]) -> tuple[list[str], str]:
    """Take the zone off times that all have one; it is ``%z`` where they differ."""
    if _ZONE.search(texts[0]) is None:
        return list(texts), ""
    found = [_ZONE.search(text) for text in texts]
    if any(zone is None for zone in found):
        return list(texts), ""
    zones = {zone[0] for zone in found if zone is not None}
    bare = [text[: -len(zone[0])] for text, zone in zip(texts, found, strict=True) if zone]
    return bare, zones.pop() if len(zones) == 1 else "%z"


def _as_written(texts: Sequence[str], name: str) -> str:
    """Return the format with the leading zeros and decimals of a second that the texts have."""
    short = name.replace("%d", "%-d")
    variants: tuple[str, ...] = (
        name,
        *(short, short.replace("%m", "%-m"), short.replace("%m", "%-m").replace("%H", "%-H")),
        *(name.replace("%H", "%-H"), name.replace("%f", "%3f")),
        *(name.replace("%b", "%^b"), short.replace("%b", "%^b")),
    )
    if "%I" in name:
        halves = [each.replace("%I", hour) for each in variants for hour in ("%I", "%-I")]
        variants = tuple(each.replace("%p", half) for each in halves for half in ("%p", "%P"))
    first = list(texts[:50])
    for variant in dict.fromkeys(variants):
        for tried in (first, list(texts)):
            if to_text(from_text(tried, variant), variant).tolist() != tried:
                break
        else:
            return variant
    return name


def as_integers(texts: Sequence[str]) -> bool:
    """Whether integers are dates, year, month and day behind one another.

    Examples
    --------
    >>> as_integers(["20240424", "20000926", "20010101"]), as_integers(["20241324"] * 3)
    (True, False)
    """
    if not all(len(text) == 8 and text.isdecimal() for text in texts) or len(texts) < 3:
        return False
    years = [int(text[:4]) for text in texts]
    return YEARS[0] <= min(years) and max(years) <= YEARS[1] and _fits(texts, "%Y%m%d")


def nearest(texts: Sequence[str]) -> tuple[str, list[str]]:
    """Return the format that most texts have, and the texts that do not have it.

    Examples
    --------
    >>> nearest(["2024-04-24", "2000-09-26", "2000-13-01"])
    ('%Y-%m-%d', ['2000-13-01'])
    """
    formats = (*FORMATS, *NAMED, *(name for pair in PAIRS for name in pair))
    unread = {name: np.isnat(from_text(texts, name)) for name in formats}
    best = min(formats, key=lambda name: int(unread[name].sum()))
    return best, [text for text, gone in zip(texts, unread[best], strict=True) if gone]


def _fits(texts: Sequence[str], name: str) -> bool:
    if len(texts) > 50 and not _fits(texts[:50], name):
        return False
    return not bool(np.isnat(from_text(texts, name)).any())


def from_text(texts: Sequence[object] | pd.Series, date_format: str) -> Times:
    """Parse texts; those that do not fit become NaT, shape (n,)."""
    values = pd.Series(texts, dtype="object")
    years = two_digit_years.PART.search(date_format)
    if years is not None:
        read = from_text(values, date_format.replace(years[0], "%y"))
        return two_digit_years.moved(read, int(years[1]))
    plain = date_format.replace("%-", "%").replace("%^", "%").replace("%3f", "%f")
    plain = plain.replace("%P", "%p")
    if plain.endswith("%z"):
        zoned = pd.to_datetime(values, format=plain, errors="coerce", utc=True)
        return np.asarray(zoned.dt.tz_localize(None).to_numpy(dtype="datetime64[us]"))
    zone = _ZONE.search(plain)
    if zone is not None:
        plain = plain.removesuffix(zone[0])
        ends = values.map(lambda text: isinstance(text, str) and text.endswith(zone[0]))
        values = values.map(lambda text: str(text).removesuffix(zone[0])).where(ends.astype(bool))
    parsed = pd.to_datetime(values, format=plain, errors="coerce")
    return np.asarray(parsed.to_numpy(dtype="datetime64[us]"))


def is_ambiguous(texts: Sequence[str]) -> bool:
    """Whether texts are dates both day first and month first.

    Examples
    --------
    >>> is_ambiguous(["01/02/2024"]), is_ambiguous(["31/12/2024"])
    (True, False)
    """
    if not texts:
        return False
    if any(all(_fits(texts, name) for name in pair) for pair in _formats(texts[0])[1]):
        return True
    return len(_short(texts)) > 1


def century(date_format: str) -> str:
    """Say which years are meant where dates have years of two digits.

    Examples
    --------
    >>> century("%d-%b-%1945y"), century("%Y-%m-%d")
    ('; years of two digits are read as 1945 to 2044', '')
    """
    years = two_digit_years.PART.search(date_format)
    if years is None:
        return ""
    return f"; years of two digits are read as {years[1]} to {int(years[1]) + 99}"


def times_of(values: pd.Series) -> Times:
    """Return the datetimes of a series in microseconds, missing as NaT, shape (n,)."""
    return np.asarray(with_dtype(values, "datetime64[us]").to_numpy(dtype="datetime64[us]"))


def to_text(times: Times, date_format: str) -> Objects:
    """Write times as text, missing as None, shape (n,)."""
    distinct, where = np.unique(times, return_inverse=True)
    texts = np.array(_strftime(pd.DatetimeIndex(distinct), date_format), dtype=object)
    texts[np.isnat(distinct)] = None
    return np.asarray(texts[where], dtype=object)


def _strftime(times: pd.DatetimeIndex, date_format: str) -> list[str]:
    """Write times; parts that strftime does not have on every system are put in here."""
    parts = re.split(r"(%-[dmHI]|%\^b|%3f|%z|%P|%\d{4}y)", date_format)
    pieces: list[list[str]] = []
    for part in parts:
        if part == "%z":
            pieces.append(["+00:00"] * len(times))
        elif part == "%3f":
            pieces.append([text[:3] for text in _formatted(times, "%f")])
        elif part == "%^b":
            pieces.append([text.upper() for text in _formatted(times, "%b")])
        elif part == "%P":
            pieces.append([text.lower() for text in _formatted(times, "%p")])
        elif two_digit_years.PART.fullmatch(part):
            pieces.append(_formatted(times, "%y"))
        elif part in ("%-d", "%-m", "%-H", "%-I"):
            pieces.append([text.removeprefix("0") for text in _formatted(times, f"%{part[2]}")])
        elif part:
            pieces.append(_formatted(times, part))
    return ["".join(each) for each in zip(*pieces, strict=True)]


def _formatted(times: pd.DatetimeIndex, part: str) -> list[str]:
    texts = times.strftime(part).to_numpy(dtype=object)
    return [text if isinstance(text, str) else "" for text in texts.tolist()]


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
