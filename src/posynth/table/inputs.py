"""What a user may pass as a table."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import TableError
from posynth.table.frame import Table, table_from_frame
from posynth.table.io import read_table
from posynth.table.missing_codes import Codes, MissingCodes
from posynth.table.reading import Reading, as_reading

type Data = (
    pd.DataFrame | Table | str | os.PathLike[str] | Mapping[str, Any] | list[Mapping[str, Any]]
)

#: Start of the module of a type, its name or "" for any -> how to make a data frame of ``data``.
_CONVERSIONS = (
    ("polars", "LazyFrame", "data.collect().to_pandas()"),
    ("polars", "", "data.to_pandas()"),
    ("dask", "", "data.compute()"),
    ("pyspark", "", "data.toPandas()"),
    ("xarray", "", "data.to_dataframe().reset_index()"),
    ("pandas", "Series", "data.to_frame()"),
    ("io", "", "pandas.read_csv(data)"),
    ("_io", "", "pandas.read_csv(data)"),
)


def given_table(
    data: Data, kinds: Mapping[str, str] | None = None, na: Codes | Reading | None = None
) -> Table:
    """Take what was passed as a table: a path, a data frame, or what one is easily made of.

    Parameters
    ----------
    data : DataFrame, path, Table, Mapping, list of Mapping, structured array or Arrow table
        A Mapping is column -> values; a list holds one Mapping a row. Anything that exports
        Arrow's stream (a polars data frame, a duckdb relation) counts as an Arrow table.
    kinds : Mapping, optional
        Column -> kind, in place of the guess; not for a Table, whose kinds are decided.
    na : str, number, iterable of these, Mapping or Reading, optional
        Values that are missing, as for `read_table`; not for a Table, which was read with its own.

    Raises
    ------
    TableError
        If it is nothing of this; the message says how to make a data frame of it. If codes are
        given with a Table that was read without them.

    Examples
    --------
    >>> given_table({"x": range(12)}).schema.rows
    12
    """
    if isinstance(data, Table):
        _check_read(data, as_reading(na).missing)
        return data
    if isinstance(data, str | os.PathLike):
        return read_table(Path(data), kinds=kinds, na=na)
    return table_from_frame(as_frame(data), kinds=kinds, na=as_reading(na).missing)


def _check_read(table: Table, missing: MissingCodes) -> None:
    """Refuse codes that a table was read without: their values are in it already."""
    missing.check(table.schema.names)
    for column in table.schema:
        new = [code for code in missing.of(column.name) if code not in column.missing_codes]
        if new:
            raise TableError(
                f"na: column {column.name!r} was read without the code {new[0]!r}; give it where "
                "the table is read, as read_table(path, na=...)"
            )


def as_frame(data: Any) -> pd.DataFrame:
    """Make a data frame of what was passed as one; see ``given_table``.

    Raises
    ------
    TableError
        If that is not possible.

    Examples
    --------
    >>> as_frame([{"x": 1, "y": "a"}, {"x": 2, "y": "b"}]).shape
    (2, 2)
    """
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, Mapping):
        return _built(data, "a mapping")
    if isinstance(data, list | tuple) and data and all(isinstance(r, Mapping) for r in data):
        return _built(list(data), "a list of records")
    if isinstance(data, np.ndarray) and data.dtype.names:
        return pd.DataFrame(data)
    if hasattr(data, "__arrow_c_stream__") and not isinstance(data, pd.Series):
        import pyarrow

        frame: pd.DataFrame = pyarrow.table(data).to_pandas()
        return frame
    raise TableError(_told(data))


def _built(data: Any, what: str) -> pd.DataFrame:
    try:
        return pd.DataFrame(data)
    except (ValueError, TypeError) as error:
        raise TableError(
            f"the data are {what} that makes no data frame ({error}); give column -> values, all "
            "of one length, or one record a row"
        ) from None


def _told(data: object) -> str:
    """Say what was passed, and how to make a data frame of it."""
    kind = type(data)
    what = f"the data are of type {kind.__module__}.{kind.__qualname__}"
    if isinstance(data, np.ndarray):
        return (
            f"{what} with {data.ndim} dimensions and no names of columns; pass "
            "pandas.DataFrame(data, columns=[...])"
        )
    for module, name, step in _CONVERSIONS:
        if kind.__module__.partition(".")[0] == module and kind.__name__.startswith(name):
            return f"{what}; pass {step}"
    what = what.replace("builtins.", "")
    if isinstance(data, list | tuple):
        held = sorted({type(each).__name__ for each in data})
        what += f" of {', '.join(held)}" if held else ", and empty"
    return f"{what}, which is no table; pass a pandas data frame, a path, or column -> values"
