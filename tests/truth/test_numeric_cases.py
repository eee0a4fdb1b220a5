"""Coverage where a straight line is not enough: a handful of samples anew, and what is committed.

Products and squares were never looked for on the natural scale: their coverage was .08.
"""

import numpy as np
import pandas as pd
import pytest

from tests.truth.few_cases import run
from tests.truth.numeric_cases import CASES, RESULTS

RUNS = 6
#: Outside .93 to .97 by more than two Monte-Carlo errors, and known to be:
#: the analyst's own intervals cover .83 of slopes of a column with 95 % zeros.
OUTSIDE = {("95 % zeros", "slope")}


@pytest.mark.filterwarnings("ignore::posynth.DiagnosticWarning")
@pytest.mark.parametrize("name", ["product", "square"])
def test_a_handful_of_samples_is_covered(name):
    """At .95 fewer than 4 of 6 are covered in 2 of 1000 series; the seed is fixed."""
    found = [run(CASES[name], number)["pooled"]["term"] for number in range(RUNS)]
    errors, halves = np.array(found).T
    assert np.sum(np.abs(errors) <= halves) >= RUNS - 2
    assert abs(errors.mean()) < 3.5 * (halves / 1.96).mean() / np.sqrt(RUNS)


def test_committed_coverage_is_within_two_monte_carlo_errors_of_the_limits():
    """From .93 to .97; what is outside is listed above, and nothing else may be."""
    table = pd.read_csv(RESULTS).set_index(["case", "estimand"])
    low, high = 0.93 - 2 * table["mcse"], 0.97 + 2 * table["mcse"]
    outside = (table["pooled"] < low) | (table["pooled"] > high)
    assert set(table.index[outside]) == OUTSIDE
