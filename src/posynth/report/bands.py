"""Standardised misfit in bands, as a public page shows it.

With two decimals of S and the copies, how many rows of the original have each of two levels can be
computed exactly. So what reaches a public page is the upper end of a band, for every measure, and
everything on it (tables, heat map, order, verdict) is made from these.
"""

from collections.abc import Iterable
from dataclasses import replace
from math import isnan

from posynth.results import Result

#: Upper ends; what lies above the last is shown as ``ABOVE``.
ENDS = (2.0, 3.0, 5.0, 10.0)
ABOVE = 11.0
NOTE = (
    "S is shown in bands (at most 2, 3, 5, 10, or above): with its digits numbers of the original "
    "could be computed from the copies."
)


def band(value: float) -> float:
    """Return the upper end of the band of S, NaN for NaN.

    Examples
    --------
    >>> band(0.4), band(2.25), band(3.0), band(53.0)
    (2.0, 3.0, 3.0, 11.0)
    """
    if isnan(value):
        return value
    return next((end for end in ENDS if value <= end), ABOVE)


def band_text(value: float) -> str:
    """Write a band, or a value that lies in it.

    Examples
    --------
    >>> band_text(2.25), band_text(53.0), band_text(float("nan"))
    ('≤ 3', '> 10', '–')
    """
    end = band(value)
    if isnan(end):
        return "–"
    return f"> {ENDS[-1]:g}" if end == ABOVE else f"≤ {end:g}"


def in_bands(results: Iterable[Result], proper: bool) -> tuple[Result, ...]:
    """Return what may be told in public: standardised measures in bands, scores of a holdout.

    Parameters
    ----------
    results : iterable of Result
        Everything that was measured.
    proper : bool
        Whether the copies are: which of the two scales is put in bands.

    Returns
    -------
    tuple of Result
        Without texts and details but the degrees of freedom; both scales hold the band.
    """
    found = []
    for result in results:
        if result.measure.startswith("log score"):
            found.append(result)
        if not result.measure.startswith("S_"):
            continue
        own = result.details.get("S_proper" if proper else "S_plugin", result.value)
        end = band(float(own))
        details = {"S_plugin": end, "S_proper": end}
        if "df" in result.details:
            details["df"] = result.details["df"]
        found.append(replace(result, value=end, interval=None, text="", details=details))
    return tuple(found)
