"""How many predictors a conditional of many levels can carry: the ones that tell most of it."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from posynth.chain.blocks import Floats, Rows
from posynth.chain.held_out import ROWS_FOR_A_COLUMN
from posynth.chain.spec import Conditional

#: Coefficients up to which a multinomial regression keeps every predictor: a column of 27 levels
#: on 30 predictors has 780, more than 5000 rows inform, and each takes time to sample.
MOST_COEFFICIENTS = 300
#: Contrasts from which on there is at most a coefficient for each case outside the commonest level.
MANY_CONTRASTS = 8
NOTHING: Mapping[str, tuple[str, ...] | None] = MappingProxyType({})
#: Groups in which a numeric predictor is looked at.
GROUPS = 5
#: Rows from which on a predictor gets three and four spline columns in place of two.
ROWS_FOR_MORE = (500, 1500)
#: Coefficients up to which a conditional of levels gets 4 and 3 spline columns; else 2. Logits of
#: rare levels cost more to sample the more they bend.
COEFFICIENTS = {4: 120, 3: 150, 2: 1000}
#: Columns of a design up to which splines are worth their time.
MOST_WIDTH = 200


def within_budget(
    rows: Rows,
    columns: tuple[str, ...],
    conditional: Conditional,
    told: Mapping[str, tuple[str, ...] | None] = NOTHING,
) -> Conditional:
    """Keep the predictors that tell most of a column of many levels, if all are too many.

    Predictors are ranked by the likelihood-ratio statistic G² of their cross-table with the
    column, less its expectation under independence, for each column of the design they take.

    Parameters
    ----------
    rows : Rows
        The source.
    columns : tuple of str
        Predictors it would have.
    conditional : Conditional
        A conditional of levels.
    told : Mapping of str to tuple of str
        Columns that are a function of others: not taken beside those.

    Returns
    -------
    Conditional
        With named predictors and a note, or as it was.
    """
    values = rows.arrays[conditional.column]
    known = ~np.isnan(values)
    codes = values[known].astype(np.int64)
    contrasts = max(len(np.unique(codes)) - 1, 1)
    widths = {name: max(len(rows.block(name).names), 1) for name in columns}
    most = MOST_COEFFICIENTS
    if contrasts >= MANY_CONTRASTS:
        most = min(most, len(codes) - int(np.bincount(codes).max()))
    room = most // contrasts
    if conditional.indicates or sum(widths.values()) <= room:
        return conditional
    worth = {name: _excess(_groups(rows.arrays[name][known]), codes) for name in columns}
    kept: set[str] = set()
    for name in sorted(columns, key=lambda name: -worth[name] / widths[name]):
        known_already = kept.intersection(told.get(name) or ())
        if worth[name] > 0 and widths[name] <= room and not known_already:
            kept.add(name)
            room -= widths[name]
    note = (
        f"{conditional.note}; {contrasts} contrasts: of {len(columns)} predictors the {len(kept)} "
        f"that tell most of it, {most} coefficients at most"
    )
    chosen = tuple(name for name in columns if name in kept)
    return replace(conditional, predictors=chosen, note=note)


def spline_columns(rows: Rows, columns: tuple[str, ...], contrasts: int) -> int:
    """Return how many columns each numeric predictor gets: as many as the rows support.

    Parameters
    ----------
    rows : Rows
        The source.
    columns : tuple of str
        Predictors.
    contrasts : int
        Coefficients a column has: one for numbers, K - 1 for K levels.
    """
    numeric = [name for name in columns if name in rows.learned]
    levels = sum(max(len(rows.schema[n].levels) - 1, 1) for n in columns if n in rows.schema)
    if not numeric:
        return 0
    most = 2 + sum(rows.count >= enough for enough in ROWS_FOR_MORE)
    for splines in range(most, 1, -1):
        width = levels + (splines - 1) * len(numeric)
        size = width * contrasts
        few = width <= MOST_WIDTH if contrasts == 1 else size <= COEFFICIENTS[splines]
        if few and size * ROWS_FOR_A_COLUMN <= rows.count:
            return splines
    return 1


def _groups(values: Floats) -> Floats:
    """Return the group each value of a predictor falls into; holes are a group of their own."""
    holes = np.isnan(values)
    present = values[~holes]
    if len(np.unique(present)) > 2 * GROUPS and len(present):
        edges = np.unique(np.quantile(present, np.arange(1, GROUPS) / GROUPS))
        grouped = np.searchsorted(edges, np.where(holes, 0.0, values), side="left")
    else:
        grouped = np.searchsorted(np.unique(present), np.where(holes, 0.0, values))
    return np.where(holes, grouped.max(initial=0) + 1, grouped).astype(np.float64)


def _excess(groups: Floats, codes: np.ndarray) -> float:
    """Return G² of a cross-table less its degrees of freedom."""
    _, row = np.unique(groups, return_inverse=True)
    _, column = np.unique(codes, return_inverse=True)
    table = np.zeros((row.max(initial=0) + 1, column.max(initial=0) + 1))
    np.add.at(table, (row, column), 1.0)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / max(table.sum(), 1.0)
    there = table > 0
    statistic = 2.0 * float(np.sum(table[there] * np.log(table[there] / expected[there])))
    return statistic - float((table.shape[0] - 1) * (table.shape[1] - 1))
