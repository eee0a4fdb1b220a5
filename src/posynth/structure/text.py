"""How rules that were seen in the data are written."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posynth.chain.rule import named
from posynth.table.schema import Column

type Floats = NDArray[np.float64]

#: Largest number that a rule adds: others may be statistics of the rows.
MOST_ADDED = 20


def value_text(column: Column, value: float) -> str:
    """Return an encoded value as a rule writes it: a number, or a level in quotes.

    Examples
    --------
    >>> from posynth.table.schema import Kind
    >>> value_text(Column("sex", Kind.BINARY, "str", levels=("f", "m")), 1.0)
    "'m'"
    """
    if not column.kind.is_categorical:
        return np.format_float_positional(value, trim="-")
    levels = column.levels
    if all(isinstance(level, int | float) for level in levels):
        return np.format_float_positional(float(levels[int(value)]), trim="-")
    return quoted(str(levels[int(value)]))


def quoted(text: str) -> str:
    r"""Return a level as a rule writes it: in quotes, so that it is read as it is.

    Examples
    --------
    >>> print(quoted("it's"), quoted(r"C:\new"))
    "it's" 'C:\\new'
    """
    mark = '"' if "'" in text else "'"
    kept = {ord(mark): f"\\x{ord(mark):02x}"}
    return mark + _readable(text).translate(kept) + mark


def _readable(text: str) -> str:
    """Escape backslashes and what is not printed, and leave letters of any alphabet."""
    return "".join(
        each
        if each.isprintable() and each != "\\"
        else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def any_of(name: str, texts: Sequence[str]) -> str:
    """Return the condition that a column has one of some values."""
    return " or ".join(f"{named(name)} == {text}" for text in texts)


def is_missing(name: str) -> str:
    """Return the condition that a column is missing."""
    return f"missing({named(name)})"


def as_one(name: str, values: Sequence[str], images: Sequence[str]) -> str:
    """Return a rule that gives each value its image; the last stands for all that remain.

    Examples
    --------
    >>> as_one("plan", ["'a'", "'b'", "'c'"], ["1", "2", "1"])
    "1 if plan == 'a' or plan == 'c' else 2"
    """
    groups: dict[str, list[str]] = {}
    for value, image in zip(values, images, strict=True):
        groups.setdefault(image, []).append(value)
    *first, last = groups
    return "".join(f"{i} if {any_of(name, groups[i])} else " for i in first) + last


def as_line(name: str, numbers: Floats, images: Floats) -> str:
    """Return y = b x + a, y = a - x or y = x ** 2 where it gives each number its image, or ``""``.

    Examples
    --------
    >>> as_line("kids", np.array([0.0, 1.0, 3.0]), np.array([2.0, 3.0, 5.0]))
    'kids + 2'
    >>> as_line("g", np.array([1.0, 2.0, 3.0]), np.array([12.5, 25.0, 37.5]))
    '12.5 * g'
    """
    for sign in (1.0, -1.0):
        rest = images - sign * numbers
        if len(numbers) > 2 and np.abs(rest - rest[0]).max() < 1e-9 and abs(rest[0]) <= MOST_ADDED:
            size = np.format_float_positional(abs(float(rest[0])), trim="-")
            if sign < 0:
                return f"{'-' if rest[0] < 0 else ''}{size} - {named(name)}"
            return named(name) + (f" {'-' if rest[0] < 0 else '+'} {size}" if rest[0] else "")
    if len(numbers) > 2 and np.array_equal(images, numbers**2):
        return f"{named(name)} ** 2"
    return _multiple(name, numbers, images)


def _multiple(name: str, numbers: Floats, images: Floats) -> str:
    """Return y = b x for a factor of at most four digits, or ``""``."""
    there = numbers != 0
    if np.count_nonzero(there) < 3 or np.any(images[~there] != 0):
        return ""
    factor = float(f"{images[there][0] / numbers[there][0]:.4g}")
    if factor == 0 or np.abs(images - factor * numbers).max() > 1e-9 * np.abs(images).max():
        return ""
    return f"{np.format_float_positional(factor, trim='-')} * {named(name)}"


def as_steps(name: str, numbers: Floats, images: Sequence[str]) -> str:
    """Return a rule that gives each stretch of numbers its image.

    Examples
    --------
    >>> as_steps("age", np.array([3.0, 17.0, 18.0]), ["'child'", "'child'", "'adult'"])
    "'child' if age < 18 else 'adult'"
    """
    text = ""
    for place in range(1, len(numbers)):
        if images[place] != images[place - 1]:
            cut = shortest_between(numbers[place - 1], numbers[place])
            text += f"{images[place - 1]} if {named(name)} < {cut} else "
    return text + images[-1]


def shortest_between(low: float, high: float) -> str:
    """Return the number of fewest digits above one and up to another number.

    Examples
    --------
    >>> shortest_between(34.0, 35.0), shortest_between(17.2, 23.9), shortest_between(0.12, 0.14)
    ('35', '20', '0.14')
    """
    for digits in range(1, 17):
        for value in (high, (low + high) / 2):
            near = float(f"{value:.{digits}g}")
            if low < near <= high:
                return np.format_float_positional(near, trim="-")
    return repr(float(high))
