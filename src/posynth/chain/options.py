"""Options of a family: what a conditional states about its form, such as bounds or trials."""

import re
from typing import Any

from posynth.chain.facts import Option
from posynth.errors import SpecError


def read_option(name: str, key: str, value: Any) -> Option:
    """Take a number or a list of numbers as the option of a conditional."""
    parts = value if isinstance(value, list | tuple) else [value]
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, int | float):
            raise SpecError(f"conditional {name!r}: option {key} = {value!r} must be a number")
    return float(value) if parts == [value] else tuple(map(float, parts))


_GROUPS = re.compile(r"\b(keep_groups|new_groups|per_group|slopes)\s*=\s*([^,)]*[^,)\s])\s*")


def read_groups(text: str) -> tuple[str, dict[str, Any]]:
    """Split off the columns of groups and slopes from ``FAMILY(new_groups=COLUMN, ...)``.

    Examples
    --------
    >>> read_groups("2l.lmer(new_groups=school)")
    ('2l.lmer()', {'new_groups': 'school'})
    >>> read_groups("gaussian_ml(keep_groups=school, slopes=age + ses)")[1]
    {'keep_groups': 'school', 'slopes': ('age', 'ses')}
    """
    if not re.fullmatch(r"\s*[\w.]+\s*\(.*\)\s*", text):
        return text, {}
    found: dict[str, Any] = dict(_GROUPS.findall(text))
    if "slopes" in found:
        found["slopes"] = tuple(name.strip() for name in found["slopes"].split("+"))
    return _GROUPS.sub("", text), found


def read_method(text: str) -> tuple[str, dict[str, Option]]:
    """Split ``FAMILY(option=value, ...)`` into a family and its options.

    Raises
    ------
    SpecError
        If what is in the parentheses are no options.

    Examples
    --------
    >>> read_method("binomial(trials=10)")
    ('binomial', {'trials': 10.0})
    >>> read_method("semicontinuous(spikes=0 40)")
    ('semicontinuous', {'spikes': (0.0, 40.0)})
    """
    found = re.fullmatch(r"\s*([\w.]+)\s*\((.*)\)\s*", text)
    if found is None:
        return text, {}
    options: dict[str, Option] = {}
    for part in filter(str.strip, found[2].split(",")):
        key, _, value = part.partition("=")
        try:
            numbers = tuple(map(float, value.split()))
        except ValueError:
            numbers = ()
        if key.strip() in {"group", "groups"}:
            raise SpecError(
                f"method {text!r}: say what copies make of groups, keep_groups={value.strip()} "
                "(a group of a copy is that of the source) or new_groups= (its effect is drawn "
                "anew)"
            )
        if not numbers:
            raise SpecError(
                f"method {text!r}: {part.strip()!r} is no option; write NAME=NUMBER, as in "
                "binomial(trials=10)"
            )
        options[key.strip()] = numbers if len(numbers) > 1 else numbers[0]
    return found[1], options
