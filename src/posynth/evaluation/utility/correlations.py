"""Correlations of original and copies, and their differences."""

from itertools import combinations

import numpy as np
import pandas as pd

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.scale import fitting, to_proper
from posynth.evaluation.utility.values import Floats, judged, levels, numbers
from posynth.results import Result
from posynth.table.names import Names
from posynth.table.schema import Column, Kind

METHODS = ("pearson", "spearman")
CEILING = 1 - 1e-9
"""Correlations are held below this before Fisher's transformation, which is infinite at 1."""


def measure(
    comparison: Comparison, columns: Names | None = None, method: str = "pearson"
) -> list[Result]:
    """Compare the correlation of every pair of columns that have an order.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    columns : iterable of str, optional
        Columns wanted; by default every numeric, binary and ordinal one. Levels enter as 0, 1, ...
        in the schema's order. Nominal columns have no correlation and are left out: two-way
        tables judge them.
    method : {"pearson", "spearman"}
        Of values, or of ranks.

    Returns
    -------
    list of Result
        ``correlation difference`` of each pair: mean over copies of r_s - r_o, on rows where
        both are present. Details: ``original``, ``copies`` (mean), ``per_copy``, and ``S_plugin`` =
        mean of (atanh r_s - atanh r_o)^2 (k - 3) with ``S_proper``.

    Notes
    -----
    Fisher's atanh r has variance 1 / (k - 3) under normality, so S_plugin has ideal 1 for plug-in
    copies and 1 / (1 - c) for proper ones; for columns far from normal S is rough, and
    the difference itself is the number to read.

    Examples
    --------
    >>> from posynth.table.schema import Schema
    >>> real = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 3.0, 4.0]})
    >>> fake = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [4.0, 3.0, 2.0, 1.0]})
    >>> schema = Schema(tuple(Column(c, Kind.CONTINUOUS, "float64") for c in "xy"), 4)
    >>> round(measure(Comparison(real, (fake,), schema))[0].value, 6)
    -2.0
    """
    if method not in METHODS:
        raise MeasureError(unknown("method of correlation", method, METHODS))
    original, copies = matrices(comparison, columns, method)
    names = [str(name) for name in original.columns]
    table, tables = original.to_numpy(), np.array([copy.to_numpy() for copy in copies])
    return [
        _judge(
            (names[i], names[j]),
            table[i, j],
            tables[:, i, j],
            comparison,
        )
        for i, j in combinations(range(len(table)), 2)
        if not np.isnan(table[i, j])
    ]


def matrices(
    comparison: Comparison, columns: Names | None = None, method: str = "pearson"
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Compute the correlation matrix of the original and of every copy.

    Parameters
    ----------
    comparison, columns, method
        See :func:`measure`.

    Returns
    -------
    original : pandas.DataFrame
        Pairwise-complete correlations; NaN where a column is constant.
    copies : list of pandas.DataFrame
        The same of each copy.
    """
    chosen = [c for c in judged(comparison, columns) if c.kind is not Kind.NOMINAL]
    if len(chosen) < 2:
        raise MeasureError(
            f"correlations need at least 2 numeric, binary or ordinal columns, got {len(chosen)}; "
            "two-way tables judge nominal columns"
        )
    sides = list(zip(*(_scored(comparison, column) for column in chosen), strict=True))
    names = [column.name for column in chosen]
    frames = [pd.DataFrame(dict(zip(names, side, strict=True))) for side in sides]
    tables = [_correlations(frame, method) for frame in frames]
    return tables[0], tables[1:]


def _correlations(frame: pd.DataFrame, method: str) -> pd.DataFrame:
    if method == "spearman":
        return frame.corr(method="spearman", min_periods=4)
    return frame.corr(method="pearson", min_periods=4)


def _scored(comparison: Comparison, column: Column) -> tuple[Floats, ...]:
    if column.kind.is_numeric:
        read = numbers(comparison, column)
        return (read.original, *read.copies)
    coded = levels(comparison, column)
    top = len(column.levels)
    return tuple(
        np.where(side < top, side, np.nan).astype(float) for side in (coded.original, *coded.copies)
    )


def _judge(pair: tuple[str, str], r_o: float, r_s: Floats, comparison: Comparison) -> Result:
    rows = np.array([copy[list(pair)].notna().all(axis=1).sum() for copy in comparison.copies])
    plugin = (_fisher(r_s) - _fisher(np.array([r_o]))) ** 2 * np.maximum(rows - 3, 1)
    means = float(plugin.mean()), float(to_proper(plugin, comparison).mean())
    value, subject = float((r_s - r_o).mean()), ":".join(pair)
    text = (
        f"Correlation of {subject}: {r_o:.3f} in the original, {r_s.mean():.3f} in the copies "
        f"({value:+.3f}); squared over its null {fitting(*means, comparison):.2f}, 1 is ideal."
    )
    details = {
        "original": float(r_o),
        "copies": float(r_s.mean()),
        "per_copy": r_s.tolist(),
        "S_plugin": means[0],
        "S_proper": means[1],
    }
    return Result("correlation difference", value, subject, text=text, details=details)


def _fisher(r: Floats) -> Floats:
    return np.asarray(np.arctanh(np.clip(r, -CEILING, CEILING)))
