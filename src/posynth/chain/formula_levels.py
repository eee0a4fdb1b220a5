"""Levels that a formula names are checked against those of the columns.

``I(smoke == 'yes')`` is 0 in every row where the level is ``'Yes'``, and formulaic codes every
level of g that ``C(g, levels=['a', 'b'])`` leaves out like the first, without a word.
"""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from posynth.chain.formula_check import dotted
from posynth.chain.formula_functions import constant
from posynth.chain.formula_record import Formula
from posynth.errors import SpecError, unknown

if TYPE_CHECKING:
    import pandas as pd


def check_levels(formula: Formula, columns: "pd.DataFrame") -> None:
    """Refuse levels that a column does not have, and lists of levels that leave one out.

    Parameters
    ----------
    formula : Formula
        The formula.
    columns : pandas.DataFrame
        Its columns by identifier, n rows.

    Raises
    ------
    SpecError
        Naming the column, the level and the levels there are.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.chain.formula import read_formula
    >>> frame = pd.DataFrame({"g": pd.Categorical(["a", "b"])})
    >>> formula = read_formula("I(g == 'B')", ["g"])
    >>> check_levels(formula, frame)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    posynth.errors.SpecError: formula ..., column 'g': unknown level 'B'; allowed: 'a', 'b'...
    """
    trees = [ast.parse(text, mode="eval").body for text in (*formula.factors, *formula.offsets)]
    for node in (node for tree in trees for node in ast.walk(tree)):
        for name, level in _compared(node, formula):
            _require_level(formula, name, level, columns)
        if isinstance(node, ast.Call) and dotted(node.func) == "C":
            _check_contrasts(formula, node, columns)


def _compared(node: ast.AST, formula: Formula) -> Iterator[tuple[str, str]]:
    """Return pairs (identifier of a column, text that it is compared with)."""
    if not isinstance(node, ast.Compare):
        return
    for one, other in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
        column, text = dotted(one), dotted(other)
        if column in formula.references and text in formula.texts:
            yield column, formula.texts[text]


def _check_contrasts(formula: Formula, call: ast.Call, columns: "pd.DataFrame") -> None:
    name = dotted(call.args[0])
    if name not in formula.references:
        return
    settings = {"contrasts": call.args[1:2], "levels": call.args[2:3]}
    settings |= {str(word.arg): [word.value] for word in call.keywords}
    for contrast in settings["contrasts"]:
        if isinstance(contrast, ast.Call):
            for part in (*contrast.args, *(word.value for word in contrast.keywords)):
                _require_level(formula, name, _value(part, formula), columns)
    for given in settings["levels"]:
        listed = [_value(each, formula) for each in getattr(given, "elts", ())]
        present = _levels(columns[name], all_categories=False)
        left_out = [level for level in present if level not in listed]
        if left_out:
            raise SpecError(
                f"formula {formula.text!r}: levels={listed} leaves out {left_out[0]!r} of "
                f"{formula.references[name].column!r}, whose rows would count as the first level; "
                "list every level, or merge levels in a column of the table"
            )


def _require_level(formula: Formula, name: str, level: Any, columns: "pd.DataFrame") -> None:
    known = _levels(columns[name], all_categories=True)
    if level in known:
        return
    column = formula.references[name].column
    if isinstance(level, str) and columns[name].dtype.kind in "iuf":
        raise SpecError(
            f"formula {formula.text!r}: column {column!r} holds numbers (dates are days since "
            f"1970-01-01), and {level!r} is a text"
        )
    if isinstance(level, str) and _is_logical(columns[name]):
        raise SpecError(
            f"formula {formula.text!r}: column {column!r} holds True and False, and {level!r} is a "
            f"text; write I({column}), which is 1 where it is True, or I(1 - {column})"
        )
    said = unknown("level", level, known)
    raise SpecError(f"formula {formula.text!r}, column {column!r}: {said}")


def _levels(column: "pd.Series[Any]", all_categories: bool) -> list[Any]:
    categories = getattr(column.dtype, "categories", None)
    if categories is not None and all_categories:
        return list(categories)
    return list(column.dropna().unique())


def _is_logical(column: "pd.Series[Any]") -> bool:
    dtype = getattr(getattr(column.dtype, "categories", column).dtype, "kind", "")
    return dtype == "b"


def _value(node: ast.expr, formula: Formula) -> Any:
    """Return a constant, or the text that an identifier maps to."""
    name = dotted(node)
    return formula.texts[name] if name in formula.texts else constant(node)
