"""A PyMC model compiled once, then moved to other data: density, constraining map, row draws."""

from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posynth.engines.function import function
from posynth.errors import SpecError
from posynth.families.base import Contents

if TYPE_CHECKING:
    import pymc as pm

type Floats = NDArray[np.float64]
type Draws = dict[str, NDArray[Any]]

#: How many functions were compiled in this process; a second column of a family adds none.
compilations: dict[str, int] = {
    "density": 0,
    "draw": 0,
    "constrain": 0,
    "unconstrain": 0,
    "rows": 0,
}


class CompiledModel:
    """The functions of one model, each compiled on first use, on whatever data it holds now.

    Parameters
    ----------
    model : pymc.Model
        A model with data ``X``, one observed variable, and mutable dims.

    Raises
    ------
    SpecError
        If the model has no data ``X``, or not exactly one observed variable.
    """

    def __init__(self, model: "pm.Model") -> None:
        names = [observed.name for observed in model.observed_RVs]
        if len(names) != 1 or "X" not in model.named_vars:
            raise SpecError(
                "a conditional needs pm.Data('X', ...) and exactly one observed variable; "
                f"found data {sorted(v.name for v in model.data_vars)} and observed {names}"
            )
        self.model = model
        self.observed = model.observed_RVs[0]
        self.values = model.value_vars
        self.names = [rv.name for rv in model.free_RVs]

    @property
    def flat(self) -> bool:
        """Whether some parameter has a flat, hence improper prior."""
        from pymc.distributions.continuous import FlatRV, HalfFlatRV

        return any(isinstance(rv.owner.op, FlatRV | HalfFlatRV) for rv in self.model.free_RVs)

    def move(self, held: "pm.Model | Contents") -> None:
        """Take over the data and labels of another model of the same form; nothing is compiled.

        Parameters
        ----------
        held : pymc.Model or Contents
            That model, or what it would hold.
        """
        if held is self.model:
            return
        if not isinstance(held, Contents):
            data = {variable.name: (variable.get_value(), ()) for variable in held.data_vars}
            coords = {n: tuple(labels) for n, labels in held.coords.items() if labels is not None}
            held = Contents(data, coords)
        # pm.set_data checks dims by evaluating graphs, 30 ms a column; the values are the same.
        for name, (value, _) in held.data.items():
            variable = self.model[name]
            variable.set_value(np.asarray(value, dtype=variable.type.dtype))
        for name, labels in held.coords.items():
            self.model.set_dim(name, len(labels), coord_values=labels)

    def set_rows(self, X: Floats) -> None:
        """Put other predictor rows under the model, for drawing."""
        self.model["X"].set_value(X)

    @cached_property
    def density(self) -> Any:
        """The function of the unconstrained values that gives log-density and gradient."""
        import pytensor

        from posynth.engines.likelihood import log_density
        from posynth.engines.vector_math import vector_mode

        compilations["density"] += 1
        logp = log_density(self.model)
        gradient = pytensor.grad(logp, self.values)
        mode = vector_mode()
        return function(self.values, [logp, *gradient], mode=mode, trust_input=True)

    @cached_property
    def _is_plain(self) -> bool:
        """Whether every parameter is its own unconstrained value."""
        return all(transform is None for transform in self.model.rvs_to_transforms.values())

    @cached_property
    def _constrain(self) -> Any:
        if self._is_plain:
            return None
        compilations["constrain"] += 1
        free = self.model.replace_rvs_by_values(self.model.free_RVs)
        return function(self.values, free, trust_input=True)

    @cached_property
    def _unconstrain(self) -> Any:
        from pytensor.graph.replace import clone_replace

        compilations["unconstrain"] += 1
        free = self.model.free_RVs
        inputs = {rv: rv.type(name=rv.name) for rv in free}
        transforms = [self.model.rvs_to_transforms[rv] for rv in free]
        forward = [
            inputs[rv] if transform is None else transform.forward(inputs[rv], *rv.owner.inputs)
            for rv, transform in zip(free, transforms, strict=True)
        ]
        outputs = clone_replace(forward, inputs)
        return function(list(inputs.values()), outputs, on_unused_input="ignore")

    @cached_property
    def _draw(self) -> tuple[Any, list[Any]]:
        from pytensor.graph.replace import clone_replace

        compilations["draw"] += 1
        free = self.model.free_RVs
        inputs = [rv.type(name=rv.name) for rv in free]
        drawn = clone_replace(self.observed, dict(zip(free, inputs, strict=True)))
        drawer = function(inputs, drawn, on_unused_input="ignore", trust_input=True)
        return drawer, generators_of([drawn])

    @cached_property
    def _rows(self) -> Any:
        compilations["rows"] += 1
        (logp,) = self.model.logp(vars=[self.observed], sum=False)
        return function(self.values, logp, on_unused_input="ignore", trust_input=True)

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shape of each unconstrained value under the current data."""
        dims = self.model.named_vars_to_dims
        used = {dim for rv in self.model.free_RVs for dim in dims.get(rv.name) or ()}
        lengths = {
            name: int(self.model.dim_lengths[name].eval()) if labels is None else len(labels)
            for name, labels in self.model.coords.items()
            if name in used
        }
        simple = all(
            rv.owner.op.ndim_supp == 0 and (rv.ndim == 0 or None not in dims.get(rv.name, (None,)))
            for rv in self.model.free_RVs
        )
        if simple:
            return [
                tuple(lengths[dim] for dim in dims.get(rv.name, ())) for rv in self.model.free_RVs
            ]
        start = self.model.initial_point()
        return [np.shape(start[value.name]) for value in self.values]

    def split(self, theta: Floats, shapes: list[tuple[int, ...]]) -> list[Floats]:
        """Cut a flat vector (d,) into the model's unconstrained values."""
        parts, start = [], 0
        for shape in shapes:
            end = start + prod(shape)
            parts.append(theta[start:end].reshape(shape))
            start = end
        return parts

    def constrain(self, thetas: Floats, shapes: list[tuple[int, ...]]) -> Draws:
        """Map unconstrained draws (s, d) to named parameters, each (s, *shape)."""
        if self._constrain is None:
            cuts = np.cumsum([prod(shape) for shape in shapes])[:-1]
            parts = np.split(thetas, cuts, axis=1)
            return {
                name: part.reshape(len(thetas), *shape)
                for name, part, shape in zip(self.names, parts, shapes, strict=True)
            }
        rows = [self._constrain(*self.split(theta, shapes)) for theta in thetas]
        return {name: np.array([row[i] for row in rows]) for i, name in enumerate(self.names)}

    def unconstrain(self, theta: list[NDArray[Any]]) -> Floats:
        """Map one value of each free variable, in the model's order, to a flat vector (d,)."""
        values = theta if self._is_plain else self._unconstrain(*theta)
        return np.concatenate([np.ravel(value) for value in values])

    def draw(self, theta: list[NDArray[Any]], rng: np.random.Generator) -> NDArray[Any]:
        """Draw a response for every row of X given parameters, with this generator.

        Parameters
        ----------
        theta : list of ndarray
            One value for each free variable, in the model's order.
        rng : numpy.random.Generator
            Source of randomness; every random node of the graph gets one spawned child, so that
            a second call with the same generator gives other draws.
        """
        function, generators = self._draw
        reseed(generators, rng)
        drawn: NDArray[Any] = function(*theta)
        return drawn

    def row_log_likelihood(self, theta: Floats, shapes: list[tuple[int, ...]]) -> Floats:
        """Return log p(y_i | x_i, theta) for every row, shape (n,)."""
        rows: Floats = self._rows(*self.split(theta, shapes))
        return rows


def generators_of(outputs: list[Any]) -> list[Any]:
    """Return the shared random generators that a graph draws from."""
    from pytensor.compile.sharedvalue import SharedVariable
    from pytensor.graph.traversal import ancestors
    from pytensor.tensor.random.type import RandomType

    return [
        node
        for node in ancestors(outputs)
        if isinstance(node, SharedVariable) and isinstance(node.type, RandomType)
    ]


def reseed(generators: list[Any], rng: np.random.Generator) -> None:
    """Give every generator of a compiled graph one spawned child of ``rng``.

    The compiled function works on a copy and would not advance ``rng`` itself.
    """
    for shared, child in zip(generators, rng.spawn(len(generators)), strict=True):
        shared.set_value(child, borrow=True)
