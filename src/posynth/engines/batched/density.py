"""What a batched sampler needs of a posterior: values, gradients and curvature at many points."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Singles = NDArray[np.float32]

ROWS = 512  # of the table that are worked on at once
CELLS = 96 * 1024  # single-precision numbers worked on at once: they fit the second-level cache


@dataclass(frozen=True)
class Curvature:
    """Log-densities and gradients at some points, and the mean curvature over them.

    Attributes
    ----------
    values : ndarray, shape (s,)
        Log-densities up to a constant.
    gradients : ndarray, shape (s, d)
        Their gradients.
    information : ndarray, shape (d, d)
        Minus the Hessian, averaged over the points.
    """

    values: Floats
    gradients: Floats
    information: Floats


class ManyPoints(Protocol):
    """A log-density that is evaluated at many parameter vectors at once."""

    @property
    def size(self) -> int:
        """Number of parameters d."""
        ...

    def values(self, thetas: Floats) -> Floats:
        """Return log p at each row of thetas (s, d), up to a constant, (s,)."""
        ...

    def model_order(self, thetas: Floats) -> Floats:
        """Return thetas (s, d) in the order and coordinates of the PyMC model."""
        ...


class BatchedDensity(ManyPoints, Protocol):
    """A log-density that is evaluated at many parameter vectors in a few matrix products.

    Rows are held in single precision, in pieces that fit the cache; sums over rows are in double
    precision. It states the density of the family's PyMC model a second time, so every fit
    compares the two (see ``posynth.engines.batched.sample``).
    """

    def start(self) -> Floats:
        """Return a point to climb from, (d,)."""
        ...

    def gradients(self, thetas: Floats) -> tuple[Floats, Floats]:
        """Return log p (s,) and its gradient (s, d) at each row of thetas (s, d)."""
        ...

    def curvature(self, thetas: Floats) -> Curvature:
        """Return log p, gradients and the mean curvature over the rows of thetas (s, d)."""
        ...


def pieces(X: Floats) -> list[Singles]:
    """Cut rows into transposed single-precision pieces, each (p, r) with r <= ``ROWS``.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Predictors.
    """
    starts = range(0, len(X), ROWS)
    return [np.ascontiguousarray(X[a : a + ROWS].T, dtype=np.float32) for a in starts]


def subsample(rows: int, most: int) -> NDArray[np.int64]:
    """Return at most ``most`` row numbers, evenly spaced."""
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)
