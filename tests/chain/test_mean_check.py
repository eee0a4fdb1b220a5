"""Whether a conditional gives its column the right linear regression."""

import numpy as np
import pandas as pd

import posynth
from posynth.chain.mean_check import implied_means, mean_shift
from posynth.chain.quantiles import learn_scale
from posynth.chain.scores import learn_scores


def test_right_means_are_refused_by_chance_only():
    """400 samples at level .001: 3 or more refusals have probability .008; heavy-tailed errors."""
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(400):
        X = rng.standard_normal((200, 3))
        mean = X @ [1.0, 0.5, 0.0]
        y = mean + np.exp(0.5 * X[:, 0]) * rng.standard_t(5, 200)
        refused += mean_shift(y, mean, X) > 0
    assert refused < 4


def test_wrong_means_are_measured_in_standard_errors():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((400, 1))
    y = X[:, 0] + rng.standard_normal(400)
    # A slope of .5 in place of 1 is .5 sqrt(400) = 10 standard errors off: 100 / 2 on average.
    assert 40 < mean_shift(y, 0.5 * X[:, 0], X) < 62


def test_implied_means_are_those_of_a_lognormal():
    rng = np.random.default_rng(3)
    x = rng.standard_normal(4000)
    y = np.exp(0.5 * x + 0.5 * rng.standard_normal(4000))
    scale = learn_scale(y, None)
    scored = learn_scores(scale, y, x[:, None], rng)
    found = implied_means(scale, scored, x[:, None])
    exact = np.exp(0.5 * x + 0.125)
    inside = np.abs(x) < 2
    assert np.abs(found / exact - 1)[inside].max() < 0.1


def test_a_default_with_wrong_means_gives_way_to_curves():
    """A bounded column whose slopes turn round, beside eight that are noise."""
    rng = np.random.default_rng(0)
    n = 400
    noise = {f"n{i}": rng.standard_normal(n) for i in range(8)}
    a = rng.gamma(2.0, size=n)
    b = 0.6 * a + rng.gamma(2.0, size=n)
    y = 8 - 0.6 * (a - 2) * (b - 3) + a + rng.standard_normal(n) * (0.5 + 0.3 * a)
    columns = {"a": a.round(3), "b": b.round(3), **noise, "y": np.clip(y.round(1), 0, 15)}
    conditional = posynth.specify(pd.DataFrame(columns)).spec["y"]
    assert (conditional.family, conditional.scale) == ("structured", "learned")
    assert "means of the default would move slopes of regressions by" in conditional.note
