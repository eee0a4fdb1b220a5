r"""What rows of a normal regression of mean and spread add to a log-density, with derivatives.

With :math:`s = \log\sigma`, a row whose response is known adds :math:`-s - z^2/2`, :math:`z =
(y - \mu)/\sigma`. One known to lie in (l, u) only adds :math:`\log M, M = \Phi(b) - \Phi(a)`. With
:math:`r_a = \phi(a) / M`, :math:`g = r_a - r_b` and :math:`h = a r_a - b r_b` its derivatives are
:math:`g / \sigma` by the mean and h by s, and minus the second ones are :math:`(g^2 - h) /
\sigma^2`, :math:`(g - a^2 r_a + b^2 r_b + g h) / \sigma` and :math:`h - a^3 r_a + b^3 r_b + h^2`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from posynth.engines.structured.rows import log_interval

type Floats = NDArray[np.float64]

LOG_ROOT = float(0.5 * np.log(2 * np.pi))
#: Probability below which the log of an interval is taken in another way.
SMALL = 1e-10


class RowTerms(Protocol):
    """Terms of r rows at s points, each (s, r); derivatives by the mean are times sigma."""

    @property
    def log(self) -> Floats:
        """Return what is added."""
        ...

    @property
    def mean(self) -> Floats:
        """Return the derivative by the mean."""
        ...

    @property
    def spread(self) -> Floats:
        """Return the derivative by the log spread."""
        ...

    def curvature(self) -> tuple[Floats, Floats, Floats]:
        """Return minus the second derivatives: mean, mean and log spread, log spread."""
        ...


@dataclass(frozen=True)
class Known:
    """Rows whose response is known: z and s."""

    z: Floats
    log_spread: Floats

    @property
    def log(self) -> Floats:
        """Return the log-density without its constant."""
        return np.asarray(-self.log_spread - 0.5 * self.z**2)

    @property
    def mean(self) -> Floats:
        """Return z."""
        return self.z

    @property
    def spread(self) -> Floats:
        """Return z^2 - 1."""
        return np.asarray(self.z**2 - 1)

    def curvature(self) -> tuple[Floats, Floats, Floats]:
        """Return 1, 2 z and 2 z^2."""
        return np.ones_like(self.z), 2 * self.z, 2 * self.z**2


@dataclass(frozen=True)
class Between:
    """Rows whose response lies between standardised limits a and b, which may be infinite.

    Examples
    --------
    >>> half = Between(np.array([[-np.inf]]), np.array([[0.0]]))
    >>> half.log.round(4), half.mean.round(4)
    (array([[-0.6931]]), array([[-0.7979]]))
    """

    a: Floats
    b: Floats

    @cached_property
    def log(self) -> Floats:
        """Return the log-probability, exact in the tails too."""
        flip = self.a > 0
        low, high = np.where(flip, -self.b, self.a), np.where(flip, -self.a, self.b)
        mass = ndtr(high) - ndtr(low)
        found = np.log(np.maximum(mass, SMALL))
        rare = mass < SMALL
        if rare.any():
            found[rare] = log_interval(low[rare], high[rare])
        return np.asarray(found)

    @cached_property
    def _ends(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return r_a, r_b and the limits; 0 all where a limit is infinite."""
        there = [np.isfinite(side) for side in (self.a, self.b)]
        a, b = (np.where(t, side, 0.0) for t, side in zip(there, (self.a, self.b), strict=True))
        r_a, r_b = (
            np.exp(np.where(t, -0.5 * side**2 - LOG_ROOT - self.log, -np.inf))
            for t, side in zip(there, (a, b), strict=True)
        )
        return r_a, r_b, a, b

    @cached_property
    def mean(self) -> Floats:
        """Return g."""
        r_a, r_b, _, _ = self._ends
        return np.asarray(r_a - r_b)

    @cached_property
    def spread(self) -> Floats:
        """Return h."""
        r_a, r_b, a, b = self._ends
        return np.asarray(a * r_a - b * r_b)

    def curvature(self) -> tuple[Floats, Floats, Floats]:
        """Return minus the second derivatives."""
        r_a, r_b, a, b = self._ends
        g, h = self.mean, self.spread
        both = g - a**2 * r_a + b**2 * r_b + g * h
        return g**2 - h, both, h - a**3 * r_a + b**3 * r_b + h**2


def row_terms(mean: Floats, log_spread: Floats, lower: Floats, upper: Floats) -> RowTerms:
    """Return the terms of rows that are all known, or all known between limits.

    Parameters
    ----------
    mean, log_spread : ndarray, shape (s, r)
        Of each row at each point.
    lower, upper : ndarray, shape (r,)
        Limits of the response; equal where it is known.
    """
    shrink = np.exp(-log_spread)
    a = (lower - mean) * shrink
    if len(lower) and lower[0] == upper[0]:
        return Known(a, log_spread)
    return Between(a, (upper - mean) * shrink)
