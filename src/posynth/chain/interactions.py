r"""Interactions that the rows ask for: products of two predictors' columns, found by score tests.

With residuals R (n, r) of the main effects - of a number r = 1, of K levels K - 1 - a product's
columns P, cleared of X, are tested by :math:`n\,tr\{(P'P)^{-1} P'R\,(R'R)^{-1} R'P\} \sim
\chi^2_{qr}` (Rao's score test of the mean). The pair with the smallest p-value joins, then those
near it are tested again, while p is below ``LEVEL`` divided by the number of pairs.
"""

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from posynth.chain.blocks import Rows

type Floats = NDArray[np.float64]
type Pair = tuple[str, str]

LEVEL = 0.01
#: Pairs whose p-value is more than so many times the limit are not tested again.
NEAR = 100
#: Most interactions of a conditional, columns of one, and pairs tried.
MOST_FOUND, MOST_COLUMNS, MOST_PAIRS = 4, 12, 150


def products_of(
    rows: Rows, columns: tuple[str, ...], mask: NDArray[np.bool_], splines: int = 2
) -> dict[Pair, Floats]:
    """Return the columns of every product of two predictors that could be tested.

    Among them those with the indicators of missing values: of rows in which a predictor is missing
    others tell more than of rows in which it is known.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    columns : tuple of str
        Predictors.
    mask : ndarray of bool, shape (rows,)
        Which rows are looked at.
    splines : int
        Columns of each numeric predictor's spline; 0 for straight lines.
    """
    known = [name for name in columns if name in rows.schema]
    pairs = list(combinations(known, 2))
    if len(pairs) > MOST_PAIRS:
        return {}
    missing = [(rows.indicators[name], name) for name in known if name in rows.indicators]
    pairs += [(i, other) for i, name in missing for other in known if other != name][:MOST_PAIRS]
    return {pair: _cleared(rows.product(pair, splines).values[mask]) for pair in pairs}


def find_interactions(
    products: Mapping[Pair, Floats],
    X: Floats,
    residual: Floats,
    needed: Callable[[Floats, Floats, float], bool] = lambda A, P, level: True,
) -> tuple[Pair, ...]:
    """Return the pairs of predictors whose product explains what main effects leave.

    Parameters
    ----------
    products : Mapping of pair to ndarray, shape (n, q)
        Columns of each product.
    X : ndarray, shape (n, p)
        Standardised design of the main effects.
    residual : ndarray, shape (n, r)
        Residuals, each column with one sd throughout.
    needed : callable
        Confirms a pair by a finer test: told the design so far, the columns and the level.
    """
    limit = LEVEL / max(len(products), 1)
    left = {pair: P for pair, P in products.items() if 0 < P.shape[1] <= MOST_COLUMNS}
    found: list[Pair] = []
    while left and len(found) < MOST_FOUND:
        basis = np.linalg.qr(np.column_stack([np.ones(len(X)), X]))[0]
        residual = residual - basis @ (basis.T @ residual)
        p_values = {pair: _p_value(P, basis, residual) for pair, P in left.items()}
        small = sorted((p, pair) for pair, p in p_values.items() if p < limit)
        best = next((pair for _, pair in small if needed(X, left[pair], limit)), None)
        if best is None:
            break
        found.append(best)
        X = np.column_stack([X, left.pop(best)])
        left = {pair: P for pair, P in left.items() if p_values[pair] < NEAR * limit}
    return tuple(found)


def told(pairs: tuple[Pair, ...]) -> str:
    """Return what notes say of interactions that were found."""
    return f"; interactions {', '.join(map(':'.join, pairs))}" if pairs else ""


def _cleared(product: Floats) -> Floats:
    """Return the columns that vary over enough rows, holes at 0; with mean 0 and sd 1."""
    product = np.nan_to_num(product)
    cases = np.sum(product != 0, axis=0)
    kept = product[:, (cases >= max(20, len(product) / 50)) & (product.std(axis=0) > 0)]
    cleared: Floats = (kept - kept.mean(axis=0)) / kept.std(axis=0)
    return cleared


def _p_value(product: Floats, basis: Floats, residual: Floats) -> float:
    left = product - basis @ (basis.T @ product)
    gram = left.T @ left
    gram[np.diag_indices(len(gram))] *= 1 + 1e-9
    gram[np.diag_indices(len(gram))] += 1e-9
    cross = left.T @ residual
    spread = residual.T @ residual / len(residual) + 1e-12 * np.eye(residual.shape[1])
    statistic = float(np.sum(cross * np.linalg.solve(gram, np.linalg.solve(spread, cross.T).T)))
    return float(chdtrc(cross.size, statistic))
