"""Schemas and encoded rows to plan chains on, without any file."""

import numpy as np
import pytest

from posynth.chain.blocks import Rows
from posynth.table.schema import Column, Kind, Schema

LEVELS = ("low", "middle", "high")


@pytest.fixture
def schema() -> Schema:
    """Nine columns of 300 rows: every kind, and holes that are few, many and everywhere."""
    columns = (
        Column("age", Kind.COUNT, "int64", decimals=0),
        Column("edu", Kind.ORDINAL, "str", levels=LEVELS, ordered=True),
        Column("smoke", Kind.BINARY, "str", levels=("no", "yes")),
        Column("bmi", Kind.CONTINUOUS, "float64", decimals=1, missing=60),
        Column("income", Kind.CONTINUOUS, "float64", decimals=2, missing=40),
        Column("rare", Kind.CONTINUOUS, "float64", missing=5),
        Column("ward", Kind.CONSTANT, "str", levels=("A",), missing=30),
        Column("key", Kind.IDENTIFIER, "str"),
        Column("remark", Kind.TEXT, "str", missing=12),
    )
    return Schema(columns, 300)


@pytest.fixture
def rows(schema, rng) -> Rows:
    """Encoded rows of that schema; indicators of bmi, income and ward predict."""
    count = schema.rows

    def holes(values, missing):
        values[rng.choice(count, missing, replace=False)] = np.nan
        return values

    arrays = {
        "age": rng.integers(18, 90, count).astype(float),
        "edu": rng.choice(3, count, p=[0.5, 0.3, 0.2]).astype(float),
        "smoke": (rng.random(count) < 0.3).astype(float),
        "bmi": holes(rng.normal(25, 4, count).round(1), 60),
        "income": holes(rng.lognormal(7, 0.5, count).round(2), 40),
        "rare": holes(rng.normal(size=count), 5),
        "ward": holes(np.zeros(count), 30),
    }
    indicators = {name: f"{name}_missing" for name in ("bmi", "income", "ward")}
    return Rows(schema, arrays, indicators, count)
