"""Aliases for the arrays of this room, and values put into a dtype known only by its name."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
type Bools = NDArray[np.bool_]
type Objects = NDArray[np.object_]


def with_dtype(values: pd.Series, dtype: str) -> pd.Series:
    """Return the series in the dtype of that name."""
    named: Any = dtype
    return values.astype(named)


def array_of(values: Any, dtype: str) -> Any:
    """Return a pandas array of the dtype of that name; None is missing."""
    named: Any = dtype
    return pd.array(values, dtype=named)
