"""Ranks of true parameters of ``structured`` among its draws are uniform."""

import numpy as np
import pytest

from posynth.chain.smooth import curves
from posynth.engines.base import Task
from posynth.evaluation.validity.calibration import calibrate
from posynth.families import family
from posynth.families.base import Design, Response

ROWS = 80
QUANTITIES = ("alpha", "beta[0]", "beta[6]", "gamma0", "tau[0]", "shape[0]", "log-likelihood")
#: Modest, so that few data sets of the prior have no usable proposals.
PRIORS = {"intercept": 1.0, "slope": 1.0, "block": 0.3, "spread": 0.3}
PRIORS |= {"spread_block": 0.1, "shape": 0.3}


def task() -> Task:
    """A line, its curve, a factor with a level of 2 rows; values from -.8 to 1 as intervals."""
    rng = np.random.default_rng(7)
    x, level = rng.standard_normal(ROWS), np.r_[2, 2, rng.integers(0, 2, ROWS - 2)]
    X = np.column_stack([x, curves(x, 3), level[:, None] == np.arange(3)])
    names = ("x", "x~1", "x~2", "x~3", "f[a]", "f[b]", "f[c]")
    blocks = ("", *["x"] * 3, *["f"] * 3)
    design = Design(X - X.mean(axis=0), names, blocks=blocks, spread=(0,))
    cells = (np.array([-0.8, -0.2, 0.4]), np.array([-0.2, 0.4, 1.0]))
    member = family("structured")
    return Task(
        member, design, Response("y", np.zeros(ROWS), cells=cells), "weak", PRIORS, 250, 100
    )


def _uniform(replications, monkeypatch):
    # What its own sampler does not draw is left out, not drawn by NUTS for a minute.
    monkeypatch.setattr("posynth.engines.choose.MOST_CELLS", 0)
    found = calibrate(task(), replications, seed=11)
    assert found.failed <= replications // 10
    p = dict(zip(found.names, found.p_values, strict=True))
    assert min(p[name] for name in QUANTITIES) > 0.001 / len(QUANTITIES)
    # Means of ranks within 4 standard errors of those of a uniform distribution.
    means = found.ranks.mean(axis=0) / found.draws
    assert np.abs(means - 0.5).max() < 4 / np.sqrt(12 * len(found.ranks))


def test_ranks_are_uniform_in_thirty_replications(monkeypatch):
    _uniform(30, monkeypatch)


@pytest.mark.slow
def test_ranks_are_uniform_in_two_hundred_replications(monkeypatch):
    _uniform(200, monkeypatch)
