"""Predictor matrices as in mice: which column may depend on which."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import SpecError, unknown
from posynth.table.names import Names, as_names
from posynth.table.schema import Schema


def read_matrix(path: str | Path) -> pd.DataFrame:
    """Read a predictor matrix: a CSV file whose first row and first column name columns.

    Raises
    ------
    SpecError
        If it cannot be read.
    """
    file = Path(path)
    try:
        return pd.read_csv(file, index_col=0)
    except (OSError, ValueError) as error:
        raise SpecError(
            f"predictor matrix {file.name!r} cannot be read ({type(error).__name__}); write a CSV "
            "file of 0 and 1, columns to model down the side, their predictors along the top"
        ) from None


def allowed(
    spec: ChainSpec, schema: Schema, matrix: pd.DataFrame | Mapping[str, Names]
) -> ChainSpec:
    """Return the chain with the predictors that a matrix allows.

    Parameters
    ----------
    spec : ChainSpec
        The chain; a column without a row in the matrix keeps its predictors.
    schema : Schema
        What each column is.
    matrix : DataFrame or Mapping
        1 where the row's column may depend on the column's, else 0; or column -> predictors. In a
        matrix, as in those mice makes, a 1 for a column that is visited later has no effect.

    Returns
    -------
    ChainSpec
        The chain, with notes.

    Raises
    ------
    SpecError
        If a name is unknown, or an entry neither 0 nor 1.

    Examples
    --------
    >>> from posynth.chain.default import default_chain
    >>> from posynth.table.schema import Column, Kind
    >>> schema = Schema(tuple(Column(c, Kind.COUNT, "int64") for c in "abc"), 10)
    >>> allowed(default_chain(schema), schema, {"c": ["a"]}).predictors("c")
    ('a',)
    """
    wanted = _from_frame(matrix) if isinstance(matrix, pd.DataFrame) else _as_given(matrix)
    lenient = isinstance(matrix, pd.DataFrame)
    for target, names in wanted.items():
        for name in (target, *names):
            if name not in schema and name not in spec.targets:
                raise SpecError(f"predictors: {unknown('column', name, schema.names)}")
        if target not in spec.targets or (lenient and spec[target].computed):
            continue  # filled in or computed, not modelled
        visited = {*spec.earlier(target), *spec.targets[: spec.targets.index(target)]}
        kept = tuple(name for name in names if name in visited or not lenient)
        for link in (c for c in spec if target in (c.target, c.indicates)):
            if link.target == target or link.predictors is None:  # few holes keep to their rate
                spec = spec.with_conditional(_given(link, kept))
    return spec


def _as_given(matrix: Mapping[str, Names]) -> dict[str, tuple[str, ...]]:
    return {target: as_names(names) for target, names in matrix.items()}


def _given(link: Conditional, predictors: tuple[str, ...]) -> Conditional:
    note = f"{link.note}; {len(predictors)} predictors of the matrix".lstrip("; ")
    return replace(link, predictors=predictors, note=note)


def _from_frame(matrix: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    found = {}
    for target, row in matrix.iterrows():
        for name, value in row.items():
            if value not in (0, 1):
                raise SpecError(
                    f"predictors, row {str(target)!r}, column {str(name)!r}: {value} must be 0 or "
                    "1 (mice's 2 and -2, random slopes and clusters, are not for a predictor here)"
                )
        found[str(target)] = tuple(
            str(name) for name, value in row.items() if value == 1 and str(name) != str(target)
        )
    return found
