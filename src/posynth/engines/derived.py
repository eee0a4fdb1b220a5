"""Deterministic variables of a model: which are kept with its parameters.

What is computed from parameters alone is a parameter under another name. What is computed from
rows (a fitted mean of every row, a residual, a statistic of the table) speaks of the confidential
source, and is left out.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.engines.base import Fit
from posynth.engines.own_rows import reads_rows, row_count

if TYPE_CHECKING:
    import pymc as pm


def kept(model: "pm.Model") -> list[Any]:
    """Return the deterministic variables that are functions of parameters alone."""
    return [
        node for node in model.deterministics if not reads_rows([node], model, row_count(model))
    ]


def with_derived(found: Fit, model: "pm.Model") -> tuple[Fit, str]:
    """Return a fit that knows which draws are derived, and a sentence on those not kept.

    Parameters
    ----------
    found : Fit
        Draws of parameters and of what is derived from them.
    model : pymc.Model
        Their model.

    Returns
    -------
    tuple of Fit and str
        Without derived draws that are not finite; the sentence is ``""`` if all are kept.
    """
    names = [node.name for node in kept(model)]
    endless = [name for name in names if not np.isfinite(found.draws[name]).all()]
    of_rows = [node.name for node in model.deterministics if node.name not in names]
    draws = {name: values for name, values in found.draws.items() if name not in endless}
    said = [
        f"Deterministic {', '.join(map(repr, left_out))} not kept: {why}"
        for left_out, why in (
            (of_rows, "computed from rows of the source"),
            (endless, "not finite"),
        )
        if left_out
    ]
    derived = tuple(name for name in names if name not in endless)
    return replace(found, draws=draws, derived=derived), "; ".join(said)
