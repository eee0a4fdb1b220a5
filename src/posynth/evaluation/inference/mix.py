"""Bayesian analysts: mix the posteriors of every copy into one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.moments import check_sizes
from posynth.results import Result

if TYPE_CHECKING:
    import xarray as xr

type Posterior = Callable[[pd.DataFrame], xr.DataTree]


def mix_posteriors(
    analysis: Posterior, copies: Iterable[pd.DataFrame], provenance: Provenance
) -> xr.DataTree:
    """Run a Bayesian analysis on every copy and mix the draws.

    p̂(Q | D) = (1/m)Σ p(Q | copy l) (Räisä, Jälkö & Honkela 2025, JMLR 26). It converges to the
    analyst's own posterior for many proper copies of k ≫ n rows, if his model and the chain are
    compatible; for finite k it is too wide, see `mixing_inflation`.

    Parameters
    ----------
    analysis : callable
        From a data frame to a DataTree with a ``posterior`` group (dims chain, draw), as PyMC
        and ArviZ return it; equally many draws from every copy, so that copies weigh the same.
    copies : iterable of pandas.DataFrame
        The copies.
    provenance : Provenance
        How the copies were made.

    Returns
    -------
    xarray.DataTree
        Group ``posterior`` with the chains of all copies along ``chain`` and the coordinate
        ``copy`` saying whose they are. Chains of different copies have different targets, so
        diagnose convergence copy by copy. ``attrs["caveat"]`` says how far to trust the width.

    Raises
    ------
    MeasureError
        If copies are plug-in, or a copy fails or gives other variables or another number of draws.
    """
    import xarray as xr

    caveat = mixing_inflation(provenance)
    groups = [_posterior(analysis, copy, number) for number, copy in enumerate(copies, start=1)]
    if len(groups) != provenance.m:
        raise MeasureError(
            f"{len(groups)} copies, but the manifest speaks of m = {provenance.m}; pass every copy"
        )
    _check_alike(groups)
    chains = [group.sizes["chain"] for group in groups]
    mixed = xr.concat(groups, dim="chain", join="exact").assign_coords(
        chain=np.arange(sum(chains)),
        copy=("chain", np.repeat(np.arange(1, len(groups) + 1), chains)),
    )
    tree = xr.DataTree.from_dict({"posterior": mixed})
    tree.attrs["caveat"] = caveat.text
    tree.attrs["variance_inflation"] = caveat.value
    return tree


def _posterior(analysis: Posterior, copy: pd.DataFrame, number: int) -> xr.Dataset:
    # A user's analysis may raise anything; whatever it is, he needs to know on which copy.
    try:
        tree = analysis(copy)
    except Exception as error:
        raise MeasureError(
            f"copy {number}: the analysis failed with {type(error).__name__}: {error}; run it on "
            "that copy alone to see where"
        ) from error
    if "posterior" not in getattr(tree, "children", {}):
        raise MeasureError(
            f"copy {number}: the analysis returned {type(tree).__name__} without a posterior "
            "group; return the DataTree of pm.sample or arviz.from_dict"
        )
    return tree["posterior"].to_dataset()


def _check_alike(groups: Sequence[xr.Dataset]) -> None:
    first = groups[0]
    for number, group in enumerate(groups, start=1):
        odd = sorted(set(map(str, first.data_vars)).symmetric_difference(map(str, group.data_vars)))
        if odd:
            raise MeasureError(
                f"copy {number}: variable {odd[0]!r} is not in the posterior of every copy; give "
                "every copy the same model"
            )
        if dict(group.sizes) != dict(first.sizes):
            raise MeasureError(
                f"copy {number}: its posterior has the dimensions {dict(group.sizes)}, copy 1 "
                f"{dict(first.sizes)}; draw equally often from every copy and declare every level"
            )


def mixing_inflation(provenance: Provenance) -> Result:
    """Say how much wider a mixture of posteriors is than the posterior given the source.

    For proper copies the mixture has variance V from the parameters, V·n/k from drawing the rows
    and V·n/k from the analyst's posterior in each copy: V(1 + 2n/k) in all, with finite m
    V·n/k + (m-1)/m·V(1 + n/k). Checked by simulation in the tests. That is for independent rows:
    copies have the groups of the source, so for effects between groups the factor stays near 3
    for any k.

    Parameters
    ----------
    provenance : Provenance
        How the copies were made.

    Returns
    -------
    Result
        The factor 1 + 2n/k; passed if it is at most 1.1, m is at least 50 and rows are independent.

    Raises
    ------
    MeasureError
        If the copies are plug-in: their mixture lacks the variance of the parameters.

    Examples
    --------
    >>> mixing_inflation(Provenance(n=100, k=100, m=5)).value
    3.0
    """
    check_sizes(provenance)
    if not provenance.proper:
        raise MeasureError(
            "posteriors of plug-in copies cannot be mixed: the uncertainty of the parameters is "
            "in none of them; pool estimates with rule 'simple', or make proper copies"
        )
    factor = 1 + 2 * provenance.n / provenance.k
    passed = factor <= 1.1 and provenance.m >= 50 and not provenance.grouped
    text = (
        f"with k = {provenance.k} and n = {provenance.n} the mixture has about {factor:.3g} times "
        "the variance of the posterior given the source"
    )
    if provenance.grouped:
        columns = ", ".join(map(repr, sorted(set(provenance.grouped.values()))))
        text += f"; for effects between groups of {columns} it stays near 3 for any k"
    elif not passed:
        text += f"; use k of at least {20 * provenance.n} rows and m of at least 50 copies"
    return Result("mixing inflation", factor, passed=passed, text=text)
