"""Lists of names as users give them: a single text is one name, not its letters."""

from collections.abc import Iterable

from posynth.errors import SpecError, in_short

type Names = str | Iterable[str]


def as_names(names: Names) -> tuple[str, ...]:
    """Return names as a tuple.

    Raises
    ------
    SpecError
        If they are neither a name nor several.

    Examples
    --------
    >>> as_names("age"), as_names(["age", "sex"])
    (('age',), ('age', 'sex'))
    """
    if isinstance(names, str):
        return (names,)
    if not isinstance(names, Iterable):
        raise SpecError(
            f"{in_short(names)} is neither a column nor a list of columns, as ['age', 'sex']"
        )
    return tuple(names)
