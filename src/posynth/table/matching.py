"""A table laid beside copies: read as their schema says, and refused where it does not match."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from posynth.errors import TableError
from posynth.table.codec import encode
from posynth.table.frame import LEAST_ROWS, FewRows, Table
from posynth.table.inputs import Data, given_table
from posynth.table.reading import Reading
from posynth.table.reasons import Reasons, kind_numbers
from posynth.table.schema import Kind, Schema
from posynth.table.source import Source
from posynth.table.storage import is_number


def match_table(
    data: Data, schema: Schema, source: Source | None = None, *, holdout: bool = False
) -> pd.DataFrame:
    """Take a table as one of a known schema: the source of copies, or a holdout.

    Parameters
    ----------
    data : DataFrame, Table or path
        The table; columns that the schema does not have are left out.
    schema : Schema
        What the columns must be.
    source : Source, optional
        How the file of the schema was read: another file is read alike.
    holdout : bool
        Whether they are other rows than those of the source, which errors then say.

    Returns
    -------
    pandas.DataFrame
        Columns in schema order, values as they are.

    Raises
    ------
    TableError
        If a column is missing, holds a value or level that the schema does not have, or rows
        are too few.

    Examples
    --------
    >>> from posynth.table.schema import Column
    >>> schema = Schema((Column("sex", Kind.BINARY, "str", levels=("F", "M")),), rows=12)
    >>> match_table(pd.DataFrame({"id": range(12), "sex": list("FM") * 6}), schema).shape
    (12, 1)
    """
    return matched(data, schema, source, holdout=holdout)[0]


def matched(
    data: Data, schema: Schema, source: Source | None = None, *, holdout: bool = False
) -> tuple[pd.DataFrame, Reasons]:
    """Take a table as `match_table` does, and say of which kind each missing value is.

    Returns
    -------
    tuple of DataFrame and Mapping of str to ndarray of int64, shape (n,)
        The table, and for columns with several kinds of missing values the place of the kind, from
        1; 0 where a value is present. A column whose codes the table does not hold is left out.
    """
    name = _name(data, holdout)
    reading = Reading() if isinstance(data, Table) else Reading.of(schema, source)
    try:
        table = given_table(data, None, reading)
    except FewRows as error:
        raise TableError(f"{name}: {_few(error.count, schema, holdout)}") from None
    absent = [column for column in schema.names if column not in table.schema]
    if absent:
        found = ", ".join(map(repr, table.schema.names))
        step = (
            "give it the columns of the table that was synthesised"
            if holdout
            else "give the table that was synthesised"
        )
        raise TableError(
            f"{name}: there is no column {absent[0]!r}, which the copies have; it has {found}: "
            f"{step}"
        )
    kinds = _declared(table.schema, schema)
    try:
        table = given_table(data, kinds, reading) if kinds else table
        frame = table.frame
        for column in schema:
            if column.kind.is_modelled:
                encode(column, frame[column.name])
    except TableError as error:
        said = str(error).removeprefix(f"{_file(data)}: ")
        raise TableError(f"{name}: {said}: {_REFUSED[holdout]}") from None
    reasons = {
        column.name: kind_numbers(column, table.reasons[column.name]).astype(np.int64)
        for column in schema
        if column.missing_kinds and any(table.reasons.get(column.name, ()))
    }
    return frame[list(schema.names)].reset_index(drop=True), reasons


#: Whether rows are a holdout -> what follows from a value that the copies cannot have.
_REFUSED = {
    False: "this is not the table that was synthesised; give that one, or synthesise this one",
    True: "a holdout has rows of the same population, with the columns, values and levels that the "
    "table that was synthesised can have; correct such rows, or leave them out",
}


def _name(data: Data, holdout: bool) -> str:
    """Return how errors call a table: by its file, and as a holdout."""
    if holdout:
        return f"the holdout {_file(data)}".strip()
    return _file(data) or "the data"


def _file(data: Data) -> str:
    return Path(data).name if isinstance(data, str | os.PathLike) else ""


def _few(count: str, schema: Schema, holdout: bool) -> str:
    if holdout:
        return (
            f"it has {count}; at least {LEAST_ROWS} are needed to compare them with anything: "
            "hold more rows out before the synthesis"
        )
    return (
        f"it has {count}, but the copies were made from {schema.rows}; give the table that was "
        "synthesised"
    )


def _declared(found: Schema, schema: Schema) -> dict[str, str]:
    """Kinds that change how values are read, where the guess differs from the schema."""
    return {
        column.name: column.kind.value
        for column in schema
        if found[column.name].kind is not Kind.CONSTANT
        and (
            (column.kind.is_numeric and not found[column.name].kind.is_numeric)
            or (column.kind is Kind.NOMINAL and is_number(found[column.name]) > is_number(column))
        )
    }
