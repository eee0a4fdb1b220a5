r"""The normal distribution nearest to a posterior, from batched gradients and curvature.

1. Newton steps to the mode, halved where they overshoot.
2. Gaussian variational inference: the normal :math:`N(\mu, LL')` of smallest Kullback-Leibler
   divergence to the posterior has :math:`E[\nabla \log p] = 0` and :math:`(LL')^{-1} =
   E[-\nabla^2 \log p]` (Opper and Archambeau 2009). Expectations are taken over pairs
   :math:`\mu \pm \sqrt d L q`, q the columns of random orthogonal matrices, whose odd moments
   vanish and whose second moments are exact over a whole basis. From the second round on the
   steps are damped: plain iteration can swing between two states.

Where rows are many, curvature is needed of a sample only: it tells by how much expectations differ
from values at the centre, and those come from all rows.

References
----------
Opper, M. and Archambeau, C. (2009). The variational Gaussian approximation revisited. Neural
Computation 21(3), 786-792.
"""

from dataclasses import dataclass

import numpy as np

from posynth.engines.batched.density import BatchedDensity, Curvature, Floats

STEPS, HALVINGS, SMALL_STEP = 40, 20, 1e-2
ROUNDS, DAMPED, CONVERGED = 6, 0.7, 0.1
LEAST_POINTS, MOST_POINTS = 32, 160


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution.

    Attributes
    ----------
    mean : ndarray, shape (d,)
        Its mean.
    factor : ndarray, shape (d, d)
        L with L L' its covariance matrix.
    """

    mean: Floats
    factor: Floats

    def at(self, x: Floats) -> Floats:
        """Map whitened points (s, d) to parameters (s, d)."""
        found: Floats = self.mean + x @ self.factor.T
        return found

    def whitened(self, thetas: Floats) -> Floats:
        """Map parameters (s, d) to whitened points (s, d)."""
        found: Floats = np.linalg.solve(self.factor, (thetas - self.mean).T).T
        return found


def nearest_gaussian(
    density: BatchedDensity,
    rng: np.random.Generator,
    part: BatchedDensity | None = None,
    most: int = MOST_POINTS,
) -> Gaussian:
    """Return the normal distribution nearest to a posterior.

    Parameters
    ----------
    density : BatchedDensity
        The posterior.
    rng : numpy.random.Generator
        Source of randomness, for the points at which expectations are taken.
    part : BatchedDensity, optional
        The posterior of a sample of the rows, its likelihood scaled up.
    most : int
        Points at which expectations are taken, at most.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the curvature is not positive definite.
    """
    theta, information = _climb(part or density)
    factor, old = _factor(information), information
    for turn in range(ROUNDS):
        count = max(LEAST_POINTS, min(2 * density.size, most))
        points = theta + _design(density.size, count, rng) @ factor.T
        gradient, information = _expected(density, part, theta, points)
        step = np.linalg.solve(information, gradient)
        size = float(np.linalg.norm(np.linalg.solve(factor, step)))
        if turn:
            information, step = (information + old) / 2, DAMPED * step
        theta, factor, old = theta + step, _factor(information), information
        if size < CONVERGED:
            break
    return Gaussian(theta, factor)


def _expected(
    density: BatchedDensity, part: BatchedDensity | None, center: Floats, points: Floats
) -> tuple[Floats, Floats]:
    """Return the expected gradient (d,) and minus the expected Hessian (d, d)."""
    if part is None:
        found = density.curvature(points)
        return found.gradients.mean(axis=0), found.information
    at = density.curvature(center[None])
    around, middle = part.curvature(points), part.curvature(center[None])
    gradient = at.gradients[0] + around.gradients.mean(axis=0) - middle.gradients[0]
    return gradient, at.information + around.information - middle.information


def _climb(density: BatchedDensity) -> tuple[Floats, Floats]:
    """Return the mode and minus the Hessian near it."""
    theta = density.start()
    here = density.curvature(theta[None])
    for _ in range(STEPS):
        step = np.linalg.solve(here.information, here.gradients[0])
        if here.gradients[0] @ step < SMALL_STEP:
            break
        there = _uphill(density, theta, step, float(here.values[0]))
        if there is None:
            break
        theta, here = there
    return theta, here.information


def _uphill(
    density: BatchedDensity, theta: Floats, step: Floats, value: float
) -> tuple[Floats, Curvature] | None:
    """Halve a step until the density is higher at its end."""
    for _ in range(HALVINGS):
        found = density.curvature((theta + step)[None])
        if found.values[0] >= value:
            return theta + step, found
        step = step / 2
    return None  # nothing is higher within single precision


def _factor(information: Floats) -> Floats:
    """Return lower triangular L with L L' the inverse of a positive definite matrix."""
    # The Cholesky factor of the matrix turned end to end gives that of its inverse.
    root = np.linalg.cholesky(information[::-1, ::-1])
    inverse: Floats = np.linalg.inv(root)[::-1, ::-1].T
    return np.tril(inverse)


def _design(size: int, count: int, rng: np.random.Generator) -> Floats:
    """Return ``count`` or a few more points (s, d) with mean 0 and, over bases, covariance 1."""
    found: list[Floats] = []
    left = count // 2
    while left > 0:
        take = min(size, left)
        basis = np.linalg.qr(rng.standard_normal((size, take)))[0].T * np.sqrt(size)
        found += [basis, -basis]
        left -= take
    return np.concatenate(found)
