"""A PyMC model compiled once, for any data: density, constraining map, row draws."""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from posynth.engines.derived import kept
from posynth.engines.function import COMPILING, Function, function
from posynth.engines.own_rows import ROWS, resized, row_number
from posynth.errors import SpecError

if TYPE_CHECKING:
    import pymc as pm

#: How many functions were compiled in this process; a second column of a family adds none.
compilations: dict[str, int] = {
    "density": 0,
    "checked": 0,
    "draw": 0,
    "constrain": 0,
    "unconstrain": 0,
    "rows": 0,
    "tails": 0,
    "derive": 0,
    "prior": 0,
    "start": 0,
}


class CompiledModel:
    """The functions of one model, each compiled on first use; the data are their arguments.

    The model is a template that is never changed. ``engines.conditioned.Conditioned`` puts data
    under it.

    Parameters
    ----------
    model : pymc.Model
        A model with data ``X``, one observed variable, and mutable dims.
    own : bool
        Whether it is a user's own, which need not have mutable rows or data ``X``.

    Raises
    ------
    SpecError
        If the model has no data ``X``, or not exactly one observed variable.
    """

    def __init__(self, model: "pm.Model", own: bool = False) -> None:
        names = [observed.name for observed in model.observed_RVs]
        if len(names) != 1 or not (own or "X" in model.named_vars):
            raise SpecError(
                "a conditional needs pm.Data('X', ...) and exactly one observed variable; "
                f"found data {sorted(v.name for v in model.data_vars)} and observed {names}"
            )
        self.model = model
        self.observed = model.observed_RVs[0]
        self.values = model.value_vars
        self.names = [rv.name for rv in model.free_RVs]
        self.derived = kept(model)
        self.count = row_number(model) if own else None
        self._functions: dict[str, Function] = {}

    @property
    def flat(self) -> bool:
        """Whether some parameter has a flat, hence improper prior."""
        from pymc.distributions.continuous import FlatRV, HalfFlatRV

        return any(isinstance(rv.owner.op, FlatRV | HalfFlatRV) for rv in self.model.free_RVs)

    @property
    def is_plain(self) -> bool:
        """Whether every parameter is its own unconstrained value."""
        return all(transform is None for transform in self.model.rvs_to_transforms.values())

    @property
    def density(self) -> Function:
        """The function of the unconstrained values that gives log-density and gradient."""
        return self._compiled("density", self._density)

    @property
    def plain_density(self) -> Function:
        """The log-density alone, as PyMC writes it: neither rewritten nor compiled.

        For a few values it costs a twentieth of ``density``, whose compiled form takes most of
        a second to read from the cache.
        """
        return self._compiled("checked", self._plain_density)

    @property
    def constrain(self) -> Function:
        """The function of the unconstrained values that gives parameters and what is derived."""
        return self._compiled("constrain", self._constrain)

    @property
    def unconstrain(self) -> Function:
        """The function of the parameters that gives the unconstrained values."""
        return self._compiled("unconstrain", self._unconstrain)

    @property
    def draw(self) -> Function:
        """The function of the parameters that draws a response for every row of X."""
        return self._compiled("draw", self._draw)

    @property
    def rows(self) -> Function:
        """The function of the unconstrained values that gives log p of every row."""
        return self._compiled("rows", self._rows)

    @property
    def tails(self) -> Function:
        """The function of the unconstrained values and y that gives log P(Y <= y), log P(Y > y)."""
        return self._compiled("tails", self._tails)

    @property
    def derive(self) -> Function:
        """The function of the parameters that gives what is derived of them."""
        return self._compiled("derive", self._derive)

    @property
    def prior(self) -> Function:
        """The function that draws the parameters from their prior."""
        return self._compiled("prior", self._prior)

    @property
    def start(self) -> Function:
        """The function that gives the model's initial point, unconstrained."""
        return self._compiled("start", self._start)

    def shared(self) -> dict[Hashable, Any]:
        """Return the shared variables that hold data, by name, and lengths of dims, by (name,)."""
        from pytensor.compile.sharedvalue import SharedVariable

        lengths = self.model.dim_lengths.items()
        return {
            **({ROWS: self.count} if self.count is not None else {}),
            **{variable.name: variable for variable in self.model.data_vars},
            **{(name,): size for name, size in lengths if isinstance(size, SharedVariable)},
        }

    def _compiled(self, name: str, compile: Callable[[], Function]) -> Function:
        if name not in self._functions:
            with COMPILING:
                if name not in self._functions:  # another thread may have compiled it meanwhile
                    compilations[name] += 1
                    self._functions[name] = compile()
        return self._functions[name]

    def _density(self) -> Function:
        import pytensor

        from posynth.engines.likelihood import log_density
        from posynth.engines.vector_math import vector_mode

        logp = log_density(self.model)
        outputs = [logp, *pytensor.grad(logp, self.values)]
        return function(self.values, outputs, self.shared(), mode=vector_mode(), trust_input=True)

    def _plain_density(self) -> Function:
        from pytensor.compile.mode import Mode

        options = {"mode": Mode(linker="py", optimizer=None), "on_unused_input": "ignore"}
        return function(self.values, self.model.logp(), self.shared(), **options)

    def _constrain(self) -> Function:
        named = self.model.replace_rvs_by_values([*self.model.free_RVs, *self.derived])
        options = {"on_unused_input": "ignore", "trust_input": True}
        return function(self.values, named, self.shared(), **options)

    def _unconstrain(self) -> Function:
        from pytensor.graph.replace import clone_replace

        free = self.model.free_RVs
        inputs = {rv: rv.type(name=rv.name) for rv in free}
        transforms = [self.model.rvs_to_transforms[rv] for rv in free]
        forward = [
            inputs[rv] if transform is None else transform.forward(inputs[rv], *rv.owner.inputs)
            for rv, transform in zip(free, transforms, strict=True)
        ]
        outputs = clone_replace(forward, inputs)
        return function(list(inputs.values()), outputs, self.shared(), on_unused_input="ignore")

    def _draw(self) -> Function:
        from pytensor.graph.replace import clone_replace

        free = self.model.free_RVs
        inputs = [rv.type(name=rv.name) for rv in free]
        observed = self.observed if self.count is None else resized(self.observed, self.count)
        drawn = clone_replace(observed, dict(zip(free, inputs, strict=True)))
        options = {"on_unused_input": "ignore", "trust_input": True}
        return function(inputs, drawn, self.shared(), **options)

    def _rows(self) -> Function:
        (logp,) = self.model.logp(vars=[self.observed], sum=False)
        options = {"on_unused_input": "ignore", "trust_input": True}
        return function(self.values, logp, self.shared(), **options)

    def _tails(self) -> Function:
        import pymc as pm
        from pytensor.graph.replace import clone_replace

        free = self.model.free_RVs
        graphs = self.model.replace_rvs_by_values(free)
        observed = clone_replace(self.observed, dict(zip(free, graphs, strict=True)))
        y = observed.type(name="y")
        graphs = [pm.logcdf(observed, y), pm.logccdf(observed, y)]
        options = {"on_unused_input": "ignore", "trust_input": True}
        return function([*self.values, y], graphs, self.shared(), **options)

    def _derive(self) -> Function:
        from pytensor.graph.replace import clone_replace

        free = self.model.free_RVs
        inputs = [rv.type(name=rv.name) for rv in free]
        graphs = clone_replace(self.derived, dict(zip(free, inputs, strict=True)))
        options = {"on_unused_input": "ignore", "trust_input": True}
        return function(inputs, graphs, self.shared(), **options)

    def _prior(self) -> Function:
        return function([], self.model.free_RVs, self.shared(), trust_input=True)

    def _start(self) -> Function:
        from pymc.initial_point import make_initial_point_expression

        model = self.model
        point = make_initial_point_expression(
            free_rvs=model.free_RVs,
            rvs_to_transforms=model.rvs_to_transforms,
            initval_strategies=model.rvs_to_initial_values,
            return_transformed=True,
        )
        return function([], point, self.shared(), mode="FAST_COMPILE", trust_input=True)
