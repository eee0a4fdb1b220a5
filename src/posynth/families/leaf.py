r"""What a leaf of a tree keeps of its rows: probabilities of levels, or a smoothed distribution.

Of numeric values, those that many rows of the column share (at least 20, and 1 in 100) are atoms,
drawn with their own probability. The others are smoothed by a normal kernel on the scores z of
their learned scale (``leaf_scale``),

.. math:: F(z) = \sum_i w_i\,\Phi((z - m - (z_i - m)/r) / (h/r)), \qquad r^2 = 1 + h^2/s^2

with mean m and sd s of the leaf, so that both are kept, and Silverman's
:math:`h = 0.9 \min(s, IQR/1.34)\, n^{-1/5}`. Kept are F's quantiles at fixed probabilities. A leaf
of 5 or more values that all agree keeps that value. Each kernel is cut off where it reaches further
than :math:`3.5 h` on the column's own scale, else values of one mode would be blurred into another.
Fewer than 20 values are smoothed as they are.

References
----------
Silverman, B. W. (1986). Density Estimation for Statistics and Data Analysis, sections 3.4, 6.4.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.quantiles import learn_scale
from posynth.chain.scale import Scale
from posynth.families.base import Floats, Response
from posynth.families.leaf_scale import NAMES, from_scores, pieces_of

#: Probabilities whose quantiles a leaf keeps; none so far out that it is one person's value.
PROBABILITIES = np.concatenate(
    [[0.0005, 0.002, 0.01, 0.025], np.linspace(0.05, 0.95, 19), [0.975, 0.99, 0.998, 0.9995]]
)
SHARED_BY, SHARE, MOST_ATOMS = 20, 0.01, 100
FEW = 5
#: Parameters of which every tree of a draw has the same.
SHARED = ("atom", *NAMES)
#: Points at which smoothed distributions are taken, and widths of the kernel beyond the values.
GRID, OUTWARD = 81, 3.5


def atoms_of(response: Response) -> Floats:
    """Return the values that many rows share: no one person's, and not to be smoothed.

    Every level, if values are levels.

    Examples
    --------
    >>> atoms_of(Response("x", np.array([0.0] * 30 + [1.5, 2.5])))
    array([0.])
    """
    if response.levels:
        return np.arange(len(response.levels), dtype=np.float64)
    found, counts = np.unique(response.y, return_counts=True)
    many = counts >= max(SHARED_BY, SHARE * len(response.y))
    most = np.argsort(-counts[many], kind="stable")[:MOST_ATOMS]
    atoms: Floats = np.sort(found[many][most]).astype(np.float64)
    return atoms


def summarise(
    response: Response,
    weight: Floats,
    leaf: NDArray[np.int64],
    nodes: int,
    atoms: Floats,
    scale: Scale | None = None,
) -> dict[str, Floats]:
    """Summarise the rows of every leaf.

    Parameters
    ----------
    response : Response
        Values or level indices, n rows.
    weight : ndarray, shape (n,)
        Weights of the rows; those of weight 0 count for nothing.
    leaf : ndarray of int, shape (n,)
        Node that each row ends in.
    nodes : int
        Number of nodes.
    atoms : ndarray, shape (a,)
        Values with a probability of their own; every level, for level indices.
    scale : Scale, optional
        Of the other values.

    Returns
    -------
    dict
        ``probability`` (node, a) of each atom, and ``quantile`` (node, q) of the other values, as
        scores where there is a scale.
    """
    inside = weight > 0
    y, weight, leaf = response.y[inside], weight[inside], leaf[inside]
    place, is_atom = _atom_of(y, atoms)
    probability = np.zeros((nodes, len(atoms)))
    np.add.at(probability, (leaf[is_atom], place[is_atom]), weight[is_atom])
    total = np.bincount(leaf, weight, nodes)[:, None]
    np.divide(probability, total, out=probability, where=total > 0)
    if response.levels:
        return {"probability": probability}
    quantile = np.zeros((nodes, len(PROBABILITIES)))
    rest = np.flatnonzero(~is_atom)
    rest = rest[np.argsort(leaf[rest], kind="stable")]
    starts = np.flatnonzero(np.diff(leaf[rest], prepend=-1))
    smoothed = y[rest].astype(np.float64) if scale is None else scale.scores(y[rest])
    spread = float(smoothed.std()) if len(rest) else 0.0
    scores = y.astype(np.float64)
    scores[rest] = smoothed
    for rows in np.split(rest, starts[1:]) if len(rest) else ():
        reach = None if scale is None else _reach(scale, y[rows].astype(np.float64))
        found = smoothed_quantiles(scores[rows], weight[rows], spread, reach)
        quantile[leaf[rows[0]]] = found
    return {"probability": probability, "quantile": quantile}


def _atom_of(y: NDArray[Any], atoms: Floats) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the place of each value among the atoms, and whether it is one."""
    place = np.searchsorted(atoms, y).clip(0, max(len(atoms) - 1, 0))
    return place, atoms[place] == y if len(atoms) else np.zeros(len(y), dtype=bool)


def scale_of(response: Response, atoms: Floats) -> Scale | None:
    """Learn the scale on which values beside atoms are smoothed; None for levels and few values."""
    if response.levels:
        return None
    rest = ~_atom_of(response.y, atoms)[1]
    return learn_scale(response.y[rest].astype(np.float64)) if rest.any() else None


def shared_by_draws(atoms: Floats, scale: Scale | None, size: int) -> dict[str, Floats]:
    """Return what all draws have in common, repeated ``size`` times: atoms, pieces of the scale."""
    parts = {"atom": atoms} | ({} if scale is None else pieces_of(scale))
    return {name: np.tile(values, (size, 1)) for name, values in parts.items()}


def _reach(scale: Scale, y: Floats) -> Floats | None:
    """Return the scores between which each value may be smoothed, (2, n); None for few."""
    if len(y) < FEW:
        return None
    width = OUTWARD * _width(y, float(y.std()))
    return np.array([scale.scores(y - width), scale.scores(y + width)])


def _width(y: Floats, sd: float) -> float:
    """Return Silverman's width of the kernel."""
    low, high = np.quantile(y, [0.25, 0.75])
    return float(0.9 * (min(sd, (high - low) / 1.34) or sd) * len(y) ** -0.2)


def smoothed_quantiles(
    y: Floats, weight: Floats, spread: float, reach: Floats | None = None
) -> Floats:
    """Return quantiles of weighted values at PROBABILITIES, smoothed at the same mean and sd.

    Fewer than 5 values, left over beside atoms, are blurred by ``spread``, the column's sd: they
    would otherwise come back nearly as they are. ``reach`` (2, n) cuts off each kernel.
    """
    from scipy.special import ndtr

    few = len(y) < FEW
    share = weight / weight.sum()
    mean = float(share @ y)
    sd = float(np.sqrt(share @ (y - mean) ** 2))
    if np.ptp(y) == 0.0 and not (few and spread):
        return np.full(len(PROBABILITIES), y[0])
    width = 0.9 * spread * len(y) ** -0.2 if few else _width(y, sd)
    shrink = 1.0 if few else np.sqrt(1.0 + (width / sd) ** 2)
    centers, width = mean + (y - mean) / shrink, width / shrink
    low, high = float(centers.min() - OUTWARD * width), float(centers.max() + OUTWARD * width)
    if reach is not None:
        low, high = max(low, float(reach[0].min())), min(high, float(reach[1].max()))
    grid = np.linspace(low, high, GRID)
    below = ndtr((grid[:, None] - centers) / width)
    if reach is not None:
        first, last = ndtr((reach - centers) / width)
        below = np.clip((below - first) / np.maximum(last - first, 1e-12), 0.0, 1.0)
    cumulative = below @ share
    quantiles: Floats = np.interp(PROBABILITIES, cumulative, grid)
    return quantiles


def draw_leaves(
    parameters: Mapping[str, Any], leaf: NDArray[np.int64], rng: np.random.Generator
) -> Floats:
    """Draw a value from the summary of each row's leaf, shape (k,)."""
    cumulative = np.cumsum(parameters["probability"], axis=1)[leaf]
    uniform = rng.random(len(leaf))
    above = uniform[:, None] >= cumulative
    smooth = above.all(axis=1) if "quantile" in parameters else np.zeros(len(leaf), dtype=bool)
    place = np.minimum(above.sum(axis=1), max(cumulative.shape[1] - 1, 0))
    drawn = np.zeros(len(leaf)) if smooth.all() else parameters["atom"][place].copy()
    if smooth.any():
        found = _interpolated(parameters["quantile"][leaf[smooth]], rng)
        drawn[smooth] = from_scores(parameters, found) if "cut" in parameters else found
    return drawn


def _interpolated(quantiles: Floats, rng: np.random.Generator) -> Floats:
    """Draw one value a row from its quantiles, linear between them."""
    uniform = rng.uniform(PROBABILITIES[0], PROBABILITIES[-1], len(quantiles))
    upper = np.searchsorted(PROBABILITIES, uniform, side="right").clip(1, len(PROBABILITIES) - 1)
    rows = np.arange(len(quantiles))
    low, high = PROBABILITIES[upper - 1], PROBABILITIES[upper]
    start, end = quantiles[rows, upper - 1], quantiles[rows, upper]
    drawn: Floats = start + (end - start) * (uniform - low) / (high - low)
    return drawn
