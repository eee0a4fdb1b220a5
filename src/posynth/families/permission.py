"""Whether the Python file that a text names as ``"file.py:function"`` may be run.

Names that the user gives himself, on the command line or in Python, are permission enough. A name
that stands in a chain file, a study file or a stored posterior may come from somebody else: its
file is imported only when that is allowed, by ``--allow-code`` or ``allow_code=True``.
"""

from collections.abc import Iterable
from pathlib import Path

from posynth.errors import SpecError


def is_reference(name: str) -> bool:
    """Whether a name points to a function in a file (``"file.py:function"``)."""
    return ".py:" in name


def references(names: Iterable[object]) -> frozenset[str]:
    """Return those names that point to a function in a file.

    Examples
    --------
    >>> sorted(references(["gaussian", "robust.py:student", len]))
    ['robust.py:student']
    """
    return frozenset(name for name in names if isinstance(name, str) and is_reference(name))


def require_permission(name: str, what: str, file: Path, allowed: bool) -> None:
    """Refuse a Python file that nobody has allowed to run; called before it is imported.

    Parameters
    ----------
    name : str
        The reference, ``"file.py:function"``.
    what : str
        What the function is for: ``"family"``, ``"simulator"``, ``"analysis"``.
    file : Path
        The file it would run.
    allowed : bool
        Whether the user named it himself, or allowed the files that a text names.

    Raises
    ------
    SpecError
        With the full path of the file and both ways to allow it.

    Examples
    --------
    >>> require_permission("robust.py:student", "family", Path("robust.py"), True)
    """
    if allowed:
        return
    himself = f", or name it yourself: --method COLUMN={name}" if what == "family" else ""
    raise SpecError(
        f"{what} {name!r} would run the Python file {str(file.resolve())!r}, which a chain, a "
        "study or a stored posterior names; such a text may come from somebody else, so nothing "
        "was run: "
        f"read that file, then allow it by --allow-code (in Python allow_code=True){himself}"
    )
