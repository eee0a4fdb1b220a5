r"""The learned scale of a numeric column: its quantile function, smooth enough to name nobody.

The function is made of cells in increasing order: *atoms*, values that at least ``LEAST`` cases
share (heaps, spikes, bounds such as 0), and intervals in between whose knots are means of at least
``LEAST`` neighbouring cases, with uniform mass between knots. Beyond the last cell on each side a
generalised Pareto tail is fitted to the outer cases. No single value is stored.

With F the distribution function of the cells, the *score* of a value is
:math:`z = \Phi^{-1}(F(y))`; within an atom z is not one number but an interval. A copy draws the
masses of the cells from Dirichlet(counts), the Bayesian bootstrap (Rubin 1981), and the spread of
the tails, giving :math:`F_s`. A drawn score becomes

.. math:: y^* = F_s^{-1}(\Phi(\mu_s + \tau_s z^*))

where :math:`\mu_s, \tau_s` are mean and sd of the source's scores under :math:`F_s`. A shift or
stretch of :math:`F_s` as a whole is thus taken out again: that uncertainty is already in the
regression's intercept and sigma, and would else be counted twice. What is left is uncertainty of
shape.

References
----------
Rubin, D. B. (1981). The Bayesian bootstrap. Annals of Statistics 9(1), 130-134.
Hoff, P. D. (2007). Extending the rank likelihood for semiparametric copula estimation. Annals of
Applied Statistics 1(1), 265-283.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from posynth.chain.tail import Tail

type Floats = NDArray[np.float64]

#: Steps and halvings of a fit of shift and stretch, and least stretch.
FITTED, HALVED, LEAST_STRETCH = 20, 10, 0.02
#: Cases behind every atom, knot and tail.
LEAST = 5


@dataclass(frozen=True)
class Scale:
    """A learned quantile function.

    Attributes
    ----------
    lower, upper : tuple of float
        Ends of the K cells, in increasing order; equal for an atom.
    counts : tuple of float
        Cases in each cell; those of an interval between knots are halves of two groups.
    grains : tuple of float
        Unit to which values of a cell are given; 0 where they are not rounded.
    below, above : Tail, optional
        What lies beyond the cells.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    counts: tuple[float, ...]
    grains: tuple[float, ...]
    below: Tail | None = None
    above: Tail | None = None

    @property
    def tails(self) -> tuple[tuple[int, Tail], ...]:
        """Each tail and the place of its mass among all masses."""
        places = ((0, self.below), (len(self.masses) - 1, self.above))
        return tuple((place, tail) for place, tail in places if tail is not None)

    @property
    def masses(self) -> Floats:
        """Cases of every piece in order: tail, cells, tail."""
        ends = [tail.count if tail else None for tail in (self.below, self.above)]
        return np.array([c for c in (ends[0], *self.counts, ends[1]) if c is not None])

    @property
    def distinct(self) -> int:
        """Number of pieces, at most so many different scores a row can have in the middle."""
        return len(self.masses)

    def bounds(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the limits of F over what each value stands for, (n,) each.

        They are equal where values are not rounded, an atom's jump for an atom, and a rounding
        unit wide where values are rounded. A value beyond all pieces, of too few rows to be an
        atom, has those of the nearest.
        """
        values = self._inside(values)
        cell, atom = self._place(values)
        grain = self._grain(cell, atom)
        first = self._distribution(values - grain / 2, cell, atom, 0.0)
        last = self._distribution(values + grain / 2, cell, atom, 1.0)
        return first, np.maximum(first, last)

    def probabilities(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the limits of F between which a value is drawn, (n,) each.

        They are those of ``bounds``, but for values whose rounding unit reaches into another cell:
        what is drawn there is rounded to them too.
        """
        cell, atom = self._place(values)
        first, last = self.bounds(values)
        half = self._grain(cell, atom) / 2
        below, above = (self.distribution(values + side * half) for side in (-1, 1))
        return np.where(half > 0, below, first), np.where(half > 0, above, last)

    def distribution(self, values: Floats) -> Floats:
        """Return F, the share of the column at or below each value (n,)."""
        return self._distribution(values, *self._place(values), 1.0)

    def scores(self, values: Floats) -> Floats:
        """Return one score a value, (n,): that of the middle of its limits; NaN for NaN."""
        known = ~np.isnan(values)
        scores = np.full(len(values), np.nan)
        first, last = self.bounds(values[known])
        edge = 0.5 / self.masses.sum()
        scores[known] = ndtri(np.clip((first + last) / 2, edge, 1 - edge))
        return scores

    @property
    def spread(self) -> float:
        """Half the distance between the values at scores -1 and 1: an sd, were it normal."""
        low, high = self.quantiles(ndtr(np.array([-1.0, 1.0])))
        return float(high - low) / 2

    def quantiles(self, shares: Floats) -> Floats:
        """Return the values below which these shares (k,) of the column lie."""
        spreads = {place: tail.spread for place, tail in self.tails}
        drawn = Drawn(self, self.masses / self.masses.sum(), spreads)
        return drawn.values(ndtri(shares))

    def draw(self, rng: np.random.Generator, ends: Floats | None = None) -> "Drawn":
        """Draw masses and tails: one posterior draw of the quantile function.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        ends : ndarray, optional
            Shares between which parts of the range end whose masses are left as they are: for a
            model in which the masses of these parts are drawn too, and with them the shape at
            large.
        """
        masses = self.masses
        drawn = np.maximum(rng.standard_gamma(masses), 1e-300)
        if ends is not None and len(ends):
            share = (np.cumsum(masses) - masses / 2) / masses.sum()
            part = np.searchsorted(ends, share)
            size = len(ends) + 1
            kept, found = (np.bincount(part, each, size) for each in (masses, drawn))
            drawn *= (kept / np.maximum(found, 1e-300))[part]
        spreads = {place: tail.draw_spread(rng) for place, tail in self.tails}
        return Drawn(self, drawn / drawn.sum(), spreads)

    def to_dict(self) -> dict[str, Any]:
        """Return what was learned as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Scale":
        """Build a scale from what ``to_dict`` returned."""
        below, above = (Tail(**data[side]) if data[side] else None for side in ("below", "above"))
        lower, upper, counts, grains = (
            tuple(data[key]) for key in ("lower", "upper", "counts", "grains")
        )
        return cls(lower, upper, counts, grains, below, above)

    def _inside(self, values: Floats) -> Floats:
        """Move values beyond the cells, on a side without a tail, to their end."""
        low = self.lower[0] if self.below is None else -np.inf
        return np.clip(values, low, self.upper[-1] if self.above is None else np.inf)

    def _grain(self, cell: NDArray[np.int64], atom: NDArray[np.bool_]) -> Floats:
        """Return the rounding unit of values by their cell; 0 for atoms, which stand alone."""
        grain = np.where(atom, 0.0, np.asarray(self.grains)[np.clip(cell, 0, len(self.grains) - 1)])
        grain = np.where(cell < 0, self.below.grain if self.below else 0.0, grain)
        over = cell >= len(self.counts)
        found: Floats = np.where(over, self.above.grain if self.above else 0.0, grain)
        return found

    def _place(self, values: Floats) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the cell of each value, -1 and K for the tails, and whether it is an atom."""
        lower, upper = np.asarray(self.lower), np.asarray(self.upper)
        cell = np.searchsorted(upper, values, side="left")
        atoms = np.flatnonzero(lower == upper)
        if atoms.size:
            near = atoms[np.minimum(np.searchsorted(upper[atoms], values), atoms.size - 1)]
            atom = upper[near] == values
            cell = np.where(atom, near, cell)
        else:
            atom = np.zeros(len(values), dtype=bool)
        below = (values < lower[0]) & ~atom
        return np.where(below, -1, cell), atom

    def _distribution(
        self, values: Floats, cell: NDArray[np.int64], atom: NDArray[np.bool_], side: float
    ) -> Floats:
        """Return F at values; at an atom its limit from the left (0) or the right (1)."""
        share = self.masses / self.masses.sum()
        start = np.concatenate([[0.0], np.cumsum(share)])
        offset = int(self.below is not None)
        inner = np.clip(cell, 0, len(self.counts) - 1)
        lower, width = np.asarray(self.lower)[inner], np.subtract(self.upper, self.lower)[inner]
        with np.errstate(invalid="ignore", divide="ignore"):
            at = np.where(values < lower, 0.0, side)  # between two atoms nothing lies
            part = np.where(width > 0, np.clip((values - lower) / width, 0, 1), at)
        found = start[inner + offset] + part * share[inner + offset]
        if self.below is not None:
            beyond = self.below.distribution(values)
            found = np.where(cell < 0, share[0] * beyond, found)
        if self.above is not None:
            beyond = self.above.distribution(values)
            found = np.where(cell >= len(self.counts), start[-2] + share[-1] * beyond, found)
        return np.clip(found, 0.0, 1.0)


@dataclass(frozen=True)
class Drawn:
    """One draw of a scale.

    Attributes
    ----------
    scale : Scale
        What was drawn from.
    shares : ndarray, shape (pieces,)
        Masses, adding up to 1.
    spreads : Mapping of int to float
        Spread of each tail by its place.
    """

    scale: Scale
    shares: Floats
    spreads: Mapping[int, float]

    def moments(self) -> tuple[float, float]:
        r"""Return mean and sd of the source's scores under this draw.

        A case is uniform within its piece's part (a, b) of the unit interval, where the mean of
        :math:`\Phi^{-1}` is (phi(a) - phi(b)) / (b - a), and likewise for its square.
        """
        edges = np.concatenate([[0.0], np.cumsum(self.shares)])
        edges[-1] = 1.0
        z = ndtri(np.clip(edges, 0, 1))
        density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
        steep = np.where(np.isfinite(z), z, 0.0) * density
        weight = self.scale.masses / self.scale.masses.sum() / self.shares
        mean = float(np.sum(weight * (density[:-1] - density[1:])))
        square = float(np.sum(weight * (np.diff(edges) + steep[:-1] - steep[1:])))
        return mean, float(np.sqrt(max(square - mean**2, 1e-6)))

    def fitted_moments(self) -> tuple[float, float]:
        r"""Return the shift a and stretch b of normal scores that fit this draw best.

        With cells of the source cut at normal scores z, cells cut at a + bz have probabilities
        :math:`P = \Delta\Phi(a + bz)`; those nearest to the drawn masses q maximise
        :math:`\sum q \log P`, which is concave in a and b. Where cells are fine this is
        ``moments``; where values are shared it is what a model knows that takes them for intervals.

        Returns
        -------
        tuple of float
            a and b, found by Fisher scoring from (0, 1).
        """
        shares = self.scale.masses / self.scale.masses.sum()
        z, found = ndtri(np.cumsum(shares)[:-1].clip(1e-12, 1 - 1e-12)), np.array([0.0, 1.0])
        best, score, information = self._likelihood(z, found)
        for _ in range(FITTED):
            step = np.linalg.lstsq(information, score, rcond=1e-9)[0]
            if score @ step < 1e-12:
                break
            for _ in range(HALVED):
                new = self._likelihood(z, found + step)
                if new[0] >= best:
                    break
                step = step / 2
            else:
                break
            found, (best, score, information) = found + step, new
        return float(found[0]), float(found[1])

    def _likelihood(self, z: Floats, at: Floats) -> tuple[float, Floats, Floats]:
        """Return sum q log P at (a, b), its score (2,) and the Fisher information (2, 2)."""
        if at[1] < LEAST_STRETCH:
            return -np.inf, np.zeros(2), np.eye(2)
        ends = at[0] + at[1] * z
        height = np.exp(-0.5 * ends**2) / np.sqrt(2 * np.pi)
        P = np.maximum(np.diff(ndtr(ends), prepend=0.0, append=1.0), 1e-300)
        d = np.array([np.diff(h, prepend=0.0, append=0.0) for h in (height, z * height)])
        return float(self.shares @ np.log(P)), d @ (self.shares / P), (d / P) @ d.T

    def values(self, scores: Floats, *, intervals: bool = False) -> Floats:
        """Turn scores (k,) into values on the column's own scale.

        Parameters
        ----------
        scores : ndarray, shape (k,)
            Normal scores.
        intervals : bool
            Whether they come from a model that takes shared values for intervals, see
            ``fitted_moments``.
        """
        mean, sd = self.fitted_moments() if intervals else self.moments()
        edge = 0.1 / self.scale.masses.sum()
        u = np.clip(ndtr(mean + sd * scores), edge, 1 - edge)
        start = np.concatenate([[0.0], np.cumsum(self.shares)])
        piece = np.clip(np.searchsorted(start, u, side="right") - 1, 0, len(self.shares) - 1)
        part = np.clip((u - start[piece]) / self.shares[piece], 0.0, 1.0)
        cell = piece - int(self.scale.below is not None)
        inner = np.clip(cell, 0, len(self.scale.counts) - 1)
        lower, upper = np.asarray(self.scale.lower)[inner], np.asarray(self.scale.upper)[inner]
        found = rounded(lower + part * (upper - lower), np.asarray(self.scale.grains)[inner])
        found = np.where(lower == upper, lower, found)
        for place, tail in self.scale.tails:
            here = piece == place
            found[here] = tail.quantile(part[here], self.spreads[place])
        return found


def rounded(values: Floats, grain: Floats) -> Floats:
    """Round values to multiples of their grain; a grain of 0 leaves them."""
    unit = np.where(grain > 0, grain, 1.0)
    return np.where(grain > 0, np.round(values / unit) * unit, values)
