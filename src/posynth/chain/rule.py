"""The language of passive columns: formulas that hold nothing but what a short list allows.

They are computed by NumPy; nothing else in them is ever run.

``weight / (height / 100) ** 2``, ``a + b``, ``1 + cut(age, 35, 60)``,
``"adult" if age >= 18 else "child"``, ``log1p(income)``; a name that is no identifier stands in
backticks. ``cut(x, b1, ..., bk)`` is the number of breaks that x has reached, 0 to k;
``missing(x)`` tells whether x is missing. A comparison with a missing value is false.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from keyword import iskeyword
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from posynth.errors import SpecError, unknown

type Values = NDArray[Any]

LONGEST, DEEPEST = 2000, 50
#: Relative difference up to which numbers are the same.
CLOSE = 1e-9
_WRITTEN = re.compile(r"`([^`]+)`|'[^']*'|\"[^\"]*\"|(\w+)")
_NESTED = "it is nested too deeply; split it over several columns"


def _cut(values: Values, *breaks: Values) -> Values:
    return np.asarray(sum((values >= each).astype(float) for each in breaks))


def _round(values: Values, digits: Values | float = 0.0) -> Values:
    return np.asarray(np.round(values, int(np.max(digits))))


def _where(condition: Values, yes: Values, no: Values) -> Values:
    if _is_text(yes) != _is_text(no):
        raise TypeError("one branch is text, the other a number")
    return np.where(condition, yes, no)


def _missing(values: Values) -> Values:
    values = np.asarray(values)
    if _is_text(values):
        return np.asarray([value is None for value in values.ravel()]).reshape(values.shape)
    return np.asarray(np.isnan(values))


def _smallest(*values: Values) -> Values:
    return np.asarray(np.minimum.reduce(np.broadcast_arrays(*values)))


def _largest(*values: Values) -> Values:
    return np.asarray(np.maximum.reduce(np.broadcast_arrays(*values)))


#: Function -> what computes it, least and most arguments.
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    **{name: (getattr(np, name), 1, 1) for name in ("exp", "log", "log1p", "log2", "log10")},
    **{name: (getattr(np, name), 1, 1) for name in ("sqrt", "floor", "ceil")},
    "abs": (np.abs, 1, 1),
    "round": (_round, 1, 2),
    "min": (_smallest, 2, 99),
    "max": (_largest, 2, 99),
    "where": (_where, 3, 3),
    "cut": (_cut, 2, 99),
    "missing": (_missing, 1, 1),
}
#: Functions that take text too.
_TAKE_TEXT = ("where", "missing")
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: np.negative,
    ast.UAdd: np.positive,
    ast.Not: np.logical_not,
}


@dataclass(frozen=True)
class Rule:
    """A formula that was read and holds nothing but what the language allows.

    Attributes
    ----------
    text : str
        The formula as it was written.
    sources : tuple of str
        Columns it reads, in order of appearance.
    tree : ast.expr
        Its syntax tree.
    names : Mapping of str to str
        Name in the tree -> column.
    """

    text: str
    sources: tuple[str, ...]
    tree: ast.expr
    names: Mapping[str, str]

    @property
    def needed(self) -> tuple[str, ...]:
        """The sources without which it has no value: all but those read by ``missing`` only."""
        return tuple(dict.fromkeys(self.names.get(n, n) for n in _outside_missing(self.tree)))

    def values(self, columns: Mapping[str, Values]) -> Values:
        """Compute the formula.

        Parameters
        ----------
        columns : Mapping of str to ndarray, shape (n,)
            Source -> numbers, or texts as objects.

        Returns
        -------
        ndarray, shape (n,)
            Numbers or texts; what is not defined for a row (a division by 0) is not finite.

        Raises
        ------
        SpecError
            If text and numbers are mixed.
        """
        try:
            with np.errstate(all="ignore"):
                found = np.asarray(self._of(self.tree, columns))
        except (TypeError, ValueError, OverflowError) as error:
            raise SpecError(
                f"rule {self.text!r} cannot be computed: {error}; levels are text in quotes, and "
                "text can only be compared by == and !="
            ) from None
        count = len(next(iter(columns.values())))
        found = np.broadcast_to(found, (count,))
        return found if _is_text(found) else found.astype(np.float64)

    def negated(self) -> "Rule":
        """Return the formula that is true where this one is not."""
        return replace(self, tree=ast.UnaryOp(ast.Not(), self.tree))

    def part(self, node: ast.expr, columns: Mapping[str, Values]) -> Values:
        """Compute a part of the formula; shapes broadcast to (n,)."""
        try:
            return np.asarray(self._of(node, columns))
        except (TypeError, ValueError, OverflowError) as error:
            raise SpecError(f"rule {self.text!r} cannot be computed: {error}") from None

    def names_in(self, node: ast.expr) -> set[str]:
        """Return the columns that a part of the formula reads, other than by ``missing``."""
        return {self.names.get(name, name) for name in _outside_missing(node)}

    def _of(self, node: ast.expr, columns: Mapping[str, Values]) -> Any:
        if isinstance(node, ast.Name):
            return columns[self.names.get(node.id, node.id)]
        if isinstance(node, ast.Constant):
            return _constant(node.value)
        parts = [self._of(child, columns) for child in _operands(node)]
        return _COMBINED[type(node)](node, parts)


@lru_cache(maxsize=256)
def read_rule(text: str) -> Rule:
    """Read a formula.

    Raises
    ------
    SpecError
        If it is no formula, or holds what the language does not know.

    Examples
    --------
    >>> rule = read_rule("weight / (height / 100) ** 2")
    >>> rule.sources
    ('weight', 'height')
    >>> rule.values({"weight": np.array([80.0]), "height": np.array([200.0])})
    array([20.])
    """
    names: dict[str, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        quoted, word = found.groups()
        # Python would read a name in another form of its letters: µ as the Greek letter.
        if quoted is None and (word is None or normalize("NFKC", word) == word):
            return found.group()
        name = f"quoted_{len(names)}_"
        names[name] = quoted or word
        return name

    if len(text) > LONGEST:
        raise SpecError(f"rule of {len(text)} characters: at most {LONGEST} are read")
    try:
        tree = ast.parse(_WRITTEN.sub(stand_in, text.strip()), mode="eval").body
        sources = tuple(dict.fromkeys(names.get(n, n) for n in _names(tree, text)))
    except (SyntaxError, ValueError) as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise SpecError(
            f"rule {text!r} is no formula ({said}); write it as 'weight / (height / 100) ** 2'"
        ) from None
    except (RecursionError, MemoryError):
        raise SpecError(f"rule {text!r}: {_NESTED}") from None
    if not sources:
        raise SpecError(f"rule {text!r} names no column; it must be computed from at least one")
    return Rule(text, sources, tree, names)


def named(name: str) -> str:
    """Return a column's name as a rule writes it: in backticks unless it is an identifier."""
    plain = name.isidentifier() and not iskeyword(name) and normalize("NFKC", name) == name
    return name if plain else f"`{name}`"


def compared(rule: Rule) -> list[tuple[str, str | float]]:
    """Return the (column, constant) pairs that a formula compares.

    Examples
    --------
    >>> compared(read_rule("1 if sex == 'f' and 3 < age else 0"))
    [('sex', 'f'), ('age', 3.0)]
    """
    found: list[tuple[str, str | float]] = []
    for node in ast.walk(rule.tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for one, other in pairwise(sides):
            for a, b in ((one, other), (other, one)):
                if isinstance(a, ast.Name) and isinstance(b, ast.Constant):
                    value = b.value if isinstance(b.value, str) else float(b.value)  # type: ignore[arg-type]
                    found.append((rule.names.get(a.id, a.id), value))
    return found


def require_rule(column: str, text: str) -> None:
    """Raise unless a column's rule can be read."""
    try:
        read_rule(text)
    except SpecError as error:
        raise SpecError(f"column {column!r}: {error}") from None


def _names(node: ast.expr, text: str, depth: int = 0) -> list[str]:
    """Return the names a formula reads; refuse every construct that the language does not know."""
    if depth > DEEPEST:
        raise SpecError(f"rule {text!r}: {_NESTED}")
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Constant) and node.value == float("inf"):  # as 1e400 is read
        raise SpecError(f"rule {text!r} holds a number beyond 1.8e+308, which is too large")
    if not _is_known(node):
        what = ast.unparse(node)
        raise SpecError(
            f"rule {text!r}: {what!r} is not allowed; a rule holds columns, numbers, levels in "
            "quotes, + - * / // % **, comparisons, and, or, not, A if B else C, and the functions "
            f"{', '.join(FUNCTIONS)}"
        )
    if isinstance(node, ast.Call):
        _check_call(node, text)
    return [name for child in _operands(node) for name in _names(child, text, depth + 1)]


def _outside_missing(node: ast.expr) -> list[str]:
    """Return the names a formula reads other than in ``missing(name)``."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "missing":
        return []
    return [name for child in _operands(node) for name in _outside_missing(child)]


def _is_known(node: ast.expr) -> bool:
    match node:
        case ast.Constant():
            return isinstance(node.value, int | float | str)
        case ast.BinOp():
            return type(node.op) in _ARITHMETIC
        case ast.UnaryOp():
            return type(node.op) in _SIGNS
        case ast.Compare():
            return all(type(op) in _COMPARED for op in node.ops)
        case ast.Call():
            plain = isinstance(node.func, ast.Name) and not node.keywords
            return plain and not any(isinstance(each, ast.Starred) for each in node.args)
    return isinstance(node, ast.BoolOp | ast.IfExp)


def _check_call(node: ast.Call, text: str) -> None:
    assert isinstance(node.func, ast.Name)
    name = node.func.id
    if name not in FUNCTIONS:
        raise SpecError(f"rule {text!r}: {unknown('function', name, FUNCTIONS)}")
    _, least, most = FUNCTIONS[name]
    if not least <= len(node.args) <= most:
        wanted = f"{least}" if least == most else f"{least} or more"
        raise SpecError(f"rule {text!r}: {name} takes {wanted} values, not {len(node.args)}")


def _operands(node: ast.expr) -> list[ast.expr]:
    called = node.func if isinstance(node, ast.Call) else None
    return [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr) and c is not called]


def _constant(value: Any) -> Any:
    """Whole numbers become float64: a power of them could else fill the memory."""
    return np.array(value, dtype=object) if isinstance(value, str) else np.float64(value)


def _is_text(values: Any) -> bool:
    return np.asarray(values).dtype.kind in "OU"


def _number(values: Any) -> Values:
    if _is_text(values):
        raise TypeError("it reckons with text")
    return np.asarray(values, dtype=np.float64)


def _compare(operator: type[ast.cmpop], left: Any, right: Any) -> Values:
    if _is_text(left) != _is_text(right):
        raise TypeError("it compares text with a number")
    if _is_text(left) and operator not in (ast.Eq, ast.NotEq):
        raise TypeError("it orders text")
    known = ~(_missing(left) | _missing(right))
    if _is_text(left):
        return np.asarray(_COMPARED[operator](left, right) & known, dtype=np.float64)
    # Sums of decimals differ in their last bits from the number they stand for.
    with np.errstate(invalid="ignore"):
        same = np.abs(left - right) <= CLOSE * np.maximum(1.0, np.maximum(abs(left), abs(right)))
    same |= np.asarray(left == right)  # infinite ones too
    held = {
        ast.Eq: same,
        ast.NotEq: ~same,
        ast.Lt: (left < right) & ~same,
        ast.LtE: (left < right) | same,
        ast.Gt: (left > right) & ~same,
        ast.GtE: (left > right) | same,
    }
    return np.asarray(held[operator] & known, dtype=np.float64)


def _joined(node: ast.BoolOp, parts: list[Any]) -> Values:
    both = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
    return np.asarray(both.reduce(np.broadcast_arrays(*map(_number, parts))))


def _chained(node: ast.Compare, parts: list[Any]) -> Values:
    steps = zip(node.ops, parts[:-1], parts[1:], strict=True)
    held = [_compare(type(op), left, right) for op, left, right in steps]
    return np.asarray(np.logical_and.reduce(np.broadcast_arrays(*held)))


def _called(node: ast.Call, parts: list[Any]) -> Any:
    assert isinstance(node.func, ast.Name)
    name = node.func.id
    return FUNCTIONS[name][0](*(parts if name in _TAKE_TEXT else map(_number, parts)))


_COMBINED: dict[type[ast.expr], Callable[[Any, list[Any]], Any]] = {
    ast.BinOp: lambda node, parts: _ARITHMETIC[type(node.op)](*map(_number, parts)),
    ast.UnaryOp: lambda node, parts: _SIGNS[type(node.op)](_number(parts[0])),
    ast.BoolOp: _joined,
    ast.Compare: _chained,
    ast.IfExp: lambda node, parts: _where(*parts),
    ast.Call: _called,
}
