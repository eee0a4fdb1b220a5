"""Log-density of a conditional's unconstrained parameters on given data."""

import numpy as np
from numpy.typing import NDArray

from posynth.engines.conditioned import Conditioned
from posynth.errors import FitError

type Floats = NDArray[np.float64]


def _parameter_error() -> type[Exception]:
    """Return what PyMC raises where a distribution's parameters are impossible: density zero."""
    from pymc.logprob.utils import ParameterValueError

    found: type[Exception] = ParameterValueError
    return found


class Density:
    """Log-density of the unconstrained parameters on fixed data, with gradient.

    Parameters
    ----------
    model : Conditioned
        The model on these data.
    """

    def __init__(self, model: Conditioned) -> None:
        self.model, self.size = model, model.size
        self._function = model.density
        self._impossible = _parameter_error()

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return log p(theta, y) and its gradient (d,); -inf where theta is impossible."""
        try:
            value, *parts = self._function(*self.model.split(theta))
        except self._impossible:
            return -np.inf, np.zeros(self.size)
        return float(value), np.concatenate([np.ravel(part) for part in parts])

    def values(self, thetas: Floats) -> Floats:
        """Return log p at each row of thetas (s, d), shape (s,); -inf where it is not finite."""
        found = np.array([self(theta)[0] for theta in thetas])
        return np.where(np.isnan(found), -np.inf, found)

    def start(self) -> Floats:
        """Return a point of finite density: the origin, else the model's initial point."""
        origin = np.zeros(self.size)
        if np.isfinite(self(origin)[0]):
            return origin
        found = np.concatenate([np.ravel(value) for value in self.model.initial_point()])
        if not np.isfinite(self(found)[0]):
            raise FitError(
                "the log-density is not finite at the model's initial point; check the priors and "
                "the support of the likelihood against the column"
            )
        return found
