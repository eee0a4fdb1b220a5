"""The grid of numbers and dates: found beyond chance, said, and kept in copies."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.table.bounds import placed
from posynth.table.grid import Grid, grid_of_days, grid_of_numbers
from posynth.table.schema import Column, Kind, Schema


def _days(texts: object) -> np.ndarray:
    return np.asarray(pd.DatetimeIndex(texts).to_numpy("datetime64[us]").astype(np.int64) / 864e8)


@pytest.mark.parametrize(
    ("texts", "grid"),
    [
        (pd.date_range("2015-01-01", periods=9, freq="MS"), Grid(1, 0, 1, "starts")),
        (pd.date_range("2015-01-01", periods=9, freq="QS"), Grid(3, 0, 1, "starts")),
        (pd.date_range("2015-01-01", periods=9, freq="ME"), Grid(1, 0, 1, "ends")),
        (pd.date_range("2015-01-05", periods=30, freq="7D"), Grid(7, 4, 1)),
        (pd.date_range("2015-01-05", periods=30, freq="D"), None),
        (pd.date_range("2015-01-01", periods=3, freq="MS"), None),
    ],
)
def test_grids_of_days(texts: pd.DatetimeIndex, grid: Grid | None) -> None:
    assert grid_of_days(_days(texts), 1) == grid
    if grid is not None:
        days = _days(texts)
        np.testing.assert_array_equal(grid.nearest(days), days)
        np.testing.assert_array_equal(grid.nearest(days + 0.4), days)


def test_numbers_need_a_step_and_enough_values() -> None:
    assert grid_of_numbers(np.arange(0, 38, 2.0), 0) is None  # 19 values
    assert grid_of_numbers(np.arange(0, 42, 2.0), 0) == Grid(2)
    assert grid_of_numbers(np.append(np.arange(0, 82, 2.0), 7.0), 0) is None
    assert grid_of_numbers(np.arange(0.1, 20, 0.25), 2) == Grid(25, 10, 100)
    assert grid_of_numbers(np.arange(0.1, 20, 0.25), None) is None


def test_points_stay_within_bounds_and_ties_favour_neither_side() -> None:
    column = Column("x", Kind.COUNT, "int64", decimals=0, lower=1, upper=9, grid=Grid(2))
    assert placed(column, np.array([0.6, 1.0, 9.0, 8.9])).tolist() == [2.0, 2.0, 8.0, 8.0]
    assert Grid(2).nearest(np.array([5.0, np.nan]), 5.0, 5.0)[0] == 5.0  # no point is left
    assert Grid(2).nearest(np.full(1000, 7.0)).mean() == 7.0


def test_schemas_hold_grids() -> None:
    column = Column("when", Kind.DATE, "datetime64[ns]", grid=Grid(1, 0, 1, "starts"))
    schema = Schema((column,), rows=30)
    assert Schema.from_dict(schema.to_dict()) == schema


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 150
    start = pd.Timestamp("2020-01-01")
    months = pd.date_range("2015-01-01", periods=80, freq="MS")
    admitted = start + pd.to_timedelta(rng.integers(0, 3000, n), unit="h")
    stay = pd.to_timedelta(rng.geometric(0.02, n), unit="h")
    return pd.DataFrame(
        {
            "even": 2 * rng.integers(1, 300, n),
            "odd": 2 * rng.integers(1, 300, n) + 1,
            "quarter": 0.25 * rng.integers(1, 90, n),
            "noon": start + pd.to_timedelta(rng.integers(0, 500, n) + 0.5, unit="D"),
            "month": rng.choice(months.to_numpy(), n),
            "admitted": admitted,
            "discharged": admitted + stay,
        }
    )


def test_copies_stand_on_the_grid_of_every_column(table: pd.DataFrame) -> None:
    copy = posynth.synthesize(table, m=1, seed=3, rules=["discharged >= admitted"])[0]
    assert (copy.even % 2 == 0).all() and (copy.odd % 2 == 1).all()
    assert (copy.quarter * 4 % 1 == 0).all()
    assert (copy.noon.dt.strftime("%H:%M") == "12:00").all()
    assert (copy.month.dt.day == 1).all() and copy.month.nunique() > 30
    for name in ("admitted", "discharged"):
        assert (copy[name].dt.minute == 0).all()
    assert (copy.discharged >= copy.admitted).all()
    # The sd of the difference of the two means is 20.
    assert abs(copy.odd.mean() - table.odd.mean()) < 60


def test_describe_says_the_grid(table: pd.DataFrame) -> None:
    notes = posynth.describe(table).note
    assert "multiples of 0.25" in notes["quarter"] and "first days of months" in notes["month"]
    assert "steps of 1 day, at 12:00" in notes["noon"]
