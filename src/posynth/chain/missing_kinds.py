"""Kinds of missing values: what an indicator models where a column has several codes for missing.

With one kind of missing value the indicator has two levels, present and missing. With several it
has one for each kind, and is a conditional of levels like any other: copies hold every kind in
shares that follow the columns visited before. Later columns depend on whether a value is missing.
"""

import numpy as np

from posynth.chain.blocks import Floats, Rows
from posynth.chain.spec import Conditional
from posynth.table.schema import Column, Kind, Schema


def target_kind(schema: Schema, conditional: Conditional) -> Kind:
    """Return the kind of what a conditional models, of an indicator as of a column.

    Examples
    --------
    >>> column = Column("x", Kind.COUNT, "float64", missing=9, missing_kinds=("-9", "-8"))
    >>> indicator = Conditional("x_missing", "categorical", indicates="x")
    >>> target_kind(Schema((column,), 40), indicator).value
    'nominal'
    """
    column = schema[conditional.column]
    if not conditional.indicates:
        return column.kind
    return Kind.NOMINAL if column.missing_kinds else Kind.BINARY


def indicator_levels(column: Column) -> tuple[str, ...]:
    """Return the levels of a column's indicator, that of values that are present first."""
    if not column.missing_kinds:
        return ("present", "missing")
    return ("present", *(kind.strip() or "empty" for kind in column.missing_kinds))


def missingness(rows: Rows, conditional: Conditional) -> Floats:
    """Return 0 where a value is present, else 1, or the number of its kind of missing value.

    Parameters
    ----------
    rows : Rows
        Encoded columns; of a column with several kinds they hold the indicator under its name.
        Where they do not, the kinds are not known, and every missing value counts as the first.
    conditional : Conditional
        The indicator.

    Returns
    -------
    ndarray, shape (n,)
    """
    kinds = rows.arrays.get(conditional.target)
    if kinds is not None:
        return kinds
    return np.isnan(rows.arrays[conditional.column]).astype(np.float64)
