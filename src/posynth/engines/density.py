"""Log-density of a conditional's unconstrained parameters on given data."""

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posynth.engines.compiled import CompiledModel
from posynth.errors import FitError
from posynth.families.base import Contents

if TYPE_CHECKING:
    import pymc as pm

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
    compiled : CompiledModel
        The compiled form.
    held : pymc.Model or Contents
        The model that holds the data, or what it would hold.
    """

    def __init__(self, compiled: CompiledModel, held: "pm.Model | Contents") -> None:
        compiled.move(held)
        self.compiled = compiled
        self.shapes = compiled.shapes()
        self.size = sum(map(prod, self.shapes))
        self._function = compiled.density
        self._impossible = _parameter_error()

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return log p(theta, y) and its gradient (d,); -inf where theta is impossible."""
        try:
            value, *parts = self._function(*self.compiled.split(theta, self.shapes))
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
        point = self.compiled.model.initial_point()
        found = np.concatenate([np.ravel(point[v.name]) for v in self.compiled.values])
        if not np.isfinite(self(found)[0]):
            raise FitError(
                "the log-density is not finite at the model's initial point; check the priors and "
                "the support of the likelihood against the column"
            )
        return found
