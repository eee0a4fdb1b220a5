"""Combinations of values that occur in copies but never in the original: pregnant men."""

from collections.abc import Collection
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.values import MISSING, Coded, judged, levels, numbers
from posynth.results import Result
from posynth.table.names import Names
from posynth.table.schema import Column, Kind

type Ints = NDArray[np.int64]

NEW = "new combinations"
FEW_NUMBERS = 12  # different numbers that are looked at one by one
SHOWN = 3  # of a pair's combinations that its text names
Z = 2.3263  # one-sided 1 %
PAIRED = 3.7190  # one-sided 1 in 10,000: many pairs are looked at
TEXT = (
    "{value:.2g} % of synthetic rows hold a combination of {what} that no original row holds; a "
    "fresh sample of the population would show about {chance:.2g} % (the share of original rows "
    "whose combination no other row has)"
)
NEXT = (
    ". Above what chance explains: if such combinations cannot be, state a rule (--rule), such as "
    "{rule}"
)


def measure(comparison: Comparison, columns: Names | None = None) -> list[Result]:
    r"""Count rows of copies whose combination of two columns no original row has.

    Columns of levels are looked at with their levels, missing as one of them, and so are numeric
    columns of up to 12 different numbers; of others whether they are missing. A fresh sample of the
    population has new combinations too: about as many as the original has combinations of one row
    only (f1 / n, the leave-one-out estimate).
    The limit is that share plus a multiple of its standard error, of variance
    (f1 (1 - f1 / n) + 2 f2) / n^2 with f2 combinations of two rows, and that of the copies' share.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    columns : iterable of str, optional
        Columns wanted; by default every modelled column.

    Returns
    -------
    list of Result
        ``new combinations``: percent of rows with any, subject ``""``, then of each pair of columns
        that has some, the most first. Details hold the three most frequent combinations: levels,
        rows a copy, and the rows that independence of the two columns would give.

    References
    ----------
    Good, I. J. (1953). The population frequencies of species and the estimation of population
    parameters. Biometrika 40, 237-264.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Kind, Schema
    >>> names = {"sex": ("f", "m"), "born": ("n", "y")}
    >>> kinds = [Column(n, Kind.BINARY, "str", levels=v) for n, v in names.items()]
    >>> real = pd.DataFrame({"sex": list("ffmm") * 50, "born": list("nynn") * 50})
    >>> fake = pd.DataFrame({"sex": list("ffmm") * 50, "born": list("nyny") * 50})
    >>> whole, pair = measure(Comparison(real, (fake,), Schema(tuple(kinds), 200)))
    >>> pair.subject, pair.value, pair.details["combinations"][0]
    ('sex:born', 25.0, {'levels': ['m', 'y'], 'rows': 50.0, 'independent': 25.0})
    """
    coded = [each for c in judged(comparison, columns) if (each := _coded(comparison, c))]
    numeric = {c.name for c in comparison.schema if c.kind.is_numeric}
    found, any_new = [], [np.zeros(len(copy), dtype=bool) for copy in comparison.copies]
    rows = np.full(len(comparison.original), len(comparison.original))
    for left, right in combinations(coded, 2):
        pair = _Pair(left, right, numeric)
        any_new = [seen | new for seen, new in zip(any_new, pair.new, strict=True)]
        rows = np.minimum(rows, pair.rows)
        if any(new.any() for new in pair.new):
            found.append(pair.result())
    if not coded:
        return []
    whole = _judged("", "any two columns", any_new, rows, Z)
    return [whole, *sorted(found, key=lambda each: -each.value)]


def _coded(comparison: Comparison, column: Column) -> Coded | None:
    """Return a column of levels or few numbers, or whether one is missing; None if none is."""
    if column.kind.is_categorical:
        return levels(comparison, column)
    if column.kind is not Kind.DATE and comparison.original[column.name].nunique() <= FEW_NUMBERS:
        return _of_numbers(comparison, column)
    tables = (comparison.original, *comparison.copies)
    gone = [table[column.name].isna().to_numpy().astype(np.int64) for table in tables]
    if not any(values.any() for values in gone):
        return None
    return Coded(column.name, ("a value", MISSING), gone[0], tuple(gone[1:]))


def _of_numbers(comparison: Comparison, column: Column) -> Coded:
    """Return the numbers of a column as levels; what only copies hold is one of them too."""
    given = numbers(comparison, column)
    every = np.unique(np.concatenate([given.original, *given.copies]))
    every = every[~np.isnan(every)]

    def coded(values: NDArray[np.float64]) -> Ints:
        codes = np.searchsorted(every, values)
        return np.where(np.isnan(values), len(every), codes).astype(np.int64)

    names = (*(f"{value:g}" for value in every), *((MISSING,) if given.has_missing else ()))
    return Coded(column.name, names, coded(given.original), tuple(map(coded, given.copies)))


class _Pair:
    """Two columns side by side."""

    def __init__(self, left: Coded, right: Coded, numeric: Collection[str]) -> None:
        self._left, self._right, self._numeric = left, right, numeric
        self._width = len(right.levels)
        self._table = np.bincount(
            self._cells(left.original, right.original), minlength=len(left.levels) * self._width
        )
        self._copies = [self._cells(a, b) for a, b in zip(left.copies, right.copies, strict=True)]
        self.new = [self._table[cells] == 0 for cells in self._copies]
        self.rows = self._table[self._cells(left.original, right.original)]

    def _cells(self, left: Ints, right: Ints) -> Ints:
        return np.asarray(left * self._width + right, dtype=np.int64)

    def result(self) -> Result:
        """Return the share of new rows, with the most frequent combinations."""
        subject = f"{self._left.name}:{self._right.name}"
        what = f"{self._left.name!r} and {self._right.name!r}"
        total = sum(np.bincount(c[new], minlength=len(self._table)) for c, new in self._both())
        counts = np.asarray(total) / len(self._copies)
        worst = [int(cell) for cell in np.argsort(-counts)[:SHOWN] if counts[cell] > 0]
        told = [self._told(cell, float(counts[cell])) for cell in worst]
        return _judged(subject, what, self.new, self.rows, PAIRED, told, self._rule(worst[0]))

    def _both(self) -> list[tuple[Ints, NDArray[np.bool_]]]:
        return list(zip(self._copies, self.new, strict=True))

    def _told(self, cell: int, rows: float) -> dict[str, object]:
        table = self._table.reshape(-1, self._width)
        a, b = divmod(cell, self._width)
        expected = float(table[a].sum() * table[:, b].sum() / max(table.sum(), 1))
        names = [self._left.levels[a], self._right.levels[b]]
        return {"levels": names, "rows": rows, "independent": round(expected, 2)}

    def _rule(self, cell: int) -> str:
        a, b = divmod(cell, self._width)
        first, second = self._left.levels[a], self._right.levels[b]
        if MISSING in (first, second) or "a value" in (first, second):
            return f"\"{self._right.name} is missing if {self._left.name} == '{first}'\""
        if self._left.name not in self._numeric:
            first = f"'{first}'"
        if self._right.name not in self._numeric:
            second = f"'{second}'"
        return f'"{self._right.name} != {second} if {self._left.name} == {first}"'


def _judged(
    subject: str,
    what: str,
    new: list[NDArray[np.bool_]],
    rows: Ints,
    z: float,
    told: list[dict[str, object]] | None = None,
    rule: str = "\"born != 'y' if sex == 'm'\"",
) -> Result:
    per_copy = [100 * float(each.mean()) for each in new]
    n, k = len(rows), sum(map(len, new))
    once, twice = int(np.sum(rows == 1)), int(np.sum(rows == 2)) / 2
    value, share = float(np.mean(per_copy)), max(once, 1) / n
    variance = (share * n * (1 - share) + 2 * twice) / n**2 + share * (1 - share) / k
    chance = 100 * once / n
    limit = chance + 100 * z * float(np.sqrt(variance))
    passed = value <= limit
    text = TEXT.format(value=value, what=what, chance=chance)
    text += "." if passed else NEXT.format(rule=rule) + "."
    details = {"per_copy": per_copy, "expected": chance, "limit": limit, "row_level": True}
    if told is not None:
        details["combinations"] = told
    return Result(NEW, value, subject, passed=passed, text=text, details=details)
