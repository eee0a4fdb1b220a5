"""Numbers as text, and tables from results."""

import doctest
import importlib

import pytest

from posynth.report.grid import decimals_of, fixed, p_value, verdict
from posynth.report.tables import columns, whole
from posynth.results import Result


@pytest.mark.parametrize("name", ["grid", "figures"])
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(f"posynth.report.{name}")).failed == 0


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (-0.001, 2, "0.00"),
        (-0.5, 1, "−0.5"),
        (1234567.8, 0, "1,234,568"),
        (float("nan"), 2, "–"),
        (float("-inf"), 2, "−∞"),
    ],
)
def test_numbers_are_written_for_readers(value, digits, text):
    assert fixed(value, digits) == text


def test_small_probabilities_and_absent_verdicts():
    assert p_value(0.0) == "<0.001"
    assert verdict(None) == "–"
    assert decimals_of(float("nan")) == 3


def standardised(measure, subject, plugin, passed=True):
    details = {"S_plugin": plugin, "S_proper": plugin / 2}
    return Result(measure, plugin, subject, passed=passed, details=details)


def test_the_scale_that_fits_the_copies_is_shown():
    results = [standardised("S_pMSE_cart", "", 8.0, False), Result("pMSE_cart", 0.1)]
    assert whole(results, proper=True).rows[0][-1] == "4.00"
    assert whole(results, proper=False).rows[0][-1] == "8.00"
    assert whole(results, proper=True).flagged == {0}
    assert "Value" not in whole(results, proper=True, standardised_only=True).heads


def test_the_worst_column_stands_first():
    results = [
        *[standardised(m, "good", 1.0) for m in ("S_pMSE", "S_Hellinger")],
        *[standardised(m, "bad", 9.0, False) for m in ("S_pMSE", "S_Hellinger")],
        standardised("S_pMSE", "good:bad", 20.0),
    ]
    table = columns(results, proper=True, raw=False)
    assert [row[0] for row in table.rows] == ["bad", "good"]
    assert table.flagged == {0}
