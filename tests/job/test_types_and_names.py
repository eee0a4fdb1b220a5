"""Copies have the dtypes and names of the source, and hold no level that the source did not."""

import datetime
import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import posynth
from posynth.errors import TableError
from posynth.posterior.store import load_posterior

N = 60
RNG = np.random.default_rng(3)
COUNTS = RNG.integers(0, 5, N)
NUMBERS = RNG.normal(50, 4, N).round(1)
LABELS = np.array(list("abc"))[RNG.integers(0, 3, N)]
DAYS = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 300, N), "D"))
MANY = [f"level {i:02}" for i in range(50)]
USED = [3, 11, 20, 34, 48]


def columns() -> dict[str, pd.Series]:
    arrow = pd.ArrowDtype
    return {
        "int8": pd.Series(NUMBERS).astype("int8"),
        "Int16": pd.Series(NUMBERS).astype("int16").astype("Int16"),
        "int64[pyarrow]": pd.Series(NUMBERS).astype("int64").astype("int64[pyarrow]"),
        "float32": pd.Series(NUMBERS).astype("float32"),
        "Float64": pd.Series(NUMBERS).astype("Float64"),
        "decimal": pd.Series([Decimal(str(v)) for v in NUMBERS], dtype=arrow(pa.decimal128(9, 2))),
        "bool": pd.Series(COUNTS > 2),
        "boolean": pd.Series(COUNTS > 2).astype("boolean"),
        "bool[pyarrow]": pd.Series(COUNTS > 2).astype("bool[pyarrow]"),
        "str": pd.Series(LABELS),
        "object": pd.Series(LABELS, dtype="object"),
        "string": pd.Series(LABELS, dtype="string"),
        "arrow text": pd.Series(LABELS, dtype=arrow(pa.string())),
        "category": pd.Series(pd.Categorical(LABELS, list("zcyabx"), ordered=True)),
        "of Int64": pd.Series(pd.Categorical(pd.array(COUNTS, dtype="Int64"))),
        "of arrow text": pd.Series(pd.Categorical(pd.array(LABELS, dtype=arrow(pa.string())))),
        "days": DAYS,
        "date32": DAYS.astype("date32[day][pyarrow]"),
        "timestamp": DAYS.astype("timestamp[us][pyarrow]"),
        "constant": pd.Series(["q"] * N, dtype="category"),
        "nothing": pd.Series([None] * N, dtype="null[pyarrow]"),
    }


def alone(frame: pd.DataFrame, **options) -> posynth.Copies:
    """Copies of columns that predict each other nowhere, which fit in no time."""
    return posynth.synthesize(frame, predictors={name: () for name in frame}, seed=1, **options)


@pytest.mark.parametrize("missing", [False, True])
def test_every_dtype_comes_back_with_its_levels(missing):
    frame = pd.DataFrame(columns())
    if missing:
        frame = frame.drop(columns=["int8", "bool"]).mask(RNG.random((N, frame.shape[1] - 2)) < 0.2)
    for copy in alone(frame, m=2):
        assert (copy.dtypes == frame.dtypes).all()
        for name, values in copy.items():
            assert missing or values.notna().all() or name == "nothing"
            if values.nunique() <= 5:
                assert set(values.dropna()) <= set(frame[name].dropna())
        assert isinstance(copy["decimal"].dropna().iloc[0], Decimal)
        assert isinstance(copy["date32"].dropna().iloc[0], datetime.date)


def test_levels_that_no_row_holds_are_never_drawn_and_cost_nothing(tmp_path):
    """They took 6 to 15 % of the rows of copies, and a minute or two."""
    codes = np.array(USED)[RNG.integers(0, 5, 200)]
    frame = pd.DataFrame(
        {
            "place": pd.Categorical.from_codes(codes, MANY),
            "size": RNG.normal(codes / 10, 1).round(2),
        }
    )
    seen = frame.assign(place=frame["place"].cat.remove_unused_categories())
    start = time.process_time()
    plain = posynth.synthesize(seen, m=2, seed=1)
    middle = time.process_time()
    copies = posynth.synthesize(frame, m=2, seed=1)
    assert time.process_time() - middle < 2 * (middle - start) + 1
    for copy, other in zip(copies, plain, strict=True):
        assert copy["place"].dtype == frame["place"].dtype
        pd.testing.assert_frame_equal(copy.astype({"place": "str"}), other.astype({"place": "str"}))
    copies.save(tmp_path / "out")
    again = posynth.load_copies(tmp_path / "out")
    assert again[0]["place"].dtype == frame["place"].dtype
    note = copies.posterior.schema["place"].note
    assert "45 levels are declared but never seen: copies declare them and never hold them" in note


def test_a_chain_file_keeps_levels_that_no_row_holds(tmp_path):
    codes = np.array(USED)[RNG.integers(0, 5, N)]
    frame = pd.DataFrame({"place": pd.Categorical.from_codes(codes, MANY), "x": NUMBERS})
    file = tmp_path / "chain.toml"
    file.write_text(posynth.specify(frame).to_toml(), encoding="utf-8")
    copies = posynth.synthesize(frame, m=1, seed=1, chain=file)
    assert copies[0]["place"].dtype == frame["place"].dtype
    assert set(copies[0]["place"]) <= set(frame["place"])


NAMES = [
    *("a/b", "/", "..", ".", "%2F", "a%b", " lead", "trail ", "a\nb", "a\tb", "a\0b", "\0"),
    *("a\\b", "[bold]a", "a,b", 'a"b', "C(x)", "x[b]", "row", "chain", "y", "X", "alpha", "é"),
]


@pytest.fixture(scope="module")
def oddly_named() -> tuple[pd.DataFrame, posynth.Copies]:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({name: rng.normal(0, 1, 20).round(2) for name in NAMES})
    frame["a\0b level"] = np.array(["a\0", "b/", "c"])[rng.integers(0, 3, 20)]
    return frame, alone(frame, m=1)


def test_names_with_slashes_dots_and_control_characters_are_kept(oddly_named, tmp_path):
    frame, copies = oddly_named
    assert list(copies[0].columns) == list(frame.columns)
    copies.save(tmp_path / "out")
    loaded = load_posterior(tmp_path / "out")
    again = posynth.draw(loaded, 1, seed=copies.seed)
    pd.testing.assert_frame_equal(again[0], posynth.draw(copies.posterior, 1, seed=copies.seed)[0])
    assert set(loaded.links) == set(frame.columns)


@pytest.mark.parametrize("name", ["a/b", "..", "a\0b", "/"])
def test_every_name_opens_its_own_group_of_the_tree(oddly_named, name):
    frame, copies = oddly_named
    posterior = copies.posterior
    assert len(posterior.tree.children) == len(frame.columns)
    mean = posterior[name]["posterior"]["alpha"].mean()
    assert np.isfinite(float(mean))
    tree = posynth.log_likelihood(posterior, name, frame, draws=8)
    assert tree["log_likelihood"].sizes["row"] == len(frame)
    prior = posynth.prior_predictive(posynth.specify(frame), name, frame, draws=4)
    assert "prior_predictive" in prior.children


@pytest.mark.parametrize("name", ["", "  ", 7, ("a", "b"), None])
def test_names_that_are_no_text_or_blank_are_refused_with_the_next_step(name):
    frame = pd.DataFrame(np.ones((N, 2)))
    frame.columns = pd.Index(["x", name], dtype="object", tupleize_cols=False)
    with pytest.raises(TableError, match=r"column 2 of the data frame is named .*columns.astype"):
        posynth.specify(frame)


def test_objects_of_many_types_are_read_the_same_when_compared_with_copies():
    frame = pd.DataFrame(
        {
            "fee": pd.Series([Decimal(str(v)) for v in NUMBERS], dtype="object"),
            "seen": pd.Series(list(DAYS), dtype="object"),
            "born": pd.Series(list(DAYS.dt.date), dtype="object"),
            "band": pd.cut(NUMBERS, 3),
        }
    )
    copies = alone(frame, m=1)
    assert len(posynth.lay_beside(copies, frame).original) == N
    for target in ("fee", "seen", "band"):
        tree = posynth.log_likelihood(copies.posterior, target, frame, draws=8)
        assert np.isfinite(tree["log_likelihood"][target].to_numpy()).all()
