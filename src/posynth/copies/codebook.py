"""What a reader of copies must know of their columns; it goes with the copies, in the manifest."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import PosynthError, StoreError
from posynth.table.codec import decode_frame, encode
from posynth.table.schema import Column, Kind, Schema
from posynth.table.source import Source
from posynth.table.typed import as_given

COLUMNS = "columns"
DIALECT = "dialect"
_WRITTEN = (
    *("delimiter", "decimal", "encoding", "newline", "quoted_header", "quoted_columns"),
)  # fmt: skip


@dataclass(frozen=True)
class Codebook:
    """Columns and file dialect of copies: all that is needed to read them back as they were.

    It takes the place of the posterior where copies were passed on without one.

    Attributes
    ----------
    schema : Schema
        Kinds, levels in order, decimals and dtypes. ``missing`` of a column is 1 or 0: whether
        copies have missing values there, not how many the source has. No notes.
    source : Source
        How the files are written.
    remarks : tuple of str
        What was inferred or assumed, because nothing said it; pooled results repeat it.
    """

    schema: Schema
    source: Source
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the entries of a manifest that describe the columns and the files."""
        columns = self.schema.to_dict()["columns"]
        facts = self.source.to_dict()
        return {COLUMNS: columns, DIALECT: {key: facts[key] for key in _WRITTEN}}

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "Codebook | None":
        """Read the entries that `to_dict` made, or return None if the manifest has none.

        Raises
        ------
        StoreError
            If an entry cannot be used.
        """
        if COLUMNS not in manifest:
            return None
        try:
            schema = Schema.from_dict({"columns": manifest[COLUMNS], "rows": manifest["n"]})
            source = Source.from_dict({**manifest.get(DIALECT, {}), "format": "csv"})
            csv.reader([], delimiter=source.delimiter)
            "".replace(source.decimal, ".").encode(source.encoding)
            modelled = [column.name for column in schema if column.kind.is_modelled]
            none = {name: np.array([]) for name in modelled}
            as_given(schema, decode_frame(replace(schema, rows=0), none))
        # The file was written elsewhere: a wrong type may fail in any of these steps.
        except (PosynthError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise StoreError(
                f"the manifest describes the columns in a way that cannot be read ({error}); "
                f"delete its entry {COLUMNS!r} to have the columns inferred from the copies"
            ) from None
        return cls(schema, source)


def private_codebook(schema: Schema, source: Source) -> Codebook:
    """Return the codebook of an output folder, with every declared level.

    Parameters
    ----------
    schema : Schema
        Description of the source.
    source : Source
        Dialect of the source.

    Returns
    -------
    Codebook
        Without numbers of missing values, numbers of rows of ids, and notes, which tell of single
        values of the source.

    Examples
    --------
    >>> column = Column("bmi", Kind.CONTINUOUS, "float64", decimals=1, missing=7, note="1.5 to 9")
    >>> private_codebook(Schema((column,), 20), Source()).to_dict()["columns"]
    [{'name': 'bmi', 'kind': 'continuous', 'dtype': 'float64', 'decimals': 1, 'missing': 1}]
    """
    columns = tuple(replace(c, missing=int(c.missing > 0), note="", roster=None) for c in schema)
    return Codebook(replace(schema, columns=columns), replace(source, name="", format="csv"))


def public_codebook(codebook: Codebook, frames: Sequence[pd.DataFrame]) -> Codebook:
    """Return a codebook that lists no level which the copies do not show.

    A level that the source has and no copy tells that the source has it.

    Parameters
    ----------
    codebook : Codebook
        Description with every declared level.
    frames : sequence of pandas.DataFrame
        The copies.

    Returns
    -------
    Codebook
        Levels, and whether values are missing and how that is written, as they occur in the
        copies. A column of which fewer than two levels occur is constant.
    """
    columns = tuple(_shown(column, frames) for column in codebook.schema)
    return replace(codebook, schema=replace(codebook.schema, columns=columns))


def _shown(column: Column, frames: Sequence[pd.DataFrame]) -> Column:
    missing = int(any(frame[column.name].isna().any() for frame in frames))
    # Whether an end is a bound depends on how many rows of the source share it.
    column = replace(column, lower=None, upper=None)
    column = replace(column, missing_text=column.missing_text if missing else "")
    if not missing:
        column = replace(column, missing_kinds=(), missing_codes=())
    if not column.kind.is_categorical:
        return replace(column, missing=missing)
    codes = np.unique(np.concatenate([encode(column, frame[column.name]) for frame in frames]))
    levels = tuple(column.levels[int(code)] for code in codes if not np.isnan(code))
    kind = column.kind if len(levels) > 1 else Kind.CONSTANT
    return replace(column, kind=kind, levels=levels, missing=missing)
