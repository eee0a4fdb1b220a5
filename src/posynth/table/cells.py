"""Columns of text cells become Fields: missing markers, numbers, truth values, labels."""

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd

from posynth.table.arrays import Ints, array_of
from posynth.table.field import MAX_DECIMALS, Field, Storage
from posynth.table.missing_codes import DOT, MISSING, Matcher, is_evident
from posynth.table.missing_notes import absent_notes, text_note
from posynth.table.schema import Kind

INFINITE = frozenset(f"{sign}{word}" for sign in ("", "+", "-") for word in ("inf", "infinity"))
MAX_DIGITS = 15
PLAIN = re.compile(r"[+-]?(?:\d+(?:\.(\d*))?|\.(\d+))(?:[eE][+-]?\d+)?")
LEADING_ZERO = re.compile(r"[+-]?0\d")
DRESSED = re.compile(r"[+-]?[$€£]?\s?\d[\d.,'\s]*\s?[%€$£]?")
TRUTH = frozenset({"True", "False"})


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
    codes: Sequence[str] = (),
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
    codes : sequence of str
        Values declared to be missing.

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
    absent = _absent(distinct.texts, numbers, Matcher(codes), wanted)
    gone = {t: int(n) for t, n, a in zip(distinct.texts, distinct.counts, absent, strict=True) if a}
    field = _typed(name, distinct, numbers, absent, is_label, wanted)
    marker = max((rows, text) for text, rows in gone.items())[1] if gone else ""
    notes = [*absent_notes(name, gone, codes, marker), field.note]
    said = "; ".join(note for note in notes if note)
    return replace(field, missing_text=marker, missing_codes=tuple(codes), note=said)


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
    if _reads_as_numbers([numbers[i] for i in present], is_label=is_label, force=force):
        return _number_field(name, distinct, numbers, absent)
    if present and all(distinct.texts[i] in TRUTH for i in present):
        lookup = [None if gone else text == "True" for text, gone in _pairs(distinct, absent)]
        values = _take(lookup, distinct.codes, "boolean" if any(absent) else "bool")
        return Field(name, values, Storage.BOOL)
    labels = [None if gone else text for text, gone in _pairs(distinct, absent)]
    note = _label_note(name, distinct, numbers, present, is_label=is_label)
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
    stays = wanted in (Kind.NOMINAL, Kind.TEXT)
    beside = [text.strip() == DOT or (not stays and is_evident(text)) for text in texts]
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
    if present and all(DRESSED.fullmatch(distinct.texts[i].strip()) for i in present):
        return (
            "these look like numbers with thousands separators, currency or percent signs: "
            "write plain numbers to have them modelled as such"
        )
    return ""
