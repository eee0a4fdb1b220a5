"""Hellinger distance of each column."""

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.cells import code
from posynth.evaluation.utility.scale import ratio_result
from posynth.evaluation.utility.table_statistics import Counts, bhattacharyya, s_dbhatt
from posynth.evaluation.utility.tables import counts
from posynth.evaluation.utility.values import Coded
from posynth.results import Result
from posynth.table.names import Names


def measure(comparison: Comparison, columns: Names | None = None, groups: int = 20) -> list[Result]:
    """Compare every column by H = sqrt(1 - sum sqrt(p_o p_s)).

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    columns : iterable of str, optional
        Columns wanted; by default every modelled column.
    groups : int
        Intervals of a numeric column, cut at quantiles of the original. The finer they are, the
        nearer H comes to that of the densities, H^2 = 1 - integral sqrt(f g), and the larger
        is its value under the null; hence the ratio beside it.

    Returns
    -------
    list of Result
        For each column ``Hellinger``, between 0 and 1, and ``S_Hellinger`` = H / sqrt(df / (8 k)).

    Notes
    -----
    8 k H^2 is the Freeman-Tukey statistic, chi-squared with df = cells - 1 for plug-in copies. H
    is linear in the difference: S_proper = S_plugin sqrt(1 - c).

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> real, fake = pd.DataFrame({"x": ["a", "b"]}), pd.DataFrame({"x": ["a", "a"]})
    >>> schema = Schema((Column("x", Kind.BINARY, "str", levels=("a", "b")),), 2)
    >>> round(measure(Comparison(real, (fake,), schema))[0].value, 4)  # sqrt(1 - sqrt(1/2))
    0.5412
    """
    coded = code(comparison, columns, groups)
    return [result for column in coded for result in _judge(column, comparison)]


def _judge(column: Coded, comparison: Comparison) -> list[Result]:
    original, copies = counts([column])
    tables = [Counts.of(original, copy) for copy in copies]
    h = np.array([bhattacharyya(t) for t in tables])
    value = float(h.mean())
    text = f"Hellinger distance of {column.name}: {value:.3f} (0 is the same, 1 is disjoint)."
    raw = Result("Hellinger", value, column.name, text=text, details={"per_copy": h.tolist()})
    plugin = np.array([s_dbhatt(t) for t in tables])
    details = {"raw": value, "df": float(np.mean([t.df for t in tables]))}
    return [
        raw,
        ratio_result(
            "S_Hellinger", plugin, comparison, subject=column.name, order=0.5, details=details
        ),
    ]
