"""Actions that lower disclosure risk after the synthesis (synthpop's ``sdc``).

Each takes copies and gives new ones; nothing is changed in place. Actions cost utility and may bias
pooled inferences, so measure again after them, and say in the release what was done.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure.cells import check_target
from posynth.evaluation.disclosure.keys import Floats, Groups, code_columns, modelled_columns
from posynth.evaluation.disclosure.uniques import replicated_rows
from posynth.table.names import Names, as_names

type Copies = tuple[pd.DataFrame, ...]

KNOTS = 100
LEAST = 5


def remove_replicated_uniques(
    comparison: Comparison, keys: Names | None = None, groups: Groups | None = None
) -> Copies:
    """Drop the synthetic rows that are unique in their copy and equal to a unique original row.

    The copies get shorter. That a row is absent depends on the original, which an intruder who
    knows of this action could use; with the usual handful of rows it tells little.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    keys : sequence of str, optional
        Columns compared; by default all but identifiers, free text and constants.
    groups : int or mapping of str to int, optional
        Quantile groups for numeric columns.

    Returns
    -------
    tuple of pandas.DataFrame
        The copies without these rows, renumbered from 0.

    Examples
    --------
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> schema = Schema((Column("x", Kind.COUNT, "int64"),), rows=3)
    >>> original, copy = pd.DataFrame({"x": [1, 2, 2]}), pd.DataFrame({"x": [1, 2, 3]})
    >>> remove_replicated_uniques(Comparison(original, (copy,), schema))[0]["x"].tolist()
    [2, 3]
    """
    chosen = modelled_columns(comparison) if keys is None else as_names(keys)
    check_target(comparison, chosen, None)
    coded = code_columns(comparison, chosen, groups)
    return tuple(
        copy.loc[~replicated_rows(coded, i)].reset_index(drop=True)
        for i, copy in enumerate(comparison.copies)
    )


def smooth(
    copies: Sequence[pd.DataFrame],
    column: str,
    keep: Sequence[float] = (),
    decimals: int | None = None,
) -> Copies:
    """Replace a numeric column's values by a smooth function of their rank.

    The sorted values are averaged in up to 100 bins of equal count (at least five values each), a
    monotone cubic (PCHIP) is drawn through the bin means at the bins' middle ranks, and each value
    is replaced by the curve at its rank; beyond the outermost middles the curve is flat. Equal
    values stay equal and the order of the rows is kept, which synthpop's smoothing spline does not
    promise; spikes and extreme values that could identify a person are averaged with their
    neighbours.

    Parameters
    ----------
    copies : sequence of pandas.DataFrame
        The copies.
    column : str
        A numeric column.
    keep : sequence of float
        Values that are codes, not amounts, and stay as they are; missing values stay too.
    decimals : int, optional
        Round to so many decimals; whole-number columns are rounded to 0 in any case.

    Returns
    -------
    tuple of pandas.DataFrame
        Copies with the column smoothed, its storage unchanged.

    Examples
    --------
    >>> copy = pd.DataFrame({"income": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 900.0]})
    >>> smooth([copy], "income", decimals=0)[0]["income"].tolist()
    [3.0, 3.0, 3.0, 40.0, 76.0, 113.0, 149.0, 186.0, 186.0, 186.0]
    """
    changed = []
    for copy in _numeric(copies, column):
        values = copy[column].to_numpy(dtype=np.float64, na_value=np.nan).copy()
        free = ~np.isnan(values) & ~np.isin(values, list(keep))
        values[free] = _smoothed(values[free], column)
        changed.append(_with(copy, column, values, free, decimals))
    return tuple(changed)


def top_bottom_code(
    copies: Sequence[pd.DataFrame],
    column: str,
    bottom: float | None = None,
    top: float | None = None,
    keep: Sequence[float] = (),
) -> Copies:
    """Set values below ``bottom`` to ``bottom`` and values above ``top`` to ``top``.

    Parameters
    ----------
    copies : sequence of pandas.DataFrame
        The copies.
    column : str
        A numeric column.
    bottom, top : float, optional
        The limits; None for no limit on that side.
    keep : sequence of float
        Values that are codes, not amounts, and stay as they are; missing values stay too.

    Returns
    -------
    tuple of pandas.DataFrame
        Copies with the column coded, its storage unchanged.

    Examples
    --------
    >>> copy = pd.DataFrame({"income": [-8, 100, 900]})
    >>> top_bottom_code([copy], "income", bottom=200, top=800, keep=[-8])[0]["income"].tolist()
    [-8, 200, 800]
    """
    if bottom is None and top is None:
        raise MeasureError(f"column {column!r}: neither bottom nor top is given; give at least one")
    if bottom is not None and top is not None and bottom > top:
        raise MeasureError(f"column {column!r}: bottom = {bottom} is above top = {top}; swap them")
    changed = []
    for copy in _numeric(copies, column):
        _check_whole(copy[column], bottom, top)
        values = copy[column].to_numpy(dtype=np.float64, na_value=np.nan).copy()
        free = ~np.isnan(values) & ~np.isin(values, list(keep))
        coded = np.where(free, np.clip(values, bottom, top), values)
        moved = free & (coded != values)
        changed.append(_with(copy, column, coded, moved, None))
    return tuple(changed)


def label_synthetic(
    copies: Sequence[pd.DataFrame], text: str = "synthetic", column: str = "flag"
) -> Copies:
    """Put a first column in front that says on every row that the data are synthetic.

    Parameters
    ----------
    copies : sequence of pandas.DataFrame
        The copies.
    text : str
        What every row says.
    column : str
        Name of the new column.

    Returns
    -------
    tuple of pandas.DataFrame
        The labelled copies.

    Examples
    --------
    >>> label_synthetic([pd.DataFrame({"x": [1]})], "FALSE DATA")[0].to_dict("list")
    {'flag': ['FALSE DATA'], 'x': [1]}
    """
    for copy in copies:
        if column in copy.columns:
            raise MeasureError(
                f"the copies already have a column {column!r}; give the label another column name"
            )
    labelled = []
    for copy in copies:
        new = copy.copy()
        new.insert(0, column, text)
        labelled.append(new)
    return tuple(labelled)


def _numeric(copies: Sequence[pd.DataFrame], column: str) -> Sequence[pd.DataFrame]:
    for copy in copies:
        if column not in copy.columns:
            raise MeasureError(unknown("column", column, copy.columns))
        dtype = copy[column].dtype
        if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
            numeric = copy.select_dtypes("number").columns
            raise MeasureError(
                f"column {column!r} is not numeric ({dtype}); numeric columns: "
                f"{', '.join(map(repr, numeric))}"
            )
    return copies


def _check_whole(values: pd.Series, *limits: float | None) -> None:
    if not pd.api.types.is_integer_dtype(values.dtype):
        return
    for limit in limits:
        if limit is not None and limit != round(limit):
            raise MeasureError(
                f"column {values.name!r} holds whole numbers, but a limit is {limit}; give a whole "
                "number"
            )


def _smoothed(values: Floats, column: str) -> Floats:
    from scipy.interpolate import PchipInterpolator
    from scipy.stats import rankdata

    if len(values) < 2 * LEAST:
        raise MeasureError(
            f"column {column!r} has {len(values)} values to smooth; a smooth needs at least "
            f"{2 * LEAST}"
        )
    bins = np.array_split(np.sort(values), min(len(values) // LEAST, KNOTS))
    counts = np.array([len(part) for part in bins])
    middles = np.cumsum(counts) - (counts - 1) / 2
    curve = PchipInterpolator(middles, [part.mean() for part in bins])
    return np.asarray(curve(np.clip(rankdata(values), middles[0], middles[-1])))


def _with(
    copy: pd.DataFrame, column: str, values: Floats, rows: Any, decimals: int | None
) -> pd.DataFrame:
    whole = pd.api.types.is_integer_dtype(copy[column].dtype)
    chosen = values[rows]
    if whole or decimals is not None:
        chosen = np.round(chosen, 0 if whole else decimals or 0)
    new = copy[column].copy()
    new[rows] = chosen.astype(new.dtype.type) if whole else chosen
    return copy.assign(**{column: new})
