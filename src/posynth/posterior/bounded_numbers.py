"""How a numeric column whose rows rules bound is modelled."""

import ast
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.few import MOST_VALUES, numbers_of
from posynth.chain.limits import BOUNDED, RESTRICTED, Limits
from posynth.chain.row_rule import read_row_rule
from posynth.chain.spec import Conditional
from posynth.errors import SpecError
from posynth.table.bounds import half_unit
from posynth.table.schema import Kind

#: Distance from a bound, in sds of it, that is near; share of rows there from which it is modelled.
CLOSE_BY, SOME = 0.1, 0.05
#: Share of rows that must have a bound: the others have one too, which is missing.
MOST_WITHOUT = 0.5
#: Units of rounding between two bounds from which on shares of the way are as good as continuous.
UNITS = 30
#: Share of the way that a tenth of the rows must reach, with near and with far bounds.
FAR_ENOUGH = 0.3


def bounded_numbers(
    rows: Rows, conditional: Conditional, left: NDArray[np.bool_], default: bool
) -> Conditional:
    """Choose how a numeric column is kept to the bounds of its open rows.

    A few whole numbers are levels, of which those within the bounds are possible; what lies near
    its one bound is modelled by its distance from it, and what lies between 0 and a bound far above
    by its share; all others are normal, truncated to the bounds of each row.
    """
    limits = Limits.of(rows, replace(conditional, family=BOUNDED))
    assert limits is not None
    low, high = (ends[left] for ends in replace(limits, ended=False).bounds(rows))
    if not (np.isfinite(low).any() or np.isfinite(high).any()):
        return conditional
    least, most = (ends[left] for ends in limits.bounds(rows))
    if not default:
        if conditional.family in (BOUNDED, RESTRICTED):
            return conditional
        raise SpecError(
            f"column {conditional.target!r}: family {conditional.family!r} gives values beyond "
            f"the bounds that its rules leave ({'; '.join(conditional.rules)}) some probability; "
            "use family 'bounded' (normal, truncated to the bounds of each row), or no method"
        )
    if conditional.priors:
        note = f"{conditional.note}; normal, truncated to the bounds of each row"
        return _plain(conditional, BOUNDED, "natural", note)
    values, kind = rows.arrays[conditional.column][left], rows.schema[conditional.column].kind
    numbers = numbers_of(rows.arrays[conditional.column])
    if kind is not Kind.DATE and 2 < len(numbers) <= MOST_VALUES and np.all(numbers % 1 == 0):
        note = f"{conditional.note}; the numbers within its bounds are levels"
        return _plain(conditional, RESTRICTED, "levels", note)
    known = ~np.any([np.isnan(rows.arrays[name][left]) for name in limits.columns], axis=0)
    unit = 2 * half_unit(rows.schema[conditional.column])
    near = _near(values, low, most, known, unit) or _near(-values, -high, -least, known, unit)
    if near or _far_apart(values, least, most, unit):
        note = f"{conditional.note}; its distance from the bound is modelled"
        return replace(conditional, note=note)
    note = f"{conditional.note}; normal, truncated to the bounds of each row"
    return _plain(conditional, BOUNDED, "natural", note)


def by_numbers(rows: Rows, conditional: Conditional) -> Conditional:
    """Take numbers for levels where a rule excludes one of them: what it leaves is no interval."""
    numbers = numbers_of(rows.arrays[conditional.column])
    few = 2 < len(numbers) <= MOST_VALUES and np.all(numbers % 1 == 0)
    if conditional.family == RESTRICTED or not few or not any(map(_excludes, conditional.rules)):
        return conditional
    note = f"{conditional.note}; the numbers that its rules leave are levels"
    return _plain(conditional, RESTRICTED, "levels", note)


def _excludes(text: str) -> bool:
    head = read_row_rule(text).head
    return head is not None and any(isinstance(n, ast.NotEq) for n in ast.walk(head.tree))


def _plain(conditional: Conditional, family: str, scale: str, note: str) -> Conditional:
    """Return a conditional of another family, without what was chosen for the one before."""
    return replace(
        conditional,
        family=family,
        scale=scale,
        note=note,
        prior="",
        scales={},
        options={},
        spread=(),
        splines=0,
        interactions=(),
    )


def _near(values: Floats, low: Floats, high: Floats, known: NDArray[np.bool_], unit: float) -> bool:
    """Whether rows lie at a lower bound, as if the column were the bound and what comes on top.

    With all signs turned it is the same of an upper bound.

    A bound may be missing only where another column of its rule is.
    """
    there = np.isfinite(low)
    if np.isfinite(high).any() or there.mean() < MOST_WITHOUT or not there[known].all():
        return False
    distance = (values - low)[there]
    return float(np.mean(distance <= max(CLOSE_BY * distance.std(), 1.5 * unit))) >= SOME


def _far_apart(values: Floats, low: Floats, high: Floats, unit: float) -> bool:
    """Whether the values between two bounds can be seen as shares of the way.

    Bounds must be many units of rounding apart, and values must come near the upper one whether it
    is near or far: amounts spent of incomes, not temperatures below a limit.
    """
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return False
    width = high - low
    if float(np.quantile(width, 0.05)) < UNITS * unit:
        return False
    share, order = (values - low) / width, np.argsort(width)
    return all(np.quantile(share[part], 0.9) >= FAR_ENOUGH for part in np.array_split(order, 3))
