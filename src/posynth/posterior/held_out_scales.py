"""A bent conditional on the natural scale, or the default that it would replace: held-out rows.

On each of three folds both are fitted to the other rows, learned scales anew, and judged by the
log probability of the bin that each held-out value falls in (``chain.held_out``). The natural
scale is taken unless the other is better by more than a standard error of the difference.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from posynth.chain.blocks import Rows
from posynth.chain.design import Curves, learn
from posynth.chain.held_out import (
    BLUR,
    FOLDS,
    LEARNED,
    LEVELS,
    SPREAD,
    Choice,
    Column,
    below,
    bin_edges,
    log_scores,
)
from posynth.chain.open_rows import part
from posynth.chain.quantiles import learn_scale
from posynth.chain.spec import ChainSpec, Conditional
from posynth.engines.structured.mode import Center, climb
from posynth.engines.structured.sample import make_density
from posynth.families import family
from posynth.families.curve_basis import Curve, normal_scores
from posynth.posterior.task import make_task

type Floats = NDArray[np.float64]
type Candidate = tuple[Conditional, Center]


def held_out_scores(
    rows: Rows, spec: ChainSpec, bent: Candidate, default: Conditional
) -> tuple[Floats, Floats]:
    """Return the held-out log score of every row under both, (n,) each.

    Parameters
    ----------
    rows : Rows
        Rows with a value of the target, n of them.
    spec : ChainSpec
        The chain.
    bent : Conditional and Center
        A conditional of family ``structured``, with its fit to all rows.
    default : Conditional
        One on a learned scale, or of levels.
    """
    target = default.target
    column = _column(rows, spec.predictors(target), default)
    edges = bin_edges(column)
    place = np.searchsorted(edges, column.y)
    low, high = (np.r_[-np.inf, edges][place], np.r_[edges, np.inf][place])
    fold = np.random.default_rng(0).permutation(len(place)) % FOLDS
    scores = np.empty(len(place))
    for k in range(FOLDS):
        test = fold == k
        mass = _masses(rows, spec, bent, test, (low[test], high[test]))
        scores[test] = np.log((1 - BLUR) * mass + BLUR / (len(edges) + 1))
    ridge = 1 / default.scales.get("slope", 2.5) ** 2
    others = log_scores(column, ridge)
    return scores, others.get(choice_of(default), others[LEARNED])


def choice_of(default: Conditional) -> Choice:
    """Return the candidate that a default conditional is."""
    if default.scale == LEVELS.scale:
        return LEVELS
    return SPREAD if default.family == SPREAD.family or default.spread else LEARNED


def _column(rows: Rows, columns: tuple[str, ...], default: Conditional) -> Column:
    """Return target and designs of the default, its products among the columns."""
    mask, target = np.ones(len(rows), dtype=bool), default.target
    straight, curved = (
        learn(rows, columns, "", mask, curves=Curves(q, default.interactions if q else ()))[1]
        for q in (0, default.splines)
    )
    values, decimals = rows.arrays[target], rows.schema[target].decimals
    return Column(values, straight, curved, decimals, rows.learned[target])


def _masses(
    rows: Rows,
    spec: ChainSpec,
    candidate: Candidate,
    test: NDArray[np.bool_],
    bins: tuple[Floats, Floats],
) -> Floats:
    """Return the probability of its bin for each row held out."""
    conditional, center = candidate
    train, target = part(rows, ~test), conditional.target
    scale = learn_scale(train.arrays[target], rows.schema[target].decimals)
    if scale is not None:
        train = replace(train, learned={**rows.learned, target: scale})
    full = spec.with_conditional(conditional)
    task, coding = make_task(train, full, conditional, family(conditional.family))
    density = make_density(task)
    same = density.size == len(center.phi) + len(center.log_tau)
    phi, log_tau = (center.phi, center.log_tau) if same else (None, None)
    b, g, a = density.split(climb(density, phi, log_tau, settled=False).phi)
    X = coding.design(part(rows, test))
    mean, sd = b[0] + X @ b[1:], np.exp(g[0] + X[:, density.spread] @ g[1:])
    if coding.learned is None:
        ends = [(edge - coding.center) / coding.scale for edge in bins]
    else:
        ends = [coding.warp.forward(ndtri(below(coding.learned, edge))) for edge in bins]
    low, high = (_probability(Curve.of(a[None]), (end - mean) / sd) for end in ends)
    return np.maximum(high - low, 0.0)


def _probability(curve: Curve, e: Floats) -> Floats:
    there = np.isfinite(e)
    scores = normal_scores(curve, np.where(there, e, 0.0)[None])[0]
    found: Floats = ndtr(np.where(there, scores, e))
    return found
