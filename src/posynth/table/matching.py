"""A table laid beside copies: read as their schema says, and refused where it does not match."""

import os
from pathlib import Path

import pandas as pd

from posynth.errors import TableError
from posynth.table.codec import encode
from posynth.table.inputs import Data, given_table
from posynth.table.schema import Kind, Schema


def match_table(data: Data, schema: Schema, what: str = "the data") -> pd.DataFrame:
    """Take a table as one of a known schema: the source of copies, or a holdout.

    Parameters
    ----------
    data : DataFrame, Table or path
        The table; columns that the schema does not have are left out.
    schema : Schema
        What the columns must be.
    what : str
        How errors call a table that has no file name.

    Returns
    -------
    pandas.DataFrame
        Columns in schema order, values as they are.

    Raises
    ------
    TableError
        If a column is missing, or holds a value or level that the schema does not have.

    Examples
    --------
    >>> from posynth.table.schema import Column
    >>> schema = Schema((Column("sex", Kind.BINARY, "str", levels=("F", "M")),), rows=12)
    >>> match_table(pd.DataFrame({"id": range(12), "sex": list("FM") * 6}), schema).shape
    (12, 1)
    """
    name = Path(data).name if isinstance(data, str | os.PathLike) else what
    table = given_table(data)
    absent = [column for column in schema.names if column not in table.schema]
    if absent:
        found = ", ".join(map(repr, table.schema.names))
        raise TableError(
            f"{name}: there is no column {absent[0]!r}, which the copies have; it has {found}: "
            "give the table that was synthesised"
        )
    kinds = _declared(table.schema, schema)
    try:
        frame = (given_table(data, kinds) if kinds else table).frame
        for column in schema:
            if column.kind.is_modelled:
                encode(column, frame[column.name])
    except TableError as error:
        raise TableError(
            f"{name}: {error}: this is not the table that was synthesised; give that one, or "
            "synthesise this one"
        ) from None
    return frame[list(schema.names)].reset_index(drop=True)


def _declared(found: Schema, schema: Schema) -> dict[str, str]:
    """Kinds that change how values are read, where the guess differs from the schema."""
    return {
        column.name: column.kind.value
        for column in schema
        if column.kind.is_numeric
        and not found[column.name].kind.is_numeric
        and found[column.name].kind is not Kind.CONSTANT
    }
