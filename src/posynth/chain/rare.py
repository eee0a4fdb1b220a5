"""Rare levels of a predictor: a level of five rows has its own coefficient, fewer are told.

Levels of fewer rows count as one where they have five rows together, and as the reference level
where they have not: what could be learned is about those persons. Where that happens is said by
``posynth describe``, in ``diagnostics.csv`` and in the manifest.
"""

from collections.abc import Sequence

import numpy as np

from posynth.chain.blocks import Block, Floats, Rows
from posynth.chain.spec import ChainSpec

type Groups = tuple[tuple[int, ...], ...]

POOLED = " rare levels]"
#: Rows of a level that has a coefficient of its own; a fiftieth of the rows where they are few.
LEAST_ROWS = 5.0


def least_cases(rows: int) -> float:
    """Return the cases a 0/1 predictor must have: 5, or a fiftieth of a table under 250 rows."""
    return min(LEAST_ROWS, rows / 50)


def rare_groups(
    blocks: Sequence[Block], matrix: Floats, least: float
) -> tuple[Groups, tuple[str, ...]]:
    """Find levels to be pooled.

    Parameters
    ----------
    blocks : sequence of Block
        The columns' parts of the design.
    matrix : ndarray, shape (n, q)
        All of them side by side, on the fitted rows.
    least : float
        Cases below which a level has no coefficient of its own.

    Returns
    -------
    tuple of groups and names
        Positions of the levels of each group, and the name of its pooled contrast, with the number
        of levels that occur. A column whose rare levels have fewer cases even together has no
        group: they count as the reference.
    """
    groups, names, start = [], [], 0
    for block in blocks:
        places = range(start, start + len(block.names))
        start += len(block.names)
        levels = [j for j in places if "[" in block.names[j - places[0]]]
        cases = {j: np.nansum(matrix[:, j]) for j in levels}
        rare = tuple(j for j in levels if cases[j] < least)
        if len(rare) > 1 and sum(cases[j] for j in rare) >= least:
            column = block.names[rare[0] - places[0]].partition("[")[0]
            groups.append(rare)
            names.append(f"{column}[{sum(cases[j] > 0 for j in rare)}{POOLED}")
    return tuple(groups), tuple(names)


def with_groups(matrix: Floats, groups: Groups) -> Floats:
    """Add the pooled contrasts behind the columns of the design."""
    if not groups:
        return matrix
    return np.column_stack([matrix, *(matrix[:, list(group)].sum(axis=1) for group in groups)])


def pooled_levels(predictors: Sequence[str]) -> str:
    """Say which predictors are pooled levels; nothing where there are none.

    Examples
    --------
    >>> pooled_levels(["age", "region[28 rare levels]"])
    'levels with few rows count as one: region[28 rare levels]'
    """
    found = [name for name in predictors if name.endswith(POOLED)]
    return f"levels with few rows count as one: {', '.join(found)}" if found else ""


def reference_levels(merged: Sequence[str]) -> str:
    """Say which levels count as the reference level; nothing where there are none.

    Examples
    --------
    >>> reference_levels(["region[T.north]"])
    'levels with few rows count as the reference level: region[T.north]'
    """
    return (
        f"levels with few rows count as the reference level: {', '.join(merged)}" if merged else ""
    )


def told_levels(rows: Rows, spec: ChainSpec) -> tuple[str, ...]:
    """Say of every column that predicts others which of its levels have too few rows.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    spec : ChainSpec
        The chain.

    Returns
    -------
    tuple of str
        A sentence a column; none where every level has a coefficient of its own.
    """
    read = {name for c in spec if not c.computed for name in spec.predictors(c.target)}
    least, found = least_cases(len(rows)), []
    for column in rows.schema:
        if column.name not in read or not column.kind.is_categorical:
            continue
        codes = rows.arrays[column.name]
        counts = np.bincount(codes[~np.isnan(codes)].astype(np.int64), minlength=1)
        few = np.flatnonzero((counts > 0) & (counts < least))
        others = few if len(column.levels) == 2 else few[few > 0]  # the first is the reference
        rare = {str(column.levels[j]): int(counts[j]) for j in others}
        if rare:
            together = len(rare) > 1 and sum(rare.values()) >= least
            listed = ", ".join(f"{level!r} ({count})" for level, count in rare.items())
            found.append(
                f"column {column.name!r} as a predictor: levels with fewer than {least:g} rows "
                f"count as {'one' if together else 'the reference level'}: {listed}"
            )
    return tuple(found)
