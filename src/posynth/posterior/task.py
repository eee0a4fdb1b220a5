"""A table and one conditional of a chain become a task for an engine."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.corrections import NO_CORRECTIONS, places_of
from posynth.chain.crossing import cells
from posynth.chain.design import Curves, Encoder, learn
from posynth.chain.facts import FamilyFacts
from posynth.chain.few import codes_of, numbers_of
from posynth.chain.group_level import gather, require_constant
from posynth.chain.groups import Groups, behind_groups
from posynth.chain.limits import Limits
from posynth.chain.missing_kinds import indicator_levels, missingness
from posynth.chain.open_rows import behind_limits, limited, part
from posynth.chain.passive import computed
from posynth.chain.quantiles import learn_scale
from posynth.chain.scale import Scale
from posynth.chain.scores import STRAIGHT
from posynth.chain.spec import ROSTER, ChainSpec, Conditional
from posynth.chain.wildcard import expand
from posynth.engines.base import Task
from posynth.errors import FitError, SpecError
from posynth.families.base import Design, Family, Response
from posynth.posterior.coding import Coding
from posynth.posterior.prior_scales import prior_scales
from posynth.posterior.scored_response import in_bins, scored_response
from posynth.posterior.simpler import may_be_learned
from posynth.posterior.support import SUPPORTS, predictor_scale, settle
from posynth.table.codec import encode
from posynth.table.frame import Table
from posynth.table.reasons import kind_numbers
from posynth.table.repeated import id_codes
from posynth.table.schema import Column, Kind, Schema

#: Different numbers up to which a column can be modelled by levels.
MOST_LEVELS = 50


def encode_table(table: Table, spec: ChainSpec, learned: Mapping[str, Scale] | None = None) -> Rows:
    """Encode every column a chain reads; constants with holes carry 0 and NaN.

    Parameters
    ----------
    table : Table
        The rows.
    spec : ChainSpec
        The chain.
    learned : Mapping, optional
        Scales learned on the source; by default those the chain uses are learned on these rows.

    Raises
    ------
    SpecError
        If a learned scale is asked for and the column has too few values to learn one.
    """
    arrays = {}
    for column in table.schema:
        known = column.missing_kinds and column.name in table.reasons
        if known and column.name in spec.indicators:
            kinds = kind_numbers(column, table.reasons[column.name])
            arrays[spec.indicators[column.name]] = kinds
        if column.kind.is_modelled:
            arrays[column.name] = encode(column, table.frame[column.name])
        elif column.roster:
            arrays[column.name] = id_codes(table.frame[column.name])
        elif column.name in spec.indicators:
            holes = table.frame[column.name].isna().to_numpy(dtype=bool)
            arrays[column.name] = np.where(holes, np.nan, 0.0)
    if learned is None:
        possible = {c.target for c in spec if may_be_learned(c)}
        wanted = possible | {*on_learned_scale(spec, table.schema)}
        learned = learn_scales(
            table.schema, {n: arrays[n] for n in table.schema.names if n in wanted}
        )
        _require_scales(spec, learned, arrays)
    decided = frozenset(c.target for c in spec if c.computed)
    indicators, count = spec.predicting(table.schema), len(table.frame)
    return Rows(table.schema, arrays, indicators, count, learned, decided)


def learn_scales(schema: Schema, arrays: Mapping[str, Floats]) -> dict[str, Scale]:
    """Learn the scale of every column that has enough different values."""
    found = {name: learn_scale(values, schema[name].decimals) for name, values in arrays.items()}
    return {name: scale for name, scale in found.items() if scale is not None}


def _require_scales(
    spec: ChainSpec, learned: Mapping[str, Scale], arrays: Mapping[str, Floats]
) -> None:
    for conditional in spec:
        count = len(numbers_of(arrays[conditional.target])) if conditional.scale == "levels" else 2
        if not 2 <= count <= MOST_LEVELS:
            raise SpecError(
                f"column {conditional.target!r}: scale 'levels' with {count} different values; "
                f"it takes 2 to {MOST_LEVELS}: use scale 'learned'"
            )
        if conditional.scale == "learned" and conditional.target not in learned:
            raise SpecError(
                f"column {conditional.target!r}: scale 'learned' needs at least 20 values that "
                "are not nearly all equal; use scale 'natural'"
            )


def on_learned_scale(spec: ChainSpec, schema: Schema) -> tuple[str, ...]:
    """Return the columns that a conditional models or reads on their learned scale."""
    read = {name for c in spec if c.splines for name in spec.predictors(c.target) if name in schema}
    read |= {name for c in spec for name in c.corrections if name in schema}
    modelled = {c.target for c in spec if c.scale == "learned"}
    return tuple(n for n in schema.names if n in read | modelled and schema[n].kind.is_numeric)


def make_task(
    rows: Rows, spec: ChainSpec, conditional: Conditional, family: Family, seed: int = 0
) -> tuple[Task, Coding]:
    """Build the task of one conditional.

    Parameters
    ----------
    rows : Rows
        The encoded source.
    spec : ChainSpec
        The chain.
    conditional : Conditional
        Which conditional.
    family : Family
        Its family.
    seed : int
        Seed of the fit: where scores lie within the jumps of a learned scale is drawn.

    Returns
    -------
    tuple of Task and Coding
        What the engine fits, and how to code rows like it.
    """
    if conditional.computed:
        return _computed_task(rows, conditional, family)
    limits, rows = limited(rows, conditional)
    values = rows.arrays[conditional.column]
    holes = np.isnan(values)
    fitted = None if conditional.indicates or not holes.any() else ~holes
    columns = _read(spec, conditional)
    encoder, names, X = _design(rows, columns, conditional, family.facts, fitted)
    groups = Groups.of(conditional, rows.schema, names)
    observed = _observed(rows, conditional)
    if conditional.per_group:
        used = np.ones_like(holes) if conditional.indicates else ~holes
        each = missingness(rows, conditional) if conditional.indicates else values
        found = gather(rows, conditional.per_group, X, used)
        require_constant(conditional, each, found, used)
        X, observed, fitted = found.X, each[found.first], _only(found.first, len(rows))
    learned = rows.learned[conditional.target] if conditional.scale == "learned" else None
    known = rows if fitted is None else part(rows, fitted)
    numbers: tuple[float, ...] = ()
    corrections = NO_CORRECTIONS
    if learned is None:
        response, warp = _response(rows.schema, conditional, family.facts, observed), STRAIGHT
        response, numbers = _seen_levels(rows, conditional, response, observed, limits)
    else:
        response, warp = scored_response(learned, conditional, family.facts, observed, X, seed)
        response, corrections = in_bins(response, learned, warp, conditional, known)
    about = (response.levels, response.center, response.scale, response.reference)
    line = (0.0, 1.0) if response.levels else predictor_scale(family.facts, response)
    options = {k: None if np.any(np.isinf(v)) else v for k, v in response.options.items()}
    coding = Coding(encoder, columns, names, *about, *line, options, learned, warp, groups)
    spread = spread_places(encoder, conditional.spread) if encoder is not None else ()
    if family.facts.design in ("tilted", "interval"):
        spread = places_of(known, names, conditional)
    coding = replace(coding, per_group=conditional.per_group, numbers=numbers, spread=spread)
    coding = replace(coding, limits=limits, corrections=corrections)
    X = corrections.before(known, behind_groups(rows, groups, X, fitted))
    X = behind_limits(known, limits, X, coding.measure)
    prior = conditional.prior or family.facts.default_prior
    scales = prior_scales(conditional, family.facts, coding)
    return Task(family, coding.designed(X), response, prior, scales), coding


def _only(places: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Return some places of many as a mask."""
    return np.isin(np.arange(count), places)


def _observed(rows: Rows, conditional: Conditional) -> Floats:
    """Return the values that a conditional is fitted to."""
    if conditional.indicates:
        return missingness(rows, conditional)
    values = rows.arrays[conditional.column]
    observed = values[~np.isnan(values)]
    if not len(observed):
        raise FitError(f"column {conditional.target!r} has no value in the rows it is fitted on")
    return observed


def _read(spec: ChainSpec, conditional: Conditional) -> tuple[str, ...]:
    """Return the columns of the design: predictors without groups, and the strata."""
    own = (conditional.groups, conditional.per_group)
    columns = tuple(name for name in spec.predictors(conditional.target) if name not in own)
    if conditional.strata and conditional.strata not in columns:
        columns += (conditional.strata,)
    return columns


def _seen_levels(
    rows: Rows,
    conditional: Conditional,
    response: Response,
    observed: Floats,
    limits: Limits | None,
) -> tuple[Response, tuple[float, ...]]:
    """Leave out declared levels that no row holds: they have no parameter and are never drawn.

    Returns
    -------
    Response and tuple of float
        The response in codes of the levels seen, and the codes of these among all; ``()`` where all
        are seen, or where rules choose among all levels. Of a column whose numbers are levels,
        these numbers.
    """
    if conditional.scale == "levels":
        return _of_numbers(response, observed, limits)
    masked = limits is not None and limits.masked
    seen = np.unique(response.y)
    if conditional.indicates:  # of several kinds missing, rules may decide some in every row
        whole = limits is None or 0 not in seen
    else:
        whole = masked or not rows.schema[conditional.target].kind.is_categorical
    if whole:
        return response, ()
    if not 2 <= len(seen) < len(response.levels):
        return response, ()
    levels = tuple(response.levels[int(code)] for code in seen)
    y = np.searchsorted(seen, response.y)
    reference = int(np.searchsorted(seen, response.reference))
    kept = replace(response, y=y, levels=levels, reference=reference)
    return kept, tuple(map(float, seen))


def _of_numbers(
    response: Response, observed: Floats, limits: Limits | None
) -> tuple[Response, tuple[float, ...]]:
    """Return a response whose levels are numbers: those seen, or those rules choose among."""
    if limits is None or not limits.numbers:
        return response, tuple(numbers_of(observed).tolist())
    codes = codes_of(np.array(limits.numbers), observed).astype(np.int64)
    levels = tuple(np.format_float_positional(v, trim="-") for v in limits.numbers)
    reference = int(np.bincount(codes).argmax())
    return replace(response, y=codes, levels=levels, reference=reference), limits.numbers


def spread_places(encoder: Encoder, names: Iterable[str]) -> tuple[int, ...]:
    """Return where the log spread's predictors are: lines, levels and first curves of columns."""
    chosen = set(names)
    wanted = chosen | {f"{name}~{k}" for name in chosen for k in (2, 3)}
    pairs = zip(encoder.predictors, encoder.blocks, strict=False)
    return tuple(
        place
        for place, (name, block) in enumerate(pairs)
        if name in wanted or (block in chosen and name.startswith(f"{block}["))
    )


def _computed_task(rows: Rows, conditional: Conditional, family: Family) -> tuple[Task, Coding]:
    """Build the task of a column that others decide: its values, and what its rules give."""
    column, name = rows.schema[conditional.column], conditional.target
    values, rule = rows.arrays[column.name], conditional.passive
    limits = Limits.of(rows, conditional)
    there = np.ones(len(rows), dtype=bool) if conditional.indicates else ~np.isnan(values)
    if conditional.family == ROSTER:
        given = values
    elif limits is None:
        given = computed(rows, column, rule)
    else:
        given = limits.decided(rows)
        _require_decided(conditional, given[there])
    levels = tuple(map(str, column.levels))
    if conditional.indicates:
        levels = indicator_levels(column)
    y = missingness(rows, conditional) if conditional.indicates else values[there]
    task = Task(
        family,
        Design(given[there, None], (name,)),
        Response(name, y, levels),
        family.facts.default_prior,
        {},
    )
    return task, Coding(None, (), (name,), levels, rule=rule, limits=limits)


def _require_decided(conditional: Conditional, given: Floats) -> None:
    left = int(np.isnan(given).sum())
    if left:
        raise SpecError(
            f"column {conditional.target!r}: its rules ({conditional.computed_by}) leave it more "
            f"than one value in {left} of {len(given)} rows, so it is not computed; name a family "
            "that models it in those rows"
        )


def replay_task(
    rows: Rows, conditional: Conditional, family: Family, coding: Coding, need: int = 400
) -> Task:
    """Build the task of one conditional under a coding that is known and not learned anew.

    Parameters
    ----------
    rows : Rows
        Encoded columns.
    conditional : Conditional
        Which conditional.
    family : Family
        Its family.
    coding : Coding
        How it codes rows.
    need : int
        Effective draws asked for.

    Returns
    -------
    Task
    """
    values = rows.arrays[conditional.column]
    holes = np.isnan(values)
    used = np.ones(len(rows), dtype=bool) if conditional.indicates else ~holes
    X, used = coding.gathered(rows, used)
    values = coding.measured(rows).arrays[conditional.column]
    y = missingness(rows, conditional) if conditional.indicates else values
    standardised = family.facts.response == "standardised" and not coding.levels
    y = coding.levels_of(conditional.target, y[used])
    y = (y - coding.center) / coding.scale if standardised else y
    whole = bool(coding.levels) or rows.schema[conditional.column].kind is Kind.COUNT
    natural = y.astype(np.int64) if whole and not standardised else y
    prior = conditional.prior or family.facts.default_prior
    scales = prior_scales(conditional, family.facts, coding)
    response = coding.response(conditional.target, natural)
    return Task(family, coding.designed(X), response, prior, scales, max(150, 3 * need // 8), need)


def _design(
    rows: Rows,
    columns: tuple[str, ...],
    conditional: Conditional,
    facts: FamilyFacts,
    fitted: np.ndarray | None,
) -> tuple[Encoder | None, tuple[str, ...], Floats]:
    if facts.design == "cells":
        names, X = cells(rows, columns)
        return None, names, X if fitted is None else X[fitted]
    formula = expand(conditional.formula, columns, rows) if conditional.formula else ""
    smooth = facts.design == "structured"
    curves = Curves(conditional.splines, conditional.interactions, smooth)
    encoder, X = learn(rows, columns, formula, fitted, conditional.strata, curves)
    return encoder, encoder.predictors, X


def _response(
    schema: Schema, conditional: Conditional, facts: FamilyFacts, values: Floats
) -> Response:
    name = conditional.target
    if conditional.indicates:
        levels = indicator_levels(schema[conditional.column])
        return Response(name, values.astype(np.int64), levels)
    column = schema[name]
    if conditional.scale == "levels":
        numbers, codes = np.unique(values, return_inverse=True)
        levels = tuple(np.format_float_positional(v, trim="-") for v in numbers)
        return Response(name, codes, levels, reference=int(np.bincount(codes).argmax()))
    if column.kind.is_categorical:
        levels = tuple(str(level) for level in column.levels)
        codes = values.astype(np.int64)
        return Response(name, codes, levels, reference=int(np.bincount(codes).argmax()))
    return _numeric(column, conditional, facts, values)


def _numeric(
    column: Column, conditional: Conditional, facts: FamilyFacts, values: Floats
) -> Response:
    name, options = conditional.target, settle(conditional, facts, values)
    if facts.support == "open":
        center, scale = options["lower"], options["upper"] - options["lower"]
    else:
        summarised = SUPPORTS[facts.support].summarised(values, options)
        center, scale = float(summarised.mean()), float(summarised.std()) or 1.0
    if facts.response == "standardised":
        options = {key: (bound - center) / scale for key, bound in options.items()}
        return Response(name, (values - center) / scale, (), center, scale, options=options)
    whole = column.kind is Kind.COUNT and np.all(values == np.round(values))
    natural = values.astype(np.int64) if whole and facts.support == "real" else values
    return Response(name, natural, (), center, scale, options=options)
