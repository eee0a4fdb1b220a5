"""Arguments of the verbs that are of another type than they should be, refused in words."""

from collections.abc import Mapping
from numbers import Integral
from os import PathLike
from pathlib import Path

from posynth.errors import SpecError, WrongType, in_short


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
        raise SpecError(f"{name} = {in_short(value)}; it must be a whole number, 1 or more")
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
        raise SpecError(f"{name} = {in_short(value)}; it must be True or False")
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
        raise WrongType(f"{with_type(name, value)}; give a path, as {name}='out'")
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
        raise WrongType(
            f"{with_type(name, value)}; it must be a mapping from columns, as {name}={example}"
        )


def with_type(name: str, value: object) -> str:
    """Return an argument, its value where that is short, and its type."""
    kind = f"of type {type(value).__name__}"
    text = in_short(value)
    return f"{name} is {kind}" if text == kind else f"{name} = {text} is {kind}"


def of_type[T](name: str, value: object, kind: type[T], step: str) -> T:
    """Return an argument that is of the type it must be.

    Parameters
    ----------
    name : str
        The argument.
    value : object
        What was passed; nothing of it is in_short but its type.
    kind : type
        What it must be.
    step : str
        Where such an object comes from, or the order of the arguments.

    Raises
    ------
    WrongType
        With both types.

    Examples
    --------
    >>> of_type("posterior", 3, str, "pass what `fit` returned")
    Traceback (most recent call last):
    posynth.errors.WrongType: posterior is of type int; it must be a str: pass what `fit` returned
    """
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise WrongType(
            f"{name} is of type {type(value).__name__}; it must be {article} {kind.__name__}: "
            f"{step}"
        )
    return value
