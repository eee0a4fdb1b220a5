"""What an analyst's model asks of a copy, and what it gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from posynth.chain.formula import read_formula, split_formula
from posynth.errors import MeasureError, SpecError
from posynth.evaluation.inference.basis import Basis
from posynth.evaluation.inference.responses import Coding, Levels
from posynth.table.schema import Schema


@dataclass(frozen=True)
class Request:
    """What is to be read from a copy.

    Attributes
    ----------
    formula : str
        Both sides.
    response : callable
        How the model codes its response.
    levels : sequence, optional
        Levels of the response in order.
    event : object, optional
        Level of the response, or of the status, that is the event.
    per_row : Mapping of str to object
        Options of the model that have a value a row: the name of a column, or n values.
    schema : Schema, optional
        What each column is declared to be.
    basis : Basis, optional
        The tables analysed alike, from which levels, polynomials, splines and means are learned;
        the copy itself if not given.
    intercept : bool
        Whether the model takes an intercept.
    random : str
        Formula of random effects, one-sided, or ``""``.
    cluster : str
        Column of groups whose rows are alike, or ``""``.
    """

    formula: str
    response: Coding
    levels: Levels = None
    event: Any = None
    per_row: Mapping[str, Any] = field(default_factory=dict)
    schema: Schema | None = None
    basis: Basis | None = None
    intercept: bool = True
    random: str = ""
    cluster: str = ""

    def require_other_groups(self, response: tuple[str, ...]) -> None:
        """Refuse a column of the response as that of groups.

        Raises
        ------
        MeasureError
            Naming the column and the option.
        """
        for option, column in (("cluster", self.cluster), ("groups", self.per_row.get("groups"))):
            if isinstance(column, str) and column in response:
                raise MeasureError(
                    f"formula {self.formula!r}: {column!r} is the response and the column of "
                    f"groups ({option}), whose rows then do not vary; name the column that says "
                    "which rows belong together"
                )


@dataclass(frozen=True)
class ModelData:
    """Complete rows, ready for a model.

    Attributes
    ----------
    y : pandas.Series
        The response, (n,).
    X : pandas.DataFrame
        The design, (n, p), its columns named as in R.
    levels : tuple of str
        Levels of the response, or ``()``.
    per_row : Mapping of str to Series
        Options with a value a row; an offset of the formula is among them.
    notes : tuple of str
        What had to be decided.
    groups : str
        The column of groups, or ``""``.
    by_level : pandas.DataFrame
        The columns that enter by their levels, (n, c).
    """

    y: "pd.Series[Any]"
    X: pd.DataFrame
    levels: tuple[str, ...]
    per_row: Mapping[str, Any]
    notes: tuple[str, ...]
    groups: str = ""
    by_level: pd.DataFrame = field(default_factory=pd.DataFrame)


def require_readable(formula: str, schema: Schema) -> None:
    """Refuse a formula before any copy is read, if it cannot be read on such columns.

    Raises
    ------
    MeasureError
        Naming the part that is wrong, what is allowed and the next step.
    """
    try:
        left, right = split_formula(formula)
        for side in filter(None, (left, right)):
            read_formula(side, schema.names, dot=schema.names, offset=True)
    except SpecError as error:
        raise MeasureError(str(error)) from None
