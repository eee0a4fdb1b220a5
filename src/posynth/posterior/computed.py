"""Columns that are functions of others are computed in a default chain, not modelled."""

from collections.abc import Mapping
from dataclasses import replace

from posynth.chain.functions import functions
from posynth.chain.spec import ChainSpec
from posynth.posterior.task import encode_table
from posynth.posterior.wishes import AUTO, Wishes, new_chain
from posynth.table.frame import Table


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
    if wishes.missing != "pattern" or (given is not None and not isinstance(given, Mapping)):
        return spec
    fixed = {*methods, *wishes.formulas, *wishes.passive, *(given or {})}
    visited = tuple(c.target for c in spec if not c.indicates and not c.passive)
    ordered = bool(wishes.order) and wishes.order != AUTO
    rules = functions(encode_table(table, spec, {}), visited, fixed, ordered)
    if not rules:
        return spec
    spec = new_chain(table.schema, replace(wishes, passive={**wishes.passive, **rules}), methods)
    for target in rules:
        note = (
            f"a function of other columns in all {len(table.frame)} rows, so it is computed; "
            "name a method for it to model it"
        )
        spec = spec.with_conditional(replace(spec[target], note=note))
    return spec
