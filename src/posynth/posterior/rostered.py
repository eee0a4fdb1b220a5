"""A default chain for rows of repeated ids: waves, columns of ids, and random intercepts.

The wave is drawn with the ids (family ``roster``), columns that are constant within ids once an id,
and numeric and two-level columns get intercepts of the ids, drawn anew in every copy, where the
ids differ beyond chance: F tests at level ``LEVEL`` of what a line in the wave leaves, and for
numeric columns of slopes of the wave. Products of predictors and the square of the wave join where
they explain more within ids (``chain.interactions``). Other columns are drawn row by row, and so
are those that rules restrict by columns that differ between the rows of an id.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from posynth.chain.blocks import Floats, Rows
from posynth.chain.default import FAMILY_OF_KIND, LEAST_CASES, shrunk
from posynth.chain.groups import LEAST_GROUPS, ROWS_A_GROUP
from posynth.chain.interactions import Pair, find_interactions, products_of, told
from posynth.chain.spec import ROSTER, ChainSpec, Conditional
from posynth.table.schema import Column, Kind, Schema

LEVEL = 0.01
#: Rows of an id from which on its slope is looked at.
LEAST_FOR_SLOPE = 3
APART = "drawn row by row: rows of one {} are independent given its predictors"


def with_roster(rows: Rows, spec: ChainSpec, fixed: Collection[str]) -> ChainSpec:
    """Give the columns of a default chain the families that rows of repeated ids need.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    spec : ChainSpec
        The chain.
    fixed : collection of str
        Columns that stay as they are.

    Returns
    -------
    ChainSpec
        Without a repeated identifier the chain as it is.
    """
    column = rows.schema.repeated
    if column is None or column.roster is None:
        return spec
    roster = column.roster
    enough = roster.groups >= LEAST_GROUPS
    many = enough and roster.groups <= len(rows) // ROWS_A_GROUP
    for c in spec:
        if c.column in fixed or c.computed or c.formula or c.strata:
            continue
        if c.indicates and not (c.column in roster.constant and enough):
            continue
        if c.target == roster.wave:
            note = f"drawn with the ids of {column.name!r}, never twice in one of {roster.count}"
            changed = Conditional(c.target, ROSTER, (), note=note)
        elif c.indicates:
            changed = _missing_once(c, rows, column)
        elif c.target in roster.constant and enough:
            changed = _once(c, spec, rows, column)
        else:
            columns = spec.predictors(c.target)
            changed = _within(c, columns, rows, column) if many else _apart(c, column)
        spec = spec.with_conditional(changed)
    return spec


def rostered(spec: ChainSpec) -> set[str]:
    """Return the conditionals that a roster decides the form of."""
    return {c.target for c in spec if c.family == ROSTER or c.per_group or c.new_groups}


def by_ids(spec: ChainSpec, methods: Mapping[str, str]) -> set[str]:
    """Return the columns to which ids, and no user, gave their form."""
    return {c.target for c in spec if (c.per_group or c.new_groups) and not methods.get(c.target)}


def without_ids(c: Conditional, schema: Schema) -> Conditional:
    """Return a conditional without intercepts of ids: the rules of a column come first."""
    kind = schema[c.target].kind
    note = f"default for {kind.value} columns; {APART.format(repr(c.new_groups))}"
    return Conditional(c.target, FAMILY_OF_KIND[kind], c.predictors, engine=c.engine, note=note)


def _once(c: Conditional, spec: ChainSpec, rows: Rows, column: Column) -> Conditional:
    """Fit a column on one row an id."""
    assert column.roster is not None
    before, family = spec.earlier(c.target), FAMILY_OF_KIND[rows.schema[c.target].kind]
    few = replace(rows.schema, rows=column.roster.groups)
    note = f"constant within each {column.name!r}: drawn once an id"
    link = shrunk(Conditional(c.target, family, c.predictors, note=note), before, few)
    return replace(link, per_group=column.name, engine=c.engine)


def _missing_once(c: Conditional, rows: Rows, column: Column) -> Conditional:
    """Let a column be missing in all rows of an id or in none."""
    _, first = np.unique(rows.arrays[column.name], return_index=True)
    cases = int(np.isnan(rows.arrays[c.column][first]).sum())
    note = f"missing in all rows of {cases} of {len(first)} {column.name!r}, drawn once an id"
    if min(cases, len(first) - cases) < LEAST_CASES:
        return Conditional(
            c.target, "dirichlet", (), indicates=c.column, per_group=column.name, note=note
        )
    return replace(c, per_group=column.name, note=note)


def _within(c: Conditional, columns: tuple[str, ...], rows: Rows, column: Column) -> Conditional:
    """Give a column intercepts of ids, and slopes of the wave, where ids differ."""
    assert column.roster is not None
    kind, wave = rows.schema[c.target].kind, column.roster.wave
    family = {Kind.BINARY: "bernoulli_ml"}.get(kind, "gaussian_ml" if kind.is_numeric else "")
    if not family:
        return _apart(c, column)
    y, codes = rows.arrays[c.target], np.floor(rows.arrays[column.name]).astype(np.int64)
    numeric = bool(wave) and rows.schema[wave].kind.is_numeric
    there = ~np.isnan(y)
    x = rows.arrays[wave][there] if numeric else np.zeros(int(there.sum()))
    if not _intercepts_differ(y[there], x, codes[there]):
        return _apart(c, column)
    slopes: tuple[str, ...] = ()
    read = numeric and wave in columns
    if read and family == "gaussian_ml" and _slopes_differ(y[there], x, codes[there]):
        slopes = (wave,)
    what = f"intercepts{' and slopes of ' + repr(wave) if slopes else ''} of each"
    note = f"{what} {column.name!r} differ beyond chance; copies draw them anew"
    pairs = _products(rows, columns, wave if read else "", c.target, codes)
    note += told(pairs)
    return Conditional(
        c.target,
        family,
        c.predictors,
        engine=c.engine,
        new_groups=column.name,
        slopes=slopes,
        interactions=pairs,
        note=note,
    )


def _products(
    rows: Rows, columns: tuple[str, ...], wave: str, target: str, codes: NDArray[np.int64]
) -> tuple[Pair, ...]:
    """Find products of predictors, and the square of the wave, that say more within ids."""
    there = ~np.isnan(rows.arrays[target])
    products = products_of(rows, columns, there, 0)
    if wave and len(np.unique(rows.arrays[wave][there])) > 2:
        square = rows.arrays[wave][there] ** 2
        products[wave, wave] = (square - square.mean())[:, None] / square.std()
    inside = {pair: _columns_centred(P, codes[there]) for pair, P in products.items() if P.shape[1]}
    blocks = [rows.block(name).values[there] for name in columns]
    X = np.nan_to_num(np.hstack([np.empty((int(there.sum()), 0)), *blocks]))
    y = _centred(rows.arrays[target][there], codes[there])[:, None]
    return find_interactions(inside, _columns_centred(X, codes[there]), y / y.std())


def _columns_centred(matrix: Floats, codes: NDArray[np.int64]) -> Floats:
    """Return columns less their means within groups, without those that are constant there."""
    found = [_centred(values, codes) for values in matrix.T]
    kept = [each for each in found if np.abs(each).max(initial=0) > 1e-9]
    return np.column_stack([np.empty((len(matrix), 0)), *kept])


def _apart(c: Conditional, column: Column) -> Conditional:
    return replace(c, note=f"{c.note}; {APART.format(repr(column.name))}")


def _intercepts_differ(y: Floats, x: Floats, codes: NDArray[np.int64]) -> bool:
    """Test whether groups differ beyond chance in what a line in x leaves of y."""
    lined = x - x.mean()
    slope = lined @ y / (lined @ lined) if lined.any() else 0.0
    left = y - slope * lined
    sizes = np.bincount(codes)
    sizes = sizes[sizes > 0]
    inside = _centred(left, codes)
    within, total = float(inside @ inside), float(np.sum((left - left.mean()) ** 2))
    return _f_test(total - within, len(sizes) - 1, within, len(y) - len(sizes) - bool(slope))


def _slopes_differ(y: Floats, x: Floats, codes: NDArray[np.int64]) -> bool:
    """Test whether groups have slopes of their own beside intercepts."""
    _, codes, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    long = sizes[codes] >= LEAST_FOR_SLOPE
    if not long.any():
        return False
    _, codes = np.unique(codes[long], return_inverse=True)
    a, b = _centred(x[long], codes), _centred(y[long], codes)
    groups = int(codes.max()) + 1
    xx, xy = np.bincount(codes, a * a), np.bincount(codes, a * b)
    varies = xx > 0
    if groups < LEAST_GROUPS or not varies.any():
        return False
    common = float(b @ b - xy.sum() ** 2 / xx.sum())
    own = float(b @ b - np.sum(xy[varies] ** 2 / xx[varies]))
    df = len(a) - groups - int(varies.sum())
    return _f_test(common - own, int(varies.sum()) - 1, own, df)


def _centred(values: Floats, codes: NDArray[np.int64]) -> Floats:
    counts = np.maximum(np.bincount(codes), 1)
    found: Floats = values - (np.bincount(codes, values) / counts)[codes]
    return found


def _f_test(more: float, df: int, left: float, left_df: int) -> bool:
    if df < 1 or left_df < 1 or left <= 0:
        return df >= 1 and left_df >= 1 and more > 0
    return bool(f_distribution.sf(more / df / (left / left_df), df, left_df) < LEVEL)
