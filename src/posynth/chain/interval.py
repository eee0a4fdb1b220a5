"""The interval that a rule leaves to one numeric column, given the others, row by row."""

import ast
from collections.abc import Mapping
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from posynth.chain.rule import Rule, Values
from posynth.errors import SpecError

type Floats = NDArray[np.float64]
type Ends = tuple[Floats, Floats]

#: Operator -> the one that holds where it does not.
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}


def interval(rule: Rule, target: str, columns: Mapping[str, Values], unit: float) -> Ends:
    """Return the smallest and the largest value of a column for which a condition holds.

    Parameters
    ----------
    rule : Rule
        A condition; the column enters comparisons linearly.
    target : str
        The column.
    columns : Mapping of str to ndarray, shape (n,)
        The other columns that the condition reads.
    unit : float
        Distance of neighbouring values of the column; 0 for a column in full precision, whose
        strict bounds are the next number.

    Returns
    -------
    tuple of ndarray, shape (n,)
        Both ends belong to the interval; it is empty where the first is above the second.

    Raises
    ------
    SpecError
        If what holds is no interval: the column enters otherwise than linearly, by ``!=``, or by
        several alternatives.

    Examples
    --------
    >>> from posynth.chain.rule import read_rule
    >>> low, high = interval(read_rule("2 * a <= y and y < 9"), "y", {"a": np.array([1.0, 2.0])}, 1)
    >>> low, high
    (array([2., 4.]), array([8., 8.]))
    """
    return _Solver(rule, target, columns, unit).ends(rule.tree, True)


class _Solver:
    def __init__(self, rule: Rule, target: str, columns: Mapping[str, Values], unit: float) -> None:
        self._rule, self._target, self._columns, self._unit = rule, target, columns, unit
        self._count = len(next(iter(columns.values()))) if columns else 1

    def ends(self, node: ast.expr, wanted: bool) -> Ends:
        """Return where a condition is true, or false."""
        if not self._reads(node):
            true = np.broadcast_to(self._value(node, 0.0) != 0, (self._count,))
            return self._everywhere(true == wanted)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.ends(node.operand, not wanted)
        if isinstance(node, ast.BoolOp):
            parts = [self.ends(each, wanted) for each in node.values]
            every = isinstance(node.op, ast.And) == wanted
            return reduce(_both, parts) if every else self._either(node.values, parts)
        if isinstance(node, ast.Compare) and (wanted or len(node.ops) == 1):
            sides = [node.left, *node.comparators]
            steps = zip(sides[:-1], node.ops, sides[1:], strict=True)
            parts = [self._compared(a, op, b, wanted) for a, op, b in steps]
            return reduce(_both, parts)
        raise self._refused("it enters otherwise than in comparisons")

    def _either(self, nodes: list[ast.expr], parts: list[Ends]) -> Ends:
        if sum(map(self._reads, nodes)) > 1:
            raise self._refused(
                "it stands in several alternatives",
                "of values of its own, state the range that holds them all, as 'y >= 0 and y <= "
                "2'; of a condition on other columns, write 'y >= 1 if ...', one rule for each "
                "condition, and visit those columns first (--order)",
            )
        low = np.minimum.reduce([np.where(a <= b, a, np.inf) for a, b in parts])
        high = np.maximum.reduce([np.where(a <= b, b, -np.inf) for a, b in parts])
        return low, high

    def _within(self, node: ast.expr, op: ast.cmpop, right: ast.expr, wanted: bool) -> Ends | None:
        """Return where ``abs(u) <= c`` holds: between -c and c; None for other comparisons."""
        is_abs = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if not is_abs or node.func.id != "abs" or self._reads(right):  # type: ignore[attr-defined]
            return None
        if not (wanted and isinstance(op, ast.Lt | ast.LtE)):
            return None
        inner = node.args[0]  # type: ignore[attr-defined]
        below = self._compared(inner, op, right, True)
        turned = ast.Gt() if isinstance(op, ast.Lt) else ast.GtE()
        return _both(below, self._compared(inner, turned, ast.UnaryOp(ast.USub(), right), True))

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr, wanted: bool) -> Ends:
        within = self._within(left, op, right, wanted)
        if within is not None:
            return within
        if not (self._is_linear(left) and self._is_linear(right)):
            raise self._refused("it stands in a function, power, product or quotient")
        kind = type(op) if wanted else _OPPOSITE[type(op)]
        if not (self._reads(left) or self._reads(right)):
            node = ast.Compare(left, [op], [right])
            return self._everywhere((self._value(node, 0.0) != 0) == wanted)
        at = [self._difference(left, right, y) for y in (0.0, 1.0, 2.0)]
        slope, curve = at[1] - at[0], at[2] - at[1]
        known = np.isfinite(slope)  # another column may be missing: there the rule says nothing
        if not np.allclose(curve[known], slope[known], rtol=1e-9) or (slope[known] == 0).any():
            raise self._refused("it does not enter linearly")
        bound = -at[0] / slope
        lower = slope > 0
        if kind is ast.NotEq:
            raise self._refused("`!=` leaves no interval; use < or >")
        if kind is ast.Eq:
            return bound, bound
        above = lower if kind in (ast.Gt, ast.GtE) else ~lower
        strict = kind in (ast.Gt, ast.Lt)
        low = np.where(above, self._next(bound, strict), -np.inf)
        return low, np.where(above, np.inf, -self._next(-bound, strict))

    def _next(self, bound: Floats, strict: bool) -> Floats:
        """Return the smallest value of the column that is at least, or above, a bound."""
        if not self._unit:
            return np.nextafter(bound, np.inf) if strict else bound
        steps = bound / self._unit
        near = np.round(steps)
        steps = np.where(np.abs(steps - near) < 1e-6, near + strict, np.ceil(steps))
        return np.asarray(steps * self._unit)

    def _difference(self, left: ast.expr, right: ast.expr, y: float) -> Floats:
        values = self._value(left, y), self._value(right, y)
        if any(np.asarray(each).dtype.kind != "f" for each in values):
            raise self._refused("it is compared with text")
        return np.broadcast_to(np.asarray(values[0] - values[1]), (self._count,)).astype(float)

    def _value(self, node: ast.expr, y: float) -> Values:
        columns = {**self._columns, self._target: np.full(self._count, y)}
        with np.errstate(all="ignore"):
            return np.asarray(self._rule.part(node, columns))

    def _is_linear(self, node: ast.expr) -> bool:
        """Whether the column stands in sums, and in products with what does not read it."""
        if not self._reads(node) or isinstance(node, ast.Name):
            return True
        if isinstance(node, ast.UnaryOp):
            return isinstance(node.op, ast.USub | ast.UAdd) and self._is_linear(node.operand)
        if not isinstance(node, ast.BinOp):
            return False
        both = self._is_linear(node.left) and self._is_linear(node.right)
        if isinstance(node.op, ast.Add | ast.Sub):
            return both
        if isinstance(node.op, ast.Mult):
            return both and not (self._reads(node.left) and self._reads(node.right))
        return isinstance(node.op, ast.Div) and both and not self._reads(node.right)

    def _reads(self, node: ast.expr) -> bool:
        return self._target in self._rule.names_in(node)

    def _everywhere(self, true: Values) -> Ends:
        return np.where(true, -np.inf, np.inf), np.where(true, np.inf, -np.inf)

    def _refused(self, why: str, step: str = "") -> SpecError:
        step = step or "write it as comparisons such as 'y >= a + b', one rule for each"
        return SpecError(
            f"rule {self._rule.text!r} leaves column {self._target!r} no interval: {why}; {step}"
        )


def _both(one: Ends, other: Ends) -> Ends:
    return np.maximum(one[0], other[0]), np.minimum(one[1], other[1])
