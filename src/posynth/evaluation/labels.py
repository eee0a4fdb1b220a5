"""Names and levels of a table as labels of a figure."""

from posynth.errors import printable


def as_label(name: object) -> str:
    r"""Return a name that matplotlib shows as it is: dollars would make it a formula.

    Examples
    --------
    >>> print(as_label("cost in $"))
    cost in \$
    """
    return " ".join(printable(str(name)).split()).replace("$", r"\$")
