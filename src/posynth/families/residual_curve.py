r"""The residual curve of ``structured`` as a PyTensor graph; see ``families.curve_basis``.

.. math:: P(E \le e) = \Phi(T(e)), \quad T(e) = \tfrac12 \sinh(2 \tau(w)),
    \quad w = \tfrac12 \operatorname{asinh}(2 e)

with :math:`\tau` the integral of a quadratic spline, here as a sum of truncated powers.
"""

from typing import Any

import numpy as np

from posynth.families.curve_basis import BASIS, CELLS, FURTHEST, KNOT, SIZE, SLOPES, STEEPEST

__all__ = ["SIZE", "curve", "log_density", "normal_score", "residual", "slopes"]

#: Points at which tau is inverted by linear interpolation.
INVERTED = np.linspace(-6.0, 6.0, 2401)


def _powers() -> Any:
    """Return what turns slopes of B-splines into coefficients of truncated powers, both SLOPES."""
    found = np.zeros((SLOPES, SLOPES))
    for j in range(SLOPES):  # of (v - (j - 2))+^2
        for k, factor in ((j, 1.0), (j - 1, -3.0), (j - 2, 3.0), (j - 3, -1.0)):
            if k >= 0:
                found[j, k] = factor / 2
    return found


POWERS = _powers()
STARTS = np.arange(SLOPES) - 2.0


def slopes(shape: Any) -> Any:
    """Return coefficients of truncated powers (..., SLOPES) of shape coefficients (..., SIZE)."""
    import pytensor.tensor as pt

    raw = pt.exp(STEEPEST * pt.tanh(pt.dot(shape, BASIS.T) / STEEPEST))
    return pt.dot(raw, POWERS.T)


def curve(w: Any, powers: Any) -> tuple[Any, Any]:
    """Return tau and its slope at w (n,)."""
    import pytensor.tensor as pt

    inside = pt.clip(w, -FURTHEST, FURTHEST)
    over = pt.maximum((inside + FURTHEST)[:, None] / KNOT - STARTS, 0.0)
    middle = np.maximum(CELLS / 2 - STARTS, 0.0) ** 3
    slope = pt.dot(over**2, powers)
    tau = KNOT / 3 * pt.dot(over**3 - middle, powers)
    return tau + slope * (w - inside), slope


def normal_score(e: Any, powers: Any) -> Any:
    """Return T at residuals e (n,)."""
    import pytensor.tensor as pt

    tau, _ = curve(pt.arcsinh(2 * e) / 2, powers)
    return pt.sinh(pt.clip(2 * tau, -40, 40)) / 2


def log_density(e: Any, powers: Any) -> Any:
    """Return the log-density of residuals e (n,)."""
    import pytensor.tensor as pt

    tau, slope = curve(pt.arcsinh(2 * e) / 2, powers)
    T = pt.sinh(pt.clip(2 * tau, -40, 40)) / 2
    half = 0.5 * np.log(2 * np.pi)
    steep = 0.5 * pt.log1p(4 * T**2) - 0.5 * pt.log1p(4 * e**2)
    return -0.5 * T**2 + steep + pt.log(slope) - half


def residual(z: Any, powers: Any) -> Any:
    """Return the residuals whose normal scores are z (n,)."""
    import pytensor.tensor as pt

    grid, _ = curve(pt.as_tensor(INVERTED), powers)
    wanted = pt.arcsinh(2 * z) / 2
    place = pt.clip(pt.searchsorted(grid, wanted), 1, len(INVERTED) - 1)
    low, high = grid[place - 1], grid[place]
    step = INVERTED[1] - INVERTED[0]
    w = pt.as_tensor(INVERTED)[place - 1] + step * (wanted - low) / (high - low)
    return pt.sinh(2 * w) / 2
