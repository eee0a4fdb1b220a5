"""Results as a table."""

import numpy as np

from posynth.results import Evaluation, Result, to_frame

RESULTS = [
    Result("S_pMSE", 2.0, "age", details={"S_proper": 1.0, "raw": 0.1}),
    Result("repU", 0.5, interval=(0.1, 0.9), passed=True),
]


def test_details_asked_for_stand_beside_the_value():
    frame = to_frame(RESULTS, ["S_proper"])
    assert list(frame)[:4] == ["measure", "subject", "value", "S_proper"]
    np.testing.assert_array_equal(frame["S_proper"], [1.0, np.nan])
    assert to_frame(RESULTS, iter(["raw"]))["raw"][0] == 0.1


def test_without_details_there_are_none():
    columns = ["measure", "subject", "value", "lower", "upper", "passed", "text"]
    assert list(to_frame(RESULTS)) == list(to_frame([])) == columns
    assert list(to_frame([], ["raw"]))[3] == "raw"


def test_an_evaluation_prints_what_failed_first_and_fits_a_screen():
    many = [Result("S_pMSE", float(i), f"c{i}") for i in range(50)]
    found = Evaluation([*many, Result("repU", 7.5, "age", passed=False)])
    lines = repr(found).splitlines()
    assert lines[0] == "51 results, 1 outside its limit (S_...: 1 is ideal, 3 a limit)"
    assert lines[2].split() == ["repU", "age", "7.5", "no"]
    assert lines[-1] == "and 31 more: to_frame() has them all" and len(lines) <= 25
    assert (
        "<table" in found._repr_html_()
        and "&lt;b&gt;" in Evaluation([Result("KS", 1.0, "<b>")])._repr_html_()
    )


def test_an_advice_shows_no_value_to_be_compared_with_a_limit():
    found = Evaluation([Result("advice", 2.075, "seen", passed=False)])
    assert "2.07" not in repr(found) and "seen" in repr(found)
    assert found.to_frame()["value"].tolist() == [2.075]


def test_an_evaluation_is_a_sequence_of_its_results():
    results = [Result("KS", 0.1, "age"), Result("KS", 0.2, "bmi"), Result("repU", 1.0)]
    found = Evaluation(results)
    assert list(found) == results and found == results and found[1:] == results[1:]
    assert found.select("KS", "bmi") == [results[1]] and not found.failed
    assert found.to_frame().equals(to_frame(results))
    assert repr(Evaluation([])) == "0 results, 0 outside their limits"
