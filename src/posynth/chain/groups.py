"""Groups of rows for families with random effects: which column, and what copies make of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.facts import FamilyFacts
from posynth.chain.spec import Conditional
from posynth.errors import SpecError, unknown
from posynth.table.schema import Kind, Schema

#: With fewer groups their spread is hardly known, and copies would show little but its prior.
LEAST_GROUPS = 5
#: Columns whose slopes may vary; their spreads are integrated on a grid.
MOST_SLOPES = 2
#: With fewer rows a group on average, spread between and within groups are hardly told apart.
ROWS_A_GROUP = 2


@dataclass(frozen=True)
class Groups:
    """The column of groups of one conditional.

    Attributes
    ----------
    column : str
        The column, or ``""`` where the family has no groups.
    levels : tuple of str
        Its levels; what is coded is their index.
    new : bool
        Whether every copy draws the effects of groups anew, so that a label in a copy stands for
        another group than in the source.
    slopes : tuple of str
        Predictors of the design whose slopes vary between groups.
    """

    column: str = ""
    levels: tuple[str, ...] = ()
    new: bool = False
    slopes: tuple[str, ...] = ()

    @classmethod
    def of(cls, conditional: Conditional, schema: Schema, predictors: Sequence[str]) -> "Groups":
        """Return the groups that a conditional asks for, on a design of these predictors."""
        name = conditional.groups
        if not name:
            return NO_GROUPS
        levels, new = tuple(map(str, schema[name].levels)), bool(conditional.new_groups)
        if schema[name].roster:
            levels = tuple(map(str, range(1, schema.groups_of(name) + 1)))
        return cls(name, levels, new, _slopes(conditional, predictors))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Groups":
        """Build groups from plain data."""
        sequences = {key: tuple(data.get(key, ())) for key in ("levels", "slopes")}
        return cls(**{**data, **sequences})


#: A family without groups.
NO_GROUPS = Groups()


def behind_groups(
    rows: Rows, groups: Groups, X: Floats, fitted: NDArray[np.bool_] | None = None
) -> Floats:
    """Put the index of each row's group before a design; without groups return it as it is."""
    if not groups.column:
        return X
    codes = rows.arrays[groups.column]
    return np.column_stack([codes if fitted is None else codes[fitted], X])


def check_groups(
    conditional: Conditional,
    schema: Schema,
    earlier: tuple[str, ...],
    facts: Mapping[str, FamilyFacts],
) -> None:
    """Raise unless a family with groups is told one column of groups, and others none.

    Raises
    ------
    SpecError
        Naming the column, the value found, what is allowed and the next step.
    """
    where = f"column {conditional.column!r}, family {conditional.family!r}"
    if facts[conditional.family].design != "grouped":
        if conditional.groups or conditional.slopes:
            having = ", ".join(sorted(n for n, f in facts.items() if f.design == "grouped"))
            raise SpecError(
                f"{where}: it has no groups, but {_named(conditional)}; "
                f"families with groups: {having}"
            )
        return
    if bool(conditional.keep_groups) == bool(conditional.new_groups):
        found = "both stand" if conditional.keep_groups else "neither stands"
        raise SpecError(
            f"{where}: say what copies make of groups, keep_groups = COLUMN (a group of a copy is "
            "that of the source) or new_groups = COLUMN (its effect is drawn anew); here "
            f"{found}. On the command line: {conditional.family}(new_groups=COLUMN)"
        )
    if conditional.scale == "learned" or conditional.strata == conditional.groups:
        what = "scale 'learned'" if conditional.scale == "learned" else "strata of the same column"
        raise SpecError(f"{where}: groups do not go together with {what}; leave that out")
    check_column(where, conditional.groups, schema, earlier)
    _check_slopes(where, conditional, schema, earlier)


def _named(conditional: Conditional) -> str:
    if conditional.groups:
        return f"{conditional.groups!r} is named as their column"
    return f"slopes = {list(conditional.slopes)} are to vary between them"


def _slopes(conditional: Conditional, predictors: Sequence[str]) -> tuple[str, ...]:
    """Return the predictor that each column of slopes has become; a binary one is a contrast."""
    found = []
    for name in conditional.slopes:
        own = [p for p in predictors if p == name or p.startswith(f"{name}[")]
        if len(own) != 1:
            raise SpecError(
                f"column {conditional.column!r}: the slope of {name!r} cannot vary between groups: "
                "it is constant, or has too few cases to be a predictor; leave it out of slopes"
            )
        found += own
    return tuple(found)


def _check_slopes(
    where: str, conditional: Conditional, schema: Schema, earlier: tuple[str, ...]
) -> None:
    slopes = conditional.slopes
    if len(slopes) > MOST_SLOPES or len(set(slopes)) < len(slopes):
        raise SpecError(
            f"{where}: slopes = {list(slopes)}; name up to {MOST_SLOPES} different columns"
        )
    if slopes and (conditional.formula or conditional.splines):
        what = "a formula" if conditional.formula else "splines"
        raise SpecError(f"{where}: slopes do not go together with {what}; keep one of them")
    given = earlier if conditional.predictors is None else conditional.predictors
    for name in slopes:
        if name not in given or name not in schema or name == conditional.groups:
            allowed = [n for n in given if n in schema and n != conditional.groups]
            raise SpecError(f"{where}, slopes: {unknown('predictor', name, allowed)}")
        kind = schema[name].kind
        if not kind.is_numeric and kind is not Kind.BINARY:
            raise SpecError(
                f"{where}: the slope of {name!r} cannot vary between groups, it is {kind.value}; "
                "slopes are those of numeric and binary columns"
            )


def check_column(
    where: str, name: str, schema: Schema, earlier: tuple[str, ...], *, spread: bool = True
) -> None:
    """Raise unless a column can be that of groups, whose spread is learned or which are rows."""
    if name not in schema:
        raise SpecError(f"{where}, groups: {unknown('column', name, schema.names)}")
    column = schema[name]
    if column.roster:
        _check_count(where, name, schema, spread)
        return
    if not column.kind.is_categorical:
        raise SpecError(
            f"{where}: the column of groups, {name!r}, is {column.kind.value}; groups are levels: "
            f"declare its kind, as --kind {name}=nominal"
        )
    if name not in earlier:
        raise SpecError(
            f"{where}: the column of groups, {name!r}, is not visited before it; visited before: "
            f"{', '.join(map(repr, earlier)) or 'nothing'}. Put it first: --order {name}"
        )
    if column.missing:
        raise SpecError(
            f"{where}: the column of groups, {name!r}, has {column.missing} missing values, and a "
            "row must belong to a group; complete it first"
        )
    _check_count(where, name, schema, spread)


def _check_count(where: str, name: str, schema: Schema, spread: bool) -> None:
    count, most = schema.groups_of(name), schema.rows // ROWS_A_GROUP
    if count < LEAST_GROUPS:
        raise SpecError(
            f"{where}: {name!r} has {count} groups, too few to learn their spread from "
            f"({LEAST_GROUPS} are asked for); use it as a predictor under a family without groups"
        )
    if spread and count > most:
        raise SpecError(
            f"{where}: {name!r} has {count} groups on {schema.rows} rows, too many to tell spread "
            f"between them from spread within ({most} at most); use a family without groups"
        )


def check_roster(conditional: Conditional, schema: Schema) -> None:
    """Raise unless a conditional of family roster is that of the wave of a repeated identifier.

    Raises
    ------
    SpecError
        Naming the column and the next step.
    """
    column = schema.repeated
    wave = column.roster.wave if column and column.roster else ""
    if conditional.target != wave:
        found = f"that of {column.name!r} is {wave!r}" if column and wave else "there is none"
        raise SpecError(
            f"column {conditional.target!r}, family 'roster': it is for the column that differs "
            f"between the rows of a repeated identifier, and {found}; name another family"
        )
