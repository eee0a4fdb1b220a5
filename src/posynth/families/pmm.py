r"""Predictive mean matching: every row takes a real value from a donor. Copies confidential values.

1. Draw :math:`\sigma^{*2}` and :math:`\beta^*` of a linear regression as ``mice.impute.norm`` does,
   with a ridge of 1e-5 of the diagonal of X'X.
2. Predict donors with :math:`\hat\beta` and synthetic rows with :math:`\beta^*` (type 1 matching).
3. Each synthetic row takes the value of one of the 5 donors whose prediction is nearest.

The posterior stores the column's values beside their predictions, and copies repeat them, so both
are confidential: the family must be asked for by ``copies_values = true``. The donors themselves
are not drawn anew, which makes intervals a little short where donors are few.

References
----------
Little, R. J. A. (1988). Missing-data adjustments in large surveys. Journal of Business & Economic
Statistics 6(3), 287-296. van Buuren, S. (2018). Flexible Imputation of Missing Data, 2nd ed.,
section 3.4.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import Design, Floats, Priors, Response, without_model

RIDGE = 1e-5


def fit(
    design: Design, response: Response, scales: Priors, size: int, rng: np.random.Generator
) -> Mapping[str, Any]:
    """Return coefficients drawn, and donors in the order of their predictions."""
    A = np.column_stack([np.ones(len(design.X)), design.X])
    y = response.y.astype(np.float64)
    gram = A.T @ A
    precision = gram + RIDGE * np.diag(np.diag(gram))
    estimate = np.linalg.solve(precision, A.T @ y)
    residual = y - A @ estimate
    df = max(len(A) - A.shape[1], 1)
    sigma = np.sqrt(residual @ residual / rng.chisquare(df, size))
    root = np.linalg.inv(np.linalg.cholesky(precision)).T  # root root' = precision^-1
    drawn = estimate + sigma[:, None] * (rng.standard_normal((size, len(gram))) @ root.T)
    predicted = A @ estimate
    order = np.argsort(predicted, kind="stable")
    return {
        "alpha": drawn[:, 0],
        "beta": drawn[:, 1:],
        "prediction": np.tile(predicted[order], (size, 1)),
        "donor": np.tile(y[order], (size, 1)),
        "donors": np.full(size, scales["donors"]),
    }


def draw(parameters: Mapping[str, Any], X: Floats, rng: np.random.Generator) -> Floats:
    """Return one of the nearest donors' values for every row."""
    found, donor = parameters["prediction"], parameters["donor"]
    wanted = parameters["alpha"] + X @ parameters["beta"]
    count = min(int(parameters["donors"]), len(donor))
    place = np.searchsorted(found, wanted)[:, None] + np.arange(-count, count)
    distance = np.abs(found[np.clip(place, 0, len(found) - 1)] - wanted[:, None])
    distance[(place < 0) | (place >= len(found))] = np.inf
    nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
    chosen = rng.integers(0, count, len(X))
    rows = np.arange(len(X))
    value: Floats = donor[place[rows, nearest[rows, chosen]]]
    return value


FAMILY = without_model(
    FamilyFacts(
        name="pmm",
        kinds=NUMERIC,
        summary="predictive mean matching, a value of the source from one of the nearest donors",
        priors={"donors": {"donors": 5.0}},
        response="natural",
        copies_values=True,
        fitted_by="donors",
        instead="'cart', which draws from smoothed leaves, or 'gaussian'",
    ),
    fit,
    draw,
)
