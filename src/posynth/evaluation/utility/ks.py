"""Kolmogorov-Smirnov distance of each numeric column."""

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.scale import ratio_result
from posynth.evaluation.utility.values import Floats, Numbers, judged, numbers, numeric
from posynth.results import Result
from posynth.table.names import Names

MEAN_OF_KOLMOGOROV = float(np.sqrt(np.pi / 2) * np.log(2))
"""Mean 0.8687 of sup |Brownian bridge|, the limit of D sqrt(n k / (n + k))."""


def measure(comparison: Comparison, columns: Names | None = None) -> list[Result]:
    """Compare the distribution functions of every numeric column, missing values left out.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    columns : iterable of str, optional
        Columns wanted; by default every numeric column.

    Returns
    -------
    list of Result
        For each column ``KS`` = D = sup |F_o - F_s| (mean over copies) and ``S_KS``, D over its
        expectation .8687 / sqrt(k) for plug-in copies.

    Notes
    -----
    The expectation is that of continuous columns; ties make D smaller, so ``S_KS`` of a rounded
    column is on the low side. D is linear in the difference: S_proper = S_plugin sqrt(1 - c).

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> real, fake = pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame({"x": [2.0, 3.0]})
    >>> schema = Schema((Column("x", Kind.CONTINUOUS, "float64"),), 2)
    >>> measure(Comparison(real, (fake,), schema))[0].value
    0.5
    """
    columns_judged = numeric(judged(comparison, columns))
    return [
        result
        for column in columns_judged
        for result in _judge(numbers(comparison, column), comparison)
    ]


def distance(a: Floats, b: Floats) -> float:
    """Return sup |F_a - F_b|, NaN left out; NaN if one side has no value."""
    from scipy.stats import ks_2samp

    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    if not (a.size and b.size):
        return float("nan")
    return float(ks_2samp(a, b, method="asymp").statistic)


def _judge(column: Numbers, comparison: Comparison) -> list[Result]:
    d = np.array([distance(column.original, copy) for copy in column.copies])
    present = np.array([np.count_nonzero(~np.isnan(copy)) for copy in column.copies])
    value = float(d.mean())
    text = f"KS of {column.name}: {value:.3f}, the largest gap between the distribution functions."
    raw = Result("KS", value, column.name, text=text, details={"per_copy": d.tolist()})
    plugin = d * np.sqrt(present) / MEAN_OF_KOLMOGOROV
    details = {"raw": value}
    return [
        raw,
        ratio_result("S_KS", plugin, comparison, subject=column.name, order=0.5, details=details),
    ]
