"""A formula cut into tokens: names, names in backquotes, numbers, texts and operators."""

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

from posynth.errors import SpecError

LONGEST = 20_000
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<quoted>`(?:[^`]|``)+`)
    |(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[^\W\d]\w*(?:\.\w+)*)
    |(?P<operator>%\w+%|\*\*|==|!=|<=|>=|//|.)""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """One token of a formula.

    Attributes
    ----------
    kind : str
        ``"quoted"``, ``"text"``, ``"number"``, ``"name"`` or ``"operator"``.
    text : str
        As it is written.
    start, end : int
        Where it stands in the formula.
    """

    kind: str
    text: str
    start: int
    end: int

    @property
    def column(self) -> str:
        """The name that a name or a name in backquotes stands for."""
        return self.text[1:-1].replace("``", "`") if self.kind == "quoted" else self.text


def tokenize(formula: str) -> tuple[Token, ...]:
    """Cut a formula into tokens.

    Raises
    ------
    SpecError
        If the formula is longer than any formula, or a backquote is not closed.

    Examples
    --------
    >>> [token.text for token in tokenize("log(x)+`a b`")]
    ['log', '(', 'x', ')', '+', '`a b`']
    """
    if len(formula) > LONGEST:
        raise SpecError(f"formula of {len(formula)} characters: at most {LONGEST} are read")
    found = []
    for match in _TOKEN.finditer(formula):
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(Token(kind, match.group(), *match.span()))
        if match.group() == "`":
            raise SpecError(
                f"formula {formula!r} cannot be evaluated: a backquote is not closed; put an odd "
                "name between two, as `blood pressure`, and write a backquote in it twice"
            )
    return tuple(found)


def quoted(name: str) -> str:
    """Return a column's name in backquotes, as a formula takes any name.

    Examples
    --------
    >>> quoted("blood pressure"), quoted("a`b")
    ('`blood pressure`', '`a``b`')
    """
    return f"`{name.replace('`', '``')}`"


def written(name: str) -> str:
    """Return a column's name as a formula takes it: bare where that is possible."""
    plain = tokenize(name) if name.isidentifier() else ()
    return name if len(plain) == 1 and plain[0].kind == "name" else quoted(name)


def closing(tokens: Sequence[Token], start: int, formula: str) -> int:
    """Return the position of the bracket that closes the one at ``start``.

    Raises
    ------
    SpecError
        If there is none.
    """
    depth = 0
    for position in range(start, len(tokens)):
        if tokens[position].kind == "operator":
            depth += tokens[position].text in "([{"
            depth -= tokens[position].text in ")]}"
        if depth == 0:
            return position
    raise SpecError(f"formula {formula!r} cannot be evaluated: a parenthesis is not closed")


def parse(source: str, formula: str) -> ast.expr:
    """Parse one expression of a formula.

    Raises
    ------
    SpecError
        If it is no expression, or nested too deeply.
    """
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError) as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise SpecError(
            f"formula {formula!r} cannot be evaluated: {said}; write terms as in "
            "'age + log(income) + sex:smoke'"
        ) from None
    except (RecursionError, MemoryError):
        raise SpecError(f"formula {formula!r} is nested too deeply") from None
