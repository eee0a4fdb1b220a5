"""HMC in warped coordinates against quadrature, and the map that makes the coordinates."""

import numpy as np
import pytest
from scipy import special

from posynth.engines.choose import fit
from posynth.engines.hmc import _Chains, _Mapped
from posynth.engines.mode import find_mode, refine
from posynth.engines.warp import Warp, plain, warp

LIMIT = 4.0  # Monte-Carlo standard errors
FLAT = (np.inf, np.inf)
BOX = ((-8, 0), (-2, 6.5))


@pytest.fixture(scope="module")
def rare():
    """Two hundred rows, twenty events: a skewed posterior."""
    x = np.linspace(-1.7, 1.7, 200)
    y = (np.random.default_rng(8).random(200) < special.expit(-2.6 + x)).astype(np.int64)
    return x, y


def _draws(task, seed):
    found = fit(task, "hmc", np.random.default_rng(seed))
    return found, np.column_stack(
        [a.reshape(found.draws["alpha"].size, -1) for a in found.draws.values()]
    )


def test_draws_have_the_moments_of_quadrature(rare, make_task, logistic_quadrature, z_scores):
    x, y = rare
    exact = logistic_quadrature(x, y, FLAT, BOX)
    task = make_task("bernoulli", "flat", x[:, None], y, levels=2)
    fits = [_draws(task, [4, number]) for number in range(10)]
    ess = sum(min(found.mixed.ess, len(draws)) for found, draws in fits)
    draws = np.concatenate([draws for _, draws in fits])
    assert all(found.engine == "hmc" and found.divergences == 0 for found, _ in fits)
    assert np.abs(z_scores(draws, ess, exact)).max() < LIMIT


def test_without_the_jacobian_that_test_fails(
    rare, make_task, density_of, logistic_quadrature, z_scores
):
    x, y = rare
    exact = logistic_quadrature(x, y, FLAT, BOX)
    density = density_of(make_task("bernoulli", "flat", x[:, None], y, levels=2))
    rng = np.random.default_rng(6)
    map = warp(density, refine(density, find_mode(density), rng))

    class NoJacobian(Warp):
        def target(self, density, x):
            values, forces = super().target(density, x)
            return values - self.theta(x)[1], forces

    def draws(kind):
        target = _Mapped(density, kind(**vars(map)))
        chains = _Chains(target, rng.standard_normal((4, 2)) / 2, 2)
        chains.run(1500, rng)
        return map.theta(chains.path.reshape(-1, 2))[0]

    assert np.abs(z_scores(draws(Warp), 2000, exact)).max() < LIMIT
    assert np.abs(z_scores(draws(NoJacobian), 2000, exact)).max() > LIMIT


def test_the_map_is_one_to_one_and_its_jacobian_is_that_of_its_slopes(rare, make_task, density_of):
    x, y = rare
    density = density_of(make_task("bernoulli", "flat", x[:, None], y, levels=2))
    mode = find_mode(density)
    map = warp(density, mode)
    assert (np.diff(map.knots, axis=1) > 0).all()
    point, h = np.array([[0.303, -1.507]]), 1e-7
    theta, jacobian = map.theta(point)
    columns = [(map.theta(point + h * e)[0] - theta)[0] / h for e in np.eye(2)]
    numeric = np.log(abs(np.linalg.det(np.array(columns))))
    whitening = np.log(abs(np.linalg.det(mode.factor)))
    assert jacobian[0] == pytest.approx(numeric - whitening, abs=1e-5)


def test_the_warped_axis_is_nearly_standard_normal_where_the_plain_one_is_not(
    make_task, density_of
):
    # One event in fifty under a flat prior: log-odds with a long left tail.
    y = np.zeros(50, dtype=np.int64)
    y[:1] = 1
    density = density_of(make_task("bernoulli", "flat", np.empty((50, 0)), y, levels=2))
    mode = find_mode(density)
    grid = np.linspace(-3, 3, 61)[:, None]

    def misfit(map):
        theta, jacobian = map.theta(grid)
        logs = density.values(theta) + jacobian + 0.5 * grid[:, 0] ** 2
        return np.ptp(logs)

    assert misfit(warp(density, mode)) < 0.35
    assert misfit(plain(mode)) > 2.0


def test_hmc_agrees_with_nuts_where_a_level_is_rare(make_task):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((400, 6))
    X[:, 5] = rng.random(400) < 0.06
    y = rng.choice(4, 400, p=[0.6, 0.3, 0.08, 0.02]).astype(np.int64)
    task = make_task("categorical", "weak", X, y, levels=4)
    found = [fit(task, engine, np.random.default_rng(1)) for engine in ("hmc", "nuts")]
    means = [f.draws["beta"].mean(axis=(0, 1)) for f in found]
    sds = [f.draws["beta"].std(axis=(0, 1)) for f in found]
    error = np.sqrt(sum(s**2 / min(f.mixed.ess, 4000) for s, f in zip(sds, found, strict=True)))
    assert (np.abs(means[0] - means[1]) / error).max() < LIMIT
    assert (np.abs(np.log(sds[0] / sds[1])).max()) < LIMIT * np.sqrt(2 / (2 * task.need))
