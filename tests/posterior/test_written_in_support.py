"""Values written with few decimals stay among those that their family allows."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.families import families
from posynth.posterior.support import as_written
from posynth.table.schema import Column, Kind

INFINITE = (-np.inf, np.inf)
FAMILIES = {
    "lognormal": "lognormal",
    "gamma": "gamma",
    "weibull": "weibull",
    "beta": "beta",
    "truncated": "truncated(lower=0.25,upper=2)",
    "semicontinuous": "semicontinuous",
}


@pytest.fixture(scope="module")
def table():
    """Five columns of one decimal: none is 0, or beyond its bounds, but the last one's spike."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=240).round(2)
    y = np.exp(-1 + 0.5 * x + rng.normal(size=240)).round(1).clip(0.1)
    share = rng.beta(0.6, 0.6, 240).round(1).clip(0.1, 0.9)
    cut = rng.normal(size=240).clip(0.3, 2.0).round(1)
    sick = np.where(rng.random(240) < 0.4, 0.0, y)
    return pd.DataFrame({"x": x, "y": y, "share": share, "cut": cut, "sick": sick})


@pytest.mark.parametrize("family", ["lognormal", "gamma", "weibull"])
def test_copies_hold_no_value_that_the_family_does_not_allow(table, family):
    methods = {
        "y": family,
        "share": "beta",
        "cut": FAMILIES["truncated"],
        "sick": "semicontinuous",
    }
    copies = posynth.synthesize(table, m=4, seed=1, methods=methods)
    every = pd.concat(list(copies))
    assert every["y"].min() == 0.1 and every["share"].between(0.1, 0.9).all()
    assert every["cut"].between(0.3, 2.0).all()
    zero = np.array([(copy["sick"] == 0).mean() for copy in copies])
    error = np.sqrt(2 * 0.4 * 0.6 / 240)  # of the source's share and of the copy's own
    assert np.abs(zero - (table["sick"] == 0).mean()).max() < 4 * error
    # Analyses of the source run on copies too.
    posynth.pool(copies, "ols", "log(y) ~ x")
    posynth.pool(copies, "glm", "y ~ x", family="gamma")


def _column(decimals, kind=Kind.CONTINUOUS):
    return Column("y", kind, "float64", decimals=decimals)


@pytest.mark.parametrize(
    ("family", "bounds", "decimals", "drawn", "written"),
    [
        ("lognormal", INFINITE, 0, [1e-9, 0.4, 0.6, 7.5, 8.5], [0, 1, 1, 8, 8]),
        ("gamma", INFINITE, 2, [0.001, 0.004, 0.006], [0.01, 0.01, 0.01]),
        ("weibull", INFINITE, None, [0.001, 3.14159], [0.001, 3.14159]),
        ("beta", (0.0, 1.0), 1, [0.01, 0.5, 0.99], [0.1, 0.5, 0.9]),
        ("beta", (0.0, 100.0), 0, [0.2, 99.7], [1, 99]),
        ("truncated", (0.25, 2.0), 1, [0.25, 1.99, 2.0], [0.3, 2.0, 2.0]),
        ("truncated", (0.0, np.inf), 1, [0.01, 50.0], [0.0, 50.0]),
        ("semicontinuous", INFINITE, 1, [0.0, 0.02, 1.0], [0.0, 0.1, 1.0]),
        # What was shifted out of the support on purpose is only rounded.
        ("lognormal", INFINITE, 1, [-0.42, 0.0], [-0.4, 0.0]),
        ("truncated", (0.0, 2.0), 0, [-1.2, 2.8], [-1, 3]),
        # No number of so few decimals lies between the bounds.
        ("beta", (0.0, 1.0), 0, [0.2, 0.7], [0, 1]),
        ("gaussian", INFINITE, 0, [-0.2, 0.3], [0, 0]),
    ],
)
def test_rounding_stays_inside(family, bounds, decimals, drawn, written):
    facts = families()[family].facts
    found = as_written(_column(decimals), facts, bounds, np.array(drawn, dtype=float))
    assert found.tolist() == pytest.approx(written, abs=1e-12)


def test_only_the_first_and_last_unit_gain():
    """Against plain rounding nothing changes but the values that it would put outside."""
    rng = np.random.default_rng(1)
    drawn = rng.lognormal(-1, 1.5, 20_000)
    found = as_written(_column(1), families()["lognormal"].facts, INFINITE, drawn)
    plain = np.round(drawn, 1)
    assert ((found == plain) | ((plain == 0) & (found == 0.1))).all() and (plain == 0).any()
