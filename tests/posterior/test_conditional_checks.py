"""LOO and predictive checks tell a conditional that fits from one that does not."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.posterior.checks import check_conditionals


@pytest.fixture(scope="module")
def checked():
    """A linear column, one far too skew for it, and a three-level one."""
    rng = np.random.default_rng(12)
    x = rng.standard_normal(400)
    df = pd.DataFrame(
        {
            "x": x,
            "line": 1 + 2 * x + rng.standard_normal(400),
            "skew": np.exp(1.5 * rng.standard_normal(400)),
            "level": rng.choice(["a", "b", "c"], 400, p=[0.2, 0.3, 0.5]),
        }
    )
    chain = posynth.specify(df, methods=dict.fromkeys(("x", "line", "skew"), "gaussian"))
    found = check_conditionals(posynth.fit(df, chain, seed=1), df, seed=1)
    return {(r.measure, r.subject): r for r in found}


def test_a_conditional_that_fits_passes_and_a_skew_column_does_not(checked):
    assert checked["PPC", "line"].passed
    assert checked["PPC", "level"].passed
    assert not checked["PPC", "skew"].passed and checked["PPC", "skew"].value == 0.0


def test_loo_is_near_the_expected_log_density_of_the_truth(checked):
    # -0.5 log(2 pi e) for N(mean, 1); its standard error over 400 rows is sqrt(0.5 / 400).
    truth = -0.5 * np.log(2 * np.pi * np.e)
    assert checked["LOO", "line"].value == pytest.approx(truth, abs=4 * np.sqrt(0.5 / 400))
    entropy = 0.2 * np.log(0.2) + 0.3 * np.log(0.3) + 0.5 * np.log(0.5)
    assert checked["LOO", "level"].value == pytest.approx(entropy, abs=0.08)


def test_checks_are_marked_as_made_of_confidential_rows(checked):
    assert all(result.details["row_level"] for result in checked.values())
