"""Proposals, their importance ratios, and what those show."""

import numpy as np

from posynth.engines.batched.axes import WIDER, Slices
from posynth.engines.batched.density import BatchedDensity, Floats, ManyPoints
from posynth.engines.batched.gaussian import Gaussian
from posynth.engines.laplace import FREEDOM, SHARE, proposal_log_density

ENOUGH = 0.6  # share of effective proposals from which on slices are not looked at


class Proposals:
    """A growing set of points with the log ratio of posterior to proposal at each.

    Parameters
    ----------
    density : ManyPoints
        The posterior.
    rng : numpy.random.Generator
        Source of randomness.
    """

    def __init__(self, density: ManyPoints, rng: np.random.Generator) -> None:
        self._density, self._rng = density, rng
        self.thetas = np.empty((0, density.size))
        self.ratios = np.empty(0)

    @property
    def weights(self) -> Floats:
        """Importance weights, the largest 1."""
        found: Floats = np.exp(self.ratios - self.ratios.max())
        return found

    @property
    def effective(self) -> float:
        """Effective number of proposals, (sum w)^2 / sum w^2."""
        weights = self.weights
        return float(weights.sum() ** 2 / np.sum(weights**2))

    def propose(self, count: int) -> tuple[Floats, Floats]:
        """Draw points (count, d); return them with their log proposal densities (count,)."""
        raise NotImplementedError

    def extend(self, count: int) -> None:
        """Draw ``count`` more."""
        thetas, log_q = self.propose(count)
        ratios = self._density.values(thetas) - log_q
        self.thetas = np.concatenate([self.thetas, thetas])
        self.ratios = np.concatenate([self.ratios, np.where(np.isnan(ratios), -np.inf, ratios)])

    def starts(self, count: int) -> Floats:
        """Choose different proposals (count, d), likelier where weights are larger."""
        chance = self.weights + 1e-3
        chosen = self._rng.choice(len(chance), count, replace=False, p=chance / chance.sum())
        return self.thetas[chosen]


class NormalProposals(Proposals):
    """Proposals from a normal with heavier tails; along axes that are skewed, from slices.

    Parameters
    ----------
    density : BatchedDensity
        The posterior.
    gaussian : Gaussian
        The normal fitted to it.
    slices : Slices
        Axes along which proposals follow the posterior.
    rng : numpy.random.Generator
        Source of randomness.
    """

    def __init__(
        self,
        density: BatchedDensity,
        gaussian: Gaussian,
        slices: Slices,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(density, rng)
        self._gaussian, self._slices = gaussian, slices
        self._rest = np.setdiff1d(np.arange(density.size), self._slices.axes)

    def propose(self, count: int) -> tuple[Floats, Floats]:
        """Draw points (count, d); return them with their log proposal densities (count,)."""
        x = np.empty((count, self._density.size))
        rest = heavy_normal(count, len(self._rest), self._rng)
        x[:, self._rest] = WIDER * rest
        x[:, self._slices.axes], log_q = self._slices.draw(count, self._rng)
        return self._gaussian.at(x), log_q + proposal_log_density(rest)


def pilot(
    density: BatchedDensity, gaussian: Gaussian, count: int, rng: np.random.Generator
) -> NormalProposals:
    """Return ``count`` proposals, from slices too if those are more effective."""
    plain = NormalProposals(density, gaussian, Slices.none(), rng)
    plain.extend(count)
    if plain.effective > ENOUGH * count:
        return plain
    slices = Slices.along(density, gaussian)
    bent = NormalProposals(density, gaussian, slices, rng)
    bent.extend(count)
    return bent if bent.effective > plain.effective else plain


def heavy_normal(count: int, size: int, rng: np.random.Generator) -> Floats:
    """Draw from the density of ``proposal_log_density``, (count, size)."""
    x = rng.standard_normal((count, size))
    heavy = rng.random(count) < SHARE
    x[heavy] *= np.sqrt(FREEDOM / rng.chisquare(FREEDOM, int(heavy.sum())))[:, None]
    return x
