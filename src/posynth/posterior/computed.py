"""Columns that are functions of others are computed in a default chain, not modelled."""

from collections.abc import Mapping
from dataclasses import replace

from posynth.chain.blocks import Rows
from posynth.chain.functions import complement, functions, keeps_sign
from posynth.chain.rule import read_rule
from posynth.chain.spec import ChainSpec
from posynth.posterior.task import encode_table
from posynth.posterior.wishes import AUTO, Wishes, new_chain
from posynth.table.frame import Table

FOUND = "a function of other columns"
#: Columns of each numeric predictor's spline where a source is moved to its learned scale.
SPLINES = 3
POSITIVE, SHARE = ("lognormal", "beta"), "beta"


def with_functions(
    table: Table, spec: ChainSpec, wishes: Wishes, methods: Mapping[str, str]
) -> ChainSpec:
    """Give every numeric column that others determine in every row its rule.

    Parameters
    ----------
    table : Table
        The source.
    spec : ChainSpec
        The chain without such rules.
    wishes : Wishes
        What was asked for: a column with a method, formula, rule or predictors of its own is left
        as it is, and an order is kept.
    methods : Mapping of str to str
        Column -> name of its method.

    Returns
    -------
    ChainSpec
        Columns with a rule are visited after its sources; each note says what was seen.
    """
    given = wishes.predictors
    if given is not None and not isinstance(given, Mapping):
        return spec
    fixed = {*methods, *wishes.formulas, *wishes.passive, *(given or {})}
    visited = tuple(c.target for c in spec if not c.indicates and not c.computed)
    ordered = bool(wishes.order) and wishes.order != AUTO
    rules = functions(encode_table(table, spec, {}), visited, fixed, ordered)
    if not rules:
        return spec
    spec = new_chain(table.schema, replace(wishes, passive={**wishes.passive, **rules}), methods)
    for target in rules:
        note = f"{FOUND} in all {len(table.frame)} rows, so it is computed; name a method for it "
        note += f"to model it: --method {target}=..."
        spec = spec.with_conditional(replace(spec[target], note=note))
    return spec


def with_domains(rows: Rows, spec: ChainSpec) -> ChainSpec:
    """Keep what is drawn for sources of logarithms, roots and ratios in their domain.

    A normal distribution on the natural scale reaches below zero, where such a rule gives nothing;
    a learned scale keeps to the sign of its column.

    Parameters
    ----------
    rows : Rows
        The source, with the learned scale of every numeric column that has one.
    spec : ChainSpec
        A default chain.
    """
    spec = _with_shares(spec)
    for rule in [c for c in spec if c.passive and c.note.startswith(FOUND)]:
        for name in sorted(_modelled(rule.passive, spec)) if keeps_sign(rule.passive) else ():
            source = spec[name]
            natural = source.scale == "natural" and source.family not in (*POSITIVE, "passive")
            if natural and name in rows.learned:
                note = f"{source.note}; on its learned scale, since {rule.target!r} needs its sign"
                plain = replace(source, scales={}, prior="", spread=(), splines=SPLINES)
                moved = replace(plain, family="gaussian", scale="learned", note=note)
                spec = spec.with_conditional(moved)
    return spec


def _with_shares(spec: ChainSpec) -> ChainSpec:
    """Keep x below c where c - x is read by a logarithm, a root or a ratio: x is beta there."""
    for rule in [c for c in spec if c.passive and c.note.startswith(FOUND)]:
        read = read_rule(rule.passive).sources if keeps_sign(rule.passive) else ()
        for share in filter(None, (complement(spec[name].passive) for name in read)):
            source = spec[share[0]]
            if source.family in (SHARE, "passive"):
                continue
            note = f"{source.note}; beta from 0 to {share[1]:g}, since {rule.target!r} needs it"
            plain = replace(source, scales={}, prior="", spread=(), splines=0, interactions=())
            bounds = {"lower": 0.0, "upper": share[1]}
            moved = replace(plain, family=SHARE, scale="natural", options=bounds, note=note)
            spec = spec.with_conditional(moved)
    return spec


def _modelled(rule: str, spec: ChainSpec) -> set[str]:
    """Return the modelled columns that a rule reads, through other rules too."""
    found = set()
    for name in read_rule(rule).sources:
        deeper = spec[name].passive
        found |= _modelled(deeper, spec) if deeper else {name}
    return found
