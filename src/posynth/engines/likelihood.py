"""The log-likelihood of a model's rows in the form that runs fastest; what it says is PyMC's.

PyMC writes log p of a level as the log of one entry of a row of probabilities, and checks that
each row sums to one. Where the probabilities are a softmax (or a logistic function) of linear
predictors there is nothing to check, and the same number is ``eta[y] - logsumexp(eta)``; with
levels first, loops run along the rows.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pymc as pm


def log_density(model: "pm.Model") -> Any:
    """Return log p(theta, y) of a model with one observed variable, as a scalar graph.

    Prior and rows are summed apart: PyMC's own sum over all of them at once runs half as fast.
    """
    observed = model.observed_RVs[0]
    rows = _rows(observed, model.rvs_to_values[observed])
    if rows is None:
        (rows,) = model.logp(vars=[observed], sum=False)
    else:
        (rows,) = model.replace_rvs_by_values([rows])
    return model.logp(vars=[*model.free_RVs, *model.potentials]) + rows.sum()


def _rows(observed: Any, y: Any) -> Any:
    """Return log p(y_i | eta_i), any shape that sums to the log-likelihood; None if unknown."""
    import pytensor.tensor as pt
    from pytensor.gradient import disconnected_grad
    from pytensor.scalar.math import Sigmoid
    from pytensor.tensor.elemwise import Elemwise
    from pytensor.tensor.random.basic import BernoulliRV, CategoricalRV
    from pytensor.tensor.special import Softmax

    if not isinstance(observed.owner.op, BernoulliRV | CategoricalRV):
        return None
    (p,) = observed.owner.op.dist_params(observed.owner)
    link = p.owner.op if p.owner else None
    if isinstance(observed.owner.op, BernoulliRV):
        if not (isinstance(link, Elemwise) and isinstance(link.scalar_op, Sigmoid)):
            return None
        (eta,) = p.owner.inputs
        return y * eta - pt.softplus(eta)
    if not (isinstance(link, Softmax) and p.ndim == 2 and link.axis in ((1,), (-1,))):
        return None
    eta = _turned(p.owner.inputs[0])
    chosen = pt.eq(pt.arange(eta.shape[0])[:, None], y[None, :])
    highest = disconnected_grad(eta.max(axis=0))  # it cancels
    total = highest + pt.log(pt.exp(eta - highest).sum(axis=0))
    return pt.switch(chosen, eta, 0.0).sum(axis=0) - total


def _turned(matrix: Any) -> Any:
    """Return the transpose of a matrix, taken at the leaves of sums, functions and products."""
    from pytensor.tensor.elemwise import Elemwise
    from pytensor.tensor.math import Dot

    op = matrix.owner.op if matrix.owner else None
    if isinstance(op, Elemwise) and len(matrix.owner.outputs) == 1:
        return op(*map(_turned, matrix.owner.inputs))
    if isinstance(getattr(op, "core_op", op), Dot):
        left, right = matrix.owner.inputs
        return right.T.dot(left.T)
    return matrix.T
