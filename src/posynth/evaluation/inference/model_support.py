"""What a model asks of the values in a copy, checked before it is fitted.

statsmodels fits a gamma regression to negative values without a word, or fails in the words of its
algebra (a singular matrix). R refuses the same responses, family by family.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import MeasureError
from posynth.evaluation.inference.model_request import ModelData

#: Family of a generalized linear model -> the least value of its response, and whether it counts.
_LEAST = {
    "Poisson": True,
    "NegativeBinomial": True,
    "Tweedie": True,
    "Gamma": False,
    "InverseGaussian": False,
}


def check_support(model: str, data: ModelData, plain: Mapping[str, Any]) -> None:
    """Refuse a copy whose values the model has no place for, or cannot learn from.

    Parameters
    ----------
    model : str
        Name of the statsmodels class.
    data : ModelData
        Complete rows.
    plain : Mapping
        Options of the model; the ``family`` of a GLM is one.

    Raises
    ------
    MeasureError
        Naming the column, how many rows are wrong, and the next step.

    Examples
    --------
    >>> y, X = pd.Series([2.0, -1.0], name="visits"), pd.DataFrame({"x": [0.0, 1.0]})
    >>> check_support("PHReg", ModelData(y, X, (), {}, ()), {})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    posynth.errors.MeasureError: response 'visits' is below 0 in 1 of 2 rows (-1 at least), and ...
    """
    if model == "GLM":
        _check_family(data.y, type(plain["family"]).__name__)
    if model == "PHReg":
        _check_times(data)
        _check_strata(data)
    if model == "MixedLM":
        _check_groups(data)


def _check_family(y: "pd.Series[Any]", family: str) -> None:
    if family not in _LEAST:
        return
    zero = _LEAST[family]
    wrong = y < 0 if zero else y <= 0
    if wrong.any():
        limit, allowed = ("below 0", "0 or more") if zero else ("0 or less", "above 0")
        raise MeasureError(
            f"response {y.name!r} is {limit} in {int(wrong.sum())} of {len(y)} rows ({y.min():g} "
            f"at least), and values of family {family} are {allowed}; use family 'gaussian' or "
            "model 'ols', or check how the column is modelled in the chain"
        )


def _check_times(data: ModelData) -> None:
    y = data.y
    if (y < 0).any():
        raise MeasureError(
            f"response {y.name!r} is below 0 in {int((y < 0).sum())} of {len(y)} rows ({y.min():g} "
            "at least), and times of phreg are 0 or more; count from an earlier start, or check "
            "how the column is modelled in the chain"
        )
    entry = np.asarray(data.per_row.get("entry", 0.0), dtype=float)
    late = int((entry > y.to_numpy(dtype=float)).sum())
    if late:
        name = getattr(data.per_row["entry"], "name", "entry")
        raise MeasureError(
            f"entry {name!r} comes after the time {y.name!r} in {late} of {len(y)} rows; a row is "
            "at risk from its entry to its time: leave these rows out, or make the column in the "
            "chain from the entry and a duration above 0"
        )


def _check_strata(data: ModelData) -> None:
    """Refuse a term that does not vary within strata: the partial likelihood does not know it."""
    strata = data.per_row.get("strata")
    if strata is None:
        return
    at = pd.factorize(np.asarray(strata))[0]
    by_stratum = data.X.groupby(at)
    spread = (by_stratum.max() - by_stratum.min()).max()
    flat = [str(name) for name, range_ in spread.items() if range_ == 0]
    if flat:
        name = getattr(strata, "name", "strata")
        raise MeasureError(
            f"coefficient {flat[0]!r} cannot be estimated: its column is the same in all rows of "
            f"each stratum of {name!r}, and phreg compares rows within strata only; leave the term "
            f"out of the formula, or {name!r} out of strata"
        )


def _check_groups(data: ModelData) -> None:
    """Refuse groups of one row, too few groups, and those that fixed effects tell apart."""
    codes = pd.factorize(np.asarray(data.per_row["groups"]))[0]
    count = int(codes.max()) + 1
    if count == len(data.y):
        raise MeasureError(
            f"every group of {data.groups!r} has a single row, so that differences between groups "
            "cannot be told from those between rows; use model 'ols', or name the column of groups"
        )
    effects = np.shape(data.per_row.get("exog_re", np.empty((0, 1))))[1]
    if effects > count:
        raise MeasureError(
            f"re_formula gives each group {effects} random effects, and {data.groups!r} has "
            f"{count} groups, too few for their covariance matrix; name fewer terms in re_formula"
        )
    X = data.X.to_numpy()
    if count > X.shape[1]:
        return
    both = np.column_stack([X, np.eye(count)[codes]])
    if np.linalg.matrix_rank(both) == np.linalg.matrix_rank(X):
        raise MeasureError(
            f"the formula already tells the {count} groups of {data.groups!r} apart, so that "
            "nothing is left for their random effects; leave that column out of the formula, or "
            "use model 'ols'"
        )
