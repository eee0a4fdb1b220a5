"""A table that suits a chain file, where there is none: what is calibrated is the model."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import SpecError


def artificial(
    declared: Mapping[str, Mapping[str, Any]], rows: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw independent columns of the kinds a chain file declares.

    Parameters
    ----------
    declared : Mapping
        Column -> what the file says of it.
    rows : int
        Rows to draw.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    pandas.DataFrame
        Continuous columns N(0, 1), counts Poisson(5), dates within 1000 days, levels uniform.

    Raises
    ------
    SpecError
        If the file does not declare a column's kind.

    Examples
    --------
    >>> columns = {"x": {"kind": "continuous"}, "g": {"kind": "binary", "levels": ["a", "b"]}}
    >>> artificial(columns, 20, np.random.default_rng(1)).shape
    (20, 2)
    """
    if not declared:
        raise SpecError(
            "the chain file declares no columns; write [columns] into it, or pass --data TABLE"
        )
    return pd.DataFrame({name: _column(name, c, rows, rng) for name, c in declared.items()})


def _column(name: str, about: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Any:
    levels = about.get("levels", [])
    if levels:
        at = np.concatenate([np.arange(len(levels)), rng.integers(0, len(levels), rows)])[:rows]
        taken = [levels[i] for i in rng.permutation(at)]
        return taken if not isinstance(levels[0], str) else pd.Categorical(taken, levels)
    make: dict[str, Callable[[], Any]] = {
        "continuous": lambda: rng.normal(size=rows),
        "count": lambda: rng.poisson(5.0, rows),
        "date": lambda: np.datetime64("2020-01-01") + rng.integers(0, 1000, rows),
        "identifier": lambda: [f"row {i}" for i in range(rows)],
        "text": lambda: [f"text of row {i}" for i in range(rows)],
    }
    kind = str(about.get("kind", ""))
    if kind not in make:
        raise SpecError(
            f"column {name!r}: kind {kind!r} without levels; declare kind and levels in the chain "
            "file, or pass --data TABLE"
        )
    return make[kind]()
