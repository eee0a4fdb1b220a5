r"""The shape of residuals: a monotone curve that turns them into standard normal ones.

A residual e has distribution function :math:`\Phi(T(e))`, with

.. math:: T(e) = \tfrac12 \sinh(2 \tau(w)), \quad w = \tfrac12 \operatorname{asinh}(2 e),
    \quad \tau(w) = \int_0^w \sum_k s_k B_k

B quadratic B-splines on even knots between -1.5 and 1.5, constant beyond (e between -5 and 5).
With all slopes s = 1 this is the normal distribution; slopes below 1 at an end give a heavy tail
there, as in the sinh-arcsinh family (Jones and Pewsey 2009, Biometrika 96:761), which has one
slope; a dip in the middle gives two modes. :math:`\log s = C a`, a the coefficients that are
learned; C leaves the median at 0 and the average log slope at 0, which belong to intercepts of
mean and spread, and its columns get smaller as they get more wiggly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

FURTHEST, CELLS = 1.5, 10
KNOT = 2 * FURTHEST / CELLS
SLOPES = CELLS + 2  # quadratic B-splines on the cells
SIZE = 7  # coefficients: the smoothest combinations of slopes
STEEPEST = 2.5  # largest and smallest log slope
LOG_ROOT = 0.5 * np.log(2 * np.pi)


def _basis() -> Floats:
    """Return C, (SLOPES, SIZE)."""
    second = np.diff(np.eye(SLOPES), 2, axis=0)
    roughness, vectors = np.linalg.eigh(second.T @ second)
    middles = KNOT * (np.arange(SLOPES) - (SLOPES - 1) / 2)
    weights = np.exp(-0.5 * (np.sinh(2 * middles) / 2) ** 2) * np.cosh(2 * middles)
    weights /= weights.sum()
    linear = middles / np.sqrt(weights @ middles**2)
    curved = vectors[:, 2:] / np.sqrt(roughness[2:] / roughness[2])
    columns = np.column_stack([linear, curved * np.sqrt(SLOPES)])[:, :SIZE]
    columns = columns - weights @ columns
    found: Floats = columns * 0.5
    return found


BASIS = _basis()


@dataclass(frozen=True)
class Curve:
    """T for several sets of coefficients.

    Attributes
    ----------
    slopes : ndarray, shape (s, SLOPES)
        Slopes of each.
    """

    slopes: Floats

    @classmethod
    def of(cls, a: Floats) -> "Curve":
        """Return the curves of coefficients (s, SIZE)."""
        return cls(np.exp(STEEPEST * np.tanh(a @ BASIS.T / STEEPEST)))

    def cells(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return in each cell the slope's three polynomial coefficients, and tau at its start."""
        a, b, c = (self.slopes[:, k : k + CELLS] for k in range(3))
        zero, one, two = (a + b) / 2, b - a, (a - 2 * b + c) / 2
        area = KNOT * (zero + one / 2 + two / 3)
        start = np.cumsum(area, axis=1) - area
        return zero, one, two, start - start[:, CELLS // 2, None]

    def at(self, w: Floats) -> tuple[Floats, Floats, Floats]:
        """Return tau, its slope and the slope's derivative at w (s, n)."""
        zero, one, two, start = self.cells()
        place = (np.clip(np.nan_to_num(w), -FURTHEST, FURTHEST) + FURTHEST) / KNOT
        cell = np.minimum(place.astype(np.int64), CELLS - 1)
        part = place - cell
        flat = cell + CELLS * np.arange(len(w))[:, None]
        p0, p1, p2 = zero.ravel()[flat], one.ravel()[flat], two.ravel()[flat]
        slope = p0 + part * (p1 + part * p2)
        tau = start.ravel()[flat] + KNOT * part * (p0 + part * (p1 / 2 + part * p2 / 3))
        beyond = w - np.clip(w, -FURTHEST, FURTHEST)
        inside = beyond == 0
        return tau + slope * beyond, slope, np.where(inside, (p1 + 2 * part * p2) / KNOT, 0.0)


def log_density(curve: Curve, e: Floats) -> Floats:
    """Return the log-density of residuals e (s, n)."""
    tau, slope, _ = curve.at(np.arcsinh(2 * e) / 2)
    T = np.sinh(np.clip(2 * tau, -40, 40)) / 2
    found: Floats = (
        -0.5 * T**2 + 0.5 * np.log1p(4 * T**2) + np.log(slope) - 0.5 * np.log1p(4 * e**2) - LOG_ROOT
    )
    return found


def normal_scores(curve: Curve, e: Floats) -> Floats:
    """Return T at residuals e (s, n)."""
    tau = curve.at(np.arcsinh(2 * e) / 2)[0]
    found: Floats = np.sinh(np.clip(2 * tau, -40, 40)) / 2
    return found


def hats(w: Floats) -> tuple[Floats, Floats]:
    """Return the B-splines and their integrals from 0 at points w (n,), (n, SLOPES) each."""
    inside = np.clip(np.nan_to_num(w), -FURTHEST, FURTHEST)
    place = (inside + FURTHEST) / KNOT
    cell = np.minimum(place.astype(np.int64), CELLS - 1)
    part = place - cell
    rest = 1 - part
    B = np.zeros((len(w), SLOPES))
    H = _STARTS[cell]
    rows = np.arange(len(w))
    for k, (value, area) in enumerate(
        (
            (rest**2 / 2, (1 - rest**3) / 6),
            (0.5 + part * rest, part / 2 + part**2 / 2 - part**3 / 3),
            (part**2 / 2, part**3 / 6),
        )
    ):
        B[rows, cell + k] = value
        H[rows, cell + k] += KNOT * area
    return B, H + B * (w - inside)[:, None]


def _starts() -> Floats:
    """Return the integrals of the B-splines from 0 to the start of each cell, (CELLS, SLOPES)."""
    found: Floats = Curve(np.eye(SLOPES)).cells()[3].T.copy()
    return found


_STARTS = _starts()
