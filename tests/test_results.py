"""Results as a table."""

import numpy as np

from posynth.results import Result, to_frame

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
