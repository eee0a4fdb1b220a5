"""Attribute risk and influence from posterior draws, against conjugate models solved exactly."""

import numpy as np
import pytest
from scipy.special import betaln

from posynth.errors import MeasureError
from posynth.evaluation.disclosure import attribute_risk, influence
from posynth.evaluation.disclosure.attribute_risk import pareto_k


def test_attribute_risk_of_a_bernoulli_value_against_enumeration(rng):
    # Prior Beta(1, 2); 11 other records with 4 ones, the truth is a one; two copies of 12 rows
    # with 7 and 3 ones, each from a posterior draw of its own. With a = 1 + ones, b = 2 + zeros:
    # p(Z^(l) | y*, others) = B(a + y* + z, b + 1 - y* + 12 - z) / B(a + y*, b + 1 - y*).
    a, b, ones = 1 + 4, 2 + 7, np.array([7, 3])
    prior = np.log([0.6, 0.4])
    exact = prior.copy()
    for value in (0, 1):
        before = betaln(a + value, b + 1 - value)
        exact[value] += np.sum(betaln(a + value + ones, b + 1 - value + 12 - ones) - before)
    exact = np.exp(exact - np.logaddexp(*exact))

    theta = rng.beta(a + 1, b, size=40_000)  # the posterior given all records, the truth included
    log_candidates = np.log([1 - theta, theta])
    log_copies = ones * np.log(theta)[:, None] + (12 - ones) * np.log1p(-theta)[:, None]
    risk, rank, k_hat = attribute_risk.measure(
        log_copies, log_candidates, truth=1, log_prior=prior, subject="ill"
    )
    # Monte-Carlo error of each weighted mean is below 1 / sqrt(40 000) = .005 relative, a few of
    # them enter; .005 absolute on a probability near .4 is about three standard errors.
    assert risk.value == pytest.approx(exact[1], abs=0.005)
    assert abs(exact[1] - 0.4) > 0.01  # the copies do teach the intruder something
    assert rank.value == 2
    assert risk.details["prior"] == pytest.approx(0.4)
    assert k_hat.passed is True
    assert risk.subject == rank.subject == k_hat.subject == "ill"


def test_without_copies_information_the_prior_stays():
    draws = np.random.default_rng(2).normal(size=500)
    log_candidates = -((np.array([-1.0, 0.0, 1.0])[:, None] - draws) ** 2) / 2
    prior = np.array([1.0, 2.0, 1.0])
    risk, rank, _ = attribute_risk.measure(np.zeros((500, 3)), log_candidates, 0, np.log(prior))
    assert risk.value == pytest.approx(0.25)
    assert rank.value == 2.5  # ties share ranks 2 and 3


def test_degenerate_weights_are_confessed(rng):
    # A copy of 20 000 rows: its likelihood is so peaked that hardly any draw carries weight.
    theta = rng.normal(0, 1, size=1000)
    log_copies = -20_000 * (theta[:, None] - 0.3) ** 2 / 2
    log_candidates = -((np.array([0.0, 1.0])[:, None] - theta) ** 2) / 2
    k_hat = attribute_risk.measure(log_copies, log_candidates, 0)[2]
    assert k_hat.value > 0.7
    assert k_hat.passed is False
    assert "not to be trusted" in k_hat.text


def test_pareto_shape_of_exact_pareto_ratios(rng):
    # Ratios U^(-k) have a Pareto tail of shape k.
    uniform = rng.random((3, 20_000))
    shapes = np.array([0.3, 0.5, 0.9])
    found = pareto_k(-shapes[:, None] * np.log(uniform))
    assert found == pytest.approx(shapes, abs=0.2)
    assert np.all(np.diff(found) > 0.1)
    assert pareto_k(np.zeros((1, 50)))[0] == -np.inf


@pytest.mark.parametrize(
    ("copies", "candidates", "truth", "prior", "message"),
    [
        (np.zeros(3), np.zeros((2, 3)), 0, None, "log_copies has shape (3,) and log_candidates"),
        (
            np.zeros((4, 1)),
            np.zeros((2, 3)),
            0,
            None,
            "log_copies has 4 draws and log_candidates 3",
        ),
        (np.zeros((3, 1)), np.zeros((2, 3)), 2, None, "truth = 2 is not among the 2 candidates"),
        (np.zeros((3, 1)), np.zeros((2, 3)), 0, np.zeros(3), "give one number for each of the 2"),
        (
            np.full((3, 1), -np.inf),
            np.zeros((2, 3)),
            0,
            None,
            "must be finite; leave out candidates",
        ),
    ],
)
def test_attribute_risk_errors(copies, candidates, truth, prior, message):
    with pytest.raises(MeasureError) as caught:
        attribute_risk.measure(copies, candidates, truth, prior)
    assert message in str(caught.value)


def test_influence_by_hand():
    # |log p|: record 1: .1 3 -> 3; record 2: 2 1 -> 2; record 3: 0 .5 (a density above 1) -> .5.
    log_likelihood = np.array([[-0.1, -2.0, 0.0], [-3.0, -1.0, 0.5]])
    score, epsilon = influence.measure(log_likelihood, copies=4)
    assert score.value == 3
    assert score.details["median"] == 2
    assert epsilon.value == 2 * 4 * 3
    assert epsilon.details["per_copy_draw"] == 6
    # Weights 1/2 1 1 bring record 1 down to 1.5: the largest is 2 now.
    score, epsilon = influence.measure(log_likelihood, 1, np.array([0.5, 1.0, 1.0]))
    assert (score.value, epsilon.value) == (2, 4)


def test_scores_of_rows_are_given_only_on_request_and_marked_private():
    log_likelihood = np.array([[-0.1, -2.0], [-3.0, -1.0]])
    score, epsilon = influence.measure(log_likelihood)
    assert "scores" not in score.details
    assert score.details["row_level"] and epsilon.details["row_level"]
    score = influence.measure(log_likelihood, rows=True)[0]
    assert score.details["scores"] == [3, 2]
    assert score.details["private"]


def test_local_epsilon_never_promises_differential_privacy():
    for result in influence.measure(np.full((2, 3), -1.0), k_hat=False):
        assert "differential" not in result.text.lower()
    assert "no guarantee of privacy" in result.text


def test_an_outlier_has_the_highest_leave_one_out_shape(rng):
    # Regression through the origin, unit variance, flat prior: theta ~ N(b, 1 / sum x^2). Leaving
    # record i out has ratios exp((y_i - x_i theta)^2 / 2), whose tail has shape x_i^2 / sum x^2:
    # .8 for the last record with x = 10 against 25 with x = 1, so only it is above .7.
    x = np.array([1.0] * 25 + [10.0])
    theta = rng.normal(1, 1 / np.sqrt(np.sum(x**2)), size=20_000)
    log_likelihood = -((x - x * theta[:, None]) ** 2) / 2 - 0.5 * np.log(2 * np.pi)
    result = influence.measure(log_likelihood, k_hat=True, rows=True)[2]
    assert int(np.argmax(result.details["k_hat"])) == 25
    assert result.value == pytest.approx(0.8, abs=0.15)
    assert result.details["above_limit"] == 1
    assert result.passed is False


@pytest.mark.parametrize(
    ("log_likelihood", "copies", "weights", "message"),
    [
        (np.zeros(3), 1, None, "log_likelihood has shape (3,); give (draws, records)"),
        (np.full((2, 2), -np.inf), 1, None, "a record that some posterior draw holds impossible"),
        (np.zeros((2, 2)), 0, None, "copies = 0; give the number of copies released, at least 1"),
        (np.zeros((2, 2)), 1, np.array([2.0, 1.0]), "give one number between 0 and 1 a record"),
        (np.zeros((2, 2)), 1, np.ones(3), "weights of shape (3,) for 2 records"),
    ],
)
def test_influence_errors(log_likelihood, copies, weights, message):
    with pytest.raises(MeasureError) as caught:
        influence.measure(log_likelihood, copies, weights)
    assert message in str(caught.value)
