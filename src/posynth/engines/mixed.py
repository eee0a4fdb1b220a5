r"""Gaussian regression with random intercepts and slopes, given the spreads between groups.

.. math:: y = A\theta + \sigma W M z + \sigma e, \quad M = diag(\rho) L, \quad
    \rho_k = \tau_k/\sigma

with :math:`A = [1\ X]` has, given M and :math:`\sigma`, a normal posterior of :math:`\theta` and
z. What is left, the marginal posterior of the spreads and correlations, is known up to a constant
from cross-products within groups: the covariance of y is :math:`\sigma^2 K` with, group by group,
:math:`K_j = I + G_j G_j'` and :math:`G_j = W_j M`; :math:`K_j^{-1} = I - G_j B_j^{-1} G_j'`,
:math:`B_j = I + G_j'G_j`. With :math:`A'K^{-1}A` and :math:`A'K^{-1}y` in place of A'A and A'y the
rest is linear regression. Where a group has one effect or two, spreads are drawn exactly
(``engines.spread_grid``); where it has three, by Metropolis steps (``engines.gibbs``).

Spreads and correlations are held as :math:`\log\rho_k`, or :math:`\log\tau_k`, and the logit of
each ``agreement`` of the model: a point, (q + pairs).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from posynth.engines.base import Task
from posynth.engines.prior_normal import prior_sds
from posynth.families.grouped import agreement_shape, pairs_of

type Floats = NDArray[np.float64]

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
        W_j'[A y]_j. Products weighted in r ways come with r values of M.
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

    @property
    def pairs(self) -> int:
        """Number of pairs of them, each with a correlation."""
        return len(pairs_of(self.effects))

    def gains(self, M: Floats) -> tuple[Floats, Floats]:
        """Return B_j and G_j'[A y]_j of every M, (r, groups, q, q) and (r, groups, q, c)."""
        turned = M.transpose(0, 2, 1)[:, None]
        return turned @ self.within @ M[:, None] + np.eye(self.effects), turned @ self.across


def spread_factor(points: Floats, effects: int) -> Floats:
    """Return M = diag(exp(first q)) L of every point, (r, q, q), L of the others' correlations."""
    M = np.zeros((len(points), effects, effects))
    M[:, range(effects), range(effects)] = 1.0
    left = np.ones((len(points), effects))  # of each effect's sd, by the earlier ones
    for (i, j), logit in zip(pairs_of(effects), points[:, effects:].T, strict=True):
        partial = np.tanh(logit / 2)
        M[:, i, j] = partial * left[:, i]
        left[:, i] = left[:, i] / np.cosh(logit / 2)
        M[:, i, i] = left[:, i]
    return np.exp(points[:, :effects, None]) * M


def log_agreement(points: Floats, task: Task) -> Floats:
    """Return the log prior density of the logits of agreement, (r,), up to a constant."""
    effects = 1 + len(task.design.slopes)
    shape = agreement_shape(effects, task.priors["lkj"])
    found: Floats = -2 * np.log(np.cosh(points[:, effects:] / 2)) @ shape
    return found


class Regression(NamedTuple):
    """Linear regression given every M, in coordinates in which the prior is standard normal.

    With D the prior sds and D A'K^-1 A D = Q diag(lam) Q', theta = D Q u and u ~ N(0, I) a priori.
    """

    lam: Floats  # (r, p)
    cross: Floats  # (r, p)
    square: Floats  # (r,)
    rotation: Floats  # (r, p, p)
    log_det: Floats  # (r,)


def draw_given(
    groups: Products, task: Task, points: Floats, rng: np.random.Generator
) -> dict[str, Floats]:
    """Draw theta and z given spreads, and return the parameters of the model.

    Parameters
    ----------
    groups : Products
        The rows.
    task : Task
        The prior.
    points : ndarray, shape (size, q + pairs + 1)
        Log rho, logits of agreement, and log sigma.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    dict of str to ndarray, shape (size, ...)
        alpha, beta, tau, agreement, z and sigma.
    """
    q, size = groups.effects, len(points)
    M, sigma = spread_factor(points[:, :-1], q), np.exp(points[:, -1:])
    theta, z = np.empty((size, groups.total.shape[-1] - 1)), []
    for part in parts(size, groups.across.size + groups.total.size):
        theta[part] = draw_coefficients(regression(groups, task, M[part]), sigma[part], rng)
        z.append(draw_effects(groups, M[part], sigma[part], theta[part], rng))
    return {
        "alpha": theta[:, 0],
        "beta": theta[:, 1:],
        "tau": np.exp(points[:, :q]) * sigma,
        "agreement": expit(points[:, q:-1]),
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
    groups: Products, M: Floats, sigma: Floats, theta: Floats, rng: np.random.Generator
) -> Floats:
    """Draw z given all else: N(B^-1 G'(y - A theta) / sigma, B^-1), (r, groups, q)."""
    B, gained = groups.gains(M)
    rest = gained[..., -1] - np.einsum("rjqa,ra->rjq", gained[..., :-1], theta)
    lower = np.linalg.cholesky(B)
    # L L' z = G'rest / sigma + L noise has the mean and the variance wanted.
    noise = np.einsum("rjab,rjb->rja", lower, rng.standard_normal(rest.shape))
    right = rest / sigma[:, None] + noise
    drawn: Floats = np.linalg.solve(B, right[..., None])[..., 0]
    return drawn


def regression(groups: Products, task: Task, M: Floats) -> Regression:
    """Reduce rows with random effects to linear regression, for every M (r, q, q)."""
    B, gained = groups.gains(M)
    explained = np.einsum("rjqa,rjqb->rab", gained, np.linalg.solve(B, gained))
    products = groups.total - explained
    sd = prior_sds(task)
    lam, Q = np.linalg.eigh(sd[:, None] * products[:, :-1, :-1] * sd)
    rotation = sd[:, None] * Q
    cross = np.einsum("rab,ra->rb", rotation, products[:, :-1, -1])
    log_det = np.linalg.slogdet(B)[1].sum(axis=1)
    return Regression(np.maximum(lam, 0.0), cross, products[:, -1, -1], rotation, log_det)


def log_density(groups: Products, task: Task, points: Floats, log_sigma: Floats) -> Floats:
    """Log posterior of log rho, logits of agreement and log sigma, up to a constant.

    Parameters
    ----------
    groups : Products
        The rows.
    task : Task
        The prior.
    points : ndarray, shape (r, q + pairs)
        Log spreads between groups, in units of sigma, and logits of agreement.
    log_sigma : ndarray, shape (r, s)
        Points to be looked at with each of them.

    Returns
    -------
    ndarray, shape (r, s)
    """
    found, rho = np.empty(log_sigma.shape), np.exp(points[:, : groups.effects])
    M = spread_factor(points, groups.effects)
    each = max(groups.across.size, log_sigma.shape[1] * len(groups.total))
    for part in parts(len(points), each):
        given = regression(groups, task, M[part])
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
    density: Floats = found + jacobian + log_agreement(points, task)[:, None]
    return density


def parts(count: int, each: int) -> list[slice]:
    """Cut a long axis of so many entries, of so many numbers each, into pieces that fit."""
    step = max(1, CHUNK // max(each, 1))
    return [slice(at, at + step) for at in range(0, count, step)]
