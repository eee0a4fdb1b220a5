"""Which conditional a rule restricts, and the visit order that rules ask for."""

from collections.abc import Iterable, Sequence

from posynth.chain.row_rule import HOLDS, WITHIN, read_row_rule
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
