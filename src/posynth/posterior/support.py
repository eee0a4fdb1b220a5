"""Values a family allows: the column's before the first fit, and every draw after it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.facts import FamilyFacts
from posynth.chain.spec import Conditional
from posynth.errors import FitError, SpecError
from posynth.families.base import Response
from posynth.table.codec import as_released
from posynth.table.schema import Column

type Options = Mapping[str, Any]
type Mask = NDArray[np.bool_]

#: Beyond it not every whole number is a float64, and counts of the samplers wrap around.
LARGEST_WHOLE = 2.0**53
#: Part of a unit of the last decimal that is rounding of floating-point numbers.
_NOTHING = 1e-9
#: Scales a bounded column is commonly written on: shares and percentages.
NATURAL_UPPER = (1.0, 100.0)


def _same(values: Floats, options: Options) -> Floats:
    return values


def _off_spikes(values: Floats, options: Options) -> Floats:
    return values[~np.isin(values, options["spikes"])]


def _log_off_spikes(values: Floats, options: Options) -> Floats:
    return np.asarray(np.log(_off_spikes(values, options)))


def _between(values: Floats, options: Options) -> Mask:
    """Tell which values are still off both bounds when written as a share of the width."""
    with np.errstate(divide="ignore", invalid="ignore"):  # no width: nothing lies between
        share = (values - options["lower"]) / (options["upper"] - options["lower"])
    return np.asarray((share > 0) & (share < 1))


def _whole(values: Floats, options: Options) -> Mask:
    top = options.get("trials", LARGEST_WHOLE)
    return np.asarray((values >= 0) & (values == np.round(values)) & (values <= top))


@dataclass(frozen=True)
class Support:
    """What a likelihood allows a value to be.

    Attributes
    ----------
    allowed : str
        The values as a sentence says them, with the options' names in braces.
    inside : callable
        (values, options) -> which of them are allowed.
    summarised : callable
        (values, options) -> the numbers whose mean and sd are the response's center and scale.
    """

    allowed: str
    inside: Callable[[Floats, Options], Mask]
    summarised: Callable[[Floats, Options], Floats] = _same


SUPPORTS = {
    "real": Support("any number", lambda v, o: np.isfinite(v)),
    "positive": Support("numbers above 0", lambda v, o: v > 0, lambda v, o: np.log(v)),
    "whole": Support("whole numbers of 0 or more", _whole),
    "trials": Support("whole numbers from 0 to {trials}", _whole),
    "open": Support("numbers above {lower} and below {upper}", _between),
    "closed": Support(
        "numbers from {lower} to {upper}", lambda v, o: (v >= o["lower"]) & (v <= o["upper"])
    ),
    "spiked": Support("any number", lambda v, o: np.isfinite(v), _off_spikes),
    "spiked positive": Support(
        "{spikes} and numbers above 0",
        lambda v, o: (v > 0) | np.isin(v, o["spikes"]),
        _log_off_spikes,
    ),
}


def settle(conditional: Conditional, facts: FamilyFacts, values: Floats) -> dict[str, Any]:
    """Return the options in force, unless a value of the column lies outside the support.

    Parameters
    ----------
    conditional : Conditional
        The column's conditional; it may state options.
    facts : FamilyFacts
        Its family.
    values : ndarray, shape (n,)
        Observed values of the column on the natural scale.

    Raises
    ------
    SpecError
        Naming the column, the value found, what is allowed and the next step.
    """
    where = f"column {conditional.column!r}, family {facts.name!r}"
    options: dict[str, Any] = {**facts.options, **conditional.options}
    if "lower" in options:
        options |= _bounds(facts, options, values)
    if "spikes" in options:
        options["spikes"] = tuple(np.atleast_1d(np.asarray(options["spikes"], float)).tolist())
    for name, value in options.items():
        if value is None:
            raise SpecError(
                f"{where} needs option {name!r}, which is never taken from the data; write "
                f"options = {{{name} = NUMBER}} in the chain file, or --method "
                f"'{conditional.column}={facts.name}({name}=NUMBER)'"
            )
    support = SUPPORTS[facts.support]
    outside = values[~support.inside(values, options)]
    if len(outside):
        shown = {name: _written(value) for name, value in options.items()}
        raise SpecError(
            f"{where}: {len(outside)} of {len(values)} values are not among those it allows "
            f"({support.allowed.format(**shown)}), for example {outside[0]:g}; "
            f"{_next_step(facts)}"
        )
    if len(support.summarised(values, options)) < 2:
        raise SpecError(
            f"{where}: fewer than two values lie off its spikes ({_written(options['spikes'])}); "
            "declare the column's kind as 'nominal'"
        )
    return options


def _bounds(facts: FamilyFacts, options: Options, values: Floats) -> dict[str, float | None]:
    """Fill in bounds that were not stated: those of a share or percentage, or none."""
    lower, upper = options["lower"], options["upper"]
    if facts.support == "open":
        fitting = (top for top in NATURAL_UPPER if values.max() < top)
        lower = 0.0 if lower is None else lower
        return {"lower": lower, "upper": next(fitting, None) if upper is None else upper}
    if lower is None and upper is None:
        return {"lower": 0.0, "upper": np.inf}
    return {
        "lower": -np.inf if lower is None else lower,
        "upper": np.inf if upper is None else upper,
    }


def _written(value: Any) -> str:
    return ", ".join(f"{v:g}" for v in np.atleast_1d(np.asarray(value, float)))


def _next_step(facts: FamilyFacts) -> str:
    if facts.options:
        return f"state other options ({', '.join(facts.options)}), or use another family"
    return "use another family, such as 'gaussian', or transform the column"


def predictor_scale(facts: FamilyFacts, response: Response) -> tuple[float, float]:
    """Return origin and unit of a numeric response's linear predictor, on the scale of its link."""
    if facts.support in ("open", "trials"):
        return 0.0, 1.0
    if facts.support == "whole":
        return float(np.log(response.center)) if response.center > 0 else 0.0, 1.0
    if facts.support == "real" and facts.response == "natural":
        return 0.0, 1.0
    return response.center, response.scale


def check_column(rows: Rows, conditional: Conditional, facts: FamilyFacts) -> None:
    """Check the values of a conditional's column, as ``settle`` does."""
    if facts.response != "codes":
        values = rows.arrays[conditional.column]
        settle(conditional, facts, values[~np.isnan(values)])


def overflowed(facts: FamilyFacts, drawn: Floats) -> Mask:
    """Tell which draws are not finite, or overflowed into something no likelihood gave."""
    wrong: Mask = ~np.isfinite(drawn)
    if facts.support in ("whole", "trials"):
        wrong |= (drawn < 0) | (drawn > LARGEST_WHOLE)
    return wrong


def as_written(
    column: Column, facts: FamilyFacts, bounds: tuple[float, float], drawn: Floats
) -> Floats:
    """Round draws to the column's decimals, and not out of what its family allows.

    A column of numbers above 0 with one decimal has none below 0.1: what is drawn between 0 and
    0.05 is written as 0.1, as whoever wrote the source must have. A draw that is outside itself,
    as one that was shifted on purpose, is only rounded.

    Parameters
    ----------
    column : Column
        Its kind and decimals.
    facts : FamilyFacts
        The family that drew the values.
    bounds : tuple of float
        Lower and upper bound where the family has them, else infinite.
    drawn : ndarray, shape (k,)
        Values in units of the column.

    Returns
    -------
    ndarray, shape (k,)

    Examples
    --------
    >>> from posynth.families import families
    >>> from posynth.table.schema import Kind
    >>> dose = Column("dose", Kind.CONTINUOUS, "float64", decimals=1)
    >>> facts = families()["lognormal"].facts
    >>> as_written(dose, facts, (-np.inf, np.inf), np.array([0.02, 0.26, 3.0])).tolist()
    [0.1, 0.3, 3.0]
    """
    values = as_released(column, drawn)
    if not column.kind.is_numeric or column.decimals is None:
        return values
    unit = 10.0**-column.decimals
    lower, upper = bounds
    if facts.support in ("positive", "spiked positive"):
        lower, upper, inside = 0.0, np.inf, drawn > _NOTHING * unit
    elif facts.support == "open":
        inside = (drawn > lower) & (drawn < upper)
    elif facts.support == "closed":
        inside = (drawn >= lower) & (drawn <= upper)
    else:
        return values
    shift = -_NOTHING if facts.support == "closed" else _NOTHING
    first = np.ceil(lower / unit + shift) if np.isfinite(lower) else -np.inf
    last = np.floor(upper / unit - shift) if np.isfinite(upper) else np.inf
    if first > last:  # no number of so few decimals is allowed
        return values
    kept = np.clip(values, np.round(first * unit, column.decimals), last * unit)
    return np.where(inside, np.round(kept, column.decimals), values)


def check_draws(target: str, facts: FamilyFacts, drawn: Floats) -> None:
    """Refuse draws that are not finite, or overflowed into something no likelihood gave.

    Raises
    ------
    FitError
        Naming the column and what to do.
    """
    wrong = overflowed(facts, drawn)
    if wrong.any():
        raise FitError(
            f"column {target!r}: {int(wrong.sum())} of {len(drawn)} draws of family {facts.name!r} "
            "overflow: its tail is too heavy for these predictors; use fewer predictors, a tighter "
            "prior, or another family"
        )
