import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.base import Comparison, Provenance
from posynth.evaluation.inference import compare_analysis, compare_fits, mean
from posynth.evaluation.inference.estimates import Estimate
from posynth.results import to_frame
from posynth.table.schema import Schema

PROVENANCE = Provenance(n=100, k=100, m=2)
ORIGINAL = Estimate(("a", "b"), [1.0, 2.0], np.diag([0.04, 0.25]))
COPIES = [
    Estimate(("a", "b"), [1.1, 2.5], np.diag([0.04, 0.16])),
    Estimate(("b", "a"), [3.5, 1.3], np.diag([0.16, 0.04])),
]


def test_the_table_by_hand():
    table = compare_fits(COPIES, ORIGINAL, PROVENANCE).table
    assert table["synthetic"].tolist() == pytest.approx([1.2, 3.0])
    assert table["std diff"].tolist() == pytest.approx([1.0, 2.0])
    assert table["synthetic error"].tolist() == pytest.approx([0.2, 0.4])
    z = 1.959963984540054
    shared = (2 + 0.5 * z) - (3 - 0.4 * z)
    assert table["overlap"].tolist() == pytest.approx(
        [1 - 1 / (2 * z), shared / (2 * z) * (1 / 0.5 + 1 / 0.4) / 2]
    )


def test_lack_of_fit_by_hand():
    found = compare_fits(COPIES, ORIGINAL, PROVENANCE).lack_of_fit
    assert found.value == pytest.approx(1.0**2 + 2.0**2)
    plug_in = Provenance(n=100, k=100, m=2, proper=False)
    assert compare_fits(COPIES, ORIGINAL, plug_in).lack_of_fit.value == pytest.approx(10.0)


def test_intervals_for_the_population_are_the_pooled_ones():
    found = compare_fits(COPIES, ORIGINAL, PROVENANCE, interval="population", rule="ppd")
    assert found.table["synthetic error"].tolist() == pytest.approx(
        found.pooled.table["std error"].tolist()
    )
    assert found.pooled.choice.rule == "ppd"


def test_results_carry_their_expectation():
    found = to_frame(compare_fits(COPIES, ORIGINAL, PROVENANCE).results())
    assert found["measure"].tolist() == [
        *["mean |std diff|", "mean CI overlap", "lack of fit"],
        *["std diff", "std diff", "CI overlap", "CI overlap"],
    ]
    assert found.loc[0, "value"] == pytest.approx(1.5)
    assert found.loc[0, "text"] == "a right synthesis gives 0.798 on average"
    partial = Provenance(n=100, k=100, m=2, unsynthesised=("sex",))
    summary = compare_fits(COPIES, ORIGINAL, partial).results()[0]
    assert summary.text == "its expectation is unknown for these copies"


def comparison(original, copies):
    provenance = Provenance(len(original), len(copies[0]), len(copies))
    return Comparison(original, tuple(copies), Schema((), len(original)), provenance)


def test_an_analysis_is_run_on_original_and_copies():
    original = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    copies = [pd.DataFrame({"x": [2.0, 3.0, 4.0]}), pd.DataFrame({"x": [1.0, 2.0, 6.0]})]
    found = compare_analysis(mean("x"), comparison(original, copies))
    assert found.table.loc["mean(x)", "difference"] == pytest.approx(1.0)
    assert found.table.loc["mean(x)", "original error"] == pytest.approx(np.sqrt(1 / 3))


def test_a_failure_on_the_original_says_so():
    original = pd.DataFrame({"x": [1.0]})
    copies = [pd.DataFrame({"x": [2.0, 3.0, 4.0]})]
    with pytest.raises(MeasureError, match=r"the original table: column 'x' has 1 value"):
        compare_analysis(mean("x"), comparison(original, copies))


def test_other_coefficients_in_the_original_are_named():
    with pytest.raises(MeasureError, match=r"'b' is missing in the fit to the original rows"):
        compare_fits(COPIES, Estimate(("a",), [1.0], [[1.0]]), PROVENANCE)
    more = Estimate(("a", "b", "c"), np.ones(3), np.eye(3))
    with pytest.raises(MeasureError, match=r"'c' is missing in the fit to the copies"):
        compare_fits(COPIES, more, PROVENANCE)


def test_unknown_interval():
    with pytest.raises(MeasureError, match=r"unknown interval 'Q'; allowed: 'expected'"):
        compare_fits(COPIES, ORIGINAL, PROVENANCE, interval="Q")
