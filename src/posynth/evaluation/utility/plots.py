"""Pictures of utility: misfit of pairs as a heat map, distributions of original and copies."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison
from posynth.evaluation.labels import as_label
from posynth.evaluation.utility.values import Coded, Floats, Numbers, judged, levels, numbers
from posynth.results import Result
from posynth.table.names import Names
from posynth.table.schema import Column, Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

REAL, SYNTHETIC = "#1b4965", "#e07a3f"
SCALES = {"plug-in": "S_plugin", "proper": "S_proper"}
LIMIT, DARK = 3.0, 8.0  # of a standardised misfit: from where it is too large, and drawn dark
#: Standardised misfit -> its colour; 1 is ideal.
COLOURS = {0: "#dcebe4", 1: "#eef5f1", 2: "#f7f6f0", 3: "#fbe6cf", 5: "#f5a35c", 10: "#b23a1e"}
MANY_COPIES = 8  # from which on copies are drawn as a band, not one by one
COLUMNS_A_ROW = 3
SHOWN_LEVELS = 12
BINS = 30


def heatmap(
    results: Iterable[Result],
    comparison: Comparison,
    measure: str = "S_pMSE",
    limits: tuple[float, float] | None = None,
    scale: str = "auto",
) -> "Figure":
    """Draw the misfit of every pair of columns, that of single columns on the diagonal.

    Parameters
    ----------
    results : iterable of Result
        Records of ``tables.measure`` with ``ways`` 1 and 2; others are passed over.
    comparison : Comparison
        Tells which scale fits the copies.
    measure : str
        Which standardised statistic.
    limits : tuple of float, optional
        Ends of the colour scale, so that two syntheses can be drawn alike; by default from 0
        to the largest value, at least 3. Colours do not depend on them: pale up to the ideal of
        1, neutral up to the limit of 3 (a line beside the colours), and from there on orange.
    scale : {"auto", "proper", "plug-in"}
        Which null is worth 1; it is named beside the colours. ``"auto"`` takes the one that fits
        the copies, ``"plug-in"`` the one R's synthpop prints.

    Returns
    -------
    matplotlib.figure.Figure
        The picture; nothing is shown or written.
    """
    if scale not in ("auto", *SCALES):
        raise MeasureError(unknown("scale", scale, ("auto", *SCALES)))
    kind = "proper" if comparison.provenance.proper else "plug-in"
    kind = kind if scale == "auto" else scale
    names = [column.name for column in judged(comparison)]
    grid = _grid(results, measure, names, SCALES[kind])
    if np.isnan(grid).all():
        raise MeasureError(
            f"no {measure!r} of columns or pairs among the results; run tables.measure first"
        )
    low, high = limits or (0.0, max(LIMIT, float(np.nanmax(grid))))
    figure, axes = _canvas((3.2 + 0.52 * len(names), 2.2 + 0.46 * len(names)))
    image = axes.imshow(grid, cmap=_colours(low, high), vmin=low, vmax=high)
    labels = list(map(as_label, names))
    axes.set_xticks(range(len(names)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), labels)
    _write_cells(axes, grid, DARK)
    bar = figure.colorbar(image, label=f"{measure}, {kind} scale (1 is ideal)", shrink=0.85)
    bar.ax.axhline(LIMIT, color="black", linewidth=0.8)
    axes.set_title(f"Misfit of pairs and, on the diagonal, of columns: {measure}", fontsize=10)
    return figure


def overlay(
    comparison: Comparison, name: str, *, original: bool = True, legend: bool = True
) -> "Figure":
    """Draw one column of the original over that of all copies.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    name : str
        The column.
    original, legend
        As for `overlays`.

    Returns
    -------
    matplotlib.figure.Figure
        A histogram (numbers) or bars (levels), in per cent of rows, one mark a copy.
    """
    return overlays(comparison, [name], original=original, legend=legend)


def overlays(
    comparison: Comparison,
    columns: Names | None = None,
    *,
    original: bool = True,
    legend: bool = True,
) -> "Figure":
    """Draw several columns of the original over those of all copies.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    columns : iterable of str, optional
        Columns wanted; by default every modelled column.
    original : bool
        Whether to draw the original; without it nothing in the picture comes from it but the
        declared levels: not the range, not the choice of levels shown.
    legend : bool
        Whether to say which is which.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a column.
    """
    chosen = judged(comparison, columns)
    across = min(COLUMNS_A_ROW, len(chosen))
    down = -(-len(chosen) // across)
    figure = _figure((4.2 * across, 2.9 * down + 0.4))
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes, column in zip(grid, chosen, strict=False):
        _panel(axes, comparison, column, original)
    for axes in grid[len(chosen) :]:
        axes.set_axis_off()
    if not legend:
        return figure
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    return figure


def _figure(size: tuple[float, float]) -> "Figure":
    """Make a figure that no global state knows of, so that nothing must be closed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _canvas(size: tuple[float, float]) -> tuple["Figure", "Axes"]:
    figure = _figure(size)
    return figure, figure.subplots()


def _grid(results: Iterable[Result], measure: str, names: Sequence[str], scale: str) -> Floats:
    place = {a: (i, i) for i, a in enumerate(names)}
    place |= {f"{a}:{b}": (i, j) for i, a in enumerate(names) for j, b in enumerate(names)}
    grid = np.full((len(names), len(names)), np.nan)
    for result in results:
        if result.measure == measure and result.subject in place:
            i, j = place[result.subject]
            grid[i, j] = grid[j, i] = result.details[scale]
    return grid


def _colours(low: float, high: float) -> "Colormap":
    """Return colours for a scale from low to high: those of ``COLOURS``, whatever the ends."""
    from matplotlib.colors import LinearSegmentedColormap

    at, names = np.array(list(COLOURS), dtype=float), list(COLOURS.values())
    every = LinearSegmentedColormap.from_list("misfit", list(zip(at / at[-1], names, strict=True)))
    steps = np.clip(np.linspace(low, high, 256) / at[-1], 0, 1)
    return LinearSegmentedColormap.from_list("misfit", every(steps), N=256)


def _write_cells(axes: "Axes", grid: Floats, middle: float) -> None:
    for (i, j), value in np.ndenumerate(grid):
        if not np.isnan(value):
            shown = f"{value:.0f}" if value >= 10 else f"{value:.1f}"
            colour = "white" if value > middle else "black"
            axes.text(j, i, shown, ha="center", va="center", fontsize=7, color=colour)


def _panel(axes: "Axes", comparison: Comparison, column: Column, original: bool) -> None:
    if column.kind.is_numeric:
        _histogram(axes, numbers(comparison, column), original)
        if column.kind is Kind.DATE:
            _date_axis(axes)
    else:
        _bars(axes, levels(comparison, column), original)
    axes.set_title(as_label(column.name), fontsize=9)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _histogram(axes: "Axes", column: Numbers, original: bool) -> None:
    edges = _edges((column.original, *column.copies) if original else column.copies)
    axes.set_ylabel("% of rows", fontsize=7)
    if original:
        shares = _binned(column.original, edges)
        axes.stairs(shares, edges, fill=True, color=REAL, alpha=0.35, label="original")
    _copy_stairs(axes, [_binned(copy, edges) for copy in column.copies], edges)
    copies = 100 * float(np.mean([np.isnan(copy).mean() for copy in column.copies]))
    if original and column.has_missing:
        own = 100 * float(np.isnan(column.original).mean())
        axes.set_xlabel(f"missing: {own:.1f} % of original, {copies:.1f} % of copies", fontsize=7)
    elif copies:
        axes.set_xlabel(f"missing: {copies:.1f} % of copies", fontsize=7)


def _date_axis(axes: "Axes") -> None:
    """Write days since 1970-01-01 as dates."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    form = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(form)


def _copy_stairs(axes: "Axes", shares: list[Floats], edges: Floats) -> None:
    """Draw a line a copy; of many copies their median, and the band of 9 in 10 of them."""
    if len(shares) < MANY_COPIES:
        for i, share in enumerate(shares):
            label = "copies" if i == 0 else None
            axes.stairs(share, edges, color=SYNTHETIC, linewidth=1.0, alpha=0.8, label=label)
        return
    low, middle, high = np.quantile(shares, [0.05, 0.5, 0.95], axis=0)
    axes.stairs(high, edges, baseline=low, fill=True, color=SYNTHETIC, alpha=0.35)
    axes.stairs(middle, edges, color=SYNTHETIC, linewidth=1.2, label=f"{len(shares)} copies")


def _binned(values: Floats, edges: Floats) -> Floats:
    inside = np.clip(values[~np.isnan(values)], edges[0], edges[-1])
    return 100 * np.histogram(inside, edges)[0] / len(values)


def _edges(sides: Sequence[Floats]) -> Floats:
    """Give bins over the bulk of all values; of whole numbers for whole numbers.

    A single wild value would squeeze all others into one bin, so the range leaves out 0.2 % at
    either end; what lies beyond is drawn in the first and last bin.
    """
    every = np.concatenate(sides)
    present = np.unique(every[~np.isnan(every)])
    if present.size == 0:
        return np.array([0.0, 1.0])
    low, high = float(present[0]), float(present[-1])
    whole = bool((present == np.round(present)).all())
    if not whole or high - low >= 2 * BINS:
        low, high = (float(q) for q in np.nanquantile(every, [0.002, 0.998]))
    if whole:
        step = np.ceil((high - low + 1) / (2 * BINS))
        return np.arange(np.floor(low) - 0.5, high + step, step)
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def _bars(axes: "Axes", column: Coded, original: bool) -> None:
    counts = [np.bincount(side, minlength=len(column.levels)) for side in column.copies]
    own = np.bincount(column.original, minlength=len(column.levels))
    ranking = own if original else np.sum(counts, axis=0)
    shown = np.sort(np.argsort(-ranking, kind="stable")[:SHOWN_LEVELS])
    if original:
        axes.barh(range(len(shown)), _share(own, shown), color=REAL, alpha=0.35, label="original")
    _copy_marks(axes, [_share(count, shown) for count in counts])
    axes.set_yticks(range(len(shown)), [as_label(column.levels[j][:28]) for j in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel(_hidden(len(column.levels) - len(shown)), fontsize=7)


def _copy_marks(axes: "Axes", shares: list[Floats]) -> None:
    """Draw a mark a copy; of many copies their median, and a bar over 9 in 10 of them."""
    places = range(len(shares[0]))
    if len(shares) < MANY_COPIES:
        for i, share in enumerate(shares):
            label = "copies" if i == 0 else None
            axes.plot(share, places, "|", color=SYNTHETIC, ms=9, mew=1.4, label=label)
        return
    low, middle, high = np.quantile(shares, [0.05, 0.5, 0.95], axis=0)
    axes.hlines(places, low, high, color=SYNTHETIC, alpha=0.5, linewidth=4)
    label = f"{len(shares)} copies"
    axes.plot(middle, places, "|", color=SYNTHETIC, ms=10, mew=1.6, label=label)


def _share(counts: Any, shown: Any) -> Any:
    return 100 * counts[shown] / counts.sum()


def _hidden(number: int) -> str:
    return f"% of rows; {number} rarer levels not drawn" if number else "% of rows"
