"""A saturated design: one indicator for every combination of the levels of categorical columns."""

import numpy as np

from posynth.chain.blocks import Floats, Rows


def cells(rows: Rows, columns: tuple[str, ...]) -> tuple[tuple[str, ...], Floats]:
    """Cross the levels of categorical columns into one indicator column a cell.

    Parameters
    ----------
    rows : Rows
        Encoded columns, n rows.
    columns : tuple of str
        Categorical columns; a missing value counts as one more level.

    Returns
    -------
    tuple of names (p,) and ndarray, shape (n, p)
        One cell ``"all"`` where there are no columns.
    """
    index = np.zeros(len(rows), dtype=np.int64)
    names = [""]
    for name in columns:
        column, codes = rows.schema[name], rows.arrays[name]
        levels = [str(level) for level in column.levels]
        hole = 0
        if name in rows.indicators:
            levels.append("missing")
            hole = len(levels) - 1
        index = index * len(levels) + np.where(np.isnan(codes), hole, codes).astype(int)
        names = [f"{old}:{name}={level}".lstrip(":") for old in names for level in levels]
    matrix = np.zeros((len(rows), len(names)))
    matrix[np.arange(len(rows)), index] = 1.0
    return (tuple(names) if columns else ("all",)), matrix
