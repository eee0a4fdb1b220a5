"""Rules that hold in every row hold where values are imputed too, whichever column is missing.

A chain keeps a rule in the conditional of the column it visits last. Imputation draws any column of
it given the others: pupils where the number of devices is known, the region of a town, the parts of
a sum. Rules are therefore read anew for each column:

- where they leave it an interval, or some of its levels, its model is normalised over those;
- of an equation between numbers, as ``a + b + c == 100``, what is drawn last in a row is computed;
  columns drawn before it are not regressed on it;
- what cannot be written as an interval (``x / z < 1``, given x) is drawn again where a draw breaks
  the rule, some times, and then taken from the values present that do not break it.

A question that is asked stays so: a condition of ``brand is missing if smoke == 'never'`` that is
missing itself is not imputed as 'never' beside a brand.
"""

import ast
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.limits import Limits
from posynth.chain.row_rule import HOLDS, WITHIN, RowRule, read_row_rule
from posynth.chain.rule_ends import rule_ends
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import FitError, SpecError
from posynth.table.bounds import ends, half_unit
from posynth.table.schema import Schema

type Mask = NDArray[np.bool_]
#: Rounding error of a bound.
CLOSE = 1e-9


def row_rules(spec: ChainSpec) -> tuple[RowRule, ...]:
    """Return the rules of a chain, each once."""
    return tuple(map(read_row_rule, dict.fromkeys(text for c in spec for text in c.rules)))


def imputed_beside(names: Iterable[str], spec: ChainSpec) -> tuple[str, ...]:
    """Return columns and those that rules bound them by, however indirectly.

    Examples
    --------
    >>> given = [Conditional("a", "gaussian"), Conditional("b", "bounded", rules=("a <= b",))]
    >>> imputed_beside(["b"], ChainSpec(tuple(given)))
    ('b', 'a')
    """
    found = dict.fromkeys(names)
    waiting, rules = list(found), row_rules(spec)
    while waiting:
        name = waiting.pop()
        for rule in rules:
            if not (name in rule.columns if rule.kind in (HOLDS, WITHIN) else name == rule.target):
                continue
            waiting += [other for other in rule.columns if other not in found]
            found |= dict.fromkeys(rule.columns)
    return tuple(found)


@dataclass(frozen=True)
class RulesToKeep:
    """The rules among the columns of a table, whatever column of them is drawn.

    Attributes
    ----------
    rows : Rows
        The table, encoded; NaN where a value is missing.
    rules : tuple of RowRule
        Rules of the chain whose columns are all at hand.
    order : tuple of str
        Columns to draw, in order.
    """

    rows: Rows
    rules: tuple[RowRule, ...] = ()
    order: tuple[str, ...] = ()

    @classmethod
    def of(cls, rows: Rows, spec: ChainSpec, order: Collection[str]) -> "RulesToKeep":
        """Take the rules of a chain that read columns at hand."""
        there = {*rows.schema.names}
        rules = tuple(rule for rule in row_rules(spec) if there.issuperset(rule.columns))
        return cls(rows, rules, tuple(order))

    @property
    def linked(self) -> bool:
        """Whether a rule reads several columns that are drawn."""
        return any(len({*rule.columns} & {*self.order}) > 1 for rule in self.rules)

    def about(self, name: str) -> tuple[RowRule, ...]:
        """Return the rules that a value of a column may break."""
        return tuple(
            rule
            for rule in self.rules
            if name in (rule.columns if rule.kind in (HOLDS, WITHIN) else rule.sources)
        )

    def modelled(self, name: str, left: Collection[str]) -> tuple[str, ...]:
        """Return the rules under which the model of a column can be normalised.

        Those that read columns left to draw say nothing in the rows where these are missing.
        """
        found = [rule for rule in self.about(name) if not {*left} & {*rule.columns} - {name}]
        if not self.rows.schema[name].kind.is_numeric:
            return tuple(rule.text for rule in found)
        kept = (rule for rule in found if not self._is_equation(rule))
        return tuple(rule.text for rule in kept if self._interval(rule, name, self.rows.arrays))

    def not_given(self, name: str) -> set[str]:
        """Return the columns that are computed from a column after it was drawn."""
        found: set[str] = set()
        for rule in self.about(name):
            if self._is_equation(rule):
                found |= {*self._later(rule, name)}
        return found

    def decided(self, name: str, now: Mapping[str, Floats]) -> Floats:
        """Return what rules compute of a column in each row, (n,); NaN where they do not."""
        found, rules = np.full(len(self.rows), np.nan), self.about(name)
        if rules and self.rows.schema[name].kind.is_categorical:
            given = dict(now)
            for rule in rules:
                given |= self._view(rule, name, now)[0]
            try:
                return self._limits(name, rules).decided(replace(self.rows, arrays=given))
            except FitError:  # in some rows they leave it no level
                return found
        for rule in rules:
            given, _ = self._view(rule, name, now)
            got = self._interval(rule, name, given)
            if got is not None:
                low, high = got
                found = np.where(np.isnan(found) & (low == high), low, found)
        return found

    def _limits(self, name: str, rules: Iterable[RowRule]) -> Limits:
        texts = tuple(rule.text for rule in rules)
        limits = Limits.of(self.rows, Conditional(name, "categorical", rules=texts))
        assert limits is not None
        return limits

    def keep(self, name: str, now: Mapping[str, Floats]) -> Mask:
        """Tell in which rows the values that a column has now break no rule, (n,)."""
        found = np.ones(len(self.rows), dtype=bool)
        for rule in self.about(name):
            given, unknown = self._view(rule, name, now)
            found &= self._holds(rule, name, given)
            for other, missing in unknown.items():
                found &= ~missing | self._possible(rule, other, given)
        return found

    def _holds(self, rule: RowRule, name: str, given: Mapping[str, Floats]) -> Mask:
        rows, values = replace(self.rows, arrays=given), given[name]
        if rule.kind == WITHIN:
            return self._limits(name, [rule]).keeps(rows)
        numeric = self.rows.schema[name].kind.is_numeric
        got = self._interval(rule, name, given) if numeric else None
        if got is None:
            return rule.holds(rows)
        low, high = got
        slack = CLOSE * np.abs(values)
        return np.asarray(np.isnan(values) | ((values >= low - slack) & (values <= high + slack)))

    def _possible(self, rule: RowRule, name: str, given: Mapping[str, Floats]) -> Mask:
        """Tell where an equation leaves a value within its bounds to a column still to draw."""
        got = self._interval(rule, name, given)
        if got is None:
            return np.ones(len(self.rows), dtype=bool)
        (low, high), (least, most) = got, ends(self.rows.schema[name])
        return np.asarray((high >= least - CLOSE) & (low <= most + CLOSE))

    def _interval(
        self, rule: RowRule, name: str, given: Mapping[str, Floats]
    ) -> tuple[Floats, Floats] | None:
        """Return what a rule leaves to a numeric column; None where that is no interval."""
        if rule.kind != HOLDS:
            return None
        rows = replace(self.rows, arrays=given)
        try:
            return rule_ends(rule, name, rows, 2 * half_unit(self.rows.schema[name]))
        except SpecError:
            return None

    def _view(
        self, rule: RowRule, name: str, now: Mapping[str, Floats]
    ) -> tuple[dict[str, Floats], dict[str, Mask]]:
        """Return the values a rule is read with, and where a column still to draw is unknown.

        Of a question that may not be asked only that it was answered counts, not what was drawn.
        """
        given, unknown = dict(now), {}
        if rule.kind not in (HOLDS, WITHIN):
            given[rule.target] = self.rows.arrays[rule.target]
        elif self._is_equation(rule):
            taken = np.zeros(len(self.rows), dtype=bool)
            for other in reversed(self._later(rule, name)):
                missing = np.isnan(self.rows.arrays[other]) & ~taken
                given[other] = np.where(missing, np.nan, now[other])
                unknown[other] = missing
                taken |= missing
        return given, unknown

    def _later(self, rule: RowRule, name: str) -> list[str]:
        """Return the columns of a rule that are drawn after one of them."""
        place = self.order.index(name) if name in self.order else len(self.order)
        return [n for n in self.order[place + 1 :] if n in rule.columns]

    def _is_equation(self, rule: RowRule) -> bool:
        """Whether a rule says that numbers of several columns are equal, as parts of a sum."""
        if rule.kind != HOLDS or rule.head is None or len(rule.head.sources) < 2:
            return False
        tree, schema = rule.head.tree, self.rows.schema
        equal = isinstance(tree, ast.Compare) and all(isinstance(op, ast.Eq) for op in tree.ops)
        return equal and all(schema[name].kind.is_numeric for name in rule.head.sources)


def with_columns(schema: Schema, names: Iterable[str], spec: ChainSpec) -> tuple[str, ...]:
    """Return columns and all others that rules on them read."""
    wanted = {*names}
    read = {n for rule in row_rules(spec) if wanted & {*rule.columns} for n in rule.columns}
    return tuple(n for n in schema.names if n in wanted | read and schema[n].kind.is_modelled)
