"""One-way, two-way and wider tables of original and copies, with every statistic of synthpop."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.cells import code
from posynth.evaluation.utility.scale import LIMIT, limit_of, ratio_result, to_proper
from posynth.evaluation.utility.table_statistics import RAW, STANDARDISED, Counts
from posynth.evaluation.utility.values import Coded, Floats
from posynth.results import Result
from posynth.table.names import Names

MOST_TABLE_CELLS = 1_000_000


def measure(
    comparison: Comparison,
    ways: int = 2,
    columns: Names | None = None,
    *,
    statistics: Sequence[str] = ("S_pMSE",),
    groups: int = 5,
    cut: str = "original",
) -> list[Result]:
    """Compare all tables of ``ways`` columns.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    ways : int
        Columns a table: 1 for margins, 2 for pairs, and so on.
    columns : iterable of str, optional
        Columns to cross; by default every modelled column.
    statistics : sequence of str
        One record a table is written for each; names of :data:`RAW` and :data:`STANDARDISED`,
        or ``"all"`` for all of them. Every record has all of them in ``details["statistics"]``.
    groups, cut
        How numeric columns are cut, see :func:`~posynth.evaluation.utility.cells.code`.

    Returns
    -------
    list of Result
        One that exceeds 3, and what chance gives the largest of so many tables, has not passed.
        Subjects ``"a"``, ``"a:b"``, ...; value the mean over copies. Standardised values are on the
        scale that fits how the copies were drawn; the details hold both scales.

    Notes
    -----
    S_pMSE = VW / df with VW = sum diff^2 / expect (Voas and Williamson 2001; Raab, Nowok and
    Dibben 2021). ``details["S_pairs"]`` is 2 Q / mean(Q of pairs of copies), where
    Q = sum (p_s - p_o)^2 / p: its ideal is 1 for plug-in and proper copies alike, and it needs at
    least two copies (five or more to be steady).

    Examples
    --------
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> real = pd.DataFrame({"x": ["a"] * 60 + ["b"] * 40})
    >>> fake = pd.DataFrame({"x": ["a"] * 50 + ["b"] * 50})
    >>> schema = Schema((Column("x", Kind.BINARY, "str", levels=("a", "b")),), 100)
    >>> result = measure(Comparison(real, (fake,), schema), ways=1)[0]
    >>> round(result.value, 3), round(result.details["S_plugin"], 3)
    (2.02, 4.04)
    """
    names = _statistic_names(statistics)
    coded = code(comparison, columns, groups, cut)
    if not 1 <= ways <= len(coded):
        raise MeasureError(
            f"ways must be between 1 and the {len(coded)} judged columns, got {ways}"
        )
    crossed = list(combinations(coded, ways))
    return [
        result for subset in crossed for result in _judge(subset, comparison, names, len(crossed))
    ]


def counts(subset: Sequence[Coded]) -> tuple[Floats, list[Floats]]:
    """Count the cells of a table in one pass over the rows of each side.

    Parameters
    ----------
    subset : sequence of Coded
        The columns crossed.

    Returns
    -------
    original : ndarray, shape (levels of column 1, levels of column 2, ...)
        Rows of the source in each cell.
    copies : list of ndarray
        The same of each copy.

    Raises
    ------
    MeasureError
        If the table would have more than a million cells.
    """
    shape = tuple(len(column.levels) for column in subset)
    if np.prod(shape, dtype=float) > MOST_TABLE_CELLS:
        raise MeasureError(
            f"the table {_subject(subset)} has {np.prod(shape, dtype=float):.0f} cells, at most "
            f"{MOST_TABLE_CELLS} are compared; cross fewer columns or use fewer groups"
        )
    sides = [
        [column.original for column in subset],
        *([column.copies[i] for column in subset] for i in range(len(subset[0].copies))),
    ]
    tables = [_count(side, shape) for side in sides]
    return tables[0], tables[1:]


def crossed(comparison: Comparison, columns: Sequence[str], groups: int = 5) -> pd.DataFrame:
    """Lay out one table cell by cell, the most misfitting cell first.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    columns : sequence of str
        The columns crossed.
    groups : int
        Intervals of a numeric column.

    Returns
    -------
    pandas.DataFrame
        One row a cell: its levels, ``original`` and ``copies`` (mean count scaled to the original's
        rows) and ``zdiff`` = mean of diff / sqrt(expect) over copies; empty cells left out.
    """
    coded = code(comparison, columns, groups)
    original, copies = counts(coded)
    n = original.sum()
    index = pd.MultiIndex.from_product(
        [column.levels for column in coded], names=[column.name for column in coded]
    )
    frame = pd.DataFrame(
        {
            "original": original.ravel(),
            "copies": np.mean([copy.ravel() * n / copy.sum() for copy in copies], axis=0),
            "zdiff": np.mean([_zdiff(original, copy) for copy in copies], axis=0),
        },
        index=index,
    )
    frame = frame[(frame["original"] > 0) | (frame["copies"] > 0)]
    return frame.sort_values("zdiff", key=abs, ascending=False).reset_index()


def _zdiff(original: Floats, copy: Floats) -> Floats:
    k, n = copy.sum(), original.sum()
    expect = (copy + original).ravel() * k / (n + k)
    diff = copy.ravel() - original.ravel() * k / n
    return diff / np.sqrt(np.where(expect > 0, expect, 1.0))


def _statistic_names(statistics: Sequence[str]) -> list[str]:
    known = [*RAW, *STANDARDISED]
    if "all" in statistics:
        return known
    for name in statistics:
        if name not in known:
            raise MeasureError(unknown("table statistic", name, [*known, "all"]))
    return list(statistics)


def _judge(
    subset: Sequence[Coded], comparison: Comparison, names: list[str], looked_at: int
) -> list[Result]:
    original, copies = counts(subset)
    tables = [Counts.of(original, copy) for copy in copies]
    raw = {name: np.array([f(t) for t in tables]) for name, f in RAW.items()}
    ratios = {name: np.array([f(t) for t in tables]) for name, (f, _) in STANDARDISED.items()}
    details: dict[str, Any] = {
        "tables": looked_at,
        "df": float(np.mean([t.df for t in tables])),
        "dfG": float(np.mean([t.df_g for t in tables])),
        "cells": int(original.size),
        "S_pairs": _pairs(tables, copies),
        "statistics": {name: float(np.mean(x)) for name, x in (raw | ratios).items()},
        "statistics_proper": _all_proper(ratios, comparison),
    }
    details["limit"] = limit_of(details["df"], len(copies), looked_at)
    subject = _subject(subset)
    return [
        _raw_result(name, raw[name], subject, details)
        if name in RAW
        else _ratio_result(name, ratios[name], subject, details, comparison)
        for name in names
    ]


def _ratio_result(
    name: str, plugin: Floats, subject: str, details: dict[str, Any], comparison: Comparison
) -> Result:
    raw = details["statistics"][name.split("_")[1]]
    every = {"raw": raw, **details}
    order = STANDARDISED[name][1]
    every["limit"] = every["limit"] if order == 1 else LIMIT  # linear ones have S^2 in its place
    return ratio_result(
        name, plugin, comparison, subject=subject, order=order, details=every, limit=every["limit"]
    )


def _raw_result(name: str, per_copy: Floats, subject: str, details: dict[str, Any]) -> Result:
    value = float(np.mean(per_copy))
    text = f"{name} of {subject}: {value:.4g} (0 is no difference; see S_{name} for its scale)."
    if name == "U":
        text = f"U of {subject}: {value:.0f} (half the number of pairs of rows is no difference)."
    every = {"per_copy": per_copy.tolist(), **details}
    return Result(name, value, subject, text=text, details=every)


def _all_proper(ratios: dict[str, Floats], comparison: Comparison) -> dict[str, float]:
    return {
        name: float(np.mean(to_proper(plugin, comparison, STANDARDISED[name][1])))
        for name, plugin in ratios.items()
    }


def _pairs(tables: Sequence[Counts], copies: Sequence[Floats]) -> float | None:
    if len(copies) < 2:
        return None
    own = np.mean([_distance(t.o, t.s) for t in tables])
    null = np.mean([_distance(a.ravel(), b.ravel()) for a, b in combinations(copies, 2)])
    return float(2 * own / null) if null > 0 else (0.0 if own == 0 else None)


def _distance(a: Floats, b: Floats) -> float:
    """Return Q = sum (p_a - p_b)^2 / p, p the share of both tables together."""
    pa, pb = a / a.sum(), b / b.sum()
    p = (a + b) / (a.sum() + b.sum())
    used = p > 0
    return float(((pa - pb)[used] ** 2 / p[used]).sum())


def _count(side: Sequence[np.ndarray], shape: tuple[int, ...]) -> Floats:
    cells = np.ravel_multi_index(tuple(side), shape)
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape).astype(float)


def _subject(subset: Sequence[Coded]) -> str:
    return ":".join(column.name for column in subset)
