"""Everything that can be wrong with a chain, found before the first fit."""

from collections.abc import Mapping
from math import isfinite

from posynth.chain.check_formula import check_formula
from posynth.chain.check_priors import check_priors
from posynth.chain.dependence import check_passive
from posynth.chain.facts import FamilyFacts
from posynth.chain.group_level import check_group_level
from posynth.chain.groups import check_groups, check_roster
from posynth.chain.missing_kinds import target_kind
from posynth.chain.spec import ROSTER, ChainSpec, Conditional
from posynth.errors import SpecError, unknown
from posynth.table.schema import Column, Kind, Schema

MAX_CELLS = 5000


def check_chain(spec: ChainSpec, schema: Schema, facts: Mapping[str, FamilyFacts]) -> None:
    """Raise unless every conditional can be fitted on tables of this schema.

    Parameters
    ----------
    spec : ChainSpec
        The chain.
    schema : Schema
        What each column is.
    facts : Mapping
        Family name -> its facts, for every family the chain names.

    Raises
    ------
    SpecError
        Naming the column, the value found, what is allowed and the next step.
    """
    _check_targets(spec, schema)
    _check_holes(spec, schema)
    for conditional in spec:
        _check_family(conditional, schema, facts)
        _check_rules(conditional, facts[conditional.family])
        _check_scale(conditional, schema, facts[conditional.family])
        _check_permission(conditional, facts[conditional.family])
        _check_prior(conditional, facts[conditional.family])
        check_priors(conditional, schema, facts)
        _check_options(conditional, facts[conditional.family])
        _check_engine(conditional, facts[conditional.family])
        if conditional.passive or conditional.family == "passive":
            check_passive(conditional, spec, schema)
            continue
        if conditional.family == ROSTER:
            check_roster(conditional, schema)
            continue
        _check_predictors(conditional, spec, schema, facts[conditional.family])
        check_groups(conditional, schema, spec.earlier(conditional.target), facts)
        holes = spec.indicators.get(conditional.target, "")
        of_groups = bool(holes) and spec[holes].per_group == conditional.per_group
        check_group_level(conditional, schema, spec.earlier(conditional.target), facts, of_groups)


def _check_rules(conditional: Conditional, facts: FamilyFacts) -> None:
    """Refuse families that are about what rules leave open where there is no rule."""
    if facts.design in ("restricted", "bounded") and not conditional.rules:
        plain = "categorical" if facts.design == "restricted" else "gaussian"
        raise SpecError(
            f"column {conditional.target!r}: family {facts.name!r} models what rules leave open, "
            f"and there is no rule; state one (rules = [...], --rule), or use family {plain!r}"
        )


def _check_targets(spec: ChainSpec, schema: Schema) -> None:
    modelled_columns = [column.name for column in schema if column.kind.is_modelled]
    if not spec.conditionals and modelled_columns:
        raise SpecError(
            f"the chain has no conditional for {', '.join(map(repr, modelled_columns[:5]))}"
            f"{' ...' if len(modelled_columns) > 5 else ''}: each column that is modelled needs "
            "one; `posynth describe DATA -o chain.toml` writes a chain to start from"
        )
    if not spec.conditionals:
        raise SpecError(
            "the chain has no conditional: every column is constant, an identifier or free text, "
            "so there is nothing to model; declare another kind for at least one column"
        )
    for conditional in spec:
        if conditional.column not in schema:
            raise SpecError(f"chain: {unknown('column', conditional.column, schema.names)}")
        if spec.targets.count(conditional.target) > 1:
            raise SpecError(f"chain: conditional {conditional.target!r} stands more than once")
    modelled = {c.target for c in spec if not c.indicates}
    for column in schema:
        _check_column(column, spec, modelled)


def _check_holes(spec: ChainSpec, schema: Schema) -> None:
    for column in schema:
        if spec.missing == "error" and column.missing and column.name in spec.columns:
            raise SpecError(
                f"column {column.name!r} has {column.missing} missing values and the plan for "
                "missing values is 'error'; complete the table first, or use missing = 'pattern'"
            )


def _check_column(column: Column, spec: ChainSpec, modelled: set[str]) -> None:
    if column.kind.is_modelled and column.name not in modelled:
        raise SpecError(
            f"chain: column {column.name!r} has no conditional; add one, or declare its kind as "
            "'identifier' to have it filled with placeholders"
        )
    if column.name in modelled and not column.kind.is_modelled:
        raise SpecError(
            f"chain: column {column.name!r} has a conditional but its kind is "
            f"{column.kind.value!r}, which is filled in; remove the conditional or declare a kind"
        )
    ruled = column.name in modelled and spec[column.name].passive
    holes = column.missing and (column.kind.is_modelled or column.levels) and not ruled
    if holes and column.kind not in (Kind.IDENTIFIER, Kind.TEXT):
        if column.name not in spec.indicators:
            raise SpecError(
                f"chain: column {column.name!r} has {column.missing} missing values but no "
                f"missingness indicator; add a conditional with indicates = {column.name!r}"
            )
        order = list(spec.targets)
        indicator = spec.indicators[column.name]
        if column.name in order and order.index(indicator) + 1 != order.index(column.name):
            raise SpecError(
                f"chain: the indicator {indicator!r} must stand directly before "
                f"the conditional of {column.name!r}"
            )


def _check_family(
    conditional: Conditional, schema: Schema, facts: Mapping[str, FamilyFacts]
) -> None:
    if conditional.family not in facts:
        raise SpecError(
            f"column {conditional.column!r}: {unknown('family', conditional.family, facts)}"
        )
    kind = target_kind(schema, conditional)
    allowed = facts[conditional.family].kinds
    as_levels = conditional.scale == "levels" and kind.is_numeric and Kind.NOMINAL in allowed
    if kind not in allowed and not as_levels:
        names = ", ".join(sorted(k.value for k in allowed))
        usual = {n: f for n, f in facts.items() if f.proper and not f.copies_values}
        for own in ("passive", ROSTER):  # they ask for a rule, and for a repeated identifier
            usual.pop(own, None)
        fitting = ", ".join(sorted(name for name, f in usual.items() if kind in f.kinds))
        raise SpecError(
            f"column {conditional.column!r} is {kind.value}; family {conditional.family!r} "
            f"models {names} columns. Families for {kind.value} columns: {fitting}"
            f"{_or_levels(kind)}"
        )


def _or_levels(kind: Kind) -> str:
    return "; or declare it nominal, or set scale = 'levels'" if kind.is_numeric else ""


def _check_scale(conditional: Conditional, schema: Schema, facts: FamilyFacts) -> None:
    numeric = not conditional.indicates and schema[conditional.target].kind.is_numeric
    if conditional.scale == "learned" and not (numeric and facts.response == "standardised"):
        what = f"models {facts.response}" if numeric else "the target has no numbers"
        raise SpecError(
            f"column {conditional.column!r}: scale 'learned' is for numeric columns under a family "
            f"of real numbers, such as gaussian, location_scale or student; {what} "
            f"(family {facts.name!r}): use scale 'natural'"
        )
    if conditional.scale == "levels" and not (numeric and facts.response == "codes"):
        raise SpecError(
            f"column {conditional.column!r}: scale 'levels' is for numeric columns under a family "
            f"of levels, such as categorical; family {facts.name!r}: use scale 'natural'"
        )
    curved = conditional.splines or conditional.interactions
    if curved and (conditional.formula or facts.design == "cells"):
        why = "a formula" if conditional.formula else f"family {facts.name!r}, which crosses levels"
        raise SpecError(
            f"column {conditional.column!r}: splines or interactions together with {why}; keep one"
        )


def _check_permission(conditional: Conditional, facts: FamilyFacts) -> None:
    """Refuse what must be asked for in so many words: plug-in draws, and copied values."""
    where = f"column {conditional.column!r}: family {facts.name!r}"
    if not facts.proper and not conditional.improper:
        raise SpecError(
            f"{where} is not proper ({facts.summary}); use {facts.instead}, or say that it is "
            "meant: improper = true in the chain file, --improper, improper=True"
        )
    if facts.copies_values and not conditional.copies_values:
        raise SpecError(
            f"{where} stores values of the source and copies them ({facts.summary}); use "
            f"{facts.instead}, or say that it is meant: copies_values = true in the chain file, "
            "--copies-values, copies_values=True"
        )


def _check_prior(conditional: Conditional, facts: FamilyFacts) -> None:
    prior = conditional.prior or facts.default_prior
    if prior not in facts.priors:
        raise SpecError(
            f"column {conditional.column!r}, family {facts.name!r}: "
            f"{unknown('prior', prior, facts.priors)}"
        )
    for name, value in conditional.scales.items():
        if not facts.priors[prior]:
            raise SpecError(
                f"column {conditional.column!r}: prior {prior!r} has no scales, and "
                f"{', '.join(conditional.scales)} are given; leave `scales` out"
            )
        if name not in facts.priors[prior]:
            raise SpecError(
                f"column {conditional.column!r}, prior {prior!r}: "
                f"{unknown('scale', name, facts.priors[prior])}"
            )
        if not 0 < value < float("inf"):
            raise SpecError(
                f"column {conditional.column!r}, prior {prior!r}: scale {name} = {value}; "
                "it must be a positive, finite number"
            )


def _check_options(conditional: Conditional, facts: FamilyFacts) -> None:
    where = f"column {conditional.column!r}, family {facts.name!r}"
    for name, value in conditional.options.items():
        if name not in facts.options:
            allowed = unknown("option", name, facts.options) if facts.options else "it has none"
            raise SpecError(f"{where}: option {name} = {value!r}: {allowed}")
        if not all(isfinite(v) for v in (value if isinstance(value, tuple) else (value,))):
            raise SpecError(f"{where}: option {name} = {value}; it must be finite")
    lower, upper = (conditional.options.get(name) for name in ("lower", "upper"))
    if isinstance(lower, float) and isinstance(upper, float) and not lower < upper:
        raise SpecError(f"{where}: lower = {lower:g} must be below upper = {upper:g}")


def _check_engine(conditional: Conditional, facts: FamilyFacts) -> None:
    prior = conditional.prior or facts.default_prior
    if facts.fitted_by and conditional.engine != "auto":
        raise SpecError(
            f"column {conditional.column!r}: family {facts.name!r} is fitted by {facts.fitted_by}, "
            f"not by an engine; use engine 'auto' in place of {conditional.engine!r}"
        )
    inexact = facts.inexact(prior, len(conditional.slopes))
    if conditional.engine == "exact" and inexact:
        raise SpecError(
            f"column {conditional.column!r}: family {facts.name!r} {inexact}; "
            "use engine 'auto', 'laplace' or 'nuts'"
        )


def _check_predictors(
    conditional: Conditional, spec: ChainSpec, schema: Schema, facts: FamilyFacts
) -> None:
    earlier = spec.earlier(conditional.target)
    indicators = {i: c for c, i in spec.predicting(schema).items()}
    for name in conditional.predictors or ():
        if name in indicators and indicators[name] in earlier:
            continue
        if name not in schema:
            raise SpecError(
                f"column {conditional.column!r}: {unknown('predictor', name, schema.names)}"
            )
        if name not in earlier:
            raise SpecError(
                f"column {conditional.column!r}: predictor {name!r} is not visited before it; "
                f"visited before: {', '.join(map(repr, earlier)) or 'nothing'}"
            )
    given = spec.predictors(conditional.target)
    for name in (name for pair in conditional.interactions for name in pair):
        known = indicators.get(name, name)
        if known not in given or known not in schema:
            raise SpecError(
                f"column {conditional.column!r}, interactions: {unknown('predictor', name, given)}"
            )
    _check_structured(conditional, given, facts)
    if conditional.formula and conditional.predictors is not None:
        raise SpecError(
            f"column {conditional.column!r} has both a formula and predictors; keep one of them"
        )
    if conditional.formula:
        holes = [name for name, column in indicators.items() if column in earlier]
        check_formula(conditional, (*earlier, *holes), schema)
    if conditional.strata:
        _check_strata(conditional, schema, earlier)
    if facts.design == "cells":
        _check_cells(conditional, spec, schema)


def _check_structured(conditional: Conditional, given: tuple[str, ...], facts: FamilyFacts) -> None:
    """Refuse a modelled spread without predictors for it, and blocks beside a formula or strata."""
    where = f"column {conditional.column!r}"
    _check_corrections(conditional, given, facts)
    for name in conditional.spread:
        if facts.design not in ("structured", "tilted", "interval"):
            raise SpecError(
                f"{where}: spread is for family 'structured'; under family {facts.name!r} leave "
                "it out, or use family 'location_scale', whose spread depends on all predictors"
            )
        if name not in given:
            raise SpecError(f"{where}, spread: {unknown('predictor', name, given)}")
    for key in ("formula", "strata"):
        if facts.design == "structured" and getattr(conditional, key):
            raise SpecError(
                f"{where}: family {facts.name!r} has curves, levels and products of its own, which "
                f"take no {key} ({getattr(conditional, key)!r}); leave it out and name pairs in "
                "interactions, or use family 'gaussian'"
            )


def _check_corrections(
    conditional: Conditional, given: tuple[str, ...], facts: FamilyFacts
) -> None:
    """Refuse corrections of another family, by no predictor, or off a learned scale."""
    where = f"column {conditional.column!r}"
    if facts.design == "interval" and conditional.scale != "learned":
        raise SpecError(
            f"{where}: family 'interval' takes shared values for intervals of a learned scale; "
            "state scale = 'learned', or use family 'location_scale'"
        )
    if facts.design != "tilted":
        if conditional.corrections:
            raise SpecError(
                f"{where}: corrections are for family 'tilted'; under family {facts.name!r} leave "
                "them out"
            )
        return
    if not conditional.corrections or conditional.scale != "learned":
        raise SpecError(
            f"{where}: family 'tilted' corrects the shape on a learned scale within bins of some "
            "predictors; state scale = 'learned' and corrections, the names of those predictors, "
            "or use family 'location_scale'"
        )
    for name in conditional.corrections:
        if name not in given:
            raise SpecError(f"{where}, corrections: {unknown('predictor', name, given)}")


def _check_strata(conditional: Conditional, schema: Schema, earlier: tuple[str, ...]) -> None:
    where = f"column {conditional.column!r}, strata {conditional.strata!r}"
    if conditional.strata not in earlier:
        raise SpecError(
            f"{where}: it is not visited before; visited before: "
            f"{', '.join(map(repr, earlier)) or 'nothing'}"
        )
    kind = schema[conditional.strata].kind
    if not kind.is_categorical:
        raise SpecError(
            f"{where}: it is {kind.value}; strata are levels, so choose a binary, nominal or "
            "ordinal column, or declare its kind as one"
        )


def _check_cells(conditional: Conditional, spec: ChainSpec, schema: Schema) -> None:
    cells = 1
    for name in spec.predictors(conditional.target):
        found = schema[name].kind.value if name in schema else "an indicator"
        if found not in ("binary", "nominal", "ordinal"):
            raise SpecError(
                f"column {conditional.column!r}: family {conditional.family!r} crosses its "
                f"predictors' levels, but {name!r} is {found}; list predictors that are "
                "categorical (predictors = [] for the marginal)"
            )
        column = schema[name]
        cells *= len(column.levels) + (column.missing > 0)
    if cells > MAX_CELLS:
        raise SpecError(
            f"column {conditional.column!r}: crossing its predictors' levels gives {cells} cells, "
            f"more than {MAX_CELLS}; list fewer predictors"
        )
