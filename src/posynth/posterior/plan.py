"""Data and wishes become a table and a chain bound to it; every contradiction is met here."""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from posynth.chain.beyond import told_share
from posynth.chain.blocks import Rows
from posynth.chain.dependence import without_lost_products
from posynth.chain.open_rows import limited
from posynth.chain.passive import verified
from posynth.chain.rare import told_levels
from posynth.chain.refine import refine
from posynth.chain.spec import ChainSpec, Conditional
from posynth.chain.strata_spread import with_strata_spread
from posynth.chain.toml import declare, read_chain, read_reading
from posynth.engines.threads import one_thread
from posynth.errors import SpecError, TableError, unknown
from posynth.families import families
from posynth.families.own import own_names
from posynth.families.permission import references
from posynth.posterior.bound import Chain, conform
from posynth.posterior.chain_families import own_families
from posynth.posterior.computed import with_domains, with_functions
from posynth.posterior.implied import with_implied
from posynth.posterior.lifted import lifted
from posynth.posterior.rehearsal import try_own, try_priors
from posynth.posterior.rostered import by_ids, rostered, with_roster
from posynth.posterior.row_rules import (
    Kept,
    with_asked_rules,
    with_seen_rules,
    without_rules,
)
from posynth.posterior.structure import NUMERIC_DEFAULTS, STRUCTURED, bent_where_asked, structured
from posynth.posterior.support import check_column
from posynth.posterior.task import encode_table, learn_scales
from posynth.posterior.wishes import Wishes, adjusted, new_chain, permitted, translated_chain
from posynth.table.bounds import fitting_bounds, require_within, stated
from posynth.table.frame import Table
from posynth.table.inputs import Data, given_table
from posynth.table.missing_codes import Codes
from posynth.table.names import as_names
from posynth.table.reading import Reading, as_reading
from posynth.table.schema import Schema

#: What the note of a conditional begins with that the default chose.
BY_DEFAULT = ("default", "marginal")


def plan(
    data: Data,
    wishes: Wishes | None = None,
    chain: str | Path | Chain | None = None,
    kinds: Mapping[str, str] | None = None,
    na: Codes | Reading | None = None,
) -> tuple[Table, Chain]:
    """Return the table and the chain bound to it; see ``Wishes`` and ``posynth.specify``."""
    with one_thread():
        return _planned(data, wishes or Wishes(), chain, kinds, as_reading(na))


def _planned(
    data: Data,
    wishes: Wishes,
    chain: str | Path | Chain | None,
    kinds: Mapping[str, str] | None,
    reading: Reading,
) -> tuple[Table, Chain]:
    if chain is None:
        table = _bounded(given_table(data, kinds, reading), wishes)
        names, own = own_names(wishes.methods, families())
        spec, names = _first_chain(table, wishes, names)
        kept = _ruled(table, spec, wishes, names)
        table = replace(table, schema=with_implied(table.schema, kept.spec))
        table = replace(table, schema=_lifted(table, kept.spec, wishes, own))
        freed = by_ids(spec, names) - rostered(kept.spec)
        names = {name: family for name, family in names.items() if name not in freed}
        spec = _refined(table, kept.spec, {**names, **wishes.passive})
        parts = (spec, table.schema, table.source, own_families(own))
        bound = Chain(*parts, allowed=references(c.family for c in spec), notes=table.notes)
        return table, held_to(table, replace(bound, proposed=kept.proposed))
    _refuse_beside_chain(wishes)
    if isinstance(chain, Chain):
        if kinds:
            raise SpecError("both a chain and kinds were given; pass the kinds to specify instead")
        if reading != Reading():
            raise SpecError("both a chain and na were given; pass na to specify instead")
        table, chain = _renewed(data, chain)
    elif isinstance(chain, str | os.PathLike):
        table, chain = _from_file(data, Path(chain), dict(kinds or {}), wishes, reading)
    else:
        raise SpecError(
            f"the chain is of type {type(chain).__name__}; give what `specify` returned, or the "
            "path of a chain file"
        )
    if wishes.lower or wishes.upper:
        table = _bounded(table, wishes)
        chain = replace(chain, schema=table.schema)
    if wishes.missing != "pattern":
        chain = replace(chain, spec=replace(chain.spec, missing=wishes.missing))
    chain = _overridden(chain, wishes)
    if wishes.rules or any(c.rules for c in chain.spec):
        rows = encode_table(table, chain.spec, {})
        asked = (*wishes.rules, *(text for c in chain.spec for text in c.rules))
        free = {c.target for c in chain.spec if c.note.startswith(BY_DEFAULT)}
        chain = replace(chain, spec=with_asked_rules(rows, chain.spec, asked, free))
    return table, held_to(table, chain)


def _bounded(table: Table, wishes: Wishes) -> Table:
    """Take over the bounds that a user states."""
    if not wishes.lower and not wishes.upper:
        return table
    table = replace(table, schema=stated(table.schema, wishes.lower, wishes.upper))
    require_within(table, {**wishes.lower, **wishes.upper})
    return table


def _lifted(table: Table, spec: ChainSpec, wishes: Wishes, own: Mapping[str, Any]) -> Schema:
    """Lift bounds that families named by the user do not keep."""
    known = {**families(), **own_families(own)}
    named = {
        target: known[spec[target].family]
        for target in (*wishes.methods, *wishes.priors)
        if target in spec.targets and spec[target].family in known
    }
    stated_ends = {*wishes.lower, *wishes.upper}
    return lifted(encode_table(table, spec, {}), spec, named, stated_ends)


def _first_chain(
    table: Table, wishes: Wishes, names: dict[str, str]
) -> tuple[ChainSpec, dict[str, str]]:
    """Return the default chain with functions of columns and what a repeated identifier needs.

    The names are those of the columns that stay as they are: its own are among them.
    """
    spec = with_functions(table, new_chain(table.schema, wishes, names), wishes, names)
    if table.schema.repeated is None:
        return spec, names
    fixed = {*names, *wishes.formulas, *wishes.passive}
    spec = with_roster(encode_table(table, spec, {}), spec, fixed)
    return spec, {**{target: "" for target in rostered(spec)}, **names}


def _refuse_beside_chain(wishes: Wishes) -> None:
    """Refuse what contradicts a chain that is given."""
    if as_names(wishes.no_rules):
        raise SpecError(
            "both a chain and rules to leave out were given; delete them from the chain, where "
            "each stands with the conditional it restricts"
        )
    if wishes.order:
        raise SpecError(
            "both a chain and an order were given; the chain's order of conditionals is the visit "
            "order: reorder them there"
        )


def held_to(table: Table, chain: Chain) -> Chain:
    """Hold rules, supports of families and a user's own models to a table, before any fit.

    Returns
    -------
    Chain
        With a note of how far each rule holds, and of levels without a coefficient of their own.

    Raises
    ------
    SpecError
        If a rule does not hold, a value lies outside what its family allows, or a user's own model
        cannot be fitted or drawn from.
    """
    rows, known = encode_table(table, chain.spec, {}), chain.families
    for conditional in chain.spec:
        if not conditional.computed:
            left = limited(rows, conditional)[1]
            check_column(left, conditional, known[conditional.family].facts)
    spec = verified(rows, chain.spec)
    try_own(table, chain)
    try_priors(table, chain)
    return replace(chain, spec=spec, rare=told_levels(rows, spec))


def _ruled(table: Table, spec: ChainSpec, wishes: Wishes, methods: Mapping[str, str]) -> Kept:
    """Give a default chain the rules that the user states, and those seen in the data."""
    rows = encode_table(table, spec, {})
    given = wishes.predictors
    named = given if isinstance(given, Mapping) else ()
    ours = by_ids(spec, methods)
    fixed = {*methods, *wishes.formulas, *wishes.passive, *named} - ours
    free = {c.target for c in spec if c.column not in {*methods} - ours}
    spec = with_asked_rules(rows, spec, as_names(wishes.rules), free)
    without = as_names(wishes.no_rules)
    return with_seen_rules(rows, spec, {c for c in fixed if c in spec.columns}, without)


def _refined(table: Table, spec: ChainSpec, methods: Collection[str]) -> ChainSpec:
    """Look at the rows to choose scales and splines; named families stay as they are."""
    rows = encode_table(table, spec, {})
    numeric = [c.name for c in table.schema if c.kind.is_numeric]
    learned = learn_scales(table.schema, {name: rows.arrays[name] for name in numeric})
    rows = replace(rows, learned=learned)
    spec = refine(rows, spec, methods)
    for conditional in spec:
        if conditional.strata and conditional.target not in methods:
            spec = spec.with_conditional(_within_strata(rows, spec, conditional))
        if conditional.formula or conditional.strata or conditional.indicates:
            continue
        if conditional.priors:
            continue
        left = limited(rows, conditional)[1]
        if conditional.family == STRUCTURED:
            spec = spec.with_conditional(structured(left, spec, conditional))
        elif conditional.family in NUMERIC_DEFAULTS and conditional.target not in methods:
            spec = spec.with_conditional(bent_where_asked(left, spec, conditional))
        elif conditional.target in methods and _is_line(conditional):
            told = told_share(rows, spec.predictors(conditional.target), conditional)
            spec = spec.with_conditional(replace(conditional, note=conditional.note + told))
    return with_domains(rows, spec)


def _within_strata(rows: Rows, spec: ChainSpec, conditional: Conditional) -> Conditional:
    return with_strata_spread(limited(rows, conditional)[1], spec, conditional)


def _is_line(conditional: Conditional) -> bool:
    """Whether a conditional is a normal one, or alike, of a number on its natural scale."""
    known = families()
    natural = conditional.scale == "natural" and not conditional.rules
    return natural and (
        conditional.family in known and known[conditional.family].facts.response == "standardised"
    )


def _renewed(data: Data, chain: Chain) -> tuple[Table, Chain]:
    """Read data as the chain describes columns, and count rows and holes anew."""
    kinds = {c.name: c.kind.value for c in chain.schema}
    read = isinstance(data, Table)
    reading = None if read else Reading.of(chain.schema, chain.source)
    found = given_table(data, None if read else kinds, reading)
    table = conform(found.frame, chain.schema, found.source)
    columns = tuple(replace(c, missing=int(table.frame[c.name].isna().sum())) for c in chain.schema)
    schema = replace(chain.schema, columns=columns, rows=len(table.frame))
    table = replace(table, schema=schema, reasons={**table.reasons, **found.reasons})
    table = fitting_bounds(table)
    spec = without_lost_products(chain.spec, table.schema)
    return table, replace(chain, spec=spec, schema=table.schema, source=found.source)


def _from_file(
    data: Data, path: Path, kinds: dict[str, str], wishes: Wishes, reading: Reading
) -> tuple[Table, Chain]:
    """Read a chain file: what it declares of the columns counts before what is guessed."""
    spec, declared = read_chain(path)
    if wishes.artificial:
        ends = ("lower", "upper")
        declared = {c: _without(facts, ends) for c, facts in declared.items()}
        spec = without_rules(spec)
    wanted = {c: facts["kind"] for c, facts in declared.items() if "kind" in facts} | kinds
    codes = {c: facts["na"] for c, facts in declared.items() if "na" in facts}
    reading = reading.beside(codes, read_reading(path))
    try:
        table = given_table(data, wanted, reading)
    except TableError:
        _refuse_unknown(declared, given_table(data, None, reading), path)
        raise
    _refuse_unknown(declared, table, path)
    # What was asked for now counts more than the file, which may be edited by hand or older.
    schema = declare(table.schema, {c: facts for c, facts in declared.items() if c not in kinds})
    table = replace(conform(table.frame, schema, table.source), reasons=table.reasons)
    require_within(table, [c for c, facts in declared.items() if {"lower", "upper"} & {*facts}])
    folder = path.resolve().parent
    spec = permitted(translated_chain(spec, schema), wishes.improper, wishes.copies_values)
    spec = without_lost_products(spec, schema)
    folders = (folder, folder / "posterior")
    # What the user names himself may be run; what only the file names, if he allows that.
    named = (c.family for c in spec) if wishes.allow_code else wishes.methods.values()
    allowed = references(named)
    return table, Chain(spec, schema, table.source, folders=folders, allowed=allowed)


def _without(facts: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key not in keys}


def _refuse_unknown(declared: Iterable[str], table: Table, path: Path) -> None:
    for name in declared:
        if name not in table.schema:
            raise SpecError(
                f"chain file {path.name!r}: {unknown('column', name, table.schema.names)}"
            )


def _overridden(chain: Chain, wishes: Wishes) -> Chain:
    meant = {"improper": wishes.improper, "copies_values": wishes.copies_values}
    for column, family in wishes.methods.items():
        plain: dict[str, Any] = {"prior": "", "scales": {}, **meant}
        if column in chain.schema and chain.schema[column].kind.is_numeric:
            plain |= {"scale": "natural", "splines": 0, "interactions": ()}
        chain = chain.change(column, family=family, **plain)
    for target, priors in wishes.priors.items():
        chain = chain.change(target, priors=priors)
    spec = adjusted(chain.spec, chain.schema, wishes)
    if wishes.engine != "auto":
        for conditional in spec:
            spec = spec.with_conditional(replace(conditional, engine=wishes.engine))
    return replace(chain, spec=spec) if spec != chain.spec else chain
