r"""Proposals for a regression of mean and spread: the spread first, the mean exactly given it.

Given the spread's coefficients the mean's are normal with precision
:math:`A' W A + D, W = diag(e^{-2\eta})`, so only the spread's are proposed from a normal. Where a
level has few rows, mean and spread depend on each other, and a normal for both fits badly.
"""

import numpy as np
from scipy.linalg import lapack

from posynth.engines.batched.axes import WIDER
from posynth.engines.batched.density import Floats
from posynth.engines.batched.gaussian import Gaussian
from posynth.engines.batched.location_scale import LocationScale
from posynth.engines.batched.proposals import Proposals, heavy_normal
from posynth.engines.laplace import proposal_log_density


class MeanGivenSpread(Proposals):
    """Proposals of all parameters with their log densities.

    Parameters
    ----------
    density : LocationScale
        The posterior.
    gaussian : Gaussian
        The normal nearest to it.
    rng : numpy.random.Generator
        Source of randomness.
    """

    def __init__(
        self, density: LocationScale, gaussian: Gaussian, rng: np.random.Generator
    ) -> None:
        super().__init__(density, rng)
        q = density.terms
        self._density: LocationScale = density
        self._center = gaussian.mean[q:]
        covariance = gaussian.factor[q:] @ gaussian.factor[q:].T
        self._factor = WIDER * np.linalg.cholesky(covariance)

    def propose(self, count: int) -> tuple[Floats, Floats]:
        """Draw parameters (count, d); return them with log proposal densities (count,)."""
        density, q = self._density, self._density.terms
        x = heavy_normal(count, q, self._rng)
        gamma, log_q = self._center + x @ self._factor.T, proposal_log_density(x)
        z, beta = self._rng.standard_normal((count, q)), np.empty((count, q))
        for i in range(count):
            precision, right = density.given_spread(gamma[i])
            L, bad = lapack.dpotrf(precision, lower=1)
            if bad:
                beta[i] = np.nan
                continue
            middle = lapack.dpotrs(L, right, lower=1)[0]
            beta[i] = middle + lapack.dtrtrs(L, z[i], lower=1, trans=1)[0]
            log_q[i] += np.log(np.diag(L)).sum()
        return np.hstack([beta, gamma]), log_q - 0.5 * np.sum(z**2, axis=1)
