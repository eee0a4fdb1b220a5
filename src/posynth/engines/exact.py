r"""Exact posteriors: linear regression from cross-products, Dirichlet from counts.

That of regressions with random effects stands in ``engines.spread_grid``.

Linear regression. With :math:`A = [1\ X]`, everything needed is :math:`A'A, A'y, y'y, n`.
Under ``conjugate``, ``jeffreys`` and ``flat`` the posterior is normal-inverse-gamma in closed
form. Under ``weak`` the coefficients' prior does not depend on :math:`\sigma`; given
:math:`\sigma` they are normal, and the marginal posterior of :math:`\sigma` is known up to a
constant, so it is drawn by inverting its distribution function on a fine grid of
:math:`\log\sigma`. If y is an exact linear function of X that density has no integral at
:math:`\sigma = 0`; :math:`\sigma` is therefore kept above 1e-7 of the size of y, which is where
rounding of the cross-products hides it anyway. A lognormal regression is that of log y.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import CHAINS, Fit, Task
from posynth.engines.diagnostics import Convergence
from posynth.engines.prior_normal import around_zero, moved_back, prior_sds
from posynth.engines.spread_grid import draw_mixed
from posynth.errors import FitError
from posynth.families.grouped import effect_names

type Floats = NDArray[np.float64]

GRID = 4001
SMALLEST = 1e-7  # of the root mean square of y: the smallest residual sd told from rounding


def fit_exact(task: Task, rng: np.random.Generator) -> Fit:
    """Draw from the closed-form posterior of a family that declares one.

    Parameters
    ----------
    task : Task
        Data and prior.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Fit
        Independent draws.

    Raises
    ------
    FitError
        If the prior is improper and the design does not identify the coefficients.
    """
    size = CHAINS * task.draws
    draws = _SAMPLERS[task.family.facts.exact](task, size, rng)
    shaped = {name: a.reshape(CHAINS, task.draws, *a.shape[1:]) for name, a in draws.items()}
    dims = {name: _DIMS[name] for name in shaped}
    coords = {
        "predictor": task.design.predictors,
        "level": task.response.levels,
        "group": task.design.groups,
        **effect_names(task.design.slopes),
    }
    mixed = Convergence.of_independent(size)
    return Fit(shaped, dims, coords, "exact", mixed, independent=True)


def _dirichlet(task: Task, size: int, rng: np.random.Generator) -> dict[str, Floats]:
    cells = task.design.X.argmax(axis=1)
    counts = np.zeros((len(task.design.predictors), len(task.response.levels)))
    np.add.at(counts, (cells, task.response.y), 1.0)
    shape = counts + task.priors["concentration"]
    # log G(a) = log G(a + 1) + log(U) / a, since a variate of tiny shape underflows to 0.
    gammas = np.log(rng.standard_gamma(shape + 1.0, (size, *counts.shape)))
    gammas -= rng.standard_exponential(gammas.shape) / shape
    p = np.exp(gammas - gammas.max(axis=-1, keepdims=True))
    return {"p": p / p.sum(axis=-1, keepdims=True)}


def _linear(task: Task, size: int, rng: np.random.Generator) -> dict[str, Floats]:
    task, means = around_zero(task)
    moments = _Moments(task.design.X, task.response.y)
    if task.prior == "weak":
        sigma, theta = _semi_conjugate(moments, task, size, rng)
    elif task.prior == "conjugate":
        sigma, theta = _conjugate(moments, task, size, rng)
        return {"variance": sigma**2, "alpha": theta[:, 0], "beta": theta[:, 1:]}
    else:
        # p(sigma) = 1/sigma gives n - p degrees of freedom, p(sigma) = 1 one fewer.
        df = moments.n - moments.size - (task.prior == "flat")
        sigma, theta = _improper(moments, df, task, size, rng)
    return moved_back({"alpha": theta[:, 0], "beta": theta[:, 1:], "sigma": sigma}, means)


def _log_linear(task: Task, size: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw from the regression of log y, standardised, which has the same parameters."""
    response = task.response
    y = (np.log(response.y) - response.center) / response.scale
    return _linear(replace(task, response=replace(response, y=y)), size, rng)


class _Moments:
    """Cross-products of the rows: all that the likelihood depends on."""

    def __init__(self, X: Floats, y: Floats) -> None:
        A = np.column_stack([np.ones(len(X)), X])
        self.n, self.size = A.shape
        self.gram = A.T @ A
        self.cross = A.T @ y
        self.square = float(y @ y)


def _scaled(moments: _Moments, task: Task) -> tuple[Floats, Floats, Floats, Floats]:
    """Rotate to coordinates in which prior and likelihood are both diagonal.

    With D the prior sds and D A'A D = Q diag(lam) Q', theta = D Q u and u ~ N(0, I) a priori.
    """
    sd = prior_sds(task)
    lam, Q = np.linalg.eigh(sd[:, None] * moments.gram * sd)
    rotation = sd[:, None] * Q
    return np.maximum(lam, 0.0), rotation.T @ moments.cross, rotation, sd


def _semi_conjugate(
    moments: _Moments, task: Task, size: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    lam, cross, rotation, _ = _scaled(moments, task)
    rate = task.priors["sigma"]

    def log_marginal(log_sigma: Floats) -> Floats:
        s2 = np.exp(2 * log_sigma)[:, None]
        shrunk = lam + s2
        quadratic = moments.square - np.sum(cross**2 / shrunk, axis=1)
        logdet = np.sum(np.log(shrunk / s2), axis=1)
        fit: Floats = (
            -moments.n * log_sigma - 0.5 * logdet - 0.5 * np.maximum(quadratic, 0) / s2[:, 0]
        )
        # Exp(rate) prior, and the Jacobian of log sigma.
        density: Floats = fit - rate * np.exp(log_sigma) + log_sigma
        return density

    floor = np.log(SMALLEST * (np.sqrt(moments.square / moments.n) or 1.0))
    sigma: Floats = np.exp(_inverse_cdf(log_marginal, floor, size, rng))
    precision = lam / sigma[:, None] ** 2 + 1.0
    mean = cross / sigma[:, None] ** 2 / precision
    u = mean + rng.standard_normal(mean.shape) / np.sqrt(precision)
    return sigma, u @ rotation.T


def _inverse_cdf(
    log_density: Callable[[Floats], Floats], floor: float, size: int, rng: np.random.Generator
) -> Floats:
    """Draw from a one-dimensional density by inverting its distribution function on a grid."""
    grid = np.linspace(floor, floor + 30.0, GRID)
    for _ in range(3):
        values = log_density(grid)
        inside = np.flatnonzero(values > values.max() - 45.0)
        low, high = max(inside[0] - 1, 0), min(inside[-1] + 1, GRID - 1)
        grid = np.linspace(grid[low], grid[high], GRID)
    weight = np.exp(log_density(grid) - log_density(grid).max())
    cumulative = np.concatenate([[0.0], np.cumsum((weight[1:] + weight[:-1]) / 2)])
    drawn: Floats = np.interp(rng.random(size) * cumulative[-1], cumulative, grid)
    return drawn


def _conjugate(
    moments: _Moments, task: Task, size: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    lam, cross, rotation, _ = _scaled(moments, task)
    mean = cross / (lam + 1.0)
    shape = task.priors["shape"] + moments.n / 2
    rest = max(moments.square - float(np.sum(cross**2 / (lam + 1.0))), 0.0)
    scale = task.priors["rate"] + 0.5 * rest
    sigma = np.sqrt(scale / rng.standard_gamma(shape, size))
    noise = rng.standard_normal((size, moments.size)) / np.sqrt(lam + 1.0)
    return sigma, (mean + sigma[:, None] * noise) @ rotation.T


def _improper(
    moments: _Moments, df: int, task: Task, size: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    lam, Q = np.linalg.eigh(moments.gram)
    if df < 1 or lam[0] <= 1e-10 * lam[-1]:
        raise FitError(
            f"column {task.response.name!r}: prior {task.prior!r} is improper and the design does "
            f"not identify its {moments.size} coefficients from {moments.n} rows (collinear, or "
            "too few rows); use prior 'weak', or list fewer predictors"
        )
    mean = Q.T @ moments.cross / lam
    residual = max(moments.square - float(np.sum(lam * mean**2)), 0.0)
    if residual <= 1e-12 * moments.square:
        raise FitError(
            f"column {task.response.name!r} is an exact linear function of its predictors, so its "
            f"posterior under prior {task.prior!r} is improper; use prior 'weak'"
        )
    sigma = np.sqrt(residual / rng.chisquare(df, size))
    noise = rng.standard_normal((size, moments.size)) / np.sqrt(lam)
    return sigma, (mean + sigma[:, None] * noise) @ Q.T


_DIMS: dict[str, tuple[str, ...]] = {
    "alpha": (), "beta": ("predictor",), "sigma": (), "variance": (), "p": ("predictor", "level"),
    "tau": ("effect",), "agreement": ("pair",), "z": ("group", "effect"),
}  # fmt: skip
_SAMPLERS = {
    "linear": _linear,
    "log_linear": _log_linear,
    "dirichlet": _dirichlet,
    "mixed": draw_mixed,
}
