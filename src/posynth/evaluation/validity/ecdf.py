"""ECDF-difference plots of ranks with simultaneous bands (Säilynoja et al. 2022), by ArviZ."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from posynth.arguments import of_type
from posynth.evaluation.labels import as_label
from posynth.evaluation.validity.calibration import Calibration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

type Floats = NDArray[np.float64]

SIMULATIONS = 1000


class Bands(NamedTuple):
    """An ECDF minus the uniform one, and where 95 % of uniform samples stay throughout."""

    points: Floats
    difference: Floats
    lower: Floats
    upper: Floats

    @property
    def inside(self) -> bool:
        """Whether the ECDF stays within its bands."""
        within = (self.difference >= self.lower - 1e-12) & (self.difference <= self.upper + 1e-12)
        return bool(within.all())


def bands(ranks: NDArray[np.int64], draws: int, level: float = 0.95) -> Bands:
    """Return the ECDF difference of ranks 0..draws, and its simultaneous bands.

    Parameters
    ----------
    ranks : ndarray of int, shape (replications,)
        Ranks of one quantity.
    draws : int
        Largest rank.
    level : float
        Probability that uniform ranks stay inside everywhere.

    Examples
    --------
    >>> ranks = np.random.default_rng(1).integers(0, 100, 400)
    >>> bands(ranks, 99).inside, bands(ranks // 2, 99).inside
    (True, False)
    """
    runs = len(ranks)
    points = np.arange(1, draws + 1) / (draws + 1)
    ecdf = np.array([np.mean(ranks < j) for j in range(1, draws + 1)])
    lower, upper = _limits(runs, draws, level)
    return Bands(points, ecdf - points, lower - points, upper - points)


@lru_cache(maxsize=32)
def _limits(runs: int, draws: int, level: float) -> tuple[Floats, Floats]:
    from arviz_stats import ecdf_utils

    points = np.arange(1, draws + 1) / (draws + 1)
    rng = np.random.default_rng(runs)
    gamma = ecdf_utils.simulate_confidence_bands(runs, 1, points, level, SIMULATIONS, rng)
    lower, upper = ecdf_utils.get_pointwise_confidence_band(gamma, runs, points)
    return np.asarray(lower), np.asarray(upper)


def plot_calibration(calibration: Calibration, ax: Axes | None = None) -> Axes:
    """Draw the ECDF difference of every test quantity within simultaneous 95 % bands.

    A curve above zero means ranks too small (posterior too high), an S of both signs a posterior
    too narrow or too wide. Curves that leave the bands are named and drawn in red.

    Parameters
    ----------
    calibration : Calibration
        From `calibrate`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes
    """
    of_type("calibration", calibration, Calibration, "pass one of those that `sbc` returned")
    axes = _new_axes() if ax is None else ax
    for number, (name, ranks) in enumerate(
        zip(calibration.names, calibration.ranks.T, strict=True)
    ):
        found = bands(ranks, calibration.draws)
        if number == 0:
            axes.fill_between(found.points, found.lower, found.upper, color="0.88", zorder=0)
        label = None if found.inside else name
        axes.step(
            found.points,
            found.difference,
            where="post",
            color="#b2182b" if label else "#4d4d4d",
            linewidth=1.2 if label else 0.7,
            label=label,
        )
    axes.axhline(0.0, color="black", linewidth=0.6)
    axes.set_xlabel("rank / (L + 1)")
    axes.set_ylabel("ECDF - uniform")
    runs = len(calibration.ranks)
    axes.set_title(
        f"{as_label(calibration.target)} ({calibration.family}, prior {calibration.prior}), {runs}"
    )
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize="small")
    return axes


def _new_axes() -> Axes:
    from matplotlib.figure import Figure

    return Figure(figsize=(6.5, 4), layout="constrained").add_subplot()
