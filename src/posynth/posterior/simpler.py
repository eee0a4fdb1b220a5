"""A simpler conditional in place of one that cannot be fitted well, and what is said of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from posynth.chain.slopes import FEW_CASES
from posynth.chain.spec import Conditional

FAMILY, LINEAR, SPREAD, BOUNDED = "structured", "gaussian", "location_scale", "bounded"
#: Families of numbers whose default may be replaced.
NUMBERS = ("structured", "gaussian", "location_scale", "tilted", "interval", "bounded")
#: Scale of the corrections that shift and stretch, where the wider default cannot be sampled.
SMALL_SHIFT = 0.2
TILTED, INTERVAL = "tilted", "interval"
FEW_CURVES = 3
PLACE = "; in place of a larger model, which was not fitted"
#: Families of levels the default chooses.
LEVELS = ("bernoulli", "ordinal", "categorical", "restricted")
SHARES = "dirichlet"  # of levels, without predictors: known in closed form


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
        For family ``structured``: without a modelled spread; then splines on the learned scale;
        with hardly any curves; without interactions; straight lines with normal residuals. For what
        else the default chose: no corrected shape; one residual spread in place of a modelled one;
        straight main effects; for levels then a log-F prior, and at last no predictors. Each says
        in its note what it takes the place of. None for other conditionals, and none where a user
        named family or engine.
    """
    if not has_simpler(conditional):
        return
    place = f"{conditional.note}{PLACE} ({why}): "
    steps = _of_curves if conditional.family == FAMILY else _of_lines
    if conditional.family in LEVELS:
        steps = _of_levels
    for changes, said in steps(conditional):
        conditional = replace(conditional, **changes)
        yield replace(conditional, note=f"{place}{said}")


def has_simpler(conditional: Conditional) -> bool:
    """Say whether a simpler conditional may take the place of one that cannot be fitted.

    What a user named is not replaced: neither a family, nor an engine, nor the prior of
    a coefficient.
    """
    if conditional.engine != "auto" or conditional.priors:
        return False
    default = _by_default(conditional) or bool(conditional.indicates)
    return default and conditional.family in (*NUMBERS, *LEVELS)


def kept_as_named(conditional: Conditional, error: str) -> str:
    """Return what an engine said, and the next step where a family was named that is large."""
    if conditional.family != FAMILY or has_simpler(conditional) or conditional.engine != "auto":
        return error
    name = conditional.target
    return (
        f"{error}; family {FAMILY!r} was named for column {name!r}, so nothing simpler takes its "
        f"place: leave it out for the default, which may, or name a simpler family, as "
        f"--method {name}={LINEAR}"
    )


def simplified(conditional: Conditional) -> str:
    """Say what is left of a conditional that took the place of a larger one; ``""`` of others."""
    _, place, said = conditional.note.rpartition(PLACE)
    return said.rpartition("): ")[2] if place else ""


def may_be_learned(conditional: Conditional) -> bool:
    """Say whether a simpler conditional may model the column on its learned scale."""
    return conditional.family in (FAMILY, BOUNDED) and has_simpler(conditional)


def _by_default(conditional: Conditional) -> bool:
    return conditional.note.startswith("default")


Step = tuple[dict[str, Any], str]


def _of_curves(conditional: Conditional) -> Iterator[Step]:
    few = min(conditional.splines, FEW_CURVES)
    curves = {"family": FAMILY, "scale": conditional.scale}
    if conditional.spread:
        yield {"spread": ()}, "one spread"
    line = {"spread": (), "splines": few, "scales": {}, "prior": "", "scale": "learned"}
    yield {**line, "family": LINEAR}, f"the learned scale, splines of {few} columns"
    if conditional.splines > few:
        yield {"spread": (), "splines": few, **curves}, f"one spread, curves of {few} functions"
    if conditional.interactions:
        said = f"no interactions, one spread, curves of {few} functions"
        yield {"interactions": (), "spread": (), "splines": few, **curves}, said
    line = {"interactions": (), "spread": (), "splines": 0, "scales": {}, "prior": ""}
    line["scale"] = conditional.scale
    yield {**line, "family": LINEAR}, "straight lines, normal residuals"


def _of_lines(conditional: Conditional) -> Iterator[Step]:
    if conditional.family == BOUNDED:
        yield {"family": LINEAR, "scale": "learned"}, "its distance from the bound is modelled"
        return
    if conditional.family == TILTED:
        if conditional.scales.get("shift", 1.0) > SMALL_SHIFT:
            small: dict[str, Any] = {"scales": {**conditional.scales, "shift": SMALL_SHIFT}}
            yield small, "corrections of its shape shift and stretch less"
            conditional = replace(conditional, **small)
        if len(conditional.corrections) > 1:
            first = conditional.corrections[:1]
            yield {"corrections": first}, f"its shape is corrected by {first[0]} only"
        kept = {k: v for k, v in conditional.scales.items() if k not in ("correction", "shift")}
        plain: dict[str, Any] = {"family": INTERVAL, "corrections": (), "scales": kept}
        yield plain, "its shape is not corrected"
        conditional = replace(conditional, **plain)
    if conditional.family == INTERVAL:
        plain = not_corrected(conditional)
        yield plain, "scores of shared values are drawn once"
        conditional = replace(conditional, **plain)
    if conditional.family == SPREAD:
        scales = {k: v for k, v in conditional.scales.items() if not k.startswith("spread")}
        yield {"family": LINEAR, "scales": scales}, "one spread"
    if conditional.splines or conditional.interactions:
        yield {"splines": 0, "interactions": ()}, "straight lines, one spread, no interactions"


def not_corrected(conditional: Conditional) -> dict[str, Any]:
    """Return what takes corrections, or intervals, from a conditional on a learned scale."""
    wide = bool(conditional.spread)
    of_spread = () if wide else ("spread", "spread_slope")
    scales = {
        k: v for k, v in conditional.scales.items() if k not in ("correction", "shift", *of_spread)
    }
    family = SPREAD if wide else LINEAR
    return {"family": family, "spread": (), "corrections": (), "scales": scales}


def _of_levels(conditional: Conditional) -> Iterator[Step]:
    if conditional.splines or conditional.interactions:
        yield {"splines": 0, "interactions": ()}, "straight lines, no interactions"
    if conditional.prior != FEW_CASES:
        yield {"prior": FEW_CASES, "scales": {}}, "slopes with a log-F(2, 2) prior"
    free = conditional.scale != "levels" and conditional.family != "restricted"
    shares = {"family": SHARES} if free else {}
    yield {**shares, "predictors": (), "prior": "", "scales": {}}, "no predictors"
