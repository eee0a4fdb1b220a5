r"""What a leaf of a tree keeps of its rows: probabilities of levels, or a smoothed distribution.

Of numeric values, those that many rows of the column share (at least 20, and 1 in 100) are atoms,
drawn with their own probability. The others are smoothed by a normal kernel,

.. math:: F(y) = \sum_i w_i\,\Phi((y - m - (y_i - m)/r) / (h/r)), \qquad r^2 = 1 + h^2/s^2

with mean m and sd s of the leaf, so that both are kept, and Silverman's
:math:`h = 0.9 \min(s, IQR/1.34)\, n^{-1/5}`. Kept are F's quantiles at fixed probabilities. A leaf
of 5 or more values that all agree keeps that value.

References
----------
Silverman, B. W. (1986). Density Estimation for Statistics and Data Analysis, sections 3.4, 6.4.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.families.base import Floats, Response

#: Probabilities whose quantiles a leaf keeps; none so far out that it is one person's value.
PROBABILITIES = np.concatenate(
    [[0.0005, 0.002, 0.01, 0.025], np.linspace(0.05, 0.95, 19), [0.975, 0.99, 0.998, 0.9995]]
)
SHARED_BY, SHARE, MOST_ATOMS = 20, 0.01, 100
FEW = 5
GRID = 81


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
    response: Response, weight: Floats, leaf: NDArray[np.int64], nodes: int, atoms: Floats
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

    Returns
    -------
    dict
        ``probability`` (node, a) of each atom, and ``quantile`` (node, q) of the other values.
    """
    inside = weight > 0
    y, weight, leaf = response.y[inside], weight[inside], leaf[inside]
    place = np.searchsorted(atoms, y).clip(0, max(len(atoms) - 1, 0))
    is_atom = atoms[place] == y if len(atoms) else np.zeros(len(y), dtype=bool)
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
    spread = float(y[rest].std()) if len(rest) else 0.0
    for rows in np.split(rest, starts[1:]) if len(rest) else ():
        values = y[rows].astype(np.float64)
        quantile[leaf[rows[0]]] = smoothed_quantiles(values, weight[rows], spread)
    return {"probability": probability, "quantile": quantile}


def smoothed_quantiles(y: Floats, weight: Floats, spread: float) -> Floats:
    """Return quantiles of weighted values at PROBABILITIES, smoothed at the same mean and sd.

    Fewer than 5 values, left over beside atoms, are blurred by ``spread``, the column's sd: they
    would otherwise come back nearly as they are.
    """
    from scipy.special import ndtr

    few = len(y) < FEW
    share = weight / weight.sum()
    mean = float(share @ y)
    sd = float(np.sqrt(share @ (y - mean) ** 2))
    if np.ptp(y) == 0.0 and not (few and spread):
        return np.full(len(PROBABILITIES), y[0])
    low, high = np.quantile(y, [0.25, 0.75])
    robust = spread if few else min(sd, (high - low) / 1.34) or sd
    width = 0.9 * robust * len(y) ** -0.2
    shrink = 1.0 if few else np.sqrt(1.0 + (width / sd) ** 2)
    centers, width = mean + (y - mean) / shrink, width / shrink
    grid = np.linspace(centers.min() - 3.5 * width, centers.max() + 3.5 * width, GRID)
    cumulative = ndtr((grid[:, None] - centers) / width) @ share
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
        drawn[smooth] = _interpolated(parameters["quantile"][leaf[smooth]], rng)
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
