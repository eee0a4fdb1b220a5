"""One tree a conditional, with all that ArviZ asks for.

Nothing of the rows is in a stored posterior: this is computed from a table that is passed, and
lives in memory.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.engines.choose import condition
from posynth.engines.density import Density
from posynth.errors import SpecError
from posynth.posterior.likelihood import encoded, unconstrained
from posynth.posterior.predict import stacked
from posynth.posterior.record import Posterior, labelled, node_name
from posynth.posterior.units import Units
from posynth.posterior.view import View, has_posterior

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

#: Draws from the prior.
PRIOR_DRAWS = 500


def inference_data(
    posterior: Posterior, target: str, df: "pd.DataFrame", *, draws: int | None, seed: int
) -> "xr.DataTree":
    """Return all that ArviZ asks for of one conditional, on rows of a table.

    Parameters
    ----------
    posterior : Posterior
        A fitted chain.
    target : str
        Which conditional.
    df : pandas.DataFrame
        A table with the chain's columns, the source for what is about the fit; rows in which the
        target is missing are left out.
    draws : int, optional
        The posterior is thinned to at most so many draws; all are kept by default, for which the
        log-likelihood takes 8 bytes a draw and row, and the predictive draws as much.
    seed : int
        Seed of the predictive draws.

    Returns
    -------
    xarray.DataTree
        Groups, with dims chain, draw and row (positions of the rows used in ``df``), in the units
        of the column:

        ``posterior``
            Parameters, and Deterministics that are functions of them.
        ``sample_stats``
            ``lp``, the log-density of the unconstrained parameters and these rows; of Hamiltonian
            engines ``energy``, ``diverging``, ``acceptance_rate``, ``n_steps``, ``step_size`` and,
            of NUTS, ``tree_depth``.
        ``log_likelihood``, ``posterior_predictive``, ``observed_data``
            Of each row. Counts are whole numbers, levels codes, whose meaning is the attribute
            ``levels``.
        ``prior``, ``prior_predictive``
            500 draws from the prior, and rows given them.
        ``constant_data``
            The predictors of each row.

        Attributes of the tree say how the conditional was fitted, what the parameters are about
        where that is a distance from a bound (``response``), and which of these groups there
        cannot be, and why (``absent``).

    Raises
    ------
    StoreError, TableError, SpecError
        If the target, a column or a value is unknown, or the column is computed by a rule.

    Notes
    -----
    ``arviz.loo``, ``arviz.compare``, ``arviz.summary``, ``arviz.plot_loo_pit``,
    ``arviz.plot_prior_posterior``, ``arviz.plot_ppc_dist``, ``arviz.plot_ppc_rootogram`` (counts),
    ``arviz.plot_energy`` (Hamiltonian engines) and ``arviz.plot_trace`` take it as it is.
    """
    import xarray as xr

    view = View.of(posterior, target, df, draws)
    groups: dict[str, xr.Dataset] = {"posterior": view.thinned}
    groups |= {"posterior_predictive": view.predicted(seed), "observed_data": view.observed()}
    groups["constant_data"] = _predictors(view, df)
    absent: dict[str, str] = {}
    if has_posterior(posterior, target):
        groups["log_likelihood"] = view.log_likelihood()
        groups["sample_stats"] = _sample_stats(view)
        try:
            prior, predicted = view.prior_predicted(PRIOR_DRAWS, seed)
            groups |= {"prior": prior, "prior_predictive": predicted}
        except SpecError as error:
            absent["prior, prior_predictive"] = str(error)
    else:
        family = posterior.spec[target].family
        reason = f"family {family!r} is an algorithm, not a PyMC model"
        absent["log_likelihood, sample_stats, prior, prior_predictive"] = reason
    tree = xr.DataTree.from_dict(dict(sorted(groups.items())), name=node_name(target))
    tree.attrs = _attrs(posterior, target, absent)
    return tree


def _sample_stats(view: View) -> "xr.Dataset":
    """Return the log-density of each draw, and what the engine told of it."""
    import xarray as xr

    model, sizes = condition(view.coded.task), view.thinned.sizes
    thetas = unconstrained(model, stacked(view.thinned))
    lp = Density(model).values(thetas).reshape(sizes["chain"], sizes["draw"])
    found = xr.Dataset(
        {"lp": (("chain", "draw"), lp)}, coords=view.thinned[["chain", "draw"]].coords
    )
    told = view.posterior.stats.get(view.target)
    if told is None:
        return found
    told = labelled(told).isel(draw=slice(None, None, view.step))
    energy = (told["kinetic"] - found["lp"]).rename("energy")
    return found.merge(told.drop_vars("kinetic")).assign(energy=energy)


def _predictors(view: View, df: "pd.DataFrame") -> "xr.Dataset":
    """Return the predictors of the rows used, in their own units."""
    import xarray as xr

    posterior = view.posterior
    rows = encoded(posterior, df)
    found: dict[str, Any] = {}
    for name in posterior.spec.predictors(view.target):
        if name not in posterior.schema:
            continue
        column, values = posterior.schema[name], rows.arrays[name][view.coded.used]
        levels = tuple(map(str, column.levels)) if column.kind.is_categorical else ()
        units = Units(bool(levels) and not np.isnan(values).any(), levels)
        found[node_name(name)] = ("row", units.values(values), units.attrs)
    return xr.Dataset(found, coords={"row": view.places})


def _attrs(posterior: Posterior, target: str, absent: dict[str, str]) -> dict[str, Any]:
    """Return how a conditional was fitted, as attributes that NetCDF holds."""
    conditional, diagnosis = posterior.spec[target], posterior.links[target].diagnosis
    terms = [*posterior.spec.predictors(target), *map(":".join, conditional.interactions)]
    facts: dict[str, Any] = {
        "target": target,
        "column": conditional.column,
        "family": conditional.label,
        "formula": f"{target} ~ {conditional.formula or ' + '.join(terms) or '1'}",
        "prior": conditional.prior,
        "engine": diagnosis.engine,
        "why": diagnosis.why,
        "k_hat": diagnosis.k_hat,
        "r_hat": diagnosis.r_hat,
        "r_hat_limit": diagnosis.r_hat_limit,
        "ess": diagnosis.ess,
        "divergences": diagnosis.divergences,
        "passed": int(diagnosis.passed),
        "proper": int(diagnosis.proper),
        "inference_library": "posynth",
        "inference_library_version": posterior.version,
    }
    limits = posterior.links[target].coding.limits
    if limits is not None and limits.modelled:
        facts["response"] = limits.modelled
    if absent:
        facts["absent"] = "; ".join(f"{groups}: {why}" for groups, why in absent.items())
    return {k: v for k, v in facts.items() if not (isinstance(v, float) and math.isnan(v))}
