"""The dot in a formula: the main effects of everything visited before."""

import re
from collections.abc import Iterable

from posynth.chain.blocks import Rows

#: A dot that is neither part of a number nor of an attribute, nor inside a quoted name.
_DOT = re.compile(r"(`[^`]*`)|(?<![\w.)\]])\.(?![\w.])")


def expand(formula: str, columns: Iterable[str], rows: Rows) -> str:
    """Write out the dot of a formula.

    Parameters
    ----------
    formula : str
        Right-hand side, for example ``". + age:sex"``.
    columns : iterable of str
        Columns that the dot stands for; the indicator of a column with holes comes along.
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
            terms.append(f"`{rows.indicators[name]}`")
        if name in rows.schema and rows.schema[name].kind.is_modelled:
            terms.append(f"`{name}`")
    whole = f"({' + '.join(terms)})" if terms else "1"
    return _DOT.sub(lambda found: found.group(1) or whole, formula)
