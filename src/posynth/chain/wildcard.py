"""The dot in a formula: the main effects of everything visited before."""

from collections.abc import Iterable

from posynth.chain.blocks import Rows
from posynth.chain.formula_tokens import closing, quoted, tokenize


def expand(formula: str, columns: Iterable[str], rows: Rows) -> str:
    """Write out the dot of a formula.

    Parameters
    ----------
    formula : str
        Right-hand side, for example ``". + age:sex"``.
    columns : iterable of str
        Columns that the dot stands for; the indicator of a column with missing values is added.
    rows : Rows
        What each column is, and which indicators there are.

    Returns
    -------
    str
        The formula without the dot; ``1`` in its place where there are no columns.
    """
    terms: list[str] = []
    for name in columns:
        if name in rows.indicators:
            terms.append(quoted(rows.indicators[name]))
        if name in rows.schema and rows.schema[name].kind.is_modelled:
            terms.append(quoted(name))
    whole = f"({' + '.join(terms)})" if terms else "1"
    for start, end in reversed(_dots(formula)):
        formula = formula[:start] + whole + formula[end:]
    return formula


def _dots(formula: str) -> list[tuple[int, int]]:
    """Return where dots stand as terms: outside numbers, names and the calls of functions."""
    tokens, position, found = tokenize(formula), 0, []
    while position < len(tokens):
        token, after = tokens[position], tokens[position + 1 : position + 2]
        if token.kind == "name" and after and after[0].text == "(":
            position = closing(tokens, position + 1, formula)
        elif token.text == ".":
            found.append((token.start, token.end))
        position += 1
    return found
