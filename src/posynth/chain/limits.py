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
from posynth.chain.interval import Ends
from posynth.chain.missing_kinds import missingness
from posynth.chain.quantiles import learn_scale
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
from posynth.table.bounds import ends, within_bounds
from posynth.table.codec import as_released

type Mask = NDArray[np.bool_]
ABOVE, BELOW, BETWEEN = "above", "below", "between"
#: Share of distances that reach beyond the other bound from which on values lie between both.
CROSSING = 0.02
#: The family of levels of which rules leave some.
RESTRICTED = "restricted"
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
        For a numeric column with a bound in every open row: what is modelled is its distance
        ``"above"`` the lower or ``"below"`` the upper bound, or its share of the way ``"between"``
        both, so that no draw lies beyond; ``""`` if there is no bound.
    codes : tuple of float
        For each rule on missing values, the kind of missing value it decides.
    ended : bool
        Whether the bounds of the column itself join those of its rules: where distances from one
        bound, drawn for other rows, would often reach beyond the other.
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
        limits = replace(limits, distance=limits._distance(rows))
        return replace(limits, ended=True, distance=BETWEEN) if limits._crosses(rows) else limits

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Limits":
        """Build limits from plain data, as they are stored."""
        nested = tuple(tuple(map(tuple, each)) for each in data.get("combinations", ()))
        plain = {**data, "rules": tuple(data["rules"]), "codes": tuple(data.get("codes", ()))}
        return cls(**{**plain, "combinations": nested})

    @cached_property
    def _read(self) -> tuple[RowRule, ...]:
        return tuple(map(read_row_rule, self.rules))

    def _has_levels(self, rows: Rows) -> bool:
        return not self.indicates and rows.schema[self.column].kind.is_categorical

    def decided(self, rows: Rows) -> Floats:
        """Return the only value possible in each row, (n,): encoded, or 1 for missing, else NaN."""
        if self.indicates:
            return self._missing(rows)
        if self._has_levels(rows):
            allowed = self.allowed(rows)
            return np.where(allowed.sum(axis=1) == 1, allowed.argmax(axis=1), np.nan)
        low, high = self.bounds(rows)
        return np.where(low == high, low, np.nan)

    def open(self, rows: Rows) -> Mask:
        """Tell in which rows more than one value is possible, (n,)."""
        return np.asarray(np.isnan(self.decided(rows)))

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

    def _distance(self, rows: Rows) -> str:
        """Return from which bounds distances of the source can be taken."""
        low, high = self.bounds(rows)
        there = (low < high) & ~np.isnan(rows.arrays[self.column])
        below, above = np.isfinite(low[there]), np.isfinite(high[there])
        if not (below.any() or above.any()):
            return ""
        if below.all() and above.all():
            return BETWEEN
        if below.all() and not above.any():
            return ABOVE
        if above.all() and not below.any():
            return BELOW
        raise SpecError(
            f"column {self.column!r}: its rules ({', '.join(map(repr, self.rules))}) bound it in "
            "some rows only; state a bound for the others too (a wide one will do), or leave the "
            "rule out"
        )

    def _crosses(self, rows: Rows) -> bool:
        """Whether distances from one bound often reach beyond the column's own on the other side.

        Each is compared with the room of the row half the table away.
        """
        if self.distance not in (ABOVE, BELOW):
            return False
        low, high = self.bounds(rows)
        ended = replace(self, ended=True).bounds(rows)
        there = (ended[0] < ended[1]) & ~np.isnan(rows.arrays[self.column])
        room, values = (ended[1] - ended[0])[there], rows.arrays[self.column][there]
        if not len(room) or not np.isfinite(room).all():
            return False
        distance = values - low[there] if self.distance == ABOVE else high[there] - values
        return bool(np.mean(np.roll(distance, len(distance) // 2) > room) > CROSSING)

    def measured(self, rows: Rows) -> Rows:
        """Return rows in which the column is what is modelled: its distance from a bound."""
        if not self.distance:
            return rows
        low, high = self.bounds(rows)
        values = rows.arrays[self.column]
        if self.distance == BETWEEN:
            values = (values - low) / np.where(high > low, high - low, 1.0)
        else:
            values = values - low if self.distance == ABOVE else high - values
        decimals = rows.schema[self.column].decimals
        if decimals is not None and self.distance != BETWEEN:
            values = np.round(values, decimals)
        return replace(rows, arrays={**rows.arrays, self.column: values})

    def back(self, rows: Rows, drawn: Floats) -> Floats:
        """Turn what was modelled into values of the column, kept to their bounds by rounding."""
        if not self.distance:
            return drawn
        low, high = self.bounds(rows)
        if self.distance == BETWEEN:
            found = low + drawn * (high - low)
        else:
            found = low + drawn if self.distance == ABOVE else high - drawn
        found = within_bounds(rows.schema[self.column], found)
        return np.clip(as_released(rows.schema[self.column], found), low, high)

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
        unit = 0.0 if column.decimals is None else 10.0**-column.decimals
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


def part(rows: Rows, mask: Mask) -> Rows:
    """Return some of the rows."""
    arrays = {name: values[mask] for name, values in rows.arrays.items()}
    return replace(rows, arrays=arrays, count=int(mask.sum()))


def part_of(rows: Rows, where: slice) -> Rows:
    """Return a stretch of the rows."""
    arrays = {name: values[where] for name, values in rows.arrays.items()}
    return replace(rows, arrays=arrays, count=len(range(*where.indices(len(rows)))))


def opened(limits: Limits | None, rows: Rows) -> tuple[Mask, Floats]:
    """Return which rows are to be drawn, and the values of the others, NaN where still unknown."""
    if limits is None:
        return np.ones(len(rows), dtype=bool), np.empty(len(rows))
    return limits.foreseen(rows), limits.decided(rows)


def limited(rows: Rows, conditional: Conditional) -> tuple[Limits | None, Rows]:
    """Return the limits of a conditional, and the rows they leave open, as they are modelled."""
    limits = Limits.of(rows, conditional)
    if limits is None:
        return None, rows
    left = part(limits.measured(rows), limits.open(rows))
    name = conditional.column
    if name not in rows.learned or conditional.indicates:
        return limits, left
    decimals = None if limits.distance == BETWEEN else rows.schema[name].decimals
    others = {key: scale for key, scale in rows.learned.items() if key != name}
    scale = learn_scale(left.arrays[name], decimals)
    return limits, replace(left, learned=others if scale is None else {**others, name: scale})


def behind_levels(rows: Rows, limits: Limits | None, X: Floats) -> Floats:
    """Put indicators of the possible levels before a design, if rules leave some of them only."""
    if limits is None or not limits.masked:
        return X
    return np.column_stack([limits.allowed(rows).astype(np.float64), X])
