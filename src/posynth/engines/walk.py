"""Random-walk Metropolis steps whose sizes are tuned to their acceptance."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

STEPS = 2  # of each parameter in a move
WANTED = 0.44  # share of them to be accepted


@dataclass
class Walk:
    """Metropolis steps of chains side by side, one parameter after the other.

    Attributes
    ----------
    size : ndarray, shape (chain, d)
        Standard deviations of the steps.
    """

    size: Floats

    def move(
        self, x: Floats, density: Callable[[Floats], Floats], rng: np.random.Generator, tune: bool
    ) -> Floats:
        """Take steps from x (chain, d) under a log density of such points, (chain,)."""
        here = density(x)
        for step in range(STEPS * x.shape[1]):
            at = step % x.shape[1]
            there = x.copy()
            there[:, at] += self.size[:, at] * rng.standard_normal(len(x))
            value = density(there)
            moved = np.log(rng.random(len(x))) < value - here
            x, here = np.where(moved[:, None], there, x), np.where(moved, value, here)
            if tune:
                self.size[:, at] *= np.exp(0.1 * (moved - WANTED))
        return x
