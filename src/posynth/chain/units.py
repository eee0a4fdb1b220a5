"""Units: the factors and constants that the rule of a computed column may have, and their text."""

import numpy as np
from numpy.typing import NDArray

from posynth.chain.rule import named

type Floats = NDArray[np.float64]

DIGITS = (1, 2, 3, 4)
#: Factors that are units and not statistics of the rows (a total, an sd), which a rule would
#: publish; besides all of one digit. Constants: small whole numbers, powers of ten, zero points.
UNITS = (
    *(12, 24, 52, 60, 365, 365.25, 3.6),  # of time
    *(2.54, 30.48, 1.609, 0.4536, 2.205, 28.35, 1.8, 703, 4.184),
)
#: Divisors: x / 3 and km / 1.609 are units, whose factors have no end.
DIVISORS = (*map(float, range(2, 13)), *UNITS)
ZEROS = (32, 273.15, 100, 1000, 1900, 2000)
SMALL = 20


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _is_unit(value: float) -> bool:
    """Whether a factor is of one digit, a quotient of small numbers, or a known unit."""
    quotient = any(value * n == round(value * n) and abs(value * n) <= 12 for n in range(1, 13))
    return value != 0 and (abs(value) in UNITS or _rounded(value, 1) == value or quotient)


def near_unit(value: float, digits: int) -> float | None:
    """Return the unit that a factor is to so many digits, or None."""
    rounded = _rounded(value, digits)
    if _is_unit(rounded):
        return rounded
    for divisor in DIVISORS:
        above = round(value * divisor)
        largest = 12 if divisor <= 12 and divisor == round(divisor) else 1
        if 0 < abs(above) <= largest and _rounded(above / divisor, digits) == rounded:
            return above / divisor
    return None


def unit_between(low: float, high: float) -> float | None:
    """Return a unit in an interval, of few digits if there is one."""
    short = shortest(low, high)
    if short is not None and _is_unit(short):
        return short
    return next((1 / each for each in DIVISORS if low <= 1 / each <= high), None)


def is_zero_point(value: float) -> bool:
    """Whether a constant is a small whole number or a known zero point."""
    whole = value == round(value)
    return abs(value) in ZEROS or (whole and abs(value) <= SMALL)


def shortest(low: float, high: float) -> float | None:
    """Return the number of fewest digits in an interval, or None where it takes many."""
    if low <= 0 <= high:
        return 0.0
    tried = (_rounded((low + high) / 2, digits) for digits in DIGITS)
    return next((value for value in tried if low <= value <= high), None)


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else repr(value)


def _quotient(value: float) -> tuple[float, float]:
    """Return p and q of a factor p / q above 0; q is 1 where the factor has few digits."""
    if _rounded(value, max(DIGITS)) == value:
        return value, 1.0
    close = ((round(value * q), q) for q in DIVISORS)
    found = ((float(p), q) for p, q in close if p and abs(p / q - value) <= 1e-15 * value)
    return next(found, (value, 1.0))


def sum_text(constant: float, slopes: Floats, texts: list[str]) -> str:
    """Write constant + sum of slopes times texts, a factor such as 1/3 as a division.

    Examples
    --------
    >>> sum_text(-1.0, np.array([1 / 3, 2.0]), ["a", "b"])
    'a / 3 + 2 * b - 1'
    """
    terms = []
    for slope, text in sorted(zip(slopes, texts, strict=True), key=lambda each: each[0] < 0):
        above, below = _quotient(abs(float(slope)))
        size = "" if above == 1 else f"{_number(above)} * "
        over = "" if below == 1 else f" / {_number(below)}"
        terms.append(("-" if slope < 0 else "+", f"{size}{text}{over}"))
    if constant:
        terms.append(("-" if constant < 0 else "+", _number(abs(constant))))
    (sign, first), rest = terms[0], terms[1:]
    return ("-" if sign == "-" else "") + first + "".join(f" {s} {t}" for s, t in rest)


def product_text(constant: float, names: list[str], powers: Floats) -> str:
    """Write constant times names to their powers.

    Examples
    --------
    >>> product_text(1 / 12, ["a", "b"], np.array([1.0, -2.0]))
    'a / 12 / b ** 2'
    """

    def power(name: str, size: float) -> str:
        if size == 0.5:
            return f"sqrt({named(name)})"
        return named(name) + ("" if size == 1 else f" ** {_number(size)}")

    signed = list(zip(names, map(float, powers), strict=True))
    above = [power(name, size) for name, size in signed if size > 0]
    below = [power(name, -size) for name, size in signed if size < 0]
    size, divisor = _quotient(constant)
    if size != 1 or not above:
        above.insert(0, _number(size))
    if divisor != 1:
        below.insert(0, _number(divisor))
    return " * ".join(above) + "".join(f" / {each}" for each in below)
