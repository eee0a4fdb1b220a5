"""A compiled model on given data: nothing it computes depends on other columns or threads."""

from collections.abc import Callable, Hashable, Iterable
from copy import copy
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posynth.engines.compiled import CompiledModel
from posynth.engines.own_rows import ROWS, row_count
from posynth.families.base import Contents

if TYPE_CHECKING:
    import pymc as pm

type Floats = NDArray[np.float64]
type Draws = dict[str, NDArray[Any]]

#: Seed of an initial point where a model asks for one drawn from the prior.
START_SEED = 20260101


class Conditioned:
    """A compiled model conditioned on data.

    Parameters
    ----------
    compiled : CompiledModel
        The functions, shared by all columns of a form.
    held : pymc.Model or Contents
        A model of the same form that holds the data, or what it would hold. The values are taken
        over now: a later change of that model has no effect.
    """

    def __init__(self, compiled: CompiledModel, held: "pm.Model | Contents") -> None:
        self.compiled = compiled
        shared = compiled.shared()
        values, self.coords = _contents(held)
        if compiled.count is not None and not isinstance(held, Contents):
            values[ROWS] = np.int64(row_count(held))
        self.data: dict[Hashable, NDArray[Any]] = {
            key: _argument(values.get(key, variable), variable) for key, variable in shared.items()
        }

    @property
    def names(self) -> list[str]:
        """Names of the parameters, in the model's order."""
        return self.compiled.names

    def with_data(self, **values: NDArray[Any]) -> "Conditioned":
        """Return the same model on other rows, ``with_data(X=...)``; this one keeps its own."""
        shared = self.compiled.shared()
        moved = copy(self)
        moved.__dict__.pop("density", None)
        moved.data = self.data | {n: _argument(value, shared[n]) for n, value in values.items()}
        return moved

    def with_rows(self, X: Floats) -> "Conditioned":
        """Return the same model on other predictor rows; this one keeps its own."""
        moved = self.with_data(**({"X": X} if "X" in self.data else {}))
        if self.compiled.count is None:
            return moved
        # A user's own model may give its rows labels, and so a length of their own.
        dims = (self.compiled.model.named_vars_to_dims.get("X") or ())[:1]
        lengths = [key for key in (ROWS, *((dim,) for dim in dims)) if key in moved.data]
        moved.data |= dict.fromkeys(lengths, np.asarray(len(X), dtype=np.int64))
        return moved

    @cached_property
    def density(self) -> Callable[..., Any]:
        """The function of the unconstrained values that gives log-density and gradient."""
        return self.compiled.density.on(self.data)

    def plain_log_density(self, thetas: Floats) -> Floats:
        """Return log p at each row of thetas (s, d), as PyMC writes it, without compilation."""
        evaluate = self.compiled.plain_density.on(self.data)
        return np.array([float(evaluate(*self.split(theta))) for theta in thetas])

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each unconstrained value."""
        model = self.compiled.model
        dims = model.named_vars_to_dims
        lengths = {name: len(labels) for name, labels in self.coords.items()}
        for name, value in self.data.items():
            if isinstance(name, tuple):
                lengths.setdefault(name[0], int(value))
                continue
            for dim, length in zip(dims.get(name) or (), value.shape, strict=False):
                lengths.setdefault(dim, length)
        simple = all(
            rv.owner.op.ndim_supp == 0
            and (rv.ndim == 0 or all(dim in lengths for dim in dims.get(rv.name) or (None,)))
            for rv in model.free_RVs
        )
        if simple:
            return [tuple(lengths[dim] for dim in dims.get(rv.name) or ()) for rv in model.free_RVs]
        return [np.shape(value) for value in self.initial_point()]

    @property
    def size(self) -> int:
        """Number d of unconstrained coordinates."""
        return sum(map(prod, self.shapes))

    def initial_point(self) -> list[NDArray[Any]]:
        """Return the model's initial point, unconstrained, one value a parameter."""
        start = self.compiled.start
        rng = {"rng": np.random.default_rng(START_SEED)} if start.generators else {}
        return [np.asarray(value) for value in start.on(self.data)(**rng)]

    def split(self, theta: Floats) -> list[Floats]:
        """Cut a flat vector (d,) into the model's unconstrained values."""
        parts, start = [], 0
        for shape in self.shapes:
            end = start + prod(shape)
            parts.append(theta[start:end].reshape(shape))
            start = end
        return parts

    def constrain(self, thetas: Floats) -> Draws:
        """Map unconstrained draws (s, d) to parameters and what is derived, each (s, *shape)."""
        derived = [node.name for node in self.compiled.derived]
        if self.compiled.is_plain and not derived:
            cuts = np.cumsum([prod(shape) for shape in self.shapes])[:-1]
            parts = np.split(thetas, cuts, axis=1)
            return {
                name: part.reshape(len(thetas), *shape)
                for name, part, shape in zip(self.names, parts, self.shapes, strict=True)
            }
        constrain = self.compiled.constrain.on(self.data)
        rows = [constrain(*self.split(theta)) for theta in thetas]
        names = [*self.names, *derived]
        return {name: np.array([row[i] for row in rows]) for i, name in enumerate(names)}

    def unconstrain(self, theta: list[NDArray[Any]]) -> Floats:
        """Map one value of each parameter, in the model's order, to a flat vector (d,)."""
        plain = self.compiled.is_plain
        values = theta if plain else self.compiled.unconstrain.on(self.data)(*theta)
        return np.concatenate([np.ravel(value) for value in values])

    def draw(self, theta: list[NDArray[Any]], rng: np.random.Generator) -> NDArray[Any]:
        """Draw a response for every row of X given parameters, with this generator.

        Parameters
        ----------
        theta : list of ndarray
            One value for each parameter, in the model's order.
        rng : numpy.random.Generator
            Source of randomness; every random node of the graph gets one spawned child, so that
            a second call with the same generator gives other draws.
        """
        drawn: NDArray[Any] = self.compiled.draw.on(self.data)(*theta, rng=rng)
        return drawn

    def draw_prior(self, rng: np.random.Generator) -> list[NDArray[Any]]:
        """Draw one value of every parameter, in the model's order; priors must be proper.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness; every random node gets one spawned child.
        """
        return [np.asarray(value) for value in self.compiled.prior.on(self.data)(rng=rng)]

    def row_log_likelihood(self, theta: Floats) -> Floats:
        """Return log p(y_i | x_i, theta) for every row, shape (n,)."""
        rows: Floats = self.compiled.rows.on(self.data)(*self.split(theta))
        return rows

    def row_log_tails(self, theta: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return log P(Y_i <= y_i | x_i, theta) and log P(Y_i > y_i | x_i, theta), (n,) each."""
        below, above = self.compiled.tails.on(self.data)(*self.split(theta), y)
        return below, above

    def derived(self, theta: list[NDArray[Any]]) -> Draws:
        """Return what the model derives of one value of each parameter, by name."""
        names = [node.name for node in self.compiled.derived]
        if not names:
            return {}
        found = self.compiled.derive.on(self.data)(*theta)
        return {name: np.asarray(value) for name, value in zip(names, found, strict=True)}

    def labels(self, names: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return dims and coords of the named parameters, as plain tuples of text."""
        dims = {n: tuple(self.compiled.model.named_vars_to_dims.get(n) or ()) for n in names}
        used = {dim for entry in dims.values() for dim in entry}
        coords = {
            dim: tuple(str(label) for label in labels)
            for dim, labels in self.coords.items()
            if dim in used
        }
        return dims, coords


def _contents(held: "pm.Model | Contents") -> tuple[dict[Hashable, Any], dict[str, Any]]:
    """Return values by key, as ``CompiledModel.shared`` has them, and labels of dims."""
    if isinstance(held, Contents):
        values: dict[Hashable, Any] = {name: value for name, (value, _) in held.data.items()}
        coords = dict(held.coords)
    else:
        from pytensor.compile.sharedvalue import SharedVariable

        values = {variable.name: variable for variable in held.data_vars}
        sizes = held.dim_lengths.items()
        values |= {(name,): size for name, size in sizes if isinstance(size, SharedVariable)}
        coords = {name: labels for name, labels in held.coords.items() if labels is not None}
    return values | {(name,): len(labels) for name, labels in coords.items()}, coords


def _argument(value: Any, variable: Any) -> NDArray[Any]:
    """Return a value as the compiled functions take it: of one layout, or each is compiled anew."""
    from pytensor.compile.sharedvalue import SharedVariable

    if isinstance(value, SharedVariable):
        value = value.get_value()
    return np.require(value, variable.type.dtype, ["C", "W"])
