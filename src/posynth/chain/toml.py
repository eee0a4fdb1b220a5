"""A chain on paper: TOML with the kinds of the columns and the conditionals, to review and edit."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from posynth.chain.attached import attached
from posynth.chain.facts import FamilyFacts
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import SpecError, TableError, unknown
from posynth.table.bounds import stated
from posynth.table.missing_codes import declared_codes
from posynth.table.reading import as_reading
from posynth.table.schema import MOST_DECIMALS, Column, Kind, Schema

_TOP = ("posynth", "missing", "reading", "columns", "conditional", "predictors", "rules")
_COLUMN_KEYS: dict[str, tuple[type, ...]] = {
    **{"kind": (str,), "levels": (list,), "ordered": (bool,), "decimals": (int,), "note": (str,)},
    **{"na": (list,), "lower": (float, int), "upper": (float, int)},
}
#: Facts of a column that are no plain fields of it.
_APART = ("kind", "na", "lower", "upper")
#: Facts of a column whose change makes the grid of its values another one.
_GRID = ("kind", "decimals")
_HEADER = """\
Chain of conditionals, in visit order. Edit it and pass it back with --chain.
A conditional without `predictors` depends on every column visited before it; predictors of many
may stand in one section [predictors], as bmi = ["age", "sex"].
scale = "learned": scores of the target's own quantile function are modelled, not its values;
"levels": a family of levels models a column of few different numbers.
splines = 3: each numeric predictor enters as a natural spline of its scores; 0: as it is.
interactions = [["sex", "age"]]: products of two predictors beside their main effects.
corrections = ["sex"]: the shape of family "tilted" is corrected within bins of these predictors.
[reading] says how the table's file is read: comment, decimal, thousands, skip_rows.
na = [-9, "refused"] of a column: values that are missing.
lower = 1, upper = 5 of a column: bounds of its values in every copy; -inf and inf: none.
priors = {income = {mu = 0.2, sigma = 0.1}}: normal prior of one coefficient, for one unit of the
raw predictor on the scale of the link; intercept: where all predictors are at their means.
passive = "weight / (height / 100) ** 2": the column is computed by this rule, never modelled.
rules = ["discharge >= admission"]: what holds in every row; at the top of the file, or with the
conditional of the last column that a rule reads. Delete a rule to have it no longer kept.
"""


def chain_to_toml(
    spec: ChainSpec,
    schema: Schema,
    facts: Mapping[str, FamilyFacts],
    reading: Mapping[str, Any] | None = None,
) -> str:
    """Write a chain and the kinds of its columns as TOML.

    Parameters
    ----------
    spec : ChainSpec
        The chain.
    schema : Schema
        What each column is.
    facts : Mapping
        Family name -> facts; the scales of the prior in use are written out.
    reading : Mapping, optional
        What was said of how to read the file, as ``{"comment": "#"}``.

    Returns
    -------
    str
        A document that ``chain_from_toml`` reads back to the same chain.
    """
    document = tomlkit.document()
    for line in _HEADER.splitlines():
        document.add(tomlkit.comment(line))
    document.add("missing", tomlkit.item(spec.missing))
    if reading:
        document.add("reading", tomlkit.item(dict(reading)))
    columns = tomlkit.table()
    for column in schema:
        columns.add(column.name, _column_table(column))
    document.add("columns", columns)
    links = tomlkit.aot()
    for conditional in spec:
        links.append(_conditional_table(conditional, spec, facts.get(conditional.family)))
    document.add("conditional", links)
    return tomlkit.dumps(document)


def chain_from_toml(text: str, where: str = "chain file") -> tuple[ChainSpec, dict[str, Any]]:
    """Read a chain file.

    Parameters
    ----------
    text : str
        The document.
    where : str
        Name of the file, for error messages.

    Returns
    -------
    tuple of ChainSpec and dict
        The chain, and column -> facts that the file declares about it.

    Raises
    ------
    SpecError
        If the document is not TOML or holds an unknown key.
    """
    try:
        data = tomlkit.parse(text).unwrap()
    except TOMLKitError as error:
        raise SpecError(f"{where}: not a TOML document: {error}") from None
    for key in data:
        if key not in _TOP:
            raise SpecError(f"{where}: {unknown('key', key, _TOP)}")
    try:
        as_reading(None, data.get("reading", {}))
        spec = _with_predictors(ChainSpec.from_dict(data), data.get("predictors", {}))
        spec = _with_rules(spec, data.get("rules", []))
        return spec, _declared(data.get("columns", {}))
    except (SpecError, TableError) as error:
        raise SpecError(f"{where}: {error}") from None


def read_chain(path: str | Path) -> tuple[ChainSpec, dict[str, Any]]:
    """Read a chain file from disk; see ``chain_from_toml``."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"chain file {file.name!r} cannot be read: {type(error).__name__}; "
            "`posynth describe DATA -o chain.toml` writes one to start from"
        ) from None
    return chain_from_toml(text, where=f"chain file {file.name!r}")


def read_reading(path: str | Path) -> dict[str, Any]:
    """Return what a chain file, that `read_chain` reads, says of how to read its table."""
    found = tomlkit.parse(Path(path).read_text(encoding="utf-8")).unwrap().get("reading", {})
    return dict(found)


def declare(schema: Schema, declared: Mapping[str, Mapping[str, Any]]) -> Schema:
    """Return the schema with levels, order, decimals and notes as a chain file declares them.

    Raises
    ------
    SpecError
        If a column is unknown.
    """
    for name, facts in declared.items():
        changes = {key: value for key, value in facts.items() if key not in _APART}
        if "levels" in changes:
            changes["levels"] = tuple(changes["levels"])
        if "kind" in facts:
            changes["kind"] = Kind(facts["kind"])
        if any(changes.get(k, getattr(schema[name], k)) != getattr(schema[name], k) for k in _GRID):
            changes["grid"] = None
        schema = schema.with_column(replace(schema[name], **changes))
    lower, upper = (
        {n: facts[side] for n, facts in declared.items() if side in facts}
        for side in ("lower", "upper")
    )
    return stated(schema, lower, upper)


def _with_predictors(spec: ChainSpec, section: Any) -> ChainSpec:
    """Take over the section [predictors]: column = [names], as a line in its conditional would."""
    if not isinstance(section, Mapping):
        raise SpecError(f"predictors = {section!r} must be a table: write [predictors]")
    for target, names in section.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise SpecError(
                f"predictors of {target!r} = {names!r} must be a list of columns, as ['age', 'sex']"
            )
        if spec[target].predictors is not None:
            raise SpecError(
                f"predictors of {target!r} stand in [predictors] and in its conditional; keep one"
            )
        spec = spec.with_conditional(replace(spec[target], predictors=tuple(names)))
    return spec


def _with_rules(spec: ChainSpec, rules: Any) -> ChainSpec:
    """Give each rule at the top of a file to the conditional that it restricts."""
    if not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        raise SpecError(f"rules = {rules!r} must be a list of texts, as ['discharge >= admission']")
    for (column, missing), own in attached(rules, spec.columns).items():
        target = spec.indicators.get(column, "") if missing else column
        if target not in spec.targets:
            raise SpecError(f"rule {own[0]!r}: column {column!r} has no conditional it restricts")
        kept = tuple(dict.fromkeys((*spec[target].rules, *own)))
        spec = spec.with_conditional(replace(spec[target], rules=kept))
    return spec


def _declared(columns: Any) -> dict[str, Any]:
    if not isinstance(columns, Mapping):
        raise SpecError(f"columns = {columns!r} must be a table: write [columns]")
    for name, facts in columns.items():
        if not isinstance(facts, Mapping):
            raise SpecError(f"column {name!r} = {facts!r} must be a table, as {{kind = 'nominal'}}")
        for key, value in facts.items():
            if key not in _COLUMN_KEYS:
                raise SpecError(f"column {name!r}: {unknown('key', key, _COLUMN_KEYS)}")
            if type(value) not in _COLUMN_KEYS[key]:
                raise SpecError(
                    f"column {name!r}: {key} = {value!r} must be of type "
                    f"{_COLUMN_KEYS[key][0].__name__}"
                )
        declared_codes({name: facts.get("na", [])})
        levels = facts.get("levels", [])
        twice = next((level for level in levels if levels.count(level) > 1), None)
        if twice is not None:
            raise SpecError(f"column {name!r}: levels name {twice!r} more than once")
        decimals = facts.get("decimals", 0)
        if not 0 <= decimals <= MOST_DECIMALS:
            raise SpecError(
                f"column {name!r}: decimals = {decimals}; it must be 0 to {MOST_DECIMALS}"
            )
        if facts.get("kind", "nominal") not in list(Kind):
            raise SpecError(f"column {name!r}: {unknown('kind', facts['kind'], Kind)}")
    return dict(columns)


def _column_table(column: Column) -> Any:
    table = tomlkit.inline_table() if column.kind.is_numeric else tomlkit.table()
    table.add("kind", column.kind.value)
    if column.levels:
        table.add("levels", list(column.levels))
    if column.ordered:
        table.add("ordered", True)
    if column.decimals is not None:
        table.add("decimals", column.decimals)
    if column.missing_codes:
        table.add("na", list(column.missing_codes))
    for side, end in (("lower", column.lower), ("upper", column.upper)):
        if end is not None:
            table.add(side, int(end) if column.decimals == 0 and isfinite(end) else end)
    if column.note:
        table.add("note", column.note)
    return table


def _conditional_table(conditional: Conditional, spec: ChainSpec, facts: FamilyFacts | None) -> Any:
    table = tomlkit.table()
    data = ChainSpec((conditional,), spec.missing).to_dict()["conditional"][0]
    if facts is not None:
        prior = conditional.prior or facts.default_prior
        data["prior"] = prior
        data["scales"] = {**facts.priors.get(prior, {}), **conditional.scales}
        stated = {k: v for k, v in facts.options.items() if v is not None} | data.get("options", {})
        data["options"] = stated
    for key, value in data.items():
        if isinstance(value, dict):
            if value:
                inline = tomlkit.inline_table()
                inline.update(value)
                table.add(key, inline)
        else:
            table.add(key, value)
    return table
