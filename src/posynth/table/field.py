"""A Field: one column as values of a known storage, before its kind is decided."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from posynth.table.arrays import Floats, Objects

MAX_DECIMALS = 12
EXACT_INTEGER = 10**15
MAX_SCALED = 2.0**53


class Storage(StrEnum):
    """How the values of a column are stored."""

    BOOL = "bool"
    NUMBER = "number"
    DATETIME = "datetime"
    CATEGORY = "category"
    TEXT = "text"


@dataclass(frozen=True)
class Field:
    """Values of one column and what their storage tells.

    Attributes
    ----------
    name : str
        Column name.
    values : pandas.Series
        Canonical values (n,), missing as NaN, NA or NaT.
    storage : Storage
        What the values are.
    decimals : int, optional
        Largest number of decimals among numbers; None for full precision.
    min_decimals : int
        Decimals that the text always shows.
    padded : bool
        Whether the text pads with zeros to ``decimals``.
    missing_text : str
        How missing values are written.
    oversized : bool
        Whether values are integers of more than 15 digits, which no float64 holds exactly.
    note : str
        What the reading had to decide.
    category_type : str
        Type of categories that are no labels.
    missing_codes : tuple of str
        Values declared to be missing.
    reasons : ndarray of object, shape (n,), optional
        Which declared code stands where a value is missing, ``""`` for none of them.
    missing_kinds : tuple of str
        How each kind of missing value is written, where there are several.
    prefix, suffix, grouping : str
        How numbers are written.
    clock : str
        Format of clock times.
    """

    name: str
    values: pd.Series
    storage: Storage
    decimals: int | None = None
    min_decimals: int = 0
    padded: bool = False
    missing_text: str = ""
    oversized: bool = False
    note: str = ""
    category_type: str = ""
    missing_codes: tuple[str, ...] = ()
    missing_kinds: tuple[str, ...] = ()
    reasons: Objects | None = None
    prefix: str = ""
    suffix: str = ""
    grouping: str = ""
    clock: str = ""


def floats_of(values: pd.Series) -> Floats:
    """Return the numbers of a series as float64, missing as NaN, shape (n,)."""
    return np.asarray(values.to_numpy(dtype="float64", na_value=np.nan), dtype=np.float64)


def round_to(numbers: Floats, decimals: int | None) -> Floats:
    """Round to a number of decimals; numbers too large to have that many are left as they are."""
    if decimals is None:
        return numbers
    if decimals == 0:
        return np.asarray(np.rint(numbers) + 0.0)
    scale = 10.0**decimals
    fits = np.abs(numbers) < MAX_SCALED / scale
    safe = np.where(fits, numbers, 0.0)
    # + 0.0 turns the negative zero that rounding can leave into zero.
    return np.where(fits, np.rint(safe * scale) / scale + 0.0, numbers)


def decimals_of(numbers: Floats) -> int | None:
    """Smallest number of decimals (at most 12) that holds every number exactly, or None.

    Examples
    --------
    >>> import numpy as np
    >>> decimals_of(np.array([1.5, 2.25, np.nan]))
    2
    """
    finite = numbers[np.isfinite(numbers)]
    largest = float(np.abs(finite).max(initial=0.0))
    for decimals in range(MAX_DECIMALS + 1):
        if decimals and largest * 10.0**decimals >= MAX_SCALED:
            return None
        if np.array_equal(round_to(finite, decimals), finite):
            return decimals
    return None
