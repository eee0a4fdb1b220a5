"""The terms that the operators of a formula expand to, and those that are not what they look like.

Between terms ``*``, ``:``, ``/``, ``**`` and ``-`` are no arithmetic: they combine sets of terms. A
reader who means arithmetic would get another model in silence: ``(z)^2`` is z, ``x:x`` is x, and
``x - z`` is x. Such formulas are refused, with what to write instead.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy

from posynth.chain.formula_check import dotted, is_condition
from posynth.chain.formula_record import Formula
from posynth.chain.formula_tokens import parse, written
from posynth.errors import SpecError

MAX_TERMS = 5000

type Term = frozenset[str]
type Terms = frozenset[Term]

_INTERCEPT: Term = frozenset()


def require_terms(formula: Formula, parts: Sequence[str], dot: bool = False) -> Terms:
    """Refuse what is no sum of terms, expands to too many, or is meant as arithmetic.

    Parameters
    ----------
    formula : Formula
        The formula, its expressions checked.
    parts : sequence of str
        Its safe text in parts: operators, numbers, identifiers and calls.
    dot : bool
        Whether a dot is in the formula: what it holds is not known to the user, so that powers of
        it may be of one column and columns may be taken from it that it does not hold.

    Returns
    -------
    frozenset of frozenset of str
        The terms that the operators leave, each the set of its factors.

    Raises
    ------
    SpecError
        Naming the operator, what it does, and what to write.

    Examples
    --------
    >>> terms = require_terms(Formula("a + b - a", "a + b - a"), ["a", "+", "b", "-", "a"])
    >>> [sorted(term) for term in terms]
    [['b']]
    >>> squared = ["log(a)", "**", "2"]
    >>> require_terms(Formula("log(a)^2", " ".join(squared)), squared)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    posynth.errors.SpecError: formula 'log(a)^2': ... is I(log(a) ** 2)
    """
    parse(formula.safe.replace(":", "@"), formula.text)  # says what is no expression at all
    tree = parse(_grouped(parts), formula.text)
    if _bound(tree) > MAX_TERMS:
        raise SpecError(
            f"formula {formula.text!r} expands to more than {MAX_TERMS} terms; name the "
            "interactions that are meant"
        )
    expansion = _Expansion(formula, dot)
    terms = expansion.of(tree)
    intercept = _check_intercept(formula, parts)
    expansion.check_conditions(terms | {_INTERCEPT} if intercept else terms - {_INTERCEPT})
    return terms


def _grouped(parts: Sequence[str]) -> str:
    """Write Python that groups as formulas do: ``:`` binds closer than ``*`` and ``/``.

    Every operator closes and opens as many parentheses as it binds more loosely than the closest.
    """
    wrapped = {"+": "))+((", "-": "))-((", "*": ")*(", "/": ")/(", ":": "@", "(": "(((", ")": ")))"}
    found, before = ["(("], "("
    for part in parts:
        unary = part in "+-" and before in ("(", "+", "-", "*", "/", ":")
        found.append(part if unary else wrapped.get(part, part))
        before = part
    return "".join([*found, "))"])


def _check_intercept(formula: Formula, parts: Sequence[str]) -> bool:
    """Return whether there is an intercept; refuse to leave it out inside parentheses."""
    depth, intercept = 0, True
    for before, part, after in zip(["", *parts], parts, [*parts[1:], ""], strict=False):
        depth += (part == "(") - (part == ")")
        if part not in ("0", "1") or before == "**":
            continue
        keeps = (part == "1") != (before == "-")
        if depth and (not keeps or (before, after) == ("(", ")")):
            raise SpecError(
                f"formula {formula.text!r}: 0 and - 1 leave out the intercept of the whole model; "
                "write them outside of parentheses"
            )
        intercept = keeps
    return intercept


class _Expansion:
    """Expands the operators of one formula as formulaic does."""

    def __init__(self, formula: Formula, dot: bool) -> None:
        self.formula, self.text, self.dot = formula, formula.text, dot

    def of(self, node: ast.expr) -> Terms:
        """Return the terms, each the set of its factors; the intercept is the empty set."""
        match node:
            case ast.Constant(value=value):
                return frozenset([_INTERCEPT] if value else [])
            case ast.UnaryOp(op=ast.USub()):
                return self._without(node)
            case ast.UnaryOp():
                return self.of(node.operand)
            case ast.BinOp():
                return self._joined(node)
        return frozenset([frozenset([ast.unparse(node)])])

    def _joined(self, node: ast.BinOp) -> Terms:
        left = self.of(node.left)
        match node.op:
            case ast.Pow():
                return self._power(node, left)
            case ast.Add():
                return left | self.of(node.right)
            case ast.Sub():
                return self._difference(node, left)
        right = self.of(node.right)
        if any(isinstance(each, ast.Constant) for side in (node.left, node.right)
               for each in _summed(side)):  # fmt: skip
            raise self._error("a number takes no part in a product of terms; leave it out", node)
        if isinstance(node.op, ast.Div):
            whole = frozenset().union(*left)
            return left | {whole | term for term in right}
        if left == right and len(left) == 1:
            what = f"{_sign(node.op)} between terms is an interaction, and that of a term with"
            square = f"I({self._inner(node.left)} ** 2)"
            raise self._error(f"{what} itself is the term; its square is {square}", node)
        products = frozenset(a | b for a in left for b in right)
        return products if isinstance(node.op, ast.MatMult) else left | right | products

    def _power(self, node: ast.BinOp, left: Terms) -> Terms:
        times = int(str(node.right.value)) if isinstance(node.right, ast.Constant) else 1
        several = len(left - {_INTERCEPT}) > 1
        if times < 1:
            raise self._error("the power 0 of terms is none; write a whole number from 1", node)
        if not (several or self.dot):
            raise SpecError(
                f"formula {self.text!r}: ^ and ** between terms expand interactions, as in "
                f"(a + b) ** 2, and {self._shown(node.left)!r} is a single term; its power is "
                f"I({self._inner(node.left)} ** {times})"
            )
        if _INTERCEPT in left:
            raise self._error("a number takes no part in a product of terms; leave it out", node)
        found = left
        for _ in range(times - 1):
            found = frozenset(a | b for a in found for b in left)
        return found

    def _difference(self, node: ast.BinOp, left: Terms) -> Terms:
        right = self.of(node.right)
        if right - left - {_INTERCEPT} and not self.dot:
            raise self._error(
                "- between terms leaves a term out, and this one is not there; a difference is "
                f"I({self._inner(node.left)} - {self._inner(node.right)})",
                node,
            )
        return left - right

    def _without(self, node: ast.UnaryOp) -> Terms:
        if isinstance(node.operand, ast.Constant):
            return frozenset()
        raise self._error(
            f"- leaves a term out; the negative of a column is I(-{self._inner(node.operand)})",
            node,
        )

    def check_conditions(self, terms: Terms) -> None:
        """Refuse a condition whose other half would be left out: it counts as 0 and 1."""
        calls = {text: ast.parse(text, mode="eval").body for text in self.formula.factors}
        conditions = {
            ast.unparse(call): call.args[0]
            for call in calls.values()
            if isinstance(call, ast.Call)
            and dotted(call.func) == "I"
            and is_condition(call.args[0])
        }
        for term in sorted(terms, key=sorted):
            for factor in sorted(term & {*conditions}):
                rest = term - {factor}
                if rest not in terms:
                    raise self._half(conditions[factor], sorted(rest))

    def _half(self, condition: ast.expr, rest: list[str]) -> SpecError:
        shown = self._inner(condition).removeprefix("(").removesuffix(")")
        if not rest:
            return SpecError(
                f"formula {self.text!r}: without an intercept I({shown}) leaves rows where it is "
                f"false at 0; write C({shown}), which has a coefficient for each"
            )
        other = self.formula.label(":".join(rest))
        return SpecError(
            f"formula {self.text!r}: I({shown}) counts as 0 and 1, so that its product with "
            f"{other} is about rows where it is true alone; write C({shown}):{other} for both, or "
            f"add {other} to the model"
        )

    def _inner(self, node: ast.expr) -> str:
        """Return a part as arithmetic inside ``I(...)``."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "I":
            return self._inner(node.args[0])
        names = {i: written(each.column) for i, each in self.formula.references.items()}
        renamed = _Renamed(names).visit(deepcopy(node))
        text = self.formula.label(ast.unparse(renamed)).replace(" @ ", " * ")
        return text if isinstance(node, ast.Name | ast.Call | ast.Constant) else f"({text})"

    def _shown(self, node: ast.expr) -> str:
        return self.formula.label(ast.unparse(node).replace(" @ ", ":"))

    def _error(self, what: str, node: ast.expr) -> SpecError:
        return SpecError(f"formula {self.text!r}: {self._shown(node)!r}: {what}")


class _Renamed(ast.NodeTransformer):
    """Puts names as they are written in place of identifiers."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace one name."""
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def _summed(node: ast.expr) -> Iterator[ast.expr]:
    """Go over what a sum of terms adds up."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _summed(node.left)
        yield from _summed(node.right)
    elif isinstance(node, ast.UnaryOp):
        yield from _summed(node.operand)
    else:
        yield node


def _sign(op: ast.operator) -> str:
    return ":" if isinstance(op, ast.MatMult) else "*"


def _bound(node: ast.AST) -> int:
    """Return an upper bound of the number of terms."""
    if isinstance(node, ast.UnaryOp):
        return _bound(node.operand)
    if not isinstance(node, ast.BinOp):
        return 1
    left = _bound(node.left)
    if isinstance(node.op, ast.Pow):
        power = node.right.value if isinstance(node.right, ast.Constant) else 1
        return int(min(left ** min(int(str(power)), 20), 10**9))
    right = _bound(node.right)
    products = isinstance(node.op, ast.MatMult | ast.Mult)
    alone = 0 if isinstance(node.op, ast.MatMult) else left + right
    return min(products * left * right + alone, 10**9)
