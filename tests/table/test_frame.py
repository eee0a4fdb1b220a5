"""Data frames of every dtype become Tables and come back with the same values and dtypes."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal

from posynth.errors import TableError
from posynth.table import decode, decode_frame, encode, table_from_frame

N = 40
RNG = np.random.default_rng(7)
COUNTS = RNG.integers(0, 9, N)
NUMBERS = np.round(RNG.normal(size=N), 3)
COIN = RNG.random(N) < 0.5
LABELS = np.array(["b", "a", "c"])[RNG.integers(0, 3, N)]
DAYS = pd.date_range("2019-01-01", periods=900)[RNG.integers(0, 900, N)]
SECONDS = DAYS + pd.to_timedelta(RNG.integers(0, 86_400, N), "s")

PLAIN_INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
NULLABLE_INTEGERS = ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt32", "UInt64"]
ARROW_INTEGERS = ["int32[pyarrow]", "int64[pyarrow]", "uint8[pyarrow]"]
PLAIN_FLOATS = ["float16", "float32", "float64"]
OTHER_FLOATS = ["Float32", "Float64", "double[pyarrow]", "float[pyarrow]"]


def with_gap(values):
    values = values.copy()
    values.iloc[3] = None
    return values


def series():
    for dtype in PLAIN_INTEGERS + NULLABLE_INTEGERS + ARROW_INTEGERS:
        yield dtype, pd.Series(COUNTS).astype(dtype)
    for dtype in NULLABLE_INTEGERS + ARROW_INTEGERS:
        yield f"{dtype} gap", with_gap(pd.Series(COUNTS).astype(dtype))
    for dtype in PLAIN_FLOATS + OTHER_FLOATS:
        yield dtype, pd.Series(NUMBERS).astype(dtype)
        yield f"{dtype} gap", with_gap(pd.Series(NUMBERS).astype(dtype))
    for dtype in ("bool", "boolean", "bool[pyarrow]", "object"):
        yield f"coin {dtype}", pd.Series(COIN).astype(dtype)
    for dtype in ("boolean", "bool[pyarrow]", "object"):
        yield f"coin {dtype} gap", with_gap(pd.Series(COIN).astype(dtype))
    for kind in (pa.decimal128(10, 3), pa.decimal256(40, 5), pa.decimal128(4, 0)):
        values = COUNTS if kind.scale == 0 else NUMBERS
        decimals = pd.Series([Decimal(str(v)) for v in values], dtype=pd.ArrowDtype(kind))
        yield f"{kind}", decimals
        yield f"{kind} gap", with_gap(decimals)
    yield (
        "coin decimal",
        pd.Series([Decimal("0.50")] * 20 + [Decimal(2)] * 20).astype(
            pd.ArrowDtype(pa.decimal128(5, 2))
        ),
    )
    yield "text str[python]", pd.Series(LABELS, dtype=pd.StringDtype("python", na_value=np.nan))
    yield "no value arrow", pd.Series([None] * N, dtype="null[pyarrow]")
    for dtype in ("str", "object", "string", "string[python]", "large_string[pyarrow]"):
        yield f"text {dtype}", pd.Series(LABELS, dtype=dtype)
        yield f"text {dtype} gap", with_gap(pd.Series(LABELS, dtype=dtype))
    for unit in ("s", "ms", "us", "ns"):
        yield f"days {unit}", pd.Series(DAYS).astype(f"datetime64[{unit}]")
        yield f"days {unit} gap", with_gap(pd.Series(DAYS).astype(f"datetime64[{unit}]"))
        yield f"seconds {unit}", pd.Series(SECONDS).astype(f"datetime64[{unit}]")
    yield "microseconds", pd.Series(SECONDS + pd.to_timedelta(1234, "us"))
    yield "timestamp arrow", pd.Series(DAYS).astype("timestamp[us][pyarrow]")
    yield "date32 gap", with_gap(pd.Series(DAYS).astype("date32[day][pyarrow]"))
    yield "dates as text", pd.Series(DAYS.strftime("%d.%m.%Y"))
    yield "dates as objects", with_gap(pd.Series(DAYS.strftime("%Y-%m-%d"), dtype="object"))
    yield from categories()
    yield from few_values()


def categories():
    yield "category", pd.Series(pd.Categorical(LABELS))
    yield "category gap", with_gap(pd.Series(pd.Categorical(LABELS)))
    yield "ordered", pd.Series(pd.Categorical(LABELS, ["c", "a", "b"], ordered=True))
    yield "unused", pd.Series(pd.Categorical(LABELS, ["z", "c", "a", "b"]))
    yield "integer categories", pd.Series(pd.Categorical(COUNTS))
    yield "float categories", pd.Series(pd.Categorical(COUNTS / 2))
    yield "truth categories", pd.Series(pd.Categorical(COIN))
    coin = np.where(COIN, "x", "y")
    yield "cut into intervals of text", pd.Series(pd.cut(NUMBERS, 3, labels=["c", "a", "b"]))
    many = [f"l{i:02}" for i in range(50)]
    yield "most unused", pd.Series(pd.Categorical.from_codes(COUNTS % 5 * 9 + 2, many))
    yield "one of three used", pd.Series(pd.Categorical(["q"] * N, ["p", "q", "r"]))
    for dtype in ("Int64", "int8", "int64[pyarrow]", "UInt16"):
        yield f"{dtype} categories", pd.Series(pd.Categorical(pd.array(COUNTS, dtype=dtype)))
    for dtype in ("string", "string[python]", pd.ArrowDtype(pa.string()), "large_string[pyarrow]"):
        yield f"{dtype} categories", pd.Series(pd.Categorical(pd.array(LABELS, dtype=dtype)))
    yield "boolean categories", pd.Series(pd.Categorical(pd.array(COIN, dtype="boolean")))
    yield "Float64 categories", pd.Series(pd.Categorical(pd.array(COUNTS / 2, dtype="Float64")))
    yield "ordered coin", pd.Series(pd.Categorical(coin, ["y", "x"], ordered=True))


def few_values():
    yield "coin int", pd.Series(COIN.astype("int64"))
    yield "coin float gap", with_gap(pd.Series(COIN.astype("float64")))
    yield "coin Int gap", with_gap(pd.Series(COIN).astype("Int64"))
    yield "coin numbers", pd.Series(np.where(COIN, 0.5, 1.25))
    yield "coin float32", pd.Series(np.where(COIN, 0.1, 1.25)).astype("float32")
    yield "coin days", pd.Series(np.where(COIN, DAYS[0], DAYS[1]))
    for name, value in (
        ("float", 1.5),
        ("int", 3),
        ("bool", True),
        ("text", "q"),
        ("day", DAYS[0]),
    ):
        yield f"constant {name}", pd.Series([value] * N)
    yield "constant category", pd.Series(["q"] * N, dtype="category")
    for name, dtype in (
        ("float", "float64"),
        ("object", "object"),
        ("Int", "Int64"),
        ("str", "str"),
    ):
        yield f"no value {name}", pd.Series([None] * N, dtype=dtype)


SERIES = dict(series())


@pytest.mark.parametrize("name", SERIES)
def test_frame_comes_back(name):
    frame = pd.DataFrame({"x": SERIES[name]})
    table = table_from_frame(frame)
    assert_frame_equal(table.frame, frame)
    modelled = [column for column in table.schema if column.kind.is_modelled]
    arrays = {column.name: encode(column, frame[column.name]) for column in modelled}
    assert all(array.dtype == np.float64 and array.shape == (N,) for array in arrays.values())
    assert_frame_equal(decode_frame(table.schema, arrays), frame)


REFUSED = {
    "mixed": (
        pd.Series([1, "a"] * 20, dtype="object"),
        "several or unusable types .20 int, 20 str.",
    ),
    "lists": (pd.Series([[1]] * N), "holds a list in every cell .40 list.; make columns of it"),
    "records": (pd.Series([{"a": 1}] * N), "holds records .40 dict.; .*pd.json_normalize"),
    "bytes": (pd.Series([b"a"] * N), r"holds bytes .40 bytes.; .*\.str\.decode"),
    "objects": (pd.Series([object()] * N), "several or unusable types .40 object.; convert it"),
    "complex": (pd.Series([1j] * N), "holds complex numbers .complex128.; make two .* np.real"),
    "duration": (pd.Series(pd.to_timedelta(COUNTS, "D")), r"holds durations .*total_seconds\(\)"),
    "duration objects": (
        pd.Series([datetime.timedelta(1)] * N, dtype="object"),
        "holds durations .40 timedelta.; .*pd.to_timedelta",
    ),
    "clock": (pd.Series([datetime.time(9, 30)] * N), "holds clock times .40 time.; .*to_timedelta"),
    "arrow clock": (
        pd.Series([datetime.time(9, 30)] * N, dtype=pd.ArrowDtype(pa.time64("us"))),
        "holds clock times .time64",
    ),
    "zone": (pd.Series(DAYS).dt.tz_localize("UTC"), r"times of a time zone .*\.dt\.tz_localize"),
    "zone objects": (
        pd.Series(list(pd.Series(DAYS).dt.tz_localize("UTC")), dtype="object"),
        "times of a time zone .objects.; convert it",
    ),
    "period": (pd.Series(DAYS).dt.to_period("D"), r"holds periods .*\.dt\.to_timestamp"),
    "interval": (
        pd.Series(pd.arrays.IntervalArray.from_breaks(range(N + 1))),
        r"holds intervals .*\.astype\(str\)",
    ),
    "sparse": (pd.Series(pd.arrays.SparseArray(COUNTS)), r"is sparse .*\.sparse\.to_dense"),
    "arrow list": (
        pd.Series([[1]] * N, dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        r"list in every cell .*leave it out: df\.drop\(columns='x'\)",
    ),
    "mixed categories": (pd.Series(pd.Categorical([1, "a"] * 20)), "categories of types int, str"),
    "inf": (pd.Series([np.inf, 1.0, 2.0, -np.inf] * 10), "holds inf in 10 of 40 rows"),
    "-inf": (pd.Series([0.5, 1.0, 2.0, -np.inf] * 10), "holds -inf in 10 of 40 rows"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unusable_column_is_refused_in_words(name):
    values, match = REFUSED[name]
    with pytest.raises(TableError, match=f"^column 'x' .*{match}"):
        table_from_frame(pd.DataFrame({"x": values}))


NAMES = {
    "repeated": (["x", "x"], "column name 'x' stands at positions 1, 2 of the data frame; give"),
    "number": (["x", 3], "column 2 of the data frame is named 3; give it a text as name"),
    "blank": (["x", " "], "column 2 of the data frame is named ' '; give it a text"),
    "levels": ([("a", "b"), ("a", "c")], "has 2 levels of column names; join them into one"),
}


@pytest.mark.parametrize("name", NAMES)
def test_unusable_names_are_refused_in_words(name):
    names, match = NAMES[name]
    frame = pd.DataFrame(np.ones((N, 2)))
    frame.columns = pd.MultiIndex.from_tuples(names) if name == "levels" else pd.Index(names)
    with pytest.raises(TableError, match=match):
        table_from_frame(frame)


def test_few_rows_and_no_columns():
    with pytest.raises(TableError, match="the table has 1 row; at least 10 are needed"):
        table_from_frame(pd.DataFrame({"x": [1]}))
    with pytest.raises(TableError, match="the data frame has no columns; give it at least one"):
        table_from_frame(pd.DataFrame(index=range(20)))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (list(map(int, COUNTS)), "int64"),
        ([None, *map(int, COUNTS[1:])], "float64"),
        ([Decimal(str(number)) for number in NUMBERS], "float64"),
        ([Fraction(int(number), 4) for number in COUNTS], "float64"),
        ([np.int32(number) for number in COUNTS], "int64"),
        ([np.float32(number) for number in COUNTS], "float64"),
    ],
)
def test_numbers_in_an_object_column_become_numbers_and_say_so(values, dtype):
    column = table_from_frame(pd.DataFrame({"x": pd.Series(values, dtype="object")})).schema["x"]
    assert column.dtype == dtype
    assert f"numbers stored as objects, kept as {dtype}" in column.note


def test_date_objects_are_kept_as_date32():
    days = pd.Series([datetime.date(2020, 1, 1 + i % 20) for i in range(N)])
    table = table_from_frame(pd.DataFrame({"d": days}))
    assert table.schema["d"].dtype == "date32[day][pyarrow]"
    assert table.frame["d"].tolist() == days.tolist()


TIMES = {
    "timestamps": list(pd.Series(SECONDS)),
    "datetimes": [stamp.to_pydatetime() for stamp in pd.Series(SECONDS)],
    "datetime64": list(SECONDS.to_numpy()),
    "dates among times": [datetime.date(2020, 1, 5), *(s.to_pydatetime() for s in SECONDS[1:])],
}


@pytest.mark.parametrize("name", TIMES)
def test_objects_that_are_points_in_time_are_kept_as_datetime64_and_say_so(name):
    values = pd.Series(TIMES[name], dtype="object")
    values[7] = None
    table = table_from_frame(pd.DataFrame({"t": values}))
    assert table.schema["t"].kind.value == "date"
    assert "objects are kept as datetime64[us]" in table.schema["t"].note
    assert table.frame["t"].isna().sum() == 1
    expected = pd.Series([pd.Timestamp(value) for value in values.dropna()])
    assert table.frame["t"].dropna().tolist() == expected.tolist()


OTHER_CATEGORIES = (
    pd.cut(NUMBERS, 3),
    pd.Categorical(DAYS),
    pd.Categorical(pd.PeriodIndex(DAYS, freq="D")),
)


@pytest.mark.parametrize("values", OTHER_CATEGORIES)
def test_categories_of_other_types_are_kept_as_text_in_their_order(values):
    frame = pd.DataFrame({"x": values})
    table = table_from_frame(frame, kinds={"x": "nominal"})
    kept = table.frame["x"].cat
    assert list(kept.categories) == [str(v) for v in values.categories]
    assert kept.ordered == values.ordered and (kept.codes == values.codes).all()
    assert f"categories of type {type(values.categories[0]).__name__} are kept" in (
        table.schema["x"].note
    )


def test_arrow_dictionaries_are_kept_as_categories_and_say_so():
    kind = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    values = with_gap(pd.Series(pd.array(pa.array(LABELS).dictionary_encode(), dtype=kind)))
    table = table_from_frame(pd.DataFrame({"x": values}))
    assert isinstance(table.frame["x"].dtype, pd.CategoricalDtype)
    assert table.frame["x"].isna().equals(values.isna())
    assert table.frame["x"].dropna().tolist() == values.dropna().tolist()
    assert "Arrow's dictionaries are kept as categories" in table.schema["x"].note


def test_levels_that_no_row_holds_are_declared_but_not_modelled():
    values = pd.Series(pd.Categorical(LABELS, ["z", "c", "a", "y", "b"], ordered=True))
    column = table_from_frame(pd.DataFrame({"x": values})).schema["x"]
    assert column.levels == ("c", "a", "b") and column.categories == ("z", "c", "a", "y", "b")
    assert "2 levels are declared but never seen: copies declare them" in column.note
    two = pd.Series(pd.Categorical(np.where(COIN, "x", "y"), ["w", "x", "y"]))
    assert table_from_frame(pd.DataFrame({"x": two})).schema["x"].kind.value == "binary"


def test_draws_below_zero_that_an_unsigned_type_cannot_hold_are_explained():
    column = table_from_frame(pd.DataFrame({"x": pd.Series(COUNTS).astype("uint8")})).schema["x"]
    with pytest.raises(TableError, match=r"2 of 3 .* uint8, which holds nothing below 0"):
        decode(column, np.array([-1.0, -3.0, 4.0]))
    with pytest.raises(TableError, match="2 of 3 draws do not fit uint8; store it in a wider"):
        decode(column, np.array([-1.0, 3.0, 400.0]))


def test_index_is_left_out_and_the_frame_unchanged():
    frame = pd.DataFrame({"x": COUNTS}, index=pd.Index([f"p{i}" for i in range(N)], name="id"))
    before = frame.copy()
    table = table_from_frame(frame)
    assert table.notes == ("the index is left out; reset_index() makes it a column",)
    assert table.frame.index.equals(pd.RangeIndex(N))
    assert_frame_equal(frame, before)
