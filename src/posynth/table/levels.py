"""Levels of a column: the distinct values as plain Python values, counted, in a stable order."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from posynth.table import dates
from posynth.table.arrays import Ints
from posynth.table.field import Field, Storage, floats_of
from posynth.table.missing_codes import MISSING
from posynth.table.schema import Level

#: What is to be known of text that begins with =, +, - or @, and is no number.
FORMULA = "a spreadsheet would run as a formula; kept exactly"


class Levels(NamedTuple):
    """Distinct values in order and the number of rows that hold each."""

    values: tuple[Level, ...]
    counts: Ints

    @property
    def rows(self) -> int:
        """Number of rows that are not missing."""
        return int(self.counts.sum())

    @property
    def seen(self) -> int:
        """Number of levels held by at least one row."""
        return int((self.counts > 0).sum())


def levels_of(field: Field) -> Levels:
    """Count the distinct values of a field.

    Returns
    -------
    Levels
        Categories in their declared order (unused ones too); other values sorted by number or,
        for text, by code point, so that the order depends on no locale.
    """
    values = field.values
    if field.storage is Storage.CATEGORY:
        codes = values.cat.codes.to_numpy()
        categories = tuple(_plain(value) for value in values.cat.categories)
        return Levels(
            categories, np.bincount(codes[codes >= 0], minlength=len(categories)).astype(np.int64)
        )
    counts = plain_values(field).value_counts(sort=False, dropna=True)
    found: list[Level] = [_plain(value) for value in counts.index]
    if field.storage is Storage.NUMBER and field.decimals == 0:
        found = [int(value) for value in found]
    order = sorted(range(len(found)), key=lambda i: found[i])
    return Levels(
        tuple(found[i] for i in order), counts.to_numpy(dtype=np.int64)[order].astype(np.int64)
    )


def plain_values(field: Field) -> pd.Series:
    """Return values that compare as Python numbers, truth values or text."""
    values = field.values
    if field.storage is Storage.NUMBER:
        return values if values.dtype.kind in "iu" else pd.Series(floats_of(values))
    if field.storage is Storage.DATETIME:
        times = dates.times_of(values)
        return pd.Series(dates.to_text(times, dates.format_of(times)), dtype="object")
    return values


def _plain(value: object) -> Level:
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def label_notes(labels: Sequence[Level], counts: Ints) -> list[str]:
    """Say what a reader should know of the labels, without quoting any.

    Examples
    --------
    >>> import numpy as np
    >>> label_notes(["No", "no", "=1+1"], np.array([5, 1, 4]))[0]
    '1 level is seen in one row only'
    """
    texts = [label for label in labels if isinstance(label, str)]
    single = int((np.asarray(counts) == 1).sum())
    alike = len(texts) - len({" ".join(text.split()).casefold() for text in texts})
    formulas = sum(_is_formula(text) for text in texts)
    absent = sum(text.strip() in MISSING for text in texts)
    unused = int((np.asarray(counts) == 0).sum())
    found = (
        (single, "seen in one row only"),
        (absent, "text that most programs read as missing"),
        (unused, "declared but never seen: copies declare them and never hold them"),
        (formulas, f"text that {FORMULA}"),
    )
    notes = [f"{_count(number)} {what}" for number, what in found if number]
    if alike:
        notes.append(f"{_count(alike)} different from another by case or blanks only; kept apart")
    return notes


def formula_names(names: Iterable[str], most: int = 5) -> str:
    """Join the names, at most so many, that a spreadsheet would run as a formula.

    Examples
    --------
    >>> formula_names(["age", "=1+1", "-5", "@x"])
    '=1+1, @x'
    """
    found = [name for name in names if _is_formula(name)]
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if found[most:] else "")


def _is_formula(text: str) -> bool:
    return text.startswith(("=", "+", "-", "@")) and not text[1:].replace(".", "", 1).isdigit()


def _count(number: int) -> str:
    return f"{number} level is" if number == 1 else f"{number} levels are"
