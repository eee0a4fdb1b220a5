"""Method names of mice and synthpop, each with the family of posynth that stands for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from posynth.chain.facts import FamilyFacts
from posynth.chain.options import read_groups, read_method
from posynth.errors import SpecError
from posynth.families import families
from posynth.families.method_names import METHODS, Method
from posynth.families.permission import is_reference
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Translation:
    """What a method's name means for one column.

    Attributes
    ----------
    family : str
        Name of the family.
    settings : Mapping
        What else the conditional is told: a margin has no predictors.
    note : str
        Whose name it was and what it became; empty for a family's own name.
    """

    family: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def methods() -> "pd.DataFrame":
    """List the methods of mice and synthpop with the families that stand for them.

    Returns
    -------
    pandas.DataFrame
        One row a method: package, family, proper or not and why, and what must be asked for in so
        many words. Every name of a method is accepted where a family is.

    Examples
    --------
    >>> methods().loc["logreg", ["family", "proper"]].tolist()
    ['bernoulli', 'yes']
    """
    import pandas as pd

    return pd.DataFrame(table()).set_index("method")


def table() -> list[dict[str, str]]:
    """Return one row a method name: package, family, proper or not, and why."""
    return [_row(method) for method in METHODS]


def translate(name: str, kind: Kind, column: str) -> Translation:
    """Return the family that a name asked for stands for.

    Parameters
    ----------
    name : str
        A family, ``"file.py:function"``, or a method of mice or synthpop.
    kind : Kind
        Kind of the column: ``sample`` is another family for numbers than for levels.
    column : str
        The column, for the error.

    Returns
    -------
    Translation
        A name that is no method's comes back as it is: the chain's check knows what to say.

    Raises
    ------
    SpecError
        If the method is for columns constant within groups and no groups are named.

    Examples
    --------
    >>> translate("logreg", Kind.BINARY, "smoke").family
    'bernoulli'
    """
    known = families()
    name, groups = read_groups(name)
    name, options = read_method(name)
    settings = {**({"options": options} if options else {}), **groups}
    method = next((m for m in METHODS if m.name == name), None)
    if name in known or is_reference(name) or method is None:
        return Translation(name, settings)
    found = _suited(method.families, kind)
    if "per_group" in method.settings and "per_group" not in settings:
        raise SpecError(
            f"column {column!r}: method {name!r} is for a column that is constant within groups; "
            f"say which: {name}(per_group=COLUMN)"
        )
    note = f"{name} of {method.package}"
    return Translation(found, {**method.settings, **settings}, "" if found == name else note)


def _suited(names: tuple[str, ...], kind: Kind) -> str:
    """Return the first of these families that is for such columns, else the first."""
    known = families()
    return next((name for name in names if kind in known[name].facts.kinds), names[0])


def _row(method: Method) -> dict[str, str]:
    facts = [families()[name].facts for name in method.families]
    return {
        "method": method.name,
        "package": method.package,
        "family": " or ".join(method.families),
        "proper": _proper(method, facts),
        "why": method.why,
        "needs": ", ".join(_needs(facts)),
    }


def _needs(facts: list[FamilyFacts]) -> list[str]:
    """Say what must be asked for in so many words."""
    improper = ["improper = true"] * any(not f.proper for f in facts)
    return improper + ["copies_values = true"] * any(f.copies_values for f in facts)


def _proper(method: Method, facts: list[FamilyFacts]) -> str:
    """Tell whether draws carry parameter uncertainty: by the families' facts, or the method's."""
    if any(not f.proper for f in facts):
        return "no"
    return "approximately" if method.approximate else "yes"
