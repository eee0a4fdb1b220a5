"""Categories of dates, durations, periods and intervals come back in the dtype of the source."""

import datetime

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import StoreError, TableError
from posynth.table.typed import category_type, typed_index

N = 60
AT = np.random.default_rng(0).integers(0, 3, N)
X = np.random.default_rng(1).normal(size=N)
DAYS = pd.to_datetime(["2020-01-01", "2020-02-01", "2020-03-01"])
DATES = pd.Index([day.date() for day in DAYS], dtype="object")
CATEGORIES = {
    "days": DAYS,
    "nanoseconds": DAYS.astype("datetime64[ns]") + pd.Timedelta(1, "ns"),
    "zone": DAYS.tz_localize("Europe/Berlin"),
    "dates": DATES,
    "durations": pd.to_timedelta([1.5, 2, 3], "D"),
    "periods": pd.period_range("2020-01", periods=3, freq="M"),
    "whole intervals": pd.interval_range(0, 3),
    "float intervals": pd.IntervalIndex.from_breaks([0.1, 1 / 3, 2.5, 1e9], closed="left"),
    "day intervals": pd.IntervalIndex.from_breaks([*DAYS, pd.Timestamp("2021-01-01")]),
}
TYPED = {name: pd.Categorical(index[AT], index) for name, index in CATEGORIES.items()}
TYPED |= {
    "ordered": pd.Categorical(DAYS[AT], DAYS, ordered=True),
    "unused": pd.Categorical(DAYS[AT % 2], DAYS),
    "one": pd.Categorical(DAYS[AT * 0]),
    "missing": pd.Categorical(DAYS[AT]).set_categories(DAYS[:2]),
    "cut": pd.cut(X, 4),
    "quantiles": pd.qcut(X, 3, labels=None),
}


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame({"x": X, **{name: pd.Series(values) for name, values in TYPED.items()}})


@pytest.fixture(scope="module")
def copies(table):
    return posynth.synthesize(table, m=2, k=40, seed=1)


@pytest.mark.parametrize("name", TYPED)
def test_categories_come_back_as_given(table, copies, name):
    for frame in (copies[0], *copies, *copies.to_pandas(), *posynth.draw(copies.posterior, 1)):
        assert frame[name].dtype == table[name].dtype
    assert copies.to_frame()[name].dtype == table[name].dtype
    assert copies[1:][0][name].equals(copies[1][name])


def test_other_columns_and_missing_values_are_untouched(copies):
    plain = copies.frames[0]
    assert copies[0]["x"].equals(plain["x"])
    assert copies[0]["missing"].isna().equals(plain["missing"].isna())
    shown = copies[0]["days"].dropna().map(str).to_numpy()
    assert (shown == plain["days"].dropna().astype(str).to_numpy()).all()


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_they_come_back_from_files_and_from_a_release(copies, table, tmp_path, format):
    copies.save(tmp_path / "out", format)
    given = posynth.release(tmp_path / "out", tmp_path / "given")
    for folder in (tmp_path / "out", given):
        read = posynth.load_copies(folder)
        for name in CATEGORIES:
            found = read[0][name]
            assert found.cat.categories.dtype == table[name].cat.categories.dtype, name
            assert found.map(str).tolist() == copies[0][name].map(str).tolist(), name


def test_copies_are_pooled_and_judged_alike_whatever_holds_them(copies, table):
    formula = "x ~ days + cut"
    pooled = posynth.pool(copies, "ols", formula)
    frames = posynth.pool(copies.to_pandas(), "ols", formula, n=N, proper=True)
    pd.testing.assert_frame_equal(pooled.table, frames.table)
    two = table[["x", "days", "cut"]]
    made = posynth.synthesize(two, m=1, seed=1)
    results = posynth.evaluate(made, two, keys=["days"], target="cut")
    assert len(results.select("KS")) and len(results.select("DiSCO"))


def test_an_analysis_of_ones_own_sees_the_types_of_the_source(copies, table):
    seen = []

    def later(frame):
        seen.append(frame["days"].dtype)
        share = (frame["days"].astype("datetime64[us]") > pd.Timestamp("2020-01-15")).mean()
        return share, share * (1 - share) / len(frame)

    posynth.pool(copies, later)
    assert seen == [table["days"].dtype] * 2


@pytest.mark.parametrize(
    "categories",
    [
        pd.Index([(1, 2), (3, 4)], tupleize_cols=False),
        pd.Index([datetime.time(9), datetime.time(10)], dtype="object"),
        pd.Index([1 + 2j, 3j]),
    ],
    ids=["tuples", "clock times", "complex"],
)
def test_categories_that_text_does_not_give_back_are_refused(categories):
    assert category_type(categories) == ""
    values = pd.Categorical.from_codes(AT % 2, categories)
    with pytest.raises(TableError, match=r"column 'c' has categories of type \w+, which text does"):
        posynth.synthesize(pd.DataFrame({"x": X, "c": values}), m=1)


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["a"], "datetime64[us]"),
        (["1"], "int64"),
        (["1"], "interval[object, right]"),
        (["(1, 2]"], "interval[float64, outside]"),
        (["(a, b]"], "interval[float64, right]"),
        (["2020-01-01"], "period[nonsense]"),
        (["2020-13-01"], "date"),
        (["1 parsec"], "timedelta64[ns]"),
    ],
)
def test_a_type_that_the_texts_do_not_have_is_refused(texts, name):
    with pytest.raises(TableError, match="are no values of type"):
        typed_index(texts, name)


def test_a_stored_posterior_with_a_wrong_type_is_refused(copies, tmp_path):
    posynth.save_posterior(copies.posterior, tmp_path / "p")
    file = tmp_path / "p" / "posterior.json"
    text = file.read_text("utf-8")
    assert '"period[M]"' in text
    file.write_text(text.replace('"period[M]"', '"interval[float64, right]"'), "utf-8")
    with pytest.raises(StoreError, match=r"column 'periods'.* are no values of type"):
        posynth.load_posterior(tmp_path / "p")
