"""Formulas and a user's own models are written, and tried, before the first fit."""

from collections.abc import Callable

from posynth.chain.blocks import Rows
from posynth.chain.spec import Conditional
from posynth.engines.base import Task
from posynth.errors import SpecError
from posynth.families import is_plugin
from posynth.families.base import Family
from posynth.posterior.bound import Chain
from posynth.posterior.task import encode_table, make_task
from posynth.table.frame import Table


def try_own(table: Table, chain: Chain) -> None:
    """Refuse a user's own model that could not be fitted to a table, or not drawn from.

    Parameters
    ----------
    table : Table
        The rows.
    chain : Chain
        Its families that are not built in are tried.

    Raises
    ------
    SpecError
        Naming the column, the family and the line to change.
    """
    from posynth.engines.own_check import check_own

    known = chain.families
    own = [c for c in chain.spec if _is_own(known[c.family])]
    rows = encode_table(table, chain.spec) if own else None
    for conditional in own:
        assert rows is not None
        _attempt(rows, chain, conditional, check_own)


def try_priors(table: Table, chain: Chain) -> None:
    """Refuse priors of coefficients that a conditional does not have on this table.

    Raises
    ------
    SpecError
        Naming the column, the name given, and the coefficients there are.
    """
    stated = [conditional for conditional in chain.spec if conditional.priors]
    rows = encode_table(table, chain.spec) if stated else None
    for conditional in stated:
        assert rows is not None
        make_task(rows, chain.spec, conditional, chain.families[conditional.family])


def write_models(rows: Rows, chain: Chain) -> None:
    """Write formulas and a user's own models once, so that mistakes come before the first fit.

    Raises
    ------
    SpecError
        Naming the column and the family.
    """
    known = chain.families
    for conditional in chain.spec:
        if _is_own(known[conditional.family]):
            _attempt(rows, chain, conditional, Task.model)
        elif conditional.formula or conditional.strata:
            _attempt(rows, chain, conditional, lambda task: None)


def _is_own(family: Family) -> bool:
    """Whether a family is not built in: a function, a file, or of an installed plugin."""
    return not family.algorithm and (not family.shared or is_plugin(family))


def _attempt(
    rows: Rows, chain: Chain, conditional: Conditional, action: Callable[[Task], object]
) -> None:
    """Do something with a conditional's task; every error names column and family."""
    where = f"column {conditional.column!r}, family {conditional.family!r}"
    family = chain.families[conditional.family]
    try:
        action(make_task(rows, chain.spec, conditional, family)[0])
    except SpecError as error:
        raise SpecError(f"{where}: {error}") from None
    except Exception as error:
        raise SpecError(
            f"{where}: its model cannot be written: {type(error).__name__}: {error}"
        ) from error
