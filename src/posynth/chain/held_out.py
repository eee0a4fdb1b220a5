"""Log scores of rows held out, for every way in which a numeric column could be modelled."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from posynth.chain.few import codes_of, may_be_levels, multinomial, numbers_of, probabilities
from posynth.chain.least_squares import Line, fit_line
from posynth.chain.quantiles import learn_scale
from posynth.chain.scale import Scale
from posynth.chain.scores import Scored, learn_scores

type Floats = NDArray[np.float64]

FOLDS = 3
BINS = 50
#: Times the warp of a candidate is found; it need not be final.
ROUNDS = 2
#: Columns of a design beyond which only so many, the most telling ones, enter the comparison.
WIDEST = 50
#: Rows for each coefficient that splines and interactions ask for.
ROWS_FOR_A_COLUMN = 15
#: Prior sd of slopes of levels: neighbouring numbers are often all but told by one predictor, and
#: with 2.5, the default, such posteriors take minutes to explore.
LEVEL_SLOPE = 1.0
#: Share of probability spread evenly over all bins, so that no single case decides.
BLUR = 1e-3


class Choice(NamedTuple):
    """A way to model a numeric column, and its name in notes."""

    family: str
    scale: str
    name: str


NATURAL = Choice("gaussian", "natural", "a line on the natural scale")
#: Standard deviations of log y above half a rounding unit, where it is 0 once in 30,000 values.
FAR = 4.0
LOG = Choice("lognormal", "natural", "a line on the log scale")
LEARNED = Choice("gaussian", "learned", "the learned scale")
SPREAD = Choice("location_scale", "learned", "the learned scale with a modelled spread")
LEVELS = Choice("categorical", "levels", "its numbers as levels")


@dataclass(frozen=True)
class Column:
    """Rows with a value, coded for the candidates.

    Attributes
    ----------
    y : ndarray, shape (n,)
        Values.
    straight, curved : ndarray, shape (n, p)
        Designs with straight lines and with splines.
    decimals : int, optional
        Decimals of the column.
    scale : Scale
        Learned on all rows.
    """

    y: Floats
    straight: Floats
    curved: Floats
    decimals: int | None
    scale: Scale

    @property
    def candidates(self) -> tuple[Choice, ...]:
        """What is compared: a spread depends on some predictors, and not on a great many."""
        wide = 0 < self.curved.shape[1] < WIDEST
        found = (NATURAL, LEARNED, SPREAD) if wide else (NATURAL, LEARNED)
        found = (*found, LOG) if self._positive else found
        return (*found, LEVELS) if self.is_few else found

    @property
    def _positive(self) -> bool:
        """Whether a lognormal distribution would hardly ever be rounded to 0."""
        if self.y.min() <= 0:
            return False
        logs, half = np.log(self.y), 0.0 if self.decimals is None else 0.5 * 10.0**-self.decimals
        return half == 0 or bool(logs.mean() - FAR * logs.std() > np.log(half))

    @property
    def is_few(self) -> bool:
        """Whether its different numbers could be levels, and the rows tell coefficients of each."""
        if not self.curved.shape[1] or not may_be_levels(self.y):
            return False
        size = self.curved.shape[1] * (len(numbers_of(self.y)) - 1)
        return bool(size * ROWS_FOR_A_COLUMN <= len(self.y))


def log_scores(column: Column, ridge: float = 0.16) -> dict[Choice, Floats]:
    """Return the held-out log score of every row (n,) under each candidate."""
    edges = bin_edges(column)
    fold = np.random.default_rng(0).permutation(len(column.y)) % FOLDS
    scores = {choice: np.empty(len(column.y)) for choice in column.candidates}
    low = np.concatenate([[-np.inf], edges])[np.searchsorted(edges, column.y)]
    high = np.concatenate([edges, [np.inf]])[np.searchsorted(edges, column.y)]
    for k in range(FOLDS):
        test = fold == k
        for choice, mass in _fold(column, test, (low[test], high[test]), ridge).items():
            scores[choice][test] = np.log((1 - BLUR) * mass + BLUR / (len(edges) + 1))
    return scores


def _fold(
    column: Column, test: NDArray[np.bool_], bins: tuple[Floats, Floats], ridge: float
) -> dict[Choice, Floats]:
    """Return the probability of its bin for each row held out."""
    y, train = column.y, ~test
    center, unit = y[train].mean(), y[train].std() or 1.0
    line = fit_line(column.straight[train], (y[train] - center) / unit, ridge=ridge)
    natural = tuple((edge - center) / unit for edge in bins)
    found = {NATURAL: _mass(line, column.straight[test], natural)}
    scale = learn_scale(y[train], column.decimals) or column.scale
    normal = tuple(ndtri(below(scale, edge)) for edge in bins)
    for choice in column.candidates[1:]:
        if choice is LOG:
            found[choice] = _log_mass(column, test, bins, ridge)
            continue
        if choice is LEVELS:
            found[choice] = _level_mass(column, test, max(ridge, LEVEL_SLOPE**-2))
            continue
        fitted = scored(scale, y[train], column.curved[train], choice, ridge)
        limits = tuple(fitted.warp.forward(edge) for edge in normal)
        found[choice] = _mass(fitted.line, column.curved[test], limits)
    return found


def _log_mass(
    column: Column, test: NDArray[np.bool_], bins: tuple[Floats, Floats], ridge: float
) -> Floats:
    logs = np.log(column.y[~test])
    center, unit = logs.mean(), logs.std() or 1.0
    line = fit_line(column.straight[~test], (logs - center) / unit, ridge=ridge)
    ends = (np.log(np.maximum(edge, 1e-300)) for edge in bins)
    return _mass(line, column.straight[test], tuple((end - center) / unit for end in ends))


def _level_mass(column: Column, test: NDArray[np.bool_], ridge: float) -> Floats:
    numbers = numbers_of(column.y)
    codes, train = codes_of(numbers, column.y), ~test
    beta = multinomial(column.curved[train], codes[train], len(numbers), ridge)
    found: Floats = probabilities(beta, column.curved[test])[np.arange(test.sum()), codes[test]]
    return found


def scored(scale: Scale, y: Floats, X: Floats, choice: Choice, ridge: float) -> Scored:
    """Fit a candidate on a learned scale, its scores placed within the jumps of the scale."""
    rng = np.random.default_rng(1)  # fixed: a choice must not change with the user's seed
    wide = choice is SPREAD
    return learn_scores(scale, y, X, rng, spread=wide, ridge=ridge, rounds=ROUNDS)


def _mass(line: Line, X: Floats, bins: tuple[Floats, ...]) -> Floats:
    mean, sd = line.predict(X)
    mass: Floats = ndtr((bins[1] - mean) / sd) - ndtr((bins[0] - mean) / sd)
    return np.maximum(mass, 0.0)


def below(scale: Scale, edges: Floats) -> Floats:
    """Return F at edges, where infinite ones have 0 and 1."""
    inside = np.isfinite(edges)
    found = (edges > 0).astype(float)
    found[inside] = scale.distribution(edges[inside])
    return found


def bin_edges(column: Column) -> Floats:
    """Return the upper ends of all bins but the last."""
    if column.is_few:
        numbers = numbers_of(column.y)
        return np.asarray((numbers[1:] + numbers[:-1]) / 2)
    if column.decimals is None:
        bins = min(BINS, len(column.y) // 5)
        inner = np.quantile(column.y, np.arange(1, bins) / bins, method="inverted_cdf")
        return np.unique(inner[inner < column.y.max()])
    half = 0.5 * 10.0**-column.decimals
    lower, upper = np.asarray(column.scale.lower), np.asarray(column.scale.upper)
    atom = lower == upper
    ends = np.concatenate([lower - half * atom, upper + half * atom])
    return np.unique(np.round((ends + half) / half / 2) * half * 2 - half)
