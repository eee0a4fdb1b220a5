"""Table statistics as analyses: means, proportions, correlations and quantiles of columns."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import MeasureError, unknown
from posynth.evaluation.inference.estimates import Estimate

type Statistic = Callable[[pd.DataFrame], Estimate]


def mean(column: str) -> Statistic:
    """Mean of a numeric column, variance s²/k with k - 1 degrees of freedom.

    Parameters
    ----------
    column : str
        Name of the column; missing values are left out.

    Returns
    -------
    callable
        From a data frame to an `Estimate`.

    Examples
    --------
    >>> estimate = mean("x")(pd.DataFrame({"x": [1.0, 2.0, 3.0]}))
    >>> float(estimate.q[0]), round(float(estimate.cov[0, 0]), 4)
    (2.0, 0.3333)
    """

    def analyse(frame: pd.DataFrame) -> Estimate:
        x = _numbers(frame, column, 2)
        return _scalar(f"mean({column})", x.mean(), x.var(ddof=1) / len(x), len(x) - 1.0)

    return analyse


def proportion(column: str, level: Any) -> Statistic:
    """Share p of rows with a level, variance p(1 - p)/k.

    Parameters
    ----------
    column : str
        Name of the column; missing values are left out.
    level : object
        The level counted.

    Returns
    -------
    callable
        From a data frame to an `Estimate`.

    Examples
    --------
    >>> float(proportion("s", "a")(pd.DataFrame({"s": ["a", "b", "b", "b"]})).cov[0, 0])
    0.046875
    """

    def analyse(frame: pd.DataFrame) -> Estimate:
        values = _column(frame, column).dropna()
        if values.empty:
            raise MeasureError(f"column {column!r} has no values; leave it out")
        share = float((values == level).mean())
        return _scalar(f"proportion({column}={level})", share, share * (1 - share) / len(values))

    return analyse


def correlation(first: str, second: str, scale: str = "z") -> Statistic:
    """Pearson correlation of two numeric columns.

    Parameters
    ----------
    first, second : str
        Names of the columns; rows with a missing value in either are left out.
    scale : str
        ``"z"``: Fisher's z = atanh r with variance 1/(k - 3), close to normal even for small k;
        map the pooled estimate and limits back with ``numpy.tanh``. ``"r"``: r itself with the
        delta variance (1 - r²)²/(k - 1). Both assume near-normal columns.

    Returns
    -------
    callable
        From a data frame to an `Estimate`.

    Raises
    ------
    MeasureError
        For another scale.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 5.0], "y": [1.0, 3.0, 2.0, 5.0, 4.0]})
    >>> estimate = correlation("x", "y")(frame)
    >>> round(float(np.tanh(estimate.q[0])), 3), float(estimate.cov[0, 0])
    (0.8, 0.5)
    """
    if scale not in ("z", "r"):
        raise MeasureError(unknown("scale of a correlation", scale, ("z", "r")))

    def analyse(frame: pd.DataFrame) -> Estimate:
        both = frame[_column(frame, first).notna() & _column(frame, second).notna()]
        x, y = _numbers(both, first, 4), _numbers(both, second, 4)
        if not (np.ptp(x) and np.ptp(y)):
            raise MeasureError(
                f"columns {first!r} and {second!r}: one is constant, so they have no correlation; "
                "leave the pair out"
            )
        r = float(np.corrcoef(x, y)[0, 1])
        if scale == "r":
            return _scalar(f"cor({first}, {second})", r, (1 - r**2) ** 2 / (len(x) - 1))
        return _scalar(f"atanh cor({first}, {second})", np.arctanh(r), 1 / (len(x) - 3))

    return analyse


def quantile(
    column: str, share: float, rng: np.random.Generator, resamples: int = 200
) -> Statistic:
    """Quantile of a numeric column with its bootstrap variance.

    Parameters
    ----------
    column : str
        Name of the column; missing values are left out.
    share : float
        Which quantile, between 0 and 1.
    rng : numpy.random.Generator
        Source of the bootstrap; copies use it one after the other.
    resamples : int
        Number of bootstrap resamples.

    Returns
    -------
    callable
        From a data frame to an `Estimate`.

    Raises
    ------
    MeasureError
        If the share is not between 0 and 1.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": np.arange(1.0, 102.0)})
    >>> estimate = quantile("x", 0.5, np.random.default_rng(1))(frame)
    >>> float(estimate.q[0])
    51.0
    """
    if not 0 < share < 1:
        raise MeasureError(f"quantile {share} is not between 0 and 1; 0.5 is the median")

    def analyse(frame: pd.DataFrame) -> Estimate:
        x = _numbers(frame, column, 2)
        draws = [np.quantile(rng.choice(x, len(x)), share) for _ in range(resamples)]
        return _scalar(
            f"quantile({column}, {share:g})", np.quantile(x, share), np.var(draws, ddof=1)
        )

    return analyse


def _scalar(name: str, value: Any, variance: Any, df_com: float = float("inf")) -> Estimate:
    return Estimate((name,), np.array([value]), np.array([[variance]]), df_com)


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame:
        raise MeasureError(unknown("column", name, frame.columns))
    return frame[name]


def _numbers(frame: pd.DataFrame, name: str, needed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    column = _column(frame, name)
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise MeasureError(f"column {name!r} is not numeric; use proportion(column, level)")
    values = column.dropna().to_numpy(dtype=float)
    if len(values) < needed:
        raise MeasureError(
            f"column {name!r} has {len(values)} value(s) here, but {needed} are needed; leave it "
            "out"
        )
    return values
