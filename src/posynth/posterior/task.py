"""A table and one conditional of a chain become a task for an engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.crossing import cells
from posynth.chain.design import Encoder, learn
from posynth.chain.facts import FamilyFacts
from posynth.chain.spec import ChainSpec, Conditional
from posynth.chain.wildcard import expand
from posynth.engines.base import Task
from posynth.families.base import Design, Family, Response
from posynth.table.codec import encode
from posynth.table.frame import Table
from posynth.table.schema import Kind, Schema


@dataclass(frozen=True)
class Coding:
    """How a conditional reads predictors and writes its response; replayable, holds no row.

    Attributes
    ----------
    encoder : Encoder, optional
        Standardised design; None for a family that crosses levels into cells.
    columns : tuple of str
        Columns crossed into cells, if ``encoder`` is None.
    predictors : tuple of str
        Names of the p predictors.
    levels : tuple of str
        Levels of a categorical response.
    center, scale : float
        The response is ``center + scale * y``.
    reference : int
        Index of the reference level.
    """

    encoder: Encoder | None
    columns: tuple[str, ...]
    predictors: tuple[str, ...]
    levels: tuple[str, ...] = ()
    center: float = 0.0
    scale: float = 1.0
    reference: int = 0

    def response(self, name: str, y: NDArray[Any]) -> Response:
        """Return values of the response under this coding."""
        return Response(name, y, self.levels, self.center, self.scale, self.reference)

    def design(self, rows: Rows) -> Floats:
        """Code predictor rows, (n, p)."""
        return cells(rows, self.columns)[1] if self.encoder is None else self.encoder.replay(rows)


def encode_table(table: Table, spec: ChainSpec) -> Rows:
    """Encode every column a chain reads; constants with holes carry 0 and NaN."""
    arrays = {}
    for column in table.schema:
        if column.kind.is_modelled:
            arrays[column.name] = encode(column, table.frame[column.name])
        elif column.name in spec.indicators:
            holes = table.frame[column.name].isna().to_numpy(dtype=bool)
            arrays[column.name] = np.where(holes, np.nan, 0.0)
    return Rows(table.schema, arrays, spec.predicting(table.schema), len(table.frame))


def make_task(
    rows: Rows, spec: ChainSpec, conditional: Conditional, family: Family, need: int = 400
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
    need : int
        Effective draws asked for.

    Returns
    -------
    tuple of Task and Coding
        What the engine fits, and how to code rows like it.
    """
    values = rows.arrays[conditional.column]
    holes = np.isnan(values)
    fitted = None if conditional.indicates or not holes.any() else ~holes
    columns = spec.predictors(conditional.target)
    if conditional.strata and conditional.strata not in columns:
        columns += (conditional.strata,)
    encoder, names, X = _design(rows, columns, conditional, family.facts, fitted)
    observed = holes.astype(float) if conditional.indicates else values[~holes]
    response = _response(rows.schema, conditional, family.facts, observed)
    about = (response.levels, response.center, response.scale, response.reference)
    coding = Coding(encoder, columns, names, *about)
    prior = conditional.prior or family.facts.default_prior
    scales: Mapping[str, float] = {**family.facts.priors[prior], **conditional.scales}
    draws = max(150, 3 * need // 8)  # in each of four chains: half again what is needed
    return Task(family, Design(X, names), response, prior, scales, draws, need), coding


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
    y = holes.astype(float) if conditional.indicates else values
    standardised = family.facts.response == "standardised" and not coding.levels
    y = (y[used] - coding.center) / coding.scale if standardised else y[used]
    whole = bool(coding.levels) or rows.schema[conditional.column].kind is Kind.COUNT
    natural = y.astype(np.int64) if whole and not standardised else y
    prior = conditional.prior or family.facts.default_prior
    scales = {**family.facts.priors[prior], **conditional.scales}
    design = Design(coding.design(rows)[used], coding.predictors)
    response = coding.response(conditional.target, natural)
    return Task(family, design, response, prior, scales, max(150, 3 * need // 8), need)


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
    encoder, X = learn(rows, columns, formula, fitted, conditional.strata)
    return encoder, encoder.predictors, X


def _response(
    schema: Schema, conditional: Conditional, facts: FamilyFacts, values: Floats
) -> Response:
    name = conditional.target
    if conditional.indicates:
        return Response(name, values.astype(np.int64), ("present", "missing"))
    column = schema[name]
    if column.kind.is_categorical:
        levels = tuple(str(level) for level in column.levels)
        codes = values.astype(np.int64)
        return Response(name, codes, levels, reference=int(np.bincount(codes).argmax()))
    center, scale = float(values.mean()), float(values.std())
    if facts.response == "standardised":
        return Response(name, (values - center) / scale, (), center, scale)
    whole = column.kind is Kind.COUNT and np.all(values == np.round(values))
    natural = values.astype(np.int64) if whole else values
    return Response(name, natural, (), center, scale)
