"""What can be wrong with the formula of a conditional, found before the first fit."""

from posynth.chain.formula import read_formula
from posynth.chain.formula_check import UnknownColumn
from posynth.chain.spec import Conditional
from posynth.errors import SpecError
from posynth.table.schema import Schema


def check_formula(conditional: Conditional, allowed: tuple[str, ...], schema: Schema) -> None:
    """Refuse a formula that holds what no formula may, or a column that is visited later.

    Parameters
    ----------
    conditional : Conditional
        One with a formula.
    allowed : tuple of str
        Columns and indicators visited before it.
    schema : Schema
        What each column is.

    Raises
    ------
    SpecError
        Naming the column, the formula, what is allowed and the next step.
    """
    where = f"column {conditional.column!r}, formula {conditional.formula!r}"
    known = tuple(dict.fromkeys((*schema.names, *allowed)))
    try:
        columns = _columns(conditional.formula, known, allowed)
    except SpecError as error:
        where = f"column {conditional.column!r}, family {conditional.family!r}"
        raise SpecError(f"{where}: {error}") from None
    for name in columns:
        if name not in allowed:
            raise SpecError(
                f"{where}: {name!r} is not visited before it; visited before: "
                f"{', '.join(map(repr, allowed)) or 'nothing'}"
            )


def _columns(formula: str, known: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that occur in a formula; errors list those it may read."""
    try:
        return read_formula(formula, known, dot=allowed).named
    except UnknownColumn:
        return read_formula(formula, allowed, dot=allowed).named
