"""Normal approximation of a conditional's posterior around its draws, and what other rows add."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from posynth.chain.blocks import Floats
from posynth.engines.base import Task
from posynth.engines.choose import condition
from posynth.engines.density import Density
from posynth.engines.mode import hessian_at
from posynth.errors import FitError
from posynth.posterior.likelihood import Coded, unconstrained

STRAIGHT = 1.3  # how much longer than expected a slope may be


@dataclass(frozen=True)
class Normal:
    """Normal approximation in the model's unconstrained coordinates.

    Attributes
    ----------
    center : ndarray, shape (d,)
        Mean of the draws.
    factor : ndarray, shape (d, d)
        L with L L' the inverse of minus the Hessian of the log posterior at the center.
    points : ndarray, shape (s, d)
        The draws in whitened coordinates z = inv(L) (theta - center).
    prior : ndarray, shape (d,)
        Gradient of the log prior at the center.
    """

    center: Floats
    factor: Floats
    points: Floats
    prior: Floats


def approximate(coded: Coded, parameters: Mapping[str, Floats]) -> Normal:
    """Approximate a conditional's posterior given the rows it was fitted on.

    The curvature is that of the log-density itself: a covariance matrix of some hundred draws
    would know d directions only to the order of sqrt(d / s).

    Parameters
    ----------
    coded : Coded
        Those rows.
    parameters : Mapping of str to ndarray, shape (s, ...)
        Posterior draws.

    Raises
    ------
    FitError
        If the density has no finite curvature at the center.
    """
    density = Density(condition(coded.task))
    thetas = unconstrained(density.model, parameters)
    center = thetas.mean(axis=0)
    hessian = hessian_at(density, center)
    if not np.isfinite(hessian).all():
        raise FitError(
            f"conditional {coded.task.response.name!r}: its log-density has no finite curvature at "
            "the posterior mean; look at its diagnostics"
        )
    values, vectors = np.linalg.eigh(hessian)
    # Away from the mode a flat direction may curve the other way; it then says next to nothing.
    scales = np.sqrt(np.maximum(values, 1e-9 * max(values[-1], 1e-9)))
    slope = density(center)[1]
    # log p(theta, y, y) - log p(theta, y) = log p(y | theta), whatever the prior.
    prior = 2 * slope - Density(condition(_joined(coded.task, coded.task)))(center)[1]
    return Normal(center, vectors / scales, (thetas - center) @ vectors * scales, prior)


def shift(own: Coded, other: Coded, normal: Normal) -> Floats:
    """Return how far other rows move the center of the posterior, whitened, (d,).

    With a quadratic log-likelihood of c times the posterior's curvature and slope s that is
    s / (1 + c), and over such rows E[s's] = d c (1 + c). Where s is longer, a parameter is skew
    (a rare level, near separation): there the modes given the rows without and with the others
    are sought, and the shift lies between them.
    """
    if not len(other.task.response.y):
        return np.zeros(len(normal.center))
    ratio = len(other.task.response.y) / len(own.task.response.y)
    gradient = Density(condition(other.task))(normal.center)[1] - normal.prior
    slope = normal.factor.T @ gradient
    if slope @ slope <= STRAIGHT * len(slope) * ratio * (1 + ratio):
        moved: Floats = slope / (1 + ratio)
        return moved
    return _climbed(_joined(own.task, other.task), normal) - _climbed(own.task, normal)


def _climbed(task: Task, normal: Normal) -> Floats:
    from scipy.optimize import minimize

    density = Density(condition(task))

    def negative(z: Floats) -> tuple[float, Floats]:
        value, gradient = density(normal.center + normal.factor @ z)
        slope: Floats = -(normal.factor.T @ gradient)
        return (-value, slope) if np.isfinite(value) else (1e300, np.zeros_like(z))

    start: Floats = np.zeros(len(normal.center))
    found = minimize(
        negative, start, jac=True, method="L-BFGS-B", options={"maxiter": 50, "gtol": 0.05}
    )
    return np.asarray(found.x)


def _joined(task: Task, other: Task) -> Task:
    design = replace(task.design, X=np.concatenate([task.design.X, other.design.X]))
    y = np.concatenate([task.response.y, other.response.y])
    return replace(task, design=design, response=replace(task.response, y=y))
