"""Rules that hold in every row: what they say, where they apply, and in which rows they hold.

``discharge >= admission``; ``weeks == 0 if employed == 'no'``; ``town within region`` (only
combinations of the two that the source holds); ``brand is missing if smoke == 'never'`` (a question
that is not asked); ``brand is present if smoke == 'current'``. ``unless`` in place of ``if`` turns
the condition round; ``is missing if and only if ...`` says both. What stands before and after
``if`` is written as the rule of a passive column is.

A rule on values speaks of rows in which all columns that it compares are present.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posynth.chain.rule import Rule, Values, compared, named, read_rule
from posynth.errors import SpecError, unknown
from posynth.table.schema import Column, Schema

if TYPE_CHECKING:
    from posynth.chain.blocks import Rows

type Floats = NDArray[np.float64]
type Mask = NDArray[np.bool_]

MISSING, PRESENT, WITHIN, HOLDS = "missing", "present", "within", "holds"
ONLY_IF = "if and only if"
_NAME = r"(`[^`]+`|[^\s'\"()`,]+)"
_STATE = re.compile(rf"{_NAME}\s+is\s+(not\s+missing|missing|present)")
_WITHIN = re.compile(rf"{_NAME}\s+within\s+({_NAME}(?:\s*,\s*{_NAME})*)")
_EXAMPLES = (
    "'discharge >= admission', 'brand is missing if smoke == \"never\"', 'town within region'"
)


@dataclass(frozen=True)
class RowRule:
    """A rule that was read.

    Attributes
    ----------
    text : str
        The rule as it was written.
    kind : str
        ``"missing"``, ``"present"``, ``"within"`` or ``"holds"``.
    target : str
        The column a rule on missing values is about, or the first column of ``within``.
    others : tuple of str
        The other columns of ``within``.
    head : Rule, optional
        What must hold, for kind ``"holds"``.
    condition : Rule, optional
        Where the rule applies; everywhere if there is none.
    unless : bool
        Whether it applies where the condition does not hold.
    only : bool
        Whether what a rule on missing values says is false where it does not apply.
    """

    text: str
    kind: str
    target: str = ""
    others: tuple[str, ...] = ()
    head: Rule | None = None
    condition: Rule | None = None
    unless: bool = False
    only: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns it reads, in order of appearance."""
        head = self.head.sources if self.head else (self.target, *self.others)
        return tuple(dict.fromkeys((*head, *self.sources)))

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns its condition reads."""
        return self.condition.sources if self.condition else ()

    def applies(self, rows: "Rows") -> Mask:
        """Tell in which rows its condition is met, (n,)."""
        if self.condition is None:
            return np.ones(len(rows), dtype=bool)
        taken = {name: written(rows.schema[name], rows.arrays[name]) for name in self.sources}
        found = self._computed(self.condition, taken) != 0
        return np.asarray(~found if self.unless else found)

    def holds(self, rows: "Rows") -> Mask:
        """Tell in which rows it holds, (n,); a rule of combinations holds in all of the source."""
        applies = self.applies(rows)
        if self.kind in (MISSING, PRESENT):
            said = np.isnan(rows.arrays[self.target]) == (self.kind == MISSING)
            return np.asarray(said == applies if self.only else ~applies | said)
        if self.head is None:
            return np.ones(len(rows), dtype=bool)
        known = ~np.any([np.isnan(rows.arrays[name]) for name in self.head.needed], axis=0)
        taken = {name: written(rows.schema[name], rows.arrays[name]) for name in self.head.sources}
        return np.asarray(~applies | ~known | (self._computed(self.head, taken) != 0))

    def _computed(self, rule: Rule, taken: Mapping[str, Values]) -> Values:
        found = rule.values(taken)
        if found.dtype.kind != "f":
            raise SpecError(f"rule {self.text!r}: {rule.text!r} is text, not a condition")
        return found


def written(column: Column, values: Floats) -> Values:
    """Return encoded values as a rule reads them: numbers, or levels with None where missing."""
    if not column.kind.is_categorical:
        return values
    levels: list[object] = [*column.levels]
    if all(isinstance(level, int | float) for level in levels):
        numbers = np.array([*map(float, column.levels), np.nan])
        return numbers[_places(values, len(levels))]
    texts = np.array([*map(str, levels), None], dtype=object)
    return texts[_places(values, len(levels))]


def _places(codes: Floats, missing: int) -> NDArray[np.int64]:
    return np.where(np.isnan(codes), missing, codes).astype(np.int64)


@lru_cache(maxsize=1024)
def read_row_rule(text: str) -> RowRule:
    """Read a rule.

    Raises
    ------
    SpecError
        If it is no rule.

    Examples
    --------
    >>> rule = read_row_rule("brand is missing if smoke == 'never'")
    >>> rule.kind, rule.target, rule.sources
    ('missing', 'brand', ('smoke',))
    >>> read_row_rule("town within region").columns
    ('town', 'region')
    """
    said = text.strip()
    head, word, condition = _split(said)
    given = read_rule(condition) if word else None
    state, within = _STATE.fullmatch(head), _WITHIN.fullmatch(said)
    if within:
        names = [_bare(name) for name in re.findall(_NAME, within.group(2))]
        rule = RowRule(text, WITHIN, _bare(within.group(1)), tuple(names))
        if rule.target in names or len({*names}) < len(names):
            raise SpecError(f"rule {text!r} names a column twice")
        return rule
    if state:
        kind = MISSING if state.group(2) == "missing" else PRESENT
        name, only, turned = _bare(state.group(1)), word == ONLY_IF, word == "unless"
        rule = RowRule(text, kind, name, condition=given, unless=turned, only=only)
        if given is None:
            raise SpecError(f"rule {text!r} has no condition: write '{said} if ...'")
        if rule.target in given.sources:
            raise SpecError(f"rule {text!r}: its condition reads the column it speaks of")
        return rule
    if word == ONLY_IF:
        raise SpecError(f"rule {text!r}: 'if and only if' is for 'is missing' and 'is present'")
    try:
        holds = read_rule(head)
    except SpecError as error:
        raise SpecError(f"{error}. Rules are written as {_EXAMPLES}") from None
    return RowRule(text, HOLDS, head=holds, condition=given, unless=word == "unless")


def _split(text: str) -> tuple[str, str, str]:
    """Return what stands before and after `` if `` or `` unless `` outside of quotes."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`", lambda found: "x" * len(found.group()), text)
    if re.search(r"\selse\s", bare):
        return text, "", ""
    found = list(re.finditer(rf"\s({ONLY_IF}|if|unless)\s", bare))
    if not found:
        return text, "", ""
    first = found[0]
    return text[: first.start()].strip(), first.group(1), text[first.end() :].strip()


def _bare(name: str) -> str:
    return name.strip("`")


def require_columns(rule: RowRule, schema: Schema) -> None:
    """Raise unless a rule reads columns that are modelled, in ways their kinds allow.

    Raises
    ------
    SpecError
        Naming the rule, the column and what is allowed.
    """
    for name in rule.columns:
        if name not in schema:
            known = ", ".join(map(repr, schema.names[:8]))
            raise SpecError(f"rule {rule.text!r}: there is no column {name!r}; columns are {known}")
        kind = schema[name].kind
        missing_only = rule.kind in (MISSING, PRESENT) and name == rule.target
        if not kind.is_modelled and not (missing_only and schema[name].levels):
            raise SpecError(
                f"rule {rule.text!r}: column {name!r} is not modelled (kind {kind.value!r}), so "
                f"its values cannot be kept to a rule; declare another kind for it first"
            )
    stated = [n for n in rule.head.sources if n not in rule.head.needed] if rule.head else []
    if stated:
        raise SpecError(
            f"rule {rule.text!r} says where column {stated[0]!r} is missing, which is written as "
            f"'{named(stated[0])} is missing if ...' or '{named(stated[0])} is missing unless ...'"
        )
    for part in (rule.head, rule.condition):
        for name, value in compared(part) if part else ():
            _require_level(rule, schema[name], value)
    if rule.kind == WITHIN:
        for name in (rule.target, *rule.others):
            if not schema[name].kind.is_categorical:
                raise SpecError(
                    f"rule {rule.text!r}: column {name!r} is of kind {schema[name].kind.value!r}; "
                    "'within' takes columns of levels: declare it 'nominal', or write a comparison"
                )


def _require_level(rule: RowRule, column: Column, value: object) -> None:
    """Raise if a column of levels is compared with what is none of them."""
    if not column.kind.is_categorical:
        return
    numbers = all(isinstance(level, int | float) for level in column.levels)
    known = [float(v) for v in column.levels] if numbers else [str(v) for v in column.levels]
    if isinstance(value, str) == numbers or value not in known:
        told = unknown(f"level of column {column.name!r}", str(value), [str(v) for v in known])
        raise SpecError(f"rule {rule.text!r}: {told}")


def require_true(rule: RowRule, rows: "Rows") -> None:
    """Raise unless a rule holds in every row of the source.

    Raises
    ------
    SpecError
        With the number of rows that contradict it; no value is shown.
    """
    try:
        broken = int(np.sum(~rule.holds(rows)))
    except SpecError as error:
        raise SpecError(f"rule {rule.text!r}: {error}") from None
    if broken:
        raise SpecError(
            f"rule {rule.text!r}: {broken} of {len(rows)} rows of the source contradict it; "
            "correct these rows or the rule (with `if` it applies to some rows only)"
        )


def rows_it_speaks_of(rule: RowRule, rows: "Rows") -> int:
    """Return the number of rows that a rule speaks of."""
    if rule.head is None:
        return int(rule.applies(rows).sum())
    known = ~np.any([np.isnan(rows.arrays[name]) for name in rule.head.needed], axis=0)
    return int(np.sum(rule.applies(rows) & known))


def with_levels(rows: "Rows", name: str, code: float) -> "Rows":
    """Return rows in which a column has one level, or one number, everywhere."""
    values = np.full(len(rows), float(code))
    return replace(rows, arrays={**rows.arrays, name: values})
