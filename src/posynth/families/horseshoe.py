r"""The regularised horseshoe: a prior that shrinks coefficients near zero and leaves large ones.

.. math:: \beta_j \mid \lambda_j, \tau, \sigma \sim N(0, s_j), \qquad
    \frac{1}{s_j^2} = \frac{1}{c^2} + \frac{1}{v_j^2}, \qquad
    v_j^2 = \sigma^2 (\tau^2\lambda_j^2 + f^2), \qquad
    \lambda_j \sim C^+(0, 1), \quad \tau \sim C^+(0, r/\sqrt n)

on standardised predictors. The slab c is the sd of the weak prior, so no coefficient is shrunk
less than there; r is the ratio of predictors thought to matter to those that do not, and
:math:`\sigma` the residual sd (2 for a logit, the inverse root of the information of a fair coin).

Two choices make it quick to sample, and neither changes what a copy shows. The floor
:math:`f = 1/(4\sqrt n)` is a quarter of a coefficient's standard error: below it the data cannot
tell a coefficient from zero. The local scales are summed out over a grid of :math:`\log\lambda`
of step 1/2, on which the half-Cauchy is a hyperbolic secant: given :math:`\tau` the prior of
:math:`\beta_j` is a scale mixture of normals in closed form, smooth at zero. Left are the p + 1
coefficients and one or two scales, without the ridges between a coefficient and its local scale:
a fit of 5000 rows takes a second or so. R2-D2 on a non-centred form of 2p + 3 parameters took NUTS
16 to 38 s for 200 rows, and had not ended after four minutes for 5000.

References
----------
Carvalho, C. M., Polson, N. G. and Scott, J. G. (2010). The horseshoe estimator for sparse signals.
Biometrika 97(2), 465-480. Piironen, J. and Vehtari, A. (2017). Sparsity information and
regularization in the horseshoe and other shrinkage priors. Electronic Journal of Statistics 11(2),
5018-5051.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.families.base import (
    Contents,
    Design,
    Floats,
    Priors,
    Response,
    regression_contents,
)

FLOOR = 0.25  # standard errors of a coefficient
RATIO = 1.0  # half of the predictors; tau learns the rest, and copies depend on it little
#: Grid of log lambda; the half-Cauchy leaves 2e-4 of its mass below it and 4e-6 above.
LOG_LOCAL = np.arange(-8.0, 12.01, 0.5)


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a regression holds, and 1/sqrt(n) as ``error``: a coefficient's, if sd is 1."""
    held = regression_contents(design, response, priors)
    error = np.asarray(1.0 / np.sqrt(max(len(design.X), 1)))
    return Contents({**held.data, "error": (error, ())}, held.coords)


def coefficients(data: Mapping[str, Any], sigma: Any) -> Any:
    """Return beta, (predictor,), under the prior; ``sigma`` is the residual sd."""
    import pymc as pm

    tau = pm.HalfCauchy("tau", data["prior_ratio"] * data["error"])
    variance = sigma**2 * ((tau * np.exp(LOG_LOCAL)) ** 2 + (FLOOR * data["error"]) ** 2)
    slab = data["prior_slope"] ** 2
    scale = pm.math.sqrt(slab * variance / (slab + variance))  # (local,)
    weight = local_weights()
    return pm.NormalMixture("beta", weight, np.zeros_like(weight), scale, dims="predictor")


def local_weights() -> Floats:
    """Return the probabilities of the local scales on the grid.

    Examples
    --------
    >>> weight = local_weights()
    >>> below = float(weight[LOG_LOCAL < 0].sum())
    >>> round(below + weight[LOG_LOCAL == 0].item() / 2, 3)  # the median of a half-Cauchy is 1
    0.5
    """
    mass = 1.0 / np.cosh(LOG_LOCAL)
    weight: Floats = mass / mass.sum()
    return weight
