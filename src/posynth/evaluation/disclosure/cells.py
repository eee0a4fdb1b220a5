"""The two tables behind every attribution measure: d_tq of the original, s_tq of a copy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure.keys import (
    MISSING,
    Coded,
    Floats,
    Groups,
    Ints,
    check_tables,
    code_column,
    join,
)

type Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Exclusions:
    """Cells left out of the measures because they would teach nobody anything.

    As in synthpop's ``disclosure`` the excluded records leave the numerators, while the
    denominators N_d and N_s stay; which cells are disclosive is decided before any exclusion.

    Attributes
    ----------
    target_levels : tuple
        Levels of the target (``not.targetlev``).
    missing_target : bool
        Leave out records whose target is missing (``usetargetNA = FALSE``).
    missing_keys : tuple of str
        Leave out records in which one of these keys is missing (``usekeysNA = FALSE``).
    pairs : tuple of (key, key level, target level)
        Combinations known to everybody (``exclude.keys``, ``exclude.keylevs``,
        ``exclude.targetlevs``).
    denom_lim : int, optional
        Leave out cells with more records than this (``exclude_ov_denom_lim``, ``denom_lim``).
    """

    target_levels: tuple[Any, ...] = ()
    missing_target: bool = False
    missing_keys: tuple[str, ...] = ()
    pairs: tuple[tuple[str, Any, Any], ...] = ()
    denom_lim: int | None = None


@dataclass(frozen=True)
class Cells:
    """Non-empty cells (q, t) of the original and one copy, each a row of the arrays.

    Attributes
    ----------
    q, t : numpy.ndarray
        Codes of the composite key and of the target.
    parts : numpy.ndarray
        Codes of the single keys, shape (number of keys, cells).
    d, s : numpy.ndarray
        Counts d_tq and s_tq before exclusions.
    kept : numpy.ndarray
        Whether a cell survives the exclusions other than ``denom_lim``.
    denom_lim : int, optional
        The largest count a cell may have; None for no limit.
    n_d, n_s : int
        Numbers of records N_d and N_s.
    """

    q: Ints
    t: Ints
    parts: Ints
    d: Ints
    s: Ints
    kept: Mask
    denom_lim: int | None
    n_d: int
    n_s: int

    def by_key(self, counts: Ints) -> Ints:
        """Sum cell counts over the target: one number a key q that occurs."""
        return np.bincount(self.q, counts, minlength=int(self.q.max()) + 1).astype(np.int64)

    def per_cell(self, counts: Ints) -> Ints:
        """Sum cell counts over the target and spread the sums back over the cells."""
        return self.by_key(counts)[self.q]

    def left(self, counts: Ints) -> Ints:
        """Set excluded cells of a table of counts to zero."""
        kept = self.kept if self.denom_lim is None else self.kept & (counts <= self.denom_lim)
        return np.where(kept, counts, 0)

    @property
    def pd(self) -> Floats:
        """Proportion d_tq / d_q of each cell, zero where the key is absent."""
        return proportion(self.d, self.per_cell(self.d))

    @property
    def ps(self) -> Floats:
        """Proportion s_tq / s_q of each cell, zero where the key is absent."""
        return proportion(self.s, self.per_cell(self.s))


def proportion(part: Ints, whole: Ints) -> Floats:
    """Divide counts; zero where the whole is zero."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def check_target(comparison: Comparison, keys: Sequence[str], target: str | None) -> None:
    """Refuse a target that is a key or no column, and keys named twice.

    Raises
    ------
    MeasureError
        Saying which and what to do.
    """
    check_tables(comparison, keys)
    if len(set(keys)) < len(keys):
        raise MeasureError(f"keys {list(keys)}: a column is named twice; name each key once")
    if target is None:
        return
    check_tables(comparison, [target])
    if target in keys:
        raise MeasureError(
            f"target {target!r} is among the keys {list(keys)}: what an intruder knows cannot be "
            "disclosed; drop it from the keys or choose another target"
        )


def tabulate(
    comparison: Comparison,
    keys: Sequence[str],
    target: str | None = None,
    groups: Groups | None = None,
    exclude: Exclusions | None = None,
) -> tuple[Cells, ...]:
    """Cross-tabulate composite keys and target in the original and in each copy.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    keys : sequence of str
        The key columns.
    target : str, optional
        The target; without one all records share one target level.
    groups : int or mapping of str to int, optional
        Quantile groups for numeric columns.
    exclude : Exclusions, optional
        Cells to leave out.

    Returns
    -------
    tuple of Cells
        One a copy.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> columns = tuple(Column(name, Kind.BINARY, "str", ("a", "b")) for name in "xy")
    >>> original = pd.DataFrame({"x": ["a", "a", "b"], "y": ["a", "b", "a"]})
    >>> copy = pd.DataFrame({"x": ["a", "a"], "y": ["a", "a"]})
    >>> cells = tabulate(Comparison(original, (copy,), Schema(columns, 3)), ["x"], "y")[0]
    >>> cells.d.tolist(), cells.s.tolist(), cells.pd.tolist()
    ([1, 1, 1], [2, 0, 0], [0.5, 0.5, 1.0])
    """
    check_target(comparison, keys, target)
    columns = {name: code_column(comparison, name, groups) for name in keys}
    composite = join(list(columns.values()))
    aim = _single(composite) if target is None else code_column(comparison, target, groups)
    rule = exclude or Exclusions()
    check_exclusions(rule, keys, target)
    return tuple(_cells(i, composite, aim, columns, rule) for i in range(len(comparison.copies)))


def check_exclusions(rule: Exclusions, keys: Sequence[str], target: str | None) -> None:
    """Refuse exclusions that speak of columns that are no keys, or of a target there is not."""
    for name in (*rule.missing_keys, *(pair[0] for pair in rule.pairs)):
        if name not in keys:
            raise MeasureError(f"exclusions: {unknown('key', name, keys)}")
    if target is None and (rule.target_levels or rule.missing_target or rule.pairs):
        raise MeasureError("exclusions name levels of a target, but no target is given; name one")
    if rule.denom_lim is not None and rule.denom_lim < 1:
        raise MeasureError(f"denom_lim = {rule.denom_lim}: give a whole number of at least 1")


def _single(coded: Coded) -> Coded:
    copies = tuple(np.ones_like(copy) for copy in coded.copies)
    return Coded(np.ones_like(coded.original), copies, None, 2)


def _cells(
    i: int, keys: Coded, target: Coded, columns: dict[str, Coded], rule: Exclusions
) -> Cells:
    q = np.concatenate([keys.original, keys.copies[i]])
    t = np.concatenate([target.original, target.copies[i]])
    _, first, cell = np.unique(q * target.size + t, return_index=True, return_inverse=True)
    n = len(keys.original)
    stacked = [np.concatenate([c.original, c.copies[i]])[first] for c in columns.values()]
    parts = dict(zip(columns, stacked, strict=True))
    return Cells(
        q=q[first],
        t=t[first],
        parts=np.array(stacked),
        d=np.bincount(cell[:n], minlength=len(first)),
        s=np.bincount(cell[n:], minlength=len(first)),
        kept=_kept(t[first], parts, target, columns, rule),
        denom_lim=rule.denom_lim,
        n_d=n,
        n_s=len(q) - n,
    )


def _kept(
    t: Ints, parts: dict[str, Ints], target: Coded, columns: dict[str, Coded], rule: Exclusions
) -> Mask:
    out = np.isin(t, [_code(target, level, "target") for level in rule.target_levels])
    if rule.missing_target:
        out |= t == MISSING
    for name in rule.missing_keys:
        out |= parts[name] == MISSING
    for name, key_level, target_level in rule.pairs:
        key_code = _code(columns[name], key_level, f"key {name!r}")
        out |= (parts[name] == key_code) & (t == _code(target, target_level, "target"))
    return ~out


def _code(coded: Coded, level: Any, what: str) -> int:
    if coded.levels is None:
        raise MeasureError(
            f"exclusions: the {what} is cut into groups; exclude levels without groups"
        )
    if level not in coded.levels:
        # The levels there are may be confidential numbers, so they are not listed.
        raise MeasureError(
            f"exclusions: the {what} has no level {level!r}; spell it as in the table"
        )
    return coded.levels.index(level) + 1
