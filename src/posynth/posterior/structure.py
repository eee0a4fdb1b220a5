r"""Curves, interactions and spread of a numeric conditional, chosen by its own likelihood.

1. Every predictor enters: numbers by curves, factors by all of their levels; the model shrinks what
   the data do not ask for (``families.structured``).
2. A pair of predictors joins where the columns P of its product would raise the marginal
   likelihood: with working residuals r and weights W at the mode of the main effects, and the
   coefficients of P normal with variance 1/lambda, the log Bayes factor is

   .. math:: \max_\lambda \tfrac12 \sum_k \log\frac{\lambda}{d_k + \lambda}
       + \tfrac12 \sum_k \frac{u_k^2}{d_k + \lambda}

   d and u from the eigenvectors of P'WP and the scores P'Wr, where P is cleared of the main
   effects (by weighted least squares, without their prior). It must exceed ``BASE_GAIN`` plus the
   log of the number of products tried. The best pairs join together, then the others are looked
   at again.
3. The spread depends on a predictor where squared normal scores of residuals go with it (a score
   test at ``SPREAD_LEVEL``).

Where rows are many, a sample of them is looked at.
"""

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from posynth.chain.beyond import beyond
from posynth.chain.blocks import Rows
from posynth.chain.budget import spline_columns
from posynth.chain.choice import choose, spaced
from posynth.chain.design import Curves, Encoder, learn
from posynth.chain.held_out import scored
from posynth.chain.least_squares import RIDGE
from posynth.chain.mean_check import WORTH, implied_means, mean_shift
from posynth.chain.open_rows import part
from posynth.chain.smooth import product_block, smooth_block
from posynth.chain.spec import ChainSpec, Conditional
from posynth.engines.structured.mode import Center, climb
from posynth.engines.structured.posterior import Structured
from posynth.engines.structured.rows import information, scores
from posynth.engines.structured.sample import make_density
from posynth.families import family
from posynth.posterior.held_out_scales import choice_of, held_out_scores
from posynth.posterior.task import make_task, spread_places
from posynth.table.bounds import is_bounded

type Floats = NDArray[np.float64]
type Pair = tuple[str, str]

STRUCTURED, LINE = "structured", "gaussian"
#: What the default chain has for numbers before it is seen whether they bend.
NUMERIC_DEFAULTS = (LINE, "location_scale", "interval")
LEAST_ROWS, MOST_ROWS = 50, 3000
MOST_CURVES, LEAST_CURVES = 8, 3
COLUMNS_A_ROW = 0.25  # of the design, curves included
MOST_COLUMNS = 240
ROWS_A_COLUMN = 8  # of the design, products included
MOST_HEAPED, MOST_COMPARED = 0.2, 1000  # share in heaps, rows of the comparison of scales
EXACT = -6.0  # log residual sd, in sds of the column, of a line that leaves nothing over
BASE_GAIN, NEAR, ROUNDS, MOST_PAIRS, MOST_TRIED = 3.0, 0.3, 3, 8, 200
IN_SPAN = 1e-6  # share of a product's column beyond main effects below which it adds nothing
LAMBDAS = np.exp(np.linspace(-6, 10, 33))
SPREAD_LEVEL = 0.01


def structured(rows: Rows, spec: ChainSpec, conditional: Conditional) -> Conditional:
    """Choose the scale of a conditional of this family too, as for the default; see ``choose``."""
    columns = spec.predictors(conditional.target)
    line = replace(conditional, family=LINE, scale="natural", scales={})
    chosen = choose(rows, columns, line, spline_columns(rows, columns, 1))
    scale = "natural" if chosen.scale == "levels" else chosen.scale
    return with_structure(rows, spec, replace(chosen, family=STRUCTURED, scale=scale))


def bent_where_asked(rows: Rows, spec: ChainSpec, conditional: Conditional) -> Conditional:
    """Keep a default conditional of a number unless lines on its natural scale bend.

    Parameters
    ----------
    rows, spec, conditional
        As in ``with_structure``; a conditional as ``choose`` leaves it.

    Returns
    -------
    Conditional
        Of family ``structured`` on the natural scale, where the log Bayes factor of a predictor's
        curve or of a product exceeds ``least_gain`` and, if a learned scale was chosen, held-out
        rows do not prefer that. Else as it was: analysts fit straight lines, and on a learned
        scale it has curves and products already.
    """
    columns = spec.predictors(conditional.target)
    known = np.flatnonzero(~np.isnan(rows.arrays[conditional.target]))
    if not columns or len(known) < LEAST_ROWS:
        return conditional
    bent = _bent_line(rows, spec, conditional, columns, known)
    if bent is None and conditional.scale == "learned" and not conditional.rules:
        bent = _where_means_are_refused(rows, spec, conditional, columns, known)
    return conditional if bent is None else bent


def _where_means_are_refused(
    rows: Rows,
    spec: ChainSpec,
    conditional: Conditional,
    columns: tuple[str, ...],
    known: NDArray[np.intp],
) -> Conditional | None:
    """Return a structured conditional on the learned scale where the default's means are wrong."""
    mask = spaced(known, MOST_ROWS, len(rows))
    some = part(rows, mask)
    curves = Curves(conditional.splines, conditional.interactions)
    X = learn(some, columns, curves=curves)[1]
    y, scale = some.arrays[conditional.target], rows.learned[conditional.target]
    choice = choice_of(conditional)
    found = scored(scale, y, X, choice, 1 / conditional.scales.get("slope", 2.5) ** 2)
    means = implied_means(scale, found, X)
    moved = mean_shift(y, means, learn(some, columns, curves=Curves(0))[1])
    if moved * len(known) / len(y) <= WORTH:
        return None
    begun = conditional.note.split(": ")[0]
    note = f"{begun}: the learned scale; means of the default would move slopes of regressions by "
    note += f"{(moved * len(known) / len(y)) ** 0.5:.1f} standard errors"
    new = with_structure(rows, spec, replace(conditional, family=STRUCTURED, note=note))
    kept, why = _compared(rows, known, spec, new, conditional)
    return replace(new, note=new.note + why) if kept else None


def _bent_line(
    rows: Rows,
    spec: ChainSpec,
    conditional: Conditional,
    columns: tuple[str, ...],
    known: NDArray[np.intp],
) -> Conditional | None:
    """Return a bent conditional on the natural scale, if lines there bend and it is not worse."""
    some = part(rows, spaced(known, MOST_ROWS, len(rows)))
    line = replace(conditional, **_start(0, "natural"))
    density, center, _ = _fitted(some, spec, line)
    if center.phi[density.A.shape[1]] < EXACT:
        return None
    if _beyond(some, conditional, columns, len(known)):
        return None
    weight, working = _working(density, center)
    terms = _curves_of(some, columns) | _candidates(some, columns)
    gains = {name: _gain(density.A, weight, working, P) for name, P in terms.items()}
    name = max(gains, key=lambda name: gains[name], default="")
    if not name or gains[name] <= least_gain(len(gains)):
        return None
    said = name if isinstance(name, str) else ":".join(name)
    begun = conditional.note.split(": ")[0]
    note = f"{begun}: the natural scale, bent: log Bayes factor {gains[name]:.1f} for {said}"
    if conditional.scale != "natural":
        pair = () if isinstance(name, str) else (name,)
        bent = _start(_curves(rows, columns, len(known)), "natural") | {"interactions": pair}
        kept, why = _compared(rows, known, spec, replace(conditional, **bent), conditional)
        if not kept:
            return None
        note += why
    return with_structure(rows, spec, replace(conditional, scale="natural", note=note))


def _beyond(rows: Rows, conditional: Conditional, columns: tuple[str, ...], count: int) -> bool:
    """Whether curves on the natural scale reach too far beyond the bounds of the column."""
    column, y = rows.schema[conditional.target], rows.arrays[conditional.target]
    if not is_bounded(column) or conditional.rules:
        return False
    known = ~np.isnan(y)
    curves = Curves(spline_columns(rows, columns, 1))
    X = learn(rows, columns, "", known, curves=curves)[1]
    return beyond(column, y[known], X, RIDGE, count).too_far


def _compared(
    rows: Rows, known: NDArray[np.intp], spec: ChainSpec, bent: Conditional, default: Conditional
) -> tuple[bool, str]:
    """Tell whether held-out rows keep a bent conditional in place of the default, and why."""
    scale = rows.learned[bent.target]
    atoms = np.equal(scale.lower, scale.upper)
    heaped = np.asarray(scale.counts)[atoms].sum() > MOST_HEAPED * scale.masses.sum()
    if heaped and bent.scale == "natural":
        return False, ""
    some = part(rows, spaced(known, MOST_COMPARED, len(rows)))
    scores = held_out_scores(some, spec, (bent, _fitted(some, spec, bent)[1]), default)
    gain = scores[1] - scores[0]
    kept = float(gain.mean()) <= float(np.std(gain, ddof=1)) / len(gain) ** 0.5
    means = [f"{each.mean():.3f}" for each in scores]
    other = "on the other scale" if bent.scale == "natural" else "without"
    return kept, f"; held-out log score so bent {means[0]} a row, {means[1]} {other}"


def least_gain(tried: int) -> float:
    """Return the log Bayes factor that the best of so many terms must exceed."""
    return BASE_GAIN + float(np.log(max(tried, 1)))


def _curves_of(rows: Rows, columns: tuple[str, ...]) -> dict[Any, Floats]:
    """Return the columns of each numeric predictor's curve."""
    found: dict[Any, Floats] = {}
    for name in columns:
        if name in rows.learned and name in rows.schema:
            block, groups = smooth_block(rows, name, MOST_CURVES, False)
            curved = [i for i, group in enumerate(groups) if group]
            found[name] = np.nan_to_num(block.values[:, curved])
    return found


def with_structure(rows: Rows, spec: ChainSpec, conditional: Conditional) -> Conditional:
    """Choose curves, interactions and spread of a numeric conditional.

    Parameters
    ----------
    rows : Rows
        The source, encoded, with learned scales.
    spec : ChainSpec
        The chain.
    conditional : Conditional
        On the scale that was chosen for it.

    Returns
    -------
    Conditional
        Of family ``structured``; as it was where it has no predictors or too few rows.
    """
    columns = spec.predictors(conditional.target)
    known = np.flatnonzero(~np.isnan(rows.arrays[conditional.target]))
    if not columns or len(known) < LEAST_ROWS:
        return conditional
    splines = _curves(rows, columns, len(known))
    some = part(rows, spaced(known, MOST_ROWS, len(rows)))
    start = replace(conditional, **_start(splines, conditional.scale))
    chosen, density, center, encoder = _with_pairs(some, spec, start)
    spread = _spread(density, center, encoder, columns)
    note = conditional.note.split("; splines of")[0].split("; interactions")[0]
    note += _said(splines, chosen.interactions, spread)
    return replace(chosen, spread=spread, note=note)


def _start(splines: int, scale: str) -> dict[str, Any]:
    """Return the fields of a conditional of curves alone."""
    return {
        "family": STRUCTURED,
        "splines": splines,
        "scale": scale,
        "interactions": (),
        "spread": (),
        "corrections": (),
        "scales": {},
        "prior": "",
    }


def _with_pairs(
    rows: Rows, spec: ChainSpec, start: Conditional
) -> tuple[Conditional, Structured, Center, Encoder]:
    """Let the pairs of predictors join that it asks for; return it and its fit."""
    density, center, encoder = _fitted(rows, spec, start)
    candidates = _candidates(rows, spec.predictors(start.target))
    tried = len(candidates)
    for _ in range(ROUNDS):
        room = MOST_PAIRS - len(start.interactions)
        new = _best_pairs(density, center, candidates, room, tried)
        if not new:
            break
        start = replace(start, interactions=(*start.interactions, *new))
        density, center, encoder = _fitted(rows, spec, start)
    return start, density, center, encoder


def _said(splines: int, pairs: tuple[Pair, ...], spread: tuple[str, ...]) -> str:
    said = [f"; curves of up to {splines} functions, shrunk" if splines else "; straight lines"]
    said += [f"interactions {', '.join(map(':'.join, pairs))}"] if pairs else []
    said += [f"spread by {', '.join(spread)}"] if spread else []
    return "; ".join(said)


def _curves(rows: Rows, columns: tuple[str, ...], count: int) -> int:
    """Return how many functions a numeric predictor gets: as many as rows support."""
    numeric = sum(name in rows.learned for name in columns)
    levels = sum(max(len(rows.schema[n].levels), 1) for n in columns if n in rows.schema)
    room = min(COLUMNS_A_ROW * count, MOST_COLUMNS) - levels
    each = int(room // max(numeric, 1))
    return min(each, MOST_CURVES) if each >= LEAST_CURVES else 0


def _fitted(
    rows: Rows, spec: ChainSpec, conditional: Conditional
) -> tuple[Structured, Center, Encoder]:
    full = spec.with_conditional(conditional)
    task, coding = make_task(rows, full, conditional, family(STRUCTURED))
    density = make_density(task)
    assert coding.encoder is not None
    return density, climb(density), coding.encoder


def _candidates(rows: Rows, columns: tuple[str, ...]) -> dict[Pair, Floats]:
    """Return the columns of the product of every pair of predictors."""
    names = [n for n in columns if n in rows.schema and rows.schema[n].kind.is_modelled]
    pairs = list(combinations(names, 2))
    if len(pairs) > MOST_TRIED:
        return {}
    missing = [(rows.indicators[name], name) for name in names if name in rows.indicators]
    pairs += [(i, other) for i, name in missing for other in names if other != name][:MOST_TRIED]
    seen: dict[str, tuple[list[str], Floats]] = {}
    return {pair: product_block(rows, pair, seen)[0].values for pair in pairs}


def _best_pairs(
    density: Structured, center: Center, candidates: dict[Pair, Floats], most: int, tried: int
) -> list[Pair]:
    """Return the pairs that would raise the marginal likelihood most, and drop the hopeless."""
    if not candidates or most <= 0:
        return []
    weight, working = _working(density, center)
    gains = {
        pair: _gain(density.A, weight, working, P[:, P.std(axis=0) > 1e-9])
        for pair, P in candidates.items()
    }
    best = max(gains.values())
    for pair, gain in gains.items():
        if gain < 1.0:
            del candidates[pair]
    least = least_gain(tried)
    chosen = [p for p in sorted(gains, key=lambda p: -gains[p]) if gains[p] > least]
    chosen = [p for p in chosen if gains[p] > NEAR * best][: min(most, MOST_PAIRS // 3 + 1)]
    room = MOST_COLUMNS + 120 - density.A.shape[1]
    kept = []
    for pair in chosen:
        width = candidates[pair].shape[1]
        if width <= room and ROWS_A_COLUMN * (density.A.shape[1] + width) < len(density.X):
            kept.append(pair)
            room -= width
        candidates.pop(pair)
    return kept


def _working(density: Structured, center: Center) -> tuple[Floats, Floats]:
    """Return weights and working residuals of the mean."""
    b, g, a = density.split(center.phi)
    mean, log_sd = density.A @ b, density.B @ g
    weight = np.maximum(information(density.target, mean, log_sd, a).mean, 1e-10)
    residual = scores(density.target, mean, log_sd, a).mean / weight
    return weight, residual


def _cleared(A: Floats, weight: Floats, P: Floats) -> Floats:
    """Return what a product's columns have beyond the main effects, without columns of none.

    Main effects are cleared without their prior: a column in their span would gain by escaping it.
    """
    root = np.sqrt(weight)[:, None]
    left: Floats = P - A @ np.linalg.lstsq(root * A, root * P, rcond=1e-10)[0]
    return left[:, np.linalg.norm(left, axis=0) > IN_SPAN * np.linalg.norm(P, axis=0)]


def _gain(A: Floats, weight: Floats, residual: Floats, P: Floats) -> float:
    """Return the log Bayes factor of a product's columns at its best scale."""
    P = _cleared(A, weight, P)
    if not P.shape[1]:
        return 0.0
    WP = weight[:, None] * P
    gram = P.T @ WP
    size, turn = np.linalg.eigh(gram)
    size = np.maximum(size, 0.0)
    pull = (turn.T @ (WP.T @ residual)) ** 2
    lam = LAMBDAS[:, None]
    gain = 0.5 * np.log(lam / (size + lam)).sum(axis=1) + 0.5 * (pull / (size + lam)).sum(axis=1)
    return float(gain.max())


def _spread(
    density: Structured, center: Center, encoder: Encoder, columns: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the predictors that squared residuals go with."""
    b, g, a = density.split(center.phi)
    found = scores(density.target, density.A @ b, density.B @ g, a).spread
    found = found - found.mean()
    level = SPREAD_LEVEL / max(len(columns), 1) ** 0.5
    return tuple(
        name
        for name in columns
        if _spread_p(found, density.X[:, list(spread_places(encoder, (name,)))]) < level
    )


def _spread_p(found: Floats, Z: Floats) -> float:
    """Return the p-value of the score test that log spreads do not go with Z (n, q)."""
    Z = Z[:, Z.std(axis=0) > 1e-9]
    if not Z.shape[1] or len(Z) < 10 * Z.shape[1]:
        return 1.0
    vectors, sizes, _ = np.linalg.svd(Z - Z.mean(axis=0), full_matrices=False)
    basis = vectors[:, sizes > 1e-6 * sizes[0]]
    part = basis.T @ found
    statistic = len(found) * float(part @ part) / max(float(found @ found), 1e-12)
    return float(chdtrc(basis.shape[1], statistic))
