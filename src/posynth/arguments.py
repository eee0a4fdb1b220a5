"""Arguments of the verbs that are of another type than they should be, refused in words."""

from collections.abc import Mapping
from numbers import Integral
from os import PathLike
from pathlib import Path

from posynth.errors import SpecError


def whole(name: str, value: object) -> int:
    """Return a number of something, at least 1, as an int.

    Raises
    ------
    SpecError
        If it is no whole number of 1 or more.

    Examples
    --------
    >>> whole("m", 5)
    5
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise SpecError(f"{name} = {value!r}; it must be a whole number, 1 or more")
    return int(value)


def truth(name: str, value: object) -> bool:
    """Return True or False, and nothing that only counts as one of them, as the text "no" does.

    Raises
    ------
    SpecError
        If it is neither.

    Examples
    --------
    >>> truth("proper", False)
    False
    """
    if not isinstance(value, bool):
        raise SpecError(f"{name} = {value!r}; it must be True or False")
    return value


def as_path(name: str, value: object) -> Path:
    """Return the path of a file or folder.

    Raises
    ------
    SpecError
        If it is no text and no path.

    Examples
    --------
    >>> as_path("folder", "out").name
    'out'
    """
    if not isinstance(value, str | PathLike):
        raise SpecError(
            f"{name} = {value!r} is of type {type(value).__name__}; give a path, as {name}='out'"
        )
    return Path(value)


def mapping(name: str, value: object, example: str) -> None:
    """Refuse what is no mapping from columns.

    Parameters
    ----------
    name : str
        The argument.
    value : object
        What was passed.
    example : str
        How it is written.

    Raises
    ------
    SpecError
        With the type that was passed, and the example.
    """
    if not isinstance(value, Mapping):
        raise SpecError(
            f"{name} = {value!r} is of type {type(value).__name__}; it must be a mapping from "
            f"columns, as {name}={example}"
        )
