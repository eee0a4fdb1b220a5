"""Simulated chains whose posterior is known exactly, for the calibration of combining rules."""

from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class Runs:
    """Slope of Y on X in simulated studies; the population slope is 0.

    ``q_obs`` and ``v_obs`` are (runs,), ``q`` and ``v`` of the copies (m, runs).
    """

    q_obs: np.ndarray
    v_obs: np.ndarray
    q: np.ndarray
    v: np.ndarray


def sufficient_chain(runs, n, k, m, proper, rng):
    """Bivariate normal chain X, Y | X under Jeffreys priors, through its sufficient statistics.

    A regression on k normal rows enters only by Sxx ~ σx²χ²(k-1), the slope, normal given Sxx,
    and the residual sum of squares ~ σ²χ²(k-2), independent of both: no row need be drawn.
    """
    sxx, ssr = rng.chisquare(n - 1, runs), rng.chisquare(n - 2, runs)
    q_obs = rng.normal(size=runs) / np.sqrt(sxx)
    shape = (m, runs)
    if proper:
        var_x = sxx / rng.chisquare(n - 1, shape)
        var_y = ssr / rng.chisquare(n - 2, shape)
        slope = q_obs + rng.normal(size=shape) * np.sqrt(var_y / sxx)
    else:
        var_x, var_y = (np.broadcast_to(s, shape) for s in (sxx / (n - 1), ssr / (n - 2)))
        slope = q_obs
    sxx_copy = var_x * rng.chisquare(k - 1, shape)
    q = slope + rng.normal(size=shape) * np.sqrt(var_y / sxx_copy)
    v = var_y * rng.chisquare(k - 2, shape) / (k - 2) / sxx_copy
    return Runs(q_obs, ssr / (n - 2) / sxx, q, v)


def _regress(x, y):
    """Least squares along the last axis: slope, its variance, and what a posterior needs."""
    centred = x - x.mean(axis=-1, keepdims=True)
    sxx = (centred**2).sum(axis=-1)
    slope = (centred * y).sum(axis=-1) / sxx
    at_mean = y.mean(axis=-1)
    residual = y - at_mean[..., None] - slope[..., None] * centred
    ssr = (residual**2).sum(axis=-1)
    return slope, ssr / (x.shape[-1] - 2) / sxx, at_mean, sxx, ssr


def rowwise_chain(runs, n, k, m, rng):
    """The same proper chain with every row drawn, k rows a copy."""
    x = rng.normal(size=(runs, n))
    y = rng.normal(size=(runs, n))
    q_obs, v_obs, at_mean, sxx, ssr = _regress(x, y)
    shape = (m, runs)
    var_x = sxx / rng.chisquare(n - 1, shape)
    mean_x = x.mean(axis=-1) + rng.normal(size=shape) * np.sqrt(var_x / n)
    var_y = ssr / rng.chisquare(n - 2, shape)
    slope = q_obs + rng.normal(size=shape) * np.sqrt(var_y / sxx)
    level = at_mean + rng.normal(size=shape) * np.sqrt(var_y / n)
    copy_x = mean_x[..., None] + rng.normal(size=(*shape, k)) * np.sqrt(var_x)[..., None]
    copy_y = level[..., None] + slope[..., None] * (copy_x - x.mean(axis=-1)[:, None])
    copy_y += rng.normal(size=(*shape, k)) * np.sqrt(var_y)[..., None]
    q, v, *_ = _regress(copy_x, copy_y)
    return Runs(q_obs, v_obs, q, v)


@pytest.fixture(scope="session")
def sufficient():
    return sufficient_chain


@pytest.fixture(scope="session")
def rowwise():
    return rowwise_chain
