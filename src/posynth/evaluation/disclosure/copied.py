"""Copied rows: synthetic rows identical to an original row, against what chance would copy."""

from typing import NamedTuple

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure.averages import name_keys, share
from posynth.evaluation.disclosure.cells import check_target
from posynth.evaluation.disclosure.keys import Coded, Ints, code_columns, modelled_columns
from posynth.evaluation.matches import Matches
from posynth.results import Result
from posynth.table.names import Names, as_names

LEVEL = 0.01
TEXT = (
    "Percent of synthetic rows identical to an original row; a fresh sample of the population "
    "would show {expected:.3g} % by chance ({how}). Passed if no higher than chance explains at "
    "about the 1 % level; if it fails, look for a conditional that copies values (CART, hot deck, "
    "pmm), for columns that were not synthesised, or for conditionals with many parameters for "
    "the rows there are, which follow the sample: fewer predictors or stronger priors. Few copied "
    "rows do not mean that no row is nearly copied: see DCR."
)
HOW = {
    "holdout": "the holdout's share of rows identical to an original row",
    "leave one out": "no holdout: the share of original rows identical to another original row",
}


def measure(comparison: Comparison, keys: Names | None = None) -> list[Result]:
    """Compare the share of copied rows with the share expected of an independent sample.

    share_i = 100 sum_q s_q 1{d_q > 0} / k for copy i. Expected: 100 sum_q h_q 1{d_q > 0} / h of a
    holdout; without one 100 sum_q d_q 1{d_q > 1} / n, which is the leave-one-out estimate of the
    chance that a row drawn from the population equals one of n - 1 others, so no split is needed.
    The limit is what fresh rows, as many as all copies have, exceed with probability .01: the
    number that match is beta-binomial, which counts that the expected share is an estimate, from
    rows that have twins in common (``evaluation.matches``). Of fresh samples .3 to 2 % exceed it in
    tables of many different rows (ten coins, n = 300), 2 to 3 % where nearly all rows have twins.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    keys : sequence of str, optional
        Columns compared; by default all but identifiers, free text and constants.

    Returns
    -------
    list of Result
        One result, marked row level, with counts, the expected share and the limit.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> schema = Schema((Column("x", Kind.COUNT, "int64"),), rows=40)
    >>> original = pd.DataFrame({"x": range(40)})
    >>> result = measure(Comparison(original, (original,), schema))[0]
    >>> result.value, result.passed
    (100.0, False)
    """
    chosen = modelled_columns(comparison) if keys is None else as_names(keys)
    check_target(comparison, chosen, None)
    coded = code_columns(comparison, chosen)
    d_q = np.bincount(coded.original, minlength=coded.size)
    copied = [int(np.sum(d_q[copy] > 0)) for copy in coded.copies]
    sizes = [len(copy) for copy in coded.copies]
    per_copy = [share(c, k) for c, k in zip(copied, sizes, strict=True)]
    value, chance = float(np.mean(per_copy)), _reference(coded, d_q)
    limit = share(chance.matches.most(sum(sizes), LEVEL), sum(sizes))
    within = sum(copied) <= chance.matches.most(sum(sizes), LEVEL)
    details = {"per_copy": per_copy, "copied": copied, "k": sizes, "limit": limit}
    details |= {"expected": chance.percent, "expected_from": chance.source, "row_level": True}
    details |= {"expected_count": chance.matched, "expected_of": chance.rows}
    subject = "" if keys is None else name_keys(chosen)
    text = TEXT.format(expected=chance.percent, how=HOW[chance.source])
    return [Result("copied rows", value, subject, passed=within, text=text, details=details)]


class _Chance(NamedTuple):
    matched: int
    rows: int
    source: str
    matches: Matches

    @property
    def percent(self) -> float:
        return share(self.matched, self.rows)


def _reference(coded: Coded, d_q: Ints) -> _Chance:
    if coded.holdout is not None:
        matched, rows = int(np.sum(d_q[coded.holdout] > 0)), len(coded.holdout)
        return _Chance(matched, rows, "holdout", Matches.of_holdout(matched, rows))
    matched = int(d_q[d_q > 1].sum())
    return _Chance(matched, len(coded.original), "leave one out", Matches.of_source(d_q))
