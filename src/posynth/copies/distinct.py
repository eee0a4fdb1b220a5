"""Copies that are one and the same: pooled, they would be counted twice."""

from collections.abc import Hashable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln, xlogy

from posynth.errors import MeasureError

#: Copies are the same by mistake if chance gives two of the same rows less often than this.
CHANCE = 1e-6


def require_distinct(frames: Sequence[pd.DataFrame]) -> None:
    """Refuse copies that hold the same rows, in whatever order.

    Copies of few rows of few levels can be alike by chance. The probability of that is taken from
    the frequencies c_i of the distinct rows: k! Π (c_i/k)^c_i / c_i!, for each pair.

    Parameters
    ----------
    frames : sequence of pandas.DataFrame
        The m copies, k rows each.

    Raises
    ------
    MeasureError
        Naming two copies and what to do.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": np.arange(30.0)})
    >>> require_distinct([frame, frame + 0.5])
    >>> require_distinct([frame, frame[::-1]])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    posynth.errors.MeasureError: copies 1 and 2 hold the same rows, in another order, and would ...
    """
    for i, j in _alike(frames):
        _refuse(frames, i, j)


def _alike(frames: Sequence[pd.DataFrame]) -> list[tuple[int, int]]:
    """Return the pairs of copies whose columns have the same values, each in some order."""
    groups = [list(range(len(frames)))]
    for column in range(frames[0].shape[1]):
        groups = [part for group in groups for part in _by_values(frames, group, column)]
        if not groups:  # most often after the first column of numbers
            return []
    return [pair for group in groups for pair in combinations(group, 2)]


def _by_values(frames: Sequence[pd.DataFrame], group: list[int], column: int) -> list[list[int]]:
    """Split copies by the values of a column; those that no other one equals are left out."""
    found: dict[Hashable, list[int]] = {}
    for i in group:
        values = _hashed(frames[i].iloc[:, column])
        found.setdefault(np.sort(values.to_numpy()).tobytes(), []).append(i)
    return [part for part in found.values() if len(part) > 1]


def _hashed(values: "pd.Series[Any] | pd.DataFrame") -> "pd.Series[Any]":
    try:
        return pd.util.hash_pandas_object(values, index=False)
    except TypeError:  # lists and records: by their text
        return pd.util.hash_pandas_object(values.map(str), index=False)


def _refuse(frames: Sequence[pd.DataFrame], i: int, j: int) -> None:
    one, other = (_hashed(frames[place]).to_numpy() for place in (i, j))
    if not np.array_equal(np.sort(one), np.sort(other)):
        return
    counts = np.unique(one, return_counts=True)[1]
    k = counts.sum()
    log_chance = gammaln(k + 1) - gammaln(counts + 1).sum() + xlogy(counts, counts / k).sum()
    pairs = len(frames) * (len(frames) - 1) / 2
    if log_chance + np.log(pairs) < np.log(CHANCE):
        order = "" if np.array_equal(one, other) else ", in another order,"
        raise MeasureError(_same(i + 1, j + 1, order))


def _same(i: int, j: int, order: str = "") -> str:
    return (
        f"copies {i} and {j} hold the same rows{order} and would be counted twice; give each copy "
        "once (was a file read twice, or copied?), or draw more copies by `posynth draw`"
    )


def require_each_once(frames: Sequence[object]) -> None:
    """Refuse a list that holds one and the same object twice.

    Raises
    ------
    MeasureError
        Naming the two places.
    """
    for (i, one), (j, other) in combinations(enumerate(frames, start=1), 2):
        if one is other:
            raise MeasureError(_same(i, j))
