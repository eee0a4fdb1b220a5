"""Columns of levels that are a function of one earlier column: age groups beside age."""

from dataclasses import replace

import numpy as np

from posynth.chain.blocks import Rows
from posynth.chain.spec import Conditional

RULE = "cart"  # the family of such a column
#: Rows below which a perfect rule may be chance.
LEAST_ROWS = 200
#: Runs of a level along a sorted numeric predictor, for each level, up to which it is a rule.
RUNS = 2


def as_rule(rows: Rows, columns: tuple[str, ...], conditional: Conditional) -> Conditional:
    """Give a column that one earlier column decides a tree in place of logits without bound.

    Where a predictor separates the levels the likelihood has no maximum: a logistic regression
    holds only its prior against infinity, and is slow to explore.

    Parameters
    ----------
    rows : Rows
        The source.
    columns : tuple of str
        Predictors it would have.
    conditional : Conditional
        A conditional of levels, its family not asked for.

    Returns
    -------
    Conditional
        Family ``cart`` on that predictor alone, or as it was.
    """
    values = rows.arrays[conditional.column]
    known = ~np.isnan(values)
    codes = values[known].astype(np.int64)
    if conditional.indicates or len(codes) < LEAST_ROWS or len(np.unique(codes)) < 2:
        return conditional
    for name in columns:
        if name in rows.schema and _decides(rows, name, known, codes):
            note = (
                f"{conditional.note}; a function of {name!r}, so a tree takes the place of logits"
            )
            return replace(
                conditional, family=RULE, predictors=(name,), scales={"apart": 1.0}, note=note
            )
    return conditional


def _decides(rows: Rows, name: str, known: np.ndarray, codes: np.ndarray) -> bool:
    """Whether every value of a column goes with one level, and few values with many rows."""
    found, place = np.unique(rows.arrays[name][known], return_inverse=True, equal_nan=True)
    lowest = np.full(len(found), codes.max())
    highest = np.zeros(len(found), dtype=np.int64)
    np.minimum.at(lowest, place, codes)
    np.maximum.at(highest, place, codes)
    if not np.array_equal(lowest, highest):
        return False
    if rows.schema[name].kind.is_categorical:
        return True
    runs = 1 + int(np.sum(lowest[1:] != lowest[:-1]))
    return runs <= RUNS * len(np.unique(codes))
