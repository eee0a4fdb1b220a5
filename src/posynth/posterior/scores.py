r"""Normal scores of a response on its learned scale.

Where many cases share a value, its score is known only up to the jump of the distribution
function there. Drawing it uniformly within the jump would tie it to nothing and weaken every
coefficient, the more the larger the jump. Scores are therefore drawn given the predictors: Gibbs
steps alternate between a linear regression of scores on X and truncated normal scores within their
jumps, as Albert and Chib (1993) do for ordered categories and Hoff (2007) for rank likelihoods.
The conditional is then fitted to one such draw.

References
----------
Albert, J. H. and Chib, S. (1993). Bayesian analysis of binary and polychotomous response data.
Journal of the American Statistical Association 88, 669-679.
Hoff, P. D. (2007). Extending the rank likelihood for semiparametric copula estimation. Annals of
Applied Statistics 1(1), 265-283.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import ndtr, ndtri

from posynth.chain.scale import Scale

type Floats = NDArray[np.float64]

SWEEPS = 15
#: Precision of a slope's prior, N(0, 2.5), relative to the unit variance of scores.
RIDGE = 0.16
#: Jumps smaller than this need no draw given X.
SMALL_JUMP = 1e-6
FURTHEST = 8.0


def impute_scores(scale: Scale, values: Floats, X: Floats, rng: np.random.Generator) -> Floats:
    """Draw normal scores of values, given predictors where the values leave them open.

    Parameters
    ----------
    scale : Scale
        The column's learned scale.
    values : ndarray, shape (n,)
        Values without holes.
    X : ndarray, shape (n, p)
        Standardised design.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (n,)
        Scores with mean about 0 and sd about 1.
    """
    first, last = scale.bounds(values)
    z = _score(first + rng.random(len(values)) * (last - first))
    free = np.flatnonzero(last - first > SMALL_JUMP)
    if not free.size or not X.shape[1]:
        return z
    low, high = _score(first[free]), _score(last[free])
    A = np.column_stack([np.ones(len(X)), X])
    factor = cho_factor(A.T @ A + RIDGE * np.eye(A.shape[1]))
    for _ in range(SWEEPS):
        theta = cho_solve(factor, A.T @ z)
        left = z - A @ theta
        df = max(len(z) - A.shape[1], 1)
        sd = float(np.sqrt(max(left @ left, 1e-6 * len(z)) / (2 * rng.standard_gamma(df / 2))))
        theta += sd * solve_triangular(factor[0], rng.standard_normal(len(theta)))
        z[free] = _truncated(A[free] @ theta, sd, (low, high), rng)
    return z


def _score(u: Floats) -> Floats:
    scores: Floats = np.clip(ndtri(u), -FURTHEST, FURTHEST)
    return scores


def _truncated(
    mean: Floats, sd: float, limits: tuple[Floats, Floats], rng: np.random.Generator
) -> Floats:
    """Draw from normals cut to (low, high), in whichever half of the curve keeps digits."""
    low, high = ((limit - mean) / sd for limit in limits)
    flip = low > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    a, b = ndtr(low), ndtr(high)
    drawn = np.clip(ndtri(a + rng.random(len(mean)) * (b - a)), low, high)
    return mean + sd * np.where(flip, -drawn, drawn)
