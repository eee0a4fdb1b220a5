"""Aliases for the arrays of this room, and values put into a dtype known only by its name."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
type Bools = NDArray[np.bool_]
ARROW_STRING = "string[pyarrow]"

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
    return str(dtype)


def _dtype_of(name: str) -> Any:
    if name == ARROW_STRING:
        # pandas reads this name as its own string dtype.
        import pyarrow

        return pd.ArrowDtype(pyarrow.string())
    return name
