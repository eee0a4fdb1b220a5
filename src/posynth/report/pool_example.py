"""The model that generated code fits: plain columns, which every program reads alike."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

from posynth.chain.formula_tokens import written
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
    event : object
        The level of a response of several that counts as the event, against all others.
    renamed : Mapping of str to str
        Name in the programs -> column of the files, where that is no name in all of them.
    """

    model: str
    response: str
    terms: tuple[str, ...] = ()
    note: str = ""
    event: Any = None
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def formula(self) -> str:
        """The formula, the same in Python and R."""
        return f"{self.response} ~ {' + '.join(self.terms) or '1'}"

    @property
    def asked(self) -> str:
        """The formula as posynth reads it, with the columns' own names."""
        response, *terms = (written(self.column(name)) for name in (self.response, *self.terms))
        return f"{response} ~ {' + '.join(terms) or '1'}"

    def column(self, name: str) -> str:
        """Return the column of the files that a name stands for."""
        return self.renamed.get(name, name)


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
    """Return examples, the one that says most first.

    Columns with plain names if there are any; else others, which the programs rename.
    """
    usable = [c for c in schema if _is_usable(c)]
    plain = [c for c in usable if _is_plain(c)]
    columns = plain or [c for c in usable if c.name.isprintable()]
    renamed = {} if plain else _new_names(columns, schema)
    return _examples(columns, renamed) or [PLACEHOLDER]


def _examples(columns: Sequence[Column], renamed: Mapping[str, str]) -> list[Example]:
    """Return regressions of the last number, then of the odds of the last column of levels."""
    called = {column: name for name, column in renamed.items()}
    numeric = [c for c in columns if c.kind in (Kind.CONTINUOUS, Kind.COUNT)]
    levels = [c for c in columns if c.kind.is_categorical]
    two = [c for c in levels if len(c.levels) == 2]
    few = [c for c in columns if c in numeric or 1 < len(c.levels) <= MAX_LEVELS]
    found = []
    for model, responses in (("ols", numeric), ("logit", two), ("logit", levels)):
        if not responses:
            continue
        response = responses[-1]
        event = _level(response) if model == "logit" and len(response.levels) > 2 else None
        terms = tuple(called.get(c.name, c.name) for c in few if c is not response)
        for some in (terms[:2], ()):
            used = [called.get(response.name, response.name), *some]
            new = {name: renamed[name] for name in used if name in renamed}
            found.append(Example(model, used[0], some, event=event, renamed=new))
    return found


def _level(column: Column) -> Any:
    """Return the second level that can be printed, or the first."""
    shown = [level for level in column.levels if str(level).isprintable()]
    return shown[min(1, len(shown) - 1)] if shown else column.levels[0]


def _new_names(columns: Sequence[Column], schema: Schema) -> dict[str, str]:
    """Return a plain name for each column: its words, joined."""
    found: dict[str, str] = {}
    for column in columns:
        words = re.sub(r"[^A-Za-z0-9]+", "_", column.name).strip("_")[:20]
        name = words if _is_name(words) else f"column_{words}".rstrip("_")
        taken = {*schema.names, *found}
        number = 2
        while name in taken:
            name, number = f"{words or 'column'}_{number}", number + 1
        found[name] = column.name
    return found


def _is_plain(column: Column) -> bool:
    return _is_name(column.name) and _is_usable(column)


def _is_usable(column: Column) -> bool:
    return column.kind.is_categorical or column.kind.is_numeric


def _is_name(name: str) -> bool:
    """Whether a name is one in Python, R and Stata."""
    is_word = _WORD.fullmatch(name) and not iskeyword(name) and name.lower() not in _TAKEN
    return bool(is_word)


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
