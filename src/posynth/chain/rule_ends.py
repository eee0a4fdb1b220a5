"""The interval that one rule leaves to a numeric column in each row."""

from dataclasses import replace

import numpy as np

from posynth.chain.blocks import Rows
from posynth.chain.interval import Ends, interval
from posynth.chain.row_rule import HOLDS, RowRule, written
from posynth.errors import SpecError


def rule_ends(rule: RowRule, column: str, rows: Rows, unit: float) -> Ends:
    """Return the interval a rule leaves to a numeric column."""
    assert rule.kind == HOLDS and rule.head is not None
    if column in rule.sources:
        return _under_condition(rule, column, rows, unit)
    names = [name for name in rule.head.sources if name != column]
    taken = {name: written(rows.schema[name], rows.arrays[name]) for name in names}
    taken = taken or {"": np.zeros(len(rows))}
    low, high = interval(rule.head, column, taken, unit)
    others = [rows.arrays[name] for name in rule.head.needed if name != column]
    free = ~rule.applies(rows)
    for values in others:
        free |= np.isnan(values)
    return np.where(free, -np.inf, low), np.where(free, np.inf, high)


def _under_condition(rule: RowRule, column: str, rows: Rows, unit: float) -> Ends:
    """Return the interval where the column stands in the condition, not in what must hold."""
    assert rule.head is not None and rule.condition is not None
    if column in rule.head.sources:
        raise SpecError(f"rule {rule.text!r}: column {column!r} stands on both sides of 'if'")
    head = replace(rule, condition=None).holds(rows)
    names = [name for name in rule.condition.sources if name != column]
    taken = {name: written(rows.schema[name], rows.arrays[name]) for name in names}
    taken = taken or {"": np.zeros(len(rows))}
    turned = rule.condition if rule.unless else rule.condition.negated()
    low, high = interval(turned, column, taken, unit)
    return np.where(head, -np.inf, low), np.where(head, np.inf, high)
