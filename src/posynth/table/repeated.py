"""Repeated identifiers are recognised: persons in long data, schools of pupils.

Of a column with many values that repeat it is asked whether another column never has a value twice
within one of them (a wave), and which columns have one value within each (``table.arrangement``
gives the probability of either under independence). A column whose name suggests a key is an
identifier if a wave, or each of two constant columns, is less likely than ``CHANCE`` divided by the
number of pairs looked at. Without such a name there must be a wave, less likely than ``UNNAMED``
divided by it, and if it is a number two constant columns as well; a number that is fully crossed
with its wave is a factor. Of texts of more values than are modelled, which would be new in each row
of a copy, one constant column, less likely than that, is enough: doctors of a hospital. A number
may be arbitrary, as that of a professor is: then three constant columns, less likely than that, are
enough if they do not follow it, as what depends on an age or a year does. At most one in a hundred
tables of independent columns gets any. A column that is declared to be an identifier
is one without any of this.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posynth.table.arrangement import all_differ, one_value_each
from posynth.table.bounds import seen_bounds
from posynth.table.codec import encode
from posynth.table.roster import BLANK, Roster
from posynth.table.schema import Column, Kind

type Codes = NDArray[np.int64]

CHANCE = 0.01
UNNAMED = 1e-6
#: Ids below which a column is one of levels, with and without a name that says otherwise.
LEAST_IDS, LEAST_UNNAMED = 10, 30
#: Share of rows whose id has other rows too.
LEAST_SHARED = 0.5
#: Different values of a wave at most.
MOST_WAVES = 2000
#: Expected repeats of a value within ids below which their absence shows nothing.
LEAST_REPEATS = 4.0
#: Ids that must have a pattern of waves before copies may have just that pattern.
LEAST_ALIKE = 3
#: Numbers that may be years; columns that must not follow a number, and sds by which they may.
YEARS, LEAST_ARBITRARY, MOST_ALIKE = (1700, 2100), 3, 2.0
NAME = re.compile(
    r"(?i)^(?:.*[\W_])?(?:\w*id|id(?:nr|no|num|s)?|subj(?:ect)?|person|patient|participant|pupil|"
    r"student|school|class|hospital|clinic|cent(?:er|re)|site|family|fam|household|hh|cluster|"
    r"respondent|animal|rat|plot|firm|company|teacher|doctor|physician|worker|employee)"
    r"(?:[\W_]?(?:id|nr|no|num|number|code|key))?$"
)


@dataclass(frozen=True)
class _Found:
    """A column that may be a repeated identifier, and what speaks for it."""

    column: Column
    codes: Codes
    roster: Roster
    named: bool


def with_rosters(frame: pd.DataFrame, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return the columns, the repeated identifier among them described as one.

    Parameters
    ----------
    frame : pandas.DataFrame
        Canonical values, shape (n, p).
    columns : tuple of Column
        Their description.

    Examples
    --------
    >>> from posynth.table.frame import table_from_frame
    >>> frame = pd.DataFrame({"id": np.repeat(np.arange(501, 521), 4), "wave": [1, 2, 3, 4] * 20})
    >>> table_from_frame(frame).schema["id"].kind.value
    'identifier'
    """
    able = [c for c in columns if _may_be(c, frame[c.name])]
    if not able:
        return columns
    codes = {c.name: pd.factorize(frame[c.name])[0].astype(np.int64) for c in columns}
    limit = np.log(CHANCE / (2 * len(able) * len(columns)))
    found = [each for c in able if (each := _judged(c, frame, columns, codes, limit))]
    if not found:
        return columns
    best = max(found, key=_rank)
    said = _as_identifier(best)
    others = {each.column.name for each in found} - {said.name, best.roster.wave}
    bounded = [_bounded(c, frame[c.name], best.codes) for c in columns]
    return tuple(
        said if c.name == said.name else _second(c, said.name) if c.name in others else c
        for c in bounded
    )


def _rank(found: _Found) -> tuple[bool, bool, int]:
    return found.named, bool(found.roster.wave), found.roster.count


def _may_be(column: Column, values: pd.Series) -> bool:
    """Whether a column has many values that repeat, and is not declared to be something else."""
    whole = column.kind in (Kind.COUNT, Kind.CONTINUOUS) and column.decimals == 0
    asked = column.note.startswith("declared")
    if asked and column.kind is not Kind.IDENTIFIER:
        return False
    if not (whole or column.kind in (Kind.NOMINAL, Kind.IDENTIFIER)) or column.clock:
        return False
    sizes = values.value_counts().to_numpy()
    sizes = sizes[sizes > 0]
    least = LEAST_IDS if asked or NAME.match(column.name) else LEAST_UNNAMED
    return len(sizes) >= least and bool(sizes[sizes > 1].sum() >= LEAST_SHARED * len(values))


def _judged(
    column: Column,
    frame: pd.DataFrame,
    columns: tuple[Column, ...],
    codes: dict[str, Codes],
    limit: float,
) -> _Found | None:
    """Hold one column to what independence of the others would give."""
    own = codes[column.name]
    known = own >= 0
    groups = np.bincount(own[known])
    others = [c for c in columns if c.name != column.name and c.kind.is_modelled]
    named, asked = bool(NAME.match(column.name)), column.note.startswith("declared")
    bar = limit if named or asked else limit + np.log(UNNAMED / CHANCE)
    whole = [c for c in others if not c.missing]
    waves = [c for c in whole if _is_wave(own[known], codes[c.name][known], groups, bar)]
    # A missing value counts as one of its own: it is missing in all rows of an id, or in none.
    constant = [
        c
        for c in others
        if not c.missing_kinds
        and _is_constant(
            own[known], codes[c.name][known] + 1, groups, limit, measured=_is_measured(c)
        )
    ]
    number = column.kind in (Kind.COUNT, Kind.CONTINUOUS)
    wave = min(waves, key=lambda c: int(codes[c.name].max()), default=None)
    shown = asked or _is_shown(column, wave, constant, own, codes, (named, bar))
    if not (shown or (number and _is_arbitrary(column, frame, constant, own, codes, bar))):
        return None
    roster = _roster(own, wave, frame, groups)
    return _Found(column, own, replace(roster, constant=tuple(c.name for c in constant)), named)


def _is_shown(
    column: Column,
    wave: Column | None,
    constant: list[Column],
    own: Codes,
    codes: dict[str, Codes],
    demand: tuple[bool, float],
) -> bool:
    """Whether a wave and constant columns show an identifier, by its name and kind."""
    (named, bar), known = demand, own >= 0
    groups = np.bincount(own[known])
    if column.kind is Kind.IDENTIFIER:
        first = (_is_constant(own[known], codes[c.name][known] + 1, groups, bar) for c in constant)
        if any(first):
            return True
    if named:
        return wave is not None or len(constant) > 1
    if wave is None:
        return False
    if column.kind not in (Kind.COUNT, Kind.CONTINUOUS):
        return True
    grid = len(groups) * (int(codes[wave.name].max()) + 1) == int(known.sum())
    return not grid and len(constant) > 1


def _is_arbitrary(
    column: Column,
    frame: pd.DataFrame,
    constant: list[Column],
    own: Codes,
    codes: dict[str, Codes],
    bar: float,
) -> bool:
    """Whether several columns are constant within a number and do not follow it."""
    numbers, known = encode(column, frame[column.name]), own >= 0
    if YEARS[0] <= np.nanmin(numbers) and np.nanmax(numbers) <= YEARS[1]:
        return False
    groups, first = np.bincount(own[known]), np.unique(numbers[known], return_index=True)[1]
    free = 0
    for c in constant:
        if _is_constant(own[known], codes[c.name][known] + 1, groups, bar):
            free += not _follows(encode(c, frame[c.name])[known][first], c.kind.is_numeric)
    return free >= LEAST_ARBITRARY


def _is_measured(column: Column) -> bool:
    """Whether a column holds numbers with decimals, which are no other name of an id."""
    return column.kind is Kind.CONTINUOUS and column.decimals != 0


def _follows(values: NDArray[np.float64], numeric: bool) -> bool:
    """Whether neighbours, in the order of a number, are more alike than in a random order."""
    a, b = values[:-1], values[1:]
    there = ~(np.isnan(a) | np.isnan(b))
    a, b, n = a[there], b[there], int(there.sum())
    if n < LEAST_UNNAMED // 2:
        return True
    if numeric:
        ranks = np.argsort(np.argsort(np.concatenate([a, b[-1:]]), kind="stable"), kind="stable")
        return bool(np.corrcoef(ranks[:-1], ranks[1:])[0, 1] * np.sqrt(n) > MOST_ALIKE)
    shares = np.unique(values[~np.isnan(values)], return_counts=True)[1] / np.sum(~np.isnan(values))
    p = float(np.sum(shares**2))
    return bool((np.mean(a == b) - p) * np.sqrt(n) > MOST_ALIKE * np.sqrt(p * (1 - p) + 1e-12))


def _is_wave(own: Codes, other: Codes, groups: Codes, limit: float) -> bool:
    """Whether a column never has a value twice within an id, beyond chance."""
    values = np.bincount(other)
    if len(values) > MOST_WAVES or len(values) < groups.max() or groups.max() < 2:
        return False
    largest = other[own == groups.argmax()]
    if len(np.unique(largest)) < len(largest) or _repeats(groups, values) < LEAST_REPEATS:
        return False  # what nearly every pair of columns is, found at once
    pairs = np.unique(own * len(values) + other)
    return len(pairs) == len(own) and all_differ(groups, values) < limit


def _repeats(groups: Codes, values: Codes) -> float:
    """Return the pairs of equal values within ids that independence makes one expect."""
    n = float(groups.sum())
    alike = [float(np.sum(c * (c - 1.0))) for c in (groups, values)]
    return alike[0] * alike[1] / (2 * n * (n - 1))


def _is_constant(
    own: Codes, other: Codes, groups: Codes, limit: float, *, measured: bool = False
) -> bool:
    """Whether a column has one value within each id, beyond chance, and is no other name of it."""
    values = np.bincount(other)
    values = values[values > 0]
    if len(values) < 2 or (len(values) >= len(groups) and not measured):
        return False
    first = np.zeros(len(groups), dtype=np.int64)
    first[own] = other
    return bool((first[own] == other).all()) and one_value_each(groups, values) < limit


def _roster(own: Codes, wave: Column | None, frame: pd.DataFrame, groups: Codes) -> Roster:
    """Count patterns of rows and waves."""
    known = own >= 0
    blank = int((~known).sum())
    if wave is None:
        sizes, ids = np.unique(groups, return_counts=True)
        return Roster(tuple(sizes.tolist()), tuple(ids.tolist()), blank=blank)
    values = encode(wave, frame[wave.name])
    support, places = np.unique(values, return_inverse=True)
    order = np.lexsort((places[known], own[known]))
    cuts = np.cumsum(groups)[:-1]
    patterns = [tuple(part.tolist()) for part in np.split(places[known][order], cuts)]
    kept: Counter[tuple[int, tuple[int, ...]]] = Counter()
    for pattern, count in Counter(patterns).items():
        shown = count >= LEAST_ALIKE or pattern == tuple(range(len(pattern)))
        kept[len(pattern), pattern if shown else ()] += count
    entries = sorted(kept.items())
    return Roster(
        tuple(size for (size, _), _ in entries),
        tuple(ids for _, ids in entries),
        tuple(pattern for (_, pattern), _ in entries),
        wave.name,
        tuple(support.tolist()),
        tuple(np.bincount(places).tolist()),
        blank=blank,
    )


def _bounded(column: Column, values: pd.Series, own: Codes) -> Column:
    """Let bounds rest on ids: what all rows of one id share is a value of somebody's."""
    if column.kind not in (Kind.COUNT, Kind.CONTINUOUS) or column.clock:
        return column
    numbers, there = encode(column, values), ~values.isna().to_numpy(dtype=bool)
    different, rows = np.unique(numbers[there], return_counts=True)
    if not len(different):
        return column
    pairs = np.unique(np.column_stack([own[there], numbers[there]]), axis=0)
    ids = np.unique(pairs[:, 1], return_counts=True)[1]
    before = seen_bounds(different, rows.astype(np.float64), column.decimals)[2]
    lower, upper, why = seen_bounds(different, ids.astype(np.float64), column.decimals)
    why = why.replace("rows)", "ids)")
    note = column.note.replace(before, why) if before else f"{column.note}; {why}"
    return replace(column, lower=lower, upper=upper, note=note.strip("; "))


def _as_identifier(found: _Found) -> Column:
    """Describe a repeated identifier: its values are no levels of copies."""
    column, roster = found.column, found.roster
    low, high = min(roster.sizes), max(roster.sizes)
    rows = f"{low} rows each" if low == high else f"{low} to {high} rows each"
    said = [f"repeated identifier of {roster.count} ids with {rows}"]
    if roster.wave:
        said.append(f"{roster.wave!r} differs between the rows of each")
    if roster.constant:
        said.append(f"constant within each: {', '.join(map(repr, roster.constant))}")
    if roster.blank:
        said.append(f"{roster.blank} rows have none")
    if not roster.wave and not roster.constant:
        said.append("no column shows it beyond chance")
    usual = "nominal" if column.kind is Kind.IDENTIFIER else column.kind.value
    said.append(f"copies hold new ids; kinds={{{column.name!r}: {usual!r}}} models it all the same")
    asked = "declared identifier; " if column.note.startswith("declared") else ""
    return replace(
        column,
        kind=Kind.IDENTIFIER,
        levels=(),
        categories=(),
        lower=None,
        upper=None,
        ordered=False,
        missing_kinds=(),
        note=asked + "; ".join(said),
        roster=roster,
    )


def _second(column: Column, first: str) -> Column:
    note = f"{column.note}; it looks like a repeated identifier too, but a table has one, {first!r}"
    if column.kind is not Kind.IDENTIFIER:
        note += f"; kinds={{{column.name!r}: 'identifier'}} fills it with row numbers"
    return replace(column, note=note)


def id_codes(values: pd.Series) -> NDArray[np.float64]:
    """Return the group of each row, numbered in order of appearance; see `Roster.draw`."""
    codes = pd.factorize(values)[0].astype(np.float64)
    blank = codes < 0
    codes[blank] = codes.max(initial=-1) + 1 + np.arange(int(blank.sum())) + BLANK
    return codes
