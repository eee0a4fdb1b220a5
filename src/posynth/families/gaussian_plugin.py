r"""Linear regression with its parameters plugged in: not proper.

.. math:: y \sim N(\hat\alpha + X\hat\beta, \hat\sigma)

with ordinary least squares for the coefficients and :math:`\hat\sigma^2` the residual sum of
squares over n - p, in every copy the same: ``mice.impute.norm.nob``, and what synthpop does with
``proper = FALSE``. Copies lack the uncertainty of the parameters; combining rules for plug-in
draws allow for that, those for proper draws do not.

References
----------
van Buuren, S. (2018). Flexible Imputation of Missing Data, 2nd ed., section 3.2.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families import gaussian
from posynth.families.base import Design, Family, Floats, Priors, Response, regression_contents

if TYPE_CHECKING:
    import pymc as pm


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model; its flat prior takes no part in the fit."""
    return gaussian.flat(design, response, priors)


def least_squares(design: Design, response: Response) -> tuple[Floats, float]:
    """Return (intercept, slopes) and the residual sd; of equivalent solutions the shortest."""
    A = np.column_stack([np.ones(len(design.X)), design.X])
    theta, _, rank, _ = np.linalg.lstsq(A, response.y.astype(np.float64), rcond=None)
    residual = response.y - A @ theta
    return theta, float(np.sqrt(residual @ residual / max(len(A) - int(rank), 1)))


def fit(
    design: Design, response: Response, scales: Priors, size: int, rng: np.random.Generator
) -> Mapping[str, Any]:
    """Return the same estimate ``size`` times."""
    theta, sigma = least_squares(design, response)
    sigma = max(sigma, 1e-9)  # a standardised response that its predictors determine
    return {
        "alpha": np.full(size, theta[0]),
        "beta": np.tile(theta[1:], (size, 1)),
        "sigma": np.full(size, sigma),
    }


FAMILY = Family(
    FamilyFacts(
        name="gaussian_plugin",
        kinds=NUMERIC,
        summary="linear regression by least squares plus noise, the same parameters in every copy",
        priors={"flat": {}},
        response="standardised",
        proper=False,
        fitted_by="least squares",
        instead="'gaussian', whose copies each take their own posterior draw",
    ),
    build,
    contents=regression_contents,
    fitter=fit,
)
