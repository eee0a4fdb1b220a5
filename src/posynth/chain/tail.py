r"""A tail beyond the last value that enough cases share: generalised Pareto, shape kept in bounds.

The distance e beyond the edge has :math:`P(E \le e) = 1 - (1 + \xi e/\sigma)^{-1/\xi}`, cut off at
``limit`` where the column has a natural bound. The shape is the posterior mode under
:math:`\xi \sim N(0, 0.25)` within (-0.5, 0.5): there the variance is finite, and the end of a
bounded tail is not pinned to the largest case. A copy draws the spread from the posterior of an
exponential tail's, :math:`\sigma\, c / Gamma(c)` with c cases.

References
----------
Pickands, J. (1975). Statistical inference using extreme order statistics. Annals of Statistics
3(1), 119-131.
Coles, S. G. and Dixon, M. J. (1999). Likelihood-based inference for extreme value models. Extremes
2(1), 5-23: penalised shapes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

SHAPES = np.linspace(-0.5, 0.5, 21)
SHAPE_SD = 0.25


@dataclass(frozen=True)
class Tail:
    """One tail.

    Attributes
    ----------
    edge : float
        Where it begins.
    sign : int
        1 for the upper tail, -1 for the lower one.
    count : float
        Cases in it.
    spread, shape : float
        Sigma and xi.
    limit : float
        Distance from the edge to a natural bound; 0 if there is none.
    grain : float
        Unit to which values are rounded; 0 if they are not.
    """

    edge: float
    sign: int
    count: float
    spread: float
    shape: float
    limit: float = 0.0
    grain: float = 0.0

    def distribution(self, values: Floats) -> Floats:
        """Return the share of the tail at or below each value (n,)."""
        distance = np.maximum(self.sign * (values - self.edge), 0.0)
        share = np.minimum(_share(distance, self.spread, self.shape) / self._reach(self.spread), 1)
        return share if self.sign > 0 else 1.0 - share

    def quantile(self, share: Floats, spread: float) -> Floats:
        """Return the values (n,) below which these shares of the tail lie, for a drawn spread."""
        outward = share if self.sign > 0 else 1.0 - share
        kept = np.maximum(1.0 - outward * self._reach(spread), 1e-12)
        if abs(self.shape) < 1e-9:
            distance = -spread * np.log(kept)
        else:
            distance = spread * np.expm1(-self.shape * np.log(kept)) / self.shape
        values = self.edge + self.sign * distance
        return self._rounded(values) if self.grain else values

    def _rounded(self, values: Floats) -> Floats:
        """Round to the grain, and not past a natural bound: 0.2 in halves is 0.5, if above 0."""
        found = np.round(values / self.grain) * self.grain
        past = self.sign * (found - self.edge) > self.limit * (1 + 1e-9)
        return np.where(past & (self.limit > 0), found - self.sign * self.grain, found)

    def draw_spread(self, rng: np.random.Generator) -> float:
        """Draw sigma."""
        return float(self.spread * self.count / rng.standard_gamma(self.count))

    def _reach(self, spread: float) -> float:
        """Return the share of an unbounded tail that lies within the limit."""
        reach = _share(np.array(self.limit), spread, self.shape) if self.limit else 1.0
        return max(float(reach), 1e-12)


def fit_tail(distance: Floats) -> tuple[float, float]:
    """Fit spread and shape to distances beyond the edge.

    Parameters
    ----------
    distance : ndarray, shape (c,)
        Distances; those below 0 (the edge is an average) count as 0.

    Returns
    -------
    tuple of float
        Spread and shape, the posterior mode on a grid; (0, 0) if all distances are 0.

    Examples
    --------
    >>> import numpy as np
    >>> spread, shape = fit_tail(-np.log(1 - (np.arange(50) + 0.5) / 50))
    >>> round(spread, 1), round(abs(shape), 1)
    (1.0, 0.0)
    """
    distance = np.maximum(distance, 0.0)
    mean = float(distance.mean())
    if mean <= 0:
        return 0.0, 0.0
    spreads = mean * np.geomspace(0.2, 2.5, 81)
    shape, spread = SHAPES[:, None, None], spreads[None, :, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = np.log1p(shape * distance / spread)
        flat = np.abs(shape) < 1e-9
        fit = np.where(flat, -distance / spread, -(1 + 1 / np.where(flat, 1, shape)) * inside)
    score = np.sum(fit - np.log(spread), axis=-1) - 0.5 * (SHAPES[:, None] / SHAPE_SD) ** 2
    score = np.where(np.isfinite(score), score, -np.inf)
    i, j = np.unravel_index(int(score.argmax()), score.shape)
    return float(spreads[j]), float(SHAPES[i])


def _share(distance: Floats, spread: float, shape: float) -> Floats:
    """Return the distribution function of an unbounded tail."""
    scaled = distance / max(spread, 1e-300)
    if abs(shape) < 1e-9:
        return -np.expm1(-scaled)
    return 1.0 - np.maximum(1.0 + shape * scaled, 0.0) ** (-1.0 / shape)
