r"""Log-likelihood of a response on a learned scale, in the units of its column.

The model is about the score :math:`z = h(\Phi^{-1}(F(y)))`, with F the column's learned
distribution function. Where values are not rounded, y has the density
:math:`p(z)\,dz/dy`. A value that many cases share, or one that is rounded, stands for an interval
of scores and has the probability :math:`P(z_a < Z \le z_b)`; divided by the unit to which the
column is rounded this is a density of y too, and for whole numbers the probability itself. In a
column that is not rounded a shared value keeps its probability.

A value between shared ones that no cell of the scale holds counts as one case of the source.

F is taken as learned: what copies add of its uncertainty, by drawing its masses anew, is not here.
"""

import numpy as np
from scipy.special import ndtri

from posynth.chain.blocks import Floats
from posynth.chain.scale import Scale
from posynth.chain.scores import SMALL_JUMP, Warp
from posynth.engines.conditioned import Conditioned

#: Step by which the slope of a scale is taken, as a share of the range between its outer knots.
NEAR = 1e-7
#: Score beyond which nothing lies: where the interval of the first or last value ends.
END = 30.0


class ScoredRows:
    """Where values of a column lie on its learned scale.

    Parameters
    ----------
    scale : Scale
        The learned scale.
    warp : Warp
        Takes normal scores to those of the model.
    values : ndarray, shape (n,)
        Values of the column.
    decimals : int, optional
        Decimals to which the column is rounded.
    """

    def __init__(self, scale: Scale, warp: Warp, values: Floats, decimals: int | None) -> None:
        first, last = scale.probabilities(values)
        step = NEAR * max(scale.upper[-1] - scale.lower[0], 1e-300)
        before, after = (scale.distribution(values + side * step / 2) for side in (-1, 1))
        #: Values that no cell holds: rare ones between shared values, which copies never take.
        between = (values > scale.lower[0]) & (values < scale.upper[-1])
        self.outside = between & (last - first <= SMALL_JUMP) & (after <= before)
        half = 0.5 / scale.masses.sum()
        first = np.where(self.outside, np.clip(first - half, 0.0, 1.0 - 2 * half), first)
        last = np.where(self.outside, first + 2 * half, last)
        self.wide = last - first > SMALL_JUMP
        self.low, self.high = _scores(warp, first), _scores(warp, last)
        self.z = _scores(warp, (first + last) / 2)
        self.log_unit = 0.0 if decimals is None else -decimals * np.log(10.0)
        self.log_slope = _log(_scores(warp, after) - _scores(warp, before)) - np.log(step)
        mass, slope = _log(last - first) - self.log_unit, _log(after - before) - np.log(step)
        #: Log-likelihood of each value under the scale alone, without predictors.
        self.log_margin: Floats = np.where(self.wide, mass, slope)

    def log_likelihood(self, model: Conditioned, thetas: Floats) -> Floats:
        """Return the log-likelihood of every row at each draw, (s, n).

        Parameters
        ----------
        model : Conditioned
            The conditional on these rows.
        thetas : ndarray, shape (s, d)
            Unconstrained draws.
        """
        there, wide = model.with_data(y=self.z), self.wide
        found = np.empty((len(thetas), len(self.z)))
        for draw, theta in enumerate(thetas):
            found[draw] = there.row_log_likelihood(theta) + self.log_slope
            if wide.any():
                low, high = (model.row_log_tails(theta, z) for z in (self.low, self.high))
                found[draw, wide] = log_between(low, high)[wide] - self.log_unit
        return found


def log_between(low: tuple[Floats, Floats], high: tuple[Floats, Floats]) -> Floats:
    """Return log P(a < Y <= b) of log P(Y <= .) and log P(Y > .) at a and at b.

    In the upper half it is a difference of upper tails, which keeps digits there.
    """
    upper = low[0] > np.log(0.5)
    more, less = np.where(upper, low[1], high[0]), np.where(upper, high[1], low[0])
    with np.errstate(invalid="ignore"):
        share = np.where(np.isneginf(less), 0.0, np.exp(np.minimum(less - more, 0.0)))
    found: Floats = more + _log(1.0 - share)
    return found


def _scores(warp: Warp, u: Floats) -> Floats:
    return np.clip(warp.forward(np.clip(ndtri(u), -END, END)), -END, END)


def _log(values: Floats) -> Floats:
    """Return logs, minus infinity for 0 and below."""
    with np.errstate(divide="ignore"):
        found: Floats = np.log(np.maximum(values, 0.0))
    return found
