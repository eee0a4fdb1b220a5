"""Visit orders by rule: what is easy to model first, what is thinly observed last."""

from posynth.table.schema import Column, Schema

#: A categorical column of so many levels or fewer goes first: a few dozen parameters describe it.
FEW_LEVELS = 10


def auto_order(schema: Schema) -> tuple[str, ...]:
    """Order columns by rule.

    1. Categorical columns of at most 10 levels: everything after them can depend on them.
    2. Numeric columns.
    3. Categorical columns of more levels: each later column would spend a coefficient a level.

    Within each, columns with fewer missing values go first, as in the monotone visit sequence of
    mice, then those with fewer levels; ties keep the order of the table.

    Parameters
    ----------
    schema : Schema
        What each column is.

    Returns
    -------
    tuple of str
        Names of all columns.

    Examples
    --------
    >>> from posynth.table.schema import Kind
    >>> columns = (Column("x", Kind.COUNT, "int64"), Column("s", Kind.BINARY, "str", ("a", "b")))
    >>> auto_order(Schema(columns, 10))
    ('s', 'x')
    """
    return tuple(column.name for column in sorted(schema, key=_rank))


def _rank(column: Column) -> tuple[int, int, int]:
    if not column.kind.is_categorical:
        return 1, column.missing, 0
    few = len(column.levels) <= FEW_LEVELS
    levels = len(column.levels)
    return (0, column.missing, levels) if few else (2, column.missing, levels)
