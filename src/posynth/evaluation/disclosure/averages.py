"""A measure of m copies is the mean over copies; the value of each copy stays in the details."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from posynth.results import Result

NO_GUARANTEE = (
    "It assumes that an intruder knows these keys and nothing else, and bounds no other attack"
)


def over_copies(
    measure: str,
    per_copy: Sequence[float],
    subject: str,
    text: str,
    details: Mapping[str, Any] | None = None,
) -> Result:
    """Make the Result whose value is the mean over the copies where the measure is defined.

    Parameters
    ----------
    measure : str
        Name of the measure.
    per_copy : sequence of float
        Its value in each copy; NaN where undefined.
    subject : str
        What was judged.
    text : str
        What the number means and what it does not guarantee.
    details : mapping, optional
        Counts to keep beside the value.

    Returns
    -------
    Result
        With ``details["per_copy"]``.

    Examples
    --------
    >>> over_copies("repU", [10.0, 20.0], "age:sex", "").value
    15.0
    """
    values = [float(value) for value in per_copy]
    known = [value for value in values if not np.isnan(value)]
    mean = float(np.mean(known)) if known else float("nan")
    return Result(
        measure, mean, subject, text=text, details={"per_copy": values, **(details or {})}
    )


def name_keys(keys: Sequence[str], target: str | None = None) -> str:
    """Write the subject of a measure: ``"age:sex"`` or ``"age:sex -> income"``."""
    joined = ":".join(keys)
    return joined if target is None else f"{joined} -> {target}"


def share(part: float, whole: float) -> float:
    """Give ``part`` in percent of ``whole``; NaN of nothing."""
    return 100.0 * part / whole if whole else float("nan")
