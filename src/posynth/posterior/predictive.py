r"""On request: log-likelihood and predictive draws of one conditional, as ArviZ takes them.

All three run the conditional's own PyMC graph. Values are on the column's scale; the
log-likelihood of a standardised response :math:`z = (y - c)/s` is :math:`\log p(z) - \log s`, so
that conditionals of one column can be compared whatever their coding. On a learned scale it is that
of the normal score, without the slope of the scale, and compares only with others on a learned
scale. What is returned holds the rows given and lives in memory; nothing of it is ever saved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import Task
from posynth.engines.compiled import CompiledModel
from posynth.engines.function import COMPILING
from posynth.errors import SpecError
from posynth.posterior.bound import Chain, conform
from posynth.posterior.coding import Coding
from posynth.posterior.likelihood import Coded, code_rows, encoded, family_of, row_log_likelihood
from posynth.posterior.predict import RowSampler, natural_scale, stacked
from posynth.posterior.record import Posterior, node_name
from posynth.posterior.seeds import Purpose, stream
from posynth.posterior.task import encode_table, make_task

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


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
        A table with the chain's columns; rows in which the target is missing are left out.
    draws : int
        The posterior is thinned to at most so many draws.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``log_likelihood`` and ``observed_data``, with dims chain, draw and
        row; ``arviz.loo`` and ``arviz.compare`` take it.

    Raises
    ------
    StoreError, TableError, SpecError
        If the target, a column or a value is unknown.

    Examples
    --------
    >>> import posynth
    >>> df = posynth.load_heart_failure()[["age", "platelets"]]
    >>> tree = log_likelihood(posynth.fit(df, seed=1), "platelets", df, draws=100)
    >>> dict(tree["log_likelihood"].sizes)
    {'chain': 4, 'draw': 25, 'row': 299}
    """
    held = _held(posterior, target, df, draws)
    rows = row_log_likelihood(held.coded, stacked(held.thinned))
    return held.tree("log_likelihood", rows)


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
    held = _held(posterior, target, df, draws)
    prior = posterior.spec[target].prior
    sampler = RowSampler(
        held.coded.family, target, posterior.links[target].coding, prior, stacked(held.thinned)
    )
    rng = stream(seed, Purpose.PREDICT, target)
    rows = [sampler.draw(held.coded.task.design.X, index, rng) for index in range(held.count)]
    return held.tree("posterior_predictive", np.array(rows))


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
    """
    import pymc as pm
    import xarray as xr

    task, coding = _prior_task(chain, target, df)
    model = task.model()
    if CompiledModel(model).flat:
        raise SpecError(
            f"conditional {target!r}: prior {task.prior!r} is improper, so nothing can be drawn "
            "from it; choose another with change(prior=...)"
        )
    rng = stream(seed, Purpose.PREDICT, target)
    seed = int(rng.integers(2**31))
    with COMPILING:
        drawn = pm.sample_prior_predictive(draws, model=model, random_seed=seed)
    (name,) = (observed.name for observed in model.observed_RVs)
    to_values = _to_values(task, coding, rng)
    rows = to_values(drawn["prior_predictive"][name].to_numpy())
    observed = xr.Dataset({node_name(target): ("row", to_values(task.response.y))})
    predicted = xr.Dataset({node_name(target): (("chain", "draw", "row"), rows)})
    groups = {"prior": drawn["prior"].to_dataset(), "prior_predictive": predicted}
    return xr.DataTree.from_dict(groups | {"observed_data": observed}, name=node_name(target))


@dataclass(frozen=True)
class _Held:
    """Thinned draws of one conditional beside rows coded as it was fitted."""

    target: str
    coded: Coded
    thinned: "xr.Dataset"

    @property
    def count(self) -> int:
        return int(self.thinned.sizes["chain"] * self.thinned.sizes["draw"])

    def tree(self, group: str, values: NDArray[Any]) -> "xr.DataTree":
        import xarray as xr

        sizes = self.thinned.sizes
        shaped = values.reshape(sizes["chain"], sizes["draw"], -1)
        coords = {"chain": self.thinned["chain"], "draw": self.thinned["draw"]}
        name = node_name(self.target)  # a slash cannot stand in names of a tree
        made = xr.Dataset({name: (("chain", "draw", "row"), shaped)}, coords=coords)
        groups = {"posterior": self.thinned, group: made}
        groups["observed_data"] = xr.Dataset({name: ("row", self.coded.observed)})
        return xr.DataTree.from_dict(groups, name=name)


def _held(posterior: Posterior, target: str, df: "pd.DataFrame", draws: int) -> _Held:
    if draws < 1:
        raise SpecError(f"draws = {draws}; it must be 1 or more")
    full = posterior[target]["posterior"].to_dataset()
    step = -(-full.sizes["chain"] * full.sizes["draw"] // draws)
    coded = code_rows(posterior, encoded(posterior, df), target)
    return _Held(target, coded, full.isel(draw=slice(None, None, step)))


def has_posterior(posterior: Posterior, target: str) -> bool:
    """Whether draws are those of a model's posterior; an algorithm or a plug-in has none."""
    return not family_of(posterior, target).algorithm


def _prior_task(chain: Chain, target: str, df: "pd.DataFrame") -> tuple[Task, Coding]:
    """Return the task of a conditional that is not fitted yet, and its coding."""
    bound = chain[target]
    rows = encode_table(conform(df, chain.schema, chain.source), chain.spec)
    task, coding = make_task(rows, chain.spec, bound.conditional, bound.family)
    return task, coding


def _to_values(
    task: Task, coding: Coding, rng: np.random.Generator
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what takes a model's responses to values of the column."""
    if coding.learned is not None:
        scale = coding.learned.draw(rng)
        return lambda y: scale.values(coding.warp.back(y.ravel())).reshape(y.shape)
    if coding.numbers:
        numbers = np.array(coding.numbers)
        return lambda y: numbers[y.astype(np.int64)]
    origin, unit = natural_scale(task.family, coding)
    return lambda y: y * unit + origin
