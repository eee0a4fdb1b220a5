r"""On request: log-likelihood and predictive draws of one conditional, as ArviZ takes them.

All three run the conditional's own PyMC graph, and all speak in the units of the column: counts are
whole numbers, levels their codes (what they mean is the attribute ``levels``), and the
log-likelihood is that of the column's own values, so that conditionals of one column can be
compared whatever their coding. What is returned holds the rows given and lives in memory; nothing
of it is ever saved.
"""

from typing import TYPE_CHECKING

import numpy as np

from posynth.arguments import of_type, whole
from posynth.chain.open_rows import part
from posynth.errors import SpecError
from posynth.posterior.bound import Chain, conform
from posynth.posterior.likelihood import observed_values
from posynth.posterior.record import Posterior, node_name
from posynth.posterior.seeds import Purpose, stream
from posynth.posterior.task import encode_table, make_task
from posynth.posterior.units import Units
from posynth.posterior.view import (
    View,
    computed,
    from_prior,
    no_model,
    observed,
    of_prior,
    values_of,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

#: What comes first -> the order of the arguments.
_ORDER = {
    first: f"in the order ({first}, target, df)" for first in ("posterior", "chain")
}  # fmt: skip


def _view(posterior: Posterior, target: str, df: "pd.DataFrame", draws: int) -> View:
    """Return the view of a conditional, once every argument is of its type."""
    step = f"pass what `fit` returned, or the .posterior of copies, {_ORDER['posterior']}"
    fitted = of_type("posterior", posterior, Posterior, step)
    name = of_type("target", target, str, f"name a conditional, {_ORDER['posterior']}")
    return View.of(fitted, name, df, whole("draws", draws))


def log_likelihood(
    posterior: Posterior, target: str, df: "pd.DataFrame", draws: int = 500
) -> "xr.DataTree":
    """Return log p(y_i | x_i, theta) of every row and posterior draw, for LOO and comparisons.

    Parameters
    ----------
    posterior : Posterior
        A fitted chain.
    target : str
        Which conditional.
    df : pandas.DataFrame
        A table with the chain's columns; rows in which the target is missing, or rules decide it,
        are left out.
    draws : int
        The posterior is thinned to at most so many draws.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``log_likelihood`` and ``observed_data``, with dims chain, draw and
        row, the position of each row used in ``df``; ``arviz.loo`` and ``arviz.compare`` take it.

    Raises
    ------
    StoreError, TableError, SpecError
        If the target, a column or a value is unknown, or an argument is of another type.

    Examples
    --------
    >>> import posynth
    >>> df = posynth.load_heart_failure()[["age", "platelets"]]
    >>> tree = log_likelihood(posynth.fit(df, seed=1), "platelets", df, draws=100)
    >>> dict(tree["log_likelihood"].sizes)
    {'chain': 4, 'draw': 25, 'row': 299}
    """
    view = _view(posterior, target, df, draws)
    return view.tree({"log_likelihood": view.log_likelihood()})


def posterior_predictive(
    posterior: Posterior, target: str, df: "pd.DataFrame", draws: int = 500, seed: int = 0
) -> "xr.DataTree":
    """Draw a conditional's rows anew, given the other columns of a table.

    Parameters
    ----------
    posterior, target, df, draws
        As for ``log_likelihood``.
    seed : int
        Seed of the draws.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``posterior_predictive`` and ``observed_data``.

    Examples
    --------
    >>> import posynth
    >>> df = posynth.load_heart_failure()[["age", "platelets"]]
    >>> tree = posterior_predictive(posynth.fit(df, seed=1), "platelets", df, draws=100)
    >>> sorted(tree.children)
    ['observed_data', 'posterior', 'posterior_predictive']
    """
    view = _view(posterior, target, df, draws)
    return view.tree({"posterior_predictive": view.predicted(seed)})


def prior_predictive(
    chain: Chain, target: str, df: "pd.DataFrame", draws: int = 500, seed: int = 0
) -> "xr.DataTree":
    """Draw parameters from a conditional's prior and rows given them, before any fit.

    Parameters
    ----------
    chain : Chain
        What is to be fitted.
    target, df, draws
        As for ``log_likelihood``.
    seed : int
        Seed of the draws.

    Returns
    -------
    xarray.DataTree
        Groups ``prior``, ``prior_predictive`` and ``observed_data``.

    Raises
    ------
    SpecError
        If the prior is improper, so that nothing can be drawn from it.

    Examples
    --------
    >>> import posynth
    >>> df = posynth.load_heart_failure()[["age", "platelets"]]
    >>> tree = prior_predictive(posynth.specify(df), "age", df, draws=50)
    >>> tree["observed_data"]["age"].to_numpy()[:3]
    array([75., 55., 65.])
    """
    import xarray as xr

    draws = whole("draws", draws)
    chain = of_type("chain", chain, Chain, f"pass what `specify` returned, {_ORDER['chain']}")
    target = of_type("target", target, str, f"name a conditional, {_ORDER['chain']}")
    bound, table = chain[target], conform(df, chain.schema, chain.source)
    if bound.conditional.computed:
        raise SpecError(computed(target))
    if bound.family.algorithm:
        raise SpecError(no_model(target, bound.conditional.family))
    rows = encode_table(table, chain.spec)
    task, coding = make_task(rows, chain.spec, bound.conditional, bound.family)
    units = Units.of(chain.schema, bound.conditional, coding)
    prior, drawn = from_prior(task, coding, draws, stream(seed, Purpose.PREDICT, target))
    values, used = observed_values(rows, bound.conditional, coding)
    drawn, places = values_of(coding, part(rows, used), drawn), np.flatnonzero(used)
    groups = {
        "prior": prior,
        "prior_predictive": of_prior(target, drawn, prior, units).assign_coords(row=places),
        "observed_data": observed(target, values, units, places),
    }
    return xr.DataTree.from_dict(groups, name=node_name(target))
