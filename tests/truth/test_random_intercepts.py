"""Random intercepts against the exact posterior of one-way random effects, by quadrature."""

import numpy as np
import pytest
from scipy import stats

from posynth.engines.base import Task
from posynth.engines.choose import fit
from posynth.families import families
from posynth.families.base import Design, Response

GROUPS, EACH = 8, 5


def _exact(y, group, scales):
    """Return mean and sd of tau, sigma and every u_j.

    Given tau and sigma, y is normal with covariance a^2 11' + tau^2 ZZ' + sigma^2 I, and u given
    y is normal with shrunken mean; the two spreads are integrated on a grid of their logarithms.
    """
    Z = np.eye(GROUPS)[group]
    tau, sigma = np.exp(np.linspace(-6.0, 2.0, 121)), np.exp(np.linspace(-1.5, 1.5, 81))
    log_mass, moments = [], []
    for t in tau:
        for s in sigma:
            among = scales["intercept"] ** 2 + t**2 * (Z @ Z.T)
            V = among + s**2 * np.eye(len(y))
            prior = np.log(t) + np.log(s) - scales["tau"] * t - scales["sigma"] * s
            log_mass.append(stats.multivariate_normal.logpdf(y, np.zeros(len(y)), V) + prior)
            gain = t**2 * np.linalg.solve(V, Z).T
            mean, var = gain @ y, t**2 - t**2 * np.einsum("jn,nj->j", gain, Z)
            moments.append(np.concatenate([[t, s], mean, [t**2, s**2], mean**2 + var]))
    mass = np.exp(np.array(log_mass) - max(log_mass))
    first, second = np.split(mass @ np.array(moments) / mass.sum(), 2)
    return first, np.sqrt(second - first**2)


@pytest.mark.slow
def test_one_way_random_effects_have_their_exact_posterior():
    """Means within 4 standard errors by the smallest ESS, standard deviations within 15%."""
    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(GROUPS), EACH)
    y = 0.7 * rng.standard_normal(GROUPS)[group] + 0.8 * rng.standard_normal(GROUPS * EACH)
    family = families()["gaussian_ml"]
    scales = family.facts.priors["weak"]
    design = Design(group[:, None].astype(float), (), tuple("abcdefgh"))
    task = Task(family, design, Response("y", y), "weak", scales)
    found = fit(task, "nuts", np.random.default_rng(2))
    tau, sigma = found.draws["tau"].ravel(), found.draws["sigma"].ravel()
    ours = np.column_stack([tau, sigma, tau[:, None] * found.draws["z"].reshape(-1, GROUPS)])
    mean, sd = _exact(y, group, scales)
    assert np.abs((ours.mean(axis=0) - mean) / sd).max() < 4 / np.sqrt(found.mixed.ess)
    np.testing.assert_allclose(ours.std(axis=0), sd, rtol=0.15)
