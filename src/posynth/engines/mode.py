r"""Normal approximation of a posterior: mode, curvature, and a step towards mean and spread.

1. Mode of the unconstrained log-density by L-BFGS, polished by Newton steps, and refused if the
   density is higher three sds away.
2. Hessian at the mode by differences of the gradient; L with L L' its inverse.
3. The approximation is moved from the mode towards the posterior mean: with
   r = grad log p + z in whitened coordinates, E[r] = 0 at the best Gaussian (the stationarity
   condition of Gaussian variational inference), and -E[r_j z_j] corrects the precision of z_j.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posynth.engines.density import Density
from posynth.errors import FitError

type Floats = NDArray[np.float64]

POOL = 60  # gradients that refine the approximation, in antithetic pairs
REFINEMENTS = 2
STEP = 1e-5
BEGINNINGS = 10  # of L-BFGS, where steps of it overflow
RESTARTS = 3  # from a point above what looked like the mode
FLATTEST = 5  # directions in which such a point is sought
LEAST_COST, MOST_COST = 0.1, 50.0  # of one sd; 1/2 on a normal density, 0.3 on a Cauchy-like one
NO_MODE = (
    "the posterior has no interior mode: it is improper, or flat in some direction (perfect "
    "separation, a level that never occurs, or collinear predictors under a flat prior); use "
    "prior 'weak'"
)


@dataclass(frozen=True)
class Mode:
    """Normal approximation at the mode.

    Attributes
    ----------
    theta : ndarray, shape (d,)
        The mode.
    factor : ndarray, shape (d, d)
        L with L L' the inverse of minus the Hessian.
    """

    theta: Floats
    factor: Floats

    def at(self, z: Floats) -> Floats:
        """Map standard normal points (s, d) to proposals (s, d)."""
        return self.theta + z @ self.factor.T


def find_mode(density: Density) -> Mode:
    """Find the mode and the curvature there.

    Raises
    ------
    FitError
        If the density has no interior mode: the posterior is improper or its mode at infinity.
    """
    theta = density.start()
    if density.size == 0:
        return Mode(theta, np.zeros((0, 0)))
    for _ in range(RESTARTS):
        theta, hessian = _polish(density, _ascend(density, theta))
        mode = Mode(theta, _factor(hessian))
        higher = _higher(density, mode, hessian)
        if higher is None:
            return Mode(theta, _factor(_smoothed(density, theta, hessian)))
        theta = higher
    raise FitError(NO_MODE)


def _ascend(density: Density, theta: Floats) -> Floats:
    """Climb by L-BFGS, begun anew with short steps each time it met an overflow.

    There its line search falls back to almost no step at all, which it reports as convergence.
    """
    from scipy.optimize import minimize

    overflows = 0

    def negative(theta: Floats) -> tuple[float, Floats]:
        nonlocal overflows
        value, gradient = density(theta)
        if np.isfinite(value) and np.isfinite(gradient).all():
            return -value, -gradient
        overflows += 1
        return 1e300, np.zeros_like(theta)

    for _ in range(BEGINNINGS):
        overflows = 0
        found = minimize(
            negative, theta, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "gtol": 1e-3}
        )
        theta = np.asarray(found.x)
        if not overflows:
            break
    return theta


def _polish(density: Density, theta: Floats) -> tuple[Floats, Floats]:
    """Take Newton steps from a point near the mode; return it and minus the Hessian there."""
    hessian = hessian_at(density, theta)
    for _ in range(8):
        gradient = density(theta)[1]
        step = _solve(hessian, gradient)
        if gradient @ step < 1e-10:
            return theta, hessian
        theta = _climb(density, theta, step)
    return theta, hessian_at(density, theta)


def _higher(density: Density, mode: Mode, hessian: Floats) -> Floats | None:
    """Look ten Newton steps and three sds away for a point above the mode.

    Where an improper posterior rises for ever towards a bound (separated classes, a level that
    never occurs), every optimiser stops at a point that only looks like a mode. There Newton
    steps keep their length: with tails like exp(-t) gradient and curvature fall together.
    """
    here, gradient = density(mode.theta)
    flattest = 3.0 * _flattest(hessian)
    step = 10.0 * _solve(hessian, gradient)
    points = mode.theta + np.concatenate([step[None], flattest, -flattest])
    heights = density.values(points)
    best = int(heights.argmax())
    return points[best] if heights[best] > here + 1e-9 + 1e-11 * abs(here) else None


def _flattest(hessian: Floats) -> Floats:
    """Return one sd along the directions least is known of, (at most FLATTEST, d)."""
    values, vectors = np.linalg.eigh(hessian)
    return (vectors / np.sqrt(values)).T[:FLATTEST]


def refine(density: Density, mode: Mode, rng: np.random.Generator) -> Mode:
    """Move the normal approximation from the mode towards the posterior's mean and spread.

    Parameters
    ----------
    density : Density
        Log-density with gradient.
    mode : Mode
        Normal approximation to improve.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Mode
        Center and factor of the improved proposal.
    """
    for _ in range(REFINEMENTS):
        half = rng.standard_normal((POOL // 2, density.size))
        z = np.concatenate([half, -half])  # antithetic: odd errors in the mean cancel
        gradients = np.array([density(point)[1] for point in mode.at(z)])
        residual = gradients @ mode.factor + z
        residual = residual[np.isfinite(residual).all(axis=1)]
        if len(residual) < len(z):
            return mode
        shift = np.clip(residual.mean(axis=0), -1.0, 1.0)
        precision = np.clip(1.0 - np.mean(residual * z, axis=0), 0.5, 2.0)
        mode = Mode(mode.theta + mode.factor @ shift, mode.factor / np.sqrt(precision))
        if np.abs(shift).max() < 0.1:
            break
    return mode


def hessian_at(density: Density, theta: Floats) -> Floats:
    """Return minus the Hessian by forward differences of the gradient, (d, d).

    It shapes a proposal that is then corrected, so the error of order ``STEP`` does not matter.
    """
    base = density(theta)[1]
    rows = np.empty((len(theta), len(theta)))
    for i, h in enumerate(STEP * np.maximum(1.0, np.abs(theta))):
        offset = np.zeros_like(theta)
        offset[i] = h
        rows[i] = (base - density(theta + offset)[1]) / h
    return (rows + rows.T) / 2


def _smoothed(density: Density, theta: Floats, hessian: Floats) -> Floats:
    """Return curvature over an sd of the posterior where that at the point tells nothing of it.

    A density with kinks (absolute errors) is flat or sharp at a point and round from afar: where
    one sd of the normal approximation costs nothing like 1/2 of log-density, gradients are
    compared over steps that do.
    """
    here = density(theta)[0]
    steps = _flattest(hessian)
    steps *= np.minimum(1.0, 1e3 / np.linalg.norm(steps, axis=1, keepdims=True))
    costs = here - (density.values(theta + steps) + density.values(theta - steps)) / 2
    if costs.min() > LEAST_COST and costs.max() < MOST_COST:
        return hessian
    rows = np.empty_like(hessian)
    for i, step in enumerate(_unit_steps(density, theta, here)):
        offset = np.zeros_like(theta)
        offset[i] = step
        rows[i] = (density(theta - offset)[1] - density(theta + offset)[1]) / (2 * step)
    found = (rows + rows.T) / 2
    curved = np.linalg.eigvalsh(found)[0] > 1e-9 * np.diag(found).max()
    return found if curved else np.diag(np.diag(found))


def _unit_steps(density: Density, theta: Floats, here: float) -> Floats:
    """Return the step along each axis that costs about 1/2 of log-density, on average of both."""
    steps = np.ones_like(theta)
    for i in range(len(theta)):
        offset = np.zeros_like(theta)
        for _ in range(30):
            offset[i] = steps[i]
            cost = here - density.values(np.array([theta - offset, theta + offset])).mean()
            if 0.25 < cost < 1.0:
                break
            steps[i] *= 2.0 if cost < 0.5 else 0.5
    return steps


def _solve(hessian: Floats, gradient: Floats) -> Floats:
    step: Floats = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
    return step


def _climb(density: Density, theta: Floats, step: Floats) -> Floats:
    """Take a Newton step, halved until the density does not fall."""
    value = density(theta)[0]
    for _ in range(30):
        if density(theta + step)[0] >= value:
            return theta + step
        step = step / 2
    return theta


def _factor(hessian: Floats) -> Floats:
    """Return L with L L' the inverse of the Hessian, triangular in order of information.

    The least informed parameters come last: their coordinates then stand for what is left of them
    given all others, and it is there that posteriors are skew (rare levels, near separation).
    """
    values = np.linalg.eigvalsh(hessian)
    if not np.isfinite(values).all() or values[0] <= 1e-9 * max(values[-1], 1e-9):
        raise FitError(NO_MODE)
    order = np.argsort(-np.diag(hessian), kind="stable")
    inverse = np.linalg.inv(hessian)
    factor = np.empty_like(hessian)
    factor[order] = np.linalg.cholesky(inverse[np.ix_(order, order)])
    return factor
