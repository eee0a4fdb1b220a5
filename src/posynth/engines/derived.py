"""Deterministic variables of a model: which are kept with its parameters.

What is computed from parameters alone is a parameter under another name. What is computed from
rows (a fitted mean of every row, a residual, a statistic of the table) speaks of the confidential
source, and is left out.
"""

from typing import TYPE_CHECKING, Any

from posynth.engines.own_rows import reads_rows, row_count

if TYPE_CHECKING:
    import pymc as pm


def kept(model: "pm.Model") -> list[Any]:
    """Return the deterministic variables that are functions of parameters alone."""
    return [
        node for node in model.deterministics if not reads_rows([node], model, row_count(model))
    ]


def left_out(model: "pm.Model") -> list[str]:
    """Return the names of deterministic variables that are computed from rows."""
    names = {node.name for node in kept(model)}
    return [node.name for node in model.deterministics if node.name not in names]


def said_of(model: "pm.Model") -> str:
    """Return a sentence on the deterministic variables that are left out, or ``""``."""
    names = left_out(model)
    if not names:
        return ""
    listed = ", ".join(map(repr, names))
    return f"Deterministic {listed} not kept: computed from rows of the source"
