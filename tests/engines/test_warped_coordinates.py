"""Coordinates of a skewed posterior: an exact change of variables that takes the skew away."""

import numpy as np
import pytest

from posynth.engines.mode import find_mode
from posynth.engines.warp import TABLE, warp


@pytest.fixture
def skewed(make_task, density_of):
    """The density of a logistic regression with six events in a hundred rows, and its map."""
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((100, 2)), (np.arange(100) < 6).astype(np.int64)
    density = density_of(make_task("bernoulli", "flat", X, y, levels=2))
    return density, warp(density, find_mode(density))


def test_the_map_rises_along_every_axis_and_its_jacobian_is_its_own(skewed):
    _, map = skewed
    assert (np.diff(map.knots, axis=1) > 0).all()
    step = (TABLE[1] - TABLE[0]) / 64
    points = np.random.default_rng(4).standard_normal((40, 3))
    for x in np.floor(points / step) * step + step / 2:  # inside a cell of the table
        offsets = step / 4 * np.eye(3)
        columns = [(map.theta((x + h)[None])[0] - map.theta((x - h)[None])[0])[0] for h in offsets]
        numeric = np.linalg.slogdet(np.array(columns) / (step / 2))[1]
        constant = np.linalg.slogdet(map.mode.factor)[1]
        assert map.theta(x[None])[1][0] + constant == pytest.approx(numeric, abs=1e-8)


def test_the_target_is_the_density_with_that_jacobian(skewed):
    density, map = skewed
    x = np.random.default_rng(4).standard_normal((10, 3))
    theta, jacobian = map.theta(x)
    expected = density.values(theta) + jacobian
    np.testing.assert_allclose(map.target(density, x)[0], expected, rtol=0, atol=1e-10)


def test_the_warped_target_is_closer_to_a_standard_normal_than_the_whitened_one(skewed):
    density, map = skewed
    x = np.random.default_rng(5).standard_normal((500, 3))
    theta, jacobian = map.theta(x)
    warped = density.values(theta) + jacobian + 0.5 * np.sum(x**2, axis=1)
    whitened = density.values(map.mode.at(x)) + 0.5 * np.sum(x**2, axis=1)
    # On a standard normal the difference is constant; the squared deviations are paired.
    gain = (whitened - whitened.mean()) ** 2 - (warped - warped.mean()) ** 2
    assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))
