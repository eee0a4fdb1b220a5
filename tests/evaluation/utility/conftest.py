"""Small comparisons for the tests of utility."""

from collections.abc import Callable, Sequence

import pandas as pd
import pytest

from posynth.evaluation.base import Comparison, Provenance
from posynth.table.schema import Column, Kind, Schema

type Compare = Callable[..., Comparison]


def _column(values: pd.Series, name: str) -> Column:
    if values.dtype.kind in "if":
        return Column(name, Kind.CONTINUOUS, str(values.dtype))
    levels = tuple(sorted(values.dropna().unique()))
    kind = Kind.BINARY if len(levels) == 2 else Kind.NOMINAL
    return Column(name, kind, str(values.dtype), levels=levels)


@pytest.fixture(scope="session")
def compare() -> Compare:
    """Build a Comparison from plain frames: floats are continuous, texts nominal."""

    def build(
        real: pd.DataFrame,
        copies: Sequence[pd.DataFrame],
        *,
        proper: bool = True,
        unsynthesised: tuple[str, ...] = (),
        schema: Schema | None = None,
    ) -> Comparison:
        columns = tuple(_column(real[name], name) for name in real)
        made = Provenance(len(real), len(copies[0]), len(copies), proper, unsynthesised)
        return Comparison(real, tuple(copies), schema or Schema(columns, len(real)), made)

    return build
