"""Draws of a model's parameters from their prior, compiled once a model form."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from posynth.engines.compiled import CompiledModel, generators_of, reseed
from posynth.engines.function import function

_compiled: "WeakKeyDictionary[CompiledModel, tuple[Any, list[Any]]]" = WeakKeyDictionary()


def draw_prior(compiled: CompiledModel, rng: np.random.Generator) -> list[NDArray[Any]]:
    """Draw one value of every free variable, in the model's order.

    Parameters
    ----------
    compiled : CompiledModel
        A model whose priors are proper, on the data it holds now.
    rng : numpy.random.Generator
        Source of randomness; every random node gets one spawned child.

    Returns
    -------
    list of ndarray
        One value for each of ``compiled.names``.
    """
    if compiled not in _compiled:
        _compiled[compiled] = _function(compiled)
    drawer, generators = _compiled[compiled]
    reseed(generators, rng)
    return [np.asarray(value) for value in drawer()]


def _function(compiled: CompiledModel) -> tuple[Any, list[Any]]:
    free = compiled.model.free_RVs
    return function([], free, trust_input=True), generators_of(free)
