"""How to pool copies that are passed on: the rule in words, and code in Python, R and Stata."""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from posynth.copies.codebook import Codebook
from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import RULES, Choice, choose
from posynth.report.pool_example import Example, event_of, is_coded, is_text
from posynth.report.rule_formulas import (
    DEGREES,
    RuleFormula,
    in_mata,
    in_python,
    in_r,
    rule_formula,
)
from posynth.table.schema import Column, Kind

LEVEL = 0.95
#: Encoding in Python -> its name in R, and in Stata.
ENCODINGS = {
    "utf-8": ("UTF-8", "utf-8"),
    "utf-8-sig": ("UTF-8-BOM", "utf-8"),
    "cp1252": ("CP1252", "windows-1252"),
    "latin-1": ("latin1", "iso-8859-1"),
}
_INDEPENDENT = (
    "The rule takes rows to be independent. Where a model allows for groups of rows (random "
    "effects, clustered standard errors), v·k/n is not the variance in the source, since copies of "
    "k rows do not have k/n times as many groups."
)
_MISSING = (
    "Some columns have missing values, which the programs leave out of a fit row by row. If you "
    "impute inside each copy, M times, take as its variance the total: the mean of the M variances "
    "plus (1 + 1/M) times the variance of the M estimates."
)
_MICE = (
    "As k = n here, `mice::pool.syn(fits)` of the package mice gives the same estimates and "
    "standard errors. Its degrees of freedom are those of Reiter (2003), so its intervals may "
    "differ a little. For k other than n it does not hold."
)


def how_to_pool(made: Provenance, codebook: Codebook, example: Example, ending: str) -> str:
    """Write how to pool copies, for these sizes and this rule.

    Parameters
    ----------
    made : Provenance
        How the copies were made.
    codebook : Codebook
        Their public description; its remarks are repeated.
    example : Example
        The model of the code.
    ending : str
        ``"csv"`` or ``"parquet"``.

    Returns
    -------
    str
        Markdown.
    """
    facts: dict[str, Any] = {
        "m": made.m, "n": made.n, "k": made.k, "nests": made.nests,
        "kind": _kind(made), "proper": made.proper, "level": LEVEL, "percent": f"{100 * LEVEL:g}",
        "quantile": f"{50 * (1 + LEVEL):g} %", "parquet": ending == "parquet", "ending": ending,
        "width": max(2, len(str(made.m))), "refusal": "", "failed": made.failed,
    }  # fmt: skip
    try:
        choice = choose(made)
    except MeasureError as error:
        return _render("how_to_pool.md", {**facts, "refusal": _sentence(str(error))})
    written = rule_formula(choice.rule, made)
    facts |= _about_rule(made, choice, written) | _about_example(example, codebook)
    facts |= _about_files(codebook)
    facts["limits"] += _clashes(codebook)
    facts["warnings"] = (*facts["warnings"], *codebook.remarks)
    code = {
        name: _render(f"pool_{name}", {**facts, "steps": _steps(written, translate)})
        for name, translate in (("python", in_python), ("r", in_r), ("stata", in_mata))
    }
    return _render("how_to_pool.md", {**facts, **code})


def _kind(made: Provenance) -> str:
    if made.unsynthesised:
        return f"the columns {', '.join(made.unsynthesised)} hold original values"
    if made.proper:
        return "proper: each copy took a posterior draw of its own of every model"
    return "not proper: at least one column was drawn without parameter uncertainty"


def _about_rule(made: Provenance, choice: Choice, written: RuleFormula) -> dict[str, Any]:
    names = set(re.findall(r"\w+", " ".join(formula for _, formula in written.steps)))
    uses_dfn = "dfn" in names
    limits = [_INDEPENDENT] if made.k != made.n else []
    limits += [_MISSING] if made.missing == "pattern" else []
    return {
        "rule": choice.rule,
        "formula": RULES[choice.rule].formula,
        "reason": choice.reason,
        "warnings": choice.warnings,
        "words": written.words,
        "uses_v": "v" in names,
        "uses_b": "b" in names,
        "uses_dfk": "dfk" in names or uses_dfn,
        "uses_dfn": uses_dfn,
        "degrees": DEGREES if uses_dfn or "dfk" in names else "",
        "limits": limits,
        "mice": _MICE if choice.rule == "t_p_star" and made.k == made.n else "",
    }


def _about_example(example: Example, codebook: Codebook) -> dict[str, Any]:
    schema, model = codebook.schema, example.model
    columns = {
        name: schema[example.column(name)]
        for name in (example.response, *example.terms)
        if example.column(name) in schema
    }
    text = [name for name in example.terms if name in columns and is_text(columns[name])]
    event = event_of(columns[example.response]) if model == "logit" else None
    event = event if example.event is None else example.event
    coded = [name for name in example.terms if name in columns and is_coded(columns[name])]
    forms = {**{name: f"i.{name}" for name in coded}, **{name: f"i.{name}_c" for name in text}}
    stata_terms = [forms.get(name, name) for name in example.terms]
    command = "regress" if model == "ols" else "logit"
    response = example.response if event is None else f"{example.response}_1"
    return {
        "model": model,
        "formula_text": example.formula,
        **_asked(example),
        "renamed": [
            (new, _quoted(old), schema.names.index(old) + 1) for new, old in example.renamed.items()
        ],
        "response": example.response,
        "event": "" if event is None else repr(event),
        "r_event": "" if event is None else _r_value(event),
        "stata_event": ""
        if event is None
        else _quoted(event)
        if isinstance(event, str)
        else str(event),
        "text_terms": text,
        "numbers_as_text": [
            name
            for name, column in columns.items()
            if _reads_as_text(column, codebook.source.decimal)
        ],
        "ignored": _ignored(columns),
        "command": " ".join([command, response, *stata_terms]),
        "example_note": example.note,
    }


def _asked(example: Example) -> dict[str, str]:
    """Return the model as it is asked of posynth, in Python and in a shell."""
    event = example.event
    in_shell = f" --formula {shlex.quote(example.asked)}"
    return {
        "asked": _quoted(example.asked),
        "asked_in_shell": in_shell
        + ("" if event is None else f" --event {shlex.quote(str(event))}"),
        "asked_event": "" if event is None else f", event={event!r}",
    }


def _reads_as_text(column: Column, decimal: str) -> bool:
    """Whether a program that expects numbers takes the cells of a numeric column for text."""
    is_number = column.kind in (Kind.CONTINUOUS, Kind.COUNT)
    comma = decimal == "," and column.decimals != 0
    return is_number and (
        comma or bool(column.missing and column.missing_text) or bool(_signs(column))
    )


def _ignored(columns: Mapping[str, Column]) -> dict[str, str]:
    """Return the signs beside numbers as Stata is told to ignore them."""
    signs = {name: "".join(_signs(column)) for name, column in columns.items()}
    return {name: text.replace("$", "\\$") for name, text in signs.items() if text}


def _signs(column: Column) -> list[str]:
    """Return what is written beside and within the numbers of a column."""
    return [sign for sign in (column.prefix, column.suffix, column.grouping) if sign]


def _has_order(column: Column) -> bool:
    """Whether levels have to be named in order, since sorting text does not give it."""
    if not column.kind.is_categorical or isinstance(column.levels[0], bool):
        return False
    return is_coded(column) or (is_text(column) and list(column.levels) != sorted(column.levels))


def _about_files(codebook: Codebook) -> dict[str, Any]:
    source, schema = codebook.source, codebook.schema
    marks = dict.fromkeys(mark for column in schema if column.missing for mark in _marks(column))
    r_encoding, stata_encoding = ENCODINGS.get(source.encoding, ("UTF-8", source.encoding))
    orders = (
        f"{_quoted(c.name)} = c({', '.join(map(_r_value, c.levels))})"
        for c in schema
        if _has_order(c)
    )
    return {
        "delimiter": _quoted(source.delimiter),
        "decimal": _quoted(source.decimal),
        "encoding": _quoted(r_encoding),
        "stata_encoding": _quoted(stata_encoding),
        "marks": [_quoted(mark) for mark in marks],
        "labels": [f'{_quoted(c.name)} = "character"' for c in schema if is_text(c)],
        "orders": list(orders),
        "marked": [
            f"{_quoted(c.name)} = c({', '.join(map(_quoted, _signs(c)))})"
            for c in schema
            if _signs(c)
        ],
    }


def _marks(column: Column) -> tuple[str, ...]:
    """Return how missing values of a column are written."""
    return tuple(dict.fromkeys((column.missing_text, *column.missing_kinds)))


def _clashes(codebook: Codebook) -> list[str]:
    """Say which level of one column marks missing values of another: R knows one mark for all."""
    columns = [c for c in codebook.schema if c.missing]
    found = [
        f"{mark!r} marks missing values of {c.name}; R reads it as missing in every column: where "
        "it is a number in another, read that column again without it."
        for c in columns
        for mark in _marks(c)
        if mark.strip().lstrip("+-").replace(".", "", 1).isdigit() and len(codebook.schema) > 1
    ]
    found += [
        f"{level!r} is a level of {c.name} and marks missing values of {other.name}; R reads it as "
        f"missing in both: correct {c.name} after reading."
        for c in codebook.schema
        for level in c.levels
        for other in columns
        if other is not c and level in _marks(other)
    ]
    return found[:5]


def _steps(written: RuleFormula, translate: Callable[[str], str]) -> list[tuple[str, str]]:
    return [(name, translate(formula)) for name, formula in written.steps]


def _quoted(text: str) -> str:
    """Quote a text as both R and Python read it."""
    return json.dumps(text, ensure_ascii=False)


def _r_value(level: Any) -> str:
    if isinstance(level, bool):
        return str(level).upper()
    return _quoted(level) if isinstance(level, str) else repr(level)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _render(name: str, facts: dict[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    # Not HTML: names and levels are quoted where they stand in code.
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    text = (files("posynth") / "report" / f"{name}.jinja").read_text(encoding="utf-8")
    return environment.from_string(text).render(**facts)
