r"""How far a line on the natural scale reaches beyond the bounds of its column.

Draws beyond a bound are reflected into it (``table.bounds``). With standardised distance a of a
row's mean from the bound, that changes its expected value by

.. math:: \delta = 2\sigma \{\phi(a) - a (1 - \Phi(a))\}

A line is no model of the column where these changes would move a coefficient by more than
``LARGEST`` of its standard errors: the length of their projection onto the design, in units of
sigma, is the most that any linear combination of coefficients moves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from posynth.chain.blocks import Rows
from posynth.chain.design import Curves, learn
from posynth.chain.least_squares import RIDGE, fit_line
from posynth.chain.spec import Conditional
from posynth.table.bounds import bounds_text, ends, half_unit, is_bounded
from posynth.table.schema import Column

type Floats = NDArray[np.float64]

#: Standard errors by which reflection may move a coefficient: an interval that covers .95 then
#: covers .943 or more.
LARGEST = 0.25
#: Share of draws beyond a bound from which on it is said.
SAID = 0.0005
#: Values from which on it is estimated.
LEAST_ROWS = 20


@dataclass(frozen=True)
class Beyond:
    """What of a line lies beyond the bounds of its column.

    Attributes
    ----------
    share : float
        Of its draws.
    moved : float
        Most standard errors by which reflection moves a coefficient, on all rows.
    """

    share: float
    moved: float

    @property
    def too_far(self) -> bool:
        """Whether a line is no model of the column."""
        return self.moved > LARGEST


def beyond(column: Column, y: Floats, X: Floats, ridge: float, rows: int) -> Beyond:
    """Fit a line by least squares and see how far it reaches beyond the bounds.

    Parameters
    ----------
    column : Column
        Its bounds.
    y, X : ndarray, shape (n,) and (n, p)
        Values and design.
    ridge : float
        Prior precision of a slope.
    rows : int
        Rows that will be fitted, of which these are some.

    Examples
    --------
    >>> from posynth.table.schema import Kind
    >>> column = Column("x", Kind.CONTINUOUS, "float64", lower=0.0)
    >>> y = np.linspace(0, 9, 100)
    >>> beyond(column, y, np.empty((100, 0)), 0.16, 100).too_far
    True
    """
    center, unit = float(y.mean()), float(y.std())
    if not is_bounded(column) or unit == 0:
        return Beyond(0.0, 0.0)
    mean, sd = fit_line(X, (y - center) / unit, ridge=ridge).predict(X)
    (lower, upper), half = ends(column), half_unit(column)
    moved, share = np.zeros(len(y)), 0.0
    for sign, end in ((1, lower - half), (-1, upper + half)):
        if np.isfinite(end):
            a = sign * (mean - (end - center) / unit) / sd
            tail = ndtr(-a)
            moved += sign * 2 * (np.exp(-0.5 * a**2) / np.sqrt(2 * np.pi) - a * tail)
            share += float(tail.mean())
    basis = np.linalg.qr(np.column_stack([np.ones(len(y)), X]))[0]
    size = float(np.linalg.norm(basis.T @ moved)) * (rows / len(y)) ** 0.5
    return Beyond(share, size)


def said(column: Column, found: Beyond) -> str:
    """Say what share of draws is reflected; nothing where there are hardly any."""
    if found.share < SAID:
        return ""
    return f"; {found.share:.1%} of draws beyond its bounds ({bounds_text(column)}) are reflected"


def told_share(rows: Rows, columns: tuple[str, ...], conditional: Conditional) -> str:
    """Say what share of the draws of a line, that a user asks for, is expected to be reflected.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    columns : tuple of str
        Predictors.
    conditional : Conditional
        Of a number on its natural scale.

    Returns
    -------
    str
        As `said` gives it; ``""`` where the column has no bounds, or too few values.
    """
    found = of_line(rows, columns, conditional)
    return "" if found is None else said(rows.schema[conditional.target], found)


def of_line(rows: Rows, columns: tuple[str, ...], conditional: Conditional) -> Beyond | None:
    """Return what of a line lies beyond the bounds of its column; None where there are none."""
    column, y = rows.schema[conditional.target], rows.arrays[conditional.target]
    known = ~np.isnan(y)
    if not is_bounded(column) or known.sum() < LEAST_ROWS:
        return None
    X = learn(rows, columns, "", known, curves=Curves(0))[1]
    return beyond(column, y[known], X, RIDGE, int(known.sum()))
