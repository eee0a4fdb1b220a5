"""Small integers that use the range of their type stay in it, in copies of the same type."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import TableError
from posynth.table.codec import decode
from posynth.table.schema import Column, Kind


def test_columns_that_use_the_range_of_their_type_keep_to_it() -> None:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "x": rng.normal(size=200),
            "u8": rng.integers(0, 256, 200).astype("uint8"),
            "i8": rng.integers(-128, 128, 200).astype("int8"),
            "low": rng.integers(0, 60, 200).astype("uint8"),
        }
    )
    notes = posynth.describe(table).note
    assert "upper bound 255 (the range of uint8)" in notes["u8"]
    assert "lower bound -128 (the range of int8)" in notes["i8"]
    assert "the range" not in notes["low"]
    for copy in posynth.synthesize(table, m=3, seed=1):
        assert copy.dtypes.equals(table.dtypes)
        assert copy["u8"].max() > 200  # a cast that wraps round would pass the dtypes alone
        # Halves of a uniform distribution: .5 with a standard error of .05 over source and copy.
        assert abs((copy["u8"] < 128).mean() - (table["u8"] < 128).mean()) < 0.2


def test_what_does_not_fit_is_refused_with_what_helps() -> None:
    column = Column("c", Kind.COUNT, "uint8", decimals=0)
    with pytest.raises(TableError, match=r"astype\('Int64'\).*upper=\{'c': 20\}"):
        decode(column, np.array([20.0, 300.0]))
