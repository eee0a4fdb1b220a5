"""Bounds that a named family cannot keep without moving estimates are lifted, and that is said."""

from collections.abc import Collection
from dataclasses import replace

from posynth.chain.beyond import of_line
from posynth.chain.blocks import Rows
from posynth.chain.spec import ChainSpec, Conditional
from posynth.families.base import Family
from posynth.table.schema import Schema


def lifted(
    rows: Rows, spec: ChainSpec, named: dict[str, Family], stated: Collection[str]
) -> Schema:
    """Lift bounds seen in the data where draws of a named regression would often be reflected.

    Its likelihood is that of a normal distribution: reflecting many of its draws at a bound moves
    means and slopes of the copies. Trees and other algorithms keep the bounds.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    spec : ChainSpec
        The chain.
    named : dict of str to Family
        Column -> the family that the user named.
    stated : collection of str
        Columns whose bounds the user states: those are kept.

    Returns
    -------
    Schema
        With a note on each column whose bounds are lifted.
    """
    schema = rows.schema
    for target, family in named.items():
        conditional = spec[target]
        if target in stated or not _may_cross(rows, conditional, family):
            continue
        found = of_line(rows, spec.predictors(target), conditional)
        if found is not None and found.too_far:
            said = (
                f"{schema[target].note}; bounds not kept: family {conditional.family!r} was named, "
                f"and {found.share:.0%} of its draws lie beyond; --lower or --upper {target}=... "
                "state bounds, at which they are reflected"
            )
            column = replace(schema[target], lower=None, upper=None, note=said.lstrip("; "))
            schema = schema.with_column(column)
    return schema


def _may_cross(rows: Rows, conditional: Conditional, family: Family) -> bool:
    facts = family.facts
    numeric = conditional.target in rows.schema and rows.schema[conditional.target].kind.is_numeric
    normal = facts.support == "real" and (not family.algorithm or bool(facts.chain))
    return numeric and normal and conditional.scale == "natural" and not conditional.rules
