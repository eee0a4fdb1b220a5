"""Columns as blocks of a design matrix: formulaic codes each column once, conditionals share it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posynth.chain.scale import Scale
from posynth.chain.spline import natural_spline
from posynth.table.schema import Column, Schema

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """One column's part of a design matrix.

    Attributes
    ----------
    names : tuple of str
        Predictor names, q of them.
    values : ndarray, shape (n, q)
        Missingness indicator first, where the column has one; NaN where the value is missing.
    """

    names: tuple[str, ...]
    values: Floats


@dataclass(frozen=True)
class Rows:
    """Encoded columns of n rows, and the blocks made of them so far.

    Attributes
    ----------
    schema : Schema
        What each column is.
    arrays : Mapping of str to ndarray, shape (n,)
        Encoded values: numbers, days or level indices; NaN = missing.
    indicators : Mapping of str to str
        Column -> name of its missingness indicator, where that is a predictor.
    count : int
        Number of rows n.
    learned : Mapping of str to Scale
        Column -> its learned scale, where one is used.
    decided : frozenset of str
        Columns and indicators that rules decide: they may repeat what others say.
    """

    schema: Schema
    arrays: Mapping[str, Floats]
    indicators: Mapping[str, str]
    count: int
    learned: Mapping[str, Scale] = field(default_factory=dict)
    decided: frozenset[str] = frozenset()

    @cached_property
    def _blocks(self) -> dict[tuple[str, int], Block]:
        return {}

    def __len__(self) -> int:
        return self.count

    def block(self, name: str, splines: int = 0) -> Block:
        """Return the block of one column, or of one indicator by its own name; made once.

        Parameters
        ----------
        name : str
            The column or indicator.
        splines : int
            Columns of the spline in which a numeric column enters; 0 for the column itself.
        """
        key = (name, splines if name in self.learned else 0)
        if key not in self._blocks:
            columns = {indicator: column for column, indicator in self.indicators.items()}
            if name in columns:
                self._blocks[key] = Block((name,), self._holes(columns[name]))
            else:
                self._blocks[key] = self._make(self.schema[name], key[1])
        return self._blocks[key]

    def product(self, pair: tuple[str, str], splines: int = 2) -> Block:
        """Return the products of two columns' blocks; two columns of a spline at most."""
        left, right = (self._effects(name, min(splines, 2)) for name in pair)
        names = tuple(f"{a}:{b}" for a in left.names for b in right.names)
        values = left.values[:, :, None] * right.values[:, None, :]
        return Block(names, values.reshape(len(self), -1))

    def _effects(self, name: str, splines: int) -> Block:
        """Return a column's block without the missingness indicator."""
        block, skip = self.block(name, splines), int(name in self.indicators)
        return Block(block.names[skip:], block.values[:, skip:])

    def frame(self, names: Iterable[str], fill: Mapping[str, float]) -> pd.DataFrame:
        """Return columns as a frame for a formula; holes of numeric columns are filled.

        Parameters
        ----------
        names : iterable of str
            Columns; the indicator of a column with holes comes along under its own name.
        fill : Mapping
            Numeric column -> the value that stands in for a missing one.
        """
        data: dict[str, Any] = {}
        for name in names:
            column, values = self.schema[name], self.arrays[name]
            if name in self.indicators:
                data[self.indicators[name]] = np.isnan(values).astype(float)
            if column.kind.is_categorical:
                data[name] = _levels(column, values, typed=True)
            elif column.kind.is_numeric:
                data[name] = np.where(np.isnan(values), fill.get(name, 0.0), values)
        return pd.DataFrame(data, index=pd.RangeIndex(len(self)))

    def _holes(self, column: str) -> Floats:
        return np.isnan(self.arrays[column]).astype(np.float64)[:, None]

    def _make(self, column: Column, splines: int) -> Block:
        values = self.arrays[column.name]
        names: list[str] = []
        parts: list[Floats] = []
        if column.name in self.indicators:
            names.append(self.indicators[column.name])
            parts.append(self._holes(column.name))
        if splines:
            scale = self.learned[column.name]
            parts.append(natural_spline(scale.scores(values), min(splines, scale.distinct - 1)))
            names += [f"{column.name}[{i + 1}]" for i in range(parts[-1].shape[1])]
        elif column.kind.is_categorical:
            labels, matrix = _contrasts(column.name, _levels(column, values))
            names += labels
            parts.append(matrix)
        elif column.kind.is_modelled:
            names.append(column.name)
            parts.append(values[:, None])
        return Block(tuple(names), np.hstack([np.empty((len(self), 0)), *parts]))


def _levels(column: Column, codes: Floats, typed: bool = False) -> Any:
    """Return levels; missing codes become the reference level, which their indicator corrects.

    With ``typed`` levels that are numbers stay numbers, and True and False what they are, as a
    formula reads them.
    """
    known = np.where(np.isnan(codes), 0, codes).astype(np.int64)
    numbers = typed and all(type(level) in (int, float, bool) for level in column.levels)
    levels = list(column.levels) if numbers else [str(level) for level in column.levels]
    return pd.Categorical.from_codes(known, categories=pd.Index(levels))


def _contrasts(name: str, levels: Any) -> tuple[list[str], Floats]:
    """Code a column of levels by formulaic's treatment contrasts."""
    from formulaic import model_matrix

    matrix = model_matrix("1 + x", pd.DataFrame({"x": levels}), output="numpy", na_action="ignore")
    labels = [name + label[1:] for label in matrix.model_spec.column_names[1:]]
    return labels, np.asarray(matrix, dtype=np.float64)[:, 1:]
