"""A simpler conditional in place of one that cannot be fitted well, and what is said of it."""

from collections.abc import Iterator
from dataclasses import replace

from posynth.chain.spec import Conditional

FAMILY, LINEAR = "structured", "gaussian"
FEW_CURVES = 3


def simpler(conditional: Conditional, why: str) -> Iterator[Conditional]:
    """Give conditionals to try in turn, each simpler than the one before.

    Parameters
    ----------
    conditional : Conditional
        One that could not be fitted.
    why : str
        What its engine said.

    Yields
    ------
    Conditional
        Without a modelled spread; with hardly any curves; without interactions; straight lines
        with normal residuals. Each says in its note what it takes the place of. None for other
        families, and none where an engine was named.
    """
    if conditional.family != FAMILY or conditional.engine != "auto":
        return
    place = f"{conditional.note}; in place of a larger model, which was not fitted ({why}): "
    few = min(conditional.splines, FEW_CURVES)
    if conditional.spread:
        yield replace(conditional, spread=(), note=f"{place}one spread")
    if conditional.splines > few:
        said = f"{place}one spread, curves of {few} functions"
        yield replace(conditional, spread=(), splines=few, note=said)
    if conditional.interactions:
        said = f"{place}no interactions, one spread, curves of {few} functions"
        yield replace(conditional, interactions=(), spread=(), splines=few, note=said)
    said = f"{place}straight lines, normal residuals"
    line = replace(conditional, interactions=(), spread=(), splines=0, scales={}, prior="")
    yield replace(line, family=LINEAR, note=said)
