"""A default chain looks at the rows: which scale, how many spline columns, which interactions."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from posynth.chain.blocks import Rows
from posynth.chain.budget import spline_columns, within_budget
from posynth.chain.choice import choose
from posynth.chain.few import codes_of, numbers_of
from posynth.chain.level_terms import with_terms
from posynth.chain.limits import BOUNDED, RESTRICTED
from posynth.chain.open_rows import limited
from posynth.chain.screen import with_predictors
from posynth.chain.slopes import for_few_cases
from posynth.chain.spec import ChainSpec, Conditional

#: Families of levels and holes whose numeric predictors may bend too.
CURVED = ("bernoulli", "categorical", "restricted")


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
    every = rows
    for conditional in spec:
        if conditional.formula or conditional.strata or conditional.computed:
            continue  # the user says how predictors enter, or there are none
        limits, rows = limited(every, conditional)
        columns = spec.predictors(conditional.target)
        if conditional.priors:
            free = conditional.target not in fixed
            spec = spec.with_conditional(_as_stated(rows, columns, conditional, free))
            continue
        numeric = not conditional.indicates and rows.schema[conditional.target].kind.is_numeric
        if numeric and conditional.family == "gaussian" and conditional.target not in fixed:
            splines = spline_columns(rows, columns, 1)
            bounded = limits is not None and (bool(limits.distance) or _positive(rows, conditional))
            chosen = choose(rows, columns, conditional, splines, bounded=bounded)
            if chosen.scale == "levels":
                free = conditional.predictors is None
                chosen = _as_levels(rows, columns, chosen, free)
            spec = spec.with_conditional(chosen)
        elif numeric and conditional.family == BOUNDED and conditional.target not in fixed:
            spec = spec.with_conditional(_between_bounds(rows, columns, conditional))
        elif numeric and conditional.family == RESTRICTED:
            free = conditional.target not in fixed
            spec = spec.with_conditional(_as_levels(rows, columns, conditional, free))
        elif conditional.family in CURVED:
            named = conditional.predictors is not None and conditional.family != RESTRICTED
            free = not named and conditional.target not in fixed
            if conditional.indicates and columns:
                given = with_predictors(rows, columns, conditional)
                kept = columns if given.predictors is None else given.predictors
                spec = spec.with_conditional(with_terms(rows, kept, given))
                continue
            told = {c.target: c.sources for c in spec if c.computed}
            lean = within_budget(rows, columns, conditional, told) if free else conditional
            kept = columns if lean.predictors is None else lean.predictors
            held = for_few_cases(rows, kept, lean) if free else lean
            spec = spec.with_conditional(with_terms(rows, kept, held))
    return spec


def _as_stated(
    rows: Rows, columns: tuple[str, ...], conditional: Conditional, free: bool
) -> Conditional:
    """Keep straight main effects on the natural scale: priors are stated of their coefficients."""
    note = "straight lines on natural scales, since priors of coefficients are stated"
    straight = replace(conditional, note=f"{conditional.note}; {note}")
    levels = conditional.family in CURVED and not conditional.indicates
    return for_few_cases(rows, columns, straight) if levels and free else straight


def _between_bounds(rows: Rows, columns: tuple[str, ...], conditional: Conditional) -> Conditional:
    """Truncate on the learned scale, with splines and products, where that would be chosen."""
    splines = spline_columns(rows, columns, 1)
    without = replace(conditional, family="gaussian", rules=())
    chosen = choose(rows, columns, without, splines)
    if chosen.scale != "learned":
        return conditional
    return replace(
        conditional,
        scale="learned",
        splines=chosen.splines,
        interactions=chosen.interactions,
        note=f"{conditional.note}, on the learned scale",
    )


def _positive(rows: Rows, conditional: Conditional) -> bool:
    """Whether the open rows of a column with rules hold no value below 0, as of hours worked."""
    return bool(np.nanmin(rows.arrays[conditional.target], initial=0.0) >= 0)


def _as_levels(
    rows: Rows, columns: tuple[str, ...], conditional: Conditional, free: bool
) -> Conditional:
    """Settle predictors, slopes and splines of a column whose numbers are levels."""
    values = rows.arrays[conditional.target]
    codes = np.where(np.isnan(values), np.nan, codes_of(numbers_of(values), values))
    coded = replace(rows, arrays={**rows.arrays, conditional.target: codes})
    lean = within_budget(coded, columns, conditional) if free else conditional
    kept = columns if lean.predictors is None else lean.predictors
    held = for_few_cases(coded, kept, lean) if free else lean
    return with_terms(coded, kept, held)
