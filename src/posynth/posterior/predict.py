"""Draw rows of one conditional from its own PyMC graph, given parameters."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from posynth.chain.blocks import Floats
from posynth.chain.facts import FamilyFacts
from posynth.engines.base import Task
from posynth.engines.choose import condition
from posynth.engines.conditioned import Conditioned
from posynth.engines.own_rows import follows
from posynth.families.base import Contents, Family
from posynth.families.placeholder import blank, placeholder
from posynth.posterior.coding import Coding
from posynth.posterior.support import as_written, check_draws, overflowed
from posynth.table.codec import as_released
from posynth.table.schema import Column

if TYPE_CHECKING:
    import xarray as xr

#: Designs of models that take shared values for intervals, and know what those know.
INTERVALS = ("interval", "tilted")
#: Parts of a learned scale whose masses a model with a learned residual curve leaves alone.
PARTS = 12


class RowSampler:
    """Draws of one conditional, for any number of rows and any posterior draw.

    Parameters
    ----------
    family : Family
        The conditional's family.
    target : str
        Its name.
    coding : Coding
        How it codes rows.
    prior : str
        Name of its prior.
    parameters : mapping of str to ndarray, shape (s, ...)
        Posterior draws, chains laid end to end.
    """

    def __init__(
        self,
        family: Family,
        target: str,
        coding: Coding,
        prior: str,
        parameters: dict[str, NDArray[np.float64]],
    ) -> None:
        self._drawer = family.drawer
        if family.drawer is None:
            self._task = _stub(family, target, coding, prior)
            held = self._task.held()
            self._model = condition(self._task, held)
            # A user's own model may hold its predictors under any name.
            own = not family.shared and not isinstance(held, Contents)
            self._rewritten = own and not follows(held, self._task.design)
        self._parameters = parameters
        self._as_drawn = bool(coding.levels or coding.rule)
        self._numbers = np.array(coding.numbers)
        self._center, self._scale = natural_scale(family, coding)
        self._target, self._facts = target, family.facts
        lower, upper = (coding.options.get(name) for name in ("lower", "upper"))
        self._bounds = (
            -np.inf if lower is None else self._center + self._scale * float(lower),
            np.inf if upper is None else self._center + self._scale * float(upper),
        )
        self._learned, self._warp = coding.learned, coding.warp
        self._ends = _model_ends(self._facts, coding)
        self._anew: tuple[str, ...] = ()
        if coding.groups.new:
            dims, _ = self._model.labels(self._model.names)
            self._anew = tuple(name for name in self._model.names if "group" in dims[name])

    def draw(
        self, X: Floats, index: int, rng: np.random.Generator, *, checked: bool = True
    ) -> Floats:
        """Draw one response a row.

        Parameters
        ----------
        X : ndarray, shape (k, p)
            Coded predictor rows.
        index : int
            Which posterior draw.
        rng : numpy.random.Generator
            Source of randomness.
        checked : bool
            Whether draws that overflow are refused; if not they are infinite.

        Returns
        -------
        ndarray, shape (k,)
            Values on the natural scale, or level indices. A learned scale is drawn anew each time:
            it is part of what is not known.

        Raises
        ------
        FitError
            If a draw is not finite or overflows.
        """
        drawn = np.asarray(self._rows(X, index, rng), dtype=np.float64)
        if self._as_drawn:
            return self._numbers[drawn.astype(np.int64)] if len(self._numbers) else drawn
        if self._learned is not None:
            scores, scale = self._warp.back(drawn), self._learned.draw(rng, self._ends)
            return scale.values(scores, intervals=self._facts.design in INTERVALS)
        natural = self._center + self._scale * drawn
        if checked:
            check_draws(self._target, self._facts, natural)
            return natural
        return np.where(overflowed(self._facts, natural), np.inf, natural)

    def written(self, column: Column, drawn: Floats) -> Floats:
        """Return draws, (k,), as the column is written, see ``support.as_written``."""
        if self._learned is not None or self._as_drawn:
            return as_released(column, drawn)
        return as_written(column, self._facts, self._bounds, drawn)

    def _rows(self, X: Floats, index: int, rng: np.random.Generator) -> NDArray[Any]:
        if self._drawer is not None:
            theta = {name: values[index] for name, values in self._parameters.items()}
            return self._drawer(theta, X, rng)
        names = self._model.names
        theta = {name: np.asarray(self._parameters[name][index]) for name in names}
        groups = int(X[:, 0].max(initial=0)) + 1 if self._anew else 0
        for name in self._anew:
            count, *rest = theta[name].shape  # a copy may have more ids than the source
            theta[name] = rng.standard_normal((max(count, groups), *rest))
        return self._on(X).draw([theta[name] for name in names], rng)

    def _on(self, X: Floats) -> Conditioned:
        """Return the model on predictor rows."""
        if not self._rewritten:
            return self._model.with_rows(X)
        task = self._task
        response = blank(task.family, task.response, len(X))
        design = replace(task.design, X=X)
        held = replace(task, design=design, response=response).model()
        return Conditioned(self._model.compiled, held)


def _model_ends(facts: FamilyFacts, coding: Coding) -> Floats | None:
    """Return the shares between which a model draws the masses of a learned scale itself."""
    if facts.design == "structured":
        return np.arange(1, PARTS) / PARTS
    if facts.design != "tilted":
        return None
    cuts = np.atleast_1d(np.asarray(coding.options.get("cuts", ()), dtype=np.float64))
    return np.asarray(ndtr(coding.warp.back(cuts)))


def natural_scale(family: Family, coding: Coding) -> tuple[float, float]:
    """Return origin and unit of a model's response: values are ``origin + unit * y``."""
    standardised = family.facts.response == "standardised" and not coding.levels
    return (coding.center, coding.scale) if standardised else (0.0, 1.0)


def stacked(draws: "xr.Dataset") -> dict[str, NDArray[np.float64]]:
    """Lay the chains of every parameter end to end, (chain * draw, ...)."""
    count = draws.sizes["chain"] * draws.sizes["draw"]
    return {
        str(name): values.to_numpy().reshape(count, *values.shape[2:])
        for name, values in draws.data_vars.items()
    }


def _stub(family: Family, target: str, coding: Coding, prior: str) -> Task:
    """Build a task on two rows that hold no data, to write the model's form."""
    rows = np.zeros((2, len(coding.predictors) + bool(coding.groups.column)))
    if coding.limits is not None and coding.limits.masked:
        rows = np.hstack([np.ones((2, len(coding.levels))), rows])
    if coding.limits is not None and coding.limits.bounded:
        rows = np.hstack([np.array([[-1.0, 1.0]] * 2), rows])
    if coding.encoder is None:
        rows[:, 0] = 1.0
    natural = family.facts.response == "natural" and family.facts.support == "real"
    y = np.zeros(2, dtype=np.int64 if coding.levels or natural else np.float64)
    design, response = coding.designed(rows), coding.response(target, y)
    if not family.shared:
        design, response = placeholder(family, design, response)
    return Task(family, design, response, prior, family.facts.priors[prior])
