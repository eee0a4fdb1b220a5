"""Lists of names as users give them: a single text is one name, not its letters."""

from collections.abc import Iterable

type Names = str | Iterable[str]


def as_names(names: Names) -> tuple[str, ...]:
    """Return names as a tuple.

    Examples
    --------
    >>> as_names("age"), as_names(["age", "sex"])
    (('age',), ('age', 'sex'))
    """
    return (names,) if isinstance(names, str) else tuple(names)
