"""Figures as pictures that a page can hold: inlined, with words for those who cannot see them."""

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure import distance
from posynth.evaluation.disclosure.plots import plot_attribution, plot_distances
from posynth.evaluation.utility.plots import heatmap, overlay
from posynth.evaluation.utility.values import judged
from posynth.report.bands import ABOVE
from posynth.report.grid import fixed
from posynth.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from posynth.evaluation.inference import Agreement

PIXELS_AN_INCH = 96
PANEL = (
    3.2,
    2.4,
)  # inches: about the width at which the page shows it, so that text keeps its size


@dataclass(frozen=True)
class Picture:
    """A picture with its caption.

    Attributes
    ----------
    caption, alt : str
        What it shows, to be read below it and in its place.
    uri : str
        The picture itself, as a data URI.
    width, height : int
        Natural size in CSS pixels.
    """

    caption: str
    alt: str
    uri: str
    width: int
    height: int


def picture(figure: "Figure", caption: str, alt: str, format: str = "svg") -> Picture:
    """Inline a figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    caption, alt : str
        Words for it.
    format : str
        ``"svg"``, or ``"png"`` where there are many points.

    Returns
    -------
    Picture

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> picture(Figure(figsize=(2, 1)), "Nothing", "An empty figure").width
    192
    """
    from matplotlib import rc_context

    buffer = io.BytesIO()
    # A fixed salt and no date: the same results give the same page, byte by byte.
    with rc_context({"svg.hashsalt": "posynth", "svg.fonttype": "path"}):
        metadata = {"Date": None, "Creator": None} if format == "svg" else {"Software": None}
        figure.savefig(buffer, format=format, dpi=144, metadata=metadata)
    kind = {"svg": "image/svg+xml", "png": "image/png"}[format]
    width, height = (round(PIXELS_AN_INCH * float(inches)) for inches in figure.get_size_inches())
    uri = f"data:{kind};base64,{b64encode(buffer.getvalue()).decode('ascii')}"
    return Picture(caption, alt, uri, width, height)


def misfit(results: Sequence[Result], comparison: Comparison, banded: bool = False) -> Picture:
    """Show the misfit of columns and pairs as a heat map."""
    figure = heatmap(results, comparison)
    figure.axes[0].set_title("")
    count = len(judged(comparison))
    caption = "Misfit of every pair of columns and, on the diagonal, of single columns (S_pMSE)"
    caption += f": upper ends of bands, {ABOVE:g} for more." if banded else "."
    return picture(
        figure,
        caption,
        f"Heat map of S_pMSE for {count} columns; the worst pairs are listed in the table below.",
    )


def distributions(comparison: Comparison, original: bool) -> list[Picture]:
    """Show every modelled column, one picture each."""
    what = f"{len(comparison.copies)} copies"
    shown = f"the original and {what}" if original else what
    pictures = []
    for column in judged(comparison):
        figure = overlay(comparison, column.name, original=original, legend=False)
        figure.set_size_inches(*PANEL)
        alt = f"Distribution of {column.name} ({column.kind.value}) in {shown}."
        pictures.append(picture(figure, "", alt))
    return pictures


def attributed(results: Sequence[Result]) -> Picture:
    """Show what the keys give away of each target."""
    found = [r for r in results if r.measure == "DiSCO"]
    worst = max(found, key=lambda r: r.value)
    return picture(
        plot_attribution(results),
        "Attribution by target: original records whose target the keys give away, in the original "
        "and in the copies.",
        f"Dot plot of {len(found)} targets; the highest DiSCO is {fixed(worst.value, 1)} % for "
        f"{worst.subject.rpartition(' -> ')[2]}. Numbers are in the table below.",
    )


def distances(comparison: Comparison, rng: np.random.Generator) -> Picture:
    """Show how close synthetic rows come to original ones."""
    found = distance.distances(comparison, rng=rng, rows=2000)
    return picture(
        plot_distances(found),
        "Distance of synthetic rows to the closest original record, and that of a fresh sample. "
        "The curves of the copies should not rise before the other.",
        f"Distribution functions of distances; medians {_medians(found)}.",
        "png",
    )


def _medians(found: distance.Distances) -> str:
    copies = np.mean([np.median(copy[:, 0]) for copy in found.copies])
    return f"{copies:.3f} for copies and {np.median(found.fresh[:, 0]):.3f} for a fresh sample"


def intervals(agreement: "Agreement") -> Picture:
    """Show the intervals of original and copies."""
    from posynth.evaluation.inference import plot_agreement

    axes = plot_agreement(agreement)
    axes.spines[["top", "right"]].set_visible(False)
    figure = axes.get_figure()
    assert figure is not None
    return picture(
        figure,  # type: ignore[arg-type]
        "Intervals of the original fit and of the copies, in standard errors of the original fit.",
        f"Interval plot of {len(agreement.table)} coefficients; numbers are in the table below.",
    )
