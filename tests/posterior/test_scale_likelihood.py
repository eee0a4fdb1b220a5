"""The likelihood on a learned scale is a distribution of the column, and that of its draws."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import posynth
from posynth.chain.scale import Drawn
from posynth.engines.choose import condition
from posynth.posterior.likelihood import code_rows, encoded, row_log_likelihood
from posynth.posterior.predict import stacked
from posynth.posterior.scale_likelihood import log_between

ROWS = 500


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(5)
    x = rng.normal(size=ROWS)
    pay = np.exp(3 + 0.5 * x + 0.6 * rng.normal(size=ROWS)).round(1)
    return pd.DataFrame(
        {
            "x": x,
            "visits": rng.poisson(np.exp(1 + 0.5 * x)),
            "pay": np.where(rng.random(ROWS) < 0.2, 0.0, pay),
            "skew": np.exp(x + rng.normal(size=ROWS)),
        }
    )


@pytest.fixture(scope="module")
def posterior(table):
    chain = posynth.specify(table)
    plain = {"scale": "learned", "predictors": ("x",), "splines": 0, "interactions": ()}
    for target in ("visits", "pay", "skew"):
        chain = chain.change(target, family="gaussian", **plain)
    return posynth.fit(table, chain, seed=2)


def _at(posterior, target, values, x, draws=3):
    """Return rows of one predictor value, and the likelihood of values there, (draws, n)."""
    frame = pd.DataFrame({"x": x, "visits": 1, "pay": 0.0, "skew": 1.0}, index=range(len(values)))
    frame[target] = values
    coded = code_rows(posterior, encoded(posterior, frame), target)
    parameters = {name: v[:draws] for name, v in stacked(posterior.draws[target]).items()}
    return coded, row_log_likelihood(coded, parameters)


@pytest.mark.parametrize("x", [-1.5, 0.0, 1.0])
@pytest.mark.parametrize(("target", "unit"), [("visits", 1), ("pay", 0.1)])
def test_the_probabilities_of_all_values_add_up_to_one(posterior, target, unit, x):
    """Probabilities of whole numbers; of rounded ones densities times the unit."""
    values = np.arange(0, 40_000) * unit
    coded, found = _at(posterior, target, values if unit < 1 else values.astype(int), x)
    found = found[:, ~coded.scored.outside]  # copies never take those: they have one case each
    np.testing.assert_allclose(np.exp(found).sum(axis=1) * unit, 1.0, atol=1e-6)


def test_a_density_integrates_to_one(posterior):
    """Scores beyond the range of the grid have little mass; steps of the slope cost the rest."""
    grid = np.exp(np.linspace(-9, 9, 4001))
    _, found = _at(posterior, "skew", grid, 0.3)
    integral = np.trapezoid(np.exp(found) * grid, np.log(grid), axis=1)
    np.testing.assert_allclose(integral, 1.0, atol=0.01)


def test_it_is_the_distribution_of_draws_on_the_scale_as_learned(posterior):
    """The model's own normal draws, taken back to whole numbers without the scale's noise."""
    values = np.arange(60)
    coded, found = _at(posterior, "visits", values, 0.5, draws=1)
    coding = posterior.links["visits"].coding
    scale, count = coding.learned, 100_000
    point = Drawn(scale, scale.masses / scale.masses.sum(), {i: t.spread for i, t in scale.tails})
    model = condition(coded.task).with_data(X=np.repeat(coded.task.design.X[:1], count, axis=0))
    first = stacked(posterior.draws["visits"])
    theta = [first[name][0] for name in model.names]
    drawn = point.values(coding.warp.back(model.draw(theta, np.random.default_rng(3))))
    observed = np.bincount(drawn.astype(int), minlength=60)
    expected = count * np.exp(found[0])
    assert not observed[coded.scored.outside].any()
    some = (expected >= 5) & ~coded.scored.outside
    score = np.sum((observed[some] - expected[some]) ** 2 / expected[some])
    assert score < stats.chi2.isf(1e-4, some.sum() - 1)


def test_the_mean_log_likelihood_is_near_that_of_the_truth(posterior, table):
    """Poisson probabilities of the model the counts were drawn from: no scale does better."""
    tree = posynth.log_likelihood(posterior, "visits", table, draws=100)
    found = tree["log_likelihood"]["visits"].mean().item()
    truth = stats.poisson.logpmf(table["visits"], np.exp(1 + 0.5 * table["x"])).mean()
    # The sd of a row's log probability is about .7, but most of it is common to both.
    assert abs(found - truth) < 0.05


def test_the_log_of_a_difference_keeps_its_digits_in_both_tails():
    a, b = np.array([-12.0, -0.5, 11.0]), np.array([-11.0, 0.5, 12.0])
    tails = [(stats.norm.logcdf(z), stats.norm.logsf(z)) for z in (a, b)]
    exact = [np.log(stats.norm.cdf(-11) - stats.norm.cdf(-12)), np.log(0.3829249225480262)]
    np.testing.assert_allclose(log_between(*tails), [exact[0], exact[1], exact[0]], rtol=1e-9)
    ends = (np.array([-np.inf]), np.array([0.0])), (np.array([0.0]), np.array([-np.inf]))
    assert log_between(*ends)[0] == 0.0 and np.isneginf(log_between(ends[0], ends[0])[0])


def test_a_rare_value_between_shared_ones_counts_as_one_case():
    """No cell holds 54, so copies never take it; the source's rows still have a likelihood."""
    df = posynth.load_heart_failure()[["age", "platelets"]]
    posterior = posynth.fit(df, seed=1)
    assert posterior.links["age"].coding.learned is not None
    coded = code_rows(posterior, encoded(posterior, df), "age")
    assert set(coded.observed[coded.scored.outside]) == {54.0}
    mass = np.exp(coded.scored.log_margin[coded.scored.outside]) * 10.0**-3
    np.testing.assert_allclose(mass, 1 / len(df), rtol=1e-6)
    tree = posynth.log_likelihood(posterior, "age", df, draws=8)
    assert np.isfinite(tree["log_likelihood"]["age"]).all()
    assert tree["log_likelihood"]["age"].attrs["outside"] == 2
