r"""Exact draws of spreads and correlations of a Gaussian regression with random effects.

1. Their marginal density (``engines.mixed``) is found on a grid of log spreads, log residual sd
   and, for two effects a group, the logit of their agreement, narrowed to where they are probable.
2. Within each cell of the grid the log-density is taken as linear; points are drawn from that and
   accepted with probability proportional to the density over it. Accepted points are independent
   draws; the only approximations are that points less probable than e^-20 are left out, and that
   the bound of the ratio is the largest seen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import Task
from posynth.engines.mixed import Products, draw_given, log_density
from posynth.engines.prior_normal import around_zero, moved_back

type Floats = NDArray[np.float64]

LOG_RHO = (-14.0, 12.0)
LOGIT = (-14.0, 14.0)
SMALLEST = 1e-7  # of the root mean square of y: the smallest residual sd told from rounding
PROBABLE = 20.0  # log units below the largest density within which points are looked at
NARROWINGS = 8
#: Points a side of the grid, by the number of effects: while narrowing, and at last.
POINTS = {1: (25, 121), 2: (11, 19)}

STEEPEST, FLAT = 6.0, 1e-6  # slopes of a cell


def draw_mixed(task: Task, size: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw from the posterior of a Gaussian regression with random effects.

    Parameters
    ----------
    task : Task
        Data and prior; the first column of X is the group.
    size : int
        Draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    dict of str to ndarray, shape (size, ...)
        The parameters of the model.
    """
    task, means = around_zero(task)
    groups = Products.of(task)
    draws = draw_given(groups, task, _draw_spreads(groups, task, size, rng), rng)
    return moved_back(draws, means)


def _draw_spreads(groups: Products, task: Task, size: int, rng: np.random.Generator) -> Floats:
    """Draw points, (size, q + pairs + 1), by the numbered steps above."""
    axes = _probable(groups, task)
    cells = _Cells.of(axes, _on_grid(groups, task, axes))
    points, log_ratios, uniforms = np.empty((0, len(axes))), np.empty(0), np.empty(0)
    kept = np.empty(0, dtype=bool)
    while kept.sum() < size:
        at, proposed = cells.draw(2 * size, rng)
        new = log_density(groups, task, at[:, :-1], at[:, -1:])[:, 0]
        points = np.concatenate([points, at])
        log_ratios = np.concatenate([log_ratios, new - proposed])
        uniforms = np.concatenate([uniforms, rng.random(len(at))])
        kept = np.log(uniforms) < log_ratios - log_ratios.max()
    return points[kept][:size]


@dataclass(frozen=True)
class _Cells:
    """A density that is log-linear within each cell of a grid.

    Attributes
    ----------
    axes : list of ndarray
        Centers of the cells.
    values : ndarray, shape (cells,)
        Log-density at the centers.
    slopes : ndarray, shape (cells, axes)
        Its slopes, a cell wide.
    share : ndarray, shape (cells,)
        Probability of each cell.
    """

    axes: list[Floats]
    values: Floats
    slopes: Floats
    share: Floats

    @classmethod
    def of(cls, axes: list[Floats], values: Floats) -> "_Cells":
        """Take slopes from neighbours; the mass of a cell is f(center) prod sinh(b/2) / (b/2)."""
        each = [np.gradient(values, axis=axis).ravel() for axis in range(len(axes))]
        slopes = np.clip(np.column_stack(each), -STEEPEST, STEEPEST)
        slopes = np.where(np.abs(slopes) < FLAT, FLAT, slopes)
        log_mass = values.ravel() + np.log(2 * np.sinh(slopes / 2) / slopes).sum(axis=1)
        mass = np.exp(log_mass - log_mass.max())
        return cls(axes, values.ravel(), slopes, mass / mass.sum())

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return points (size, axes) and their log-density (size,), up to a constant."""
        cell = rng.choice(len(self.share), size=size, p=self.share)
        slope = self.slopes[cell]
        within = np.log1p(rng.random(slope.shape) * np.expm1(slope)) / slope - 0.5
        index = np.unravel_index(cell, [len(axis) for axis in self.axes])
        center = np.column_stack([axis[i] for axis, i in zip(self.axes, index, strict=True)])
        width = np.array([axis[1] - axis[0] for axis in self.axes])
        return center + width * within, self.values[cell] + np.sum(slope * within, axis=1)


def _on_grid(groups: Products, task: Task, axes: list[Floats]) -> Floats:
    mesh = np.stack(np.meshgrid(*axes[:-1], indexing="ij"), axis=-1).reshape(-1, len(axes) - 1)
    log_sigma = np.broadcast_to(axes[-1], (len(mesh), len(axes[-1])))
    return log_density(groups, task, mesh, log_sigma).reshape([len(a) for a in axes])


def _probable(groups: Products, task: Task) -> list[Floats]:
    """Return a grid around the points that are probable, an axis each."""
    few, many = POINTS[groups.effects]
    root = float(np.sqrt(groups.total[-1, -1] / max(groups.n, 1))) or 1.0
    floor = float(np.log(SMALLEST * root))
    limits = [LOG_RHO] * groups.effects + [LOGIT] * groups.pairs + [(floor, floor + 30.0)]
    axes = [np.linspace(*limit, few) for limit in limits]
    for step in range(NARROWINGS + 1):
        values = _on_grid(groups, task, axes)
        inside = np.nonzero(values > values.max() - PROBABLE)
        count = few if step < NARROWINGS else many
        axes = [
            _around(axis, at, limit, count)
            for axis, at, limit in zip(axes, inside, limits, strict=True)
        ]
    return axes


def _around(
    axis: Floats, inside: NDArray[np.int64], limit: tuple[float, float], count: int
) -> Floats:
    """Return an axis from one step before to one behind the points inside.

    That may be beyond the axis: the best point of a coarse grid need not be next to the mode.
    """
    step = axis[1] - axis[0]
    low, high = axis[inside.min()] - step, axis[inside.max()] + step
    return np.linspace(max(low, limit[0]), min(high, limit[1]), count)
