"""Coverage where rules hold in every row: a handful of samples anew, and what is committed.

Before rules were kept, two of three questions that were not asked had an answer.
"""

import numpy as np
import pandas as pd
import pytest

from tests.truth.few_cases import run
from tests.truth.rule_cases import CASES, RESULTS

RUNS = 6


@pytest.mark.filterwarnings("ignore::posynth.DiagnosticWarning")
@pytest.mark.parametrize(
    ("name", "estimand"), [("skipped question", "mean"), ("truncated", "slope")]
)
def test_a_handful_of_samples_is_covered(name, estimand):
    """At .95 fewer than 4 of 6 are covered in 2 of 1000 series; the seed is fixed."""
    found = [run(CASES[name], number)["pooled"][estimand] for number in range(RUNS)]
    errors, halves = np.array(found).T
    assert np.sum(np.abs(errors) <= halves) >= RUNS - 2
    assert abs(errors.mean()) < 3.5 * (halves / 1.96).mean() / np.sqrt(RUNS)


def test_committed_coverage_is_within_two_monte_carlo_errors_of_the_limits():
    table = pd.read_csv(RESULTS)
    assert set(table["case"]) == set(CASES) and (table["runs"] >= 300).all()
    low, high = 0.93 - 2 * table["mcse"], 0.97 + 2 * table["mcse"]
    assert ((table["pooled"] >= low) & (table["pooled"] <= high)).all()
