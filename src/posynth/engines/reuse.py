"""Whether two models of one's own are the same but for their data, so that one compilation serves.

A hand-written conditional is an arbitrary graph: it may hold numbers of its table as constants.
It is compiled once and used again only where the new model's graph equals the old one's, node by
node and constant by constant, with data, dim lengths and generators in corresponding places.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pymc as pm


def same_form(old: "pm.Model", new: "pm.Model") -> bool:
    """Return whether ``new`` can be had from ``old`` by setting its data.

    Parameters
    ----------
    old, new : pymc.Model
        Two models with data ``X`` and one observed variable.
    """
    from pytensor.graph.basic import equal_computations

    if _names(old) != _names(new) or _transforms(old) != _transforms(new):
        return False
    outputs = _outputs(old), _outputs(new)
    inputs = _inputs(old, outputs[0]), _inputs(new, outputs[1])
    if None in inputs:
        return False
    left, right = inputs
    assert left is not None and right is not None
    if [(v.name, v.type) for v in left] != [(v.name, v.type) for v in right]:
        return False
    return bool(equal_computations(outputs[0], outputs[1], in_xs=left, in_ys=right))


def _names(model: "pm.Model") -> list[list[str]]:
    groups = model.free_RVs, model.observed_RVs, model.potentials, model.data_vars
    return [[variable.name for variable in group] for group in groups]


def _transforms(model: "pm.Model") -> list[type]:
    return [type(model.rvs_to_transforms[rv]) for rv in model.free_RVs]


def _outputs(model: "pm.Model") -> list[Any]:
    values = [model.rvs_to_values[rv] for rv in model.observed_RVs]
    return [*model.free_RVs, *model.observed_RVs, *model.potentials, *values]


def _inputs(model: "pm.Model", outputs: list[Any]) -> list[Any] | None:
    """Return shared variables in order of traversal; None if one is neither data nor a dim."""
    from pytensor.compile.sharedvalue import SharedVariable
    from pytensor.graph.traversal import ancestors
    from pytensor.tensor.random.type import RandomType

    known = {id(variable) for variable in (*model.data_vars, *model.dim_lengths.values())}
    found = [node for node in ancestors(outputs) if isinstance(node, SharedVariable)]
    for node in found:
        if id(node) not in known and not isinstance(node.type, RandomType):
            return None
    return found
