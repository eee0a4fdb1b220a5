"""How the rows of a user's own model follow those of a design.

A template of posynth has mutable rows by construction. A user's model may observe an array, fix
its number of rows or hold predictors under any name: its observed variable is then resized, and
data that are not ``X`` as it is are written anew by the user's function for other rows.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.families.base import Design

if TYPE_CHECKING:
    import pymc as pm

#: Key of the number of rows among the data of a user's own model; it is no name of any.
ROWS = ("number of rows", 0)


def resized(observed: Any, count: Any) -> Any:
    """Return the observed variable with ``count`` rows in place of those it was written for."""
    from pymc.distributions.shape_utils import change_dist_size

    return change_dist_size(observed, (count,))


def observed_data(model: "pm.Model") -> set[str]:
    """Return the names of data that are the values of the observed variable."""
    from pytensor.graph.traversal import ancestors

    values = [model.rvs_to_values[rv] for rv in model.observed_RVs]
    found = set(ancestors(values))
    return {data.name for data in model.data_vars if data in found}


def row_count(model: "pm.Model") -> int:
    """Return how many rows the observed variable holds now; 0 if it holds no vector."""
    from pytensor.graph.traversal import ancestors

    (observed,) = model.observed_RVs
    held = (_value(node) for node in ancestors([model.rvs_to_values[observed]]))
    return next((len(value) for value in held if np.ndim(value)), 0)


def _value(node: Any) -> Any:
    """Return the number or array that a node of a graph is, if it is one; else 0."""
    from pytensor.compile.sharedvalue import SharedVariable
    from pytensor.graph.basic import Constant
    from pytensor.tensor.random.type import RandomType

    if isinstance(node, SharedVariable) and not isinstance(node.type, RandomType):
        return node.get_value(borrow=True)
    return node.data if isinstance(node, Constant) else 0


def row_data(model: "pm.Model", rows: int) -> dict[str, Any]:
    """Return data of one entry a row, but for the observed values, by name."""
    own = observed_data(model)
    values = {v.name: v.get_value() for v in model.data_vars if v.name not in own}
    return {name: v for name, v in values.items() if v.ndim and v.shape[0] == rows}


def follows(model: "pm.Model", design: Design) -> bool:
    """Whether all that a model holds of its predictor rows is ``X``, as the design has it."""
    held = row_data(model, len(design.X))
    return not held or (set(held) == {"X"} and np.array_equal(held["X"], design.X))


def row_number(model: "pm.Model") -> Any:
    """Return a shared variable for the number of rows that are drawn."""
    import pytensor

    return pytensor.shared(np.int64(row_count(model)), name="rows")


def reads_rows(outputs: list[Any], model: "pm.Model", rows: int) -> list[Any]:
    """Return data and numbers of one entry a row that a graph reads, parameters left out.

    Parameters
    ----------
    outputs : list
        The graph.
    model : pymc.Model
        The model it belongs to.
    rows : int
        Number of rows the model holds.
    """
    from pytensor.graph.traversal import ancestors

    own = observed_data(model)
    read = ancestors(outputs, blockers=model.free_RVs)
    return [n for n in read if (n.name and n.name in own) or rows in np.shape(_value(n))]
