"""Original and copies as number matrices with the same columns, for models that tell them apart."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.values import (
    MISSING,
    Coded,
    Floats,
    Numbers,
    judged,
    levels,
    numbers,
)
from posynth.table.names import Names
from posynth.table.schema import Column


@dataclass(frozen=True)
class Design:
    """Predictors of "is this row synthetic?", without intercept.

    Attributes
    ----------
    names : tuple of str
        One name a predictor.
    owners : tuple of frozenset of str
        The columns of the table that a predictor is made of.
    original : ndarray, shape (n, p)
        Rows of the source.
    copies : tuple of ndarray, shape (k, p)
        Rows of each copy.
    """

    names: tuple[str, ...]
    owners: tuple[frozenset[str], ...]
    original: Floats
    copies: tuple[Floats, ...]

    def keep(self, which: Iterable[int]) -> "Design":
        """Return the design with only these predictors."""
        index = list(which)
        return Design(
            tuple(self.names[i] for i in index),
            tuple(self.owners[i] for i in index),
            self.original[:, index],
            tuple(copy[:, index] for copy in self.copies),
        )


def main_effects(comparison: Comparison, columns: Names | None = None) -> Design:
    """Lay out every judged column: dummies for levels, a standardised number with an indicator.

    A categorical column gives one 0/1 predictor a level but the first (missing is a level). A
    numeric column is centred and scaled by the original; where values are missing it is filled
    with the original's mean and a 0/1 predictor marks them, so the fill does not matter.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    columns : iterable of str, optional
        Columns wanted; by default every modelled column.

    Returns
    -------
    Design
        The predictors; a level that occurs nowhere gives none.
    """
    blocks = [_block(comparison, column) for column in judged(comparison, columns)]
    names = tuple(name for block in blocks for name in block.names)
    owners = tuple(owner for block in blocks for owner in block.owners)
    copies = tuple(
        np.hstack([block.copies[i] for block in blocks]) for i in range(len(comparison.copies))
    )
    return Design(names, owners, np.hstack([block.original for block in blocks]), copies)


def with_interactions(design: Design) -> Design:
    """Append the product of every two predictors that come from different columns."""
    pairs = [
        (i, j)
        for i, j in combinations(range(len(design.names)), 2)
        if not design.owners[i] & design.owners[j]
    ]
    left, right = [i for i, _ in pairs], [j for _, j in pairs]
    return Design(
        (*design.names, *(f"{design.names[i]}:{design.names[j]}" for i, j in pairs)),
        (*design.owners, *(design.owners[i] | design.owners[j] for i, j in pairs)),
        np.hstack((design.original, design.original[:, left] * design.original[:, right])),
        tuple(np.hstack((x, x[:, left] * x[:, right])) for x in design.copies),
    )


def tree_features(comparison: Comparison, columns: Names | None = None) -> Design:
    """Lay out one predictor a column for trees: numbers as they are, codes for levels.

    Missing numbers are put below the smallest value, so that one split isolates them, which is what
    a fill with an indicator would need two predictors for.
    """
    blocks: list[tuple[NDArray[Any], ...]] = []
    for column in judged(comparison, columns):
        if column.kind.is_numeric:
            blocks.append(_filled_below(numbers(comparison, column)))
        else:
            coded = levels(comparison, column)
            blocks.append((coded.original, *coded.copies))
    names = tuple(column.name for column in judged(comparison, columns))
    sides = [np.column_stack(side).astype(float) for side in zip(*blocks, strict=True)]
    return Design(names, tuple(frozenset({name}) for name in names), sides[0], tuple(sides[1:]))


def _filled_below(column: Numbers) -> tuple[Floats, ...]:
    sides = (column.original, *column.copies)
    present = np.concatenate([x[~np.isnan(x)] for x in sides])
    below = present.min() - 1 if present.size else 0.0
    return tuple(np.where(np.isnan(x), below, x) for x in sides)


def _block(comparison: Comparison, column: Column) -> Design:
    if column.kind.is_numeric:
        return _numeric_block(numbers(comparison, column))
    return _level_block(levels(comparison, column))


def _numeric_block(column: Numbers) -> Design:
    present = column.original[~np.isnan(column.original)]
    mean = float(present.mean()) if present.size else 0.0
    scale = (float(present.std()) if present.size else 0.0) or 1.0
    names = (column.name, f"{column.name} {MISSING}")
    sides = [_filled(x, mean, scale) for x in (column.original, *column.copies)]
    block = _owned(column.name, names, sides)
    return block if column.has_missing else block.keep([0])


def _filled(values: Floats, mean: float, scale: float) -> Floats:
    missing = np.isnan(values)
    return np.column_stack((np.where(missing, 0.0, (values - mean) / scale), missing.astype(float)))


def _level_block(column: Coded) -> Design:
    sides = (column.original, *column.copies)
    used = [j for j in range(len(column.levels)) if any(bool((x == j).any()) for x in sides)]
    names = tuple(f"{column.name}={column.levels[j]}" for j in used[1:])
    return _owned(column.name, names, [np.equal.outer(x, used[1:]).astype(float) for x in sides])


def _owned(name: str, names: tuple[str, ...], sides: list[Floats]) -> Design:
    owners = tuple(frozenset({name}) for _ in names)
    return Design(names, owners, sides[0], tuple(sides[1:]))
