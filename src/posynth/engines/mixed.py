r"""Exact posterior of Gaussian regression with random intercepts and slopes.

.. math:: y = A\theta + \sum_k W_k \tau_k z_k + \sigma e

with :math:`A = [1\ X]` has, given :math:`\rho_k = \tau_k/\sigma` and :math:`\sigma`, a normal
posterior of :math:`\theta` and z. What is left, the marginal posterior of the few spreads, is known
up to a constant from cross-products within groups:

1. The covariance of y is :math:`\sigma^2 K` with, group by group, :math:`K_j = I + G_j G_j'` and
   :math:`G_j = W_j diag(\rho)`; :math:`K_j^{-1} = I - G_j B_j^{-1} G_j'`,
   :math:`B_j = I + G_j'G_j`. With :math:`A'K^{-1}A` and :math:`A'K^{-1}y` in place of A'A and A'y
   the rest is linear regression.
2. That density is found on a grid of log spreads, narrowed to where they are probable.
3. A cell is drawn with probability proportional to the density at its center, a point uniformly
   within it, and the point is accepted with probability proportional to its density over that of
   the center. Accepted points are independent draws; the only approximations are that spreads
   less probable than e^-20 are left out, and that the bound of the ratio is the largest seen.
4. :math:`\theta` given the spreads, then z given both, are normal.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import Task

type Floats = NDArray[np.float64]

LOG_RHO = (-14.0, 12.0)
SMALLEST = 1e-7  # of the root mean square of y: the smallest residual sd told from rounding
PROBABLE = 20.0  # log units below the largest density within which spreads are looked at
NARROWINGS = 8
#: Points a side of the grid, by the number of spreads beside sigma: while narrowing, and at last.
POINTS = {1: (25, 121), 2: (15, 41), 3: (11, 19)}
CHUNK = 2_000_000  # numbers of an intermediate array


@dataclass(frozen=True)
class Products:
    """Cross-products of the rows: all that the likelihood depends on.

    Attributes
    ----------
    n : int
        Rows.
    total : ndarray, shape (c, c) or (r, c, c)
        [A y]'[A y].
    within : ndarray, shape (groups, q, q) or (r, groups, q, q)
        W_j'W_j.
    across : ndarray, shape (groups, q, c) or (r, groups, q, c)
        W_j'[A y]_j. Products weighted in r ways come with r values of rho.
    """

    n: int
    total: Floats
    within: Floats
    across: Floats

    @classmethod
    def of(cls, task: Task) -> "Products":
        """Sum up the rows of a task."""
        design = task.design
        codes, X = design.X[:, 0].astype(np.int64), design.X[:, 1:]
        ones = np.ones((len(X), 1))
        W = np.hstack([ones, X[:, [design.predictors.index(name) for name in design.slopes]]])
        A = np.hstack([ones, X, task.response.y[:, None]])
        within = np.zeros((len(design.groups), W.shape[1], W.shape[1]))
        across = np.zeros((len(design.groups), W.shape[1], A.shape[1]))
        np.add.at(within, codes, W[:, :, None] * W[:, None, :])
        np.add.at(across, codes, W[:, :, None] * A[:, None, :])
        return cls(len(X), A.T @ A, within, across)

    @property
    def effects(self) -> int:
        """Number of effects a group has, q."""
        return int(self.within.shape[-1])

    def gains(self, rho: Floats) -> tuple[Floats, Floats]:
        """Return B_j and G_j'[A y]_j of every rho, (r, groups, q, q) and (r, groups, q, c)."""
        scaled = rho[:, None, :, None] * self.within * rho[:, None, None, :]
        return scaled + np.eye(self.effects), rho[:, None, :, None] * self.across


class Regression(NamedTuple):
    """Linear regression given every rho, in coordinates in which the prior is standard normal.

    With D the prior sds and D A'K^-1 A D = Q diag(lam) Q', theta = D Q u and u ~ N(0, I) a priori.
    """

    lam: Floats  # (r, p)
    cross: Floats  # (r, p)
    square: Floats  # (r,)
    rotation: Floats  # (r, p, p)
    log_det: Floats  # (r,)


def draw_mixed(task: Task, size: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw from the posterior of a Gaussian regression with random effects.

    Parameters
    ----------
    task : Task
        Data and prior; the first column of X is the group.
    size : int
        Draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    dict of str to ndarray, shape (size, ...)
        alpha, beta, tau, z and sigma.
    """
    groups = Products.of(task)
    points = _draw_spreads(groups, task, size, rng)
    rho, sigma = np.exp(points[:, :-1]), np.exp(points[:, -1:])
    theta, z = np.empty((size, groups.total.shape[-1] - 1)), []
    for part in _parts(size, groups.across.size + groups.total.size):
        theta[part] = draw_coefficients(regression(groups, task, rho[part]), sigma[part], rng)
        z.append(draw_effects(groups, rho[part], sigma[part], theta[part], rng))
    return {
        "alpha": theta[:, 0],
        "beta": theta[:, 1:],
        "tau": rho * sigma,
        "z": np.concatenate(z),
        "sigma": sigma[:, 0],
    }


def draw_coefficients(given: Regression, sigma: Floats, rng: np.random.Generator) -> Floats:
    """Draw theta given the spreads, (r, p)."""
    precision = given.lam / sigma**2 + 1.0
    u = given.cross / sigma**2 / precision + rng.standard_normal(precision.shape) / np.sqrt(
        precision
    )
    drawn: Floats = np.einsum("rab,rb->ra", given.rotation, u)
    return drawn


def draw_effects(
    groups: Products, rho: Floats, sigma: Floats, theta: Floats, rng: np.random.Generator
) -> Floats:
    """Draw z given all else: N(B^-1 G'(y - A theta) / sigma, B^-1), (r, groups, q)."""
    B, gained = groups.gains(rho)
    rest = gained[..., -1] - np.einsum("rjqa,ra->rjq", gained[..., :-1], theta)
    lower = np.linalg.cholesky(B)
    # L L' z = G'rest / sigma + L noise has the mean and the variance wanted.
    noise = np.einsum("rjab,rjb->rja", lower, rng.standard_normal(rest.shape))
    right = rest / sigma[:, None] + noise
    drawn: Floats = np.linalg.solve(B, right[..., None])[..., 0]
    return drawn


def regression(groups: Products, task: Task, rho: Floats) -> Regression:
    """Reduce rows with random effects to linear regression, for every rho (r, q)."""
    B, gained = groups.gains(rho)
    explained = np.einsum("rjqa,rjqb->rab", gained, np.linalg.solve(B, gained))
    products = groups.total - explained
    sd = np.full(groups.total.shape[-1] - 1, task.priors["slope"])
    sd[0] = task.priors["intercept"]
    lam, Q = np.linalg.eigh(sd[:, None] * products[:, :-1, :-1] * sd)
    rotation = sd[:, None] * Q
    cross = np.einsum("rab,ra->rb", rotation, products[:, :-1, -1])
    log_det = np.linalg.slogdet(B)[1].sum(axis=1)
    return Regression(np.maximum(lam, 0.0), cross, products[:, -1, -1], rotation, log_det)


def _log_density(groups: Products, task: Task, rho: Floats, log_sigma: Floats) -> Floats:
    """Log posterior of log rho and log sigma, up to a constant.

    Parameters
    ----------
    rho : ndarray, shape (r, q)
        Spreads between groups, in units of sigma.
    log_sigma : ndarray, shape (r, s)
        Points to be looked at with each of them.

    Returns
    -------
    ndarray, shape (r, s)
    """
    found = np.empty(log_sigma.shape)
    each = max(groups.across.size, log_sigma.shape[1] * len(groups.total))
    for part in _parts(len(rho), each):
        given = regression(groups, task, rho[part])
        s2 = np.exp(2 * log_sigma[part])
        shrunk = given.lam[:, None, :] + s2[..., None]
        quadratic = given.square[:, None] - np.sum(given.cross[:, None, :] ** 2 / shrunk, axis=-1)
        found[part] = -groups.n * log_sigma[part] - 0.5 * np.maximum(quadratic, 0.0) / s2
        found[part] -= 0.5 * np.sum(np.log(shrunk / s2[..., None]), axis=-1)
        found[part] -= 0.5 * given.log_det[:, None]
    sigma, total = np.exp(log_sigma), rho.sum(axis=1)[:, None]
    found -= (task.priors["sigma"] + task.priors["tau"] * total) * sigma
    # The Jacobian: d tau = sigma d rho, and logs.
    jacobian = (groups.effects + 1) * log_sigma + np.log(rho).sum(axis=1)[:, None]
    density: Floats = found + jacobian
    return density


def _draw_spreads(groups: Products, task: Task, size: int, rng: np.random.Generator) -> Floats:
    """Draw log rho and log sigma, (size, q + 1), by the numbered steps above."""
    axes = _probable(groups, task)
    values = _on_grid(groups, task, axes)
    weight = np.exp(values - values.max()).ravel()
    width = np.array([axis[1] - axis[0] for axis in axes])
    centers, log_ratios, kept = np.empty((0, len(axes))), np.empty(0), np.empty(0, dtype=bool)
    uniforms = np.empty(0)
    while kept.sum() < size:
        more = rng.choice(len(weight), size=2 * size, p=weight / weight.sum())
        at = np.column_stack(
            [axis[i] for axis, i in zip(axes, np.unravel_index(more, values.shape), strict=True)]
        )
        at += width * (rng.random(at.shape) - 0.5)
        new = _log_density(groups, task, np.exp(at[:, :-1]), at[:, -1:])[:, 0]
        centers = np.concatenate([centers, at])
        log_ratios = np.concatenate([log_ratios, new - values.ravel()[more]])
        uniforms = np.concatenate([uniforms, rng.random(len(more))])
        kept = np.log(uniforms) < log_ratios - log_ratios.max()
    return centers[kept][:size]


def _on_grid(groups: Products, task: Task, axes: list[Floats]) -> Floats:
    mesh = np.stack(np.meshgrid(*axes[:-1], indexing="ij"), axis=-1).reshape(-1, groups.effects)
    log_sigma = np.broadcast_to(axes[-1], (len(mesh), len(axes[-1])))
    return _log_density(groups, task, np.exp(mesh), log_sigma).reshape([len(a) for a in axes])


def _probable(groups: Products, task: Task) -> list[Floats]:
    """Return a grid around the spreads that are probable, an axis each."""
    few, many = POINTS[groups.effects]
    root = float(np.sqrt(groups.total[-1, -1] / max(groups.n, 1))) or 1.0
    floor = float(np.log(SMALLEST * root))
    limits = [LOG_RHO] * groups.effects + [(floor, floor + 30.0)]
    axes = [np.linspace(*limit, few) for limit in limits]
    for step in range(NARROWINGS + 1):
        values = _on_grid(groups, task, axes)
        inside = np.nonzero(values > values.max() - PROBABLE)
        count = few if step < NARROWINGS else many
        axes = [
            _around(axis, at, limit, count)
            for axis, at, limit in zip(axes, inside, limits, strict=True)
        ]
    return axes


def _around(
    axis: Floats, inside: NDArray[np.int64], limit: tuple[float, float], count: int
) -> Floats:
    """Return an axis from one step before to one behind the points inside.

    That may be beyond the axis: the best point of a coarse grid need not be next to the mode.
    """
    step = axis[1] - axis[0]
    low, high = axis[inside.min()] - step, axis[inside.max()] + step
    return np.linspace(max(low, limit[0]), min(high, limit[1]), count)


def _parts(count: int, each: int) -> list[slice]:
    step = max(1, CHUNK // max(each, 1))
    return [slice(at, at + step) for at in range(0, count, step)]
