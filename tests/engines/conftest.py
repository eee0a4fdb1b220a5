"""Simulated data and yardsticks for the engines' tests."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest


class Line(NamedTuple):
    """A linear regression: A = [1 X], ordinary least squares, and its residual sum of squares."""

    X: np.ndarray
    y: np.ndarray
    A: np.ndarray
    estimate: np.ndarray
    ssr: float


def simulate_line(n: int, p: int, noise: float, seed: int) -> Line:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) @ (np.eye(p) + 0.4)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    signal = X @ np.linspace(1.0, -0.5, p)
    y = signal + noise * rng.standard_normal(n)
    y = (y - y.mean()) / y.std()
    A = np.column_stack([np.ones(n), X])
    estimate, *_ = np.linalg.lstsq(A, y, rcond=None)
    return Line(X, y, A, estimate, float(np.sum((y - A @ estimate) ** 2)))


@pytest.fixture(scope="session")
def line() -> Line:
    """Twenty-five rows, two predictors: few enough for t tails to show."""
    return simulate_line(25, 2, 1.0, 11)


@pytest.fixture(scope="session")
def make_line() -> Callable[[int, int, float, int], Line]:
    """Give the simulator of linear regressions (rows, predictors, noise, seed)."""
    return simulate_line


class Moments(NamedTuple):
    """Mean and sd of each of two parameters, and P(parameter > threshold)."""

    mean: np.ndarray
    sd: np.ndarray
    tail: np.ndarray
    threshold: np.ndarray


@pytest.fixture(scope="session")
def logistic_quadrature() -> Callable[..., Moments]:
    """Give exact moments of (alpha, beta) of a logistic regression, by summing a fine grid."""

    def quadrature(x, y, sds: tuple[float, float], box, prior: str = "weak") -> Moments:
        axes = [np.linspace(low, high, 401) for low, high in box]
        alpha, beta = np.meshgrid(*axes, indexing="ij")
        u = np.abs(beta / sds[1])
        log_p = -0.5 * (alpha / sds[0]) ** 2
        log_p -= u + 2 * np.log1p(np.exp(-u)) if prior == "log_f" else u**2 / 2
        for xi, yi in zip(x, y, strict=True):
            eta = alpha + beta * xi
            log_p += yi * eta - np.logaddexp(0.0, eta)
        weight = np.exp(log_p - log_p.max())
        edge = max(weight[0].max(), weight[-1].max(), weight[:, 0].max(), weight[:, -1].max())
        assert edge < 1e-7, "the box cuts off part of the posterior"
        weight /= weight.sum()
        margins = [weight.sum(axis=1), weight.sum(axis=0)]
        mean = np.array([m @ a for m, a in zip(margins, axes, strict=True)])
        square = np.array([m @ a**2 for m, a in zip(margins, axes, strict=True)])
        sd = np.sqrt(square - mean**2)
        nodes = [int(np.searchsorted(a, t)) for a, t in zip(axes, mean + 1.5 * sd, strict=True)]
        # Half a cell belongs to each side of the threshold's node.
        tail = [m[i + 1 :].sum() + m[i] / 2 for m, i in zip(margins, nodes, strict=True)]
        threshold = [a[i] for a, i in zip(axes, nodes, strict=True)]
        return Moments(mean, sd, np.array(tail), np.array(threshold))

    return quadrature


@pytest.fixture(scope="session")
def z_scores() -> Callable[..., np.ndarray]:
    """Give how many Monte-Carlo standard errors draws (s, 2) are from exact moments.

    With ess independent draws the s.e. of a mean is sd / sqrt(ess), that of an sd is
    sd sqrt((kurtosis - 1) / (4 ess)), that of a share is sqrt(p (1 - p) / ess).
    """

    def scores(draws: np.ndarray, ess: float, exact: Moments) -> np.ndarray:
        standard = (draws - exact.mean) / exact.sd
        kurtosis = np.mean(standard**4, axis=0)
        mean = standard.mean(axis=0) * np.sqrt(ess)
        sd = (draws.std(axis=0) / exact.sd - 1) * np.sqrt(4 * ess / (kurtosis - 1))
        share = (draws > exact.threshold).mean(axis=0)
        tail = (share - exact.tail) / np.sqrt(exact.tail * (1 - exact.tail) / ess)
        return np.concatenate([mean, sd, tail])

    return scores


@pytest.fixture(scope="session")
def moment_scores() -> Callable[..., np.ndarray]:
    """Give the z scores of the mean and variance of independent draws (s, ...) of known moments."""

    def scores(draws: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        count = len(draws)
        square = (draws - mean) ** 2
        of_mean = (draws.mean(axis=0) - mean) / np.sqrt(variance / count)
        of_variance = (square.mean(axis=0) - variance) / (square.std(axis=0) / np.sqrt(count))
        return np.concatenate([np.ravel(of_mean), np.ravel(of_variance)])

    return scores
