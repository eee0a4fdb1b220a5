"""Whether each kind of missing value (refused, not asked, ...) has its share in the copies."""

from collections.abc import Sequence

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.scale import fitting, limit_of, to_proper
from posynth.evaluation.utility.table_statistics import Counts, voas_williamson
from posynth.evaluation.utility.values import Floats
from posynth.results import Result
from posynth.table.missing_codes import Matcher
from posynth.table.schema import Column

KINDS = "kinds of missing values"
#: How an empty cell is called, which is missing without a code.
EMPTY = "(empty)"


def measure(comparison: Comparison) -> list[Result]:
    r"""Compare the shares of kinds of missing values, and of values present, column by column.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies, with the kind of each missing value in ``kinds``.

    Returns
    -------
    list of Result
        ``kinds of missing values`` of every column with several: S, the Voas-Williamson statistic
        of the table of kinds over its degrees of freedom, on the scale that fits how the copies
        were drawn (1 is ideal, 3 the limit), the mean over copies. ``details["kinds"]`` maps each
        kind to its share in the original and in the copies. NaN where the table or the copies were
        given without their codes. None where no column has several kinds.

    Notes
    -----
    With :math:`o_j` and :math:`s_j` rows of kind j, present counted as one of them, in n rows of
    the original and k of a copy, :math:`S = \frac{1}{J - 1} \sum_j (s_j - o_j k/n)^2 / e_j` with
    :math:`e_j = (o_j + s_j)\, k / (n + k)` (Raab, Nowok and Dibben 2021).

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> column = Column("x", Kind.COUNT, "float64", missing_codes=("-9", "-8"),
    ...                 missing_kinds=("-9", "-8"), missing=60)
    >>> frame = pd.DataFrame({"x": [1.0] * 40 + [None] * 60})
    >>> own, other = np.repeat([0, 1, 2], [40, 20, 40]), np.repeat([0, 1, 2], [40, 40, 20])
    >>> both = Comparison(frame, (frame,), Schema((column,), 100),
    ...                   kinds=({"x": own}, {"x": other}))
    >>> found = measure(both)[0]
    >>> round(found.value, 2), found.passed, found.details["kinds"]["-9"]
    (6.67, False, (0.2, 0.4))
    """
    several = [column for column in comparison.schema if column.missing_kinds]
    return [_of_column(comparison, column) for column in several]


def _of_column(comparison: Comparison, column: Column) -> Result:
    sides = [side.get(column.name) for side in comparison.kinds]
    known = [side for side in sides if side is not None]
    if not known or len(known) < 1 + len(comparison.copies):
        text = (
            f"Not measured: which kind each missing value of {column.name!r} is, is not known, "
            "since the table or the copies were given without their codes."
        )
        return Result(KINDS, float("nan"), column.name, text=text)
    length = 1 + len(column.missing_kinds)
    original, *copies = (np.bincount(side, minlength=length).astype(float) for side in known)
    tables = [Counts.of(original, copy) for copy in copies]
    plugin = np.array([voas_williamson(table) / max(table.df, 1) for table in tables])
    both = float(np.mean(plugin)), float(np.mean(to_proper(plugin, comparison)))
    value = fitting(*both, comparison)
    shares = _shares(column, original, copies)
    details = {"S_plugin": both[0], "S_proper": both[1], "kinds": shares}
    of_kinds = sum(len(each.missing_kinds) > 1 for each in comparison.schema)
    limit = limit_of(float(np.mean([table.df for table in tables])), len(copies), of_kinds)
    text = _text(column, value, shares, limit)
    details |= {"limit": limit}
    return Result(KINDS, value, column.name, passed=value <= limit, text=text, details=details)


def _shares(
    column: Column, original: Floats, copies: Sequence[Floats]
) -> dict[str, tuple[float, float]]:
    """Return the share of each kind in the original, and its mean over the copies."""
    own = original / original.sum()
    drawn = np.mean([copy / copy.sum() for copy in copies], axis=0)
    matcher = Matcher(column.missing_codes)
    names = [matcher.of_value(kind) or kind.strip() or EMPTY for kind in column.missing_kinds]
    return {n: (float(own[at]), float(drawn[at])) for at, n in enumerate(names, start=1)}


def _text(
    column: Column, value: float, shares: dict[str, tuple[float, float]], limit: float
) -> str:
    said = ", ".join(f"{name} {a:.1%} ({b:.1%})" for name, (a, b) in shares.items())
    text = f"Missing values of {column.name!r} by kind in the original (copies): {said}"
    if value <= limit:
        return f"{text}."
    return (
        f"{text}; S above {limit:.2g}: look at the conditional of the missing values of "
        f"{column.name!r}, and name its predictors or family."
    )
