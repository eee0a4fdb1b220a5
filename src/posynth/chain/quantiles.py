"""Learn the scale of a numeric column from its values: atoms, groups of neighbours, tails."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from posynth.chain.scale import LEAST, Scale
from posynth.chain.tail import Tail, fit_tail
from posynth.table.grid import grid_of_numbers

type Floats = NDArray[np.float64]

#: A value that this share of the cases hold is an atom.
ATOM_SHARE = 0.002
#: Groups of neighbours in a column without atoms, where cases allow.
GROUPS = 150
#: Share of the cases in a tail, and the most cases there are in one.
TAIL_SHARE, TAIL_CASES = 0.02, 50
#: Steps from end to end of a rating, and cases of its values that are atoms.
STEPS_OF_A_RATING, FEWEST = 21, 2
#: An atom of up to this many times the cases beside it is no heap; it joins them.
HEAP = 4
#: Share of cases that must be multiples of a unit to say that values are rounded to it.
ROUNDED = 0.9
#: Round units, in decimals of the column.
STEPS = tuple(digit * 10.0**power for power in range(6, -1, -1) for digit in (5, 1))[:-1]
#: Upper bounds of shares and percentages.
CEILINGS = (1.0, 100.0)


def learn_scale(values: Floats, decimals: int | None = None) -> Scale | None:
    """Learn the quantile function of a column.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Its values; NaN is left out.
    decimals : int, optional
        Decimals to which they are given; None for full precision.

    Returns
    -------
    Scale or None
        None where there are fewer than 20 values, or all are equal.

    Examples
    --------
    >>> import numpy as np
    >>> scale = learn_scale(np.repeat([0.0, 1.0, 2.0], [50, 30, 20]), decimals=0)
    >>> scale.lower, scale.counts, scale.above
    ((0.0, 1.0, 2.0), (50.0, 30.0, 20.0), None)
    """
    present = np.sort(values[~np.isnan(values)])
    if len(present) < 4 * LEAST or present[0] == present[-1]:
        return None
    column = _Column(present, _unit(present, decimals))
    stretches = list(_stretches(_atoms(column)))
    if len(stretches) == 1:
        return _assemble(column, *_ends(column, stretches[0]))
    below: Tail | None = None
    above: Tail | None = None
    if len(stretches[0].values) and stretches[0].low is None:
        below, stretches[0] = _end(column, stretches[0], -1)
    if len(stretches[-1].values) and stretches[-1].high is None:
        above, stretches[-1] = _end(column, stretches[-1], 1)
    return _assemble(column, stretches, below, above)


@dataclass(frozen=True)
class _Column:
    """Sorted values, the unit they are given to (0: none), and what is asked of groups."""

    values: Floats
    unit: float

    @property
    def group(self) -> int:
        return max(LEAST, len(self.values) // GROUPS)

    @property
    def tail(self) -> int:
        n = len(self.values)
        return int(min(max(2 * LEAST, min(TAIL_SHARE * n, TAIL_CASES)), n // 4))


@dataclass(frozen=True)
class _Stretch:
    """Cases between two atoms, whose values and cases are ``low`` and ``high``."""

    low: tuple[float, int] | None
    high: tuple[float, int] | None
    values: Floats


def _unit(values: Floats, decimals: int | None) -> float:
    if decimals is not None:
        grid = grid_of_numbers(values, decimals)
        aligned = grid is not None and grid.start == 0
        return grid.step / grid.per if grid and aligned else float(10.0**-decimals)
    return 1.0 if np.array_equal(values, np.round(values)) else 0.0


def _atoms(column: _Column) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
    """Return distinct values, their cases, and which are atoms.

    No stretch between atoms may hold fewer than LEAST cases, which would describe these persons:
    an atom that is no heap joins them, else they join the nearer atom. Of a column of few steps,
    such as a rating, values of ``FEWEST`` cases are atoms too, as levels are, but for an end that
    is an extreme and no bound.
    """
    values, counts = np.unique(column.values, return_counts=True)
    atom = counts >= max(LEAST, ATOM_SHARE * len(column.values))
    if _is_rating(column, values):
        atom[:-1] |= counts[:-1] >= FEWEST
        atom[0] &= counts[0] >= LEAST or values[0] in (0.0, column.unit)
    while True:
        for first, last in _gaps(atom):
            cases = int(counts[first:last].sum())
            if 0 < cases < LEAST:
                # The least and the greatest value are kept where they are atoms: they are bounds.
                beside = [i for i in (first - 1, last) if 0 < i < len(values) - 1]
                least = min(beside, key=lambda i: counts[i], default=-1)
                if least >= 0 and counts[least] <= HEAP * max(cases, 2):
                    atom[least] = False
                else:
                    values, counts, atom = _absorbed(values, counts, atom, first, last)
                break
        else:
            return values, counts, atom


def _is_rating(column: _Column, values: Floats) -> bool:
    """Whether values stand on few steps, half of which occur."""
    steps = (values[-1] - values[0]) / column.unit + 1 if column.unit else np.inf
    return bool(steps <= min(STEPS_OF_A_RATING, 2 * len(values)))


def _gaps(atom: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the ranges between atoms, empty ones too."""
    places = np.concatenate([[-1], np.flatnonzero(atom), [len(atom)]])
    yield from ((int(a) + 1, int(b)) for a, b in pairwise(places))


def _absorbed(
    values: Floats, counts: NDArray[np.int64], atom: NDArray[np.bool_], first: int, last: int
) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
    counts = counts.copy()
    for i in range(first, last):
        down = values[i] - values[first - 1] if first else np.inf
        up = values[last] - values[i] if last < len(values) else np.inf
        counts[first - 1 if down <= up else last] += counts[i]
    keep = np.r_[0:first, last : len(values)]
    return values[keep], counts[keep], atom[keep]


def _stretches(
    found: tuple[Floats, NDArray[np.int64], NDArray[np.bool_]],
) -> Iterator[_Stretch]:
    values, counts, atom = found
    for first, last in _gaps(atom):
        low = (float(values[first - 1]), int(counts[first - 1])) if first else None
        high = (float(values[last]), int(counts[last])) if last < len(values) else None
        yield _Stretch(low, high, np.repeat(values[first:last], counts[first:last]))


def _ends(column: _Column, stretch: _Stretch) -> tuple[list[_Stretch], Tail, Tail]:
    """Take both tails off a column without atoms."""
    size = column.tail
    values = stretch.values
    edges = (_between(values, size), _between(values, len(values) - size))
    below = _tail(column, edges[0], -1, values[:size])
    above = _tail(column, edges[1], 1, values[-size:])
    middle = replace(
        stretch, low=(edges[0], 0), high=(edges[1], 0), values=values[size : len(values) - size]
    )
    return [middle], below, above


def _end(column: _Column, stretch: _Stretch, sign: int) -> tuple[Tail, _Stretch]:
    """Take the tail off a stretch that has an atom on one side only."""
    values = stretch.values
    if len(values) < column.tail + column.group:
        atom = stretch.low if sign > 0 else stretch.high
        assert atom is not None
        edge = atom[0] + sign * column.unit / 2
        rest = replace(stretch, values=values[:0])
        return _tail(column, edge, sign, values), rest
    cut = len(values) - column.tail if sign > 0 else column.tail
    edge = _between(values, cut)
    if sign > 0:
        rest = replace(stretch, high=(edge, 0), values=values[:cut])
        return _tail(column, edge, sign, values[cut:]), rest
    rest = replace(stretch, low=(edge, 0), values=values[cut:])
    return _tail(column, edge, sign, values[:cut]), rest


def _between(values: Floats, cut: int) -> float:
    """Return a point between the values before and after a place: a mean of six of them."""
    return float(values[max(cut - 3, 0) : cut + 3].mean())


def _tail(column: _Column, edge: float, sign: int, values: Floats) -> Tail:
    spread, shape = fit_tail(sign * (values - edge))
    grain = _grain(values, column.unit)
    limit = max(_limit(column, edge, sign), 0.0)
    return Tail(edge, sign, float(len(values)), spread, shape, limit, grain)


def _limit(column: _Column, edge: float, sign: int) -> float:
    """Return the distance to a bound the column respects by its nature; 0 if there is none."""
    least, most = float(column.values[0]), float(column.values[-1])
    if least < 0:
        return 0.0
    if sign < 0:
        return edge - (column.unit / 2 if least > 0 else 0.0)
    ceiling = next((c for c in CEILINGS if 0.9 * c < most <= c), 0.0)
    return ceiling - edge if ceiling else 0.0


def _grain(values: Floats, unit: float) -> float:
    """Return the largest round unit that most values are multiples of."""
    if not unit:
        return 0.0
    for step in STEPS:
        whole = np.round(values / (step * unit)) * step
        # In units, not in steps: next to a step of 5 000 000 the values 1 to 4 are nearly 0.
        if np.mean(np.abs(values / unit - whole) < 1e-6) >= ROUNDED:
            return step * unit
    return unit


def _assemble(
    column: _Column, stretches: list[_Stretch], below: Tail | None, above: Tail | None
) -> Scale | None:
    """Lay stretches and the atoms between them end to end."""
    cells: list[tuple[float, float, float, float]] = []
    for stretch in stretches:
        cells += _cells(column, stretch)
        if stretch.high is not None and stretch.high[1]:
            cells.append((stretch.high[0], stretch.high[0], float(stretch.high[1]), 0.0))
    if not cells:
        return None
    lower, upper, counts, grains = zip(*cells, strict=True)
    return Scale(lower, upper, counts, grains, below, above)


def _cells(column: _Column, stretch: _Stretch) -> list[tuple[float, float, float, float]]:
    """Split a stretch at the means of groups of neighbours."""
    values = stretch.values
    if not len(values):
        return []
    assert stretch.low is not None and stretch.high is not None
    low, high = stretch.low[0], stretch.high[0]
    grain = _grain(values, column.unit)
    if grain:
        low, high = _slots(stretch, grain)
        if low >= high:
            grain = column.unit
            low, high = _slots(stretch, grain)
    groups = np.array_split(values, max(len(values) // column.group, 1))
    means = [float(np.clip(group.mean(), low, high)) for group in groups]
    sizes = [len(group) / 2 for group in groups]
    knots = [low, *np.maximum.accumulate(means).tolist(), high]
    masses = [a + b for a, b in zip([0.0, *sizes], [*sizes, 0.0], strict=True)]
    return [(a, b, mass, grain) for a, b, mass in zip(knots[:-1], knots[1:], masses, strict=True)]


def _slots(stretch: _Stretch, grain: float) -> tuple[float, float]:
    """Return the ends of the multiples of a unit strictly between two atoms, half a unit out."""
    assert stretch.low is not None and stretch.high is not None
    low, high = stretch.low, stretch.high
    first = (np.floor(low[0] / grain + 1e-6) + 0.5) * grain if low[1] else low[0]
    last = (np.ceil(high[0] / grain - 1e-6) - 0.5) * grain if high[1] else high[0]
    return float(max(first, low[0])), float(min(last, high[0]))
