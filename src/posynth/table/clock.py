"""Clock times as numbers: minutes of the day, or seconds where the times have seconds."""

import re
from collections.abc import Sequence

import numpy as np

from posynth.table.arrays import Floats

_TIME = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?")
_TWELVE = re.compile(r"\d{1,2}:[0-5]\d(?::[0-5]\d)?\s?[AaPp]\.?[Mm]\.?")
_DURATION = re.compile(r"\d{1,4}(?::[0-5]\d){1,2}")
_TO_MODEL = "to have them modelled"
#: Format -> its units in a day.
UNITS = {"%H:%M": 1440, "%-H:%M": 1440, "%H:%M:%S": 86_400, "%-H:%M:%S": 86_400}


def what_else(texts: Sequence[str]) -> str:
    """Say of texts that are no times of the day how what they seem to be can be read.

    Examples
    --------
    >>> what_else(["9:15 AM", "12:30 PM"])
    'these look like times of a clock of 12 hours: write them as 13:30 to have them modelled'
    """
    bare = [text.strip() for text in texts]
    if bare and all(map(_TWELVE.fullmatch, bare)):
        return f"these look like times of a clock of 12 hours: write them as 13:30 {_TO_MODEL}"
    if (
        bare
        and all(map(_DURATION.fullmatch, bare))
        and any(int(b.split(":")[0]) > 23 for b in bare)
    ):
        return f"these look like durations: write them as numbers of minutes {_TO_MODEL}"
    return ""


def detect(texts: Sequence[str]) -> str:
    """Return the format in which every text is a time of the day, or an empty string.

    Examples
    --------
    >>> detect(["08:20", "17:05"]), detect(["8:20", "17:05"]), detect(["08:20", "25:00"])
    ('%H:%M', '%-H:%M', '')
    """
    found = [_TIME.fullmatch(text.strip()) for text in texts]
    times = [each for each in found if each is not None]
    if not times or len(times) < len(found) or any(int(each[1]) > 23 for each in times):
        return ""
    seconds = {each[3] is not None for each in times}
    padded = all(len(each[1]) == 2 for each in times)
    if len(seconds) > 1 or (not padded and any(each[1][0] == "0" != each[1] for each in times)):
        return ""
    return f"{'%H' if padded else '%-H'}:%M{':%S' if seconds.pop() else ''}"


def number(text: str, form: str) -> float:
    """Return a time as units since midnight.

    Raises
    ------
    ValueError
        If it is no time of the form.

    Examples
    --------
    >>> number("08:20", "%H:%M"), number("00:01:05", "%H:%M:%S")
    (500.0, 65.0)
    """
    found = _TIME.fullmatch(text.strip())
    if found is None or (found[3] is not None) != form.endswith("%S") or int(found[1]) > 23:
        raise ValueError(text)
    minutes = 60 * int(found[1]) + int(found[2])
    return float(60 * minutes + int(found[3]) if form.endswith("%S") else minutes)


def text_of(units: float, form: str) -> str:
    """Return units since midnight as a time.

    Examples
    --------
    >>> text_of(500, "%-H:%M"), text_of(65, "%H:%M:%S")
    ('8:20', '00:01:05')
    """
    minutes, seconds = divmod(round(units), 60) if form.endswith("%S") else (round(units), 0)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}" if form.startswith("%-") else f"{hours:02d}"
    return f"{start}:{minutes:02d}" + (f":{seconds:02d}" if form.endswith("%S") else "")


def within_day(units: Floats, form: str) -> Floats:
    """Round to whole units, and count what lies beyond midnight from there on.

    Examples
    --------
    >>> within_day(np.array([1441.2, -5.0, np.nan]), "%H:%M")
    array([1.000e+00, 1.435e+03,       nan])
    """
    return np.asarray(np.mod(np.rint(units), UNITS[form]))
