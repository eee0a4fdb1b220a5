"""A pandas data frame becomes a Table; the same inference serves files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from posynth.errors import TableError
from posynth.table.arrays import Objects
from posynth.table.declare import declared_kinds, in_order
from posynth.table.field import Field, Storage
from posynth.table.infer import infer_column
from posynth.table.levels import FORMULA, formula_names
from posynth.table.missing_codes import Codes, declared_codes, without_codes
from posynth.table.missing_notes import absent_notes, unused_notes
from posynth.table.reasons import kinds_of, reasons_of
from posynth.table.repeated import with_rosters
from posynth.table.schema import Column, Schema
from posynth.table.series import field_from_series, numbers_as_text
from posynth.table.source import Source

LEAST_ROWS = 10


@dataclass(frozen=True)
class Table:
    """A confidential table: canonical values, their description, and where they came from.

    Attributes
    ----------
    frame : pandas.DataFrame
        The n rows; every column has the dtype that its Column names.
    schema : Schema
        Description of the columns.
    source : Source
        Dialect in which copies are written.
    reasons : Mapping of str to ndarray of object, shape (n,)
        Column with several kinds of missing values -> the code that stands where a value is
        missing, ``""`` for none of those declared, None where it is present.
    notes : tuple of str
        What reading had to decide for the table as a whole.
    """

    frame: pd.DataFrame
    schema: Schema
    source: Source
    notes: tuple[str, ...] = ()
    reasons: Mapping[str, Objects] = field(default_factory=dict)


def table_from_frame(
    df: pd.DataFrame, *, kinds: Mapping[str, str] | None = None, na: Codes | None = None
) -> Table:
    """Describe a data frame.

    Parameters
    ----------
    df : pandas.DataFrame
        Rows to describe, shape (n, p); it is not changed. The index is no part of the table.
    kinds : mapping of str to str, optional
        Kinds to use instead of the guessed ones, by column; ``"ordinal(low<mid<high)"`` gives the
        order of levels too.
    na : str, number, iterable of these, or Mapping, optional
        Values that are missing, as for `read_table`.

    Returns
    -------
    Table
        Values, schema and source.

    Raises
    ------
    TableError
        If columns are unnamed, repeated or of an unusable type, or rows are fewer than 10.

    Examples
    --------
    >>> import pandas as pd
    >>> table = table_from_frame(pd.DataFrame({"y": [0.5, 1.25] * 6}), kinds={"y": "continuous"})
    >>> table.schema["y"].decimals
    2
    """
    _check_names(df)
    declared, codes = declared_kinds(kinds, df.columns), declared_codes(na)
    codes.check(map(str, df.columns))
    check_rows(len(df))
    plain = df.reset_index(drop=True)
    columns, reasons, seen = [], {}, {}
    for label in plain.columns:
        name = str(label)
        found = _field(name, plain[label], codes.of(name))
        values, column = infer_column(found, declared.get(name))
        seen[name] = set() if found.reasons is None else set(found.reasons)
        if column.missing_kinds and found.reasons is not None:
            reasons[name] = found.reasons
        columns.append((values, in_order(column, (kinds or {}).get(name))))
    notes = (
        ()
        if isinstance(df.index, pd.RangeIndex)
        else ("the index is left out; reset_index() makes it a column",)
    )
    notes = (*notes, *unused_notes(codes, seen))
    return replace(table_of(columns, Source(), notes), reasons=reasons)


def _field(name: str, values: pd.Series, codes: tuple[str, ...]) -> Field:
    """Tell how a series stores its values, declared codes being missing."""
    kept, rows = without_codes(values, codes)
    found = field_from_series(name, kept)
    if found.storage is Storage.TEXT and not found.oversized:
        said = numbers_as_text(name, found.values)
        found = replace(found, note="; ".join(filter(None, (found.note, said))))
    if not codes:
        return found
    reasons = reasons_of(values, codes)
    kinds, marker = kinds_of(reasons, codes), max(rows, key=lambda c: rows[c]) if rows else ""
    notes = [*absent_notes(name, rows, codes, kinds or (marker,)), found.note]
    said = "; ".join(note for note in notes if note)
    found = replace(found, missing_text=marker, missing_codes=codes, missing_kinds=kinds)
    return replace(found, reasons=reasons, note=said)


def table_of(
    columns: Iterable[tuple[pd.Series, Column]], source: Source, notes: tuple[str, ...]
) -> Table:
    """Join described columns into a Table."""
    pairs = list(columns)
    frame = pd.DataFrame({column.name: values for values, column in pairs})
    formulas = formula_names(column.name for _, column in pairs)
    if formulas:
        notes = (*notes, f"names of columns that {FORMULA}: {formulas}")
    described = with_rosters(frame, tuple(column for _, column in pairs))
    return Table(frame, Schema(described, len(frame)), source, notes)


class FewRows(TableError):
    """A table has fewer than ``LEAST_ROWS`` rows; ``count`` says how many."""

    def __init__(self, message: str, count: str) -> None:
        super().__init__(message)
        self.count = count


def check_rows(rows: int) -> None:
    """Refuse a table of so few rows that a copy would describe single persons."""
    if rows < LEAST_ROWS:
        found = "1 row" if rows == 1 else f"{rows} rows"
        raise FewRows(
            f"the table has {found}; at least {LEAST_ROWS} are needed: "
            "a copy of so few rows would describe single persons; add rows",
            found,
        )


def _check_names(df: pd.DataFrame) -> None:
    if isinstance(df.columns, pd.MultiIndex):
        raise TableError(
            f"the data frame has {df.columns.nlevels} levels of column names; join them into one, "
            "for example df.columns = ['_'.join(name) for name in df.columns]"
        )
    names = list(df.columns)
    if not names:
        raise TableError("the data frame has no columns; give it at least one")
    for position, name in enumerate(names, start=1):
        if not isinstance(name, str) or not name.strip():
            raise TableError(
                f"column {position} of the data frame is named {name!r}; give it a text as name, "
                "for example df.columns = df.columns.astype(str)"
            )
        if names.count(name) > 1:
            places = [str(i) for i, other in enumerate(names, start=1) if other == name]
            raise TableError(
                f"column name {name!r} stands at positions {', '.join(places)} of the data frame; "
                "give each column a name of its own"
            )
