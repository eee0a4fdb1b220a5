"""Rules that hold in every row of a table and that chance does not explain.

Looked for are, of a column y and one x visited before it: y missing exactly where, or wherever, x
has certain values (a question that is not asked), or present wherever x is; y equal to one value
where x has certain values; levels of y that never occur beside levels of x, and levels that belong
to one level of x (towns in regions); the range of a number in a level of x (``structure.ranges``);
y never below or above x (``structure.inequalities``); and y a function of x (age groups of age,
fees of plans).

A rule counts if it holds in every row and independence of x and y would make it hold with a
probability below ``CHANCE`` divided by the number of rules tried: so at most one in a hundred
tables of independent columns gets any. Beyond a threshold of a numeric x all rows may have one
value by a strong dependence alone; there the same limit holds for a logit in x, and a rule that it
explains is proposed, not kept, unless the threshold is where a level of another column begins.
Rules are looked for in at most ``MOST_ROWS`` rows, evenly spaced, of repeated ids in one row of
each, since what some ids have in common is no rule; they are then held to all rows.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Rows
from posynth.chain.open_rows import part
from posynth.chain.row_rule import ONLY_IF
from posynth.chain.rule import named
from posynth.structure.chance import CHANCE, few_runs, many, none_have, seldom
from posynth.structure.inequalities import inequalities
from posynth.structure.ranges import ranges_of
from posynth.structure.text import any_of, as_line, as_one, as_steps
from posynth.structure.view import Condition, Mark, View, conditions, marks
from posynth.table.arrangement import one_value_each

type Mask = NDArray[np.bool_]

MOST_ROWS = 5000
#: Rows that must have a value before it can be the only one somewhere.
LEAST_ROWS = 10
#: Stretches of a number, and levels, that the rule of a computed column names at most.
MOST_NAMED, MOST_LISTED = 30, 100
#: Rows of a level below which a number that it decides is not kept unasked: it may be one of a row.
LEAST_LISTED = 3
FEW = "but a level of fewer than {} rows would show a number of one of them"


@dataclass(frozen=True)
class Finding:
    """A rule that holds in every row looked at.

    Attributes
    ----------
    column : str
        The column it restricts.
    text : str
        The rule; for ``computes`` what the column is computed by.
    computes : bool
        Whether it gives the column's value.
    log_p : float
        Log probability that chance makes it hold.
    sure : bool
        Whether it is kept; if not it is proposed, since a logit would explain it too.
    why : str
        Why it is not sure, where it is for another reason.
    """

    column: str
    text: str
    computes: bool = False
    log_p: float = 0.0
    sure: bool = True
    why: str = ""


def search(
    rows: Rows,
    visited: Sequence[str],
    fixed: Collection[str] = (),
    indicators: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Find rules that hold in every row.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    visited : sequence of str
        Columns in visit order; rules restrict a column given those before it.
    fixed : collection of str
        Columns that no rule is to restrict.
    indicators : Mapping of str to str, optional
        Column -> its missingness indicator, which may tell several kinds of missing values.

    Returns
    -------
    list of Finding
        In visit order.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.chain.default import default_chain
    >>> from posynth.posterior.task import encode_table
    >>> from posynth.table.inputs import given_table
    >>> rng = np.random.default_rng(1)
    >>> moved = rng.choice(["no", "yes"], 80)
    >>> age = np.where(moved == "yes", rng.integers(20, 60, 80).astype(float), np.nan)
    >>> table = given_table(pd.DataFrame({"moved": moved, "age": age}), None)
    >>> rows = encode_table(table, default_chain(table.schema), {})
    >>> [each.text for each in search(rows, ["moved", "age"])]
    ["age is missing if and only if moved == 'no'"]
    """
    able, some = _independent(rows), np.zeros(len(rows), dtype=bool)
    some[able[np.linspace(0, len(able) - 1, min(len(able), MOST_ROWS)).astype(int)]] = True
    sample = rows if some.all() else part(rows, some)
    views = {name: View.of(sample, name, (indicators or {}).get(name)) for name in visited}
    limit = np.log(CHANCE / max(_tried(views, visited), 1))
    views = {name: replace(view, marks=_marks(view, views)) for name, view in views.items()}
    found: list[Finding] = []
    for place, name in enumerate(visited):
        if name in fixed:
            continue
        others = [_without_marks_by(name, views[other]) for other in visited[:place]]
        found += _of_missing(views[name], others, limit)
        found += _of_values(views[name], others, limit)
    return found


def _marks(x: View, views: Mapping[str, View]) -> tuple[Mark, ...]:
    """Return the ranges of a numeric column that are levels of others."""
    if not x.numeric:
        return ()
    return tuple(mark for y in views.values() if not y.numeric for mark in marks(x, y))


def _without_marks_by(name: str, x: View) -> View:
    return replace(x, marks=tuple(mark for mark in x.marks if mark.by != name))


def _independent(rows: Rows) -> NDArray[np.int64]:
    """Return the rows that may be independent: all, or one of each repeated id, of any wave."""
    column = rows.schema.repeated
    if column is None or column.name not in rows.arrays:
        return np.arange(len(rows))
    ids = rows.arrays[column.name]
    order = np.argsort(ids, kind="stable")
    _, first, sizes = np.unique(ids[order], return_index=True, return_counts=True)
    return np.sort(order[first + np.arange(len(first)) % sizes])


def _tried(views: dict[str, View], visited: Sequence[str]) -> int:
    """Count the rules that are tried, at most."""
    sizes = [max(len(views[name].texts), 2) for name in visited]
    pairs = sum(a * b for i, a in enumerate(sizes) for b in sizes[:i])
    return 5 * (pairs + sum(2 * len(sizes[:i]) for i in range(len(sizes))))


def _of_missing(y: View, others: list[View], limit: float) -> list[Finding]:
    """Find conditions under which a column is always missing, or never."""
    found: list[Finding] = []
    left = np.ones_like(y.missing)
    for kind in np.unique(y.kinds[y.missing]):
        having = y.missing & (y.kinds == kind)
        for condition, unexplained in _explaining(having, np.ones_like(having), others, limit):
            exact = np.array_equal(condition.where, y.missing)
            sure = unexplained and (exact or many(condition.where))
            word = ONLY_IF if exact else "if"
            text = f"{named(y.name)} is missing {word} {condition.text}"
            found.append(Finding(y.name, text, sure=sure))
            if exact:
                return found
            left &= ~(condition.where & sure)
    if np.any(y.missing & left):
        for condition, sure in _explaining(~y.missing & left, left, others, limit):
            text = f"{named(y.name)} is present if {condition.text}"
            found.append(Finding(y.name, text, sure=sure and many(condition.where & left)))
    return found


def _of_values(y: View, others: list[View], limit: float) -> list[Finding]:
    """Find what the present values of a column are restricted to, given one other column."""
    if len(y.numbers) < 2:
        return []
    computed = list(_functions(y, others, limit))
    if computed:
        return computed[:1]
    if y.numeric:
        pairs = inequalities(y, [x for x in others if x.dated == y.dated], limit)
        ranges = [rule for x in others if not x.numeric for rule in ranges_of(y, x, limit)]
        found = [Finding(y.name, t, sure=s) for t, s in (*ranges, *pairs)]
        return [*_piles(y, others, limit), *found]
    levels = [x for x in others if not x.numeric]
    nested = {x.name: rule for x in levels if (rule := _nested(y, x, limit))}
    free = [x for x in others if x.name not in nested]
    impossible = [rule for x in levels if x in free for rule in _impossible(y, x, limit)]
    return [*nested.values(), *_only_level(y, free, limit), *impossible]


def _explaining(
    having: Mask, among: Mask, others: list[View], limit: float
) -> Iterator[tuple[Condition, bool]]:
    """Give conditions that explain rows having a property, until none explains more.

    The one that explains most comes first; with each is said whether neither chance nor a logit
    explains it.
    """
    every = [c for x in others for c in conditions(x, having, among) if c.log_p < limit]
    left = having & among
    while every and left.any():
        best = max(every, key=lambda c: (int(np.sum(c.where & left)), c.logit_log_p == -np.inf))
        if not np.any(best.where & left):
            return
        exact = np.array_equal(best.where & among, having & among)
        yield best, exact or best.logit_log_p < limit
        left = left & ~best.where
        every = [c for c in every if c is not best]


def _functions(y: View, others: list[View], limit: float) -> Iterator[Finding]:
    """Give rules by which one other column decides a column, the surest first."""
    found: list[Finding] = []
    for x in others:
        if np.any(x.missing & ~y.missing):
            continue
        known = ~y.missing
        highest = np.full(len(x.numbers), -1)
        np.maximum.at(highest, x.codes[known], y.codes[known])
        if np.array_equal(highest[x.codes[known]], y.codes[known]):
            seen = np.bincount(x.codes[known], minlength=len(x.numbers))
            found += _function(y, x, highest, seen, limit)
    yield from sorted(found, key=lambda each: each.log_p)


def _function(
    y: View, x: View, image: NDArray[np.int64], seen: NDArray[np.int64], limit: float
) -> Iterator[Finding]:
    """Give the rule of one column that decides another: value -> place of its image."""
    there = image >= 0
    image, numbers = image[there], x.numbers[there]
    images = [y.texts[k] for k in image] if y.texts else []
    log_p, numbers_only = one_value_each(seen, y.counts), x.numeric and y.numeric
    if x.texts and not y.numeric and not x.numeric:
        if log_p < limit:
            yield Finding(y.name, f"{named(y.name)} within {named(x.name)}", log_p=log_p)
        return
    text = as_line(x.name, numbers, y.numbers[image]) if numbers_only else ""
    listed = y.numeric and not y.texts and not y.dated and bool(x.texts) and not x.numeric
    if listed:  # one number a level
        images = [np.format_float_positional(v, trim="-") for v in y.numbers[image]]
    if x.texts and images and not numbers_only and len(numbers) <= MOST_LISTED:
        text = as_one(x.name, [t for t, k in zip(x.texts, there, strict=True) if k], images)
    elif not text and not x.texts and images:
        runs = 1 + int(np.sum(image[1:] != image[:-1]))
        log_p += few_runs(np.bincount(image, minlength=len(y.numbers)), runs)
        few = runs <= min(MOST_NAMED, len(y.numbers) + 2)
        text = as_steps(x.name, numbers, images) if few else ""
    if text and log_p < limit:
        same = np.array_equal(x.missing, y.missing)
        sure = not listed or int(seen[seen > 0].min()) >= LEAST_LISTED
        why = "" if sure else FEW.format(LEAST_LISTED)
        rule = text if same else f"{named(y.name)} == ({text})"
        yield Finding(y.name, rule, same, log_p, sure, why)


def _piles(y: View, others: list[View], limit: float) -> list[Finding]:
    """Find conditions under which a numeric column has its commonest value."""
    counts = y.counts
    top = int(counts.argmax())
    if counts[top] < LEAST_ROWS or len(y.numbers) < 3:
        return []
    value = np.format_float_positional(y.numbers[top], trim="-")
    having = ~y.missing & (y.codes == top)
    return [
        Finding(
            y.name,
            f"{named(y.name)} == {value} if {condition.text}",
            sure=sure and many(condition.where & ~y.missing),
        )
        for condition, sure in _explaining(having, ~y.missing, others, limit)
    ]


def _only_level(y: View, others: list[View], limit: float) -> list[Finding]:
    """Find conditions under which a column of levels has one level only."""
    found = []
    for level, text in enumerate(y.texts):
        having = ~y.missing & (y.codes == level)
        for condition, sure in _explaining(having, ~y.missing, others, limit):
            rule = f"{named(y.name)} == {text} if {condition.text}"
            seen = condition.where & ~y.missing
            exact = np.array_equal(seen, having)
            found.append(Finding(y.name, rule, sure=sure and (exact or many(seen))))
    return found


def _impossible(y: View, x: View, limit: float) -> Iterator[Finding]:
    """Give rules on levels of y that never occur beside levels of x, where several others do."""
    known = ~(y.missing | x.missing)
    table = np.zeros((len(y.numbers), len(x.numbers)), dtype=np.int64)
    np.add.at(table, (y.codes[known], x.codes[known]), 1)
    several = (table > 0).sum(axis=0) > 1
    own, others, total = table.sum(axis=1), table.sum(axis=0), int(table.sum())
    for level in np.flatnonzero(own):
        zero = [
            x.texts[k]
            for k in np.flatnonzero((table[level] == 0) & several)
            if none_have(total, int(own[level]), int(others[k])) < limit
        ]
        if zero:
            text = f"{named(y.name)} != {y.texts[level]} if {any_of(x.name, zero)}"
            rows = sum(int(others[k]) for k in range(len(x.texts)) if x.texts[k] in zero)
            yield Finding(y.name, text, sure=seldom(rows))


def _nested(y: View, x: View, limit: float) -> Finding | None:
    """Return the rule that every level of y belongs to one level of x, if that is so."""
    known = ~(y.missing | x.missing)
    pairs = np.unique(np.column_stack([y.codes[known], x.codes[known]]), axis=0)
    sizes = np.bincount(y.codes[known])
    if len(pairs) > np.count_nonzero(sizes) or len(x.numbers) < 2:
        return None
    log_p = one_value_each(sizes, np.bincount(x.codes[known]))
    rule = f"{named(y.name)} within {named(x.name)}"
    return Finding(y.name, rule, log_p=log_p) if log_p < limit else None
