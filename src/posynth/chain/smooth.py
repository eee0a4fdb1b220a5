r"""Blocks of a structured additive design: curves, all levels of a factor, products of a pair.

A numeric predictor enters as a straight line, and as the functions of its normal score that bend
least: with f a natural cubic spline, the functions that are orthogonal under :math:`N(0, 1)` and
in the penalty :math:`\int f''^2` (Demmler and Reinsch), each scaled by the inverse root of its
penalty. So one scale a predictor, which multiplies all of them, says how wiggly its curve is.
A factor enters by all of its levels, which are shrunk towards their mean, so that none is a
reference and a rare one is not left out. A pair enters by products of a few functions of each.

References
----------
Demmler, A. and Reinsch, C. (1975). Oscillation matrices with spline smoothing. Numerische
Mathematik 24, 375-382.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Block, Rows
from posynth.chain.spline import natural_spline

type Floats = NDArray[np.float64]

#: Functions of a numeric predictor in a product, the straight line first, and their size.
IN_PRODUCT, DAMPED = 4, 0.6
#: Kurtosis beyond which the straight line is that of the normal score.
HEAVY = 9.0
#: Name of a block that is none: coefficients with a wide prior of their own.
ALONE = ""


def curves(scores: Floats, columns: int) -> Floats:
    """Return the functions of a score that bend least, the straight line first, (n, columns).

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Normal scores; NaN gives a row of NaN.
    columns : int
        How many, 2 or more.

    Examples
    --------
    >>> import numpy as np
    >>> curves(np.array([0.0, 1.0]), 3).shape
    (2, 3)
    """
    turned: Floats = natural_spline(scores, columns) @ _ordered(columns)
    return turned


@cache
def _ordered(columns: int) -> Floats:
    """Return what turns a natural spline into functions ordered by how much they bend."""
    nodes = np.linspace(-3.0, 3.0, 1201)
    step = nodes[1] - nodes[0]
    terms = natural_spline(nodes, columns)[:, 1:]
    second = np.diff(terms, 2, axis=0) / step**2
    penalty, turn = np.linalg.eigh(second.T @ second * step)
    sizes = 1 / np.sqrt(penalty)
    sizes = sizes / np.sqrt(np.sum(sizes**2))
    found = np.zeros((columns, columns))
    found[0, 0] = sizes[0]
    found[1:, 1:] = turn * sizes
    return found


def is_heavy(values: Floats) -> bool:
    """Whether a column's tails are so long that a straight line of its values is no help."""
    present = values[~np.isnan(values)]
    sd = float(present.std()) if len(present) else 0.0
    return sd > 0 and float(np.mean(((present - present.mean()) / sd) ** 4)) > HEAVY


def smooth_block(rows: Rows, name: str, columns: int, heavy: bool) -> tuple[Block, list[str]]:
    """Return the columns of one predictor and the block each belongs to.

    Parameters
    ----------
    rows : Rows
        Encoded columns.
    name : str
        The predictor, or an indicator by its own name.
    columns : int
        Functions of a numeric predictor beside its straight line.
    heavy : bool
        Whether that line is of the normal score.
    """
    plain = rows.block(name)
    if name not in rows.schema or not rows.schema[name].kind.is_modelled:
        return plain, [ALONE] * len(plain.names)
    column, values = rows.schema[name], rows.arrays[name]
    flags = int(name in rows.indicators)
    names, parts = list(plain.names[:flags]), [plain.values[:, :flags]]
    groups = [ALONE] * flags
    if column.kind.is_categorical:
        names += [f"{name}[{level}]" for level in column.levels]
        parts.append(_levels(values, len(column.levels)))
        groups += [name] * len(column.levels)
        return Block(tuple(names), np.hstack(parts)), groups
    names.append(name)
    groups.append(ALONE)
    if name not in rows.learned:
        return Block(tuple(names), np.hstack([*parts, values[:, None]])), groups
    scale = rows.learned[name]
    scores = scale.scores(values)
    parts.append((scores if heavy else values)[:, None])
    count = min(columns, scale.distinct - 2)
    if count >= 2:
        parts.append(curves(scores, count))
        names += [f"{name}~{k + 1}" for k in range(count)]
        groups += [name] * count
    return Block(tuple(names), np.hstack(parts)), groups


def product_block(
    rows: Rows, pair: Sequence[str], seen: dict[str, tuple[list[str], Floats]] | None = None
) -> tuple[Block, list[str]]:
    """Return products of two predictors' functions; 0 where one is missing.

    They are one block, but for the product of two straight lines: analysts look for it, and with
    those of curves it would be shrunk as they are. ``seen`` keeps the functions of a predictor for
    further pairs.
    """
    seen = {} if seen is None else seen
    for name in pair:
        if name not in seen:
            seen[name] = _effects(rows, name)
    (left, A), (right, B) = (seen[name] for name in pair)
    names = tuple(f"{a}:{b}" for a in left for b in right)
    values = (A[:, :, None] * B[:, None, :]).reshape(len(rows), -1)
    together = ":".join(pair)
    groups = [together] * len(names)
    numeric = {n for n in pair if n in rows.schema and rows.schema[n].kind.is_numeric}
    if names and numeric == {*pair}:
        groups[0] = ALONE
    return Block(names, values), groups


def _effects(rows: Rows, name: str) -> tuple[list[str], Floats]:
    """Return the functions of one predictor that enter a product."""
    if name in rows.indicators.values():
        return [name], rows.block(name).values
    column, values = rows.schema[name], rows.arrays[name]
    if column.kind.is_categorical:
        count = len(column.levels)
        return [f"{name}[{level}]" for level in column.levels], _levels(values, count) - 1 / count
    if name not in rows.learned:
        center, spread = np.nanmean(values), np.nanstd(values) or 1.0
        return [name], np.nan_to_num((values - center) / spread)[:, None]
    scale = rows.learned[name]
    scores = scale.scores(values)
    count = min(IN_PRODUCT, scale.distinct - 2)
    if count < 2:
        return [name], np.nan_to_num(scores)[:, None]
    bent = natural_spline(scores, count) @ (
        _ordered(count) / np.linalg.norm(_ordered(count), axis=0)
    )
    bent[:, 1:] *= DAMPED
    return [name, *(f"{name}~{k}" for k in range(1, count))], np.nan_to_num(bent)


def _levels(codes: Floats, count: int) -> Floats:
    """Return one 0/1 column a level, (n, count); a missing code is in none."""
    found: Floats = (codes[:, None] == np.arange(count)).astype(np.float64)
    return found
