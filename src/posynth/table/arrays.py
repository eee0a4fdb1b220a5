"""Aliases for the arrays of this room, and values put into a dtype known only by its name."""

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
type Bools = NDArray[np.bool_]
ARROW_STRING = "string[pyarrow]"
NAN_STRING = "str[python]"
DECIMAL = re.compile(r"(decimal\d+)\((\d+), (-?\d+)\)\[pyarrow\]")

type Objects = NDArray[np.object_]


def with_dtype(values: pd.Series, dtype: str) -> pd.Series:
    """Return the series in the dtype of that name."""
    return values.astype(_dtype_of(dtype))


def array_of(values: Any, dtype: str) -> Any:
    """Return a pandas array of the dtype of that name; None is missing."""
    return pd.array(values, dtype=_dtype_of(dtype))


def dtype_name(dtype: Any) -> str:
    """Name a dtype so that ``with_dtype`` finds the same one again.

    Examples
    --------
    >>> dtype_name(pd.StringDtype("python")), dtype_name(np.dtype("int64"))
    ('string[python]', 'int64')
    """
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        return "string" if dtype.storage == "pyarrow" else "string[python]"
    if isinstance(dtype, pd.StringDtype) and dtype != pd.StringDtype(na_value=np.nan):
        return NAN_STRING
    return str(dtype)


def decimal_places(dtype: str) -> tuple[int, int]:
    """Return digits and decimals of Arrow's decimal numbers; zeros for another dtype.

    Examples
    --------
    >>> decimal_places("decimal128(10, 2)[pyarrow]"), decimal_places("float64")
    ((10, 2), (0, 0))
    """
    found = DECIMAL.fullmatch(dtype)
    return (int(found.group(2)), int(found.group(3))) if found else (0, 0)


def as_categorical(values: pd.Series) -> pd.Series:
    """Return a series of Arrow's dictionary type as pandas categories."""
    import pyarrow

    array = pyarrow.array(values.array)
    chunks = array.combine_chunks() if isinstance(array, pyarrow.ChunkedArray) else array
    return pd.Series(chunks.to_pandas(), name=values.name)


def _dtype_of(name: str) -> Any:
    if name == ARROW_STRING:
        # pandas reads this name as its own string dtype.
        import pyarrow

        return pd.ArrowDtype(pyarrow.string())
    if name == NAN_STRING:
        return pd.StringDtype("python", na_value=np.nan)
    if found := DECIMAL.fullmatch(name):
        import pyarrow

        # pandas does not read the names of types with parameters.
        kind = getattr(pyarrow, found.group(1))
        return pd.ArrowDtype(kind(int(found.group(2)), int(found.group(3))))
    return name
