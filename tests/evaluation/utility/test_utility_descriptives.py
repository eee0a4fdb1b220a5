"""Descriptive statistics: psych's printed numbers, holes, levels, degenerate columns."""

import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.descriptives import NAMES, descriptives, side_by_side
from posynth.table.frame import table_from_frame
from posynth.table.schema import Column, Kind, Schema

# psych 2.3.9, describe(heart_failure), as printed in practical 1 of the OSWS tutorial on synthetic
# data (Volker and van Kesteren); columns mean, sd, median, trimmed, mad, min, max, range, skew,
# kurtosis, se.
PSYCH = """
age 6.083389e+01 1.189481e+01 60.0 6.021715e+01 14.82600 40.0 95.0 55.0 0.4188266 -0.2204793 0.6878946
anaemia* 1.431438e+00 4.961073e-01 1.0 1.414938e+00 0.00000 1.0 2.0 1.0 0.2754750 -1.9305367 0.0286906
creatinine_phosphokinase 5.818395e+02 9.702879e+02 250.0 3.654938e+02 269.83320 23.0 7861.0 7838.0 4.4184296 24.5254138 56.1131970
diabetes* 1.418060e+00 4.940671e-01 1.0 1.398340e+00 0.00000 1.0 2.0 1.0 0.3305857 -1.8970241 0.0285726
ejection_fraction 3.808361e+01 1.183484e+01 38.0 3.742739e+01 11.86080 14.0 80.0 66.0 0.5498228 0.0005484 0.6844265
platelets 2.633580e+05 9.780424e+04 262000.0 2.567301e+05 65234.40000 25100.0 850000.0 824900.0 1.4476814 6.0252322 5656.1650591
serum_creatinine 1.393880e+00 1.034510e+00 1.1 1.189295e+00 0.29652 0.5 9.4 8.9 4.4113866 25.1888415 0.0598273
serum_sodium 1.366254e+02 4.412477e+00 137.0 1.368216e+02 4.44780 113.0 148.0 35.0 -1.0376430 3.9841899 0.2551802
sex* 1.648829e+00 4.781364e-01 2.0 1.684647e+00 0.00000 1.0 2.0 1.0 -0.6204576 -1.6204183 0.0276513
smoking* 1.321070e+00 4.676704e-01 1.0 1.278008e+00 0.00000 1.0 2.0 1.0 0.7626368 -1.4231112 0.0270461
hypertension* 1.351171e+00 4.781364e-01 1.0 1.315353e+00 0.00000 1.0 2.0 1.0 0.6204576 -1.6204183 0.0276513
deceased* 1.321070e+00 4.676704e-01 1.0 1.278008e+00 0.00000 1.0 2.0 1.0 0.7626368 -1.4231112 0.0270461
follow_up 1.302609e+02 7.761421e+01 115.0 1.292780e+02 105.26460 4.0 285.0 281.0 0.1265232 -1.2238150 4.4885455
"""  # noqa: E501 - a printed table, line by line


@pytest.fixture
def schema():
    """A number and a factor whose levels are not in alphabetical order."""
    return Schema(
        (
            Column("x", Kind.CONTINUOUS, "float64"),
            Column("g", Kind.ORDINAL, "str", levels=("low", "high"), ordered=True),
            Column("note", Kind.TEXT, "str"),
        ),
        rows=4,
    )


def test_every_digit_psych_prints_of_heart_failure(heart):
    ours = descriptives(heart, table_from_frame(heart).schema)
    printed = [line.split() for line in PSYCH.strip().splitlines()]
    assert [row[0] for row in printed] == list(ours.index)
    assert (ours["n"] == 299).all()
    for name, *numbers in printed:
        for statistic, text in zip(NAMES, numbers, strict=True):
            mantissa, _, exponent = text.partition("e")
            decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
            value = ours.loc[name, statistic]
            assert round(value, decimals) == pytest.approx(float(text), abs=1e-9), (name, statistic)


def test_levels_count_in_schema_order_and_holes_do_not_count(schema):
    table = pd.DataFrame({"x": [1.0, np.nan, 3.0, np.nan], "g": ["high", "high", None, "low"]})
    found = descriptives(table, schema)
    assert list(found.index) == ["x", "g*"]
    assert found["n"].tolist() == [2, 3]
    assert found["mean"].tolist() == pytest.approx([2.0, 5 / 3])


@pytest.mark.parametrize("values", [[np.nan] * 4, [2.0, np.nan, np.nan, np.nan], [2.0] * 4])
def test_what_cannot_be_computed_is_nan_without_a_warning(schema, values):
    table = pd.DataFrame({"x": values, "g": ["low"] * 4})
    found = descriptives(table, schema).loc["x"]
    assert found[["skew", "kurtosis"]].isna().all()
    assert found["n"] == np.isfinite(values).sum()


def test_original_and_copies_stand_together(schema):
    original = pd.DataFrame({"x": [1.0, 2.0, 3.0, 9.0], "g": ["low", "high"] * 2})
    copies = tuple(original.assign(x=original["x"] + shift) for shift in (1, 2))
    found = side_by_side(Comparison(original, copies, schema), ["x"])
    assert found["mean"].to_dict() == {
        ("x", "original"): 3.75,
        ("x", "copy 1"): 4.75,
        ("x", "copy 2"): 5.75,
    }
    alone = descriptives(copies[1], schema)
    pd.testing.assert_series_equal(found.loc["x", "copy 2"], alone.loc["x"], check_names=False)


def test_an_unknown_column_is_refused_by_name(schema):
    original = pd.DataFrame({"x": [1.0, 2.0], "g": ["low", "high"]})
    with pytest.raises(MeasureError, match="'y'"):
        side_by_side(Comparison(original, (original,), schema), ["y"])
