"""Formulas as the chain and the analyst's models write them: read, checked, and made safe.

One language for both: Wilkinson notation as formulaic has it (``+ - * / : **``), columns by name
or in backquotes, and the functions of ``formula_functions``. What is handed to formulaic is not
the text that was given, but one written anew from the parts that passed the check. In it every odd
name and every text in quotes has become a plain identifier, so that no column name, level or file
can add an expression of its own.
"""

from collections.abc import Collection, Sequence

from posynth.chain.formula_reader import Reader, quoted_by_function
from posynth.chain.formula_record import Formula
from posynth.chain.formula_tokens import tokenize
from posynth.errors import SpecError


def read_formula(
    text: str,
    columns: Sequence[str],
    *,
    dot: Sequence[str] | None = None,
    numbers: Collection[str] = (),
    offset: bool = False,
) -> Formula:
    """Read the right-hand side of a formula; refuse whatever is not on the list.

    Parameters
    ----------
    text : str
        For example ``"age + log(income) + sex:smoke"``.
    columns : sequence of str
        Columns it may read.
    dot : sequence of str, optional
        Columns that ``.`` stands for; it is refused if not given.
    numbers : collection of str
        Columns whose levels are numbers: inside a function they are read as numbers.
    offset : bool
        Whether terms ``offset(...)`` are taken.

    Returns
    -------
    Formula

    Raises
    ------
    SpecError
        Naming the formula, the part that is not allowed, what is, and the next step.

    Examples
    --------
    >>> read_formula("log(x) + `a b`:x", ["x", "a b"]).columns
    ('x', 'a b')
    >>> read_formula("__import__('os').getcwd()", ["x"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    posynth.errors.SpecError: formula "__import__('os').getcwd()" cannot be evaluated: ...
    """
    reader = Reader(text, tuple(columns), dot, frozenset(numbers), offset)
    try:
        return reader.formula(tokenize(text))
    except RecursionError:
        raise SpecError(f"formula {text!r} is nested too deeply") from None


def split_formula(text: str) -> tuple[str, str]:
    """Return the left and right side of a formula; the left is ``""`` if there is no ``~``.

    Raises
    ------
    SpecError
        If there is more than one ``~`` outside parentheses.

    Examples
    --------
    >>> split_formula("log(y) ~ x"), split_formula("x + z")
    (('log(y)', 'x'), ('', 'x + z'))
    """
    tokens, depth, found = tokenize(text), 0, []
    for token in tokens:
        if token.kind == "operator":
            depth += (token.text in "([{") - (token.text in ")]}")
            found += [token] if token.text == "~" and depth == 0 else []
    if len(found) > 1:
        raise SpecError(f"formula {text!r} has more than one ~; write it as 'income ~ age + sex'")
    if not found:
        return "", text.strip()
    return text[: found[0].start].strip(), text[found[0].end :].strip()


def single_column(text: str) -> str | None:
    """Return the column that a side of a formula names and does nothing with, or None.

    Examples
    --------
    >>> single_column("`a b`"), single_column("Q('a b')"), single_column("log(y)")
    ('a b', 'a b', None)
    """
    tokens = tokenize(text)
    if len(tokens) == 1 and tokens[0].kind in ("name", "quoted"):
        return tokens[0].column
    return quoted_by_function(tokens)
