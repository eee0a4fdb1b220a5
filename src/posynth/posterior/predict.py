"""Draw rows of one conditional from its own PyMC graph, given parameters."""

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats
from posynth.engines.base import Task
from posynth.engines.choose import compiled_for
from posynth.families.base import Design, Family
from posynth.posterior.record import Link


class RowSampler:
    """Draws of one conditional, for any number of rows and any posterior draw.

    Parameters
    ----------
    family : Family
        The conditional's family.
    target : str
        Its name.
    link : Link
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
        link: Link,
        prior: str,
        parameters: dict[str, NDArray[np.float64]],
    ) -> None:
        coding = link.coding
        task = _stub(family, target, link, prior)
        self._model = task.model()
        self._compiled = compiled_for(task, self._model)
        self._parameters = parameters
        self._categorical = bool(coding.levels)
        self._center, self._scale = _back(family, coding.center, coding.scale)

    def use(self) -> "RowSampler":
        """Take the compiled model over from the column that used it last."""
        self._compiled.move(self._model)
        return self

    def draw(self, X: Floats, index: int, rng: np.random.Generator) -> Floats:
        """Draw one response a row; call ``use`` first.

        Parameters
        ----------
        X : ndarray, shape (k, p)
            Coded predictor rows.
        index : int
            Which posterior draw.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        ndarray, shape (k,)
            Values on the natural scale, or level indices.
        """
        self._compiled.set_rows(X)
        theta = [np.asarray(self._parameters[name][index]) for name in self._compiled.names]
        drawn = np.asarray(self._compiled.draw(theta, rng), dtype=np.float64)
        return drawn if self._categorical else self._center + self._scale * drawn


def _back(family: Family, center: float, scale: float) -> tuple[float, float]:
    return (center, scale) if family.facts.response == "standardised" else (0.0, 1.0)


def _stub(family: Family, target: str, link: Link, prior: str) -> Task:
    """Build a task on two rows that hold no data, to write the model's form."""
    coding = link.coding
    rows = np.zeros((2, len(coding.predictors)))
    if coding.encoder is None:
        rows[:, 0] = 1.0
    whole = coding.levels or family.facts.response == "natural"
    y = np.zeros(2, dtype=np.int64 if whole else np.float64)
    response = coding.response(target, y)
    return Task(
        family, Design(rows, coding.predictors), response, prior, family.facts.priors[prior]
    )
