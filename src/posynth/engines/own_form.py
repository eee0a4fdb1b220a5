"""The form of a user's own model: what no engine can fit and no copy can be drawn from."""

from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.engines.function import COMPILING
from posynth.engines.own_rows import reads_rows, row_count
from posynth.errors import SpecError
from posynth.families.base import Response

if TYPE_CHECKING:
    import pymc as pm

X_LINE = 'X = pm.Data("X", design.X, dims=("row", "predictor"))'
Y_LINE = 'pm.Normal("y", mu, sigma, observed=response.y)'
#: Dims of draws and of rows, in which nothing else can be named.
RESERVED = ("chain", "draw", "row")


def check_form(model: object) -> "pm.Model":
    """Return the model if it has the form of a conditional.

    Parameters
    ----------
    model : object
        What a user's function returned.

    Raises
    ------
    SpecError
        With the line to change.
    """
    import pymc as pm

    if not isinstance(model, pm.Model):
        raise SpecError(
            f"its function returned {type(model).__name__}, not a pm.Model; end it with "
            "`return model`"
        )
    _one_observed(model)
    _minibatches(model)
    _parameters(model)
    _names(model)
    _one_value_a_row(model)
    _potentials(model)
    return model


def _one_observed(model: "pm.Model") -> None:
    names = [variable.name for variable in model.observed_RVs]
    if not names:
        raise SpecError(f"it has no observed variable; give the response its data: `{Y_LINE}`")
    if len(names) > 1:
        raise SpecError(
            f"it has {len(names)} observed variables, {', '.join(map(repr, names))}; a conditional "
            f"draws one column: keep the one with `observed=response.y`, and write what the others "
            "say of the parameters as priors or pm.Potential"
        )


def _minibatches(model: "pm.Model") -> None:
    from pymc.data import MinibatchIndexRV
    from pymc.variational.minibatch_rv import MinibatchRandomVariable
    from pytensor.graph.traversal import ancestors

    (observed,) = model.observed_RVs
    nodes = ancestors([observed, model.rvs_to_values[observed]])
    ops = [node.owner.op for node in nodes if node.owner]
    if any(isinstance(op, MinibatchRandomVariable | MinibatchIndexRV) for op in ops):
        raise SpecError(
            "it uses pm.Minibatch or total_size, which stand for variational fits; the engines "
            f"read all rows: `{X_LINE}` and `{Y_LINE}`"
        )


def _parameters(model: "pm.Model") -> None:
    if not model.free_RVs:
        raise SpecError(
            "it has no parameters, so that nothing would be estimated; give it some with priors, "
            'as `mu = pm.Normal("mu", 0, 10)`'
        )
    discrete = [rv.name for rv in model.free_RVs if np.dtype(rv.dtype).kind != "f"]
    if discrete:
        raise SpecError(
            f"its parameter {discrete[0]!r} is discrete, and engines follow gradients; sum it out, "
            'as `pm.Mixture("y", w, components, observed=response.y)` does'
        )


def _names(model: "pm.Model") -> None:
    stored = [rv.name for rv in (*model.free_RVs, *model.deterministics)]
    dims = {dim for each in model.named_vars_to_dims.values() for dim in each if dim}
    for name in (*stored, *dims):
        if "/" in name:
            raise SpecError(
                f"it names {name!r} with a slash, which would open a group of its own in the "
                f"stored posterior; write {name.replace('/', '_')!r}"
            )
    for name in stored:
        if name in RESERVED or name in dims:
            of = "a dim of the draws" if name in RESERVED else "also the name of a dim"
            raise SpecError(f"it calls a variable {name!r}, which is {of}; call it {name + '_'!r}")


def _one_value_a_row(model: "pm.Model") -> None:
    (observed,) = model.observed_RVs
    supported = getattr(observed.owner.op, "ndim_supp", 0)
    if observed.ndim == 1 and not supported:
        return
    if supported and observed.ndim == 1:
        form = type(observed.owner.op).__name__
        raise SpecError(
            f"{observed.name!r} is one draw of all rows at once ({form}), so that rows depend on "
            f"each other given the parameters; a conditional draws row by row: `{Y_LINE}`"
        )
    raise SpecError(
        f"{observed.name!r} has {observed.ndim} dims; a conditional gives one value a row: "
        "`observed=response.y`, and `mu[:, 0]` for a mean of one column"
    )


def check_observed(model: "pm.Model", response: Response) -> None:
    """Refuse observed values that are not the column's: draws would be of something else."""
    (observed,) = model.observed_RVs
    values = np.asarray(interpreted([], model.rvs_to_values[observed])())
    y = np.asarray(response.y)
    if np.shape(values) != y.shape:
        raise SpecError(
            f"{observed.name!r} observes {len(values)} values of {len(y)}; observe them all: "
            "`observed=response.y`"
        )
    other = ~np.isclose(values.astype(np.float64), y.astype(np.float64), rtol=1e-6, atol=1e-12)
    if not other.any():
        return
    first = f"{values[other][0]:g} where response.y is {y[other][0]:g}"
    if values.dtype.kind in "iub" and y.dtype.kind == "f":
        raise SpecError(
            f"{observed.name!r} observes {first}: it is a distribution of whole numbers, and the "
            "column holds others; use a continuous one"
        )
    raise SpecError(
        f"{observed.name!r} observes {first}, so that draws would not be values of the column; "
        "write `observed=response.y`, and ask for it standardised by "
        '`@posynth.conditional(response="standardised")`, or use a distribution of the column '
        "itself, as pm.LogNormal"
    )


def _potentials(model: "pm.Model") -> None:
    for potential in model.potentials:
        if reads_rows([potential], model, row_count(model)):
            raise SpecError(
                f"its potential {potential.name!r} reads the rows: that part of the likelihood "
                "could not be drawn from; write it as the distribution of the observed variable, "
                "as pm.CustomDist"
            )


def interpreted(inputs: list[Any], outputs: Any) -> Any:
    """Return a function of a graph that is interpreted: compiling it would take longer."""
    import pytensor
    from pytensor.compile.mode import Mode

    mode = Mode(linker="py", optimizer="fast_compile")
    with COMPILING:
        return pytensor.function(inputs, outputs, mode=mode, on_unused_input="ignore")
