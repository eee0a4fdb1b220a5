r"""The mean given the predictors, without noise: not proper, and no rule pools such copies.

.. math:: y = \hat\alpha + X\hat\beta

by ordinary least squares: ``mice.impute.norm.predict``. Every relation with the predictors comes
out too strong, and every spread too small.

References
----------
van Buuren, S. (2018). Flexible Imputation of Missing Data, 2nd ed., section 1.3.4.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import Design, Floats, Priors, Response, without_model
from posynth.families.gaussian_plugin import least_squares


def fit(
    design: Design, response: Response, scales: Priors, size: int, rng: np.random.Generator
) -> Mapping[str, Any]:
    """Return the same estimate ``size`` times."""
    theta, _ = least_squares(design, response)
    return {"alpha": np.full(size, theta[0]), "beta": np.tile(theta[1:], (size, 1))}


def draw(parameters: Mapping[str, Any], X: Floats, rng: np.random.Generator) -> Floats:
    """Return the mean of every row."""
    mean: Floats = parameters["alpha"] + X @ parameters["beta"]
    return mean


FAMILY = without_model(
    FamilyFacts(
        name="deterministic_mean",
        kinds=NUMERIC,
        summary="the mean given the predictors, by least squares, without noise",
        priors={"none": {}},
        response="standardised",
        proper=False,
        noisy=False,
        fitted_by="least squares",
        instead="'gaussian', which adds the noise and the uncertainty that are missing here",
    ),
    fit,
    draw,
)
