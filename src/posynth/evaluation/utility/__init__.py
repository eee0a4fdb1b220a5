"""Utility: how like the original the copies are, and which conditional to change.

``evaluate_utility`` runs every measure; each is a module of its own with a function ``measure``.
"""

from collections.abc import Callable, Sequence

import numpy as np

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison
from posynth.evaluation.utility import (
    combinations,
    correlations,
    density_ratio,
    hellinger,
    ks,
    pmse,
    pmse_cart,
    tables,
)
from posynth.evaluation.utility.advice import advise, ranked
from posynth.evaluation.utility.values import judged, numeric
from posynth.results import Result
from posynth.table.names import Names, as_names
from posynth.table.schema import Kind

__all__ = ["MEASURES", "advise", "evaluate_utility", "ranked"]

type Progress = Callable[[str, int, int], None]
type Columns = tuple[str, ...] | None
type Measure = Callable[[Comparison, np.random.Generator, Columns], list[Result]]


def _two_way(comparison: Comparison, _: np.random.Generator, columns: Columns) -> list[Result]:
    several = len(judged(comparison, columns)) > 1
    return tables.measure(comparison, 2, columns) if several else []


def _correlations(comparison: Comparison, _: np.random.Generator, columns: Columns) -> list[Result]:
    ordered = [c for c in judged(comparison, columns) if c.kind is not Kind.NOMINAL]
    return correlations.measure(comparison, columns) if len(ordered) > 1 else []


def _ks(comparison: Comparison, _: np.random.Generator, columns: Columns) -> list[Result]:
    found = numeric(judged(comparison, columns))
    return ks.measure(comparison, [column.name for column in found]) if found else []


MEASURES: dict[str, Measure] = {
    "one-way": lambda comparison, rng, columns: tables.measure(comparison, 1, columns),
    "two-way": _two_way,
    "logit": lambda comparison, rng, columns: pmse.measure(comparison, columns),
    "cart": lambda comparison, rng, columns: pmse_cart.measure(comparison, rng, columns, nperms=20),
    "ks": _ks,
    "hellinger": lambda comparison, rng, columns: hellinger.measure(comparison, columns),
    "correlations": _correlations,
    "combinations": lambda comparison, rng, columns: combinations.measure(comparison, columns),
    "ulsif": density_ratio.measure,
    "kliep": lambda comparison, rng, columns: density_ratio.measure(
        comparison, rng, columns, method="kliep"
    ),
}
"""Every measure under the name ``evaluate_utility`` knows it by, with its default settings."""


def evaluate_utility(
    comparison: Comparison,
    rng: np.random.Generator,
    *,
    measures: Names | None = None,
    columns: Names | None = None,
    order: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """Judge the copies by every measure and say which conditional to change.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    rng : numpy.random.Generator
        Source of relabellings and subsamples; every measure gets a stream of its own, so
        leaving one out changes no other.
    measures : iterable of str, optional
        Names of :data:`MEASURES`; by default all.
    columns : iterable of str, optional
        Columns to judge; by default every modelled column.
    order : sequence of str, optional
        Visit order of the chain, which says whose conditional answers for a pair; by default
        that of the schema.
    progress : callable, optional
        Called with (measure about to run, number done, number in all), and at the end with
        ("", all, all).

    Returns
    -------
    list of Result
        The records of every measure, then the advice drawn from the tables.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Schema
    >>> real = pd.DataFrame({"x": ["a"] * 30 + ["b"] * 20})
    >>> schema = Schema((Column("x", Kind.BINARY, "str", levels=("a", "b")),), 50)
    >>> same = Comparison(real, (real,), schema)
    >>> evaluate_utility(same, np.random.default_rng(1), measures=["one-way"])[0].value
    0.0
    """
    asked = list(MEASURES) if measures is None else list(as_names(measures))
    for name in asked:
        if name not in MEASURES:
            raise MeasureError(unknown("utility measure", name, MEASURES))
    chosen = None if columns is None else as_names(columns)
    streams = dict(zip(MEASURES, rng.spawn(len(MEASURES)), strict=True))
    results: list[Result] = []
    for done, name in enumerate(asked):
        if progress:
            progress(name, done, len(asked))
        results += MEASURES[name](comparison, streams[name], chosen)
    if progress:
        progress("", len(asked), len(asked))
    if {"one-way", "two-way"} & set(asked):
        results += advise(results, comparison, order)
    return results
