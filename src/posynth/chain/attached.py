"""Which conditional a rule restricts, and the visit order that rules ask for."""

import ast
from collections.abc import Iterable, Sequence

from posynth.chain.row_rule import HOLDS, WITHIN, read_row_rule
from posynth.chain.rule import named
from posynth.errors import SpecError, unknown


def attached(rules: Iterable[str], visited: tuple[str, ...]) -> dict[tuple[str, bool], list[str]]:
    """Return (column, whether its indicator) -> the rules that restrict it: the last one visited.

    Parameters
    ----------
    rules : iterable of str
        Rules.
    visited : tuple of str
        Columns in visit order.
    """
    found: dict[tuple[str, bool], list[str]] = {}
    for text in rules:
        rule = read_row_rule(text)
        about_missing = rule.kind not in (HOLDS, WITHIN)
        unknown_names = [name for name in rule.columns if name not in visited]
        if unknown_names:
            raise SpecError(f"rule {text!r}: {unknown('column', unknown_names[0], visited)}")
        last = rule.target if about_missing else max(rule.columns, key=visited.index)
        found.setdefault((last, about_missing), []).append(text)
    return found


def implied(texts: Iterable[str]) -> list[str]:
    """Return the inequalities between two columns that several others imply.

    With ``start <= mid`` and ``mid <= end`` a copy in which the end comes before the start would
    leave nothing for what lies between.

    Examples
    --------
    >>> implied(["mid >= start", "mid <= end"])
    ['end >= start']
    """
    texts = list(texts)
    above = {pair for text in texts if (pair := _pair(text))}
    found: list[str] = []
    while new := {(a, d) for a, b in above for c, d in above if b == c and a != d} - above:
        above |= new
        found += [f"{named(a)} >= {named(b)}" for a, b in sorted(new)]
    return found


def _pair(text: str) -> tuple[str, str] | None:
    """Return (higher, lower) column of a rule that compares two columns."""
    rule = read_row_rule(text)
    tree = rule.head.tree if rule.head and not rule.condition else None
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1:
        return None
    sides = (tree.left, tree.comparators[0])
    if not all(isinstance(side, ast.Name) for side in sides):
        return None
    left, right = rule.columns if len(rule.columns) == 2 else ("", "")
    if isinstance(tree.ops[0], ast.Gt | ast.GtE):
        return left, right
    return (right, left) if isinstance(tree.ops[0], ast.Lt | ast.LtE) else None


def moved_behind(visited: Sequence[str], texts: Iterable[str]) -> tuple[str, ...]:
    """Return a visit order in which a condition comes before the column whose holes it decides.

    Examples
    --------
    >>> moved_behind(("brand", "smoke", "age"), ["brand is missing if smoke == 'never'"])
    ('smoke', 'brand', 'age')
    """
    sources: dict[str, set[str]] = {}
    for rule in map(read_row_rule, texts):
        if rule.kind not in (HOLDS, WITHIN):
            sources.setdefault(rule.target, set()).update(rule.sources)
    order = list(visited)
    for _ in sources:
        for target, read in sources.items():
            later = [order.index(n) for n in read if n in order] if target in order else []
            if later and max(later) > order.index(target):
                place = max(later)
                order.remove(target)
                order.insert(place, target)
    return tuple(order)
