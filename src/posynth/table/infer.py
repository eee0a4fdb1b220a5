"""A Field becomes a Column: its kind is guessed, or checked where declared, and explained."""

import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from posynth.errors import TableError
from posynth.table import dates
from posynth.table.arrays import dtype_name
from posynth.table.bounds import seen_bounds, within_type
from posynth.table.declare import BY_TEXT, check_declared, leading_numbers
from posynth.table.field import Field, Storage, floats_of
from posynth.table.grid import Grid, grid_of_days, grid_of_numbers, grid_text
from posynth.table.levels import Levels, label_notes, levels_of
from posynth.table.missing_notes import likely_note
from posynth.table.schema import Column, Kind, Level

FEW_LEVELS = 10
MANY_LEVELS = 100
WORDS_OF_TEXT = 4
KEY_SHARE = 0.5
KEY_NAME = re.compile(
    r"(?:(?i:(?:^|[\W_])(?:id|key|nr|no|num|number|code|uuid|index))|[a-z](?:ID|Id|Key|Nr|No|Code))$"
)


class Guess(NamedTuple):
    """A kind and the reason for it."""

    kind: Kind
    reason: str
    date_format: str = ""


def infer_column(field: Field, declared: Kind | None = None) -> tuple[pd.Series, Column]:
    """Decide the kind of a column and describe it.

    Parameters
    ----------
    field : Field
        Values and what their storage tells.
    declared : Kind, optional
        Kind the user asks for; checked against the values.

    Returns
    -------
    values : pandas.Series
        Canonical values (n,): dates in a file become datetime64, all else is unchanged.
    column : Column
        The description, with the reason in ``note``.

    Raises
    ------
    TableError
        If numbers are infinite, or the declared kind does not suit the values.

    Examples
    --------
    >>> from posynth.table.cells import field_from_cells
    >>> field = field_from_cells("x", ["yes", "no"], ".", is_label=False, wanted=None)
    >>> infer_column(field)[1].levels
    ('no', 'yes')
    """
    _refuse_infinite(field)
    levels = levels_of(field)
    if declared is Kind.ORDINAL and field.storage is Storage.TEXT:
        levels = _by_number(levels)
    guess = _guess(field, levels)
    if declared is not None:
        check_declared(field, levels, declared)
        guess = _declared_guess(field, declared, levels)
    if guess.kind is Kind.DATE or field.storage is Storage.DATETIME:
        guess = guess._replace(date_format=guess.date_format or _date_format(field, levels))
    return field.values, _column(field, levels, guess)


def _by_number(levels: Levels) -> Levels:
    """Put levels that begin with numbers in the order of these: "10" comes after "9"."""
    order = np.argsort(leading_numbers(levels.values), kind="stable")
    if not len(order):
        return levels
    return Levels(tuple(levels.values[at] for at in order), levels.counts[order])


def _declared_guess(field: Field, kind: Kind, levels: Levels) -> Guess:
    if kind is Kind.ORDINAL and field.storage is Storage.TEXT:
        if leading_numbers(levels.values):
            by = "levels stand in the order of the numbers that they begin with"
            return Guess(kind, f"declared ordinal; {by}")
        return Guess(kind, f"declared ordinal; {BY_TEXT}")
    return Guess(kind, f"declared {kind.value}")


def _column(field: Field, levels: Levels, guess: Guess) -> Column:
    kind = guess.kind
    kept = _seen(levels)
    is_ordered = field.storage is Storage.CATEGORY and bool(field.values.cat.ordered)
    lower, upper, why = _bounds(field, kept, kind)
    grid, on = _grid(field, kept, guess)
    return Column(
        name=field.name,
        kind=kind,
        dtype=dtype_name(field.values.dtype),
        levels=kept.values if kind.is_categorical or kind is Kind.CONSTANT else (),
        categories=_declared(levels) if kind.is_categorical or kind is Kind.CONSTANT else (),
        category_dtype=_category_dtype(field),
        category_type=field.category_type,
        ordered=kind is Kind.ORDINAL or is_ordered,
        decimals=None if kind is Kind.DATE else field.decimals,
        padded=field.padded,
        min_decimals=field.min_decimals,
        missing=int(field.values.isna().sum()),
        missing_text=field.missing_text,
        missing_codes=field.missing_codes,
        missing_kinds=field.missing_kinds if guess.kind.is_modelled else (),
        prefix=field.prefix,
        suffix=field.suffix,
        grouping=field.grouping,
        clock=field.clock,
        date_format=guess.date_format,
        note="; ".join(
            filter(
                None,
                (
                    _note(field, levels, guess),
                    on,
                    why,
                ),
            )
        ),
        lower=lower,
        upper=upper,
        grid=grid,
    )


def _grid(field: Field, seen: Levels, guess: Guess) -> tuple[Grid | None, str]:
    """Return the grid that all values of a number or date stand on, and what is said of it."""
    found = _found_grid(field, seen, guess) if seen.values else None
    said = grid_text(found, dates=guess.kind is Kind.DATE)
    return found, said and f"grid of all values, kept in copies: {said}"


def _found_grid(field: Field, seen: Levels, guess: Guess) -> Grid | None:
    if guess.kind in (Kind.COUNT, Kind.CONTINUOUS):
        return grid_of_numbers(np.array(seen.values, dtype=np.float64), field.decimals)
    if guess.kind is not Kind.DATE or not guess.date_format:
        return None
    text = field.storage is not Storage.DATETIME
    times = (
        dates.from_text([str(value) for value in seen.values], guess.date_format)
        if text
        else dates.times_of(field.values)
    )
    return grid_of_days(dates.to_days(times), dates.DAY // dates.step(guess.date_format))


def _bounds(field: Field, seen: Levels, kind: Kind) -> tuple[float | None, float | None, str]:
    """Return the bounds that the values of a number show."""
    if kind not in (Kind.COUNT, Kind.CONTINUOUS) or field.clock or not seen.values:
        return None, None, ""
    numbers = np.array(seen.values, dtype=np.float64)
    found = seen_bounds(numbers, np.asarray(seen.counts, dtype=np.float64), field.decimals)
    return within_type(found, numbers, dtype_name(field.values.dtype))


def _note(field: Field, levels: Levels, guess: Guess) -> str:
    missing = len(field.values) - levels.rows
    notes = [guess.reason, field.note]
    if field.storage is Storage.NUMBER and guess.kind is not Kind.IDENTIFIER:
        notes.append(likely_note(field.name, levels.values, levels.counts))
    if guess.kind.is_categorical:
        notes += label_notes(levels.values, levels.counts)
    if missing and levels.seen:
        notes.append(f"{missing} of {len(field.values)} values are missing")
        if guess.kind is Kind.CONSTANT:
            notes.append(
                "copies hold the value in every row: write a label in the gaps to keep them"
            )
    return "; ".join(note for note in notes if note)


def _seen(levels: Levels) -> Levels:
    keep = np.flatnonzero(levels.counts > 0)
    return Levels(tuple(levels.values[i] for i in keep), levels.counts[keep])


def _declared(levels: Levels) -> tuple[Level, ...]:
    """Return categories in order, where some are in no row."""
    return levels.values if levels.seen < len(levels.values) else ()


def _category_dtype(field: Field) -> str:
    """Name the dtype of categories, where pandas would not choose it for their values."""
    if field.storage is not Storage.CATEGORY:
        return ""
    dtype = field.values.cat.categories.dtype
    usual = pd.Index(levels_of(field).values).dtype
    return "" if dtype == usual else dtype_name(dtype)


def _refuse_infinite(field: Field) -> None:
    if field.storage is not Storage.NUMBER or field.values.dtype.kind in "iu":
        return
    numbers = floats_of(field.values)
    for value in (np.inf, -np.inf):
        rows = int((numbers == value).sum())
        if rows:
            raise TableError(
                f"column {field.name!r} holds {value} in {rows} of {len(numbers)} rows; no model "
                "has a place for it: write a missing value or a finite number there"
            )


def _guess(field: Field, levels: Levels) -> Guess:
    if levels.seen == 0:
        return Guess(Kind.CONSTANT, "every value is missing")
    if levels.seen == 1:
        return Guess(Kind.CONSTANT, "one distinct value")
    if field.oversized and field.storage is Storage.NUMBER:
        return _guess_number(field, levels)
    if levels.seen == 2:
        return Guess(Kind.BINARY, "two distinct values")
    by_storage = {
        Storage.NUMBER: _guess_number,
        Storage.CATEGORY: _guess_category,
        Storage.TEXT: _guess_text,
    }
    guess = by_storage.get(field.storage)
    return guess(field, levels) if guess else Guess(Kind.DATE, "dates")


def _guess_number(field: Field, levels: Levels) -> Guess:
    if field.oversized:
        return Guess(Kind.IDENTIFIER, "integers of more than 15 digits are keys, not quantities")
    if field.decimals != 0:
        return Guess(Kind.CONTINUOUS, "numbers with decimals")
    distinct = levels.seen == levels.rows and field.values.dtype.kind in "iu"
    if distinct and _is_monotone(field.values):
        reason = "integers without repetition that rise or fall from row to row, as row numbers do"
        return Guess(Kind.IDENTIFIER, _overridable(reason, field.name, Kind.COUNT))
    if distinct and KEY_NAME.search(field.name):
        reason = "integers without repetition under a name that suggests a key"
        return Guess(Kind.IDENTIFIER, _overridable(reason, field.name, Kind.COUNT))
    hint = "; the name suggests a key" if KEY_NAME.search(field.name) else ""
    if levels.values[0] >= 0:  # type: ignore[operator]
        return Guess(Kind.COUNT, f"integers of 0 or more{hint}")
    return Guess(Kind.CONTINUOUS, f"integers, some below 0{hint}")


def _is_monotone(values: pd.Series) -> bool:
    return bool(values.is_monotonic_increasing or values.is_monotonic_decreasing)


def _guess_category(field: Field, levels: Levels) -> Guess:
    if levels.seen > MANY_LEVELS:
        return _guess_labels(field, levels)
    if field.values.cat.ordered:
        return Guess(Kind.ORDINAL, f"ordered categories, {levels.seen} levels")
    return _guess_labels(field, levels)


def _guess_text(field: Field, levels: Levels) -> Guess:
    if field.oversized:
        return _guess_number(field, levels)
    texts = [str(value) for value in levels.values]
    date_format = dates.detect(texts)
    if date_format:
        return Guess(Kind.DATE, f"every value is a date{dates.century(date_format)}", date_format)
    guess = _guess_labels(field, levels)
    if dates.is_ambiguous(texts):
        reason = f"{dates.UNTOLD}, as {texts[0]!r} (write year-month-day)"
        return guess._replace(reason=f"{reason}; {guess.reason}")
    if dates.is_untold_century(texts):
        reason = f"{dates.UNTOLD_CENTURY}, as {texts[0]!r} (write four digits)"
        return guess._replace(reason=f"{reason}; {guess.reason}")
    return guess


def _guess_labels(field: Field, levels: Levels) -> Guess:
    texts, share = [str(value) for value in _seen(levels).values], levels.seen / levels.rows
    is_key = share > KEY_SHARE and levels.seen > FEW_LEVELS
    is_many = len(texts) > MANY_LEVELS
    if not (is_key or is_many):
        return Guess(Kind.NOMINAL, f"{len(texts)} levels")
    words = float(np.mean([len(text.split()) for text in texts]))
    found = f"{levels.seen} distinct values in {levels.rows} rows"
    if words >= WORDS_OF_TEXT:
        reason = f"free text: {found}, {words:.1f} words each"
        return Guess(Kind.TEXT, _overridable(reason, field.name, Kind.NOMINAL))
    reason = f"key-like: {found}" if is_key else f"too many levels to model: {found}"
    return Guess(Kind.IDENTIFIER, _overridable(reason, field.name, Kind.NOMINAL))


def _overridable(reason: str, name: str, kind: Kind) -> str:
    return f"{reason}; kinds={{{name!r}: {kind.value!r}}} models it all the same"


def _date_format(field: Field, levels: Levels) -> str:
    if field.storage is Storage.DATETIME:
        return dates.format_of(dates.times_of(field.values))
    return dates.detect([str(value) for value in levels.values])


def as_datetimes(values: pd.Series, column: Column) -> tuple[pd.Series, Column]:
    """Store a column of dates in a file as datetime64 instead of text."""
    if column.kind is not Kind.DATE or not pd.api.types.is_string_dtype(values.dtype):
        return values, column
    times = dates.from_text(values, column.date_format)
    texts = pd.Series(dates.to_text(times, column.date_format))
    note = column.note
    if (texts.dropna().to_numpy() != values.dropna().to_numpy()).any():
        form = column.date_format
        note = f"{note}; copies write every date as {form}, the source some in another form"
        if form.endswith("%z"):
            note = f"{column.note}; offsets differ: copies hold the same times in UTC"
    return pd.Series(times), replace(column, dtype=str(times.dtype), note=note)
