"""Reading the tokens of a formula: every part is checked and written anew."""

import ast
import builtins
import keyword
import unicodedata
from collections.abc import Sequence

from posynth.chain.formula_check import (
    check_expression,
    dotted,
    is_logical,
    not_allowed,
    other_spelling,
)
from posynth.chain.formula_functions import CONTRASTS, FUNCTIONS, SPELLINGS
from posynth.chain.formula_record import AS_NUMBER, Formula, Reference
from posynth.chain.formula_terms import require_terms
from posynth.chain.formula_tokens import Token, closing, parse
from posynth.errors import SpecError

_RESERVED = {name.partition(".")[0] for name in (*FUNCTIONS, *CONTRASTS)} | set(dir(builtins))
_RESERVED |= {*SPELLINGS, *keyword.kwlist, *keyword.softkwlist, "exp10", "exp2", "hashed"}


def quoted_by_function(tokens: Sequence[Token]) -> str | None:
    """Return the name in ``Q("name")``, which other tools write for a name in backquotes."""
    if len(tokens) == 4 and tokens[0].text == "Q" and tokens[2].kind == "text":
        return str(ast.literal_eval(tokens[2].text))
    return None


class Reader:
    """Reads one formula: keeps what its identifiers stand for."""

    def __init__(
        self,
        text: str,
        columns: tuple[str, ...],
        dot: Sequence[str] | None,
        numbers: frozenset[str],
        offset: bool,
    ) -> None:
        self.text, self.columns, self.dot = text, columns, dot
        self.numbers, self.offset = numbers, offset
        self.references: dict[str, Reference] = {}
        self.texts: dict[str, str] = {}
        self.factors: list[str] = []
        self.offsets: list[str] = []

    def formula(self, tokens: Sequence[Token]) -> Formula:
        """Read a sum of terms."""
        if not tokens:
            raise SpecError(
                f"formula {self.text!r} cannot be evaluated: it is empty; 1 is the intercept"
            )
        safe: list[str] = []
        position = 0
        while position < len(tokens):
            end = self._end(tokens, position)
            safe += self._part(tokens, position, end, safe)
            position = end
        written_out = " ".join(safe) if safe else "1"
        parts = (self.references, self.texts, tuple(self.factors), tuple(self.offsets))
        found = Formula(self.text, written_out, *parts)
        dot = any(token.text == "." for token in tokens)
        terms = require_terms(found, safe or ["1"], dot=dot)
        return found.only({factor for term in terms for factor in term})

    def _end(self, tokens: Sequence[Token], at: int) -> int:
        """Return where the part that begins at a token ends: a call is one part."""
        if tokens[at].kind == "name" and at + 1 < len(tokens) and tokens[at + 1].text == "(":
            return closing(tokens, at + 1, self.text) + 1
        return at + 1

    def _part(self, tokens: Sequence[Token], at: int, end: int, safe: list[str]) -> list[str]:
        token = tokens[at]
        if end > at + 1:
            return self._called(tokens[at:end], tokens[end : end + 1], safe)
        if token.kind in ("name", "quoted"):
            return [self._identifier(token.column, inside=False)]
        if token.kind == "number":
            power = at > 0 and tokens[at - 1].text in ("**", "^")
            if token.text in ("0", "1") or (power and token.text.isdecimal()):
                return [token.text]
            raise SpecError(
                f"formula {self.text!r}: the number {token.text} stands alone; 0 and 1 leave out "
                "or keep the intercept, others stand inside a function, as I(2 * x)"
            )
        before, after = (tokens[k].text if 0 <= k < len(tokens) else "" for k in (at - 1, at + 1))
        return self._operator(token, before, after)

    def _operator(self, token: Token, before: str, after: str) -> list[str]:
        if token.kind == "text":
            raise not_allowed(self.text, f"the text {token.text} outside a function")
        if token.text in ("+", "-", "*", "/", ":", "(", ")"):
            return [token.text]
        if token.text in ("**", "^"):
            if before in (")", ".") and after.isdecimal():
                return ["**"]
            base = before if before.strip("`()") else "x"
            raise SpecError(
                f"formula {self.text!r}: {token.text} between terms expands interactions, as in "
                f"(a + b) ** 2; the power of a column is I({base} ** "
                f"{after if after.isdecimal() else '2'})"
            )
        if token.text == "." and self.dot is not None:
            names = [self._identifier(name, inside=False) for name in self.dot]
            return ["(", *" + ".join(names).split(" "), ")"] if names else ["1"]
        raise self._wrong_operator(token.text)

    def _wrong_operator(self, sign: str) -> SpecError:
        told = {
            "~": "write the right-hand side only, without '~'",
            "|": "write the right-hand side only, without '|'; random effects, (1 | g) elsewhere, "
            "are the groups of a conditional, or model 'mixed' with --groups g",
            ".": "the dot stands for columns only in a chain or a model that is pooled",
            "%in%": "write b %in% a as a:b",
            **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), "write I(x > 60)"),
            **dict.fromkeys(("=", "&"), "conditions stand inside I(...), as I(x == 1)"),
        }
        if sign in told:
            return SpecError(
                f"formula {self.text!r} cannot be evaluated: {sign!r} stands outside a function; "
                f"{told[sign]}"
            )
        return not_allowed(self.text, repr(sign))

    def _called(
        self, tokens: Sequence[Token], after: Sequence[Token], safe: list[str]
    ) -> list[str]:
        name = quoted_by_function(tokens)
        if name is not None:
            return [self._identifier(name, inside=False)]
        if tokens[0].text != "offset" or not self.offset:
            self.factors.append(self._expression(tokens))
            return [self.factors[-1]]
        inner, plus = tokens[2:-1], not after or after[0].text in ("+", "-")
        if not inner or not plus or (safe and safe[-1] != "+"):
            raise SpecError(
                f"formula {self.text!r}: offset(...) is a term of its own, as in 'x + offset(z)'"
            )
        self.offsets.append(self._expression(inner))
        if safe:
            safe.pop()  # the plus before it
        return []

    def _expression(self, tokens: Sequence[Token]) -> str:
        """Check one expression and write it anew, with identifiers for names and texts."""
        source, plain = [], tokens[0].text == "C"
        for at, token in enumerate(tokens):
            after = tokens[at + 1].text if at + 1 < len(tokens) else ""
            source.append(self._source(token, after, inside=not plain))
        tree = parse(" ".join(source), self.text)
        names = {name: reference.column for name, reference in self.references.items()}
        names |= {name: name for name in self.columns if name not in names}
        check_expression(tree, names, self.text)
        if not any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(tree)):
            raise SpecError(
                f"formula {self.text!r}: {self.text[tokens[0].start : tokens[-1].end]!r} holds no "
                "column; a constant is no term, 1 is the intercept"
            )
        return ast.unparse(_ConditionsAsNumbers().visit(_WithoutTexts(self).visit(tree)))

    def _source(self, token: Token, after: str, inside: bool) -> str:
        if token.kind == "quoted":
            return self._identifier(token.column, inside)
        if token.kind == "name" and after == "(" and token.text in SPELLINGS:
            raise other_spelling(self.text, token.text)  # as.factor is no Python at all
        constant = token.text in ("True", "False", "None")
        if token.kind != "name" or after in ("(", "=") or constant:
            return token.text
        return self._identifier(token.text, inside) if token.text in self.columns else token.text

    def _identifier(self, name: str, inside: bool) -> str:
        """Return the identifier that stands for a column."""
        if name not in self.columns:
            check_expression(ast.Name(name), {c: c for c in self.columns}, self.text)
        as_numbers = inside and name in self.numbers
        if _is_plain(name) and not as_numbers:
            before = self.references.get(name, Reference(name, inside))
            self.references[name] = Reference(name, inside and before.inside)
            return name
        wanted = Reference(name, inside)
        for identifier, reference in self.references.items():
            if reference == wanted:
                return identifier
        identifier = self._unused("column")
        self.references[identifier] = wanted
        return identifier

    def literal(self, text: str) -> str:
        """Return the identifier that stands for a text in quotes."""
        for identifier, known in self.texts.items():
            if known == text:
                return identifier
        identifier = self._unused("text")
        self.texts[identifier] = text
        return identifier

    def _unused(self, kind: str) -> str:
        taken, number = {*self.references, *self.texts}, 0
        while (name := f"{kind}_{number}_") in taken or any(name in c for c in self.columns):
            number += 1
        return name


class _WithoutTexts(ast.NodeTransformer):
    """Puts identifiers in place of texts: formulaic would look for parentheses in them."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Replace a text."""
        if not isinstance(node.value, str):
            return node
        return ast.Name(self.reader.literal(node.value), ast.Load())


class _ConditionsAsNumbers(ast.NodeTransformer):
    """Makes 0 and 1 of conditions that are computed with: NumPy adds them by ``or``."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Cast both sides of arithmetic; ``&`` and ``|`` stay logical."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.BitAnd | ast.BitOr):
            node.left, node.right = _cast(node.left), _cast(node.right)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """Cast what a sign stands before; ``~`` stays logical."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.Invert):
            node.operand = _cast(node.operand)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Cast what functions of numbers take: NumPy's have few digits for True and False."""
        self.generic_visit(node)
        if dotted(node.func) not in ("C", "I", "where"):
            node.args = [_cast(each) for each in node.args]
        return node


def _cast(node: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(AS_NUMBER, ast.Load()), [node], []) if is_logical(node) else node


def _is_plain(name: str) -> bool:
    """Whether a name means itself to Python, and means nothing else to formulaic."""
    same = unicodedata.normalize("NFKC", name) == name
    return name.isidentifier() and same and name not in _RESERVED and not name.startswith("_")
