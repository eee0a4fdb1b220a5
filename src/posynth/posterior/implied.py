"""Upper bounds that follow from a computed column: no part is above its total."""

from dataclasses import replace

import numpy as np

from posynth.chain.interval import interval
from posynth.chain.rule import read_rule
from posynth.chain.spec import ChainSpec
from posynth.errors import SpecError
from posynth.table.bounds import ends
from posynth.table.schema import Kind, Schema


def with_implied(schema: Schema, spec: ChainSpec) -> Schema:
    """Bound the sources of computed columns that are themselves bounded from below.

    Of ``c = 100 - a - b`` with all three at 0 or above, a and b are at most 100.

    Parameters
    ----------
    schema : Schema
        With the bounds seen.
    spec : ChainSpec
        A chain with computed columns.

    Examples
    --------
    >>> from posynth.chain.spec import Conditional
    >>> from posynth.table.schema import Column
    >>> columns = (Column(n, Kind.CONTINUOUS, "float64", decimals=1, lower=0.0) for n in "abc")
    >>> link = Conditional("c", "passive", passive="100 - a - b")
    >>> links = (Conditional("a", "gaussian"), Conditional("b", "gaussian"), link)
    >>> [c.upper for c in with_implied(Schema(tuple(columns), 50), ChainSpec(links))]
    [100.0, 100.0, None]
    """
    for conditional in spec:
        if not conditional.passive or conditional.indicates or "-" not in conditional.passive:
            continue
        lower = ends(schema[conditional.target])[0]
        names = read_rule(conditional.passive).sources
        if not np.isfinite(lower) or not all(_is_number(schema, name) for name in names):
            continue
        for name in names:
            top = _most(schema, conditional.passive, lower, name)
            if top is not None and schema[name].upper is None:
                schema = schema.with_column(replace(schema[name], upper=top))
    return schema


def _is_number(schema: Schema, name: str) -> bool:
    return schema[name].kind in (Kind.COUNT, Kind.CONTINUOUS)


def _most(schema: Schema, text: str, lower: float, name: str) -> float | None:
    """Return the largest value of a source for which the computed column is not below its bound.

    None where another source may let it be larger.
    """
    rule, least = read_rule(text), {}
    for other in rule.sources:
        if other != name:
            least[other] = np.array([ends(schema[other])[0]])
    if not all(np.isfinite(each[0]) for each in least.values()):
        return None
    own = {name: np.zeros(1)}
    for other, each in least.items():
        raised = {**least, **own, other: each + 1}
        if not rule.values(raised)[0] < rule.values({**least, **own})[0]:
            return None
    try:
        head = read_rule(f"{text} >= {lower:.12g}")
        top = float(interval(head, name, least or {"": np.zeros(1)}, 0.0)[1][0])
    except SpecError:
        return None
    decimals = schema[name].decimals
    return (top if decimals is None else round(top, decimals)) if np.isfinite(top) else None
