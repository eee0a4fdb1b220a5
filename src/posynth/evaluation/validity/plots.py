"""Pictures of a study: coverage with Monte-Carlo bands, and the zip plot of one coefficient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from posynth.arguments import of_type
from posynth.errors import MeasureError, unknown
from posynth.evaluation.labels import as_label
from posynth.evaluation.validity.summary import Intervals, Validity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

CLASH, HOLDS = "#b2182b", "#4d4d4d"


def plot_coverage(
    validity: Validity | pd.DataFrame, estimand: str = "population", ax: Axes | None = None
) -> Axes:
    """Draw the coverage of every coefficient, one row a cell and rule.

    The band is where 95 % of estimated coverages lie if the true one is nominal; a point outside
    it is drawn in red.

    Parameters
    ----------
    validity : Validity or DataFrame
        The study, or the table it wrote.
    estimand : str
        ``"population"`` or ``"original"``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not (hasattr(validity, "columns") and "estimand" in validity.columns):
        of_type("validity", validity, Validity, "pass what `validity` returned, or its table()")
    table = validity.table() if isinstance(validity, Validity) else validity
    level = validity.study.level if isinstance(validity, Validity) else 0.95
    table = table[table["estimand"] == estimand]
    runs = int(table["replications"].min())
    cells = list(table.groupby(["draws", "k", "m", "rule"], sort=False))
    axes = _new_axes(len(cells)) if ax is None else ax
    low, high = (float(stats.binom.ppf(tail, runs, level)) / runs for tail in (0.025, 0.975))
    axes.axvspan(low, high, color="0.9", zorder=0)
    axes.axvline(level, color="0.6", linewidth=0.8, zorder=1)
    for at, (_, cell) in enumerate(cells):
        found = cell["coverage"].to_numpy()
        inside = (found >= low) & (found <= high)
        for chosen, colour in ((inside, HOLDS), (~inside, CLASH)):
            place = np.full(int(chosen.sum()), at, dtype=float)
            axes.plot(found[chosen], place, "|", color=colour, markersize=9)
        axes.plot([found.mean()], [at], "o", color="black", markersize=3)
    axes.set_yticks(range(len(cells)), [as_label(_label(key)) for key, _ in cells])
    axes.invert_yaxis()
    axes.set_xlabel(f"coverage of {level:.0%} intervals, {runs} replications")
    axes.set_title("bars: single coefficients; dots: their means", fontsize="small")
    return axes


def _label(key: Any) -> str:
    draws, k, m, rule = key
    if draws == "none":
        return f"the sample itself, n = {k}"
    return f"{draws}, k = {k}, m = {m}: {rule}"


def plot_zip(
    validity: Validity,
    coefficient: str,
    *,
    draws: str = "proper",
    k: int | None = None,
    m: int | None = None,
    rule: str = "auto",
    ax: Axes | None = None,
) -> Axes:
    """Draw every replication's interval for one coefficient, ordered by how far it lies off.

    Intervals that miss are red; the dashed line is where they should begin. They stand on the
    scale of standard deviations of the estimates, centred on the population value.

    Parameters
    ----------
    validity : Validity
        The study.
    coefficient : str
        Which coefficient.
    draws, k, m, rule
        Cell of the design; the first k and m by default.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MeasureError
        If the coefficient or the cell is not part of the study.
    """
    of_type("validity", validity, Validity, "pass what `validity` returned, then a coefficient")
    study = validity.study
    if coefficient not in validity.names:
        raise MeasureError(unknown("coefficient", coefficient, validity.names))
    k, m = study.k[0] if k is None else k, study.m[0] if m is None else m
    if draws not in study.draws or k not in study.k or m not in study.m:
        raise MeasureError(
            f"the study has no cell draws = {draws!r}, k = {k}, m = {m}; it has draws "
            f"{list(study.draws)}, k {list(study.k)}, m {list(study.m)}"
        )
    found = validity.intervals(draws, k, m, rule, "population")
    if found is None:
        raise MeasureError(f"rule {rule!r} needs more copies than m = {m}")
    axes = _new_axes(12) if ax is None else ax
    return _zip(axes, found, validity.names.index(coefficient), study.level, coefficient)


def _zip(axes: Axes, found: Intervals, j: int, level: float, name: str) -> Axes:
    error = (found.center - found.target)[:, j]
    scale = error.std(ddof=1) if len(error) > 1 else 1.0
    half = np.nan_to_num(found.half[:, j])
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.where(half > 0, np.abs(error) / half, np.inf)
    order = np.argsort(off, kind="stable")
    centile = 100 * (np.arange(len(order)) + 0.5) / len(order)
    colours = np.where(found.covered[order, j], HOLDS, CLASH)
    left, right = (error - half)[order] / scale, (error + half)[order] / scale
    axes.hlines(centile, left, right, colors=colours.tolist(), linewidth=0.6)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.axhline(100 * level, color="black", linewidth=0.8, linestyle="--")
    coverage = float(found.covered[:, j].mean())
    error_of = np.sqrt(coverage * (1 - coverage) / len(order))
    axes.set_title(f"{as_label(name)}: coverage {coverage:.3f} (Monte-Carlo error {error_of:.3f})")
    axes.set_xlabel("estimate - population value, in standard deviations of the estimates")
    axes.set_ylabel("centile of |error| / half width")
    return axes


def _new_axes(rows: int) -> Axes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 1.4 + 0.3 * rows), layout="constrained")
    return figure.add_subplot()
