"""Columns of text cells become Fields: missing markers, numbers, truth values, labels."""

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd

from posynth.table import clock, dates
from posynth.table.arrays import Ints, Objects, array_of
from posynth.table.field import MAX_DECIMALS, Field, Storage
from posynth.table.missing_codes import DOT, MISSING, Matcher, column_option, is_evident
from posynth.table.missing_notes import absent_notes, text_note
from posynth.table.numerals import Form, Found, find_form
from posynth.table.reasons import kinds_of
from posynth.table.schema import Kind

INFINITE = frozenset(f"{sign}{word}" for sign in ("", "+", "-") for word in ("inf", "infinity"))
MAX_DIGITS = 15
PLAIN = re.compile(r"[+-]?(?:\d+(?:\.(\d*))?|\.(\d+))(?:[eE][+-]?\d+)?")
LEADING_ZERO = re.compile(r"[+-]?0\d")
#: Declared kinds of which texts beside numbers stay texts, and numbers with signs too.
STAYS_TEXT = (Kind.NOMINAL, Kind.TEXT)
TRUTH = frozenset({"True", "False"})


class Marks(NamedTuple):
    """What was declared of cells: codes for missing values, the mark between thousands."""

    codes: Sequence[str] = ()
    thousands: str | None = None


class _Distinct(NamedTuple):
    """Distinct cells of a column: text, code of every row, rows of every text."""

    texts: list[str]
    codes: Ints
    counts: Ints


def field_from_cells(
    name: str,
    cells: Sequence[str],
    decimal: str,
    *,
    is_label: bool,
    wanted: Kind | None,
    marks: Marks | None = None,
) -> Field:
    """Read a column of text cells.

    Parameters
    ----------
    name : str
        Column name.
    cells : sequence of str
        Cells as they stand in the file, length n.
    decimal : str
        Decimal mark of the file.
    is_label : bool
        Whether the file marks the column as text by quoting it where numbers are bare.
    wanted : Kind, optional
        Kind the user declared; a numeric kind reads numbers whatever the quotes say.
    marks : Marks, optional
        What was declared of the cells.

    Returns
    -------
    Field
        Values with the decimals and missing marker of the text.

    Examples
    --------
    >>> field = field_from_cells("x", ["1.50", "NA"], ".", is_label=False, wanted=None)
    >>> field.decimals, field.padded, field.missing_text
    (2, True, 'NA')
    """
    places, texts = pd.factorize(np.array(cells, dtype=object))
    distinct = _Distinct(list(texts), places, np.bincount(places, minlength=len(texts)))
    numbers = [_number_text(text, decimal) for text in distinct.texts]
    codes, thousands = marks or Marks()
    matcher = Matcher(codes)
    absent = _absent(distinct.texts, numbers, matcher, wanted)
    found, times = Found(None), ""
    if wanted not in STAYS_TEXT and not all(n or a for n, a in zip(numbers, absent, strict=True)):
        others = _beside(distinct.texts, absent)
        found, times = find_form(others, decimal, thousands), clock.detect(others)
        if found.form is None and not found.note and not times:
            found = Found(None, clock.what_else(others))
        if found.form is not None or times:
            numbers = [_bare(text, decimal, found.form, times) for text in distinct.texts]
            absent = _absent(distinct.texts, numbers, matcher, wanted)
        elif others and len(others) < len(absent) - sum(absent) and dates.detect(others):
            absent = [a or is_evident(t) for t, a in zip(distinct.texts, absent, strict=True)]
    gone = {t: int(n) for t, n, a in zip(distinct.texts, distinct.counts, absent, strict=True) if a}
    reasons, kinds = _reasons(distinct, numbers, absent, matcher)
    is_label = is_label and found.form is None and not times
    field = _in_form(_typed(name, distinct, numbers, absent, is_label, wanted), found, times)
    marker = max((rows, text) for text, rows in gone.items())[1] if gone else ""
    notes = [*absent_notes(name, gone, codes, kinds or (marker,)), field.note]
    said = "; ".join(note for note in notes if note)
    field = replace(field, missing_text=marker, missing_codes=tuple(codes), missing_kinds=kinds)
    return replace(field, reasons=reasons, note=said)


def _reasons(
    distinct: _Distinct, numbers: list[str], absent: list[bool], matcher: Matcher
) -> tuple[Objects | None, tuple[str, ...]]:
    """Return which code stands for each missing value, and how the kinds of them are written."""
    if not matcher.codes:
        return None, ()
    rows = zip(distinct.texts, numbers, absent, strict=True)
    codes = [matcher(text, number) if gone else None for text, number, gone in rows]
    reasons = np.array([*codes, None], dtype=object)[:-1][distinct.codes]
    written = {}
    for at in np.argsort(distinct.counts, kind="stable"):
        written[codes[at]] = distinct.texts[at]  # the most frequent text of each code is the last
    return reasons, tuple(written[kind] for kind in kinds_of(reasons, matcher.codes))


def _beside(texts: list[str], absent: list[bool]) -> list[str]:
    """Return the texts that are neither missing nor evidently so beside numbers."""
    return [t for t, gone in zip(texts, absent, strict=True) if not (gone or is_evident(t))]


def _bare(text: str, decimal: str, form: Form | None, times: str) -> str:
    """Return a text in a form, or a time, as Python writes numbers; empty if it is none."""
    if times:
        return f"{clock.number(text, times):.0f}" if clock.detect([text]) else ""
    bare = form.bare(text, decimal) if form is not None else ""
    return bare if PLAIN.fullmatch(bare) else ""


def _in_form(field: Field, found: Found, times: str) -> Field:
    """Keep how numbers are written, or say how texts that look like numbers can be read."""
    if field.storage is Storage.NUMBER and times:
        unit = "seconds" if "%S" in times else "minutes"
        note = f"clock times are numbers here, {unit} since midnight, and times in the files of"
        return replace(field, clock=times, note=f"{note} copies")
    if field.storage is Storage.NUMBER and found.form is not None:
        return replace(field, **vars(found.form), note=found.note)
    if field.storage is Storage.TEXT and found.form is None and found.note:
        return replace(field, note=found.note)
    return field


def _typed(
    name: str,
    distinct: _Distinct,
    numbers: list[str],
    absent: list[bool],
    is_label: bool,
    wanted: Kind | None,
) -> Field:
    """Store the cells as numbers, truth values or text, in this order."""
    present = [i for i in range(len(numbers)) if not absent[i]]
    force = wanted in (Kind.CONTINUOUS, Kind.COUNT)
    written = [distinct.texts[i].strip() for i in present]
    days = wanted in (None, Kind.DATE) and dates.as_integers(written)
    reads = _reads_as_numbers([numbers[i] for i in present], is_label=is_label, force=force)
    if reads and not days:
        return _number_field(name, distinct, numbers, absent)
    if present and all(distinct.texts[i] in TRUTH for i in present):
        lookup = [None if gone else text == "True" for text, gone in _pairs(distinct, absent)]
        values = _take(lookup, distinct.codes, "boolean" if any(absent) else "bool")
        return Field(name, values, Storage.BOOL)
    labels = [None if gone else text for text, gone in _pairs(distinct, absent)]
    option = column_option("--kind", name, "count")
    note = f"integers of eight digits are dates here; {option} reads them as numbers"
    note = note if days else _label_note(name, distinct, numbers, present, is_label=is_label)
    return Field(name, _take(labels, distinct.codes, "str"), Storage.TEXT, note=note)


def _pairs(distinct: _Distinct, absent: list[bool]) -> list[tuple[str, bool]]:
    return list(zip(distinct.texts, absent, strict=True))


def _take(lookup: Sequence[object], codes: Ints, dtype: str) -> pd.Series:
    return pd.Series(array_of(lookup, dtype)).take(codes).reset_index(drop=True)


def _number_text(text: str, decimal: str) -> str:
    """Return the text as Python writes numbers, or an empty string if it is no number."""
    bare = text.strip()
    if decimal == ",":
        bare = bare.replace(".", "?").replace(",", ".")
    return bare if PLAIN.fullmatch(bare) or bare.lower() in INFINITE else ""


def _absent(
    texts: list[str], numbers: list[str], matcher: Matcher, wanted: Kind | None
) -> list[bool]:
    """Whether each text is missing: always, as a declared code, or beside numbers only."""
    absent = [
        text.strip() in MISSING or bool(matcher(text, number))
        for text, number in zip(texts, numbers, strict=True)
    ]
    beside = [
        text.strip() == DOT or (wanted not in STAYS_TEXT and is_evident(text)) for text in texts
    ]
    kept = zip(numbers, absent, beside, strict=True)
    others = [number for number, gone, evident in kept if not (gone or evident)]
    if others and all(others):
        return [gone or evident for gone, evident in zip(absent, beside, strict=True)]
    return absent


def _reads_as_numbers(numbers: list[str], *, is_label: bool, force: bool) -> bool:
    if not numbers:
        return True
    if not all(numbers):
        return False
    return force or not (is_label or any(LEADING_ZERO.match(number) for number in numbers))


def _number_field(name: str, distinct: _Distinct, numbers: list[str], absent: list[bool]) -> Field:
    present = [number for number, gone in zip(numbers, absent, strict=True) if not gone]
    if any(_is_oversized(number) for number in present):
        labels = [None if gone else text for text, gone in _pairs(distinct, absent)]
        return Field(
            name,
            _take(labels, distinct.codes, "str"),
            Storage.TEXT,
            decimals=0,
            oversized=True,
        )
    shown = [_decimals(number) for number in present if number.lower() not in INFINITE]
    most, least = max(shown, default=0), min(shown, default=0)
    floats = np.array(
        [np.nan if gone else float(number) for number, gone in zip(numbers, absent, strict=True)]
    )
    whole = bool((np.rint(floats) == floats)[~np.array(absent)].all())
    decimals = 0 if whole else most if most <= MAX_DECIMALS else None
    is_integer = whole and most == 0 and not any(absent) and np.isfinite(floats).all()
    values = pd.Series(floats[distinct.codes]).astype("int64" if is_integer else "float64")
    padded = decimals is not None and 0 < decimals == least
    return Field(name, values, Storage.NUMBER, decimals, least, padded)


def _is_oversized(number: str) -> bool:
    digits = number.lstrip("+-").lstrip("0")
    return digits.isdigit() and len(digits) > MAX_DIGITS


def _decimals(number: str) -> int:
    if "e" in number.lower():
        return max(0, -int(Decimal(number).as_tuple().exponent))
    return len(number.partition(".")[2])


def _label_note(
    name: str, distinct: _Distinct, numbers: list[str], present: list[int], *, is_label: bool
) -> str:
    rows = sum(int(distinct.counts[i]) for i in present)
    numeric = sum(int(distinct.counts[i]) for i in present if numbers[i])
    if 0 < numeric < rows:
        others = {distinct.texts[i]: int(distinct.counts[i]) for i in present if not numbers[i]}
        return text_note(name, numeric, rows, others)
    if numeric and is_label:
        return "numbers in quotes, where other columns are bare, are read as labels"
    if numeric:
        return "numbers with leading zeros are read as labels"
    return ""
