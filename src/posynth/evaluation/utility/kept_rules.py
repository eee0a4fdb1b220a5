"""Whether the rules of a chain hold in every row of its copies."""

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.posterior.likelihood import encoded
from posynth.posterior.record import Posterior
from posynth.results import Result

KEPT = "rows against rules"


def measure(comparison: Comparison, posterior: Posterior) -> list[Result]:
    """Count rows of copies that contradict the rules their chain was fitted with.

    Parameters
    ----------
    comparison : Comparison
        The copies.
    posterior : Posterior
        The chain they were drawn from.

    Returns
    -------
    list of Result
        ``rows against rules`` of each column with rules: rows a copy, 0 expected.

    Examples
    --------
    >>> import pandas as pd
    >>> import posynth
    >>> asked = ["no", "yes"] * 30
    >>> age = [None if each == "no" else 20.0 + i for i, each in enumerate(asked)]
    >>> table = pd.DataFrame({"asked": asked, "age": age})
    >>> copies = posynth.synthesize(table, m=2, seed=1)
    >>> tables = posynth.lay_beside(copies, table)
    >>> [(r.subject, r.value, r.passed) for r in measure(tables, copies.posterior)]
    [('age', 0.0, True)]
    """
    found: dict[str, list[int]] = {}
    texts: dict[str, list[str]] = {}
    limits = {t: link.coding.limits for t, link in posterior.links.items()}
    restricted = {target: each for target, each in limits.items() if each is not None}
    for copy in comparison.copies if restricted else ():
        rows = encoded(posterior, copy)
        for each in restricted.values():
            found.setdefault(each.column, []).append(int(np.sum(~each.keeps(rows))))
    for each in restricted.values():
        texts.setdefault(each.column, []).extend(each.rules)
    copies = max(len(comparison.copies), 1)
    return [_judged(name, sum(counts) / copies, texts[name]) for name, counts in found.items()]


def _judged(name: str, value: float, rules: list[str]) -> Result:
    text = f"{value:g} rows a copy contradict the rules of {name!r} ({'; '.join(rules)})"
    text += "." if value == 0 else "; the copies are not those of this chain, or were changed."
    return Result(KEPT, value, name, passed=value == 0, text=text, details={"rules": rules})
