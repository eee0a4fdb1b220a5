"""Columns of data frames that are neither numbers nor levels: refused where a model names them."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import MeasureError

N = 40
UNUSABLE = {
    "durations": (lambda k: pd.to_timedelta(k, unit="D"), r"df\['d'\]\.dt\.total_seconds\(\)"),
    "durations of Python": (
        lambda k: pd.Series([datetime.timedelta(days=int(i)) for i in k], dtype=object),
        r"holds durations .* pd\.to_timedelta",
    ),
    "durations of Arrow": (
        lambda k: pd.Series(pd.to_timedelta(k, unit="D")).astype("duration[s][pyarrow]"),
        "holds durations",
    ),
    "periods": (lambda k: pd.PeriodIndex.from_ordinals(k, freq="M"), "holds periods"),
    "intervals": (lambda k: pd.arrays.IntervalArray.from_arrays(k, k + 1), "holds intervals"),
    "complex": (lambda k: k + 1j, "holds complex numbers"),
    "bytes": (lambda k: pd.Series([bytes([65 + i]) for i in k]), "holds bytes"),
    "clock times": (lambda k: pd.Series([datetime.time(int(i)) for i in k]), "clock times"),
    "lists": (lambda k: pd.Series([[int(i)] for i in k]), "holds a list in every cell"),
    "records": (lambda k: pd.Series([{"a": int(i)} for i in k]), "holds records"),
}


def _frames(make):
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        k = rng.integers(1, 6, N)
        frame = pd.DataFrame({"d": make(k), "k": k, "t": rng.exponential(2, N)})
        found.append(frame.assign(y=k + rng.normal(size=N)))
    return found


def _pool(frames, formula, model="ols", **options):
    return posynth.pool(frames, model, formula, n=N, proper=True, missing="none", **options)


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_is_neither_number_nor_level_is_refused_wherever_a_model_names_it(kind):
    make, said = UNUSABLE[kind]
    frames = _frames(make)
    for formula in ("y ~ d", "d ~ y", "y ~ k + I(d)"):
        with pytest.raises(MeasureError, match=rf"column 'd' .*{said}.*df\.drop"):
            _pool(frames, formula)
    with pytest.raises(MeasureError, match=said):
        _pool(frames, "t ~ y", "phreg", strata="d")
    assert _pool(frames, "y ~ k").names == ("Intercept", "k")


def test_the_same_lists_given_twice_are_the_same_copy():
    first, second, _ = _frames(UNUSABLE["lists"][0])
    with pytest.raises(MeasureError, match="copies 1 and 3 hold the same rows"):
        _pool([first, second, first.copy()], "y ~ k")


def test_decimals_are_numbers():
    decimals = _frames(lambda k: pd.Series([Decimal(int(i)) for i in k], dtype=object))
    found = _pool(decimals, "y ~ d")
    assert found.table.to_numpy().tolist() == _pool(decimals, "y ~ k").table.to_numpy().tolist()
    assert found.names == ("Intercept", "d")


@pytest.mark.parametrize("dtype", ["Sparse[int64]", "Int64", "int64[pyarrow]"])
def test_numbers_stored_otherwise_are_numbers(dtype):
    found = _pool(_frames(lambda k: pd.Series(k).astype(dtype)), "y ~ d")
    assert found.names == ("Intercept", "d")
