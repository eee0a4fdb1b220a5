"""Descriptive statistics of every column, as R's psych prints them, for one table or several."""

import numpy as np
import pandas as pd
from scipy import stats

from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.values import Floats, judged, levels, numbers
from posynth.table.names import Names
from posynth.table.schema import Column, Schema

TRIMMED = 0.1
"""Share of values that the trimmed mean leaves out at either end."""

NORMAL_MAD = 1.4826
"""Makes the median absolute deviation estimate the standard deviation of a normal sample."""


def descriptives(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Describe every modelled column of one table.

    Parameters
    ----------
    table : pandas.DataFrame
        The source or a copy, at least with the modelled columns of the schema.
    schema : Schema
        What each column is.

    Returns
    -------
    pandas.DataFrame
        One row a column, as ``psych::describe``: n (values present), mean, sd, median, trimmed,
        mad, min, max, range, skew, kurtosis, se. A categorical column is described by the numbers
        1, 2, ... of its levels in schema order, and its name ends with an asterisk; a date by days
        since 1970-01-01.

    Raises
    ------
    MeasureError
        If a numeric column holds something else.

    Notes
    -----
    trimmed leaves out a tenth of the values at either end; mad is 1.4826 times the median absolute
    deviation from the median; skew is m3 / sd^3 and kurtosis m4 / sd^4 - 3, where m3 and m4 are
    central moments with denominator n and sd has n - 1 (type 3 of Joanes and Gill 1998); se is
    sd / sqrt(n). What cannot be computed is NaN.

    Examples
    --------
    >>> from posynth.table.schema import Kind
    >>> schema = Schema((Column("x", Kind.CONTINUOUS, "float64"),), rows=4)
    >>> table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 6.0]})
    >>> descriptives(table, schema).loc["x", ["n", "mean", "median", "range"]].tolist()
    [4.0, 3.0, 2.5, 5.0]
    """
    alone = Comparison(table, (), schema)
    columns = [column for column in schema if column.kind.is_modelled]
    rows = [_statistics(_sides(alone, column)[0]) for column in columns]
    return pd.DataFrame(rows, index=pd.Index(map(_label, columns), name="column"))


def side_by_side(comparison: Comparison, columns: Names | None = None) -> pd.DataFrame:
    """Describe every column of the original and of each copy, one under the other.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    columns : iterable of str, optional
        Columns wanted; by default every modelled column.

    Returns
    -------
    pandas.DataFrame
        Rows (column, ``"original"``), (column, ``"copy 1"``), ...; statistics as `descriptives`.

    Examples
    --------
    >>> from posynth.table.schema import Kind
    >>> schema = Schema((Column("x", Kind.CONTINUOUS, "float64"),), rows=2)
    >>> real, copy = pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame({"x": [2.0, 4.0]})
    >>> side_by_side(Comparison(real, (copy,), schema))["mean"].to_dict()
    {('x', 'original'): 1.5, ('x', 'copy 1'): 3.0}
    """
    tables = ["original", *(f"copy {i}" for i in range(1, len(comparison.copies) + 1))]
    chosen = judged(comparison, columns)
    rows = [_statistics(side) for column in chosen for side in _sides(comparison, column)]
    labels = [_label(column) for column in chosen]
    index = pd.MultiIndex.from_product([labels, tables], names=["column", "table"])
    return pd.DataFrame(rows, index=index)


def _label(column: Column) -> str:
    return f"{column.name}*" if column.kind.is_categorical else column.name


def _sides(comparison: Comparison, column: Column) -> list[Floats]:
    """Return a column of the original and of each copy as floats, missing as NaN."""
    if column.kind.is_numeric:
        found = numbers(comparison, column)
        return [found.original, *found.copies]
    coded = levels(comparison, column)
    missing = [comparison.original[column.name].isna()]
    missing += [copy[column.name].isna() for copy in comparison.copies]
    return [
        np.where(holes, np.nan, codes + 1.0)
        for holes, codes in zip(missing, (coded.original, *coded.copies), strict=True)
    ]


def _statistics(values: Floats) -> dict[str, float]:
    x = values[~np.isnan(values)]
    if x.size == 0:
        return {"n": 0} | dict.fromkeys(NAMES, np.nan)
    mean, sd = x.mean(), x.std(ddof=1) if x.size > 1 else np.nan
    third, fourth = (((x - mean) ** power).mean() for power in (3, 4))
    varied = sd > 0
    found = (
        mean,
        sd,
        np.median(x),
        stats.trim_mean(x, TRIMMED),
        NORMAL_MAD * stats.median_abs_deviation(x),
        x.min(),
        x.max(),
        np.ptp(x),
        third / sd**3 if varied else np.nan,
        fourth / sd**4 - 3 if varied else np.nan,
        sd / np.sqrt(x.size),
    )
    return {"n": x.size} | dict(zip(NAMES, map(float, found), strict=True))


NAMES = (
    *("mean", "sd", "median", "trimmed", "mad", "min", "max", "range"),
    *("skew", "kurtosis", "se"),
)
"""The statistics after n, in the order of ``psych::describe``."""
