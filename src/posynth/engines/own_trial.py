"""A user's own model on rows that are replaced, interpreted for a few evaluations."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posynth.engines.own_form import interpreted
from posynth.engines.own_rows import resized, row_count, row_number

if TYPE_CHECKING:
    import pymc as pm


class Written:
    """One model, whose observed variable has as many rows as are put under it; interpreted.

    Parameters
    ----------
    model : pymc.Model
        The model; its data are changed.
    """

    def __init__(self, model: "pm.Model") -> None:
        self.model, self.count = model, row_number(model)
        (self.observed,) = model.observed_RVs
        self.resized = resized(self.observed, self.count)
        self.inputs = [rv.type(name=rv.name) for rv in model.free_RVs]

    def put(self, X: NDArray[Any]) -> None:
        """Put predictor rows under the model."""
        self.count.set_value(np.int64(len(X)))
        if "X" not in self.model.named_vars:
            return
        self.model["X"].set_value(X)
        for dim in (self.model.named_vars_to_dims.get("X") or ())[:1]:
            if dim is not None and self.model.coords.get(dim) is not None:
                self.model.set_dim(dim, len(X), coord_values=range(len(X)))

    def take(self, held: "pm.Model") -> None:
        """Take over the data of another model of the same form."""
        self.count.set_value(np.int64(row_count(held)))
        for data in held.data_vars:
            self.model[data.name].set_value(data.get_value())
        for dim, labels in held.coords.items():
            if labels is not None:
                self.model.set_dim(dim, len(labels), coord_values=labels)

    @property
    def _given(self) -> Any:
        """The observed variable, given parameters that are inputs."""
        from pytensor.graph.replace import clone_replace

        return clone_replace(self.resized, dict(zip(self.model.free_RVs, self.inputs, strict=True)))

    @cached_property
    def _density(self) -> Any:
        import pymc as pm

        value = self.resized.type(name="value")
        return interpreted([*self.inputs, value], pm.logp(self._given, value))

    def log_density(self, parameters: list[NDArray[Any]], y: NDArray[Any]) -> NDArray[Any]:
        """Return log p(y_i) of each row, given one value of each parameter.

        Parameters of the distribution that are impossible (a mean below 0) give density 0.
        """
        from pymc.logprob.utils import ParameterValueError

        try:
            return np.asarray(self._density(*parameters, y.astype(self.resized.dtype)))
        except ParameterValueError:
            return np.full(len(y), -np.inf)

    def draw(self, parameters: list[NDArray[Any]]) -> NDArray[Any]:
        """Draw one response a row."""
        return np.asarray(interpreted(self.inputs, self._given)(*parameters))

    @cached_property
    def start(self) -> list[NDArray[Any]]:
        """The initial value of each parameter, unconstrained."""
        from pymc.initial_point import make_initial_point_expression

        graphs = make_initial_point_expression(
            free_rvs=self.model.free_RVs,
            rvs_to_transforms=self.model.rvs_to_transforms,
            initval_strategies=self.model.rvs_to_initial_values,
            return_transformed=True,
        )
        return [np.asarray(value, dtype=np.float64) for value in interpreted([], graphs)()]

    def beside_start(self, size: float) -> list[NDArray[Any]]:
        """Return values at a distance from the initial ones, at which no effect is nil."""
        rng = np.random.default_rng(0)
        return [np.asarray(z + size * rng.uniform(0.25, 1.0, z.shape)) for z in self.start]

    def parameters(self, unconstrained: list[NDArray[Any]]) -> list[NDArray[Any]]:
        """Map unconstrained values to those of the parameters."""
        return [np.asarray(value) for value in self._constrain(*unconstrained)]

    @cached_property
    def _constrain(self) -> Any:
        graphs = self.model.replace_rvs_by_values(self.model.free_RVs)
        return interpreted(self.model.value_vars, graphs)
