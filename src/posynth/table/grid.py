"""The grid that all values of a number or date stand on: even numbers, quarter hours, month starts.

With k the values in units of the last decimal (of dates: of the time format), the step is the
greatest common divisor of their differences. It counts where D different values would all stand on
it with a probability, :math:`step^{1 - D}`, below ``BY_CHANCE``, and numbers have at least
``LEAST_DIFFERENT`` different values. Dates that are no such multiples may be the first or the last
days of months, one in ``DAYS_OF_A_MONTH`` by chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.table.arrays import Floats

type Ints = NDArray[np.int64]

BY_CHANCE, LEAST_DIFFERENT, DAYS_OF_A_MONTH = 1e-6, 20, 30
LARGEST = 2.0**53
#: Distance in steps to which two neighbours are equally near.
EVEN = 1e-6
_MINUTES = ((1440, "day"), (60, "hour"), (1, "minute"))


@dataclass(frozen=True)
class Grid:
    """Points ``(start + step * k) / per`` for whole k, or days in each ``step``-th month.

    Attributes
    ----------
    step, start : int
        In units of the last decimal; of months since 1970 where ``months`` is set.
    per : int
        Units in 1, or in a day.
    months : str
        ``"starts"`` or ``"ends"`` where the points are first or last days of months.
    """

    step: int
    start: int = 0
    per: int = 1
    months: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Grid":
        """Build a grid from plain data."""
        return cls(**data)

    def around(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the points at or below values (n,) and those above them.

        Examples
        --------
        >>> Grid(25, per=100).around(np.array([0.3, -0.1]))
        (array([ 0.25, -0.25]), array([0.5, 0. ]))
        """
        if self.months:
            return self._months_around(values)
        place = (values * self.per - self.start) / self.step
        k = np.floor(place + EVEN)
        below, above = (np.asarray((self.start + self.step * j) / self.per) for j in (k, k + 1))
        return below + 0.0, above + 0.0

    def _months_around(self, values: Floats) -> tuple[Floats, Floats]:
        shift = 1.0 if self.months == "ends" else 0.0
        days = np.where(np.isnan(values), 0.0, values) + shift
        month = _month_of(np.floor(days).astype(np.int64))
        first = self.start + self.step * np.floor_divide(month - self.start, self.step)
        below, above = (_first_day(each) - shift for each in (first, first + self.step))
        return below, above

    def nearest(
        self, values: Floats, low: Floats | float = -np.inf, high: Floats | float = np.inf
    ) -> Floats:
        """Return the nearest points within bounds, shape (n,).

        Of two that are equally near, rows take the lower and the upper one in turn: that takes no
        random numbers, and favours neither. Values between bounds that hold no point are left.

        Examples
        --------
        >>> Grid(2).nearest(np.array([3.0, 3.0, 0.2]), low=1.0)
        array([2., 4., 2.])
        """
        below, above = self.around(values)
        lead = (values - below) - (above - values)
        even = np.abs(lead) < EVEN * (above - below)
        up = np.where(even, np.arange(len(values)) % 2 == 1, lead > 0)
        first, second = np.where(up, above, below), np.where(up, below, above)
        found = np.where(_within(second, low, high), second, values)
        found = np.where(_within(first, low, high), first, found)
        return np.where(np.isnan(values), np.nan, found)


def _within(values: Floats, low: Floats | float, high: Floats | float) -> NDArray[np.bool_]:
    return np.asarray((values >= low) & (values <= high))


def _month_of(days: Ints) -> Ints:
    """Return months since 1970-01 of days since 1970-01-01."""
    return np.asarray(days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64))


def _first_day(months: Ints) -> Floats:
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.asarray(first, dtype=np.float64)


def grid_of_numbers(values: Floats, decimals: int | None) -> Grid | None:
    """Return the grid of the different values of a number, or None.

    Examples
    --------
    >>> grid_of_numbers(np.arange(1.0, 200.0, 2.0), 0)
    Grid(step=2, start=1, per=1, months='')
    >>> grid_of_numbers(np.arange(30.0), 0)
    """
    values = np.unique(values[~np.isnan(values)])
    if decimals is None or len(values) < LEAST_DIFFERENT:
        return None
    return _of_units(values, 10**decimals)


def grid_of_days(days: Floats, per: int) -> Grid | None:
    """Return the grid of different dates, ``per`` units of their time format a day, or None.

    Examples
    --------
    >>> grid_of_days(np.arange(0.5, 40.0), 1440)
    Grid(step=1440, start=720, per=1440, months='')
    """
    days = np.unique(days[~np.isnan(days)])
    if len(days) < 2:
        return None
    return _of_months(days) or _of_units(days, per)


def _of_units(values: Floats, per: int) -> Grid | None:
    if np.abs(values).max() * per >= LARGEST:
        return None
    units = np.rint(values * per).astype(np.int64)
    step = int(np.gcd.reduce(np.diff(units)))
    if step < 2 or not _surprises(len(units), step):
        return None
    return Grid(step, int(units[0]) % step, per)


def _of_months(days: Floats) -> Grid | None:
    whole = days.astype(np.int64)
    if not np.array_equal(whole, days) or not _surprises(len(days), DAYS_OF_A_MONTH):
        return None
    for name, shift in (("starts", 0), ("ends", 1)):
        months = _month_of(whole + shift)
        if np.array_equal(_first_day(months), days + shift):
            step = int(np.gcd.reduce(np.diff(months)))
            step = step if step in (1, 3, 12) else 1
            return Grid(step, int(months[0]) % step, 1, name)
    return None


def _surprises(different: int, step: int) -> bool:
    """Whether so many different values would hardly be multiples of a step by chance."""
    return bool((different - 1) * np.log(step) > -np.log(BY_CHANCE))


def grid_text(grid: Grid | None, *, dates: bool = False) -> str:
    """Say in words what grid values stand on.

    Examples
    --------
    >>> grid_text(Grid(25, per=100)), grid_text(Grid(2, 1)), grid_text(Grid(3, 0, 1, "starts"))
    ('multiples of 0.25', '1 plus multiples of 2', 'first days of every 3 months')
    >>> grid_text(Grid(1440, 720, 1440), dates=True), grid_text(Grid(7, 4), dates=True)
    ('steps of 1 day, at 12:00', 'steps of 7 days')
    """
    if grid is None:
        return ""
    if grid.months:
        day = "first" if grid.months == "starts" else "last"
        return f"{day} days of " + ("months" if grid.step == 1 else f"every {grid.step} months")
    if dates:
        return _steps_of_time(grid)
    step, start = (f"{part / grid.per:.15g}" for part in (grid.step, grid.start))
    return f"multiples of {step}" if not grid.start else f"{start} plus multiples of {step}"


def _steps_of_time(grid: Grid) -> str:
    minutes = grid.step * 1440 / grid.per
    size, unit = next(((s, u) for s, u in _MINUTES if minutes % s == 0), (1 / 60, "second"))
    count = minutes / size
    said = f"steps of {count:.15g} {unit}{'' if count == 1 else 's'}"
    at = grid.start * 1440 / grid.per % 1440
    if unit == "day" and grid.per > 1:
        said += f", at {int(at // 60):02d}:{int(at % 60):02d}"
    return said
