"""Pictures of pooled inference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from posynth.evaluation.inference.compare import Agreement
from posynth.evaluation.labels import as_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_agreement(agreement: Agreement, ax: Axes | None = None) -> Axes:
    """Draw the intervals of original and copies, in standard errors of the original fit.

    On this z-value scale the distance of the two points *is* the standardised difference.

    Parameters
    ----------
    agreement : Agreement
        From `compare_fits`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from posynth.evaluation.base import Provenance
    >>> from posynth.evaluation.inference.estimates import Estimate
    >>> from posynth.evaluation.inference.compare import compare_fits
    >>> original = Estimate(("slope",), [1.0], [[0.04]])
    >>> agreement = compare_fits([original], original, Provenance(n=100, k=100, m=1))
    >>> plot_agreement(agreement).get_xlabel()
    'z value (estimate / standard error of the original fit)'
    """
    axes = _new_axes(len(agreement.table)) if ax is None else ax
    table, scale = agreement.table, agreement.table["original error"].to_numpy()
    z = float(stats.norm.ppf((1 + agreement.pooled.level) / 2))
    at = np.arange(len(table), dtype=float)
    for label, shift, marker in (("original", -0.14, "o"), ("synthetic", 0.14, "s")):
        axes.errorbar(
            table[label] / scale,
            at + shift,
            xerr=z * table[f"{label} error"] / scale,
            fmt=marker,
            capsize=2,
            markersize=4,
            label=f"{label}, {agreement.pooled.level:.0%} interval",
        )
    axes.axvline(0, linewidth=0.8, color="0.6", zorder=0)
    axes.set_yticks(at, list(map(as_label, table.index)))
    axes.invert_yaxis()
    axes.set_xlabel("z value (estimate / standard error of the original fit)")
    axes.legend(frameon=False, loc="best")
    return axes


def _new_axes(rows: int) -> Axes:
    # Not pyplot: a figure of its own needs no display and stays out of the global registry.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 1.2 + 0.45 * rows), layout="constrained")
    return figure.add_subplot()
