"""Functions, contrasts and settings that a formula may hold, and what R's spellings become."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

#: Largest degree of a polynomial, number of knots or columns of a spline.
MAX_COLUMNS = 50


@dataclass(frozen=True)
class Signature:
    """What a function takes.

    Attributes
    ----------
    columns : int
        Number of its first arguments, which are expressions of columns.
    settings : Mapping of str to str
        Its other arguments in order: name -> kind, one of ``KINDS``.
    """

    columns: int = 1
    settings: Mapping[str, str] | None = None


_SPLINE = {"df": "count", "knots": "numbers"}
_BOUNDS = {"lower_bound": "number", "upper_bound": "number"}
_ELEMENTWISE = ("abs", "ceil", "exp", "expm1", "floor", "log", "log10", "log1p", "log2", "sqrt")

#: Function -> what it takes. ``np.log`` and the like are spelled exactly so.
FUNCTIONS: dict[str, Signature] = {
    **{name: Signature() for name in _ELEMENTWISE},
    **{f"np.{name}": Signature() for name in _ELEMENTWISE},
    "I": Signature(),
    "where": Signature(3),
    "C": Signature(1, {"contrasts": "contrasts", "levels": "levels", "spans_intercept": "switch"}),
    "center": Signature(),
    "scale": Signature(1, {"center": "centre", "scale": "centre", "ddof": "number"}),
    "standardize": Signature(1, {"center": "centre", "rescale": "centre", "ddof": "number"}),
    "poly": Signature(1, {"degree": "count", "raw": "switch"}),
    "bs": Signature(
        1,
        {**_SPLINE, "degree": "count", "include_intercept": "switch", **_BOUNDS,
         "extrapolation": "text"},
    ),
    **{name: Signature(1, {**_SPLINE, **_BOUNDS, "constraints": "text", "extrapolation": "text"})
       for name in ("cr", "cs", "cc")},
}  # fmt: skip

#: Contrasts, as ``C(x, Treatment("b"))`` or ``C(x, contr.treatment("b"))``.
CONTRASTS: dict[str, Signature] = {
    "Treatment": Signature(0, {"reference": "level"}),
    "contr.treatment": Signature(0, {"base": "level"}),
    **{name: Signature(0) for name in ("Sum", "Helmert", "Diff", "Poly")},
    **{f"contr.{name}": Signature(0) for name in ("sum", "helmert", "diff", "poly", "SAS")},
}

#: Spellings of R and other tools -> what to write.
SPELLINGS = {
    **dict.fromkeys(("factor", "as.factor", "as_factor"), "C(x), which makes levels of a column"),
    **dict.fromkeys(("ordered", "as.ordered"), "C(x, levels=[...]), or the kind 'ordinal'"),
    "relevel": 'C(x, Treatment("b")), which makes b the base level',
    **dict.fromkeys(("as.numeric", "as.integer"), "I(x): codes are numbers there"),
    "ifelse": "where(condition, a, b)",
    **dict.fromkeys(("ns", "rcs", "s"), "cr(x, df=3, constraints='center'), a natural spline"),
    "cut": "I(x > 60), one term a break",
    "pow": "I(x ** 2)",
    "np.power": "I(x ** 2)",
    "Surv": "the time on the left side alone, and --status COLUMN (status=) for the events",
    "cbind": "one column on the left side",
    "offset": "it in a model that is pooled, as a term of its own; conditionals have none",
    "lag": "a column of the table: a term may not read other rows",
    "Q": "a name in backquotes, as `blood pressure`",
}  # fmt: skip


def constant(node: ast.expr) -> Any:
    """Return a number, text, switch or list of them; None for anything else."""
    match node:
        case ast.Constant():
            return node.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List() | ast.Tuple():
            found = [constant(each) for each in node.elts]
            return None if any(isinstance(each, list) or each is None for each in found) else found
    return None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value)


def _is_level(value: Any) -> bool:
    return isinstance(value, str | bool) or _is_number(value)


#: Kind of a setting -> what it must be, in words and as a test.
KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "count": (
        f"a whole number from 1 to {MAX_COLUMNS}",
        lambda v: type(v) is int and 1 <= v <= MAX_COLUMNS,
    ),
    "number": ("a number", _is_number),
    "numbers": (
        f"a list of at most {MAX_COLUMNS} numbers",
        lambda v: isinstance(v, list) and len(v) <= MAX_COLUMNS and all(map(_is_number, v)),
    ),
    "switch": ("True or False", lambda v: isinstance(v, bool)),
    "centre": ("True, False or a number", lambda v: isinstance(v, bool) or _is_number(v)),
    "text": ("a text in quotes", lambda v: isinstance(v, str)),
    "level": ("a level: a text in quotes, or a number", _is_level),
    "levels": (
        "a list of levels, as ['low', 'high']",
        lambda v: isinstance(v, list) and all(map(_is_level, v)),
    ),
}
