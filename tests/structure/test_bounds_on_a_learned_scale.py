"""A skewed column that rules bound is truncated on its learned scale, not along a straight line."""

import numpy as np
import pandas as pd
import pytest

import posynth


@pytest.fixture(scope="module")
def devices():
    """Computers of schools: log-normal given pupils, never more than pupils, mostly far fewer."""
    rng = np.random.default_rng(5)
    pupils = np.exp(6 + 0.9 * rng.standard_normal(700)).round() + 20
    share = np.exp(-2 + 0.7 * rng.standard_normal(700)).clip(0.002, 0.95)
    frame = pd.DataFrame({"pupils": pupils, "devices": (pupils * share).round()})
    return frame.assign(city=rng.choice(["a", "b"], 700))


@pytest.fixture(scope="module")
def copies(devices):
    chain = posynth.specify(devices, rules=["devices <= pupils", "devices >= 0"])
    assert (chain.spec["devices"].family, chain.spec["devices"].scale) == ("bounded", "learned")
    assert "on the learned scale" in chain.spec["devices"].note
    return posynth.synthesize(devices, chain=chain, m=10, seed=2)


def test_the_rule_holds_in_every_row(copies):
    assert all((copy["devices"] <= copy["pupils"]).all() for copy in copies)


def test_the_relation_to_the_bound_is_kept(devices, copies):
    """Rank correlation of 700 rows has a standard error of about .02; of 10 copies' mean .007."""

    def rank(frame):
        return frame["devices"].corr(frame["pupils"], method="spearman")

    assert np.mean([rank(copy) for copy in copies]) == pytest.approx(rank(devices), abs=0.06)


def test_the_share_near_the_bound_is_kept(devices, copies):
    """Shares of devices above .1 of pupils: 2 standard errors of the source and of 10 copies."""

    def high(frame):
        return float((frame["devices"] > 0.1 * frame["pupils"]).mean())

    p = high(devices)
    limit = 3 * np.sqrt(p * (1 - p) / 700 * 1.2)
    assert np.mean([high(copy) for copy in copies]) == pytest.approx(p, abs=limit)


def test_a_straight_line_is_still_truncated_as_it_is():
    rng = np.random.default_rng(6)
    x = rng.standard_normal(400)
    y = x + np.abs(0.4 + 0.6 * rng.standard_normal(400))
    frame = pd.DataFrame({"x": x.round(4), "y": np.maximum(y, x + 0.01).round(4)})
    found = posynth.specify(frame, rules=["y >= x"]).spec["y"]
    assert found.scale == "natural" or found.family != "bounded"


def test_the_likelihood_adds_up_to_one_over_what_the_rule_leaves(devices):
    chain = posynth.specify(devices, rules=["devices <= pupils", "devices >= 0"])
    posterior = posynth.fit(devices, chain=chain, seed=1)
    rows = pd.DataFrame({"pupils": 60.0, "devices": np.arange(61.0), "city": "a"})
    tree = posynth.log_likelihood(posterior, "devices", rows, draws=20)
    assert np.allclose(np.exp(tree["log_likelihood"]["devices"]).sum("row"), 1.0, atol=1e-6)
