"""Climb to the mode of a structured additive regression."""

from dataclasses import dataclass

import numpy as np

from posynth.engines.structured.hierarchy import Quadratic
from posynth.engines.structured.posterior import Structured
from posynth.families.curve_basis import Floats

STEPS, HALVINGS, CLOSE = 40, 12, 0.5
ROUNDS, CONVERGED, SETTLED = 25, 0.05, 0.5
FAR = 4.0  # standard deviations
START = np.log(0.3)
RIDGE = 1e-7


@dataclass(frozen=True)
class Center:
    """The normal distribution of coefficients nearest to the posterior, given likely log taus.

    Attributes
    ----------
    phi, log_tau : ndarray, shape (d,) and (G,)
        Mean of the coefficients, and the log taus that are likeliest with them integrated out.
    quadratic : Quadratic
        The likelihood as a normal one around them.
    """

    phi: Floats
    log_tau: Floats
    quadratic: Quadratic


def start(density: Structured) -> Floats:
    """Return coefficients to climb from: the response's own mean and sd."""
    target = density.target
    low = np.where(np.isfinite(target.lower), target.lower, target.upper)
    high = np.where(np.isfinite(target.upper), target.upper, target.lower)
    middle = (low + high) / 2
    phi = np.zeros(density.coefficients)
    phi[0], phi[density.A.shape[1]] = middle.mean(), np.log(max(float(middle.std()), 1e-3))
    return phi


def climb(
    density: Structured,
    phi: Floats | None = None,
    log_tau: Floats | None = None,
    settled: bool = True,
) -> Center:
    """Alternate scoring steps for coefficients with Newton steps for log taus.

    Parameters
    ----------
    density : Structured
        The posterior.
    phi, log_tau : ndarray, optional
        Where to begin.
    settled : bool
        Whether to move from the mode to the mean, which proposals need and a choice does not.
    """
    phi = start(density) if phi is None else phi
    log_tau = np.full(len(density.blocks.scale), START) if log_tau is None else log_tau
    size = np.inf
    for turn in range(STEPS):
        quadratic = around(density, phi)
        log_tau = quadratic.mode(log_tau, 2 if turn < 3 else 6)
        before = size
        step, size = _step(quadratic, phi, log_tau)
        if size < CLOSE or (turn > 5 and before < size < FAR):
            break  # where rows are few the mode can be a ridge: expectations lead away from it
        moved = _uphill(density, phi, log_tau, step)
        if moved is None:
            break
        phi = moved
    if not settled:
        return Center(phi, log_tau, around(density, phi))
    return _settle(density, phi, log_tau)


def _settle(density: Structured, phi: Floats, log_tau: Floats) -> Center:
    """Move from the mode to the mean: expectations over the predictor in place of its value."""
    size, quadratic = np.inf, around(density, phi)
    for turn in range(ROUNDS):
        V = quadratic.center(log_tau)[1]
        p = density.A.shape[1]
        width = np.sqrt(np.maximum(np.sum((density.A @ V[:p, :p]) * density.A, axis=1), 0.0))
        found = around(density, phi, width)
        log_tau = found.mode(log_tau, 6)
        step, moved = _step(found, phi, log_tau)
        if moved > size and size < SETTLED:
            break
        quadratic, size = found, moved
        if size < CONVERGED:
            break
        phi = phi + min(1.0, 2.0 / size) * (1.0 if turn < 2 else 0.7) * step
    return Center(phi, log_tau, quadratic)


def _step(quadratic: Quadratic, phi: Floats, log_tau: Floats) -> tuple[Floats, float]:
    """Return the step to the centre, and its length in posterior standard deviations."""
    A = quadratic.H + np.diag(quadratic.precision(log_tau))
    step = np.linalg.solve(A, quadratic.c) - phi
    return step, max(float(step @ A @ step), 0.0) ** 0.5


def around(density: Structured, phi: Floats, width: Floats | None = None) -> Quadratic:
    """Return the likelihood as a normal one around coefficients (d,).

    With ``width`` (n,), the sd of each row's predictor, gradient and information are expectations
    over two points that far on either side.
    """
    gradient, H = density.expected(phi, width)
    H = _positive(H)
    return Quadratic(H, gradient + H @ phi, density.blocks)


def _positive(H: Floats) -> Floats:
    """Return the nearest matrix without negative eigenvalues, on the scale of its diagonal."""
    size = np.sqrt(np.maximum(np.diag(H), 1e-10))
    values, vectors = np.linalg.eigh(H / np.outer(size, size))
    if values[0] > RIDGE:
        return H
    clipped = (vectors * np.maximum(values, RIDGE)) @ vectors.T
    found: Floats = clipped * np.outer(size, size)
    return found


def _uphill(density: Structured, phi: Floats, log_tau: Floats, step: Floats) -> Floats | None:
    """Halve a step until the posterior given the log taus is higher at its end."""
    theta = np.concatenate([phi, log_tau])[None]
    value = density.values(theta)[0]
    for halved in range(HALVINGS):
        there: Floats = phi + 0.5**halved * step
        found = density.values(np.concatenate([there, log_tau])[None])[0]
        if found > value - 1e-6:
            return there
    return None
