"""Small tables of the disclosure room."""

import numpy as np
import pandas as pd
import pytest

from posynth.evaluation.base import Comparison
from posynth.table.schema import Column, Kind, Schema


def _rows(text: str) -> pd.DataFrame:
    parts = [row.split() for row in text.split(",")]
    return pd.DataFrame(
        {
            "sex": [part[0] for part in parts],
            "age": [int(part[1]) for part in parts],
            "ill": [part[2] for part in parts],
        }
    )


@pytest.fixture
def six() -> Comparison:
    """Six original and six synthetic rows; every count the tests use can be read off here.

    q      original   copy       d_q  s_q
    F 30   x, y       x          2    1
    F 40   x          x, y       1    2
    M 30   x          x          1    1
    M 40   x          -          1    0
    M 50   y          x          1    1
    F 50   -          y          0    1
    """
    original = _rows("F 30 x,F 30 y,F 40 x,M 30 x,M 40 x,M 50 y")
    copy = _rows("F 30 x,F 40 x,F 40 y,M 30 x,M 50 x,F 50 y")
    columns = (
        Column("sex", Kind.BINARY, "str", ("F", "M")),
        Column("age", Kind.COUNT, "int64"),
        Column("ill", Kind.BINARY, "str", ("x", "y")),
    )
    return Comparison(original, (copy,), Schema(columns, rows=6))


@pytest.fixture
def population():
    """Give a function that draws mixed tables of one population, some values missing."""

    def draw(n: int, rng: np.random.Generator) -> pd.DataFrame:
        x = rng.normal(size=n)
        y = x + rng.normal(size=n)
        y[rng.random(n) < 0.1] = np.nan
        group = np.where(rng.random(n) < 0.3 + 0.2 * (x > 0), "b", "a")
        return pd.DataFrame({"x": x, "y": y, "group": group})

    return draw


@pytest.fixture
def mixed_schema() -> Schema:
    """What the columns of ``population`` are."""
    columns = (
        Column("x", Kind.CONTINUOUS, "float64"),
        Column("y", Kind.CONTINUOUS, "float64"),
        Column("group", Kind.BINARY, "str", ("a", "b")),
    )
    return Schema(columns, rows=0)
