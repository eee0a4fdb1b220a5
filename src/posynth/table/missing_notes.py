"""What is said of missing values and their codes, where columns are described."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from posynth.table.arrays import Ints
from posynth.table.missing_codes import (
    DOT,
    LEAST_ROWS,
    MISSING,
    Matcher,
    MissingCodes,
    column_option,
    likely_codes,
    option,
)
from posynth.table.schema import Level

#: Texts among numbers that are named, at most; more of them are not codes.
FEW_TEXTS = 3
#: Length of a text that is named.
SHORT = 20


def absent_notes(
    name: str, rows: Mapping[str, int], codes: Sequence[str], kinds: Sequence[str]
) -> list[str]:
    r"""Say which texts of a column were read as missing, and how copies write them.

    Parameters
    ----------
    name : str
        The column.
    rows : Mapping of str to int
        Text that was read as missing -> rows that hold it.
    codes : sequence of str
        Codes declared for the column.
    kinds : sequence of str
        How copies write missing values, each kind of them.

    Examples
    --------
    >>> print(*absent_notes("income", {"?": 4, "": 1}, (), ["?"]), sep="\n")
    '?' (4 rows) beside numbers is read as missing; --kind income=nominal keeps it as a level
    copies write every missing value as '?'
    """
    matcher, notes = Matcher(codes), []
    declared = {text: matcher(text, _number(text)) for text in rows}
    for code in codes:
        count = sum(rows[text] for text, found in declared.items() if found == code)
        if count:
            notes.append(f"{code!r} ({_rows(count)}) is read as missing, as declared")
    evident = {
        text.strip(): count
        for text, count in rows.items()
        if text.strip() not in MISSING and not declared[text]
    }
    for text, count in evident.items():
        kept = f"; {column_option('--kind', name, 'nominal')} keeps it as a level"
        step = "" if text == DOT else kept
        notes.append(f"{text!r} ({_rows(count)}) beside numbers is read as missing{step}")
    if len(kinds) > 1:
        shown = ", ".join(repr(kind.strip() or "empty") for kind in kinds)
        notes.append(f"kinds of missing values of their own, in copies too: {shown}")
    elif len({text.strip() for text in rows}) > 1:
        notes.append(f"copies write every missing value as {kinds[0]!r}")
    return notes


def unused_notes(codes: MissingCodes, seen: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Name declared codes that are in no row: they may be misspelt.

    Parameters
    ----------
    codes : MissingCodes
        What was declared; codes that a schema or a chain file brings along are not looked at.
    seen : Mapping of str to collection of str
        Column -> codes that it holds.

    Examples
    --------
    >>> codes = MissingCodes(("?",), {"income": ("-9", "-8")})
    >>> unused_notes(codes, {"income": {"-9"}, "age": ()})
    ("na: no value of any column is '?'", "na: no value of 'income' is '-8'")
    """
    if not codes.strict:
        return ()
    every = {code for held in seen.values() for code in held}
    notes = [f"na: no value of any column is {c!r}" for c in codes.everywhere if c not in every]
    for name, own in codes.columns.items():
        notes += [f"na: no value of {name!r} is {c!r}" for c in own if c not in seen.get(name, ())]
    return tuple(notes)


def text_note(name: str, numeric: int, rows: int, others: Mapping[str, int]) -> str:
    """Say of a column of numbers and a few texts how the texts can be read as missing."""
    said = f"{numeric} of {rows} values are numbers and {rows - numeric} are not (codes?), "
    codes = [text.strip() for text in others]
    # What few rows hold may be a remark about a person, and is not repeated.
    short = all(len(code) <= SHORT and "," not in code for code in codes)
    short &= all(count >= LEAST_ROWS for count in others.values())
    if len(codes) > FEW_TEXTS or not short or numeric <= rows - numeric:
        return f"{said}so the column is read as text"
    return f"{said}so the column is read as text; {option(name, codes)} reads them as missing"


def likely_note(name: str, values: Sequence[Level], counts: Ints) -> str:
    """Point out numbers that may be codes for missing values, with the option that reads them so.

    Examples
    --------
    >>> print(likely_note("kids", [0, 1, 2, 99], np.array([40, 60, 30, 9])))
    99 (9 rows) looks like a code for missing: --na kids=99 reads it as that
    """
    numbers = np.array([float(value) for value in values])
    seen = np.asarray(counts) > 0
    found = likely_codes(numbers[seen], np.asarray(counts)[seen]) if seen.any() else []
    if not found:
        return ""
    shown = " and ".join(f"{number:.15g} ({_rows(count)})" for number, count in found)
    codes = option(name, [f"{number:.15g}" for number, _ in found])
    if len(found) == 1:
        return f"{shown} looks like a code for missing: {codes} reads it as that"
    return f"{shown} look like codes for missing: {codes} reads them as that"


def _number(text: str) -> str:
    bare = text.strip().replace(",", ".")
    try:
        return str(float(bare))
    except ValueError:
        return ""


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
