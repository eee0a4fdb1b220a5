"""The likelihood of rows given predictor, log spread and residual curve, with derivatives."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from posynth.families.curve_basis import (
    BASIS,
    LOG_ROOT,
    STEEPEST,
    Curve,
    Floats,
    hats,
    log_density,
)

GRID = np.linspace(-2.6, 2.6, 781)  # of w, on which densities are tabulated; e up to 90
STEP = 1e-3  # of finite differences, in residual standard deviations
TINY = 1e-300


@dataclass(frozen=True)
class Target:
    """What was seen of the response on the model's scale.

    Attributes
    ----------
    lower, upper : ndarray, shape (n,)
        Limits between which the response lies; equal where it is known exactly.
    """

    lower: Floats
    upper: Floats

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Which rows are known exactly, (n,)."""
        exact: NDArray[np.bool_] = self.lower == self.upper
        return exact

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "Target":
        """Return some of the rows."""
        return Target(self.lower[rows], self.upper[rows])


def log_interval(low: Floats, high: Floats) -> Floats:
    """Return log(Phi(high) - Phi(low)) without loss in the tails."""
    flip = low > 0
    a, b = np.where(flip, -high, low), np.where(flip, -low, high)
    upper, lower = log_ndtr(b), log_ndtr(a)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = upper + np.log(-np.expm1(np.minimum(lower - upper, -1e-15)))
    return found


@dataclass(frozen=True)
class Scores:
    """Log-likelihood of n rows at one point, and its derivatives.

    Attributes
    ----------
    values : ndarray, shape (n,)
        Log-likelihoods.
    mean, spread : ndarray, shape (n,)
        Derivatives by the predictor of the mean and by the log spread.
    shape : ndarray, shape (n, SIZE)
        Derivatives by the coefficients of the residual curve.
    """

    values: Floats
    mean: Floats
    spread: Floats
    shape: Floats


def scores(target: Target, mean: Floats, log_sd: Floats, a: Floats) -> Scores:
    """Return the log-likelihood and its derivatives at one point: mean, log_sd (n,), a (SIZE,)."""
    curve, chain = Curve.of(a[None]), _chain(a)
    known, n = target.known, len(mean)
    values, first, second = np.empty(n), np.empty(n), np.empty(n)
    shape = np.empty((n, len(a)))
    rate = np.exp(-log_sd)
    if known.any():
        r, e = rate[known], ((target.lower - mean) * rate)[known]
        L, slope, by_shape = _density_scores(curve, e)
        values[known] = L - log_sd[known]
        first[known], second[known] = -slope * r, -slope * e - 1
        shape[known] = by_shape @ chain
    if not known.all():
        r, m = rate[~known], mean[~known]
        ends = [(side[~known] - m) * r for side in (target.lower, target.upper)]
        low, high = (_end(curve, e) for e in ends)
        value = log_interval(low.T, high.T)
        inverse = np.exp(-np.maximum(value, -600))
        values[~known] = value
        first[~known] = (low.f - high.f) * inverse * r
        second[~known] = (low.fe - high.fe) * inverse
        shape[~known] = ((high.by_slopes - low.by_slopes) * inverse[:, None]) @ chain
    return Scores(values, first, second, shape)


def _chain(a: Floats) -> Floats:
    """Return the derivative of the slopes by the coefficients, (SLOPES, SIZE)."""
    bent = np.tanh(BASIS @ a / STEEPEST)
    slopes = np.exp(STEEPEST * bent)
    found: Floats = (slopes * (1 - bent**2))[:, None] * BASIS
    return found


def _density_scores(curve: Curve, e: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the log-density of residuals (n,), its derivative, and that by the slopes."""
    w = np.arcsinh(2 * e) / 2
    tau, slope, bend = (x[0] for x in curve.at(w[None]))
    T = np.sinh(np.clip(2 * tau, -40, 40)) / 2
    steep, by_T = np.sqrt(1 + 4 * T**2), -T + 4 * T / (1 + 4 * T**2)
    inner = 1 / np.sqrt(1 + 4 * e**2)
    value = -0.5 * T**2 + np.log(steep) + np.log(slope) + np.log(inner) - LOG_ROOT
    by_e = by_T * steep * slope * inner + bend / slope * inner - 4 * e * inner**2
    B, H = hats(w)
    by_slopes = (by_T * steep)[:, None] * H + B / slope[:, None]
    return value, by_e, by_slopes


@dataclass(frozen=True)
class _End:
    """One limit of an interval: its normal score, density, density times e, slopes' derivative."""

    T: Floats
    f: Floats
    fe: Floats
    by_slopes: Floats


def _end(curve: Curve, e: Floats) -> _End:
    there = np.isfinite(e)
    at = np.where(there, e, 0.0)
    w = np.arcsinh(2 * at) / 2
    tau, slope, _ = (x[0] for x in curve.at(w[None]))
    T = np.sinh(np.clip(2 * tau, -40, 40)) / 2
    steep = np.sqrt(1 + 4 * T**2)
    normal = np.where(there, np.exp(-0.5 * T**2 - LOG_ROOT), 0.0)
    f = normal * steep * slope / np.sqrt(1 + 4 * at**2)
    by_slopes = (normal * steep)[:, None] * hats(w)[1]
    return _End(np.where(there, T, e), f, f * at, by_slopes)


@dataclass(frozen=True)
class Information:
    """Information of each row about mean and log spread, and with the residual curve.

    Attributes
    ----------
    mean, both, spread : ndarray, shape (n,)
        Second derivatives, their sign turned.
    mean_shape, spread_shape : ndarray, shape (n, SIZE)
        Cross derivatives.
    shape : ndarray, shape (SIZE, SIZE)
        Summed over rows.
    """

    mean: Floats
    both: Floats
    spread: Floats
    mean_shape: Floats
    spread_shape: Floats
    shape: Floats

    @classmethod
    def zero(cls, n: int, size: int) -> "Information":
        """Return that of n rows about which nothing is known yet."""
        mean, both, spread = np.zeros((3, n))
        mean_shape, spread_shape = np.zeros((2, n, size))
        return cls(mean, both, spread, mean_shape, spread_shape, np.zeros((size, size)))


def information(target: Target, mean: Floats, log_sd: Floats, a: Floats) -> Information:
    """Return the expected information of rows known exactly, the observed one of intervals."""
    known = target.known
    found = Information.zero(len(mean), len(a))
    if known.any():
        E = _expected(a)
        rate = np.exp(-log_sd[known])
        found.mean[known], found.both[known] = E[0, 0] * rate**2, E[0, 1] * rate
        found.spread[known] = E[1, 1]
        found.mean_shape[known] = rate[:, None] * E[0, 2:]
        found.spread_shape[known] = E[1, 2:]
        found.shape[:] = known.sum() * E[2:, 2:]
    if not known.all():
        _observe(found, target, mean, log_sd, a)
    return found


def _expected(a: Floats) -> Floats:
    """Return the information of one row whose sd is 1 about (mean, log sd, a), by quadrature."""
    e = np.sinh(2 * GRID) / 2
    L, slope, by_slopes = _density_scores(Curve.of(a[None]), e)
    S = np.column_stack([-slope, -slope * e - 1, by_slopes @ _chain(a)])
    weight = np.exp(L) * np.cosh(2 * GRID) * (GRID[1] - GRID[0])
    found: Floats = S.T @ (weight[:, None] * S)
    return found


def _observe(found: Information, target: Target, mean: Floats, log_sd: Floats, a: Floats) -> None:
    """Fill in the information of intervals by finite differences of their scores."""
    rows = np.flatnonzero(~target.known)
    part, m, s = target.take(rows), mean[rows], log_sd[rows]
    step = STEP * np.exp(s)
    up, down = (scores(part, m + side * step, s, a) for side in (1, -1))
    wide, narrow = (scores(part, m, s + side * STEP, a) for side in (1, -1))
    by_mean = np.maximum(-(up.mean - down.mean) / (2 * step), 0.0)
    by_spread = np.maximum(-(wide.spread - narrow.spread) / (2 * STEP), 0.0)
    most = 0.95 * np.sqrt(by_mean * by_spread)
    found.mean[rows], found.spread[rows] = by_mean, by_spread
    found.both[rows] = np.clip(-(wide.mean - narrow.mean) / (2 * STEP), -most, most)
    found.mean_shape[rows] = -(up.shape - down.shape) / (2 * step)[:, None]
    found.spread_shape[rows] = -(wide.shape - narrow.shape) / (2 * STEP)
    middle = scores(part, m, s, a).shape
    found.shape[:] += middle.T @ middle


def slope_of(curve: Curve, e: Floats) -> Floats:
    """Return the derivative of the log-density of residuals (s, n)."""
    tau, slope, bend = curve.at(np.arcsinh(2 * e) / 2)
    T = np.sinh(np.clip(2 * tau, -40, 40)) / 2
    square = 1 + 4 * T**2
    inner = 1 / np.sqrt(1 + 4 * e**2)
    found: Floats = inner * (
        (-T + 4 * T / square) * np.sqrt(square) * slope + bend / slope - 4 * e * inner
    )
    return found


def mean_information(a: Floats) -> Floats:
    """Return the expected information of a row with sd 1 about its mean, for curves a (s, SIZE)."""
    w = GRID[::8]
    e = np.broadcast_to(np.sinh(2 * w) / 2, (len(a), len(w)))
    curve = Curve.of(a)
    density = np.exp(log_density(curve, e)) * np.cosh(2 * w)
    found: Floats = np.sum(density * slope_of(curve, e) ** 2, axis=1) * (w[1] - w[0])
    return found
