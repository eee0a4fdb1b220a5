r"""Donors weighted by distance, on a bootstrap. Copies confidential values.

1. Resample the rows: frequencies :math:`\omega`, a multinomial draw of n from n.
2. Fit a weighted linear regression, with a ridge of 1e-5 of the diagonal of X'WX; predict all.
3. Each synthetic row takes the value of donor i with probability proportional to
   :math:`\omega_i\, |\hat y_i - \hat y|^{-\kappa}`, where
   :math:`\kappa = \min\{(50 R^2/(1 - R^2))^{3/8}, 100\}`.

This is ``mice.impute.midastouch`` with ``outout = FALSE``: donors' predictions are not made anew
without the donor. The posterior stores the column's values beside their predictions, and copies
repeat them, so both are confidential: ask for it by ``copies_values = true``.

References
----------
Gaffert, P., Meinfelder, F. and Bosch, V. (2016). Towards an MI-proper predictive mean matching.
Discussion paper, University of Bamberg. Siddique, J. and Belin, T. R. (2008). Multiple imputation
using an iterative hot-deck with distance-based donor selection. Statistics in Medicine 27, 83-102.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import Design, Floats, Priors, Response, without_model

RIDGE = 1e-5
MOST_KAPPA = 100.0
#: Distances are kept for so many pairs of row and donor at once.
PAIRS = 2_000_000


def fit(
    design: Design, response: Response, scales: Priors, size: int, rng: np.random.Generator
) -> Mapping[str, Any]:
    """Return coefficients, donors with their predictions and weights, and kappa, of resamples."""
    A = np.column_stack([np.ones(len(design.X)), design.X])
    y = response.y.astype(np.float64)
    n = len(y)
    theta, kappa = np.empty((size, A.shape[1])), np.empty(size)
    weights = rng.multinomial(n, np.full(n, 1 / n), size).astype(np.float64)
    for draw_, w in enumerate(weights):
        gram = A.T @ (w[:, None] * A)
        theta[draw_] = np.linalg.solve(gram + RIDGE * np.diag(np.diag(gram)), A.T @ (w * y))
        kappa[draw_] = closeness(y, A @ theta[draw_], w)
    return {
        "alpha": theta[:, 0],
        "beta": theta[:, 1:],
        "prediction": theta @ A.T,
        "donor": np.tile(y, (size, 1)),
        "weight": weights,
        "kappa": kappa,
    }


def closeness(y: Floats, predicted: Floats, weight: Floats) -> float:
    """Return the power of the distance: the better the prediction, the nearer the donors.

    Examples
    --------
    >>> y = np.array([0.0, 1.0, 2.0, 3.0])
    >>> closeness(y, np.full(4, 1.5), np.ones(4))
    0.0
    """
    mean = np.average(y, weights=weight)
    total = float(weight @ (y - mean) ** 2)
    rest = float(weight @ (y - predicted) ** 2)
    explained = max(total - rest, 0.0)
    return min((50 * explained / rest) ** 0.375, MOST_KAPPA) if rest > 0 else MOST_KAPPA


def draw(parameters: Mapping[str, Any], X: Floats, rng: np.random.Generator) -> Floats:
    """Return the value of a donor for every row."""
    wanted = parameters["alpha"] + X @ parameters["beta"]
    donors = parameters["weight"] > 0
    found, value = parameters["prediction"][donors], parameters["donor"][donors]
    log_weight, uniform = np.log(parameters["weight"][donors]), rng.random(len(wanted))
    drawn = np.empty(len(wanted))
    step = max(PAIRS // len(found), 1)
    for start in range(0, len(wanted), step):
        rows = slice(start, start + step)
        distance = np.abs(found - wanted[rows, None])
        # A donor at distance 0 would take all; one as near as rounding tells does the same.
        nearness = np.log(np.maximum(distance, 1e-12 * (np.ptp(found) or 1.0)))
        log_p = log_weight - parameters["kappa"] * nearness
        p = np.cumsum(np.exp(log_p - log_p.max(axis=1, keepdims=True)), axis=1)
        place = (p < uniform[rows, None] * p[:, -1:]).sum(axis=1)
        drawn[rows] = value[place]
    return drawn


FAMILY = without_model(
    FamilyFacts(
        name="midastouch",
        kinds=NUMERIC,
        summary="values of the source from donors weighted by distance, on a bootstrap",
        priors={"none": {}},
        response="natural",
        copies_values=True,
        fitted_by="donors",
        instead="'cart', which draws from smoothed leaves, or 'gaussian'",
    ),
    fit,
    draw,
)
