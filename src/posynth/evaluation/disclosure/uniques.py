"""Replicated uniques: rows that exist once in the original and once in a copy."""

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure.averages import name_keys, over_copies, share
from posynth.evaluation.disclosure.cells import Mask, check_target
from posynth.evaluation.disclosure.keys import Coded, Groups, code_columns, modelled_columns
from posynth.results import Result
from posynth.table.names import Names, as_names

TEXT = (
    "Percent of a copy's rows (denominator k, as synthpop's replicated.uniques; the percent of the "
    "original's n records is in the details, as repU has it) that are unique in the copy and equal "
    "to a row unique in the original. Chance alone makes some; no such row is no proof of safety, "
    "since a row may differ in one harmless digit."
)


def measure(
    comparison: Comparison, keys: Names | None = None, groups: Groups | None = None
) -> list[Result]:
    """Count replicated uniques on all columns, or on keys.

    A synthetic row is a replicated unique if its composite key q has s_q = 1 and d_q = 1. In
    percent of the k rows of the copy (``replicated.uniques``); ``details["percent_of_original"]``
    has n as the denominator (``repU`` of ``disclosure``). The two agree if k = n.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    keys : sequence of str, optional
        Columns compared; by default all but identifiers, free text and constants.
    groups : int or mapping of str to int, optional
        Quantile groups for numeric columns.

    Returns
    -------
    list of Result
        One result; its details count uniques in the original, uniques in each copy, uniques of the
        copy present in the original, and replicated uniques.

    References
    ----------
    Nowok, Raab and Dibben (2016), synthpop, JSS 74(11); ``replicated.uniques``.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> schema = Schema((Column("sex", Kind.BINARY, "str", levels=("F", "M")),), rows=3)
    >>> original = pd.DataFrame({"sex": ["F", "F", "M"]})
    >>> copy = pd.DataFrame({"sex": ["F", "M", "F", "F"]})
    >>> [(r.value, r.details["percent_of_original"]) for r in
    ...  measure(Comparison(original, (copy,), schema))]
    [(25.0, [33.333333333333336])]
    """
    chosen = modelled_columns(comparison) if keys is None else as_names(keys)
    check_target(comparison, chosen, None)
    coded = code_columns(comparison, chosen, groups)
    d_q = np.bincount(coded.original, minlength=coded.size)
    s_q = [np.bincount(copy, minlength=coded.size) for copy in coded.copies]
    replicated = [int(np.sum((d_q == 1) & (s == 1))) for s in s_q]
    sizes = [len(copy) for copy in coded.copies]
    details = {
        "replicated": replicated,
        "uniques_in_original": int(np.sum(d_q == 1)),
        "uniques_in_copy": [int(np.sum(s == 1)) for s in s_q],
        "copy_uniques_in_original": [int(np.sum((s == 1) & (d_q > 0))) for s in s_q],
        "percent_of_original": [share(r, len(coded.original)) for r in replicated],
        "n": len(coded.original),
        "k": sizes,
    }
    per_copy = [share(r, k) for r, k in zip(replicated, sizes, strict=True)]
    subject = "" if keys is None else name_keys(chosen)
    return [over_copies("replicated.uniques", per_copy, subject, TEXT, details)]


def replicated_rows(coded: Coded, i: int) -> Mask:
    """Mark the rows of copy ``i`` that are replicated uniques, shape (k,)."""
    d_q = np.bincount(coded.original, minlength=coded.size)
    s_q = np.bincount(coded.copies[i], minlength=coded.size)
    mask: Mask = ((d_q == 1) & (s_q == 1))[coded.copies[i]]
    return mask
