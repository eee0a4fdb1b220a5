"""What every engine takes and returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posynth.engines.diagnostics import Convergence
from posynth.engines.function import COMPILING
from posynth.families.base import Contents, Design, Family, Response

if TYPE_CHECKING:
    import pymc as pm


CHAINS = 4
K_HAT_LIMIT = 0.7


@dataclass(frozen=True)
class Task:
    """One conditional to fit.

    Attributes
    ----------
    family : Family
        Facts and model.
    design : Design
        Predictors, (n, p).
    response : Response
        Target, (n,).
    prior : str
        Name of the prior.
    priors : Mapping
        Its scales; arrays and means where priors of single coefficients are stated.
    draws : int
        Draws to keep in each of four chains.
    need : int
        Effective draws without which the fit is not trusted, max(400, 20 m).
    replaceable : bool
        Whether a simpler conditional takes its place where it cannot be fitted: then ``"auto"``
        leaves out NUTS, which can take hours, where it is slow or of little promise.
    """

    family: Family
    design: Design
    response: Response
    prior: str
    priors: Mapping[str, Any]
    draws: int = 250
    need: int = 400
    replaceable: bool = False

    def model(self) -> "pm.Model":
        """Write the PyMC model on this task's data."""
        with COMPILING:
            return self.family.model(self.prior, self.design, self.response, self.priors)

    def held(self) -> "pm.Model | Contents":
        """Return what the model holds, where the family states it without writing the model."""
        if self.family.contents is None:
            return self.model()
        return self.family.contents(self.design, self.response, self.priors)

    @property
    def key(self) -> tuple[str, str, str]:
        """Name under which the compiled form is shared; whole and real numbers do not share one."""
        prior = f"{self.prior}, stated" if self.stated else self.prior
        return self.family.facts.name, prior, self.response.y.dtype.kind

    @property
    def stated(self) -> bool:
        """Whether priors of single coefficients are stated."""
        return "slope_mean" in self.priors


@dataclass(frozen=True)
class Fit:
    """Posterior draws of one conditional.

    Attributes
    ----------
    draws : Mapping of str to ndarray, shape (chain, draw, ...)
        Equally weighted draws of each parameter.
    dims : Mapping of str to tuple of str
        Dims of each parameter after (chain, draw).
    coords : Mapping
        Labels of those dims.
    engine : str
        Engine that made the draws.
    mixed : Convergence
        R-hat and ESS; for independent draws 1 and their number.
    why : str
        Why it was used.
    independent : bool
        Whether the draws are independent (exact engines), so that R-hat and ESS need no estimate.
    k_hat : float
        Pareto k-hat of the Laplace proposal; NaN for other engines.
    divergences : int
        Divergent transitions.
    derived : tuple of str
        Names among the draws that are functions of the others, not parameters.
    stats : Mapping of str to ndarray, shape (chain, draw)
        What Hamiltonian engines tell of each draw: ``acceptance_rate``, ``diverging``,
        ``kinetic`` (energy plus log-density of the parameters), ``n_steps``, ``step_size``,
        ``tree_depth``. No log-density of the data is among it: with parameters at hand, exact
        sums over all rows would give single rows away.
    """

    draws: Mapping[str, NDArray[Any]]
    dims: Mapping[str, tuple[str, ...]]
    coords: Mapping[str, tuple[str, ...]]
    engine: str
    mixed: Convergence
    why: str = ""
    independent: bool = False
    k_hat: float = float("nan")
    divergences: int = 0
    derived: tuple[str, ...] = ()
    stats: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def because(self, why: str) -> "Fit":
        """Return the same fit with a reason for its engine."""
        return replace(self, why=why)

    @property
    def parameters(self) -> int:
        """Number of scalar parameters."""
        free = (a for name, a in self.draws.items() if name not in self.derived)
        return sum(int(np.prod(a.shape[2:])) for a in free)
