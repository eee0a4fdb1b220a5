"""A default chain looks at the rows: which scale, how many spline columns, which interactions."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from posynth.chain.blocks import Rows
from posynth.chain.budget import held_near_zero, within_budget
from posynth.chain.choice import MOST_TESTED, choose, spaced
from posynth.chain.curvature import is_curved
from posynth.chain.design import Curves, learn
from posynth.chain.determined import RULE, as_rule
from posynth.chain.few import codes_of, numbers_of
from posynth.chain.held_out import ROWS_FOR_A_COLUMN
from posynth.chain.spec import ChainSpec, Conditional

#: Rows from which on a predictor gets three and four spline columns in place of two.
ROWS_FOR_MORE = (500, 1500)
#: Cases outside the commonest level that a logit asks for, for each column of its design.
EVENTS = 5
#: Most spline columns where a logit is modelled.
MOST_OF_A_LOGIT = 3
#: Families of levels and holes whose numeric predictors may bend too.
CURVED = ("bernoulli", "categorical")
#: Coefficients up to which a conditional of levels gets 4 and 3 spline columns; else 2. Logits of
#: rare levels cost more to sample the more they bend.
COEFFICIENTS = {4: 20, 3: 30, 2: 1000}
#: Columns of a design up to which splines are worth their time.
MOST_WIDTH = 200


def refine(rows: Rows, spec: ChainSpec, fixed: Collection[str] = ()) -> ChainSpec:
    """Choose scales, splines, predictors of many levels and rules for a default chain.

    Parameters
    ----------
    rows : Rows
        The source, encoded, with the learned scale of every numeric column that has one.
    spec : ChainSpec
        A chain with plain conditionals.
    fixed : collection of str
        Columns whose family the user named: it is kept, numbers stay on the natural scale.

    Returns
    -------
    ChainSpec
    """
    for conditional in spec:
        if conditional.formula or conditional.strata:
            continue  # the user says how predictors enter
        columns = spec.predictors(conditional.target)
        numeric = not conditional.indicates and rows.schema[conditional.target].kind.is_numeric
        if numeric and conditional.family == "gaussian" and conditional.target not in fixed:
            splines = spline_columns(rows, columns, 1)
            chosen = choose(rows, columns, conditional, splines)
            if chosen.scale == "levels":
                free = conditional.predictors is None
                chosen = _as_levels(rows, columns, chosen, free)
            spec = spec.with_conditional(chosen)
        elif conditional.family in CURVED:
            free = conditional.predictors is None and conditional.target not in fixed
            ruled = as_rule(rows, columns, conditional) if free else conditional
            if ruled.family != conditional.family:
                spec = spec.with_conditional(ruled)
                continue
            told = {c.target: c.predictors for c in spec if c.family == RULE}
            lean = within_budget(rows, columns, conditional, told) if free else conditional
            kept = columns if lean.predictors is None else lean.predictors
            held = held_near_zero(rows, kept, lean) if free else lean
            spec = spec.with_conditional(_curved(rows, kept, held))
    return spec


def _as_levels(
    rows: Rows, columns: tuple[str, ...], conditional: Conditional, free: bool
) -> Conditional:
    """Settle predictors, slopes and splines of a column whose numbers are levels."""
    values = rows.arrays[conditional.target]
    codes = np.where(np.isnan(values), np.nan, codes_of(numbers_of(values), values))
    coded = replace(rows, arrays={**rows.arrays, conditional.target: codes})
    lean = within_budget(coded, columns, conditional) if free else conditional
    kept = columns if lean.predictors is None else lean.predictors
    held = held_near_zero(coded, kept, lean) if free else lean
    return _curved(coded, kept, held)


def _curved(rows: Rows, columns: tuple[str, ...], conditional: Conditional) -> Conditional:
    """Give a conditional of levels splines, if the rows support and ask for them."""
    values = rows.arrays[conditional.column]
    holes = np.isnan(values)
    values = holes.astype(np.float64) if conditional.indicates else values
    known = np.flatnonzero(~np.isnan(values))
    contrasts = len(np.unique(values[known])) - 1
    splines = spline_columns(rows, columns, contrasts)
    splines = min(splines, MOST_OF_A_LOGIT) if contrasts == 1 else splines
    mask = spaced(known, MOST_TESTED, len(rows))
    codes = values[mask].astype(np.int64)
    if splines < 2 or contrasts < 1:
        return conditional
    straight, curved = (learn(rows, columns, "", mask, curves=Curves(q))[1] for q in (0, splines))
    events = int(np.sum(values[known] != np.bincount(codes).argmax()))
    if curved.shape[1] * EVENTS > events or not is_curved(straight, curved, codes):
        return conditional
    note = f"{conditional.note}; numeric predictors bend: splines of {splines} columns"
    return replace(conditional, splines=splines, note=note)


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
