r"""Proposals that follow a posterior along the axes of its nearest normal where it is skewed.

Coordinates are :math:`\theta = \mu + Lx`. Along each axis the log-density is compared with that
of the normal at 2 and 4 standard deviations; where they differ, as where a level has few rows,
:math:`x_i` is proposed from that normal and, as often, from the posterior's own slice through
the centre, :math:`q_i(x) \propto p(\mu + x L_i)`. Both are tabulated in narrow bins of
constant density.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posynth.engines.batched.density import Floats, ManyPoints
from posynth.engines.batched.gaussian import Gaussian

LOOKED_AT, TOLERATED = np.array([-4.0, -2.0, 2.0, 4.0]), np.array([0.7, 0.15, 0.15, 0.7])
KNOTS = np.array([-6.0, -5, -4, -3, -2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6])
BIN, REACH = 0.04, 9.0  # width of a bin, and how far bins go
LEAST_SLOPE = 1.0  # of the log-density beyond the last knot
FLAT = 1e-6  # share of all mass that is spread evenly, so that no bin is empty
WIDER = 1.04  # than the fitted normal
MOST_POINTS = 4096  # evaluated at once


@dataclass(frozen=True)
class Slices:
    """Densities along some axes.

    Attributes
    ----------
    axes : ndarray of int, shape (a,)
        The axes that are skewed.
    masses : ndarray, shape (a, bins)
        Probability of each bin.
    """

    axes: NDArray[np.intp]
    masses: Floats

    @classmethod
    def none(cls) -> "Slices":
        """Return those of no axis."""
        return cls(np.empty(0, dtype=np.intp), np.empty((0, 0)))

    @classmethod
    def along(cls, density: ManyPoints, gaussian: Gaussian) -> "Slices":
        """Compare a posterior with the normal along all axes, and tabulate where they differ."""
        every = np.arange(density.size)
        off = _profile(density, gaussian, every, LOOKED_AT) + 0.5 * LOOKED_AT**2
        axes = np.flatnonzero((np.abs(off) > TOLERATED).any(axis=1))
        if not len(axes):
            return cls.none()
        logs = _profile(density, gaussian, axes, KNOTS)
        return cls(axes, np.array([_masses(each) for each in logs]))

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw coordinates along these axes, (count, a), with their log densities (count,)."""
        x, log_q = np.empty((count, len(self.axes))), np.zeros(count)
        for j, mass in enumerate(self.masses):
            total = np.cumsum(mass)
            place = np.searchsorted(total, rng.random(count) * total[-1], side="right")
            place = np.minimum(place, len(mass) - 1)
            x[:, j] = -REACH + BIN * (place + rng.random(count))
            log_q += np.log(mass[place] / BIN)
        return x, log_q


def _profile(
    density: ManyPoints, gaussian: Gaussian, axes: NDArray[np.intp], steps: Floats
) -> Floats:
    """Return log-densities along axes at so many standard deviations, centre 0, (axis, step)."""
    points = gaussian.mean + steps[:, None] * gaussian.factor.T[axes][:, None]
    flat = points.reshape(-1, density.size)
    parts = [density.values(flat[a : a + MOST_POINTS]) for a in range(0, len(flat), MOST_POINTS)]
    found: Floats = np.concatenate(parts).reshape(len(axes), len(steps))
    found = found - density.values(gaussian.mean[None])[0]
    return np.where(np.isnan(found), -np.inf, found)


def _masses(logs: Floats) -> Floats:
    """Return probabilities of bins from log-densities at the knots."""
    from scipy.interpolate import PchipInterpolator

    middle = np.arange(-REACH + BIN / 2, REACH, BIN)
    # What it differs by from a normal is smoother than the density itself.
    off = np.maximum(logs, -200.0) + 0.5 * KNOTS**2
    inside = np.clip(middle, KNOTS[0], KNOTS[-1])
    found = PchipInterpolator(KNOTS, off)(inside) - 0.5 * inside**2
    for side, end, inner in ((-1, 0, 1), (1, -1, -2)):
        slope = (logs[inner] - logs[end]) / abs(KNOTS[inner] - KNOTS[end])
        beyond = np.maximum(side * (middle - KNOTS[end]), 0.0)
        found -= max(slope, LEAST_SLOPE) * beyond
    mass, normal = np.exp(found - found.max()), np.exp(-0.5 * (middle / WIDER) ** 2)
    both: Floats = (mass / mass.sum() + normal / normal.sum()) / 2
    return (1 - FLAT) * both + FLAT / len(both)
