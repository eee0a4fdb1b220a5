"""A table and one conditional of a chain become a task for an engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
from posynth.posterior.support import SUPPORTS, predictor_scale, settle
from posynth.table.codec import encode
from posynth.table.frame import Table
from posynth.table.schema import Column, Kind, Schema


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
        As in ``Response``; a standardised response is ``center + scale * y``.
    reference : int
        Index of the reference level.
    origin, unit : float
        A linear predictor alpha + X beta stands for ``origin + unit * (alpha + X beta)`` on the
        scale of the link.
    options : Mapping
        As in ``Response``; None stands for no bound, since infinity is no JSON.
    """

    encoder: Encoder | None
    columns: tuple[str, ...]
    predictors: tuple[str, ...]
    levels: tuple[str, ...] = ()
    center: float = 0.0
    scale: float = 1.0
    reference: int = 0
    origin: float = 0.0
    unit: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)

    def response(self, name: str, y: NDArray[Any]) -> Response:
        """Return values of the response under this coding."""
        unbounded = {"lower": -np.inf, "upper": np.inf}
        options = {k: unbounded[k] if v is None else v for k, v in self.options.items()}
        return Response(name, y, self.levels, self.center, self.scale, self.reference, options)

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
    line = (0.0, 1.0) if response.levels else predictor_scale(family.facts, response)
    options = {k: None if np.any(np.isinf(v)) else v for k, v in response.options.items()}
    coding = Coding(encoder, columns, names, *about, *line, options)
    prior = conditional.prior or family.facts.default_prior
    scales: Mapping[str, float] = {**family.facts.priors[prior], **conditional.scales}
    draws = max(150, 3 * need // 8)  # in each of four chains: half again what is needed
    return Task(family, Design(X, names), response, prior, scales, draws, need), coding


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
