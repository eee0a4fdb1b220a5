"""Pictures of disclosure: attribution by target, distances to the original, membership attack."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from posynth.errors import MeasureError
from posynth.evaluation.disclosure.distance import Distances
from posynth.evaluation.disclosure.keys import Floats
from posynth.evaluation.labels import as_label
from posynth.results import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ORIGINAL = "#555555"
COPY = "#0072b2"


def plot_attribution(results: Sequence[Result]) -> "Figure":
    """Draw Dorig beside DiSCO, one line a target; the copies' dot should lie far to the left.

    Parameters
    ----------
    results : sequence of Result
        What ``attribution.measure`` gave, for one or more targets; other results are skipped.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.
    """
    original = {r.subject: r.value for r in results if r.measure == "Dorig"}
    copies = {r.subject: r for r in results if r.measure == "DiSCO" and r.subject in original}
    if not copies:
        raise MeasureError("no Dorig and DiSCO of the same keys and target among the results")
    order = sorted(copies, key=lambda subject: copies[subject].value)
    figure, axes = _figure(0.4 * len(order) + 1.4)
    for y, subject in enumerate(order):
        disco = copies[subject]
        axes.plot([disco.value, original[subject]], [y, y], color="#cccccc", zorder=1)
        spread = disco.details["per_copy"]
        axes.scatter(spread, [y] * len(spread), s=12, color=COPY, alpha=0.4, zorder=2)
    lines = range(len(order))
    axes.scatter([original[s] for s in order], lines, color=ORIGINAL, label="Dorig (original)")
    axes.scatter([copies[s].value for s in order], lines, color=COPY, label="DiSCO (copies)")
    axes.set_yticks(list(lines), [as_label(subject.split(" -> ")[-1]) for subject in order])
    axes.set_xlim(-2, 102)
    axes.set_xlabel(f"% of original records; keys {as_label(order[0].split(' -> ')[0])}")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def plot_distances(found: Distances) -> "Figure":
    """Draw the distribution of the distance to the closest original record.

    The copies' curves should not rise before the curve of a fresh sample. The picture shows
    row-level distances, so it is for the data holder.

    Parameters
    ----------
    found : Distances
        From ``distance.distances``.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.
    """
    figure, axes = _figure(3.2)
    for i, copy in enumerate(found.copies):
        _cumulative(axes, copy[:, 0], COPY, "copies" if i == 0 else "", 1.0)
    _cumulative(axes, found.fresh[:, 0], ORIGINAL, f"fresh sample ({found.fresh_is})", 2.0)
    axes.set_xlabel("distance to the closest original record (Gower)")
    axes.set_ylabel("share of rows")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.01)
    axes.legend(frameon=False, loc="lower right")
    return figure


def plot_attack(members: Floats, others: Floats) -> "Figure":
    """Draw the ROC curve of a membership score; the diagonal is guessing.

    Parameters
    ----------
    members, others : numpy.ndarray
        Scores of people in the source and of people outside.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.
    """
    thresholds = np.unique(np.concatenate([members, others]))[::-1]
    caught = [0.0, *(float(np.mean(members >= t)) for t in thresholds)]
    wrong = [0.0, *(float(np.mean(others >= t)) for t in thresholds)]
    figure, axes = _figure(4.0, width=4.0)
    axes.plot([0, 1], [0, 1], color="#cccccc", linestyle="--")
    axes.plot(wrong, caught, color=COPY)
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    axes.set_aspect("equal")
    return figure


def _figure(height: float, width: float = 6.4) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    # Built without pyplot: no global state, and nothing to close.
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _cumulative(axes: "Axes", values: Floats, color: str, label: str, width: float) -> None:
    axes.ecdf(values, color=color, linewidth=width, label=label or None)
