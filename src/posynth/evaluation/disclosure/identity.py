"""Identity disclosure: how many records the keys single out, in the original and in the copies."""

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure.averages import NO_GUARANTEE, name_keys, over_copies, share
from posynth.evaluation.disclosure.cells import Cells, Exclusions, tabulate
from posynth.evaluation.disclosure.keys import Groups, default_keys
from posynth.results import Result
from posynth.table.names import Names, as_names

MEANING = {
    "UiO": "Percent of original records that the keys single out in the original",
    "UiS": "Percent of synthetic records that the keys single out in the copy",
    "UiOiS": "Percent of original records unique on the keys whose keys occur in the copy",
    "repU": (
        "Percent of original records unique on the keys in the original and in the copy; compare "
        "with UiO, the same for the original itself"
    ),
}


def measure(
    comparison: Comparison,
    keys: Names | None = None,
    target: str | None = None,
    groups: Groups | None = None,
    exclude: Exclusions | None = None,
) -> list[Result]:
    """Measure identity disclosure by composite keys.

    With d_q, s_q the numbers of original and synthetic records with key combination q:

    - UiO = 100 sum_q 1{d_q = 1} / N_d
    - UiS = 100 sum_q 1{s_q = 1} / N_s
    - UiOiS = 100 sum_q 1{d_q = 1, s_q > 0} / N_d
    - repU = 100 sum_q 1{d_q = 1, s_q = 1} / N_d

    The denominator of repU is N_d, as in synthpop's ``disclosure``: the risk is that of the
    original records. ``uniques.measure`` gives the convention of ``replicated.uniques``
    (k) beside it.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    keys : sequence of str, optional
        What an intruder knows; ``default_keys`` if not given.
    target : str, optional
        Only needed if ``exclude`` speaks of target levels.
    groups : int or mapping of str to int, optional
        Quantile groups for numeric keys.
    exclude : Exclusions, optional
        Cells to leave out of the counts.

    Returns
    -------
    list of Result
        UiO, UiS, UiOiS and repU, in percent.

    References
    ----------
    Raab, Nowok and Dibben (2024), Practical privacy metrics for synthetic data, arXiv 2406.16826.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> schema = Schema((Column("sex", Kind.BINARY, "str", levels=("F", "M")),), rows=3)
    >>> original = pd.DataFrame({"sex": ["F", "F", "M"]})
    >>> copy = pd.DataFrame({"sex": ["F", "M", "F"]})
    >>> results = measure(Comparison(original, (copy,), schema), keys=["sex"])
    >>> round(results[-1].value, 1)  # the one man is unique in both: 1 of 3 records
    33.3
    """
    chosen = default_keys(comparison) if keys is None else as_names(keys)
    tables = tabulate(comparison, chosen, target, groups, exclude)
    counts = [_count(cells) for cells in tables]
    results = []
    for name, meaning in MEANING.items():
        per_copy = [
            share(count[name], cells.n_s if name == "UiS" else cells.n_d)
            for count, cells in zip(counts, tables, strict=True)
        ]
        details = {
            "count": [count[name] for count in counts],
            "denominator": "N_s" if name == "UiS" else "N_d",
            "default_keys": keys is None,
        }
        text = f"{meaning}. {NO_GUARANTEE}."
        results.append(over_copies(name, per_copy, name_keys(chosen), text, details))
    return results


def _count(cells: Cells) -> dict[str, int]:
    d_q = cells.by_key(cells.left(cells.d))
    s_q = cells.by_key(cells.left(cells.s))
    # As in synthpop, "occurs in the copy" looks at the copy before exclusions.
    found = cells.by_key(cells.s) > 0
    return {
        "UiO": int(np.sum(d_q == 1)),
        "UiS": int(np.sum(s_q == 1)),
        "UiOiS": int(np.sum((d_q == 1) & found)),
        "repU": int(np.sum((d_q == 1) & (s_q == 1))),
    }
