"""Copies as one xarray Dataset."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import xarray as xr


def as_dataset(frames: Sequence[pd.DataFrame], manifest: Mapping[str, Any]) -> "xr.Dataset":
    """Return copies as a Dataset with dims (copy, row), a variable a column, and a manifest.

    Parameters
    ----------
    frames : sequence of pandas.DataFrame
        The copies. Columns whose name is also a dim get an underscore behind it.
    manifest : Mapping
        What the attribute ``manifest`` says, as JSON.
    """
    import xarray as xr

    arrays = {}
    for name in frames[0].columns:
        label = f"{name}_" if name in ("copy", "row") else name
        stacked = np.stack([_plain(frame[name]) for frame in frames])
        arrays[label] = (("copy", "row"), stacked)
    coords = {"copy": np.arange(len(frames)), "row": np.arange(len(frames[0]))}
    return xr.Dataset(arrays, coords=coords, attrs={"manifest": json.dumps(manifest)})


def _plain(series: "pd.Series[Any]") -> np.ndarray:
    """Return values xarray can hold: labels as objects, nullable numbers as float with NaN."""
    if isinstance(series.dtype, pd.CategoricalDtype | pd.StringDtype):
        return series.astype(object).to_numpy()
    if series.dtype.kind in "biuf" and series.isna().any():
        return series.to_numpy(dtype=float, na_value=np.nan)
    return series.to_numpy()
