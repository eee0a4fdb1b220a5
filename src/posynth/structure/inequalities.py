r"""Pairs of numeric columns of which one is never below the other: discharge and admission.

A pair counts if ``y >= x`` in every row where two accounts of how that came about are refused. If y
were independent of x the probability would be at most :math:`\prod_i (1 - F_y(x_i))`, with F the
share of y below a value: columns whose ranges hardly overlap are no pair. If y were a line in x
with normal residuals it would be :math:`\prod_i \Phi((\mu_i - x_i) / \sigma)`: a column that is far
above another needs no rule. And some row must lie near the bound: weights in kg are above ages in
years by no rule.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from posynth.chain.rule import named
from posynth.structure.view import View

type Floats = NDArray[np.float64]

#: Rows without which no pair is looked at.
LEAST_ROWS = 30
#: Smallest distance from a bound, in sds of the distance, up to which the bound is reached.
NEAR = 0.02


def inequalities(y: View, others: Sequence[View], limit: float) -> Iterator[tuple[str, bool]]:
    """Give what a numeric column is never below, or never above.

    Parameters
    ----------
    y : View
        The column that a rule would restrict.
    others : sequence of View
        Columns visited before it.
    limit : float
        Log probability below which an account is refused.

    Yields
    ------
    tuple of str and bool
        A rule, and whether it is sure: both accounts are refused and the bound is reached.
    """
    pairs = [x for x in others if x.numeric]
    for sign, symbol in ((1.0, ">="), (-1.0, "<=")):
        bounds = [x for x in pairs if _in_order(y, x, sign)]
        for x in (x for x in bounds if not _implied(x, bounds, sign)):
            known = ~y.missing & ~x.missing
            high, low = sign * y.values[known], sign * x.values[known]
            if len(high) < LEAST_ROWS or _independent(high, low) >= limit:
                continue
            near = bool((high - low).min() <= NEAR * np.std(high - low))
            yield f"{named(y.name)} {symbol} {named(x.name)}", near and _by_line(high, low) < limit


def _in_order(y: View, x: View, sign: float) -> bool:
    known = ~y.missing & ~x.missing
    return bool(np.all(sign * (y.values - x.values)[known] >= 0))


def _implied(x: View, bounds: Sequence[View], sign: float) -> bool:
    """Whether another bound is as close in every row, and closer in some."""
    for other in bounds:
        known = ~x.missing & ~other.missing
        gap = sign * (other.values - x.values)[known]
        if other is not x and np.all(gap >= 0) and np.any(gap > 0):
            return True
    return False


def _independent(high: Floats, low: Floats) -> float:
    """Return log P(no row is out of order) if the columns were independent, at most."""
    below = np.searchsorted(np.sort(high), low, side="left") / len(high)
    return float(np.sum(np.log(np.maximum(1 - below, 0.5 / len(high)))))


def _by_line(high: Floats, low: Floats) -> float:
    """Return log P(no row is out of order) if residuals of a line were normal."""
    X = np.column_stack([np.ones(len(low)), low])
    line = X @ np.linalg.lstsq(X, high, rcond=None)[0]
    sd = float(np.sqrt(np.mean((high - line) ** 2)))
    return float(np.sum(log_ndtr((line - low) / sd))) if sd > 0 else 0.0
