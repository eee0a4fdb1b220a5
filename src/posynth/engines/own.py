"""Parameters that a family finds by its own algorithm: bootstraps and plug-in estimates."""

import math

import numpy as np

from posynth.engines.base import CHAINS, Fit, Task
from posynth.engines.diagnostics import Convergence
from posynth.errors import FitError

#: Draws of a Markov chain that a copy asks for; independent draws serve a copy each.
DRAWS_A_COPY = 20


def fit_own(task: Task, rng: np.random.Generator) -> Fit:
    """Run the family's own fitter.

    Parameters
    ----------
    task : Task
        Data and scales.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Fit
        As many independent draws as there may be copies, laid out as chains; ESS is their number,
        or NaN where nothing is estimated or every copy has the same parameters.

    Raises
    ------
    FitError
        If a parameter is not finite.
    """
    family = task.family
    assert family.fitter is not None
    each = math.ceil(task.need / DRAWS_A_COPY / CHAINS)
    drawn = family.fitter(task.design, task.response, task.priors, CHAINS * each, rng)
    shaped = {}
    for name, values in drawn.items():
        if not np.isfinite(values).all():
            raise FitError(
                f"column {task.response.name!r}, family {family.facts.name!r}: parameter {name!r} "
                "is not finite; use another family"
            )
        shaped[name] = values.reshape(CHAINS, each, *values.shape[1:])
    dims = {name: _DIMS.get(name, ()) for name in shaped}
    coords = {"predictor": task.design.predictors, "level": task.response.levels}
    way = family.facts.fitted_by
    why = "independent draws" if family.facts.proper else "the same parameters in every copy"
    why = why if shaped else "nothing to estimate"
    proper = family.facts.proper and bool(shaped)
    mixed = Convergence.of_independent(CHAINS * each if proper else math.nan)
    return Fit(shaped, dims, coords, way, mixed, f"{why}, by {way}", independent=True)


_DIMS: dict[str, tuple[str, ...]] = {"beta": ("predictor",)}
