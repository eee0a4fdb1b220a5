"""What is easily made a data frame is taken as one; of the rest, errors say how to make it one."""

import datetime
from collections import namedtuple
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal

import posynth
from posynth.errors import TableError
from posynth.table.inputs import as_frame, given_table
from posynth.table.names import as_names

N = 12
FRAME = pd.DataFrame({"x": np.arange(N) / 4, "g": list("ab") * 6})


class Exporter:
    """Any table that exports Arrow's stream, as a polars data frame does."""

    def __arrow_c_stream__(self, requested_schema=None):
        return pa.table(FRAME).__arrow_c_stream__(requested_schema)


ACCEPTED = {
    "frame": FRAME,
    "mapping": {"x": FRAME["x"].to_numpy(), "g": FRAME["g"].tolist()},
    "records": FRAME.to_dict("records"),
    "tuple of records": tuple(FRAME.to_dict("records")),
    "structured": np.array(list(FRAME.itertuples(index=False)), dtype=[("x", float), ("g", "U1")]),
    "recarray": FRAME.to_records(index=False),
    "arrow": pa.table(FRAME),
    "arrow batch": pa.table(FRAME).to_batches()[0],
    "exporter": Exporter(),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_tables_of_many_types_are_the_same_table(name):
    found = as_frame(ACCEPTED[name]).astype({"g": "str"})
    assert_frame_equal(found, FRAME.astype({"g": "str"}))
    assert given_table(ACCEPTED[name]).schema.rows == N


@pytest.mark.parametrize("kind", [str, Path])
def test_paths_are_read(tmp_path, kind):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    assert_frame_equal(given_table(kind(tmp_path / "t.csv")).frame, FRAME)


def typed(module: str, name: str) -> object:
    """An object whose type calls itself one of a library that need not be installed."""
    return type(name, (), {"__module__": module})()


REFUSED = {
    "plain array": (np.ones((N, 2)), r"numpy.ndarray with 2 dimensions .*DataFrame\(data, columns"),
    "lists": ([[1, 2], [3, 4]], r"type list of list, which is no table; pass a pandas data frame"),
    "empty list": ([], "type list, and empty, which is no table"),
    "nothing": (None, "type NoneType, which is no table; pass a pandas data frame, a path"),
    "number": (3, "type int, which is no table"),
    "bytes": (b"x,y", "type bytes, which is no table"),
    "series": (FRAME["x"], r"type pandas.*Series; pass data.to_frame\(\)"),
    "unequal": ({"x": [1, 2], "y": [1]}, "a mapping that makes no data frame .*of one length"),
    "scalars": ({"x": 1}, "a mapping that makes no data frame"),
    "polars": (typed("polars.dataframe.frame", "DataFrame"), r"pass data.to_pandas\(\)"),
    "lazy": (typed("polars.lazyframe.frame", "LazyFrame"), r"pass data.collect\(\).to_pandas\(\)"),
    "dask": (typed("dask.dataframe", "DataFrame"), r"pass data.compute\(\)"),
    "spark": (typed("pyspark.sql.dataframe", "DataFrame"), r"pass data.toPandas\(\)"),
    "xarray": (typed("xarray.core.dataset", "Dataset"), r"pass data.to_dataframe\(\).reset_index"),
    "set": ({1, 2}, "type set, which is no table"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_with_its_type_and_the_next_step(name):
    data, match = REFUSED[name]
    with pytest.raises(TableError, match=match):
        given_table(data)


def test_open_files_are_refused(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    with (
        (tmp_path / "t.csv").open() as file,
        pytest.raises(TableError, match=r"TextIOWrapper; pass pandas.read_csv\(data\)"),
    ):
        given_table(file)


def test_the_verbs_take_them():
    data = {"x": np.arange(40) / 4, "g": list("ab") * 20}
    assert posynth.describe(data)["kind"].tolist() == ["continuous", "binary"]
    chain = posynth.specify(pa.table(data), order="g")
    assert chain.spec.targets == ("g", "x")
    for verb in (posynth.describe, posynth.specify, posynth.fit, posynth.synthesize):
        with pytest.raises(TableError, match="the data are of type int, which is no table"):
            verb(3)


def test_a_single_name_is_one_name_wherever_names_are_taken(heart):
    assert as_names("age") == ("age",) and as_names(iter(["a", "b"])) == ("a", "b")
    chain = posynth.specify(heart, order="age", predictors={"smoking": "sex"})
    assert chain.spec.targets[0] == "age" and chain.spec["smoking"].predictors == ("sex",)
    assert posynth.specify(heart, order="auto").spec.targets[0] != "age"
    changed = chain.change("platelets", predictors="age", interactions=())
    assert changed.spec["platelets"].predictors == ("age",)
    with pytest.raises(posynth.errors.SpecError, match=r"unknown column 'agee'.*mean 'age'"):
        posynth.specify(heart, order="agee")
    paired = chain.change(
        "platelets", predictors=("age", "diabetes"), interactions=("age", "diabetes")
    )
    assert paired.spec["platelets"].interactions == (("age", "diabetes"),)


def test_a_single_key_is_one_key(heart):
    from posynth.evaluation.disclosure import keys_and_targets

    columns = heart[["age", "sex", "smoking"]]
    tables = posynth.lay_beside(posynth.synthesize(columns, m=1, seed=1), columns)
    assert keys_and_targets(tables, "sex", "smoking") == (("sex",), ("smoking",))


def test_a_single_kind_detail_and_set_of_copies_is_one():
    from posynth.families.own import as_family
    from posynth.results import Result, to_frame

    @posynth.conditional(kinds="binary")
    def build(design, response, priors):
        """A coin."""

    assert {kind.value for kind in as_family(build).facts.kinds} == {"binary"}
    assert to_frame([Result("FT", 2.0, details={"df": 4})], "df")["df"].tolist() == [4]
    copies = posynth.synthesize(pd.DataFrame({"x": np.arange(40) / 4}), m=2, seed=1)
    more = posynth.draw(copies.posterior, 2, seed=5, apart_from=copies)
    assert not set(copies.taken["x"]) & set(more.taken["x"])


def test_records_with_dates_and_named_tuples():
    Row = namedtuple("Row", "d x")
    rows = [Row(datetime.date(2020, 1, 1 + i), i / 2) for i in range(N)]
    assert given_table([row._asdict() for row in rows]).schema["d"].kind.value == "date"
