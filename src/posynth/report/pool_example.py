"""The model that generated code fits: plain columns, which every program reads alike."""

import re
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

from posynth.evaluation.inference.direct import main_effects
from posynth.table.schema import Column, Kind, Schema

#: Levels of a predictor of the example, at most.
MAX_LEVELS = 6
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,28}")
#: Words that are no names of columns in R or Stata, in any spelling.
_TAKEN = {
    *("if", "else", "for", "in", "function", "true", "false", "na", "nan", "inf", "null"),
    *("next", "repeat", "while", "break", "byte", "double", "float", "int", "long", "using"),
    *("with", "strl"),
}


@dataclass(frozen=True)
class Example:
    """The model that the generated code fits: a sum of plain columns.

    Attributes
    ----------
    model : str
        ``"ols"`` or ``"logit"``.
    response : str
        Column on the left.
    terms : tuple of str
        Columns on the right; none for the mean.
    note : str
        What must be said of it.
    """

    model: str
    response: str
    terms: tuple[str, ...] = ()
    note: str = ""

    @property
    def formula(self) -> str:
        """The formula, the same in Python and R."""
        return f"{self.response} ~ {' + '.join(self.terms) or '1'}"


PLACEHOLDER = Example(
    "ols", "y", ("x",), "No column could serve as an example: put your own for y and x."
)


def example_of(model: str, formula: str, schema: Schema) -> Example | None:
    """Return a model as an example if Python, R and Stata can read it alike, or None.

    Names must be words in all three, so that no name of a column is ever run as code.
    """
    found = main_effects(formula)
    if found is None or model not in ("ols", "logit"):
        return None
    response, terms = found
    if not all(name in schema and _is_plain(schema[name]) for name in (response, *terms)):
        return None
    numeric = schema[response].kind in (Kind.CONTINUOUS, Kind.COUNT)
    if (model == "ols") != numeric or (model == "logit" and len(schema[response].levels) != 2):
        return None
    return Example(model, response, terms)


def fallbacks(schema: Schema) -> list[Example]:
    """Return examples from columns with plain names, the one that says most first."""
    plain = [c for c in schema if _is_plain(c)]
    numeric = [c for c in plain if c.kind in (Kind.CONTINUOUS, Kind.COUNT)]
    if not numeric:
        return [PLACEHOLDER]
    response = numeric[-1]
    terms = tuple(
        c.name
        for c in plain
        if c is not response and (c in numeric or 1 < len(c.levels) <= MAX_LEVELS)
    )
    return [Example("ols", response.name, terms[:2]), Example("ols", response.name)]


def _is_plain(column: Column) -> bool:
    name = column.name
    is_word = _WORD.fullmatch(name) and not iskeyword(name) and name.lower() not in _TAKEN
    return bool(is_word) and (column.kind.is_categorical or column.kind.is_numeric)


def event_of(column: Column) -> Any:
    """Return the level that logistic regression models, or None for 0/1, which need no coding."""
    if is_text(column) or isinstance(column.levels[0], bool):
        return column.levels[1]
    return None if set(column.levels) == {0, 1} else max(column.levels)


def is_text(column: Column) -> bool:
    """Whether the levels of a column are labels."""
    return any(isinstance(level, str) for level in column.levels)


def is_coded(column: Column) -> bool:
    """Whether the levels are numbers that are no slope: other than 0/1 and 1/2."""
    levels = column.levels
    numbers = all(type(level) in (int, float) for level in levels)
    if not column.kind.is_categorical or not numbers:
        return False
    return len(levels) > 2 or float(levels[1]) - float(levels[0]) != 1
