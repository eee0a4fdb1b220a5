"""The columns of a copy as the predictors of a model: each enters as its kind says.

Numbers enter as numbers, levels as contrasts with the first level, in their declared order. Codes
that are declared levels (``--kind ward=nominal``) are levels too, not slopes, though their values
are numbers; 0/1 and 1/2 alone stay numbers, since their slope is the contrast.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import MeasureError, unknown
from posynth.table.codec import encode
from posynth.table.schema import Column, Kind, Schema


def predictor(
    column: "pd.Series[Any]",
    declared: Column | None = None,
    known: Collection[Any] | None = None,
) -> "pd.Series[Any]":
    """Return a column as a formula reads it: floats, or categories in their order.

    Parameters
    ----------
    column : pandas.Series
        As it stands in the copy, n values.
    declared : Column, optional
        What it is declared to be; its dtype decides if that is not given.
    known : collection, optional
        Its levels in all tables that are analysed alike: other declared levels are left out.

    Returns
    -------
    pandas.Series
        int64, float64 or categorical; dates are days since 1970.

    Raises
    ------
    MeasureError
        If it holds a level that is not declared, or not known.

    Examples
    --------
    >>> ward = Column("ward", Kind.NOMINAL, "int64", (3, 1, 2))
    >>> predictor(pd.Series([1, 3, 2], name="ward"), ward).cat.categories.tolist()
    [3, 1, 2]
    >>> predictor(pd.Series([1, 3, 2], name="ward")).tolist()
    [1, 3, 2]
    """
    if declared is not None and declared.kind.is_categorical and not _is_a_step(declared):
        return _levels(column, declared, known)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.astype(object).astype(pd.CategoricalDtype([False, True]))
    if pd.api.types.is_numeric_dtype(column.dtype):
        whole = pd.api.types.is_integer_dtype(column.dtype) and not column.isna().any()
        return column.astype("int64" if whole else "float64")
    dates = pd.api.types.is_datetime64_any_dtype(column.dtype)
    if dates or (declared is not None and declared.kind.is_numeric):
        return _numbers(column, declared)
    return as_levels(column, sorted(column.dropna().unique(), key=str) if known is None else known)


def _numbers(column: "pd.Series[Any]", declared: Column | None) -> "pd.Series[Any]":
    """Return dates as days since 1970, and numbers that are stored as text."""
    if getattr(column.dtype, "tz", None) is not None:  # copies of posynth have no time zones
        column, declared = column.dt.tz_convert("UTC").dt.tz_localize(None), None
    if declared is not None:
        return pd.Series(encode(declared, column), index=column.index, name=column.name)
    days = (column - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    return days.astype("float64")


def has_codes(column: Column) -> bool:
    """Whether a column's levels are numbers that are more than a step from 0 to 1 or 1 to 2."""
    numbers = all(type(level) in (int, float) for level in column.levels)
    return column.kind.is_categorical and numbers and not _is_a_step(column)


def _is_a_step(declared: Column) -> bool:
    """Whether the slope of a column of two numbers is the contrast of its levels."""
    levels = declared.levels
    numbers = len(levels) == 2 and all(type(level) in (int, float) for level in levels)
    return numbers and float(levels[1]) - float(levels[0]) == 1


def _levels(
    column: "pd.Series[Any]", declared: Column, known: Collection[Any] | None
) -> "pd.Series[Any]":
    _require_among(column, declared.levels)
    used = [level for level in declared.levels if known is None or level in known]
    plain = column.astype(object).where(column.notna(), None)
    unseen = plain[plain.notna() & ~plain.isin(used)]
    if len(unseen):
        raise MeasureError(
            f"column {column.name!r} takes the level {unseen.iloc[0]!r} here, but in none of the "
            "copies that are pooled, so that they have no coefficient for it; merge it with "
            "another level, or leave the column out of the model"
        )
    return as_levels(plain, used, ordered=declared.kind is Kind.ORDINAL)


def as_levels(
    column: "pd.Series[Any]", levels: Collection[Any], ordered: bool = False
) -> "pd.Series[Any]":
    """Return a column as categories; a value that is none of them is refused."""
    _require_among(column, levels)
    return column.astype(pd.CategoricalDtype(list(levels), ordered=ordered))


def _require_among(column: "pd.Series[Any]", levels: Collection[Any]) -> None:
    outside = column[column.notna() & ~column.isin(list(levels))]
    if len(outside):
        said = unknown("level", outside.tolist()[0], levels)
        raise MeasureError(f"column {column.name!r}: {said}")


def numbers_as_levels(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns whose levels are numbers or booleans."""
    kinds = {str(name): frame[name].dtype for name in frame}
    return tuple(
        name
        for name, kind in kinds.items()
        if isinstance(kind, pd.CategoricalDtype) and kind.categories.dtype.kind in "iufb"
    )


def usable(schema: Schema | None, columns: Iterable[str], taken: Sequence[str]) -> tuple[str, ...]:
    """Return what the dot of a formula stands for: modelled columns that are not in use."""
    modelled = None if schema is None else {c.name for c in schema if c.kind.is_modelled}
    return tuple(
        name for name in columns if name not in taken and (modelled is None or name in modelled)
    )


def coding_notes(schema: Schema | None, frame: pd.DataFrame, bare: Iterable[str]) -> list[str]:
    """Say of codes and ordered levels how they enter, since a reader may expect a slope."""
    notes = []
    for name in bare:
        if schema is None or name not in schema or not hasattr(frame[name], "cat"):
            continue
        numeric = has_codes(schema[name])
        if not numeric and schema[name].kind is not Kind.ORDINAL:
            continue
        base = frame[name].cat.categories[0]
        slope = f"; I({name}) makes it a slope" if numeric else ""
        notes.append(
            f"{name!r} is {schema[name].kind.value}: its levels enter as contrasts with "
            f"{base}{slope}"
        )
    return notes


def require_two_levels(formula: str, bare: pd.DataFrame, by_level: Collection[str]) -> None:
    """Refuse a term of a single level: it has no coefficient, and would vanish from the model.

    Parameters
    ----------
    formula : str
        The formula, for the error.
    bare : pandas.DataFrame
        The columns that stand outside functions, or in C().
    by_level : collection of str
        Those in C(), which may be numbers.

    Raises
    ------
    MeasureError
        Naming the column and its level.
    """
    for name in bare:
        column = bare[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            levels = list(column.cat.categories)
        elif name in by_level:
            levels = column.dropna().unique().tolist()
        else:
            continue
        if len(levels) < 2:
            only = f"the single level {levels[0]!r}" if levels else "no level"
            raise MeasureError(
                f"formula {formula!r}: {name!r} has {only} here, so that there is nothing to "
                "compare; leave the term out of the model"
            )


def absent_levels(
    schema: Schema | None, columns: Iterable[str], known: Callable[[str], Collection[Any]]
) -> list[str]:
    """Say which declared levels occur in none of the tables and are left out of the model."""
    notes = []
    for name in columns:
        declared = schema[name] if schema is not None and name in schema else None
        if declared is None or not declared.kind.is_categorical or _is_a_step(declared):
            continue
        found = set(known(name))
        absent = [level for level in declared.levels if level not in found]
        if absent:
            base = next((level for level in declared.levels if level in found), None)
            compared = f", and the others are compared with {base!r}" if base else ""
            moved = compared if absent[0] == declared.levels[0] else ""
            notes.append(
                f"{name!r} takes its level {', '.join(map(repr, absent))} in no copy, so that it "
                f"is left out of the model{moved}"
            )
    return notes


def as_float(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return numbers as float64, missing ones as NaN."""
    return pd.Series(
        values.to_numpy(dtype=np.float64, na_value=np.nan), index=values.index, name=values.name
    )


def row_values(option: str, values: Any, count: int) -> "pd.Series[Any]":
    """Return values that an option was given, one a row, as a column without a name.

    Raises
    ------
    MeasureError
        If they are not one a row, or some are missing.
    """
    column = pd.Series(np.asarray(values).reshape(-1), name=option)
    if np.ndim(values) != 1 or len(column) != count or column.isna().any():
        found = f"{len(column)} values" + (", some of them missing," if column.isna().any() else "")
        raise MeasureError(
            f"{option}: {found} for {count} rows; give one value a row, or the name of a column"
        )
    return column


def option_numbers(option: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column of an option that takes numbers."""
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise MeasureError(
            f"{option}: column {column.name!r} holds {column.dtype}, not numbers; name a numeric "
            "column"
        )
    found = as_float(column)
    infinite = int(np.isinf(found).sum())
    if infinite:
        raise MeasureError(
            f"{option}: column {column.name!r} is infinite in {infinite} rows; make these missing, "
            "or name another column"
        )
    if option == "exposure" and not (found > 0).all():
        raise MeasureError(
            f"exposure: column {column.name!r} is {found.min():g} in some row, and its logarithm "
            "enters the model: every value must be above 0"
        )
    if option.endswith("weights") and ((found < 0).any() or not found.any()):
        raise MeasureError(
            f"{option}: column {column.name!r} is {found.min():g} in some row or 0 in all; weights "
            "are 0 or more"
        )
    return found
