"""The range of a column of a few numbers in each level of another one: volumes of a journal.

In a level of x with c rows y is never below a number that h of all n rows are below; independence
gives that with probability C(n - c, h) / C(n, h), times the numbers that it could have been. The
rule is kept if no number occurs in two levels of x, which chance does not explain either, or if the
range ends abruptly: where a tail that goes on as its last three numbers do would have ``EXPECTED``
rows beyond the end, and rows are so many that what is excluded would have been seen
(``structure.chance``). Else it is proposed.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from posynth.chain.few import MOST_VALUES
from posynth.chain.rule import named
from posynth.structure.chance import none_have, seldom
from posynth.structure.view import View
from posynth.table.arrangement import one_value_each

type Table = NDArray[np.int64]

#: Rows of a level below which its range is not looked at.
LEAST_ROWS = 10
#: Rows that must be expected beyond the end of a range.
EXPECTED = 8.0


def ranges_of(y: View, x: View, limit: float) -> Iterator[tuple[str, bool]]:
    """Give rules on the range of a few numbers in each level of another column.

    Parameters
    ----------
    y : View
        The numeric column; one of many numbers has none.
    x : View
        The column of levels.
    limit : float
        Log probability below which chance is refused.

    Yields
    ------
    tuple of str and bool
        A rule, and whether it is sure.
    """
    if not y.texts or len(y.numbers) < 3:
        return
    known = ~(y.missing | x.missing)
    table: Table = np.zeros((len(y.numbers), len(x.numbers)), dtype=np.int64)
    np.add.at(table, (y.codes[known], x.codes[known]), 1)
    apart = _nested(table, limit)
    for level, text in enumerate(x.texts):
        seen = table[:, level]
        rows = int(seen.sum())
        if rows < LEAST_ROWS:
            continue
        low, high = np.flatnonzero(seen)[[0, -1]]
        yield from _within(y, table, level, f"if {named(x.name)} == {text}", limit)
        below, above = _chance(table[:low], table, rows), _chance(table[high + 1 :], table, rows)
        where, enough = f"if {named(x.name)} == {text}", seldom(rows)
        if low == high:
            if low != table.sum(axis=1).argmax() and min(below, above) < limit:
                yield f"{named(y.name)} == {y.texts[low]} {where}", apart or enough
            continue
        if below < limit:
            sure = apart or (enough and _beyond(seen[low:]) >= EXPECTED)
            yield f"{named(y.name)} >= {y.texts[low]} {where}", sure
        if above < limit:
            sure = apart or (enough and _beyond(seen[high::-1]) >= EXPECTED)
            yield f"{named(y.name)} <= {y.texts[high]} {where}", sure


def _within(
    y: View, table: Table, level: int, where: str, limit: float
) -> Iterator[tuple[str, bool]]:
    """Give the numbers inside a range that never occur in a level, between two that do often."""
    seen, rows = table[:, level], int(table[:, level].sum())
    low, high = np.flatnonzero(seen)[[0, -1]]
    for place in range(low + 1, high):
        if seen[place] or len(y.numbers) > MOST_VALUES:
            continue
        near = float(min(seen[place - 1], seen[place + 1]))
        if _chance(table[[place]], table, rows) < limit:
            yield f"{named(y.name)} != {y.texts[place]} {where}", seldom(rows) and near >= EXPECTED


def _beyond(counts: Table) -> float:
    """Return the rows expected beyond the end of a range, by how its counts fall towards it.

    Examples
    --------
    >>> round(_beyond(np.array([50, 60, 40])), 2), round(_beyond(np.array([2, 12, 30])), 2)
    (34.72, 0.14)
    """
    near = np.maximum(counts[:3], 0.5)
    first = min(1.0, near[0] / near[1]) if len(near) > 1 else 1.0
    before = min(1.0, near[1] / near[2]) if len(near) > 2 else 1.0
    return float(near[0] * first * min(1.0, first / before))


def _chance(outside: Table, table: Table, rows: int) -> float:
    """Return log P(none of a level's rows have a number outside), the choice of it included."""
    having = int(outside.sum())
    return none_have(int(table.sum()), having, rows) + float(np.log(len(table))) if having else 0.0


def _nested(table: Table, limit: float) -> bool:
    """Whether each number occurs in one level of the other column, beyond chance."""
    return bool(
        ((table > 0).sum(axis=1) <= 1).all()
        and one_value_each(table.sum(axis=1), table.sum(axis=0)) < limit
    )
