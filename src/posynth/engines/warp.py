r"""Coordinates in which a posterior is nearly standard normal, skew and all.

First z with theta = center + L z, from the normal approximation. Then, axis by axis,
z_j = T_j(x_j): along each axis the log-density is looked at from the center in four more points,
with slopes; a cubic through them (Hermite), with exponential tails beyond the last point, gives a
density g_j, and T_j maps a standard normal x_j to g_j. T_j is tabulated and linear between the
points of its table, so its Jacobian is known exactly and what is sampled in x is exact for theta.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posynth.engines.density import Density
from posynth.engines.mode import Mode

type Floats = NDArray[np.float64]

KNOTS = np.array([-5.0, -2.2, 0.0, 2.2, 5.0])
GRID = np.linspace(-30.0, 30.0, 3001)  # of z, on which each axis' density is integrated
TABLE = np.linspace(-8.0, 8.0, 641)  # of x
STEP = TABLE[1] - TABLE[0]


@dataclass(frozen=True)
class Warp:
    """Map from x to the unconstrained parameters.

    Attributes
    ----------
    mode : Mode
        Center and factor.
    knots : ndarray, shape (d, table)
        T_j at the points of the table.
    scores : ndarray, shape (d, table)
        Derivative of log g_j there; it steers trajectories and need not be exact.
    """

    mode: Mode
    knots: Floats
    scores: Floats

    def theta(self, x: Floats) -> tuple[Floats, Floats]:
        """Map points x (s, d); return parameters (s, d) and log-Jacobians (s,)."""
        z, slope, _ = self._axes(x)
        return self.mode.at(z), np.log(slope).sum(axis=-1)

    def target(self, density: Density, x: Floats) -> tuple[Floats, Floats]:
        """Log-densities of points x (s, d), and a force field close to their gradients."""
        forces = np.zeros_like(x)
        values = np.full(len(x), -np.inf)
        z, slope, score = self._axes(x)
        points = self.mode.at(z)
        for i in np.flatnonzero(np.isfinite(points).all(axis=1)):
            values[i], forces[i] = density(points[i])
        lost = ~(np.isfinite(values) & np.isfinite(forces).all(axis=1))
        values[lost], forces[lost] = -np.inf, 0.0
        values += np.log(slope).sum(axis=1)
        return values, slope * (forces @ self.mode.factor - score) - x

    def _axes(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Return T(x), its slope, and the score of g at T(x); linear beyond the table."""
        place = (x - TABLE[0]) / STEP
        cell = np.minimum(np.maximum(place, 0), len(TABLE) - 2).astype(np.int64)
        part = place - cell
        at = cell + len(TABLE) * np.arange(x.shape[-1])
        low, left = self.knots.take(at), self.scores.take(at)
        at += 1
        rise, turn = self.knots.take(at) - low, self.scores.take(at) - left
        inner = np.minimum(np.maximum(part, 0), 1)
        return low + part * rise, rise / STEP, left + inner * turn


def warp(density: Density, mode: Mode) -> Warp:
    """Look along every axis and build the map; the density is called 4 d times.

    Parameters
    ----------
    density : Density
        Log-density with gradient.
    mode : Mode
        Center and factor, d dimensions.
    """
    values = np.zeros((density.size, len(KNOTS)))
    slopes = np.zeros((density.size, len(KNOTS)))
    center, gradient = density(mode.theta)
    slopes[:, KNOTS == 0.0] = (gradient @ mode.factor)[:, None]
    for axis in range(density.size):
        direction = mode.factor[:, axis]
        for i in np.flatnonzero(KNOTS):
            value, gradient = density(mode.theta + KNOTS[i] * direction)
            values[axis, i], slopes[axis, i] = value - center, gradient @ direction
    knots = np.empty((density.size, len(TABLE)))
    scores = np.empty((density.size, len(TABLE)))
    for axis in range(density.size):
        knots[axis], scores[axis] = _axis(values[axis], slopes[axis])
    return Warp(mode, knots, scores)


def plain(mode: Mode) -> Warp:
    """Return the map that only whitens: T(x) = x along every axis."""
    size = len(mode.theta)
    return Warp(mode, np.tile(TABLE, (size, 1)), np.tile(-TABLE, (size, 1)))


def _axis(values: Floats, slopes: Floats) -> tuple[Floats, Floats]:
    """Tabulate T and the score of g for one axis."""
    from scipy.special import ndtr

    if not (np.isfinite(values).all() and np.isfinite(slopes).all()):
        return TABLE, -TABLE
    logs = _log_density(values, slopes)
    mass = np.exp(logs - logs.max())
    cumulative = np.concatenate([[0.0], np.cumsum((mass[1:] + mass[:-1]) / 2)])
    cumulative /= cumulative[-1]
    # Interpolating from either end keeps both tails; there T goes on with slope 1 at least.
    lower = np.interp(ndtr(TABLE), cumulative, GRID)
    upper = np.interp(ndtr(-TABLE), (1 - cumulative)[::-1], GRID[::-1])
    knots = np.where(TABLE < 0, lower, upper)
    steps = np.maximum(np.diff(knots), 1e-6 * STEP)
    middle = len(TABLE) // 2
    knots = knots[middle] + np.concatenate([[0.0], np.cumsum(steps)]) - steps[:middle].sum()
    return knots, np.interp(knots, GRID, np.gradient(logs, GRID))


def _log_density(values: Floats, slopes: Floats) -> Floats:
    """Log-density on the grid: cubic between knots, exponential tails beyond."""
    cell = np.clip(np.searchsorted(KNOTS, GRID) - 1, 0, len(KNOTS) - 2)
    width = KNOTS[cell + 1] - KNOTS[cell]
    t = (GRID - KNOTS[cell]) / width
    logs: Floats = values[cell] * (1 + 2 * t) * (1 - t) ** 2 + values[cell + 1] * t**2 * (3 - 2 * t)
    logs += width * (slopes[cell] * t * (1 - t) ** 2 - slopes[cell + 1] * t**2 * (1 - t))
    left, right = KNOTS[0] > GRID, KNOTS[-1] < GRID
    rise, fall = max(slopes[0], 0.5), min(slopes[-1], -0.5)
    logs[left] = values[0] + rise * (GRID[left] - KNOTS[0])
    logs[right] = values[-1] + fall * (GRID[right] - KNOTS[-1])
    bounded: Floats = np.minimum(logs, values.max() + 2.0)
    return bounded
