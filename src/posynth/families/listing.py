"""The families as a table: what each models, for which columns, and with which options."""

from typing import TYPE_CHECKING

from posynth.chain.facts import FamilyFacts
from posynth.families import families

if TYPE_CHECKING:
    import pandas as pd


def list_families() -> "pd.DataFrame":
    """List the families a column can be given, with their options and priors.

    Returns
    -------
    pandas.DataFrame
        Indexed by name, with columns ``columns`` (kinds of column it models), ``model`` (in one
        line), ``options`` (with their default values), ``priors`` (the first is the default, with
        its scales) and ``proper`` (True if copies carry parameter uncertainty).

    Examples
    --------
    >>> list_families().loc["poisson", "columns"]
    'count'
    >>> list_families().loc["truncated", "options"]
    'lower, upper'
    """
    import pandas as pd

    rows = [_row(member.facts) for _, member in sorted(families().items())]
    return pd.DataFrame(rows).set_index("family")


def _row(facts: FamilyFacts) -> dict[str, object]:
    return {
        "family": facts.name,
        "columns": ", ".join(sorted(kind.value for kind in facts.kinds)),
        "model": facts.summary,
        "options": ", ".join(_option(name, value) for name, value in facts.options.items()),
        "priors": "; ".join(_prior(name, scales) for name, scales in facts.priors.items()),
        "proper": facts.proper,
    }


def _option(name: str, value: object) -> str:
    return name if value is None else f"{name}={_number(value)}"


def _prior(name: str, scales: object) -> str:
    if not isinstance(scales, dict) or not scales:
        return name
    return f"{name} ({', '.join(f'{key} {_number(value)}' for key, value in scales.items())})"


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
