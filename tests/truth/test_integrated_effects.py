"""Random intercepts of a logistic regression integrated out, against sums on a fine fixed grid."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from posynth.engines import integrated
from posynth.engines.choose import fit
from posynth.engines.integrated import Integrated

Z = np.linspace(-10.0, 10.0, 20_001)
POINTS = ((-1.0, 0.5, -0.7, 0.2), (-3.0, 1.0, 0.5, 1.4), (0.5, -0.5, 0.3, -3.0))


@pytest.fixture(scope="module")
def task(make_task):
    """Six groups of seven rows, of which the first has only zeros and the last only ones."""
    rng = np.random.default_rng(5)
    group = np.arange(42) % 6
    y = (rng.random(42) < 0.4).astype(np.int64)
    y[group == 0], y[group == 5] = 0, 1
    made = make_task("bernoulli_ml", "weak", rng.standard_normal((42, 2)), y)
    labels = tuple("abcdefg")  # the last has no rows
    X = np.column_stack([group, made.design.X[:, 1:]])
    return replace(made, design=replace(made.design, X=X, groups=labels))


def _integrands(task, theta):
    """Return the integrand of each group with rows, (groups, points)."""
    eta = theta[0] + task.design.X[:, 1:] @ theta[1:-1]
    eta = eta[:, None] + np.exp(theta[-1]) * Z
    rows = task.response.y[:, None] * eta - np.logaddexp(0.0, eta)
    of_group = np.array([rows[task.design.X[:, 0] == j].sum(axis=0) for j in range(6)])
    return np.exp(of_group - Z**2 / 2)


def _log_posterior(task, theta):
    of_groups = np.log(_integrands(task, theta).sum(axis=1) * (Z[1] - Z[0])).sum()
    scaled = np.array(theta[:-1]) / [task.priors["intercept"], *[task.priors["slope"]] * 2]
    return of_groups - scaled @ scaled / 2 + theta[-1] - task.priors["tau"] * np.exp(theta[-1])


def test_density_and_gradient_are_those_of_the_integrals(task):
    ours = Integrated(task).density
    exact = np.array([_log_posterior(task, theta) for theta in POINTS])
    found = np.array([ours(np.array(theta))[0] for theta in POINTS])
    np.testing.assert_allclose(found - found[0], exact - exact[0], atol=1e-6)
    for theta in POINTS:
        slopes = [
            (_log_posterior(task, theta + h) - _log_posterior(task, theta - h)) / 2e-5
            for h in 1e-5 * np.eye(4)
        ]
        np.testing.assert_allclose(ours(np.array(theta))[1], slopes, atol=1e-4)


def test_the_density_is_that_of_the_model_with_effects(task):
    """Mean of the likelihood over 200 000 draws of z, within 4.5 standard errors."""
    theta, rng = np.array(POINTS[0]), np.random.default_rng(3)
    z, X = rng.standard_normal((200_000, 6)), task.design.X
    group, tau = X[:, 0].astype(int), np.exp(theta[-1])
    logs = np.zeros(len(z))
    for row, y in enumerate(task.response.y):
        p = expit(theta[0] + X[row, 1:] @ theta[1:-1] + tau * z[:, group[row]])
        logs += np.log(p if y else 1 - p)
    exact = _integrands(task, theta).sum(axis=1) * (Z[1] - Z[0]) / np.sqrt(2 * np.pi)
    ratios = np.exp(logs - np.log(exact).sum())
    assert abs(ratios.mean() - 1) < 4.5 * ratios.std() / np.sqrt(len(z))


@pytest.mark.parametrize("theta", POINTS)
def test_effects_given_the_rest_have_their_exact_distribution(task, theta):
    """4000 draws: means and second moments within 4.5 standard errors; groups without rows too."""
    ours, rng = Integrated(task), np.random.default_rng(4)
    drawn = np.array([ours.effects(np.array(theta), rng) for _ in range(4000)])
    mass = np.vstack([_integrands(task, theta), np.exp(-(Z**2) / 2)])
    mass /= mass.sum(axis=1, keepdims=True)
    for power in (1, 2):
        mean = mass @ Z**power
        sd = np.sqrt(mass @ Z ** (2 * power) - mean**2)
        assert np.abs((np.mean(drawn**power, axis=0) - mean) / sd).max() < 4.5 / np.sqrt(4000)


@pytest.mark.parametrize(("step", "exact"), [(2.0, False), (0.4, True)])
def test_sums_that_are_not_exact_are_refused(task, step, exact, monkeypatch):
    """Sums of step 0.4 differ from those of 0.2 by less than 1e-6, those of 2 by more."""
    monkeypatch.setattr(integrated, "STEP", step)
    monkeypatch.setattr(integrated, "DIFFERENT", 1e-6)
    found = fit(replace(task, draws=100, need=100), "auto", np.random.default_rng(1))
    assert ("sums over effects of groups are off by" in found.why) != exact
    assert found.why.startswith("effects of groups integrated out; ") == exact
    assert found.draws["z"].shape[2:] == (7, 1)
