"""Passive columns: computed from columns drawn before, and checked on the source."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.dependence import ALLOWED
from posynth.chain.rule import Values, read_rule
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import FitError, SpecError
from posynth.table.codec import as_released
from posynth.table.schema import Column, Schema

#: In place of a value where all sources are present but the rule gives none: 1 / 0, or a text that
#: is no level. A hole is NaN.
UNDEFINED = np.inf
#: Relative error of arithmetic, that of a table in single precision at most.
CLOSE, CLOSE_ROUNDED = 1e-6, 1e-9
#: What the note of a passive conditional begins with.
COMPUTED = "computed, not modelled"


def computed(rows: Rows, column: Column, text: str, rounded: bool = True) -> Floats:
    """Apply a rule to encoded columns.

    Parameters
    ----------
    rows : Rows
        Columns, encoded, n rows.
    column : Column
        The passive column.
    text : str
        Its rule.
    rounded : bool
        Whether to round to the column's decimals.

    Returns
    -------
    ndarray, shape (n,)
        Encoded values: NaN where a source is missing, and ``UNDEFINED`` where the rule gives no
        value of this column.
    """
    rule = read_rule(text)
    arrays = {name: rows.arrays[name] for name in rule.sources}
    whole = ~np.any([np.isnan(values) for values in arrays.values()], axis=0)
    found, levels = np.full(len(whole), np.nan), column.kind.is_categorical
    if whole.any():
        taken = {name: _written(rows.schema[name], v[whole]) for name, v in arrays.items()}
        try:
            values = rule.values(taken)
        except SpecError as error:
            raise SpecError(f"column {column.name!r}: {error}") from None
        found[whole] = _codes(column, values) if levels else _numbers(column, values, rounded)
    return found


def drawn_values(rows: Rows, column: Column, text: str) -> Floats:
    """Apply a rule to drawn rows, (n,).

    Raises
    ------
    FitError
        If drawn sources take values for which the rule is not defined.
    """
    found = computed(rows, column, text)
    undefined = int(np.isinf(found).sum())
    if undefined:
        raise FitError(
            f"column {column.name!r}: its rule {text!r} gives no value of this column in "
            f"{undefined} of {len(found)} drawn rows; write a rule that is defined for every value "
            "its sources can take, or give the sources a family that draws no others"
        )
    return found


def _written(column: Column, values: Floats) -> Values:
    """Return numbers, or levels: as numbers where all of them are, else as text."""
    if not column.kind.is_categorical:
        return values
    return _level_values(column)[values.astype(np.int64)]


def _level_values(column: Column) -> Values:
    if all(isinstance(level, int | float) for level in column.levels):
        return np.array([float(level) for level in column.levels])
    return np.array([str(level) for level in column.levels], dtype=object)


def _numbers(column: Column, values: Values, rounded: bool) -> Floats:
    if values.dtype.kind != "f":
        raise SpecError(f"column {column.name!r} has numbers, but its rule gives text")
    if rounded:
        values = as_released(column, values)
    return np.where(np.isfinite(values), values, UNDEFINED)


def _codes(column: Column, values: Values) -> Floats:
    """Return level indices; a number may be a level, or the place of a level that is text."""
    levels = _level_values(column)
    if levels.dtype.kind == "O" and values.dtype.kind == "f":
        levels = np.arange(len(levels), dtype=np.float64)
    codes = np.full(len(values), UNDEFINED)
    for code, level in enumerate(levels):
        codes[values == level] = code
    return codes


def breaks(rows: Rows, column: Column, text: str) -> NDArray[np.bool_]:
    """Tell in which rows of the source a rule does not hold, (n,).

    It holds where the value is a correct rounding, halves up or down, of what the rule gives, or
    where both are missing.
    """
    rule, values = computed(rows, column, text, rounded=False), rows.arrays[column.name]
    both = ~np.isnan(rule) & ~np.isnan(values)
    given = np.where(both, values, 0.0)
    half, close = 0.0, CLOSE
    if column.decimals is not None:
        half, close = 0.5 * 10.0**-column.decimals, CLOSE_ROUNDED
    near = np.abs(np.where(both, rule, 0.0) - given) <= half * (1 + CLOSE) + close * np.abs(given)
    broken: NDArray[np.bool_] = ~np.where(both, near, np.isnan(rule) & np.isnan(values))
    return broken


def verified(rows: Rows, spec: ChainSpec) -> ChainSpec:
    """Hold every rule of a chain to the source, and note in how many rows it holds.

    Raises
    ------
    SpecError
        If a rule does not hold in more rows than are allowed, or copies would have holes in a
        column that can hold none.
    """
    for conditional in spec:
        if conditional.passive:
            column = rows.schema[conditional.target]
            _refuse_holes(rows.schema, column, conditional)
            broken = breaks(rows, column, conditional.passive)
            share = float(broken.mean()) if len(broken) else 0.0
            allowed = float(np.max(conditional.options.get("violations", ALLOWED)))
            if share > allowed:
                raise SpecError(_said(rows, column, conditional.passive, broken, allowed))
            held = "all" if share == 0 else f"{1 - share:.2%} of"
            note = f"{COMPUTED}; holds in {held} {len(rows)} rows"
            if not conditional.note or conditional.note.startswith(COMPUTED):
                spec = spec.with_conditional(replace(conditional, note=note))
    return spec


def _refuse_holes(schema: Schema, column: Column, conditional: Conditional) -> None:
    sources = read_rule(conditional.passive).sources
    holed = [name for name in sources if schema[name].missing]
    if holed and not column.missing:
        raise SpecError(
            f"column {column.name!r}, rule {conditional.passive!r}: it has no missing value, but "
            f"its source {holed[0]!r} has {schema[holed[0]].missing}, so the rule does not tell "
            "all of its values; model it, or leave the source's holes out of the table"
        )


def _said(rows: Rows, column: Column, text: str, broken: NDArray[np.bool_], allowed: float) -> str:
    first = int(np.flatnonzero(broken)[0])
    found, ruled = rows.arrays[column.name][first], computed(rows, column, text)[first]
    return (
        f"column {column.name!r}, rule {text!r}: it does not hold in {int(broken.sum())} of "
        f"{len(broken)} rows ({broken.mean():.1%}), more than the {allowed:.1%} allowed; for "
        f"example the column holds {_shown(column, found)} and the rule gives "
        f"{_shown(column, ruled)}. Correct the rule, or accept that copies obey it where the "
        "source does not: options = {violations = SHARE} in the chain file, --violations SHARE"
    )


def _shown(column: Column, value: float) -> str:
    if np.isnan(value):
        return "nothing"
    if np.isinf(value):
        return "no value of this column"
    if column.kind.is_categorical:
        return repr(column.levels[int(value)])
    return f"{value:.10g}"
