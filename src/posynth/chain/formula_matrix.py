"""The matrix of a formula: formulaic evaluates what has passed the check, and nothing else.

The environment of the evaluation is closed: identifiers of the formula, the functions below and
formulaic's own; no variable of any caller.
"""

import ast
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from posynth.chain.formula_levels import check_levels
from posynth.chain.formula_record import AS_NUMBER, Formula
from posynth.errors import SpecError

if TYPE_CHECKING:
    import pandas as pd

type Floats = NDArray[np.float64]

#: Functions that formulaic does not bring.
_ADDED: dict[str, Any] = {
    **{name: getattr(np, name) for name in ("abs", "ceil", "expm1", "floor", "log1p", "sqrt")},
    "where": np.where,
    AS_NUMBER: lambda condition: condition * 1.0,
}


class Matrix(NamedTuple):
    """A formula evaluated.

    Attributes
    ----------
    labels : tuple of str
        Names of the p columns, as the user wrote columns and levels.
    values : ndarray, shape (n, p)
        The columns.
    state : Mapping
        What transforms learned from the rows.
    """

    labels: tuple[str, ...]
    values: Floats
    state: dict[str, Any]


def formula_matrix(
    formula: Formula, frame: "pd.DataFrame", state: Mapping[str, Any] | None = None
) -> Matrix:
    """Evaluate a formula on rows.

    Parameters
    ----------
    formula : Formula
        As ``read_formula`` returns it.
    frame : pandas.DataFrame
        Its columns, n rows: numbers, or categories in their order.
    state : Mapping, optional
        What transforms learned before; they learn from these rows if it is None.

    Returns
    -------
    Matrix

    Raises
    ------
    SpecError
        If it cannot be evaluated on these columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.chain.formula import read_formula
    >>> frame = pd.DataFrame({"x": [1.0, 2.0], "a b": [0.0, 3.0]})
    >>> formula_matrix(read_formula("x * `a b`", list(frame)), frame).labels
    ('Intercept', 'x', 'a b', 'x:a b')
    """
    from formulaic import Formula as Terms
    from formulaic import ModelSpec
    from formulaic.errors import FormulaicError

    columns = _columns(formula, frame)
    check_levels(formula, columns)
    if state is not None:
        _require_learned(formula, state)
    try:
        terms = Terms(formula.safe)
        _require_checked(terms, formula)
        spec = ModelSpec(
            formula=terms, output="numpy", na_action="ignore", transform_state=dict(state or {})
        )
        with np.errstate(all="ignore"):  # what is not finite is met by the caller, in words
            context = {**_ADDED, "poly": _polynomials(), **formula.texts}
            matrix = spec.get_model_matrix(columns, context=context)
        labels = tuple(formula.label(name) for name in matrix.model_spec.column_names)
        values = np.asarray(matrix, dtype=np.float64)
    except (FormulaicError, SyntaxError, ValueError, TypeError, AttributeError, KeyError) as error:
        said = formula.label(_explained(error))
        raise SpecError(f"formula {formula.text!r} cannot be evaluated: {said}") from None
    return Matrix(labels, values, dict(matrix.model_spec.transform_state))


def _columns(formula: Formula, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the frame that formulaic sees: one column an identifier."""
    import pandas as pd

    found = {}
    by_level = [text for text in formula.factors if text.startswith("C(")]
    as_levels = {node.id for text in by_level for node in _names(text)}
    for identifier, reference in formula.references.items():
        column = frame[reference.column]
        categories = getattr(column.dtype, "categories", None)
        numbers = categories is not None and categories.dtype.kind in "iufb"
        # Powers of whole numbers would wrap round; as levels they keep their names.
        whole = categories is None and column.dtype.kind in "iu" and identifier not in as_levels
        if whole or (reference.inside and numbers):
            column = column.astype(float)
        found[identifier] = column
    return pd.DataFrame(found, index=frame.index)


def _names(text: str) -> list[ast.Name]:
    nodes = ast.walk(ast.parse(text, mode="eval"))
    return [node for node in nodes if isinstance(node, ast.Name)]


def _require_learned(formula: Formula, state: Mapping[str, Any]) -> None:
    """Refuse to learn again where what was learned should be used."""
    for call in formula.learning:
        if not state.get(call):
            raise SpecError(
                f"formula {formula.text!r}: what {formula.label(call)} learned is not stored; fit "
                "again"
            )


def _require_checked(terms: Any, formula: Formula) -> None:
    """Refuse an expression that formulaic would evaluate and that did not pass the check itself."""
    known = {*formula.factors, *formula.references, "0", "1"}
    for term in terms:
        for factor in term.factors:
            if str(factor.expr) not in known:
                raise SpecError(
                    f"formula {formula.text!r} cannot be evaluated: {factor.expr!r} was not "
                    "recognised when it was checked; write the formula in simpler terms"
                )


@cache
def _polynomials() -> Any:
    """Return formulaic's ``poly`` with the columns of raw powers numbered from 1, as R has them."""
    from formulaic.materializers.types import FactorValues
    from formulaic.transforms import poly
    from formulaic.utils.stateful_transforms import stateful_transform

    def numbered(x: Any, degree: int = 1, raw: bool = False, _state: Any = None) -> Any:
        if not raw:
            return poly(x, degree, _state=_state)
        powers = np.arange(1, degree + 1)
        return FactorValues(
            np.asarray(x, dtype=np.float64)[:, None] ** powers, column_names=tuple(map(str, powers))
        )

    return stateful_transform(numbered)


#: Part of a text of formulaic's -> what to say instead.
_WORDS = {
    **dict.fromkeys(
        ("dtype category cannot perform", "could not convert string to float"),
        "it computes with numbers, and a column in it has levels; compare levels with == or !=, as "
        "in I(g == 'b')",
    ),
    "Unordered Categoricals can only": "levels without an order are compared with == and != only; "
    "declare the column ordinal",
    "beyond upper and/or lower bounds": "there are values outside the range from which its knots "
    "come; write extrapolation='extend', as R has it, or give lower_bound= and upper_bound=",
    "`df` must be greater than": "df is the number of columns; it must be at least the degree, 3 "
    "if not given, and one more with include_intercept=True",
}


def _explained(error: Exception) -> str:
    """Return the first line of an error in plain words, without the classes of its causes."""
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    inside = re.fullmatch(r"Unable to evaluate factor `(.*)`\. \[\w+: (.*)\]", line)
    factor, said = inside.groups() if inside else ("", line)
    said = next((words for part, words in _WORDS.items() if part in said), said)
    return f"{factor}: {said}" if factor else said
