"""The mean of the column in every row: not proper, and no rule pools such copies.

``mice.impute.mean``: the column has no spread and no relation with any other.

References
----------
van Buuren, S. (2018). Flexible Imputation of Missing Data, 2nd ed., section 1.3.3.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import Design, Floats, Priors, Response, without_model


def fit(
    design: Design, response: Response, scales: Priors, size: int, rng: np.random.Generator
) -> Mapping[str, Any]:
    """Return the mean ``size`` times."""
    return {"alpha": np.full(size, float(np.mean(response.y)))}


def draw(parameters: Mapping[str, Any], X: Floats, rng: np.random.Generator) -> Floats:
    """Return the mean for every row."""
    return np.full(len(X), float(parameters["alpha"]))


FAMILY = without_model(
    FamilyFacts(
        name="constant_mean",
        kinds=NUMERIC,
        summary="the mean of the column in every row",
        priors={"none": {}},
        response="standardised",
        proper=False,
        noisy=False,
        fitted_by="its mean",
        instead="'gaussian' with predictors = [], which draws from the margin",
    ),
    fit,
    draw,
)
