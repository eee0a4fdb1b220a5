r"""Which scale, and whether the spread is modelled: decided by log scores of rows held out.

Three candidates for a numeric column: a line on its natural scale; a line on its learned scale,
with splines of numeric predictors; and the same with a spread that depends on predictors too. On
each of ``FOLDS`` folds they are fitted by least squares to the other rows, the learned scale anew,
and judged by the log probability they give to the bin each held-out value falls in. Bins are the
column's own pieces - heaps, and intervals between - where values are rounded, so that a model that
knows the heaps is rewarded for it, and else 50 intervals of equal mass.

The spread is modelled where a test refuses equal spreads and the held-out rows do not contradict
it. The line on the natural scale is kept unless the other is better by more than a standard error
of the difference, since analysts fit such lines: theirs are then the synthesis model's own. Where
its margin is refused by a test it is not kept, whatever the scores: a wrong margin biases all that
is later fitted to the column by curves, while a learned one is only as uncertain as it says.

References
----------
Koenker, R. (1981). A note on studentizing a test for heteroscedasticity. Journal of Econometrics
17(1), 107-112.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr, ndtri

from posynth.chain.blocks import Rows
from posynth.chain.design import Curves, learn
from posynth.chain.interactions import MOST_COLUMNS, find_interactions
from posynth.chain.least_squares import Line, fit_line
from posynth.chain.margin import margin_p
from posynth.chain.quantiles import learn_scale
from posynth.chain.scale import Scale
from posynth.chain.scores import Scored, learn_scores
from posynth.chain.spec import Conditional

type Floats = NDArray[np.float64]

FOLDS = 3
#: Rows looked at, evenly spaced, where there are more; for the choice and for interactions.
MOST_ROWS, MOST_TESTED = 6000, 8000
#: Values without which no scale is learned.
LEAST_ROWS = 50
BINS = 50
#: Levels of the tests of equal spreads and of a normal margin.
SPREAD_LEVEL = MARGIN_LEVEL = 0.001
#: Times the warp of a candidate is found; it need not be final.
ROUNDS = 2
#: Columns of a design beyond which only so many, the most telling ones, enter the comparison.
WIDEST = 50
#: Rows for each coefficient that splines and interactions ask for.
ROWS_FOR_A_COLUMN = 15
#: Share of probability spread evenly over all bins, so that no single case decides.
BLUR = 1e-3


class Choice(NamedTuple):
    """A way to model a numeric column, and its name in notes."""

    family: str
    scale: str
    name: str


NATURAL = Choice("gaussian", "natural", "a line on the natural scale")
LEARNED = Choice("gaussian", "learned", "the learned scale")
SPREAD = Choice("location_scale", "learned", "the learned scale with a modelled spread")


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
        return (NATURAL, LEARNED, SPREAD) if wide else (NATURAL, LEARNED)


def choose(
    rows: Rows, columns: tuple[str, ...], conditional: Conditional, splines: int
) -> Conditional:
    """Choose scale and family of a numeric conditional.

    Parameters
    ----------
    rows : Rows
        The source, encoded, with learned scales.
    columns : tuple of str
        Its predictors.
    conditional : Conditional
        On the natural scale.
    splines : int
        Columns of each numeric predictor's spline on the learned scale.

    Returns
    -------
    Conditional
        With the choice and, in ``note``, the scores it rests on.
    """
    target = conditional.target
    known = np.flatnonzero(~np.isnan(rows.arrays[target]))
    if target not in rows.learned or len(known) < LEAST_ROWS:
        note = f"{conditional.note}: {NATURAL.name}, too few values to learn another"
        return replace(conditional, note=note)
    mask = spaced(known, MOST_ROWS, len(rows))
    straight, curved = (learn(rows, columns, "", mask, curves=Curves(q))[1] for q in (0, splines))
    scale, y = rows.learned[target], rows.arrays[target][mask]
    z, decimals = scale.scores(y), rows.schema[target].decimals
    column = Column(y, _screened(straight, z), _screened(curved, z), decimals, scale)
    ridge = 1 / conditional.scales.get("slope", 2.5) ** 2
    scores = log_scores(column, ridge)
    varies = SPREAD in scores and _spread_varies(column, ridge)
    best, why = _best(scores, varies, _margin_fits(column, ridge))
    note = f"{conditional.note}: {best.name}; {why}"
    if best is NATURAL:
        return replace(conditional, note=note)
    pairs = _pairs(rows, columns, conditional, splines, best)
    if splines > 1:
        note += f"; splines of {splines} columns"
    if pairs:
        note += f"; interactions {', '.join(map(':'.join, pairs))}"
    chosen = replace(conditional, family=best.family, scale=best.scale, splines=splines, note=note)
    return replace(chosen, scales=_scales(conditional, best), interactions=pairs)


def _scales(conditional: Conditional, best: Choice) -> dict[str, float]:
    """Shrink slopes of the spread where those of the mean are shrunk."""
    scales = dict(conditional.scales)
    if best is SPREAD and "slope" in scales:
        scales["spread_slope"] = min(0.5, scales["slope"])
    return scales


def _pairs(
    rows: Rows, columns: tuple[str, ...], conditional: Conditional, splines: int, best: Choice
) -> tuple[tuple[str, str], ...]:
    """Look for interactions on more rows than the choice needs: they are finer."""
    y = rows.arrays[conditional.target]
    mask = spaced(np.flatnonzero(~np.isnan(y)), MOST_TESTED, len(rows))
    X = learn(rows, columns, "", mask, curves=Curves(splines))[1]
    if len(X) < ROWS_FOR_A_COLUMN * (X.shape[1] + MOST_COLUMNS):
        return ()
    scored = _scored(rows.learned[conditional.target], y[mask], X, best, 0.16)
    mean, sd = scored.line.predict(X)
    return find_interactions(rows, columns, X, (scored.z - mean) / sd, mask)


def spaced(known: NDArray[np.intp], most: int, rows: int) -> NDArray[np.bool_]:
    """Mark at most ``most`` of the known among all rows, evenly spaced."""
    mask = np.zeros(rows, dtype=bool)
    mask[known[np.linspace(0, len(known) - 1, min(len(known), most)).astype(int)]] = True
    return mask


def _screened(X: Floats, z: Floats) -> Floats:
    """Keep the columns that go most with the scores, where there are very many."""
    if X.shape[1] <= WIDEST:
        return X
    return X[:, np.sort(np.argsort(-np.abs((z - z.mean()) @ X))[:WIDEST])]


def log_scores(column: Column, ridge: float = 0.16) -> dict[Choice, Floats]:
    """Return the held-out log score of every row (n,) under each candidate."""
    edges = _edges(column)
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
    normal = tuple(ndtri(_below(scale, edge)) for edge in bins)
    for choice in column.candidates[1:]:
        scored = _scored(scale, y[train], column.curved[train], choice, ridge)
        limits = tuple(scored.warp.forward(edge) for edge in normal)
        found[choice] = _mass(scored.line, column.curved[test], limits)
    return found


def _scored(scale: Scale, y: Floats, X: Floats, choice: Choice, ridge: float) -> Scored:
    rng = np.random.default_rng(1)  # fixed: a choice must not change with the user's seed
    wide = choice is SPREAD
    return learn_scores(scale, y, X, rng, spread=wide, ridge=ridge, rounds=ROUNDS)


def _mass(line: Line, X: Floats, bins: tuple[Floats, ...]) -> Floats:
    mean, sd = line.predict(X)
    mass: Floats = ndtr((bins[1] - mean) / sd) - ndtr((bins[0] - mean) / sd)
    return np.maximum(mass, 0.0)


def _below(scale: Scale, edges: Floats) -> Floats:
    """Return F at edges, where infinite ones have 0 and 1."""
    inside = np.isfinite(edges)
    found = (edges > 0).astype(float)
    found[inside] = scale.distribution(edges[inside])
    return found


def _edges(column: Column) -> Floats:
    """Return the upper ends of all bins but the last."""
    if column.decimals is None:
        bins = min(BINS, len(column.y) // 5)
        inner = np.quantile(column.y, np.arange(1, bins) / bins, method="inverted_cdf")
        return np.unique(inner[inner < column.y.max()])
    half = 0.5 * 10.0**-column.decimals
    lower, upper = np.asarray(column.scale.lower), np.asarray(column.scale.upper)
    atom = lower == upper
    ends = np.concatenate([lower - half * atom, upper + half * atom])
    return np.unique(np.round((ends + half) / half / 2) * half * 2 - half)


def _spread_varies(column: Column, ridge: float) -> bool:
    """Test whether squared residuals go with the predictors (Koenker 1981): n R2 is chi-squared."""
    scored = _scored(column.scale, column.y, column.curved, LEARNED, ridge)
    squares = (scored.z - scored.line.predict(column.curved)[0]) ** 2
    squares -= squares.mean()
    basis = np.linalg.qr(column.curved - column.curved.mean(axis=0))[0]
    part = basis.T @ squares
    statistic = len(squares) * float(part @ part) / float(squares @ squares)
    return bool(chdtrc(column.curved.shape[1], statistic) < SPREAD_LEVEL)


def _margin_fits(column: Column, ridge: float) -> bool:
    """Test the margin of the line on the natural scale; values are spread over their rounding."""
    unit = 0.0 if column.decimals is None else 10.0**-column.decimals
    y = column.y + unit * (np.random.default_rng(1).random(len(column.y)) - 0.5)
    y = (y - y.mean()) / (y.std() or 1.0)
    mean, sd = fit_line(column.straight, y, ridge=ridge).predict(column.straight)
    return margin_p(y, mean, float(sd[0])) >= MARGIN_LEVEL


def _best(scores: dict[Choice, Floats], varies: bool, fits: bool) -> tuple[Choice, str]:
    wide = varies and _gain(scores[SPREAD], scores[LEARNED]) > 0
    learned = SPREAD if wide else LEARNED
    kept = fits and _gain(scores[learned], scores[NATURAL]) <= 1
    best = NATURAL if kept else learned
    shown = {choice: f"{values.mean():.3f}" for choice, values in scores.items()}
    others = ", ".join(f"{shown[c]} for {c.name}" for c in scores if c is not best)
    refused = "" if fits else "; a line on the natural scale gives the margin another shape"
    return best, f"held-out log score {shown[best]} a row, {others}{refused}"


def _gain(better: Floats, worse: Floats) -> float:
    """Return the mean difference in standard errors."""
    difference = better - worse
    error = float(np.std(difference, ddof=1)) / float(np.sqrt(len(difference)))
    return float(np.mean(difference)) / max(error, 1e-12)
