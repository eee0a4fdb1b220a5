"""What can be done to copies: remove replicated uniques, smooth, top and bottom code, label."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.disclosure import actions, uniques


def test_removal_drops_exactly_the_replicated_uniques(six):
    # On sex and age these are M30 and M50 (rows 3 and 4 of the copy); see conftest.
    kept = actions.remove_replicated_uniques(six, ["sex", "age"])[0]
    assert kept.equals(six.copies[0].drop(index=[3, 4]).reset_index(drop=True))
    assert len(six.copies[0]) == 6
    after = uniques.measure(replace(six, copies=(kept,)), ["sex", "age"])[0]
    assert after.details["replicated"] == [0]


def test_removal_treats_each_copy_by_itself(six):
    first, second = actions.remove_replicated_uniques(
        replace(six, copies=(six.copies[0], six.original))
    )
    # All columns: F30x F40x M30x of the first copy; all six of the copied original.
    assert (len(first), len(second)) == (3, 0)
    assert list(second.columns) == ["sex", "age", "ill"]


def test_smoothing_keeps_order_ties_codes_and_storage_but_moves_the_spike(rng):
    amounts = rng.lognormal(7, 0.6, size=999).round()
    values = np.concatenate([amounts, [amounts.max() * 20], [-8.0] * 30, [np.nan] * 10])
    table = pd.DataFrame({"income": values, "other": np.arange(len(values))})
    (smooth,) = actions.smooth([table], "income", keep=[-8], decimals=0)
    assert table["income"].max() == amounts.max() * 20  # the copy handed in is untouched
    assert smooth["other"].equals(table["other"])
    assert (smooth["income"].iloc[1000:1030] == -8).all()
    assert smooth["income"].iloc[1030:].isna().all()
    moved = smooth["income"].to_numpy()[:1000]
    assert np.array_equal(moved, moved.round())
    assert np.all(np.diff(moved[np.argsort(values[:1000])]) >= 0)
    ties = pd.Series(moved).groupby(values[:1000]).nunique()
    assert (ties == 1).all()
    assert moved.max() < amounts.max() * 10  # the one huge amount is gone
    # The bulk stays where it was: quartiles within 5 %.
    quartiles = [0.25, 0.5, 0.75]
    assert np.quantile(moved, quartiles) == pytest.approx(
        np.quantile(values[:1000], quartiles), rel=0.05
    )


@pytest.mark.parametrize("dtype", ["int64", "Int64", "float64", "Float64"])
def test_actions_keep_the_storage(dtype):
    table = pd.DataFrame({"x": pd.Series([1, 2, 3, 4, 5, 6, 70], dtype=dtype)})
    spiked = pd.Series([*range(1, 300), 5000], dtype=dtype)
    (smooth,) = actions.smooth([spiked.to_frame("x")], "x", decimals=0)
    (coded,) = actions.top_bottom_code([table], "x", bottom=2, top=6)
    assert smooth["x"].dtype == coded["x"].dtype == dtype
    assert smooth["x"].max() < 5000
    assert coded["x"].tolist() == [2, 2, 3, 4, 5, 6, 6]


def test_smoothing_a_constant_changes_nothing():
    table = pd.DataFrame({"x": [3.0] * 10})
    assert actions.smooth([table], "x")[0]["x"].to_numpy() == pytest.approx(3.0)


def test_smoothing_by_hand():
    # 1..9 and 900 make two bins: means 3 and 186 at middle ranks 3 and 8, flat beyond; with two
    # points PCHIP is the straight line 3 + (rank - 3) 183 / 5.
    table = pd.DataFrame({"x": [*map(float, range(9, 0, -1)), 900.0]})
    smooth = actions.smooth([table], "x")[0]["x"].to_numpy()
    ranks = np.array([9, 8, 7, 6, 5, 4, 3, 2, 1, 10])
    assert smooth == pytest.approx(3 + (np.clip(ranks, 3, 8) - 3) * 183 / 5)


def test_coding_one_side_and_leaving_codes_and_holes():
    table = pd.DataFrame({"x": [-8.0, 1.0, np.nan, 9.0]})
    (coded,) = actions.top_bottom_code([table], "x", bottom=2, keep=[-8])
    assert coded["x"].tolist()[:2] == [-8, 2]
    assert np.isnan(coded["x"].iloc[2])
    assert coded["x"].iloc[3] == 9


def test_label_comes_first_on_every_row():
    copies = actions.label_synthetic([pd.DataFrame({"x": [1, 2]})] * 2, "FALSE DATA")
    for copy in copies:
        assert list(copy.columns) == ["flag", "x"]
        assert copy["flag"].tolist() == ["FALSE DATA"] * 2


TABLE = pd.DataFrame({"x": [1, 2], "name": ["a", "b"]})


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: actions.smooth([TABLE], "y"), "unknown column 'y'; allowed: 'name', 'x'"),
        (
            lambda: actions.smooth([TABLE], "name"),
            "column 'name' is not numeric (str); numeric columns: 'x'",
        ),
        (
            lambda: actions.smooth([TABLE], "x"),
            "has 2 values to smooth; a smooth needs at least 10",
        ),
        (lambda: actions.top_bottom_code([TABLE], "x"), "neither bottom nor top is given"),
        (lambda: actions.top_bottom_code([TABLE], "x", 3, 2), "bottom = 3 is above top = 2"),
        (
            lambda: actions.top_bottom_code([TABLE], "x", top=1.5),
            "column 'x' holds whole numbers, but a limit is 1.5; give a whole number",
        ),
        (
            lambda: actions.label_synthetic([TABLE], column="x"),
            "the copies already have a column 'x'; give the label another column name",
        ),
    ],
)
def test_errors_of_actions(act, message):
    with pytest.raises(MeasureError) as caught:
        act()
    assert message in str(caught.value)
