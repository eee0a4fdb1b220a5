"""How the columns of a copy are coded for a statsmodels formula model."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import MeasureError, unknown

type Levels = Sequence[Any] | None
type Coding = Callable[[pd.Series, Levels], pd.Series]


def coded_frame(
    frame: pd.DataFrame,
    formula: str,
    response: Coding,
    levels: Levels,
    status: Any = None,
) -> tuple[pd.DataFrame, Sequence[str]]:
    """Return a copy of the frame that formula engines can read, and the response's levels.

    Nullable numbers become floats and nullable booleans two categories; the response is coded
    as its model asks, a status column of text or booleans as 0/1.
    """
    coded = frame.copy(deep=False)
    for nullable in [name for name in frame if _is_nullable(frame[name])]:
        coded[nullable] = _numpy(frame[nullable])
    name = formula.split("~", maxsplit=1)[0].strip()
    name = match.group(1) if (match := re.fullmatch(r"Q\(['\"](.+)['\"]\)", name)) else name
    seen: Sequence[str] = ()
    if name in frame:
        coded[name] = response(_bare(frame, coded, name), levels)
        seen = [str(level) for level in _levels(frame[name], levels)]
    if isinstance(status, str) and status in frame:
        coded[status] = event(_bare(frame, coded, status), None)
    return coded, seen


def _bare(frame: pd.DataFrame, coded: pd.DataFrame, name: str) -> pd.Series:
    # A boolean response is coded from its values, not from the two categories of a predictor.
    return frame[name] if pd.api.types.is_bool_dtype(frame[name].dtype) else coded[name]


def _is_nullable(column: pd.Series) -> bool:
    kind = column.dtype
    return pd.api.types.is_extension_array_dtype(kind) and pd.api.types.is_numeric_dtype(kind)


def _numpy(column: pd.Series) -> pd.Series:
    # Formula engines do not read pandas' nullable types: Int64 becomes float, boolean two levels.
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.astype(object).astype(pd.CategoricalDtype([False, True]))
    return column.astype("float64")


def _levels(column: pd.Series, levels: Levels) -> list[Any]:
    if levels is not None:
        return list(levels)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return list(column.cat.categories)
    return sorted(column.dropna().unique())


def codes(column: pd.Series, levels: Levels) -> pd.Series:
    """Code levels as 0, 1, 2 ...; a level that never occurs is refused."""
    known = _levels(column, levels)
    outside = column[column.notna() & ~column.isin(known)]
    if len(outside):
        raise MeasureError(f"response {column.name!r}: {unknown('level', outside.iloc[0], known)}")
    at = pd.Categorical(column, categories=known).codes.astype(float)
    at[at < 0] = np.nan
    absent = [str(level) for j, level in enumerate(known) if not (at == j).any()]
    if absent:
        raise MeasureError(
            f"response {column.name!r} never takes the level {absent[0]!r}; merge rare levels "
            "before fitting"
        )
    return pd.Series(at, index=column.index, name=column.name)


def number(column: pd.Series, levels: Levels) -> pd.Series:
    """Keep numbers and refuse levels."""
    if pd.api.types.is_numeric_dtype(column.dtype) and levels is None:
        return column.astype(float) if pd.api.types.is_bool_dtype(column.dtype) else column
    raise MeasureError(
        f"response {column.name!r} has levels, not numbers; use model 'logit', 'mnlogit' or "
        "'ordered', or a numeric column"
    )


def event(column: pd.Series, levels: Levels) -> pd.Series:
    """Code the second of two levels as 1; numbers are kept."""
    plain = pd.api.types.is_numeric_dtype(column.dtype) and levels is None
    if plain and not pd.api.types.is_bool_dtype(column.dtype):
        return column
    known = _levels(column, levels)
    if len(known) != 2:
        raise MeasureError(
            f"response {column.name!r} has {len(known)} level(s) {known}; a yes/no model needs "
            "2: pass levels=(no, yes), merge levels, or use model 'mnlogit' or 'ordered'"
        )
    return codes(column, known)


def order(column: pd.Series, levels: Levels) -> pd.Series:
    """Make an ordered categorical; levels without an order are refused."""
    text = not pd.api.types.is_numeric_dtype(column.dtype)
    if text and levels is None and not getattr(column.dtype, "ordered", False):
        raise MeasureError(
            f"response {column.name!r} has levels without an order; pass levels=(lowest, ..., "
            "highest), or use model 'mnlogit'"
        )
    codes(column, levels)  # refuses a level that never occurs
    known = pd.CategoricalDtype(_levels(column, levels), ordered=True)
    return column.astype(known)
