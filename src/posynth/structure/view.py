"""Columns as rules see them, and conditions on one column under which another has a property."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from posynth.chain.blocks import Floats, Rows
from posynth.chain.few import multinomial, probabilities
from posynth.chain.rule import named
from posynth.structure.chance import all_have
from posynth.structure.text import any_of, is_missing, shortest_between, value_text
from posynth.table.schema import Kind

type Mask = NDArray[np.bool_]

#: Different numbers up to which a numeric column is looked at value by value.
MOST_VALUES = 20
#: Levels that a condition names at most.
MOST_NAMED = 8
#: Prior precision of the slope of a logit that could explain a threshold.
RIDGE = 0.01


@dataclass(frozen=True)
class View:
    """One column as rules see it.

    Attributes
    ----------
    name : str
        Its name.
    values : ndarray, shape (n,)
        Encoded values.
    missing : ndarray of bool, shape (n,)
        Where it is missing.
    codes : ndarray of int, shape (n,)
        Place of each value among the different ones, -1 where missing.
    numbers : ndarray, shape (v,)
        The different values, in order.
    texts : tuple of str
        How a rule writes them; empty for a numeric column with too many.
    kinds : ndarray, shape (n,)
        Kind of missing value, 0 where it is present.
    numeric, dated : bool
        Whether it holds numbers or dates, and whether it holds dates.
    marks : tuple of Mark
        Ranges of a numeric column that are levels of another one.
    """

    name: str
    values: Floats
    missing: Mask
    codes: NDArray[np.int64]
    numbers: Floats
    texts: tuple[str, ...]
    numeric: bool
    kinds: Floats
    dated: bool = False
    marks: tuple["Mark", ...] = ()

    @classmethod
    def of(cls, rows: Rows, name: str, indicator: str | None = None) -> "View":
        """Return one column of encoded rows."""
        values, column = rows.arrays[name], rows.schema[name]
        missing = np.isnan(values)
        numbers, inverse = np.unique(values[~missing], return_inverse=True)
        codes = np.full(len(values), -1, dtype=np.int64)
        codes[~missing] = inverse
        numeric = column.kind.is_numeric or not column.kind.is_categorical
        few = not numeric or len(numbers) <= MOST_VALUES
        texts = tuple(value_text(column, v) for v in numbers) if few else ()
        kinds = rows.arrays.get(indicator or "", missing.astype(np.float64))
        dated = column.kind is Kind.DATE
        return cls(name, values, missing, codes, numbers, texts, numeric, kinds, dated)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each value."""
        return np.bincount(self.codes[~self.missing], minlength=len(self.numbers))


@dataclass(frozen=True)
class Mark:
    """A range of a numeric column in which another column has one level, and nowhere else.

    A rule about that range is one about the level: no dependence ends just there.

    Attributes
    ----------
    by : str
        The column of levels.
    text : str
        The range, as a condition of a rule.
    where : ndarray of bool, shape (n,)
        The rows in it.
    """

    by: str
    text: str
    where: Mask


def marks(x: View, y: View) -> tuple[Mark, ...]:
    """Return the ranges of a numeric column that are the levels of another one.

    Only a column that a numeric one decides, each level in one range, as groups of age.
    """
    known = ~x.missing & ~y.missing
    order = np.lexsort((y.codes[known], x.codes[known]))
    codes, places = y.codes[known][order], x.codes[known][order]
    ends = np.flatnonzero(np.diff(codes)) + 1
    levels = len(y.numbers)
    if not x.numeric or y.numeric or levels < 2 or len(ends) != levels - 1:
        return ()
    if np.any(places[ends] == places[ends - 1]):
        return ()
    cuts = [shortest_between(x.numbers[places[k - 1]], x.numbers[places[k]]) for k in ends]
    found, name = [], named(x.name)
    for low, high in zip(["", *cuts], [*cuts, ""], strict=True):
        parts = [f"{name} >= {low}" if low else "", f"{name} < {high}" if high else ""]
        where = (
            ~x.missing & (x.values >= float(low or -np.inf)) & (x.values < float(high or np.inf))
        )
        found.append(Mark(y.name, " and ".join(filter(None, parts)), where))
    return tuple(found)


@dataclass(frozen=True)
class Condition:
    """A condition on one column, in all rows of which another column has a property.

    Attributes
    ----------
    text : str
        As a rule writes it.
    where : ndarray of bool, shape (n,)
        Where it is met.
    log_p : float
        Log probability that all of these rows have the property by chance, the choice among
        conditions of its kind included.
    logit_log_p : float
        The same where the column is numeric and the property follows a logit in it: in its tail all
        rows may have the property without a rule. Minus infinity for other columns.
    """

    text: str
    where: Mask
    log_p: float
    logit_log_p: float = -np.inf


def conditions(x: View, having: Mask, among: Mask) -> Iterator[Condition]:
    """Give conditions on x, all rows of which have a property.

    Parameters
    ----------
    x : View
        The column that the conditions read.
    having, among : ndarray of bool, shape (n,)
        Which rows have the property, of those that are looked at.
    """
    rows, total = int(among.sum()), int(np.sum(having & among))
    if not total or total == rows:
        return
    for mark in x.marks:
        seen = mark.where & among
        if seen.any() and not np.any(seen & ~having):
            yield Condition(mark.text, mark.where, all_have(rows, total, int(seen.sum())))
    for text, where, choices in _pure(x, having, among):
        count = int(np.sum(where & among))
        log_p = all_have(rows, total, count) + choices
        bent = _by_logit(x, having, among, where) if x.numeric and not choices else -np.inf
        yield Condition(text, where, log_p, bent)


def _pure(x: View, having: Mask, among: Mask) -> Iterator[tuple[str, Mask, float]]:
    """Give conditions, where they are met, and the log number of others they were chosen from."""
    seen = among & ~x.missing
    wrong = np.bincount(x.codes[seen & ~having], minlength=len(x.numbers))
    there = np.bincount(x.codes[seen], minlength=len(x.numbers))
    pure = np.flatnonzero((wrong == 0) & (there > 0))
    if not x.numeric and 0 < len(pure) <= MOST_NAMED and len(pure) < np.count_nonzero(there):
        n, k = len(x.numbers), len(pure)
        choices = float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)) if k > 1 else 0.0
        where = ~x.missing & np.isin(x.codes, pure)
        yield any_of(x.name, [x.texts[j] for j in pure]), where, choices
    elif x.numeric and len(x.numbers) > 1:
        yield from _numeric(x, pure)
    if np.any(x.missing & among) and not np.any(x.missing & among & ~having):
        yield is_missing(x.name), x.missing, 0.0
    known = ~x.missing & among
    if np.any(x.missing & among) and known.any() and not np.any(known & ~having):
        yield f"not {is_missing(x.name)}", ~x.missing, 0.0


def _numeric(x: View, pure: NDArray[np.int64]) -> Iterator[tuple[str, Mask, float]]:
    if x.texts:
        for place in pure:
            yield any_of(x.name, [x.texts[place]]), x.codes == place, 0.0
    there = np.isin(np.arange(len(x.numbers)), pure)
    if there.all():
        return
    low, high = int(np.argmin(there)), int(np.argmin(there[::-1]))
    if low > bool(x.texts):
        cut = shortest_between(x.numbers[low - 1], x.numbers[low])
        yield f"{named(x.name)} < {cut}", x.values < float(cut), 0.0
    if high > bool(x.texts):
        cut = shortest_between(x.numbers[-high - 1], x.numbers[-high])
        yield f"{named(x.name)} >= {cut}", x.values >= float(cut), 0.0


def _by_logit(x: View, having: Mask, among: Mask, where: Mask) -> float:
    """Return log P(all rows of a condition have a property) under a logit in x."""
    seen = among & ~x.missing
    values = x.values[seen]
    if not values.std() or not np.any(where & seen):
        return -np.inf
    X = ((values - values.mean()) / values.std())[:, None]
    beta = multinomial(X, having[seen].astype(np.int64), 2, RIDGE)
    shares = probabilities(beta, X)[:, 1]
    return float(np.sum(np.log(np.maximum(shares[where[seen]], 1e-300))))
