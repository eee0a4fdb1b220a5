"""Likelihoods of many points by tables: residual curves are tabulated, rows look values up.

Between the points of a table values are cubic, in single precision; residuals beyond it are worked
out in full.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from posynth.engines.structured.rows import Target, log_interval, slope_of
from posynth.families.curve_basis import Curve, Floats, log_density, normal_scores

WIDEST, POINTS = 2.6, 261
W = np.linspace(-WIDEST, WIDEST, POINTS)  # even in asinh(2 e) / 2
STEP = W[1] - W[0]
GRID = np.sinh(2 * W) / 2  # residuals
FURTHEST = float(GRID[-1])  # 90 standard deviations
LEAST = 1e-30


@dataclass(frozen=True)
class Tables:
    """Tables of several residual curves over an grid of residuals.

    Attributes
    ----------
    curve : Curve
        The s curves.
    rows : ndarray, shape (s, 1)
        Where the table of each begins.
    """

    curve: Curve
    rows: np.ndarray

    @classmethod
    def of(cls, curve: Curve) -> "Tables":
        """Tabulate curves."""
        return cls(curve, (POINTS * np.arange(len(curve.slopes), dtype=np.int32))[:, None])

    @property
    def grid(self) -> Floats:
        """The residuals at which values are tabulated, (s, POINTS)."""
        return np.broadcast_to(GRID, (len(self.rows), POINTS))

    def places(self, e: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the place of residuals (s, n) in the table, and how far behind it they are."""
        w = np.arcsinh(2 * np.nan_to_num(e)) / 2
        place = (np.clip(w, -WIDEST, WIDEST) + np.float32(WIDEST)) / np.float32(STEP)
        cell = np.minimum(place.astype(np.int32), POINTS - 2)
        return cell + self.rows, place - cell


def log_likelihoods(target: Target, mean: np.ndarray, log_sd: np.ndarray, curve: Curve) -> Floats:
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
    tables, known = Tables.of(curve), target.known
    total = np.zeros(len(mean))
    rate = np.exp(-log_sd)
    if known.any():
        here = slice(None) if known.all() else known
        e = (target.lower[here].astype(mean.dtype) - mean[:, here]) * rate[:, here]
        cubic = _cubic(
            log_density(curve, tables.grid), slope_of(curve, tables.grid) * np.cosh(2 * W)
        )
        found = _interpolated(cubic, tables.places(e))
        for s, i in zip(*np.nonzero(np.abs(e) > FURTHEST), strict=True):
            found[s, i] = log_density(Curve(curve.slopes[s : s + 1]), np.array([[float(e[s, i])]]))[
                0, 0
            ]
        total += found.sum(axis=1, dtype=np.float64) - log_sd[:, here].sum(axis=1, dtype=np.float64)
    if not known.all():
        total += _log_intervals(target.take(~known), mean[:, ~known], rate[:, ~known], tables)
    return total


def _log_intervals(target: Target, mean: np.ndarray, rate: np.ndarray, tables: Tables) -> Floats:
    """Return the log probability of all intervals, (s,)."""
    low, high = ends(target, mean, rate)
    chance = chances(low, high, tables)
    small = chance < LEAST
    found = np.log(np.where(small, 1.0, chance))
    for s, i in zip(*np.nonzero(small | (low > FURTHEST) | (high < -FURTHEST)), strict=True):
        at = Curve(tables.curve.slopes[s : s + 1])
        two = np.array([[float(low[s, i]), float(high[s, i])]])
        scores = np.where(np.isfinite(two), normal_scores(at, np.nan_to_num(two)), two)
        found[s, i] = log_interval(scores[:, 0], scores[:, 1])[0]
    total: Floats = found.sum(axis=1, dtype=np.float64)
    return total


def ends(target: Target, mean: np.ndarray, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the residuals (s, n) at both limits."""
    low, high = (x.astype(mean.dtype) for x in (target.lower, target.upper))
    return (low - mean) * rate, (high - mean) * rate


def chances(low: np.ndarray, high: np.ndarray, tables: Tables) -> np.ndarray:
    """Return the probability of intervals, (s, n), by the tail that keeps its digits."""
    scores = normal_scores(tables.curve, tables.grid)
    density = np.exp(log_density(tables.curve, tables.grid)) * np.cosh(2 * W)
    first, last = tables.places(low), tables.places(high)
    found: np.ndarray
    below, above = (_cubic(ndtr(sign * scores), sign * density) for sign in (1, -1))
    right = low > 0
    if right.all():
        return _interpolated(above, first) - _interpolated(above, last)
    found = _interpolated(below, last) - _interpolated(below, first)
    if right.any():
        some = [(cell[right], part[right]) for cell, part in (first, last)]
        found[right] = _interpolated(above, some[0]) - _interpolated(above, some[1])
    return found


def _cubic(values: Floats, slopes: Floats) -> list[np.ndarray]:
    """Return tables of the cubics with these values and slopes at the points of the grid."""
    rise, here, there = np.diff(values), STEP * slopes[:, :-1], STEP * slopes[:, 1:]
    parts = values[:, :-1], here, 3 * rise - 2 * here - there, here + there - 2 * rise
    padded = (np.pad(part, ((0, 0), (0, 1))) for part in parts)
    return [np.ascontiguousarray(part, dtype=np.float32).ravel() for part in padded]


def _interpolated(cubic: list[np.ndarray], at: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    cell, part = at
    found = cubic[-1][cell]
    for table in cubic[-2::-1]:
        found = found * part + table[cell]
    return found


def _linear(values: Floats) -> list[np.ndarray]:
    """Return tables of the straight lines between values (s, POINTS) at the points of the grid."""
    parts = values, np.pad(np.diff(values), ((0, 0), (0, 1)))
    return [np.ascontiguousarray(part, dtype=np.float32).ravel() for part in parts]


def mean_gradients(
    target: Target, mean: np.ndarray, log_sd: np.ndarray, curve: Curve
) -> np.ndarray:
    """Return the derivative of each row's log-likelihood by its mean, (s, n)."""
    tables, known = Tables.of(curve), target.known
    rate = np.exp(-log_sd)
    found = np.empty(log_sd.shape, dtype=mean.dtype)
    if known.any():
        e = (target.lower[known].astype(mean.dtype) - mean[known]) * rate[:, known]
        table = _linear(slope_of(curve, tables.grid))
        found[:, known] = -_interpolated(table, tables.places(e)) * rate[:, known]
    if not known.all():
        some = target.take(~known)
        low, high = ends(some, mean[~known], rate[:, ~known])
        density = _linear(np.exp(log_density(curve, tables.grid)))
        f = [
            np.where(np.isfinite(e), _interpolated(density, tables.places(e)), 0.0)
            for e in (low, high)
        ]
        chance = np.maximum(chances(low, high, tables), 1e-12)
        found[:, ~known] = (f[0] - f[1]) / chance * rate[:, ~known]
    return found
