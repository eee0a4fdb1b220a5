"""Missing values put into samples: completely at random, or more often where a column is large."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from posynth.errors import SpecError, unknown


@dataclass(frozen=True)
class Hole:
    r"""Missing values of one column.

    A value of ``column`` is taken out with probability :math:`logit^{-1}(a + b z)`, z the
    standardised value of ``depends`` (b = 0 without one: missing completely at random), and a such
    that the expected share is ``share``.

    Attributes
    ----------
    column : str
        The column that loses values.
    share : float
        Expected share of them, between 0 and 1.
    depends : str
        A numeric column that is complete; missing at random given it.
    slope : float
        b, in logits for one standard deviation.
    """

    column: str
    share: float
    depends: str = ""
    slope: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise SpecError(
                f"missing values of {self.column!r}: share = {self.share}; between 0 and 1"
            )
        if self.depends == self.column:
            raise SpecError(
                f"missing values of {self.column!r} cannot depend on the column itself here"
            )

    def probabilities(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the probability of a hole in each row, (n,)."""
        if not self.depends:
            return np.full(len(frame), self.share)
        x = frame[self.depends].to_numpy(dtype=float)
        lift = self.slope * (x - x.mean()) / (x.std() or 1.0)
        low, high = -30.0 - np.abs(lift).max(), 30.0 + np.abs(lift).max()
        for _ in range(80):  # bisection: the expected share rises with the intercept
            middle = (low + high) / 2
            share = np.mean(1 / (1 + np.exp(-np.clip(middle + lift, -500, 500))))
            low, high = (middle, high) if share < self.share else (low, middle)
        return np.asarray(1 / (1 + np.exp(-np.clip(low + lift, -500, 500))))


def with_holes(
    frame: pd.DataFrame, holes: Iterable[Hole], rng: np.random.Generator
) -> pd.DataFrame:
    """Return the frame with values taken out, all decided on the complete rows.

    Raises
    ------
    SpecError
        If a column is unknown, or the column it depends on is not numeric.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": np.arange(1000.0), "y": 1.0})
    >>> found = with_holes(frame, [Hole("y", 0.3, "x")], np.random.default_rng(1))
    >>> bool(found["y"].isna().sum() > 200)
    True
    """
    changed = frame.copy(deep=False)
    for hole in holes:
        for name in filter(None, (hole.column, hole.depends)):
            if name not in frame:
                raise SpecError(f"missing values: {unknown('column', name, map(str, frame))}")
        if hole.depends and not pd.api.types.is_numeric_dtype(frame[hole.depends].dtype):
            raise SpecError(
                f"missing values of {hole.column!r} depend on {hole.depends!r}, which is not "
                "numeric; name a numeric column"
            )
        gone = rng.random(len(frame)) < hole.probabilities(frame)
        changed[hole.column] = frame[hole.column].mask(gone)
    return changed
