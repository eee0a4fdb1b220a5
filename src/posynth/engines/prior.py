"""Draws of a model's parameters from their prior, compiled once a model form."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from posynth.engines.compiled import CompiledModel

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
    function, generators = _compiled[compiled]
    for shared, child in zip(generators, rng.spawn(len(generators)), strict=True):
        shared.set_value(child, borrow=True)
    return [np.asarray(value) for value in function()]


def _function(compiled: CompiledModel) -> tuple[Any, list[Any]]:
    import pytensor
    from pytensor.compile.sharedvalue import SharedVariable
    from pytensor.graph.traversal import ancestors
    from pytensor.tensor.random.type import RandomType

    free = compiled.model.free_RVs
    generators = [
        node
        for node in ancestors(free)
        if isinstance(node, SharedVariable) and isinstance(node.type, RandomType)
    ]
    return pytensor.function([], free, trust_input=True), generators
