"""A formula that has passed the check."""

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from posynth.chain.formula_check import dotted
from posynth.chain.formula_functions import constant
from posynth.chain.formula_tokens import written

#: Functions that learn from the rows they are given, and remember it.
LEARNING = ("bs", "cc", "center", "cr", "cs", "poly", "scale", "standardize")

#: Function around conditions that are computed with. No identifier of a column begins with ``_``.
AS_NUMBER = "_as_number"


@dataclass(frozen=True)
class Reference:
    """What an identifier of a formula stands for.

    Attributes
    ----------
    column : str
        The column.
    inside : bool
        Whether it stands inside a function other than ``C``: numbers that are levels are numbers
        there.
    """

    column: str
    inside: bool = False

    @property
    def shown(self) -> str:
        """The name as a label shows it."""
        return written(self.column) if self.inside else self.column


@dataclass(frozen=True)
class Formula:
    """The right-hand side of a formula that has passed the check.

    Attributes
    ----------
    text : str
        As it was written.
    safe : str
        As formulaic gets it: identifiers, numbers, operators and allowed functions only.
    references : Mapping of str to Reference
        Identifier -> column, of those that are read.
    texts : Mapping of str to str
        Identifier -> text that stood in quotes.
    factors : tuple of str
        The expressions in it, as formulaic writes them.
    offsets : tuple of str
        Expressions of ``offset(...)`` terms.
    named : tuple of str
        Columns that occur in it, those of terms that ``-`` leaves out among them.
    """

    text: str
    safe: str
    references: dict[str, Reference] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    factors: tuple[str, ...] = ()
    offsets: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    def only(self, used: Collection[str]) -> "Formula":
        """Return the formula as reading what its terms read: ``a + b - b`` does not read b.

        Parameters
        ----------
        used : collection of str
            Factors of the terms that its operators leave.
        """
        nodes = [node for text in (*used, *self.offsets) for node in ast.walk(ast.parse(text))]
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        read = {name: each for name, each in self.references.items() if name in names}
        factors = tuple(text for text in self.factors if text in used)
        return replace(self, references=read, factors=factors, named=self.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns it reads, in order of appearance; not those of a term that ``-`` leaves out."""
        return tuple(dict.fromkeys(each.column for each in self.references.values()))

    @property
    def learning(self) -> tuple[str, ...]:
        """Calls that learn from the rows (polynomials, splines, means), as formulaic names them."""
        nodes = [node for text in self.factors for node in ast.walk(ast.parse(text, mode="eval"))]
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        learning = (call for call in calls if dotted(call.func) in LEARNING and not _is_raw(call))
        return tuple(ast.unparse(call) for call in learning)

    @property
    def unfixed(self) -> tuple[str, ...]:
        """Calls whose columns depend on the rows of a table: those not fixed by numbers given."""
        calls = [ast.parse(text, mode="eval").body for text in self.learning]
        return tuple(ast.unparse(c) for c in calls if isinstance(c, ast.Call) and not _is_fixed(c))

    @property
    def level_columns(self) -> tuple[str, ...]:
        """Columns that enter by their levels through ``C(column)``, and in no other way."""
        calls = [text for text in self.factors if text.startswith("C(")]
        trees = [ast.parse(text, mode="eval").body for text in calls]
        first = [tree.args[0] for tree in trees if isinstance(tree, ast.Call)]
        inside = {node.id for node in first if isinstance(node, ast.Name)}
        rest = self.safe
        for text in calls:
            rest = rest.replace(text, " ")
        elsewhere = {*re.findall(r"\w+", rest), *re.findall(r"\w+", " ".join(self.offsets))}
        return tuple(self.references[name].column for name in inside - elsewhere)

    def label(self, text: str) -> str:
        """Return a label of formulaic's with the names and texts that the user wrote."""
        text = text.replace(f"{AS_NUMBER}(", "(")
        for identifier, reference in self.references.items():
            text = text.replace(identifier, reference.shown)
        for identifier, literal in self.texts.items():
            text = text.replace(identifier, repr(literal))
        return text


def _is_raw(call: ast.Call) -> bool:
    """Whether a call is ``poly(x, 2, raw=True)``: plain powers, which learn nothing."""
    given = [*call.args[2:3], *(word.value for word in call.keywords if word.arg == "raw")]
    raw = any(isinstance(each, ast.Constant) and each.value is True for each in given)
    return dotted(call.func) == "poly" and raw


def _is_fixed(call: ast.Call) -> bool:
    """Whether numbers given decide all that a call learns: knots and bounds, or both scales."""
    words = {str(word.arg): word.value for word in call.keywords}
    if dotted(call.func) in ("bs", "cc", "cr", "cs"):
        return {"knots", "lower_bound", "upper_bound"} <= {*words} and "constraints" not in words
    given = [words[name] for name in ("center", "scale", "rescale") if name in words]
    scales = [each for each in (*call.args[1:3], *given) if constant(each) is not True]
    return dotted(call.func) in ("scale", "standardize") and len(scales) == 2
