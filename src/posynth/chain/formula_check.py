"""What a formula may hold: an allow-list over the syntax tree of every expression in it.

Formulas reach formulaic, which evaluates the expressions between their operators as Python. They
come from column names, chain files, study files, stored posteriors and command lines, some of
them written by somebody else. An expression is therefore parsed first and passes only if every
node of its tree is on the list below: columns, finite numbers, texts, arithmetic, comparisons and
calls of the functions in ``FUNCTIONS``. Attributes, subscripts, lambdas, comprehensions, formatted
texts and names that begin with an underscore twice are on no list, so they are refused.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite

from posynth.chain.formula_functions import (
    CONTRASTS,
    FUNCTIONS,
    KINDS,
    SPELLINGS,
    Signature,
    constant,
)
from posynth.chain.formula_tokens import quoted, written
from posynth.errors import SpecError, unknown

DEEPEST = 40


_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class UnknownColumn(SpecError):
    """A formula names a column that it may not read, or that there is not."""


def dotted(node: ast.expr) -> str:
    """Return a name, or a name with a dot (``np.log``), or ``""`` for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""


def check_expression(tree: ast.expr, names: Mapping[str, str], text: str) -> None:
    """Raise unless an expression holds nothing but what a formula may.

    Parameters
    ----------
    tree : ast.expr
        The expression.
    names : Mapping of str to str
        Name that it may read -> the column it stands for.
    text : str
        The whole formula, for the error.

    Raises
    ------
    SpecError
        Naming the part that is not allowed, what is, and the next step.

    Examples
    --------
    >>> check_expression(ast.parse("log(x + 1)", mode="eval").body, {"x": "x"}, "log(x + 1)")
    """
    _Check(names, text).value(tree, 0)


@dataclass(frozen=True)
class _Check:
    names: Mapping[str, str]
    text: str

    def value(self, node: ast.expr, depth: int) -> bool:
        """Check an expression of columns; return whether it reads one."""
        if depth > DEEPEST:
            raise SpecError(f"formula {self.text!r} is nested too deeply; compute a column first")
        match node:
            case ast.Name():
                return self._name(node)
            case ast.Constant():
                return self._number(node)
            case ast.BinOp() | ast.UnaryOp() | ast.Compare():
                return self._operation(node, depth)
            case ast.Call():
                return self._call(node, depth, FUNCTIONS)
        raise self.refused(node)

    def _name(self, node: ast.Name) -> bool:
        if node.id not in self.names or node.id.startswith("__"):
            raise self.unknown(node.id)
        return True

    def _number(self, node: ast.Constant) -> bool:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise self.refused(node)
        return False

    def _operation(self, node: ast.BinOp | ast.UnaryOp | ast.Compare, depth: int) -> bool:
        match node:
            case ast.BinOp(op=ast.BitXor()):
                power = f"{ast.unparse(node.left)} ** {ast.unparse(node.right)}"
                raise SpecError(
                    f"formula {self.text!r}: {self._shown(node)} is no power: inside I(...) ^ "
                    f"works on bits; write {self._restored(power)}"
                )
            case ast.BinOp(op=ast.Pow()):
                read = self.value(node.left, depth + 1)
                # Powers of constants alone could fill the memory.
                if not (self.value(node.right, depth + 1) or read):
                    raise SpecError(
                        f"formula {self.text!r}: {self._shown(node)} is a power of numbers alone; "
                        "write the number out"
                    )
                return True
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
                return self._condition(node, depth)
            case ast.UnaryOp(op=ast.Invert()):
                return self._condition(node, depth)
            case ast.BinOp() if isinstance(node.op, _ARITHMETIC):
                parts = [node.left, node.right]
            case ast.UnaryOp() if isinstance(node.op, (ast.USub, ast.UAdd)):
                parts = [node.operand]
            case ast.Compare() if len(node.ops) > 1:
                raise self._chained(node)
            case ast.Compare() if all(isinstance(op, _COMPARISONS) for op in node.ops):
                texts = [p for p in (node.left, *node.comparators) if not _is_text(p)]
                parts = texts
            case _:
                raise self.refused(node)
        return any([self.value(part, depth + 1) for part in parts])

    def _chained(self, node: ast.Compare) -> SpecError:
        """Return the error for ``0 < x < 1``, which joins two conditions of whole columns.

        Python reads ``x > 0 & z > 0`` as such: ``&`` and ``|`` bind closer than comparisons.
        """
        text, left = "", node.left
        for op, side in zip(node.ops, node.comparators, strict=True):
            last = side is node.comparators[-1]
            right, sign, after = (side, "&", side) if last else _parted(side)
            text += f"({ast.unparse(ast.Compare(left, [op], [right]))}) {sign} "
            left = after
        text = text[:-3]
        for alias, name in self.names.items():
            text = text.replace(alias, written(name)) if alias != name else text
        return SpecError(
            f"formula {self.text!r}: {self._shown(node)} is two comparisons in one; write {text}"
        )

    def _condition(self, node: ast.BinOp | ast.UnaryOp, depth: int) -> bool:
        """``&``, ``|`` and ``~`` of comparisons; of numbers they would work on bits."""
        parts = [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right]
        for part in parts:
            if not is_condition(part):
                raise SpecError(
                    f"formula {self.text!r}: {self._shown(node)} joins conditions with &, | or ~; "
                    "put each comparison in parentheses, as (age > 60) & (bmi < 30)"
                )
        return any([self.value(part, depth + 1) for part in parts])

    def _call(self, node: ast.Call, depth: int, known: Mapping[str, Signature]) -> bool:
        name = dotted(node.func)
        if name not in known:
            raise self.unknown_function(name, node, known)
        signature = known[name]
        settings = dict(signature.settings or {})
        starred = any(isinstance(each, ast.Starred) for each in node.args)
        if starred or any(word.arg is None for word in node.keywords):
            raise self.refused(node)
        first, others = node.args[: signature.columns], node.args[signature.columns :]
        given = dict(zip(settings, others, strict=False)) if len(others) <= len(settings) else None
        words = {str(word.arg): word.value for word in node.keywords}
        if len(first) < signature.columns or given is None or set(words) & set(given):
            raise self._arguments(name, signature, node)
        for word, value in (given | words).items():
            if word not in settings:
                raise self._arguments(name, signature, node)
            self._setting(name, word, settings[word], value, depth)
        return any([self.value(part, depth + 1) for part in first])

    def _setting(self, name: str, word: str, kind: str, node: ast.expr, depth: int) -> None:
        if kind == "contrasts":
            if dotted(node) not in CONTRASTS:
                if not isinstance(node, ast.Call):
                    raise self.unknown_function(dotted(node), node, CONTRASTS)
                self._call(node, depth + 1, CONTRASTS)
            return
        allowed, suits = KINDS[kind]
        value = constant(node)
        if value is None or not suits(value):
            raise SpecError(
                f"formula {self.text!r}: {name}(): {word} = {self._shown(node)}; it must be "
                f"{allowed}"
            )

    def _arguments(self, name: str, signature: Signature, node: ast.Call) -> SpecError:
        words = ", ".join((signature.settings or {}).keys())
        more = f" and the settings {words}" if words else ""
        count = f"{signature.columns} expression{'s' * (signature.columns != 1)} of columns"
        return SpecError(
            f"formula {self.text!r}: {self._shown(node)} does not suit {name}(), which takes "
            f"{count}{more}"
        )

    def unknown(self, name: str) -> SpecError:
        """Return the error for a name that is no column."""
        used = sorted(set(self.names.values()), key=list(self.names.values()).index)
        close = get_close_matches(name, used, n=1)
        odd = "" if not close or close[0].isidentifier() else f", written {quoted(close[0])}"
        hint = f"; did you mean {close[0]!r}{odd}?" if close else "."
        return UnknownColumn(
            f"formula {self.text!r} cannot be evaluated: unknown column {name!r}{hint} "
            f"Names it may use: {', '.join(map(repr, used)) or 'none'}"
        )

    def unknown_function(
        self, name: str, node: ast.expr, known: Mapping[str, Signature] = FUNCTIONS
    ) -> SpecError:
        """Return the error for a call of something else than the functions of a formula."""
        if name in SPELLINGS:
            return other_spelling(self.text, name)
        if not name:
            return self.refused(node)
        bare = [each for each in known if not each.startswith("np.")]
        return SpecError(
            f"formula {self.text!r} cannot be evaluated: {self._shown(node)} is not allowed: "
            f"{unknown('function', name, bare)}; compute anything else as a column first"
        )

    def refused(self, node: ast.expr) -> SpecError:
        """Return the error for a part that is on no list."""
        return not_allowed(self.text, self._shown(node))

    def _shown(self, node: ast.expr) -> str:
        return repr(self._restored(ast.unparse(node)))

    def _restored(self, text: str) -> str:
        for alias, name in self.names.items():
            text = text.replace(alias, name) if alias != name else text
        return text


def other_spelling(text: str, name: str) -> SpecError:
    """Return the error that says what to write in place of a function of R or another tool."""
    return SpecError(f"formula {text!r}: {name}() is not known here; use {SPELLINGS[name]}")


def not_allowed(text: str, part: str) -> SpecError:
    """Return the error that says what a formula may hold."""
    functions = ", ".join(name for name in FUNCTIONS if "." not in name)
    return SpecError(
        f"formula {text!r} cannot be evaluated: {part} is not allowed; a formula holds columns "
        "(odd names in backquotes), numbers, texts in quotes, + - * / ** : comparisons, and the "
        f"functions {functions}; compute anything else as a column first"
    )


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _parted(side: ast.expr) -> tuple[ast.expr, str, ast.expr]:
    """Return what stands before and after ``&`` or ``|``, or one side of two comparisons twice."""
    match side:
        case ast.BinOp(op=ast.BitAnd()):
            return side.left, "&", side.right
        case ast.BinOp(op=ast.BitOr()):
            return side.left, "|", side.right
    return side, "&", side


def is_logical(node: ast.expr) -> bool:
    """Whether an expression is True or False in each row: a condition, alone or in a function."""
    if isinstance(node, ast.Call):
        parts = {"I": node.args, "where": node.args[1:]}.get(dotted(node.func), [])
        return bool(parts) and all(is_logical(part) for part in parts)
    return is_condition(node)


def is_condition(node: ast.expr) -> bool:
    """Whether an expression is a comparison, or comparisons joined by ``&``, ``|`` and ``~``."""
    match node:
        case ast.Compare():
            return True
        case ast.UnaryOp(op=ast.Invert()):
            return is_condition(node.operand)
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
            return is_condition(node.left) and is_condition(node.right)
    return False
