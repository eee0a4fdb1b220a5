"""Attribute disclosure: what the keys of an original record reveal about a target in the copies."""

from collections.abc import Sequence

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure.averages import NO_GUARANTEE, name_keys, over_copies, share
from posynth.evaluation.disclosure.cells import Cells, Exclusions, tabulate
from posynth.evaluation.disclosure.keys import Groups, Ints, default_keys
from posynth.results import Result
from posynth.table.names import Names, as_names

MEANING = {
    "Dorig": "Percent of original records whose keys determine the target in the original itself",
    "Dsyn": "Percent of synthetic records whose keys determine the target in the copy",
    "iS": "Percent of original records whose keys occur in the copy",
    "DiS": "Percent of original records whose keys point to one single target level in the copy",
    "DiSCO": (
        "Percent of original records whose keys point to one single target level in the copy, and "
        "it is the true one; compare with Dorig. A high value can come from relations that "
        "everybody knows, see check_1way and check_2way"
    ),
    "DiSDiO": (
        "Percent of original records counted by DiSCO whose keys also determine the target in the "
        "original"
    ),
}


def measure(
    comparison: Comparison,
    keys: Names | None = None,
    target: str = "",
    groups: Groups | None = None,
    exclude: Exclusions | None = None,
) -> list[Result]:
    """Measure attribute disclosure of a target from composite keys.

    With d_tq, s_tq the counts of target level t and key combination q, pd = d_tq / d_q and
    ps = s_tq / s_q, all in percent:

    - Dorig = 100 sum d_tq 1{pd = 1} / N_d, Dsyn = 100 sum s_tq 1{ps = 1} / N_s
    - iS = 100 sum d_tq 1{s_q > 0} / N_d
    - DiS = 100 sum d_tq 1{max_t ps = 1} / N_d
    - DiSCO = 100 sum d_tq 1{ps = 1} / N_d
    - DiSDiO = 100 sum d_tq 1{ps = 1, pd = 1} / N_d

    Parameters
    ----------
    comparison : Comparison
        The tables.
    keys : sequence of str, optional
        What an intruder knows; ``default_keys`` without the target if not given.
    target : str
        What the intruder wants to learn.
    groups : int or mapping of str to int, optional
        Quantile groups for numeric columns; without them every number is a level.
    exclude : Exclusions, optional
        Cells to leave out of the counts.

    Returns
    -------
    list of Result
        The six measures. DiSCO carries ``max_denom`` and ``mean_denom``, the numbers of original
        records in its cells.

    References
    ----------
    Raab, Nowok and Dibben (2024), Practical privacy metrics for synthetic data, arXiv 2406.16826,
    appendix 1; where it differs from the code of synthpop 1.9, the code is followed.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> columns = tuple(Column(name, Kind.BINARY, "str", ("a", "b")) for name in "xy")
    >>> schema = Schema(columns, rows=2)
    >>> original = pd.DataFrame({"x": ["a", "b"], "y": ["a", "b"]})
    >>> copy = pd.DataFrame({"x": ["a", "b"], "y": ["a", "a"]})
    >>> results = measure(Comparison(original, (copy,), schema), keys=["x"], target="y")
    >>> {r.measure: r.value for r in results if r.measure in ("DiS", "DiSCO")}
    {'DiS': 100.0, 'DiSCO': 50.0}
    """
    chosen = default_keys(comparison, [target]) if keys is None else as_names(keys)
    tables = tabulate(comparison, chosen, target, groups, exclude)
    counts = [attribute_tables(cells) for cells in tables]
    results = []
    for name, meaning in MEANING.items():
        records = [int(count[name].sum()) for count in counts]
        whole = [cells.n_s if name == "Dsyn" else cells.n_d for cells in tables]
        details = {"count": records, "default_keys": keys is None, "excluded": _excluded(tables)}
        if name == "DiSCO":
            details |= _denominators([count[name] for count in counts])
        per_copy = [share(part, all_) for part, all_ in zip(records, whole, strict=True)]
        text = f"{meaning}. {NO_GUARANTEE}."
        results.append(over_copies(name, per_copy, name_keys(chosen, target), text, details))
    return results


def attribute_tables(cells: Cells) -> dict[str, Ints]:
    """Give, for each measure, the records it counts in each cell (exclusions applied)."""
    s_q = cells.per_cell(cells.s)
    correct = cells.ps == 1
    determined = cells.pd == 1
    single = cells.per_cell(correct.astype(np.int64)) > 0
    chosen = {
        "Dorig": (cells.d, determined),
        "Dsyn": (cells.s, correct),
        "iS": (cells.d, s_q > 0),
        "DiS": (cells.d, single),
        "DiSCO": (cells.d, correct),
        "DiSDiO": (cells.d, correct & determined),
    }
    return {name: cells.left(np.where(mask, counts, 0)) for name, (counts, mask) in chosen.items()}


def _denominators(tables: Sequence[Ints]) -> dict[str, list[float]]:
    filled = [table[table > 0] for table in tables]
    return {
        "max_denom": [float(cells.max()) if len(cells) else 0.0 for cells in filled],
        "mean_denom": [float(cells.mean()) if len(cells) else 0.0 for cells in filled],
    }


def _excluded(tables: Sequence[Cells]) -> list[int]:
    return [int(cells.d.sum() - cells.left(cells.d).sum()) for cells in tables]
