r"""Which scale, and whether the spread is modelled: decided by log scores of rows held out.

Three candidates for a numeric column: a line on its natural scale; a line on its learned scale,
with splines of numeric predictors; and the same with a spread that depends on predictors too. A
column of few different numbers has a fourth: each is a level of a multinomial logit. On each of
three folds they are fitted by least squares to the other rows, the learned scale anew, and judged
by the log probability they give to the bin each held-out value falls in. Bins are the column's own
pieces - its numbers, if they are few; heaps, and intervals between - where values are rounded, so
that a model that knows the heaps is rewarded for it, and else 50 intervals of equal mass.

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

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr, ndtri

from posynth.chain.beyond import Beyond, beyond, said
from posynth.chain.blocks import Rows
from posynth.chain.corrections import correcting, cut_points
from posynth.chain.design import Curves, learn
from posynth.chain.held_out import (
    LEARNED,
    LEVEL_SLOPE,
    LEVELS,
    LOG,
    NATURAL,
    ROWS_FOR_A_COLUMN,
    SPREAD,
    WIDEST,
    Choice,
    Column,
    Floats,
    log_scores,
    scored,
)
from posynth.chain.interactions import MOST_COLUMNS, find_interactions, products_of, told
from posynth.chain.least_squares import fit_line
from posynth.chain.margin import margin_p
from posynth.chain.open_rows import part
from posynth.chain.scale import Scale
from posynth.chain.spec import Conditional

#: Family of distances from a bound where no scale can be learned.
TRUNCATED = "truncated"
#: Rows looked at, evenly spaced, where there are more; for the choice and for interactions.
MOST_ROWS, MOST_TESTED = 6000, 8000
#: Values without which no scale is learned.
LEAST_ROWS = 50
#: Levels of the tests of equal spreads and of a normal margin.
SPREAD_LEVEL = MARGIN_LEVEL = 0.001
#: Level of the test of skewed residuals: shares below a value feel mild skew already.
SKEW_LEVEL = 0.05
#: Family of a learned scale whose shape predictors correct.
TILTED = "tilted"
#: Family of a learned scale on which shared values are intervals; share of rows from which on it is
#: used, and share of the rows that make a value shared. What a narrower interval hides of a score
#: has at most 1 % of the column's variance.
INTERVAL, MOST_SHARED, LEAST_SHARE = "interval", 0.1, 0.03
#: Standard errors of the difference of log scores by which one is clearly better.
CLEARLY = 2.0


def choose(
    rows: Rows,
    columns: tuple[str, ...],
    conditional: Conditional,
    splines: int,
    *,
    bounded: bool = False,
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
    bounded : bool
        Whether no value may lie below 0: distances from a bound. Then there is no line on the
        natural scale.

    Returns
    -------
    Conditional
        With the choice and, in ``note``, the scores it rests on.
    """
    target = conditional.target
    known = np.flatnonzero(~np.isnan(rows.arrays[target]))
    if target not in rows.learned or len(known) < LEAST_ROWS:
        return _without_scale(conditional, bounded)
    mask = spaced(known, MOST_ROWS, len(rows))
    straight, curved = (learn(rows, columns, "", mask, curves=Curves(q))[1] for q in (0, splines))
    scale, y = rows.learned[target], rows.arrays[target][mask]
    z, decimals = scale.scores(y), rows.schema[target].decimals
    column = Column(y, _screened(straight, z), _screened(curved, z), decimals, scale)
    ridge = 1 / conditional.scales.get("slope", 2.5) ** 2
    scores = log_scores(column, ridge)
    far = Beyond(0, 0) if bounded else beyond(rows.schema[target], y, straight, ridge, len(known))
    if bounded or far.too_far:
        scores.pop(NATURAL, None)
    varies = SPREAD in scores and _spread_varies(column, ridge)
    fits = _lines_that_fit(column, ridge)
    best, why = _best(scores, varies, fits)
    if best is LOG and _pairs(rows, columns, conditional, splines, LEARNED):
        del scores[LOG]
        best, why = _best(scores, varies, fits)
    note = f"{conditional.note}: {best.name}; {why}"
    if far.too_far:
        note += f"; {far.share:.1%} of a line on the natural scale lie beyond the bounds"
    if best is NATURAL:
        return replace(conditional, note=note + said(rows.schema[target], far))
    if best is LOG:
        return replace(conditional, family=best.family, note=note)
    if best is LEVELS:
        scales = {"slope": LEVEL_SLOPE, **conditional.scales}
        return replace(conditional, family=best.family, scale=best.scale, scales=scales, note=note)
    pairs = _pairs(rows, columns, conditional, splines, best)
    shaped = _corrections(rows, columns, conditional.target, mask, column, best, ridge)
    if splines > 1:
        note += f"; splines of {splines} columns"
    note += told(pairs)
    chosen = replace(conditional, family=best.family, scale=best.scale, splines=splines, note=note)
    chosen = replace(chosen, scales=_scales(conditional, best), interactions=pairs)
    return _shaped(chosen, scale, shaped, columns if best is SPREAD else ())


def shared(scale: Scale) -> float:
    """Return the share of rows whose value many share: heaps, zeros, few different values.

    Examples
    --------
    >>> from posynth.chain.quantiles import learn_scale
    >>> shared(learn_scale(np.r_[np.zeros(50), np.linspace(1, 2, 50) ** 3], 0))
    0.5
    """
    start = int(scale.below is not None)
    masses = scale.masses[start : start + len(scale.counts)] / scale.masses.sum()
    atoms = np.equal(scale.lower, scale.upper)
    return float(masses[atoms & (masses >= LEAST_SHARE)].sum())


def _without_scale(conditional: Conditional, bounded: bool) -> Conditional:
    """Return a line on the natural scale: there are too few values to learn another."""
    if bounded:
        note = f"{conditional.note}: normal beyond the bound, too few values to learn a scale"
        return replace(conditional, family=TRUNCATED, options={"lower": 0.0}, note=note)
    note = f"{conditional.note}: {NATURAL.name}, too few values to learn another"
    return replace(conditional, note=note)


def _shaped(
    conditional: Conditional, scale: Scale, by: tuple[str, ...], spread: tuple[str, ...]
) -> Conditional:
    """Return a conditional on the learned scale with what its shared values and its shape ask for.

    Its shape is corrected by some predictors, ``by``, or else values that many rows share are
    intervals.
    """
    if by:
        note = f"{conditional.note}; shape corrected by {', '.join(by)}"
        return replace(conditional, family=TILTED, spread=spread, corrections=by, note=note)
    if shared(scale) <= MOST_SHARED:
        return conditional
    note = f"{conditional.note}; values that many rows share are intervals"
    return replace(conditional, family=INTERVAL, spread=spread, note=note)


def _corrections(
    rows: Rows,
    columns: tuple[str, ...],
    target: str,
    mask: NDArray[np.bool_],
    column: Column,
    best: Choice,
    ridge: float,
) -> tuple[str, ...]:
    """Return the predictors by which the shape must be corrected, the worst first."""
    if not column.curved.shape[1]:
        return ()
    found = scored(column.scale, column.y, column.curved, best, ridge)
    mean, sd = found.line.predict(column.curved)
    ends = found.warp.forward(ndtri(cut_points(column.scale)))
    below = ndtr((ends - mean[:, None]) / np.broadcast_to(sd, mean.shape)[:, None])
    expected = np.diff(below, axis=1, prepend=0.0, append=1.0)
    seen = np.searchsorted(ends, found.z)
    return correcting(part(rows, mask), columns, seen, expected)


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
    found = scored(rows.learned[conditional.target], y[mask], X, best, 0.16)
    mean, sd = found.line.predict(X)
    residual = (found.z - mean) / sd
    return find_interactions(products_of(rows, columns, mask), X, residual[:, None])


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


def _spread_varies(column: Column, ridge: float) -> bool:
    """Test whether squared residuals go with the predictors (Koenker 1981): n R2 is chi-squared."""
    found = scored(column.scale, column.y, column.curved, LEARNED, ridge)
    squares = (found.z - found.line.predict(column.curved)[0]) ** 2
    squares -= squares.mean()
    basis = np.linalg.qr(column.curved - column.curved.mean(axis=0))[0]
    part = basis.T @ squares
    statistic = len(squares) * float(part @ part) / float(squares @ squares)
    return bool(chdtrc(column.curved.shape[1], statistic) < SPREAD_LEVEL)


def _line_fits(column: Column, y: Floats, ridge: float) -> bool:
    """Test margin and skewness of a line for y, the column or its logarithm, (n,)."""
    from scipy.stats import skewtest

    y = (y - y.mean()) / (y.std() or 1.0)
    mean, sd = fit_line(column.straight, y, ridge=ridge).predict(column.straight)
    if margin_p(y, mean, float(sd[0])) < MARGIN_LEVEL:
        return False
    return bool(skewtest(y - mean).pvalue >= SKEW_LEVEL)


def _lines_that_fit(column: Column, ridge: float) -> tuple[Choice, ...]:
    """Return the scales on which a line fits; values are spread over their rounding."""
    unit = 0.0 if column.decimals is None else 10.0**-column.decimals
    y = column.y + unit * (np.random.default_rng(1).random(len(column.y)) - 0.5)
    fits = (NATURAL,) if _line_fits(column, y, ridge) else ()
    logs = LOG in column.candidates and y.min() > 0
    return (*fits, LOG) if logs and _line_fits(column, np.log(y), ridge) else fits


def _best(
    scores: dict[Choice, Floats], varies: bool, fits: tuple[Choice, ...]
) -> tuple[Choice, str]:
    wide = varies and _gain(scores[SPREAD], scores[LEARNED]) > 0
    best = learned = SPREAD if wide else LEARNED
    # A line that fits stays unless a learned scale is better, and any that is clearly better than
    # that; the natural one first, as analysts fit it.
    lines = [line for line in (NATURAL, LOG) if line in scores]
    gains = {line: _gain(scores[line], scores[learned]) for line in lines}
    kept = [line for line in lines if gains[line] >= (-1 if line in fits else CLEARLY)]
    if kept:
        best = kept[0] if _gain(scores[kept[-1]], scores[kept[0]]) <= 1 else kept[-1]
    if LEVELS in scores and _gain(scores[LEVELS], scores[best]) > 1:
        best = LEVELS
    shown = {choice: f"{values.mean():.3f}" for choice, values in scores.items()}
    others = ", ".join(f"{shown[c]} for {c.name}" for c in scores if c is not best)
    refused = "" if NATURAL in fits else "; a line on the natural scale has another shape"
    return best, f"held-out log score {shown[best]} a row, {others}{refused}"


def _gain(better: Floats, worse: Floats) -> float:
    """Return the mean difference in standard errors."""
    difference = better - worse
    error = float(np.std(difference, ddof=1)) / float(np.sqrt(len(difference)))
    return float(np.mean(difference)) / max(error, 1e-12)
