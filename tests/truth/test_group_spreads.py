"""The Gibbs sampler of groups with spreads of their own, where the answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from posynth.engines.choose import fit
from posynth.evaluation.validity.calibration import calibrate
from posynth.families import families

LEVEL = 1e-4


@pytest.fixture(scope="module")
def task(make_task):
    """Rows in six groups, with a slope that varies between them."""
    rng = np.random.default_rng(6)
    group = np.arange(90) % 6
    X = rng.standard_normal((90, 2))
    y = rng.standard_normal(6)[group] + rng.standard_normal(6)[group] * X[:, 1]
    y += 0.8 * rng.standard_normal(90)
    made = make_task("location_scale_ml", "weak", X, y)
    return replace(made, design=replace(made.design, slopes=("x1",)))


def _mean_and_error(a, ess):
    flat = a.reshape(-1, *a.shape[2:])
    return flat.mean(axis=0), flat.std(axis=0) / np.sqrt(ess)


def test_with_one_spread_it_has_the_exact_posterior(task):
    """Omega held at .005 by its prior: means within 4.5 standard errors, sds within 12%."""
    held = replace(task, priors={**task.priors, "omega": 200.0})
    ours = fit(held, "auto", np.random.default_rng(1))
    assert ours.engine == "gibbs" and ours.draws["omega"].max() < 0.06
    simple = families()["gaussian_ml"]
    exact = replace(task, family=simple, priors=simple.facts.priors["weak"], draws=1000)
    theirs = fit(exact, "exact", np.random.default_rng(1))
    for name, a in theirs.draws.items():
        here, error = _mean_and_error(ours.draws[name], ours.mixed.ess)
        there, other = _mean_and_error(a, a.shape[0] * a.shape[1])
        assert np.abs((here - there) / np.hypot(error, other)).max() < 4.5, name
        np.testing.assert_allclose(ours.draws[name].std((0, 1)), a.std((0, 1)), rtol=0.12)


def test_spreads_of_large_groups_are_those_of_their_rows(make_task):
    """400 rows a group: log s_j within 4.5 posterior sds, 1/sqrt(800) each, of the residual sd."""
    rng, group = np.random.default_rng(2), np.arange(2400) % 6
    spreads = np.array([0.3, 0.5, 0.8, 1.0, 1.4, 2.0])
    y = spreads[group] * rng.standard_normal(2400)
    draws = fit(
        make_task("location_scale_ml", "weak", np.empty((2400, 0)), y, draws=150, need=200),
        "auto",
        np.random.default_rng(1),
    ).draws
    s = np.log(draws["sigma"])[..., None] + draws["omega"][..., None] * draws["v"]
    own = np.array([np.log(y[group == j].std()) for j in range(6)])
    assert np.abs(s.mean((0, 1)) - own).max() < 1 / np.sqrt(800)
    np.testing.assert_allclose(s.std((0, 1)), 1 / np.sqrt(800), rtol=0.15)


@pytest.mark.slow
def test_groups_with_their_own_spreads_are_calibrated(make_task):
    """48 rows in six groups, 100 replications, three seconds each."""
    rng = np.random.default_rng(17)
    made = make_task("location_scale_ml", "weak", rng.standard_normal((48, 2)), np.zeros(48))
    task = replace(made, design=replace(made.design, slopes=("x1",)))
    found = calibrate(task, 100, seed=31)
    assert found.failed == 0
    assert found.p_values.min() > LEVEL / len(found.names)
