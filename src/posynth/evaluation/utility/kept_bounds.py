"""Whether values of copies keep the bounds of their columns."""

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.results import Result
from posynth.table.bounds import bounds_text, ends, is_bounded
from posynth.table.codec import encode

BEYOND = "values beyond bounds"


def measure(comparison: Comparison) -> list[Result]:
    """Count values of copies beyond the bounds that their columns have.

    Parameters
    ----------
    comparison : Comparison
        The copies, and the schema with the bounds.

    Returns
    -------
    list of Result
        ``values beyond bounds``: values a copy in all columns, subject ``""``, 0 expected; then of
        each column that has some. None where no column has a bound.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> real, fake = pd.DataFrame({"x": [1, 5]}), pd.DataFrame({"x": [0, 5]})
    >>> column = Column("x", Kind.COUNT, "int64", decimals=0, lower=1, upper=5)
    >>> found = measure(Comparison(real, (fake, real), Schema((column,), 2)))
    >>> [(r.subject, r.value, r.passed) for r in found]
    [('', 0.5, False), ('x', 0.5, False)]
    """
    bounded = [column for column in comparison.schema if is_bounded(column)]
    if not bounded:
        return []
    count, found = max(len(comparison.copies), 1), {}
    for column in bounded:
        lower, upper = ends(column)
        values = np.concatenate([encode(column, copy[column.name]) for copy in comparison.copies])
        found[column.name] = float(np.sum((values < lower) | (values > upper))) / count
    total = sum(found.values())
    text = f"{total:g} values a copy lie beyond the bounds of {len(bounded)} columns"
    text += "." if not total else ": the copies are of another chain, were changed, or computed."
    results = [Result(BEYOND, total, passed=total == 0, text=text)]
    for column in bounded:
        value = found[column.name]
        if value:
            said = f"{value:g} values a copy of {column.name!r} are not {bounds_text(column)}."
            results.append(Result(BEYOND, value, column.name, passed=False, text=said))
    return results
