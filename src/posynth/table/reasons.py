"""Kinds of missing values, row by row: which code stands where a value is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from posynth.table.arrays import Floats, Ints, Objects
from posynth.table.missing_codes import Matcher
from posynth.table.schema import Column, Schema

#: What stands for a missing value that is none of the declared codes.
PLAIN = ""

type Reasons = Mapping[str, Ints]


def reasons_of(values: pd.Series, codes: Sequence[str]) -> Objects:
    """Return the declared code of every missing value, ``""`` of those without, None if present.

    Examples
    --------
    >>> reasons_of(pd.Series([1, -9, None]), ("-9",)).tolist()
    [None, '-9', '']
    """
    matcher = Matcher(codes)
    found = np.full(len(values), None, dtype=object)
    found[values.isna().to_numpy(dtype=bool)] = PLAIN
    for value in values.dropna().drop_duplicates():
        code = matcher.of_value(value)
        if code:
            found[(values == value).fillna(False).to_numpy(dtype=bool)] = code
    return found


def kinds_of(reasons: Objects, codes: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds of missing values that occur, codes first; none if there is one at most."""
    present = set(reasons.tolist()) - {None}
    kinds = tuple(kind for kind in (*codes, PLAIN) if kind in present)
    return kinds if len(kinds) > 1 else ()


def kind_numbers(column: Column, reasons: Objects) -> Floats:
    """Return 0 where a value is present, else the place of its kind, from 1, shape (n,).

    A kind that the column does not have counts as its first.

    Examples
    --------
    >>> from posynth.table.schema import Kind
    >>> column = Column("x", Kind.COUNT, "float64", missing_codes=("-9",), missing_kinds=("-9", ""))
    >>> kind_numbers(column, np.array([None, "", "-9", None], dtype=object))
    array([0., 2., 1., 0.])
    """
    matcher = Matcher(column.missing_codes)
    places = {matcher.of_value(kind): at for at, kind in enumerate(column.missing_kinds, start=1)}
    numbers = [0 if each is None else places.get(each, 1) for each in reasons.tolist()]
    return np.array(numbers, dtype=np.float64)


def coded(schema: Schema, frame: pd.DataFrame, reasons: Reasons) -> pd.DataFrame:
    """Return a copy in which declared codes stand for missing values, also those of one kind.

    Examples
    --------
    >>> from posynth.table.frame import table_from_frame
    >>> table = table_from_frame(pd.DataFrame({"x": [1, -9] * 6}), na=-9)
    >>> coded(table.schema, table.frame, {})["x"].tolist()[:2]
    [1.0, -9.0]
    """
    single = {
        c.name: replace(c, missing_kinds=(c.missing_text,))
        for c in schema
        if c.missing_codes and not c.missing_kinds
    }
    columns = [single.get(c.name, c) for c in schema]
    every = {name: np.asarray(frame[name].isna(), dtype=np.int64) for name in single}
    return with_codes(frame, columns, {**every, **reasons})


def with_codes(frame: pd.DataFrame, columns: Sequence[Column], reasons: Reasons) -> pd.DataFrame:
    """Put codes in place of missing values, where the dtype of their column can hold them.

    Parameters
    ----------
    frame : pandas.DataFrame
        A copy, shape (k, p).
    columns : sequence of Column
        Its columns.
    reasons : Mapping of str to ndarray, shape (k,)
        Column -> place of the kind of every missing value, from 1; 0 where a value is present.

    Returns
    -------
    pandas.DataFrame
    """
    changed: dict[str, pd.Series] = {}
    for column in columns:
        if column.name in reasons:
            values = frame[column.name]
            for at, kind in enumerate(column.missing_kinds, start=1):
                code = _as_value(kind, values)
                if code is not None:
                    values = values.mask(reasons[column.name] == at, code)
            changed[column.name] = values
    return frame.assign(**changed) if changed else frame


def _as_value(kind: str, values: pd.Series) -> float | str | None:
    if isinstance(values.dtype, pd.CategoricalDtype) or not kind.strip():
        return None
    if pd.api.types.is_string_dtype(values.dtype):
        return kind
    numbers = Matcher([kind.strip()]).numbers()
    return numbers[0] if numbers and pd.api.types.is_numeric_dtype(values.dtype) else None
