"""Proposals, their importance ratios, and what those show."""

import numpy as np

from posynth.engines.batched.density import BatchedDensity, Floats, ManyPoints
from posynth.engines.batched.gaussian import Gaussian
from posynth.engines.laplace import FREEDOM, SHARE, proposal_log_density

WIDER = 1.04  # than the fitted normal
FAR = 4.0  # standard deviations at which the posterior must not outlast the proposal by ...
OUTLASTS = 4.5  # ... so many log units


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

    def path(self, chains: int, pilot: int) -> tuple[Floats, float]:
        """Run independence Metropolis chains; each meets its own share of the proposals once.

        Parameters
        ----------
        chains : int
            Their number.
        pilot : int
            Proposals, the first ones, from which chains start and which none meets.

        Returns
        -------
        tuple of ndarray, shape (chain, step, d), and float
            States after each step, and the share of proposals accepted.
        """
        steps = (len(self.ratios) - pilot) // chains
        own = pilot + np.arange(chains * steps).reshape(chains, steps)
        uniforms = np.log(self._rng.random((chains, steps)))
        weights = self.weights[:pilot]
        state = self._rng.choice(pilot, chains, p=weights / weights.sum())
        path = np.empty((chains, steps), dtype=np.int64)
        for step in range(steps):
            accepted = uniforms[:, step] < self.ratios[own[:, step]] - self.ratios[state]
            state = np.where(accepted, own[:, step], state)
            path[:, step] = state
        return self.thetas[path], float(np.mean(path == own))

    def starts(self, count: int) -> Floats:
        """Choose different proposals (count, d), likelier where weights are larger."""
        chance = self.weights + 1e-3
        chosen = self._rng.choice(len(chance), count, replace=False, p=chance / chance.sum())
        return self.thetas[chosen]


class NormalProposals(Proposals):
    """Proposals from a normal with heavier tails.

    Parameters
    ----------
    density : BatchedDensity
        The posterior.
    gaussian : Gaussian
        The normal fitted to it.
    rng : numpy.random.Generator
        Source of randomness.
    """

    def __init__(
        self, density: BatchedDensity, gaussian: Gaussian, rng: np.random.Generator
    ) -> None:
        super().__init__(density, rng)
        self._wide = Gaussian(gaussian.mean, WIDER * gaussian.factor)

    def propose(self, count: int) -> tuple[Floats, Floats]:
        """Draw points (count, d); return them with their log proposal densities (count,)."""
        x = heavy_normal(count, self._density.size, self._rng)
        return self._wide.at(x), proposal_log_density(x)

    def outlasted(self) -> bool:
        """Whether the posterior falls off more slowly than the normal along some axis.

        Few proposals get that far, so ratios alone cannot show it: k-hat of a few hundred of them
        passed a fit whose standard deviation was a third too small.
        """
        steps = FAR * self._wide.factor.T
        mean = self._wide.mean
        found = self._density.values(np.concatenate([mean[None], mean + steps, mean - steps]))
        return float(np.max(found[1:] - found[0])) + FAR**2 / 2 > OUTLASTS


def heavy_normal(count: int, size: int, rng: np.random.Generator) -> Floats:
    """Draw from the density of ``proposal_log_density``, (count, size)."""
    x = rng.standard_normal((count, size))
    heavy = rng.random(count) < SHARE
    x[heavy] *= np.sqrt(FREEDOM / rng.chisquare(FREEDOM, int(heavy.sum())))[:, None]
    return x
