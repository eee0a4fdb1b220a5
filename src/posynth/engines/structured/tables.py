"""Likelihoods of many points by tables: residual curves are tabulated, rows look values up.

Tables hold logs of densities and of both tails, so that the smallest probabilities keep their
digits. Between the points of a table values are cubic, in single precision. Residuals beyond it,
and intervals too narrow for single precision, are worked out in full.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from posynth.engines.structured.rows import Target, log_interval, slope_of
from posynth.families.curve_basis import LOG_ROOT, Curve, Floats, log_density, normal_scores

WIDEST, POINTS = 2.6, 261
W = np.linspace(-WIDEST, WIDEST, POINTS)  # even in asinh(2 e) / 2
STEP = W[1] - W[0]
GRID = np.sinh(2 * W) / 2  # residuals
FURTHEST = float(GRID[-1])  # 90 standard deviations
MOST_SCORE = 1e4  # normal scores beyond are cut in tables
NARROW = 1e-3  # relative difference of two tails below which single precision is too coarse

type Numbers = NDArray[np.floating]  # single precision where there are many rows
type Place = tuple[NDArray[np.integer], Numbers]


@dataclass(frozen=True)
class Tables:
    """Tables of several residual curves over a grid of residuals.

    Attributes
    ----------
    curve : Curve
        The s curves.
    """

    curve: Curve

    @cached_property
    def rows(self) -> NDArray[np.int32]:
        """Where the table of each curve begins, (s, 1)."""
        return (POINTS * np.arange(len(self.curve.slopes), dtype=np.int32))[:, None]

    @cached_property
    def grid(self) -> Floats:
        """The residuals at which values are tabulated, (s, POINTS)."""
        return np.broadcast_to(GRID, (len(self.curve.slopes), POINTS))

    @cached_property
    def density(self) -> list[Numbers]:
        """The log-density."""
        return _cubic(
            log_density(self.curve, self.grid), slope_of(self.curve, self.grid) * np.cosh(2 * W)
        )

    @cached_property
    def tails(self) -> list[Numbers]:
        """The log probability of residuals below those of the grid, and then of those above."""
        scores = np.clip(normal_scores(self.curve, self.grid), -MOST_SCORE, MOST_SCORE)
        steep = np.sqrt(1 + 4 * scores**2) * self.curve.at(np.broadcast_to(W, scores.shape))[1]
        steep = np.where(np.abs(scores) < MOST_SCORE, steep, 0.0)
        below, above = (
            _cubic(log_p, sign * np.exp(-0.5 * scores**2 - LOG_ROOT - log_p) * steep)
            for sign, log_p in ((1, log_ndtr(scores)), (-1, log_ndtr(-scores)))
        )
        return [np.concatenate(parts) for parts in zip(below, above, strict=True)]

    def places(self, e: Numbers) -> Place:
        """Return the place of residuals (s, n) in the table, and how far behind it they are."""
        w = np.arcsinh(2 * np.clip(np.nan_to_num(e), -FURTHEST, FURTHEST)) / 2
        place = (w + np.float32(WIDEST)) / np.float32(STEP)
        cell = np.minimum(place.astype(np.int32), POINTS - 2)
        return cell + self.rows, place - cell

    def log_density(self, e: Numbers) -> Numbers:
        """Return the log-density of residuals (s, n)."""
        found = _interpolated(self.density, self.places(e))
        s, i = np.nonzero(np.abs(e) > FURTHEST)
        if len(s):
            found[s, i] = log_density(self._some(s), e[s, i, None].astype(np.float64))[:, 0]
        return found

    def log_chances(self, low: Numbers, high: Numbers) -> Numbers:
        """Return the log probability of residuals between limits (s, n), which may be infinite.

        Each is a difference of two tails on the side where they are small, as in ``log_interval``.
        """
        right = low > 0
        size = np.where(right, np.int32(self.rows.size * POINTS), np.int32(0))
        first, last = np.where(right, high, low), np.where(right, low, high)
        less, more = (
            _interpolated(self.tails, (cell + size, part))
            for cell, part in map(self.places, (first, last))
        )
        less[np.isinf(first)] = -np.inf
        more[np.isinf(last)] = 0.0
        apart = less - more
        found = more + np.log(-np.expm1(np.minimum(apart, np.float32(-NARROW))))
        beyond = (np.abs(first) > FURTHEST) & np.isfinite(first)
        beyond |= (np.abs(last) > FURTHEST) & np.isfinite(last)
        s, i = np.nonzero(beyond | (apart > -NARROW))
        if len(s):
            e = np.stack([low[s, i], high[s, i]], axis=1).astype(np.float64)
            scores = normal_scores(self._some(s), np.where(np.isfinite(e), e, 0.0))
            scores = np.where(np.isfinite(e), scores, e)
            found[s, i] = log_interval(scores[:, 0], scores[:, 1])
        return found

    def _some(self, places: NDArray[np.intp]) -> Curve:
        return Curve(self.curve.slopes[places])


def log_likelihoods(target: Target, mean: Numbers, log_sd: Numbers, curve: Curve) -> Floats:
    """Return the log-likelihood of all rows for several points, (s,).

    Parameters
    ----------
    target : Target
        n rows.
    mean, log_sd : ndarray, shape (s, n)
        Predictor of the mean and log spread.
    curve : Curve
        One residual curve a point.
    """
    tables, known = Tables(curve), target.known
    total = np.zeros(len(mean))
    rate = np.exp(-log_sd)
    if known.any():
        here = slice(None) if known.all() else known
        e = (target.lower[here].astype(mean.dtype) - mean[:, here]) * rate[:, here]
        total += tables.log_density(e).sum(axis=1, dtype=np.float64)
        total -= log_sd[:, here].sum(axis=1, dtype=np.float64)
    if not known.all():
        low, high = ends(target.take(~known), mean[:, ~known], rate[:, ~known])
        total += tables.log_chances(low, high).sum(axis=1, dtype=np.float64)
    return total


def mean_gradients(target: Target, mean: Numbers, log_sd: Numbers, curve: Curve) -> Numbers:
    """Return the derivative of each row's log-likelihood by its mean (n,), for s points, (s, n)."""
    tables, known = Tables(curve), target.known
    rate = np.exp(-log_sd)
    found = np.empty_like(log_sd)
    if known.any():
        e = (target.lower[known].astype(mean.dtype) - mean[known]) * rate[:, known]
        table = _linear(slope_of(curve, tables.grid))
        found[:, known] = -_interpolated(table, tables.places(e)) * rate[:, known]
    if not known.all():
        low, high = ends(target.take(~known), mean[~known], rate[:, ~known])
        chance = tables.log_chances(low, high)
        f = [
            np.where(np.isfinite(e), np.exp(tables.log_density(e) - chance), 0.0)
            for e in (low, high)
        ]
        found[:, ~known] = (f[0] - f[1]) * rate[:, ~known]
    return found


def ends(target: Target, mean: Numbers, rate: Numbers) -> tuple[Numbers, Numbers]:
    """Return the residuals (s, n) at both limits."""
    low, high = (x.astype(mean.dtype) for x in (target.lower, target.upper))
    return (low - mean) * rate, (high - mean) * rate


def _cubic(values: Floats, slopes: Floats) -> list[Numbers]:
    """Return tables of the cubics with these values and slopes at the points of the grid."""
    rise, here, there = np.diff(values), STEP * slopes[:, :-1], STEP * slopes[:, 1:]
    parts = values[:, :-1], here, 3 * rise - 2 * here - there, here + there - 2 * rise
    padded = (np.pad(part, ((0, 0), (0, 1))) for part in parts)
    return [np.ascontiguousarray(part, dtype=np.float32).ravel() for part in padded]


def _linear(values: Floats) -> list[Numbers]:
    """Return tables of the straight lines between values (s, POINTS) at the points of the grid."""
    parts = values, np.pad(np.diff(values), ((0, 0), (0, 1)))
    return [np.ascontiguousarray(part, dtype=np.float32).ravel() for part in parts]


def _interpolated(table: list[Numbers], at: Place) -> Numbers:
    """Return polynomials, the constant first, at places of their table."""
    cell, part = at
    found: Numbers = table[-1][cell]
    for coefficient in table[-2::-1]:
        found = found * part + coefficient[cell]
    return found
