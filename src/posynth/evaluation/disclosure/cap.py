"""Correct attribution probabilities: how often a guess from the keys hits the target."""

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure.averages import NO_GUARANTEE, name_keys, over_copies, share
from posynth.evaluation.disclosure.cells import Cells, Exclusions, proportion, tabulate
from posynth.evaluation.disclosure.keys import Groups, default_keys
from posynth.results import Result
from posynth.table.names import Names, as_names

MEANING = {
    "baseCAPd": "Percent of targets guessed right from the target's marginal distribution alone",
    "CAPd": "Percent of targets guessed right from the keys with the original at hand",
    "CAPs": "Percent of synthetic targets guessed right from the keys with the copy at hand",
    "DCAP": (
        "Percent of original targets guessed right from the keys with the copy at hand; compare "
        "with baseCAPd. It measures utility as much as disclosure"
    ),
    "TCAP": (
        "Percent of original records found in the copy by their keys for which the copy gives one "
        "single target level, and it is the true one"
    ),
}


def measure(
    comparison: Comparison,
    keys: Names | None = None,
    target: str = "",
    groups: Groups | None = None,
    exclude: Exclusions | None = None,
) -> list[Result]:
    """Measure correct attribution probabilities of a target from composite keys.

    With the counts and proportions of ``attribution.measure``, all in percent:

    - baseCAPd = 100 sum_t (d_t / N_d)^2
    - CAPd = 100 sum_q d_q sum_t pd_tq^2 / N_d, CAPs likewise in the copy with N_s
    - DCAP = 100 sum d_tq ps_tq / N_d
    - TCAP = 100 sum d_tq 1{ps_tq = 1} / sum_q d_q 1{s_q > 0}; NaN if no key of the original occurs

    Parameters
    ----------
    comparison : Comparison
        The tables.
    keys : sequence of str, optional
        What an intruder knows; ``default_keys`` without the target if not given.
    target : str
        What the intruder wants to learn.
    groups : int or mapping of str to int, optional
        Quantile groups for numeric columns.
    exclude : Exclusions, optional
        Cells to leave out; baseCAPd is that of the whole original, as in synthpop.

    Returns
    -------
    list of Result
        The five measures.

    References
    ----------
    Raab, Nowok and Dibben (2024), arXiv 2406.16826, appendix 2; Taub, Elliot, Pampaka and Smith
    (2018), Differential correct attribution probability for synthetic data, PSD 2018, 122-137.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> columns = tuple(Column(name, Kind.BINARY, "str", ("a", "b")) for name in "xy")
    >>> schema = Schema(columns, rows=2)
    >>> original = pd.DataFrame({"x": ["a", "b"], "y": ["a", "b"]})
    >>> copy = pd.DataFrame({"x": ["a", "a"], "y": ["a", "b"]})
    >>> {r.measure: r.value for r in measure(Comparison(original, (copy,), schema), ["x"], "y")}
    {'baseCAPd': 50.0, 'CAPd': 100.0, 'CAPs': 50.0, 'DCAP': 25.0, 'TCAP': 0.0}
    """
    chosen = default_keys(comparison, [target]) if keys is None else as_names(keys)
    tables = tabulate(comparison, chosen, target, groups, exclude)
    values = [_caps(cells) for cells in tables]
    subject = name_keys(chosen, target)
    details = {"default_keys": keys is None}
    return [
        over_copies(name, [v[name] for v in values], subject, f"{text}. {NO_GUARANTEE}.", details)
        for name, text in MEANING.items()
    ]


def _caps(cells: Cells) -> dict[str, float]:
    d, s = cells.left(cells.d), cells.left(cells.s)
    pd, ps = proportion(d, cells.per_cell(d)), proportion(s, cells.per_cell(s))
    found = int(d[cells.per_cell(s) > 0].sum())
    disclosed = int(cells.left(np.where(cells.ps == 1, cells.d, 0)).sum())
    marginal = np.bincount(cells.t, cells.d) / cells.n_d
    return {
        "baseCAPd": 100.0 * float(np.sum(marginal**2)),
        "CAPd": share(float(np.sum(pd * d)), cells.n_d),
        "CAPs": share(float(np.sum(ps * s)), cells.n_s),
        "DCAP": share(float(np.sum(ps * d)), cells.n_d),
        "TCAP": share(disclosed, found),
    }
