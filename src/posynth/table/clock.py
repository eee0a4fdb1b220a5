"""Clock times as numbers: minutes of the day, or seconds where the times have seconds."""

import re
from collections.abc import Sequence

import numpy as np

from posynth.table.arrays import Floats

_TIME = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?(?:(\s?)([ap](\.?)m\6|[AP](\.?)M\7))?")
_TWELVE = re.compile(r"\d{1,2}:[0-5]\d(?::[0-5]\d)?\s?[AaPp]\.?[Mm]\.?")
_DURATION = re.compile(r"\d{1,4}(?::[0-5]\d){1,2}")
_AFTERNOON = str.maketrans("Aa", "Pp")
_TO_MODEL = "to have them modelled"
#: Format -> its units in a day.
UNITS = {"%H:%M": 1440, "%-H:%M": 1440, "%H:%M:%S": 86_400, "%-H:%M:%S": 86_400}
#: Half of the day in a form -> how its first half is written.
HALVES = {"%p": "AM", "%P": "am", "%p.": "A.M.", "%P.": "a.m."}
UNITS |= {
    f"{hour}:%M{seconds}{blank}{half}": 86_400 if seconds else 1440
    for hour in ("%I", "%-I")
    for seconds in ("", ":%S")
    for blank in ("", " ")
    for half in HALVES
}


def what_else(texts: Sequence[str]) -> str:
    """Say of texts that are no times of the day how what they seem to be can be read.

    Examples
    --------
    >>> what_else(["9:15 AM", "12:30 pm"])  # doctest: +ELLIPSIS
    "...clock of 12 hours: write them as 13:30 to have them modelled (one is '9:15 AM')"
    """
    bare = [text.strip() for text in texts]
    if bare and all(map(_TWELVE.fullmatch, bare)):
        said = f"these look like times of a clock of 12 hours: write them as 13:30 {_TO_MODEL}"
        return f"{said} (one is {bare[0]!r})"
    if (
        bare
        and all(map(_DURATION.fullmatch, bare))
        and any(int(b.split(":")[0]) > 23 for b in bare)
    ):
        said = f"these look like durations: write them as numbers of minutes {_TO_MODEL}"
        return f"{said} (one is {bare[0]!r})"
    return ""


def detect(texts: Sequence[str]) -> str:
    """Return the format in which every text is a time of the day, or an empty string.

    Examples
    --------
    >>> detect(["08:20", "17:05"]), detect(["8:20", "17:05"]), detect(["08:20", "25:00"])
    ('%H:%M', '%-H:%M', '')
    >>> detect(["9:15 AM", "12:30 PM"]), detect(["9:15 AM", "13:30 PM"])
    ('%-I:%M %p', '')
    """
    found = [_TIME.fullmatch(text.strip()) for text in texts]
    times = [each for each in found if each is not None]
    if not times or len(times) < len(found):
        return ""
    halves, seconds = {_half(each) for each in times}, {each[3] is not None for each in times}
    least, most = (1, 12) if halves != {""} else (0, 23)
    if len(halves) > 1 or any(not least <= int(each[1]) <= most for each in times):
        return ""
    padded = all(len(each[1]) == 2 for each in times)
    if len(seconds) > 1 or (not padded and any(each[1][0] == "0" != each[1] for each in times)):
        return ""
    hour, half = ("%I" if halves != {""} else "%H"), halves.pop()
    hour = hour if padded else f"%-{hour[1]}"
    return f"{hour}:%M{':%S' if seconds.pop() else ''}{half}"


def _half(time: re.Match[str]) -> str:
    """Return how a time says which half of the day it is in, as in a form."""
    if time[5] is None:
        return ""
    half = "%p" if time[5][0].isupper() else "%P"
    return f"{'' if not time[4] else ' '}{half}{'.' if '.' in time[5] else ''}"


def number(text: str, form: str) -> float:
    """Return a time as units since midnight.

    Raises
    ------
    ValueError
        If it is no time of the form.

    Examples
    --------
    >>> number("08:20", "%H:%M"), number("00:01:05", "%H:%M:%S"), number("12:05 AM", "%I:%M %p")
    (500.0, 65.0, 5.0)
    """
    found = _TIME.fullmatch(text.strip())
    twelve = "%I" in form or "%-I" in form
    if found is None or (found[3] is not None) != ("%S" in form) or int(found[1]) > 23:
        raise ValueError(text)
    if (found[5] is not None) != twelve or (twelve and not 1 <= int(found[1]) <= 12):
        raise ValueError(text)
    hours = int(found[1]) % 12 + 12 * (found[5][0] in "Pp") if twelve else int(found[1])
    minutes = 60 * hours + int(found[2])
    return float(60 * minutes + int(found[3]) if "%S" in form else minutes)


def text_of(units: float, form: str) -> str:
    """Return units since midnight as a time.

    Examples
    --------
    >>> text_of(500, "%-H:%M"), text_of(65, "%H:%M:%S"), text_of(725, "%-I:%M %p")
    ('8:20', '00:01:05', '12:05 PM')
    """
    minutes, seconds = divmod(round(units), 60) if "%S" in form else (round(units), 0)
    hours, minutes = divmod(minutes, 60)
    key = next((key for key in reversed(HALVES) if form.endswith(key)), "")
    half = ""
    if key:
        blank = " " if f" {key}" in form else ""
        half = blank + (HALVES[key] if hours < 12 else HALVES[key].translate(_AFTERNOON))
        hours = (hours - 1) % 12 + 1
    start = f"{hours}" if form.startswith("%-") else f"{hours:02d}"
    return f"{start}:{minutes:02d}" + (f":{seconds:02d}" if "%S" in form else "") + half


def within_day(units: Floats, form: str) -> Floats:
    """Round to whole units, and count what lies beyond midnight from there on.

    Examples
    --------
    >>> within_day(np.array([1441.2, -5.0, np.nan]), "%H:%M")
    array([1.000e+00, 1.435e+03,       nan])
    """
    return np.asarray(np.mod(np.rint(units), UNITS[form]))
