r"""Scores of a response on its learned scale, on which a regression has normal errors.

The score of y is :math:`z = h(\Phi^{-1}(F(y)))`. F is the column's distribution function, and h a
warp that makes margin and model agree: if z is normal given X, its margin is the mixture

.. math:: H(z) = \frac1n \sum_i \Phi((z - \mu_i) / \sigma_i),

which is normal only where X explains little. So :math:`h(w) = H^{-1}(\Phi(w))`, found by
alternating between the regression and h; a drawn score goes back through :math:`h^{-1}`, and the
margins of copies are those of the source.

Where many cases share a value, its score is known only up to the jump of F there. Drawing it
uniformly within the jump would tie it to nothing and weaken every coefficient, the more the larger
the jump. Scores are therefore drawn given the predictors: Gibbs steps alternate between the
regression and truncated normal scores within their jumps, as Albert and Chib (1993) do for ordered
categories and Hoff (2007) for rank likelihoods. The conditional is fitted to one such draw.

References
----------
Albert, J. H. and Chib, S. (1993). Bayesian analysis of binary and polychotomous response data.
Journal of the American Statistical Association 88, 669-679.
Hoff, P. D. (2007). Extending the rank likelihood for semiparametric copula estimation. Annals of
Applied Statistics 1(1), 265-283.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from posynth.chain.least_squares import RIDGE, LeastSquares, Line
from posynth.chain.scale import Scale

type Floats = NDArray[np.float64]

#: Rounds of warp and regression, and Gibbs steps in each.
ROUNDS, SWEEPS = 4, 3
#: Normal scores at which the warp is stored; straight beyond the outer ones.
GRID = np.linspace(-3.5, 3.5, 57)
MIXED_ROWS = 500
#: Jumps smaller than this need no draw given X.
SMALL_JUMP = 1e-6
FURTHEST = 8.0


@dataclass(frozen=True)
class Warp:
    """A monotone map from normal scores to the model's scores, linear between knots.

    Attributes
    ----------
    knots : tuple of float
        Its values at ``GRID``.
    """

    knots: tuple[float, ...] = tuple(GRID.tolist())

    def forward(self, scores: Floats) -> Floats:
        """Take normal scores to the model's scores."""
        return _interpolated(scores, GRID, np.asarray(self.knots))

    def back(self, z: Floats) -> Floats:
        """Take the model's scores to normal scores."""
        return _interpolated(z, np.asarray(self.knots), GRID)


#: The warp of a conditional without predictors.
STRAIGHT = Warp()


@dataclass(frozen=True)
class Scored:
    """Scores of a response: values (n,), the warp they are on and the line fitted to them."""

    z: Floats
    warp: Warp
    line: Line


def impute_scores(
    limits: tuple[Floats, Floats],
    line: Line,
    X: Floats,
    warp: Warp,
    rng: np.random.Generator,
) -> Floats:
    """Draw scores (n,) within their limits on the unit interval, given a line and a warp."""
    low, high = (warp.forward(normal_scores(limit)) for limit in limits)
    mean, sd = line.predict(X)
    return _truncated(mean, sd, (low, high), rng)


def place_scores(
    scale: Scale, warp: Warp, values: Floats, X: Floats, rng: np.random.Generator
) -> Floats:
    """Draw the scores of values (n,) on a scale and a warp that are known."""
    limits = scale.bounds(values)
    z = warp.forward(normal_scores((limits[0] + limits[1]) / 2))
    free = limits[1] - limits[0] > SMALL_JUMP
    squares = LeastSquares(X)
    for _ in range(SWEEPS):
        line = squares.fit(z)
        within = (limits[0][free], limits[1][free])
        z[free] = impute_scores(within, line, X[free], warp, rng)
    return z


def learn_scores(
    scale: Scale,
    values: Floats,
    X: Floats,
    rng: np.random.Generator,
    *,
    spread: bool = False,
    ridge: float = RIDGE,
    rounds: int = ROUNDS,
) -> Scored:
    """Learn the warp of a conditional and draw the scores of its response.

    Parameters
    ----------
    scale : Scale
        The column's learned scale.
    values : ndarray, shape (n,)
        Values without holes.
    X : ndarray, shape (n, p)
        Standardised design.
    rng : numpy.random.Generator
        Source of randomness.
    spread : bool
        Whether the model's log sd is linear in X too.
    ridge : float
        Prior precision of a slope.
    rounds : int
        Times the warp is found anew.

    Returns
    -------
    Scored
        Scores with mean 0 and sd 1.
    """
    first, last = scale.bounds(values)
    warp = STRAIGHT
    z = normal_scores(first + rng.random(len(values)) * (last - first))
    squares = LeastSquares(X, ridge)
    line = squares.fit(z, spread=spread)
    if not X.shape[1]:
        return Scored(z, warp, line)
    free = last - first > SMALL_JUMP
    for _ in range(rounds):
        warp = _warp(*line.predict(X))
        z = warp.forward(normal_scores((first + last) / 2))
        for _ in range(SWEEPS if free.any() else 1):
            z[free] = impute_scores((first[free], last[free]), line, X[free], warp, rng)
            line = squares.fit(z, spread=spread)
    return Scored(z, warp, line)


def _warp(mean: Floats, sd: Floats) -> Warp:
    """Return the warp of a mixture of normals, scaled to mean 0 and sd 1.

    Rows are represented by some, evenly spaced in the order of their means.
    """
    places = ((np.arange(MIXED_ROWS) + 0.5) / MIXED_ROWS * len(mean)).astype(int)
    some = np.argsort(mean)[np.unique(places)]
    mean, sd = mean[some], sd[some]
    center = mean.mean()
    total = float(np.sqrt(np.mean(sd**2) + mean.var()))
    mean, sd = (mean - center) / total, sd / total
    z = np.linspace(-6.0, 6.0, 121)
    mixed = np.mean(ndtr((z[:, None] - mean) / sd), axis=1)
    inside = (mixed > 1e-7) & (mixed < 1 - 1e-7)
    normal = np.maximum.accumulate(ndtri(mixed[inside]) + 1e-9 * np.arange(inside.sum()))
    return Warp(tuple(_interpolated(GRID, normal, z[inside]).tolist()))


def _interpolated(x: Floats, knots: Floats, values: Floats) -> Floats:
    """Interpolate linearly, and go on in a straight line beyond the outer knots."""
    inner: Floats = np.interp(x, knots, values)
    first = (values[1] - values[0]) / (knots[1] - knots[0])
    last = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
    inner = np.where(x < knots[0], values[0] + first * (x - knots[0]), inner)
    return np.where(x > knots[-1], values[-1] + last * (x - knots[-1]), inner)


def normal_scores(u: Floats) -> Floats:
    """Return the normal scores of probabilities u (n,), at most ``FURTHEST`` on either side.

    Examples
    --------
    >>> import numpy as np
    >>> normal_scores(np.array([0.0, 0.5, 1.0]))
    array([-8.,  0.,  8.])
    """
    scores: Floats = np.clip(ndtri(u), -FURTHEST, FURTHEST)
    return scores


def _truncated(
    mean: Floats, sd: Floats, limits: tuple[Floats, Floats], rng: np.random.Generator
) -> Floats:
    """Draw from normals cut to (low, high), in whichever half of the curve keeps digits."""
    low, high = ((limit - mean) / sd for limit in limits)
    flip = low > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    a, b = ndtr(low), ndtr(high)
    drawn = np.clip(ndtri(a + rng.random(len(mean)) * (b - a)), low, high)
    return mean + sd * np.where(flip, -drawn, drawn)
