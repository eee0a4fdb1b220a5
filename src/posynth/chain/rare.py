"""Rare levels of a predictor: those that few rows have count as one, not as the reference."""

from collections.abc import Sequence

import numpy as np

from posynth.chain.blocks import Block, Floats

type Groups = tuple[tuple[int, ...], ...]

_MARK = " rare levels]"


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
        Positions of the levels of each group, and the name of its pooled contrast. A column whose
        rare levels have fewer cases even together has no group: they count as the reference.
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
            names.append(f"{column}[{len(rare)}{_MARK}")
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
    found = [name for name in predictors if name.endswith(_MARK)]
    return f"levels with few rows count as one: {', '.join(found)}" if found else ""
