"""A column that its rules bound from above alone: no error, no row beyond, distribution kept."""

import numpy as np
import pandas as pd
import pytest

import posynth

N = 300


def _table(gap, seed=0, unit=1.0):
    """Return y below its own cap in every row."""
    rng = np.random.default_rng(seed)
    cap = rng.normal(0, 1, N)
    below = {
        "at the bound": lambda: np.where(rng.random(N) < 0.3, 0.0, rng.exponential(1, N)),
        "near": lambda: rng.exponential(1, N),
        "half normal": lambda: np.abs(rng.normal(0, 1, N)),
        "skewed": lambda: rng.lognormal(0, 1.5, N),
        "far": lambda: rng.gamma(20, 0.3, N),
    }[gap]()
    cap, y = ((unit * values).round(3) for values in (cap, cap - below))
    return pd.DataFrame({"cap": cap, "y": np.minimum(y, cap)})


@pytest.mark.parametrize("gap", ["at the bound", "near", "half normal", "skewed", "far"])
def test_a_bound_from_above_keeps_the_distance_below_it(gap):
    """Ten copies: their mean distance lies within 4 standard errors of source and copies.

    The error of a copy is that of the source's mean and its own, se sqrt(1 + 1/10) of the first.
    """
    df = _table(gap)
    copies = posynth.synthesize(df, m=10, seed=1, rules="y <= cap")
    drawn = pd.concat(list(copies), ignore_index=True)
    assert (drawn["y"] <= drawn["cap"]).all()
    own, found = df["cap"] - df["y"], drawn["cap"] - drawn["y"]
    family = copies.posterior.spec["y"].family
    assert (family == "bounded") == (gap == "far")
    if gap == "skewed":  # a lognormal's mean follows its tail: the logs are compared
        own, found = np.log(own + 0.01), np.log(found + 0.01)
    assert abs(found.mean() - own.mean()) < 4 * own.std() * (1.1 / N) ** 0.5
    assert abs(np.log(found.std() / own.std())) < 0.25


@pytest.mark.parametrize("gap", ["near", "half normal", "skewed"])
def test_the_rule_is_found_without_being_stated(gap):
    copies = posynth.synthesize(_table(gap), m=2, seed=1)
    assert copies.posterior.spec["y"].rules == ("y <= cap",)
    assert all((copy["y"] <= copy["cap"]).all() for copy in copies)


@pytest.mark.parametrize("what", ["whole numbers", "dates", "no cap in some rows", "no y in some"])
def test_other_kinds_are_bounded_from_above_alike(what):
    df = _table("near", 3, 100.0).round()
    if what == "whole numbers":
        df = df.astype(int)
    if what == "dates":
        df = df.apply(lambda days: pd.Timestamp("2020-01-01") + pd.to_timedelta(days, unit="D"))
    if what.startswith("no"):
        df.loc[::4, "cap" if "cap" in what else "y"] = np.nan
    for copy in posynth.synthesize(df, m=3, seed=1, rules="y <= cap"):
        both = copy.dropna()
        assert (both["y"] <= both["cap"]).all()
        assert len(both) > 0.6 * N


def test_a_stored_posterior_draws_the_same_copies(tmp_path):
    posterior = posynth.fit(_table("near"), posynth.specify(_table("near")), seed=1)
    assert posterior.links["y"].coding.limits.distance == "below"
    posynth.save_posterior(posterior, tmp_path / "posterior")
    again = posynth.load_posterior(tmp_path / "posterior")
    for one, other in zip(
        posynth.draw(posterior, 2, seed=5), posynth.draw(again, 2, seed=5), strict=True
    ):
        pd.testing.assert_frame_equal(one, other)


def test_what_is_predicted_is_the_column_not_its_distance():
    df = _table("near")
    posterior = posynth.fit(df, posynth.specify(df), seed=1)
    tree = posterior.inference_data("y", df, draws=40)
    drawn = tree["posterior_predictive"]["y"].to_numpy()
    assert (drawn <= df["cap"].to_numpy() + 1e-9).all()
    error = df["y"].std() * (2 / N) ** 0.5
    assert abs(float(drawn.mean()) - df["y"].mean()) < 4 * error
