"""Splines and interactions of a conditional of levels or holes: those that score tests ask for.

Straight main effects are kept unless a test refuses them: analysts' logistic regressions on such
columns are then the synthesis model's own. But what a logit leaves out of its own column is missing
from every later one too: without sex:age in the model of education, incomes that fit perfectly
given all three still show too little of education. Products of two numbers are looked at where
cases are many: a logit with them bends without end where few rows are.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Rows
from posynth.chain.budget import spline_columns
from posynth.chain.choice import MOST_TESTED, spaced
from posynth.chain.curvature import LEVEL, is_curved
from posynth.chain.design import Curves, learn
from posynth.chain.held_out import ROWS_FOR_A_COLUMN
from posynth.chain.interactions import find_interactions, products_of, told
from posynth.chain.logit_test import LogitTest
from posynth.chain.missing_kinds import missingness
from posynth.chain.slopes import slope_sd, with_slope_sd
from posynth.chain.spec import Conditional

type Floats = NDArray[np.float64]

#: Cases outside the commonest level that a logit asks for, for each column of its design.
EVENTS = 5
#: Cases from which on products of two numbers are looked at.
EVENTS_OF_A_PRODUCT = 300
#: Most spline columns where a logit is modelled.
MOST_OF_A_LOGIT = 3
#: Columns of a fine spline, for curves that turn fast.
FINE = 7
#: Prior sd of slopes beside a fine spline or interactions: with 2.5, the default, levels that some
#: ages never have send slopes anywhere, and the posterior takes fifty times as long to explore.
TERM_SLOPE = 1.0
#: Coefficients up to which a spline is fine and interactions join: a logit of very many costs more
#: time than they are worth.
MOST_COEFFICIENTS = 50


@dataclass(frozen=True)
class _Levels:
    """Rows with a level.

    Attributes
    ----------
    rows : Rows
        The source.
    columns : tuple of str
        Predictors.
    mask : ndarray of bool, shape (rows,)
        Which rows are looked at.
    codes : ndarray, shape (n,)
        Their levels, numbered without gaps.
    events : int
        Cases outside the commonest level.
    ridge : float
        Prior precision of a slope.
    """

    rows: Rows
    columns: tuple[str, ...]
    mask: NDArray[np.bool_]
    codes: NDArray[np.int64]
    events: int
    ridge: float

    @property
    def contrasts(self) -> int:
        return int(self.codes.max(initial=0))

    @property
    def room(self) -> int:
        """Columns up to which a fine spline and interactions are supported."""
        most = min(MOST_COEFFICIENTS, self.rows.count // ROWS_FOR_A_COLUMN) // self.contrasts
        return min(most, self.events // EVENTS)

    def design(self, splines: int) -> Floats:
        X: Floats = learn(self.rows, self.columns, "", self.mask, curves=Curves(splines))[1]
        return X

    @property
    def seen(self) -> Floats:
        """Indicators of the levels but the first, (n, K - 1)."""
        return np.asarray(self.codes[:, None] == np.arange(1, self.contrasts + 1), dtype=float)

    def bend(self, X: Floats, finer: Floats) -> bool:
        """Test a finer design against X, first by the quick test and then by the logit itself."""
        if not is_curved(X, finer, self.codes):
            return False
        return LogitTest(X, self.codes, self.ridge).p_value(finer) < LEVEL

    def needs(self, X: Floats, P: Floats, level: float) -> bool:
        """Test further columns against the logit on X, if there is room for them."""
        if X.shape[1] + P.shape[1] > self.room:
            return False
        return LogitTest(X, self.codes, self.ridge).p_value(P) < level


def with_terms(rows: Rows, columns: tuple[str, ...], conditional: Conditional) -> Conditional:
    """Give a conditional of levels splines and interactions, if the rows support and ask for them.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    columns : tuple of str
        Predictors.
    conditional : Conditional
        Of a column of levels, or of holes.

    Returns
    -------
    Conditional
        With terms and a note, or as it was.
    """
    levels = _levels(rows, columns, conditional)
    if not levels.contrasts:
        return conditional
    splines = _splines(levels)
    X = levels.design(splines)
    products = _products(levels, splines) if X.shape[1] < levels.room else {}
    pairs = find_interactions(products, X, levels.seen, levels.needs) if products else ()
    bent = f"; numeric predictors bend: splines of {splines} columns" if splines else ""
    note = conditional.note + bent + told(pairs)
    if (splines == FINE or pairs) and slope_sd(conditional) > TERM_SLOPE:
        conditional = with_slope_sd(conditional, TERM_SLOPE)
        named = "N(0, {:g})" if not conditional.prior else "log-F(2, 2) of sd {:g}"
        note += f"; slopes {named.format(TERM_SLOPE)}"
    return replace(conditional, splines=splines, interactions=pairs, note=note)


def _products(levels: _Levels, splines: int) -> dict[tuple[str, str], Floats]:
    """Return the columns of products that have cases enough; of two numbers, very many.

    Where a level of a factor has hardly any case, what a product does there is known by its prior
    only, and the posterior is far from normal.
    """
    found = products_of(levels.rows, levels.columns, levels.mask, splines)
    schema = levels.rows.schema
    factors = {n for n in levels.columns if n in schema and schema[n].kind.is_categorical}
    full = {n for n in factors if _has_cases(levels, n)}
    many = levels.events >= EVENTS_OF_A_PRODUCT
    kept = {pair: factors & {*pair} for pair in found}
    return {p: P for p, P in found.items() if kept[p] <= full and (kept[p] or many)}


def _has_cases(levels: _Levels, name: str) -> bool:
    """Tell whether all levels of a factor that have rows enough have ``EVENTS`` cases too."""
    values = levels.rows.arrays[name][levels.mask]
    for level in np.unique(values[~np.isnan(values)]):
        counts = np.bincount(levels.codes[values == level])
        if counts.sum() >= EVENTS and counts.sum() - counts.max() < EVENTS:
            return False
    return True


def _levels(rows: Rows, columns: tuple[str, ...], conditional: Conditional) -> _Levels:
    values = rows.arrays[conditional.column]
    values = missingness(rows, conditional) if conditional.indicates else values
    known = np.flatnonzero(~np.isnan(values))
    counts = np.bincount(values[known].astype(np.int64))
    mask = spaced(known, MOST_TESTED, len(rows))
    codes = np.unique(values[mask], return_inverse=True)[1].astype(np.int64)
    ridge = 1 / slope_sd(conditional) ** 2
    return _Levels(rows, columns, mask, codes, int(counts.sum() - counts.max(initial=0)), ridge)


def _splines(levels: _Levels) -> int:
    """Return the columns of numeric predictors' splines, 0 for straight lines."""
    splines = spline_columns(levels.rows, levels.columns, levels.contrasts)
    splines = min(splines, MOST_OF_A_LOGIT) if levels.contrasts == 1 else splines
    if splines < 2:
        return 0
    straight, curved = levels.design(0), levels.design(splines)
    if curved.shape[1] * EVENTS > levels.events or not levels.bend(straight, curved):
        return 0
    fine = levels.design(FINE)
    return FINE if fine.shape[1] <= levels.room and levels.bend(curved, fine) else splines
