"""Coverage of columns with bounds: a handful of samples anew, and what is committed."""

import numpy as np
import pandas as pd
import pytest

import posynth
from tests.truth.bound_cases import CASES, RESULTS
from tests.truth.few_cases import SEED, run

RUNS = 6
ENDS = {"0 to 10": (0, 10), "count": (0, np.inf), "share": (0, 1), "percentage": (0, 100)}


@pytest.mark.filterwarnings("ignore::posynth.DiagnosticWarning")
@pytest.mark.parametrize(
    ("name", "estimand"), [("0 to 10, near its top", "mean"), ("share", "slope")]
)
def test_a_handful_of_samples_is_covered(name, estimand):
    """At .95 fewer than 4 of 6 are covered in 2 of 1000 series; the seed is fixed."""
    found = [run(CASES[name], number)["pooled"][estimand] for number in range(RUNS)]
    errors, halves = np.array(found).T
    assert np.sum(np.abs(errors) <= halves) >= RUNS - 2
    assert abs(errors.mean()) < 3.5 * (halves / 1.96).mean() / np.sqrt(RUNS)


@pytest.mark.parametrize("name", CASES)
def test_no_value_of_a_copy_lies_beyond_the_ends(name):
    frame = CASES[name].simulate(np.random.default_rng([SEED, 0]))
    low, high = next(ends for start, ends in ENDS.items() if name.startswith(start))
    assert frame["y"].between(low, high).all()
    for copy in posynth.synthesize(frame, m=2, seed=1):
        assert copy["y"].between(low, high).all()


@pytest.mark.parametrize("name", CASES)
def test_the_true_values_are_those_of_the_population(name):
    """A sample of 40 times the rows: within 4 standard errors of its own analysis."""
    case, parts = CASES[name], []
    for number in range(40):
        parts.append(case.simulate(np.random.default_rng([3, number])))
    q, cov = case.analyse(pd.concat(parts, ignore_index=True))
    errors = np.array([q[key] - truth for key, truth in case.truth.items()])
    assert (np.abs(errors) < 4 * np.sqrt(np.diag(cov))).all()


def test_committed_coverage_is_within_two_monte_carlo_errors_of_the_limits():
    """From .93 to .97; what is outside is listed here, and nothing else may be.

    Of counts with many zeros and a long tail the default, a line for normal scores, has slopes that
    are a tenth too small (.67 standard errors); family ``negbinomial``, named, covers.
    """
    table = pd.read_csv(RESULTS).set_index(["case", "estimand"])
    assert {name for name, _ in table.index} == set(CASES) and (table["runs"] >= 300).all()
    low, high = 0.93 - 2 * table["mcse"], 0.97 + 2 * table["mcse"]
    outside = (table["pooled"] < low) | (table["pooled"] > high)
    assert set(table.index[outside]) == {("count, long tail", "slope")}
