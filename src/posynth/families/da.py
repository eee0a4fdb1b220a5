r"""Discriminant analysis: levels as groups of normal predictors, with their exact posterior.

.. math:: y \sim Categorical(\pi), \qquad x \mid y = c \sim N(\mu_c, \Sigma)

on standardised predictors x, under the conjugate prior

.. math:: \pi \sim Dirichlet(w), \qquad \Sigma \sim IW(p + 2, rI), \qquad
    \mu_c \mid \Sigma \sim N(0, \Sigma / k)

so that :math:`E\,\Sigma = rI`. With n_c rows of level c, mean :math:`\bar x_c` and S their sum of
squares within levels, independent posterior draws are

1. :math:`\pi \sim Dirichlet(w + n_c)`;
2. :math:`\Sigma \sim IW(p + 2 + n,\; rI + S + \sum_c \frac{k n_c}{k + n_c} \bar x_c \bar x_c')`;
3. :math:`\mu_c \mid \Sigma \sim N(\frac{n_c}{k + n_c} \bar x_c,\; \Sigma / (k + n_c))`;

and a row's level is drawn by Bayes' rule, :math:`P(y = c \mid x) \propto \pi_c N(x; \mu_c,
\Sigma)`, whose logit is linear in x. The ridge r keeps :math:`\Sigma` regular where predictors are
collinear or constant within levels; a level seen once, or never, has a mean near zero and as
unsure as the prior lets it be.

This is a model of predictors and level together, so it is no conditional PyMC model of y. Draws
are exact under it; under indicators of other levels or skew predictors ``categorical``, which
models no predictor, is to be preferred.

References
----------
Geisser, S. (1964). Posterior odds for multivariate normal classifications. Journal of the Royal
Statistical Society B 26(1), 69-76. Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed.,
section 3.6.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.chain.facts import CATEGORICAL, FamilyFacts
from posynth.families.base import Design, Floats, Priors, Response, without_model


def fit(
    design: Design, response: Response, scales: Priors, size: int, rng: np.random.Generator
) -> Mapping[str, Any]:
    """Return ``size`` draws of probabilities (c), means (c, p) and covariance (p, p)."""
    X, member = design.X, np.eye(len(response.levels))[response.y]
    n, p = X.shape
    count = member.sum(axis=0)
    rows = scales["mean"] + count
    mean = member.T @ X / rows[:, None]
    # With m the posterior means, rI + S + sum ... is rI + X'X - sum (k + n_c) m m'.
    scatter = scales["ridge"] * np.eye(p) + X.T @ X - (mean.T * rows) @ mean
    root = inverse_wishart_roots(p + 2 + n, scatter, size, rng)  # (size, p, p)
    noise = rng.standard_normal((size, len(rows), p)) / np.sqrt(rows)[:, None]
    return {
        "probability": rng.dirichlet(scales["weight"] + count, size),
        "mean": mean + noise @ root,
        "covariance": root.transpose(0, 2, 1) @ root,
    }


def inverse_wishart_roots(
    degrees: float, scatter: Floats, size: int, rng: np.random.Generator
) -> Floats:
    """Return M, (size, p, p), with M'M drawn from IW(degrees, scatter), by Bartlett's factors.

    Examples
    --------
    >>> M = inverse_wishart_roots(6.0, np.eye(2), 3, np.random.default_rng(1))
    >>> (M.transpose(0, 2, 1) @ M).shape
    (3, 2, 2)
    """
    p = len(scatter)
    lower = np.tril(rng.standard_normal((size, p, p)), -1)
    diagonal = np.arange(p)
    lower[:, diagonal, diagonal] = np.sqrt(rng.chisquare(degrees - diagonal, (size, p)))
    roots: Floats = np.linalg.solve(lower, np.linalg.cholesky(scatter).T)
    return roots


def probabilities(parameters: Mapping[str, Any], X: Floats) -> Floats:
    """Return P(y = c | x) for every row of X (k, p), shape (k, c).

    Examples
    --------
    >>> two = {"probability": np.array([0.5, 0.5]), "mean": np.array([[-1.0], [1.0]])}
    >>> probabilities(two | {"covariance": np.eye(1)}, np.zeros((1, 1)))
    array([[0.5, 0.5]])
    """
    mean = parameters["mean"]
    slope = np.linalg.solve(parameters["covariance"], mean.T)  # (p, c)
    intercept = np.log(parameters["probability"]) - 0.5 * np.sum(mean.T * slope, axis=0)
    logit = intercept + X @ slope
    odds = np.exp(logit - logit.max(axis=1, keepdims=True))
    share: Floats = odds / odds.sum(axis=1, keepdims=True)
    return share


def draw(parameters: Mapping[str, Any], X: Floats, rng: np.random.Generator) -> Floats:
    """Draw a level for every row by its probabilities."""
    below = np.cumsum(probabilities(parameters, X), axis=1)[:, :-1]
    return (rng.random(len(X))[:, None] > below).sum(axis=1).astype(np.float64)


FAMILY = without_model(
    FamilyFacts(
        name="da",
        kinds=CATEGORICAL,
        summary="discriminant analysis: predictors normal within levels, one covariance",
        priors={"conjugate": {"weight": 1.0, "mean": 0.1, "ridge": 0.1}},
        fitted_by="exact joint posterior",
    ),
    fit,
    draw,
)
