r"""Interactions that the rows ask for: products of two predictors' columns, found by score tests.

With residuals :math:`r = (z - \mu)/\sigma` of the main effects, a product's columns P, cleared of
X, are tested by :math:`r'P(P'P)^{-1}P'r \sim \chi^2_q` (Rao's score test of the mean). The pair
with the smallest p-value joins, then those near it are tested again, while p is below
``LEVEL`` divided by the number of pairs.
"""

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


def find_interactions(
    rows: Rows, columns: tuple[str, ...], X: Floats, residual: Floats, mask: NDArray[np.bool_]
) -> tuple[Pair, ...]:
    """Return the pairs of predictors whose product explains what main effects leave.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    columns : tuple of str
        Predictors.
    X : ndarray, shape (n, p)
        Standardised design of the main effects.
    residual : ndarray, shape (n,)
        Residuals divided by their sd.
    mask : ndarray of bool, shape (rows,)
        Which rows these are.
    """
    pairs = list(combinations([name for name in columns if name in rows.schema], 2))
    if not pairs or len(pairs) > MOST_PAIRS:
        return ()
    products = {pair: _cleared(rows.product(pair).values[mask]) for pair in pairs}
    products = {pair: P for pair, P in products.items() if 0 < P.shape[1] <= MOST_COLUMNS}
    A = np.column_stack([np.ones(len(X)), X])
    found: list[Pair] = []
    while products and len(found) < MOST_FOUND:
        basis = np.linalg.qr(A)[0]
        residual = residual - basis @ (basis.T @ residual)
        p_values = {pair: _p_value(P, basis, residual) for pair, P in products.items()}
        best = min(p_values, key=lambda pair: p_values[pair])
        if p_values[best] * len(pairs) > LEVEL:
            break
        found.append(best)
        A = np.column_stack([A, products.pop(best)])
        near = NEAR * LEVEL / len(pairs)
        products = {pair: P for pair, P in products.items() if p_values[pair] < near}
    return tuple(found)


def _cleared(product: Floats) -> Floats:
    """Return the columns that vary over enough rows, holes at 0."""
    product = np.nan_to_num(product)
    cases = np.sum(product != 0, axis=0)
    cleared: Floats = product[:, (cases >= max(20, len(product) / 50)) & (product.std(axis=0) > 0)]
    return cleared


def _p_value(product: Floats, basis: Floats, residual: Floats) -> float:
    left = product - basis @ (basis.T @ product)
    gram = left.T @ left
    gram[np.diag_indices(len(gram))] *= 1 + 1e-9
    gram[np.diag_indices(len(gram))] += 1e-9
    cross = left.T @ residual
    statistic = float(cross @ np.linalg.solve(gram, cross)) / max(float(residual.var()), 1e-12)
    return float(chdtrc(product.shape[1], statistic))
