"""The errors posynth raises on purpose: place, value found, values allowed, next step."""

import re
from collections.abc import Iterable
from difflib import get_close_matches


class PosynthError(Exception):
    """Root of every error a user can cause; the command line prints it and exits with code 2."""


class TableError(PosynthError):
    """The table cannot be read or holds a value that no synthesis can use."""


class SpecError(PosynthError):
    """The chain asked for cannot be fitted: wrong column, family, formula, prior or option."""


class WrongType(SpecError, TypeError):
    """An argument is of a type that it cannot be, as where two arguments are exchanged."""


class FitError(PosynthError):
    """A conditional has no usable posterior (improper, not finite, or not explored)."""


class DiagnosticWarning(UserWarning):
    """The posterior draws of some conditional did not pass their diagnostics.

    Copies are drawn and pooled all the same; the warning names the conditionals, what is not
    within its limit, and what to do. To stop instead: ``warnings.simplefilter("error",
    posynth.DiagnosticWarning)``.
    """


class MachineWarning(UserWarning):
    """The machine lacks something that work can do without, and does, more slowly."""


class EditWarning(UserWarning):
    """A file was edited that says what was done, so that the change has no effect."""


class StoreError(PosynthError):
    """A posterior or an output folder on disk is missing, incomplete or of another version."""


class MeasureError(PosynthError):
    """A judgement on the copies was asked for that these tables cannot give."""


def unknown(what: str, found: object, allowed: Iterable[object]) -> str:
    """Sentence for a name that is not among those allowed.

    Parameters
    ----------
    what : str
        What kind of name it is, for example ``"family"``.
    found : object
        The name given.
    allowed : iterable of object
        The names that would have been accepted.

    Returns
    -------
    str
        The sentence, with the closest allowed name as the next step where one is close.

    Examples
    --------
    >>> unknown("family", "gausian", ["gaussian", "bernoulli"])
    "unknown family 'gausian'; allowed: 'bernoulli', 'gaussian'. Did you mean 'gaussian'?"
    """
    names = sorted(str(name) for name in allowed)
    close = get_close_matches(str(found), names, n=1)
    hint = f". Did you mean {close[0]!r}?" if close else ""
    return f"unknown {what} {in_short(found)}; allowed: {', '.join(map(repr, names))}{hint}"


def in_short(value: object) -> str:
    """Return how an error shows what was passed: nothing of a table that was passed by mistake.

    Examples
    --------
    >>> in_short("bmi"), in_short([1, 2])
    ("'bmi'", '[1, 2]')
    >>> in_short({"income": range(9), "names": ["a"] * 40})
    'of type dict'
    """
    text = repr(value)
    short = len(text) <= _LONGEST and "\n" not in text
    return text if short or isinstance(value, str) else f"of type {type(value).__name__}"


#: Characters of a value, other than a text, that an error shows.
_LONGEST = 100

#: Characters that move a terminal's cursor, change its colours, or turn the direction of text.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""Write out control characters: names and levels come from a table, and may hold any.

    Parameters
    ----------
    text : str
        Text for a terminal, a figure or a page.

    Returns
    -------
    str
        Line breaks and tabs are kept.

    Examples
    --------
    >>> printable("\x1b[31mred")
    '\\x1b[31mred'
    """
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)
