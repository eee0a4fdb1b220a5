"""Kinds declared by the user, checked against the values before anything is built on them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np

from posynth.arguments import mapping
from posynth.errors import TableError, unknown
from posynth.table import dates
from posynth.table.field import Field, Storage, floats_of
from posynth.table.levels import Levels
from posynth.table.schema import Column, Kind

#: Whole numbers with thousands set off by commas, or plain ones; nothing that may go on otherwise.
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?(?![,.'\u2019 ]?\d|[eE][+-]?\d)")
#: An ordinal kind with its levels, lowest first.
_ORDERED = re.compile(r"ordinal\((.*)\)", re.DOTALL)


def declared_kinds(kinds: Mapping[str, str] | None, names: Iterable[str]) -> dict[str, Kind]:
    """Turn the user's mapping into kinds.

    Parameters
    ----------
    kinds : mapping of str to str, optional
        Column name to the value of a Kind, or to ``"ordinal(low<mid<high)"``, see `in_order`.
    names : iterable of str
        Columns of the table.

    Returns
    -------
    dict of str to Kind
        One entry a declared column.

    Raises
    ------
    TableError
        If a column or a kind does not exist.

    Examples
    --------
    >>> declared_kinds({"status": "nominal"}, ["status", "age"])["status"].value
    'nominal'
    """
    kinds = {} if kinds is None else kinds
    mapping("kinds", kinds, "{'status': 'nominal'}")
    allowed, known = [kind.value for kind in Kind], list(names)
    for name, kind in kinds.items():
        if name not in known:
            raise TableError(f"kinds: {unknown('column', name, known)}")
        if kind not in allowed and _order(kind) is None:
            raise TableError(f"kinds, column {name!r}: {unknown('kind', kind, allowed)}")
    return {
        name: Kind.ORDINAL if _order(kind) is not None else Kind(kind)
        for name, kind in kinds.items()
    }


def _order(kind: str) -> tuple[str, ...] | None:
    """Return the levels of ``ordinal(low<mid<high)``; None of another kind."""
    found = _ORDERED.fullmatch(kind) if isinstance(kind, str) else None
    return None if found is None else tuple(part.strip() for part in found[1].split("<"))


def in_order(column: Column, kind: str | None) -> Column:
    """Put the levels of a column in the order that its declared kind gives them.

    Parameters
    ----------
    column : Column
        As it was found.
    kind : str or None
        Its declared kind; ``"ordinal(low<mid<high)"`` names each level once, lowest first.

    Returns
    -------
    Column

    Raises
    ------
    TableError
        If a level is left out, named twice or not there.

    Examples
    --------
    >>> column = Column("size", Kind.ORDINAL, "str", ("L", "M", "S"), ordered=True)
    >>> in_order(column, "ordinal(S<M<L)").levels
    ('S', 'M', 'L')
    """
    order = None if kind is None else _order(kind)
    if order is None:
        return column
    known = {str(level): level for level in column.categories or column.levels}
    wrong = next((name for name in order if name not in known or order.count(name) > 1), None)
    left_out = next((name for name in known if name not in order), None)
    if wrong is not None or left_out is not None:
        problem = f"leaves out {left_out!r}"
        if wrong is not None:
            problem = f"names {wrong!r}" + (" twice" if wrong in known else ", which is no level")
        raise TableError(
            f"kinds, column {column.name!r}: {kind!r} {problem}; name each level once, lowest "
            f"first: {', '.join(map(repr, known))}"
        )
    levels = [known[name] for name in order]
    return replace(
        column,
        levels=tuple(level for level in levels if level in column.levels),
        categories=tuple(levels) if column.categories else (),
        note=column.note.replace(BY_TEXT, "levels stand in the order given"),
    )


def leading_numbers(levels: Iterable[object]) -> list[float]:
    """Return the number that each text begins with; none if one begins with none, or two are equal.

    Examples
    --------
    >>> leading_numbers(["1 low", "10 high", "2 mid"]), leading_numbers(["low", "1"])
    ([1.0, 10.0, 2.0], [])
    >>> leading_numbers(["500-999", "1,000-1,999", "10,000+"]), leading_numbers(["1e3", "50"])
    ([500.0, 1000.0, 10000.0], [])
    """
    found = [_NUMBER.match(level) if isinstance(level, str) else None for level in levels]
    numbers = [float(each[0].replace(",", "")) for each in found if each is not None]
    return numbers if len(numbers) == len(found) == len(set(numbers)) else []


#: What is said of ordinal text whose order nobody gave.
BY_TEXT = "levels stand in the order of their text: check it, or give it as ordinal(low<mid<high)"


def in_text_order(column: Column) -> bool:
    """Whether an ordinal column of text has its levels in the order of the alphabet.

    That is seldom their order, unless they begin with numbers that increase.

    Examples
    --------
    >>> in_text_order(Column("s", Kind.ORDINAL, "str", ("always", "never", "often"), ordered=True))
    True
    >>> in_text_order(Column("s", Kind.ORDINAL, "str", ("1 low", "2 high"), ordered=True))
    False
    """
    levels = [level for level in column.levels if isinstance(level, str)]
    given = column.kind is not Kind.ORDINAL or column.dtype == "category"
    numbers = leading_numbers(levels)
    numbered = bool(numbers) and numbers == sorted(numbers)
    return not (given or numbered or len(levels) < len(column.levels)) and levels == sorted(levels)


def check_declared(field: Field, levels: Levels, kind: Kind) -> None:
    """Refuse a declared kind that the values do not have.

    Raises
    ------
    TableError
        Names the column, what was found and the kinds that would do.
    """
    problem = CHECKS[kind](field, levels)
    if problem:
        fitting = [other.value for other in Kind if not CHECKS[other](field, levels)]
        raise TableError(
            f"column {field.name!r} cannot be {kind.value!r}: {problem}; declare one of "
            f"{', '.join(map(repr, fitting))}"
        )


def _number_problem(field: Field, levels: Levels) -> str:
    if field.oversized:
        return "it holds integers of more than 15 digits, which no model can keep exact"
    if not levels.seen:
        return "every value is missing"
    if field.storage is not Storage.NUMBER:
        return f"its values are stored as {field.storage.value}, {field.note or 'not as numbers'}"
    return ""


def _count_problem(field: Field, levels: Levels) -> str:
    problem = _number_problem(field, levels)
    if problem:
        return problem
    numbers = floats_of(field.values)
    fractions = int((np.rint(numbers) != numbers)[~np.isnan(numbers)].sum())
    below = int((numbers < 0).sum())
    if fractions or below:
        return f"{fractions} rows hold fractions and {below} hold numbers below 0"
    return ""


def _binary_problem(field: Field, levels: Levels) -> str:
    found = levels.seen
    return "" if found == 2 else f"it has {found} distinct values, not 2"


def _levels_problem(field: Field, levels: Levels) -> str:
    found = levels.seen
    return "" if found >= 2 else f"it has {found} distinct values, at least 2 are needed"


def _date_problem(field: Field, levels: Levels) -> str:
    if not levels.seen:
        return "every value is missing"
    if field.storage is Storage.DATETIME:
        return ""
    if field.clock:
        return "it holds clock times without a day, which are read as numbers"
    if field.storage is not Storage.TEXT:
        return f"no single date format fits its {field.storage.value}s: write year-month-day"
    texts = [str(value) for value in levels.values]
    return "" if dates.detect(texts) else _text_date_problem(texts)


def _text_date_problem(texts: list[str]) -> str:
    if dates.is_ambiguous(texts):
        return "day and month cannot be told apart in any value: write them as year-month-day"
    form, unread = dates.nearest(texts)
    if 2 * len(unread) > len(texts):
        return "no single date format fits every value (year-month-day is read without doubt)"
    return (
        f"{len(unread)} of {len(texts)} distinct values are not of the form {form}, as "
        f"{unread[0]!r}: correct them, or declare them missing with --na"
    )


def _constant_problem(field: Field, levels: Levels) -> str:
    return "" if levels.seen <= 1 else f"it has {levels.seen} distinct values"


def _no_problem(field: Field, levels: Levels) -> str:
    return ""


CHECKS: dict[Kind, Callable[[Field, Levels], str]] = {
    Kind.CONTINUOUS: _number_problem,
    Kind.COUNT: _count_problem,
    Kind.BINARY: _binary_problem,
    Kind.NOMINAL: _levels_problem,
    Kind.ORDINAL: _levels_problem,
    Kind.DATE: _date_problem,
    Kind.CONSTANT: _constant_problem,
    Kind.IDENTIFIER: _no_problem,
    Kind.TEXT: _no_problem,
}
