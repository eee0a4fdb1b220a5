"""Method names of mice and synthpop, each with the family of posynth that stands for it.

Whether a family is built is read from the registry; what is not is said to be "not yet".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from posynth.chain.facts import FamilyFacts
from posynth.chain.options import read_groups, read_method
from posynth.chain.spec import Conditional
from posynth.errors import SpecError
from posynth.families import families
from posynth.families.method_names import METHODS, Method
from posynth.families.own import is_reference
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
        One row a method: package, family, built or not yet, proper or not and why, what must be
        asked for in so many words, and the nearest family where none is built. Every name of a
        method is accepted where a family is.

    Examples
    --------
    >>> methods().loc["logreg", ["family", "built", "proper"]].tolist()
    ['bernoulli', 'yes', 'yes']
    """
    import pandas as pd

    return pd.DataFrame(table()).set_index("method")


def table() -> list[dict[str, str]]:
    """Return one row a method name: package, family, built or not, proper or not, and why."""
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
        If the method's family is not built, with the nearest that is.

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
    found = _built(method.families, kind) if _known(method) else None
    if found is None:
        nearest = _built(method.nearest, kind)
        hint = f"; nearest that is: {nearest!r}" if nearest else ""
        raise SpecError(
            f"column {column!r}: method {name!r} of {method.package} is not built yet "
            f"({method.why}){hint}. `posynth methods` lists them all"
        )
    if "per_group" in method.settings and "per_group" not in settings:
        raise SpecError(
            f"column {column!r}: method {name!r} is for a column that is constant within groups; "
            f"say which: {name}(per_group=COLUMN)"
        )
    note = f"{name} of {method.package}"
    return Translation(found, {**method.settings, **settings}, "" if found == name else note)


def _built(names: Iterable[str], kind: Kind | None) -> str | None:
    """Return the first of these families that exists: best one for such columns, else any."""
    known = [families()[name].facts for name in names if name in families()]
    fitting = [facts.name for facts in known if kind in facts.kinds]
    return next(iter([*fitting, *(facts.name for facts in known)]), None)


def _known(method: Method) -> bool:
    """Whether conditionals can be told all that the method needs."""
    return set(method.settings) <= {field.name for field in fields(Conditional)}


def _row(method: Method) -> dict[str, str]:
    built = [name for name in method.families if name in families() and _known(method)]
    facts = [families()[name].facts for name in built]
    return {
        "method": method.name,
        "package": method.package,
        "family": " or ".join(built or method.families[:1]),
        "built": "yes" if built else "not yet",
        "proper": _proper(method, facts),
        "why": method.why,
        "needs": ", ".join(_needs(facts)),
        "nearest": "" if built else _built(method.nearest, None) or "",
    }


def _needs(facts: list[FamilyFacts]) -> list[str]:
    """Say what must be asked for in so many words."""
    improper = ["improper = true"] * any(not f.proper for f in facts)
    return improper + ["copies_values = true"] * any(f.copies_values for f in facts)


def _proper(method: Method, facts: list[FamilyFacts]) -> str:
    """Tell the family's own fact where it is built, and what it is to be where it is not."""
    if any(not f.proper for f in facts):
        return "no"
    return "approximately" if method.approximate else "yes"
