"""The exact engine's Dirichlet posteriors: moments, margins, empty cells, density."""

import numpy as np
import pytest
from scipy import stats

from posynth.engines.choose import fit

COUNTS = np.array([[12, 5, 0], [1, 1, 30], [0, 0, 0]])  # (cell, level), one cell empty


@pytest.fixture(scope="module")
def table():
    cell, level = np.indices(COUNTS.shape)
    cells = np.repeat(cell.ravel(), COUNTS.ravel())
    order = np.random.default_rng(1).permutation(len(cells))
    return np.eye(3)[cells][order], np.repeat(level.ravel(), COUNTS.ravel())[order]


def _draws(task):
    found = fit(task, "auto", np.random.default_rng(8))
    assert found.engine == "exact" and found.dims["p"] == ("predictor", "level")
    return found.draws["p"].reshape(-1, *found.draws["p"].shape[2:])


@pytest.mark.parametrize(("prior", "a"), [("uniform", 1.0), ("jeffreys", 0.5)])
def test_draws_follow_the_dirichlet(prior, a, table, make_task, moment_scores):
    p = _draws(make_task("dirichlet", prior, *table, levels=3, draws=2500))
    shape = COUNTS + a
    total = shape.sum(axis=1, keepdims=True)
    mean = shape / total
    assert np.abs(moment_scores(p, mean, mean * (1 - mean) / (total + 1))).max() < 4
    for cell, level in np.ndindex(*COUNTS.shape):
        beta = stats.beta(shape[cell, level], total[cell, 0] - shape[cell, level])
        assert stats.kstest(p[:, cell, level], beta.cdf).pvalue > 1e-4
    product = (p[:, 0, 0] * p[:, 0, 1]).mean() - mean[0, 0] * mean[0, 1]
    covariance = -mean[0, 0] * mean[0, 1] / (total[0, 0] + 1)
    error = (p[:, 0, 0] * p[:, 0, 1]).std() / np.sqrt(len(p))
    assert abs(product - covariance) < 4 * error
    across = np.corrcoef(p[:, 0, 0], p[:, 1, 2])[0, 1]
    assert abs(across) < 4 / np.sqrt(len(p))  # cells are independent


def test_a_concentration_near_zero_keeps_an_empty_cell_at_its_corners(table, make_task):
    p = _draws(make_task("dirichlet", "uniform", *table, levels=3, draws=2500, concentration=1e-3))
    empty = p[:, 2]
    # E sum p^2 = (a + 1) / (3a + 1): all but one.
    assert (empty**2).sum(axis=1).mean() == pytest.approx(1.001 / 1.003, abs=4e-3)
    share = (empty > 0.5).mean(axis=0)
    assert np.abs(share - 1 / 3).max() < 4 * np.sqrt(2 / 9 / len(empty))


@pytest.mark.parametrize(("prior", "a"), [("uniform", 1.0), ("jeffreys", 0.5)])
def test_the_model_has_that_dirichlet_as_its_posterior(
    prior, a, table, make_task, density_of, unconstrain
):
    density = density_of(make_task("dirichlet", prior, *table, levels=3))
    rng, differences = np.random.default_rng(2), []
    for _ in range(20):
        p = rng.dirichlet(np.full(3, 2.0), size=3)
        theta = unconstrain(density.model.compiled, {"p": p})
        analytic = sum(
            stats.dirichlet.logpdf(q, alpha) for q, alpha in zip(p, COUNTS + a, strict=True)
        )
        log_volume = np.linalg.slogdet(_jacobian(density, theta))[1]
        differences.append(density(theta)[0] - analytic - log_volume)
    assert np.ptp(differences) < 1e-5


def _jacobian(density, theta, step=1e-5):
    """d (free cell probabilities) / d theta by central differences."""

    def free(point):
        p = density.model.constrain(point[None])["p"][0]
        return p[:, :-1].ravel()

    steps = step * np.eye(len(theta))
    return np.array([(free(theta + h) - free(theta - h)) / (2 * step) for h in steps])
