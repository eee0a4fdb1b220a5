r"""What rules leave open in each row: values that are decided, levels that are possible, bounds.

A conditional with rules is fitted on the rows that its rules leave open. Its likelihood is
normalised over the values that are possible there:

.. math:: p(y | x, \theta, R) = p(y | x, \theta) 1\{R(y, x)\} / Z(x, \theta)

and in rows where only one value is possible it is 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.few import codes_of, numbers_of
from posynth.chain.interval import Ends
from posynth.chain.missing_kinds import missingness
from posynth.chain.row_rule import (
    PRESENT,
    WITHIN,
    RowRule,
    read_row_rule,
    with_levels,
)
from posynth.chain.rule_ends import rule_ends
from posynth.chain.spec import Conditional
from posynth.errors import FitError, SpecError
from posynth.table.bounds import ends, half_unit, within_bounds
from posynth.table.codec import as_released

type Mask = NDArray[np.bool_]
ABOVE, BELOW, BETWEEN = "above", "below", "between"
#: Stands for no bound, in sds of the response: the gradient at an infinite one is not a number.
FAR = 1e4
#: Rounding error of a bound.
CLOSE = 1e-9
#: The family of levels of which rules leave some, and of numbers truncated to the bounds of a row.
RESTRICTED, BOUNDED = "restricted", "bounded"
#: Combinations of levels, codes in the order of the rule's columns; -1 where one is missing.
type Combinations = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Limits:
    """The rules of one conditional, and the combinations of levels that the source holds.

    Attributes
    ----------
    column : str
        The column they restrict.
    indicates : bool
        Whether they say in which rows it is missing.
    rules : tuple of str
        As they were written.
    combinations : tuple of combinations
        Of each rule ``within``, in order.
    masked : bool
        Whether the family asks for indicators of the possible levels before the predictors.
    computed : bool
        Whether nothing is open in the source, so that the column has no model.
    distance : str
        What is modelled of a numeric column in place of its values: its distance ``"above"`` the
        lower bound or ``"below"`` the upper one, or its share of the way ``"between"`` both, so
        that no draw lies beyond; or ``""``.
    codes : tuple of float
        For each rule on missing values, the kind of missing value it decides.
    ended : bool
        Whether the bounds of the column itself join those of its rules.
    numbers : tuple of float
        The numbers that are levels, where the family is ``restricted`` and the column numeric.
    bounded : bool
        Whether the family asks for the bounds of each row before the predictors.
    """

    column: str
    indicates: bool
    rules: tuple[str, ...]
    combinations: tuple[Combinations, ...] = ()
    masked: bool = False
    computed: bool = False
    distance: str = ""
    codes: tuple[float, ...] = ()
    ended: bool = False
    numbers: tuple[float, ...] = ()
    bounded: bool = False

    @classmethod
    def of(cls, rows: Rows, conditional: Conditional) -> "Limits | None":
        """Learn the limits of a conditional on the source; None if it has no rules."""
        if not conditional.rules:
            return None
        rules, masked = tuple(conditional.rules), conditional.family == RESTRICTED
        limits = cls(conditional.column, bool(conditional.indicates), rules)
        seen = tuple(_combinations(rows, r) for r in limits._read if r.kind == WITHIN)
        limits = replace(limits, combinations=seen, masked=masked, computed=conditional.computed)
        if limits.indicates:
            codes = tuple(limits._kind(rows, conditional, rule) for rule in limits._read)
            return replace(limits, codes=codes)
        if limits._has_levels(rows):
            return limits
        if masked:
            seen_numbers = numbers_of(rows.arrays[limits.column])
            return replace(limits, numbers=tuple(seen_numbers.tolist()))
        if conditional.family == BOUNDED:
            return replace(limits, bounded=True, ended=True)
        return limits if limits.computed else limits._by_distance(rows)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Limits":
        """Build limits from plain data, as they are stored."""
        nested = tuple(tuple(map(tuple, each)) for each in data.get("combinations", ()))
        plain = {**data, "rules": tuple(data["rules"]), "codes": tuple(data.get("codes", ()))}
        return cls(**{**plain, "combinations": nested, "numbers": tuple(data.get("numbers", ()))})

    @cached_property
    def _read(self) -> tuple[RowRule, ...]:
        return tuple(map(read_row_rule, self.rules))

    def _has_levels(self, rows: Rows) -> bool:
        return not self.indicates and rows.schema[self.column].kind.is_categorical

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rules read beside their own."""
        names = dict.fromkeys(name for rule in self._read for name in rule.columns)
        return tuple(name for name in names if name != self.column)

    def decided(self, rows: Rows) -> Floats:
        """Return the only value possible in each row, (n,): encoded, or 1 for missing, else NaN."""
        if self.indicates:
            return self._missing(rows)
        if self._has_levels(rows):
            allowed = self.allowed(rows)
            return np.where(allowed.sum(axis=1) == 1, allowed.argmax(axis=1), np.nan)
        if self.numbers:
            allowed, numbers = self.allowed(rows), np.array(self.numbers)
            return np.where(allowed.sum(axis=1) == 1, numbers[allowed.argmax(axis=1)], np.nan)
        low, high = self.bounds(rows)
        return np.where(low == high, low, np.nan)

    def open(self, rows: Rows) -> Mask:
        """Tell in which rows more than one value is possible, (n,)."""
        found = np.isnan(self.decided(rows))
        if self.distance:  # without a bound there is no distance: it is fitted on the other rows
            found &= np.isfinite(self.bounds(rows)[self.distance == BELOW])
        return np.asarray(found)

    def keeps(self, rows: Rows) -> Mask:
        """Tell in which rows the column's value is possible, (n,); missing values are."""
        values = rows.arrays[self.column]
        if self.indicates:
            found = self._missing(rows)
            return np.asarray(np.isnan(found) | ((found > 0) == np.isnan(values)))
        there = ~np.isnan(values)
        if self._has_levels(rows):
            place = np.where(there, values, 0).astype(np.int64)
            return np.asarray(~there | self.allowed(rows)[np.arange(len(rows)), place])
        if self.numbers:
            place = codes_of(np.array(self.numbers), values)
            possible = self.allowed(rows)[np.arange(len(rows)), place] & (place >= 0)
            return np.asarray(~there | possible)
        low, high = self.bounds(rows)
        slack = 1e-9 * np.abs(values)
        return np.asarray(~there | ((values >= low - slack) & (values <= high + slack)))

    def filled(self, rows: Rows, drawn: Floats, rng: np.random.Generator) -> Floats:
        """Fill rows that are still NaN: with one of their possible levels, each as likely.

        These are combinations of the other columns that the source does not hold.
        """
        left = np.flatnonzero(np.isnan(drawn))
        if not len(left) or not self._has_levels(rows):
            return drawn
        allowed = self.allowed(rows)[left]
        drawn = drawn.copy()
        drawn[left] = np.argmax(allowed * rng.random(allowed.shape), axis=1)
        return drawn

    def foreseen(self, rows: Rows) -> Mask:
        """Tell which rows the fitted conditional can draw: those open as rows of the source are."""
        found = self.open(rows)
        if self._has_levels(rows) and not self.masked:
            every = np.all(self.allowed(rows), axis=1)
            found = found & every & (not self.computed)
        return found

    def _by_distance(self, rows: Rows) -> "Limits":
        """Return limits by the distance from a bound, if rules bound the column in open rows."""
        low, high = self.bounds(rows)
        there = (low < high) & ~np.isnan(rows.arrays[self.column])
        if not (np.isfinite(low[there]).any() or np.isfinite(high[there]).any()):
            return self
        both = replace(self, ended=True, distance=BETWEEN)
        if all(np.isfinite(ends[there]).all() for ends in both.bounds(rows)):
            return both
        return replace(self, distance=ABOVE if np.isfinite(low[there]).any() else BELOW)

    def measured(self, rows: Rows) -> Rows:
        """Return rows in which the column is what is modelled: its distance from a bound."""
        if not self.distance:
            return rows
        low, high = self.bounds(rows)
        values = rows.arrays[self.column]
        if self.distance == BETWEEN:
            values = (values - low) / np.where(high > low, high - low, 1.0)
        else:
            values = high - values if self.distance == BELOW else values - low
        decimals = rows.schema[self.column].decimals
        if decimals is not None and self.distance != BETWEEN:
            values = np.round(values, decimals)
        return replace(rows, arrays={**rows.arrays, self.column: values})

    def stretch(self, rows: Rows) -> Floats:
        """Return log of the column's units in a unit of what is modelled, (n,)."""
        if self.distance != BETWEEN:
            return np.zeros(len(rows))
        low, high = self.bounds(rows)
        return np.asarray(np.log(np.where(high > low, high - low, 1.0)))

    def back(self, rows: Rows, drawn: Floats) -> Floats:
        """Turn what was modelled into values of the column, rounded to within their bounds."""
        if self.indicates or self.numbers or self._has_levels(rows):
            return drawn
        low, high = self.bounds(rows)
        if self.distance == BETWEEN:
            drawn = low + drawn * (high - low)
        elif self.distance:
            drawn = high - drawn if self.distance == BELOW else low + drawn
        if not np.any((low > -np.inf) | (high < np.inf)):
            return drawn
        column = rows.schema[self.column]
        drawn = np.clip(as_released(column, within_bounds(column, drawn)), low, high)
        if column.grid is None:
            return drawn
        least, most = ends(column)
        return column.grid.nearest(drawn, np.maximum(low, least), np.minimum(high, most))

    @property
    def modelled(self) -> str:
        """What is modelled in place of the column's values, in words; empty where it is those."""
        said = {
            ABOVE: "its distance above the lower bound",
            BELOW: "its distance below the upper bound",
            BETWEEN: "its share of the way from the lower to the upper bound",
        }
        if not self.distance:
            return ""
        return f"{said[self.distance]} that rules give it ({'; '.join(self.rules)})"

    def _kind(self, rows: Rows, conditional: Conditional, rule: RowRule) -> float:
        """Return the kind of missing value in the rows that a rule says are missing."""
        applies = rule.applies(rows)
        gone = ~applies if rule.kind == PRESENT else applies
        kinds = np.unique(missingness(rows, conditional)[gone & np.isnan(rows.arrays[self.column])])
        if len(kinds) > 1 and (rule.only or rule.kind != PRESENT):
            raise SpecError(
                f"column {self.column!r}, rule {rule.text!r}: the missing values it speaks of are "
                f"of {len(kinds)} kinds; a rule can decide one: state one for each, or read the "
                "codes as one kind"
            )
        return float(kinds[0]) if len(kinds) else 1.0

    def _missing(self, rows: Rows) -> Floats:
        found = np.full(len(rows), np.nan)
        for rule, code in zip(self._read, self.codes, strict=True):
            applies = rule.applies(rows)
            value, other = (0.0, code) if rule.kind == PRESENT else (code, 0.0)
            if rule.only:
                found[~applies & np.isnan(found)] = other
            if np.any(applies & ~np.isnan(found) & ((found > 0) != (value > 0))):
                raise SpecError(f"column {self.column!r}: rules say both missing and present")
            found[applies] = value
        return found

    def allowed(self, rows: Rows) -> Mask:
        """Tell which levels are possible in each row, (n, K).

        Raises
        ------
        FitError
            If rules leave a row no level.
        """
        if self.numbers:
            possible = np.all([self._possible_numbers(rule, rows) for rule in self._read], axis=0)
            self._require(possible.any(axis=1))
            return np.asarray(possible)
        found = np.ones((len(rows), len(rows.schema[self.column].levels)), dtype=bool)
        tables = iter(self.combinations)
        for rule in self._read:
            if rule.kind == WITHIN:
                found &= self._seen(rows, rule, next(tables))
                continue
            for code in range(found.shape[1]):
                found[:, code] &= rule.holds(with_levels(rows, self.column, code))
        self._require(found.any(axis=1))
        return found

    def _possible_numbers(self, rule: RowRule, rows: Rows) -> Mask:
        """Tell which of the numbers that are levels one rule leaves to each row, (n, K)."""
        try:
            low, high = rule_ends(rule, self.column, rows, 2 * half_unit(rows.schema[self.column]))
        except SpecError:  # it leaves no interval, as `!=` does
            return np.column_stack(
                [rule.holds(with_levels(rows, self.column, v)) for v in self.numbers]
            )
        numbers = np.array(self.numbers)
        return np.asarray((numbers >= low[:, None] - CLOSE) & (numbers <= high[:, None] + CLOSE))

    def _seen(self, rows: Rows, rule: RowRule, combinations: Combinations) -> Mask:
        """Tell which levels occur beside those of the other columns, or beside fewer of them."""
        names = [rule.target, *rule.others]
        place = names.index(self.column)
        table = np.array(combinations, dtype=np.int64).reshape(len(combinations), len(names))
        own, others = table[:, place], np.delete(table, place, axis=1)
        read = [n for n in names if n != self.column]
        codes = np.column_stack([_codes(rows.arrays[name]) for name in read])
        cells, inverse = np.unique(codes, axis=0, return_inverse=True)
        levels = len(rows.schema[self.column].levels)
        return _possible(cells, others, own, levels)[inverse.ravel()]

    def bounds(self, rows: Rows) -> Ends:
        """Return the smallest and the largest value possible in each row, (n,).

        Raises
        ------
        FitError
            If rules leave a row no value.
        """
        low, high = np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
        column = rows.schema[self.column]
        unit = 2 * half_unit(column)
        for rule in self._read:
            a, b = rule_ends(rule, self.column, rows, unit)
            low, high = np.maximum(low, a), np.minimum(high, b)
        self._require(low <= high)
        if self.ended:
            least, most = ends(column)
            low, high = (
                np.minimum(np.maximum(low, least), high),
                np.maximum(np.minimum(high, most), low),
            )
        return low, high

    def _require(self, possible: Mask) -> None:
        if not possible.all():
            rules = ", ".join(map(repr, self.rules))
            raise FitError(
                f"column {self.column!r}: in {int(np.sum(~possible))} of {len(possible)} rows its "
                f"rules ({rules}) leave it no value, given the columns before it; state a rule "
                "for those too, or visit another column of the rule last (--order)"
            )


def _combinations(rows: Rows, rule: RowRule) -> Combinations:
    codes = np.column_stack([_codes(rows.arrays[n]) for n in (rule.target, *rule.others)])
    return tuple(tuple(map(int, row)) for row in np.unique(codes, axis=0))


def _codes(values: Floats) -> NDArray[np.int64]:
    return np.where(np.isnan(values), -1, values).astype(np.int64)


def _possible(
    cells: NDArray[np.int64], others: NDArray[np.int64], own: NDArray[np.int64], levels: int
) -> Mask:
    """Tell which levels occur in each cell of other columns, (c, K)."""
    found = np.zeros((len(cells), levels), dtype=bool)
    for width in range(others.shape[1], -1, -1):
        left = np.flatnonzero(~found.any(axis=1))
        if not len(left):
            break
        known: dict[tuple[int, ...], list[int]] = {}
        for row, level in zip(others[:, :width], own, strict=True):
            if level >= 0:
                known.setdefault(tuple(map(int, row)), []).append(int(level))
        for place in left:
            found[place, known.get(tuple(map(int, cells[place, :width])), [])] = True
    return found
