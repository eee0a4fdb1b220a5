"""What a column may hold, family by family: refused before the first fit, with the next step."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.facts import FamilyFacts
from posynth.chain.options import read_method
from posynth.engines.choose import condition
from posynth.errors import FitError, SpecError
from posynth.families import families
from posynth.posterior.support import SUPPORTS, check_draws

ROWS = 60
VALUES = {
    "amount": np.linspace(0.5, 30.0, ROWS),
    "change": np.linspace(-3.0, 3.0, ROWS) + 0.05,
    "visits": np.arange(ROWS) % 5,
}


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame(VALUES)


@pytest.mark.parametrize("name", families())
def test_every_family_states_a_support_that_is_known(name):
    facts = families()[name].facts
    assert facts.support in SUPPORTS
    assert facts.response != "codes" or facts.support == "real"


@pytest.mark.parametrize(
    ("column", "method", "text"),
    [
        ("change", "lognormal", r"30 of 60 values .* \(numbers above 0\), for example -2.95; use"),
        ("change", "gamma", r"column 'change', family 'gamma': 30 of 60 values are not among"),
        ("visits", "poison", r"unknown family 'poison'; .*Did you mean 'poisson'"),
        ("amount", "poisson", r"column 'amount' is continuous; family 'poisson' models count col"),
        ("amount", "gamma(shape=2)", r"family 'gamma': option shape = 2.0: it has none"),
        ("amount", "gamma(shape)", r"method 'gamma\(shape\)': 'shape' is no option; write NAME="),
    ],
)
def test_a_column_that_does_not_fit_is_refused_before_the_first_fit(table, column, method, text):
    with pytest.raises(SpecError, match=text):
        posynth.specify(table, methods={column: method})


def test_a_value_outside_is_met_before_any_other_column_is_fitted(table):
    seen = []
    with pytest.raises(SpecError, match="family 'gamma'"):
        posynth.synthesize(table, m=1, methods={"change": "gamma"}, progress=seen.append)
    assert seen == []


def test_rows_that_a_ready_chain_was_not_made_for_are_met_before_the_first_fit(table):
    seen, chain = [], posynth.specify(table, methods={"amount": "gamma"})
    with pytest.raises(SpecError, match="column 'amount', family 'gamma': 30 of 60 values"):
        posynth.fit(table.assign(amount=table["change"]), chain, progress=seen.append)
    with pytest.raises(SpecError, match="column 'change', family 'gamma': 30 of 60 values"):
        posynth.fit(table, chain.change("change", family="gamma"), progress=seen.append)
    assert seen == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gamma", ("gamma", {})),
        ("beta(lower=0, upper=20)", ("beta", {"lower": 0.0, "upper": 20.0})),
        ("semicontinuous(spikes=0 -1.5)", ("semicontinuous", {"spikes": (0.0, -1.5)})),
        ("models/mine (old).py:f", ("models/mine (old).py:f", {})),
    ],
)
def test_options_are_read_from_a_method(text, expected):
    assert read_method(text) == expected


def test_draws_that_overflow_are_refused():
    facts = FamilyFacts("counts", frozenset(), "", response="natural", support="whole")
    check_draws("y", facts, np.array([0.0, 5.0]))
    for wrong in (np.inf, np.nan, -1.0, 2.0**60):
        with pytest.raises(FitError, match=r"column 'y': 1 of 2 draws of family 'counts' overf"):
            check_draws("y", facts, np.array([3.0, wrong]))


@pytest.mark.parametrize(
    ("method", "sigma"), [("lognormal", 0.3), ("gaussian", None), ("poisson", None)]
)
def test_coefficients_stand_on_the_scale_of_the_link(method, sigma):
    """y is drawn with log mean 1 + 0.02 x (mean 1 + 0.02 x for gaussian); 4 s.e. of 400 rows."""
    rng = np.random.default_rng(6)
    x = rng.normal(50.0, 10.0, 400)
    line = 1 + 0.02 * x
    y = {
        "lognormal": np.exp(line + 0.3 * rng.standard_normal(400)),
        "gaussian": line + 0.3 * rng.standard_normal(400),
        "poisson": rng.poisson(np.exp(line)),
    }[method]
    df = pd.DataFrame({"x": np.round(x, 2), "y": y})
    found = posynth.fit(df, posynth.specify(df, methods={"y": method}), seed=1).coefficients("y")
    for name, truth in (("intercept", 1.0), ("slope", 0.02)):
        assert abs(float(found[name].mean()) - truth) < 4 * float(found[name].std()), name
    if sigma:
        assert float(found["sigma"].mean()) == pytest.approx(sigma, abs=4 * 0.3 / np.sqrt(800))


@pytest.mark.parametrize(
    ("value", "lower", "upper"),
    [(np.nextafter(2.0, 0.0), -1.0, 2.0), (np.nextafter(0.0, 1.0), 0.0, 300.0)],
)
def test_a_value_whose_share_rounds_to_a_bound_has_no_density_and_is_refused(value, lower, upper):
    assert lower < value < upper
    options = {"lower": lower, "upper": upper}
    values = np.array([value, (lower + upper) / 2, lower, upper])
    assert SUPPORTS["open"].inside(values, options).tolist() == [False, True, False, False]


def test_a_truncated_draw_does_not_round_beyond_its_bound(make_task):
    X = np.linspace(-9.0, 9.0, 999)[:, None]
    task = make_task("truncated", "weak", X, np.zeros(999))
    model = condition(task)
    named = {"alpha": 0.08, "beta": np.array([1.7]), "sigma": 0.004}
    theta = [np.asarray(named[name]) for name in model.names]
    y = model.draw(theta, np.random.default_rng(1))
    assert (y.min(), y.max()) == (-1.0, 1.5)
