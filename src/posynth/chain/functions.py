r"""Numeric columns that are functions of others in every row: sums, ratios, powers, logarithms.

A column y is looked for among

.. math:: y = a + b f(x), \quad y = a + \sum_j b_j x_j, \quad y = c \prod_j x_j^{k_j}

with f a power, a root, a logarithm or an exponential, at most ``MOST_SOURCES`` sources, exponents
that are multiples of one half, and coefficients that are units: of one digit, or known ones. Others
may be statistics of the rows (a mean, a total), which a rule would publish. A function
counts only if each value of the column is a correct rounding of it in all rows, and it is missing
where a source is: ``chain.passive.breaks``. A regression would blur such a column.

The sum and the product are found by forward selection on logarithms or values of at most
``MOST_ROWS`` rows, evenly spaced; what one more source leaves over must be rounding.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Rows
from posynth.chain.passive import breaks
from posynth.chain.rule import named, read_rule
from posynth.chain.units import (
    DIGITS,
    is_zero_point,
    near_unit,
    product_text,
    shortest,
    sum_text,
    unit_between,
)
from posynth.errors import SpecError
from posynth.table.schema import Column, Kind

type Floats = NDArray[np.float64]

MOST_SOURCES, MOST_ROWS = 5, 400
#: Rows for a coefficient, and different values for a coefficient, below which it may be chance.
ROWS_A_COEFFICIENT, VALUES_A_COEFFICIENT = 20, 4
#: Unit of the last decimal, in sds of the column, above which rounding alone explains too much.
COARSEST = 0.5
#: Exponents are multiples of 1 / 2; relative error of arithmetic of a column in full precision.
HALVES, PRECISE = 2, 1e-9
WHOLES = (1.0, 100.0)
_PLAIN: dict[str, Callable[[Floats], Floats]] = {
    "{}": np.positive,
    "log({})": np.log,
    "log10({})": np.log10,
    "log1p({})": np.log1p,
    "{} ** 2": np.square,
    "{} ** 3": lambda x: x**3,
}
#: A division by something else than a number.
_DIVIDES = re.compile(r"/\s*(?![\s\d.])")
_INVERSE: dict[str, Callable[[Floats], Floats]] = {
    "sqrt({})": np.sqrt,
    "(1 / {})": np.reciprocal,
    "exp({})": np.exp,
}


@dataclass(frozen=True)
class Sample:
    """The rows looked at: the target, its half unit, (n,), and possible sources, (n,) each."""

    y: Floats
    half: Floats
    sources: dict[str, Floats]


def functions(
    rows: Rows,
    visited: Sequence[str],
    fixed: Collection[str] = (),
    ordered: bool = False,
) -> dict[str, str]:
    """Find columns that are computed from others in every row.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    visited : sequence of str
        Columns in visit order: of several that determine each other, one with a function without
        roots and exponentials is computed, and the last of those.
    fixed : collection of str
        Columns that stay as they are; they may be sources, but not of a logarithm, a root or a
        ratio: what their families draw may be out of its domain.
    ordered : bool
        Whether sources must be visited before; else a function may be moved behind them.

    Returns
    -------
    dict of str to str
        Column -> its rule; rules never form a circle.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.chain.default import default_chain
    >>> from posynth.posterior.task import encode_table
    >>> from posynth.table.inputs import given_table
    >>> rng = np.random.default_rng(1)
    >>> frame = pd.DataFrame({"h": rng.normal(170, 9, 99).round(), "w": rng.normal(70, 9, 99)})
    >>> frame["bmi"] = (frame.w / (frame.h / 100) ** 2).round(1)
    >>> table = given_table(frame, None)
    >>> rows = encode_table(table, default_chain(table.schema), {})
    >>> functions(rows, ("bmi", "h", "w"))
    {'bmi': '10000 * w / h ** 2'}
    """
    numeric = [n for n in visited if rows.schema[n].kind in (Kind.COUNT, Kind.CONTINUOUS)]
    found: dict[str, str] = {}
    for plain in (True, False):
        for target in reversed([name for name in numeric if name not in fixed]):
            first = numeric[: numeric.index(target)] if ordered else numeric
            pool = [n for n in first if n != target and target not in _below(n, found)]
            if target not in found:
                search = _Search(rows, plain, found, fixed)
                rule = search.rule(target, pool)
                rule = rule if ordered or rule is None else search.further_back(target, rule, pool)
                found |= {} if rule is None else {target: rule}
    return found


@dataclass(frozen=True)
class _Search:
    """What a function of one column is looked for with."""

    rows: Rows
    plain: bool
    found: Mapping[str, str]
    fixed: Collection[str]

    def rule(self, target: str, pool: Sequence[str]) -> str | None:
        """Return the first candidate that holds in every row."""
        sample = _sample(self.rows, target, pool)
        for rule in _candidates(sample, self.plain) if sample else ():
            allowed = _in_domain(target, rule, self.found, self.fixed)
            if allowed and _holds(self.rows, self.rows.schema[target], rule):
                return rule
        return None

    def further_back(self, target: str, rule: str, pool: Sequence[str]) -> str:
        """Return another rule in place of f(x) where x is a function of the target itself.

        Of a sum of items and its root one is computed from the items and the other from it: were
        the sum the square of its root, nothing would tell that it is a sum.
        """
        left, other = list(pool), rule
        for source in _sources(rule):
            if self.rule(source, [n for n in pool if n != source]):
                return rule  # it is computed without the target
        while len(_sources(other)) == 1:
            (source,) = _sources(other)
            inverse = replace(self, plain=False).rule(source, [target])
            if source in self.found or source in self.fixed or not inverse:
                return rule
            left.remove(source)
            following = self.rule(target, left)
            if following is None:
                return rule
            other = following
        return other


def _below(name: str, found: Mapping[str, str]) -> set[str]:
    """Return all columns that a column is computed from, however indirectly."""
    direct = _sources(found[name]) if name in found else ()
    return {*direct, *(each for source in direct for each in _below(source, found))}


def _in_domain(target: str, rule: str, found: Mapping[str, str], fixed: Collection[str]) -> bool:
    """Tell whether sources of logarithms, roots and ratios keep to their sign."""
    read = {name for other in found.values() if keeps_sign(other) for name in _sources(other)}
    # A share that keeps its complement above 0 is modelled, between its bounds.
    shares = [complement(found[name]) for name in read if name in found]
    if any(share is not None and share[0] == target for share in shares):
        return False
    if target in read and not _positive(rule):
        share = complement(rule)
        return share is not None and share[0] not in {*fixed, *found}
    if not keeps_sign(rule):
        return True
    sources = _sources(rule)
    computed = [found[name] for name in sources if name in found]
    below = {each for name in sources for each in _below(name, found)}
    for each in computed:
        share = complement(each)
        if not _positive(each) and (share is None or share[0] in found):
            return False
    return not {*fixed} & {*sources, *below}


def _sources(rule: str) -> tuple[str, ...]:
    return read_rule(rule).sources


def _positive(rule: str) -> bool:
    """Whether a rule is above 0 where its sources are: sums, products, ratios, roots."""
    return "-" not in rule and "log" not in rule


def complement(rule: str) -> tuple[str, float] | None:
    """Return x and c of a rule c - x, where c is 1 or 100, the whole of shares and percentages.

    Its source can be kept between 0 and c, so that the rule is above 0 too.

    Examples
    --------
    >>> complement("-p + 1"), complement("-p + 2"), complement("a + 1")
    (('p', 1.0), None, None)
    """
    sources = _sources(rule) if rule.startswith("-") else ()
    shares = {f"-{named(sources[0])} + {whole:g}": whole for whole in WHOLES} if sources else {}
    return (sources[0], shares[rule]) if rule in shares else None


def keeps_sign(rule: str) -> bool:
    """Whether a rule is defined only where its sources keep to their sign, as log(x) or y / x.

    Examples
    --------
    >>> keeps_sign("log(x)"), keeps_sign("a / b"), keeps_sign("a / 3 + 2 * b")
    (True, True, False)
    """
    return any(part in rule for part in ("log", "sqrt")) or bool(_DIVIDES.search(rule))


def _sample(rows: Rows, target: str, pool: Sequence[str]) -> Sample | None:
    """Return rows to look at, or None where chance could make a function."""
    values, column = rows.arrays[target], rows.schema[target]
    known = np.flatnonzero(~np.isnan(values))
    if len(known) < 2 * ROWS_A_COEFFICIENT:
        return None
    some = known[np.linspace(0, len(known) - 1, min(len(known), MOST_ROWS)).astype(int)]
    y = values[some]
    unit = 0.0 if column.decimals is None else 10.0**-column.decimals
    if unit > COARSEST * y.std() or len(np.unique(y)) < 2 * VALUES_A_COEFFICIENT:
        return None
    half = 0.5 * unit + PRECISE * (np.abs(y) + y.std())
    sources = {name: rows.arrays[name][some] for name in pool}
    return Sample(y, half, {n: x for n, x in sources.items() if np.isfinite(x).all() and x.std()})


def _holds(rows: Rows, column: Column, rule: str) -> bool:
    try:
        return not bool(breaks(rows, column, rule).any())
    except SpecError:
        return False


def _candidates(sample: Sample, plain: bool) -> Iterator[str]:
    """Give rules that hold in the rows looked at: plain ones, or those that invert plain ones."""
    yield from _of_one(sample, _PLAIN if plain else _INVERSE)
    if plain:
        yield from _sums(sample)
    yield from _products(sample, 1 if plain else HALVES)


def _of_one(sample: Sample, shapes: dict[str, Callable[[Floats], Floats]]) -> Iterator[str]:
    """Give a + b f(x) for every source and shape."""
    for name, x in sample.sources.items():
        for shape, function in shapes.items():
            with np.errstate(all="ignore"):
                fx = function(x)
                length = fx @ fx  # of exp(x) it may be beyond floating-point numbers
            if not np.isfinite(fx).all() or not np.isfinite(length) or fx.std() == 0:
                continue
            if not _straight(sample, fx) or (keeps_sign(shape) and x.min() < 0):
                continue
            yield from _linear(sample, [fx], [shape.format(named(name))])


def _straight(sample: Sample, z: Floats) -> bool:
    """Tell whether a straight line in z leaves hardly more than rounding."""
    z, y = z - z.mean(), sample.y - sample.y.mean()
    return bool(np.abs(y - z * ((z @ y) / (z @ z))).max() <= 3 * sample.half.max())


def _sums(sample: Sample) -> Iterator[str]:
    for names in _selected(sample.y, sample.half, sample.sources):
        if len(names) > 1:
            columns = [sample.sources[name] for name in names]
            yield from _linear(sample, columns, [named(name) for name in names])


def _products(sample: Sample, parts: int) -> Iterator[str]:
    """Give c x1^k1 x2^k2 ..., found as a sum of logarithms."""
    if (sample.y <= 0).any():
        return
    logs = {n: np.log(x) for n, x in sample.sources.items() if (x > 0).all()}
    for names in _selected(np.log(sample.y), sample.half / sample.y, logs):
        L = np.column_stack([logs[name] for name in names])
        slopes = _least_squares(L, np.log(sample.y))[1:]
        powers = np.round(slopes * parts) / parts
        if (powers == 0).any() or np.abs(powers).max() > 4:
            continue
        rest = sample.y / np.exp(L @ powers)
        ratio = sample.half / sample.y
        low, high = (rest * (1 - ratio)).max(), (rest * (1 + ratio)).min()
        constant = unit_between(low, high) if low <= high else None
        if constant is not None:
            yield product_text(constant, names, powers)


def _selected(y: Floats, half: Floats, sources: dict[str, Floats]) -> Iterator[list[str]]:
    """Give sets of sources of a linear function that leaves rounding only, the fewest first."""
    names = [n for n in sources if np.isfinite(sources[n]).all() and sources[n].std() > 0]
    if not names or len(y) <= 2 * len(names):
        return
    Z = np.column_stack([(sources[n] - sources[n].mean()) / sources[n].std() for n in names])
    if np.abs(_left(Z, y)).max() > 4 * half.max():
        return  # not even all of them together
    chosen: list[int] = []
    left = y - y.mean()
    while len(chosen) < MOST_SOURCES and np.abs(left).max() > 1.5 * half.max():
        free = Z if not chosen else Z - _fitted(Z[:, chosen], Z)
        size = np.sqrt((free**2).sum(axis=0))
        gain = np.where(size > 1e-8 * len(y) ** 0.5, np.abs(free.T @ left) / (size + 1e-300), 0.0)
        gain[chosen] = -1.0
        chosen.append(int(gain.argmax()))
        left = _left(Z[:, chosen], y)
    if np.abs(left).max() > 1.5 * half.max():
        return
    for one in tuple(chosen):  # what was taken up on the way and is not needed
        without = [k for k in chosen if k != one]
        if without and np.abs(_left(Z[:, without], y)).max() <= 1.5 * half.max():
            chosen = without
    # Of a total of parts, rows with different parts tell; a difference of few values is a part.
    total = bool((_least_squares(Z[:, chosen], y)[1:] > 0).all())
    different = len(np.unique(Z[:, chosen], axis=0) if total else np.unique(y))
    needed = 1 + len(chosen)
    if needed * ROWS_A_COEFFICIENT <= len(y) and needed * VALUES_A_COEFFICIENT <= different:
        yield [names[k] for k in sorted(chosen)]


def _linear(sample: Sample, columns: list[Floats], texts: list[str]) -> Iterator[str]:
    """Give a + sum b_j z_j with coefficients of as few digits as the rows allow."""
    Z = np.column_stack(columns)
    fit = _least_squares(Z, sample.y)
    if np.abs(sample.y - fit[0] - Z @ fit[1:]).max() > 1.5 * sample.half.max():
        return
    for digits in DIGITS:
        units = [near_unit(value, digits) for value in fit[1:]]
        slopes = np.array([unit for unit in units if unit is not None])
        if len(slopes) < len(units):
            continue
        rest = sample.y - Z @ slopes
        low, high = (rest - sample.half).max(), (rest + sample.half).min()
        constant = shortest(low, high) if low <= high else None
        if constant is not None and is_zero_point(constant):
            yield sum_text(constant, slopes, texts)
            return


def _least_squares(Z: Floats, y: Floats) -> Floats:
    """Return intercept and slopes, on centred and scaled columns for their accuracy."""
    center, scale = Z.mean(axis=0), Z.std(axis=0)
    slopes = np.linalg.lstsq((Z - center) / scale, y - y.mean(), rcond=1e-12)[0] / scale
    found: Floats = np.r_[y.mean() - center @ slopes, slopes]
    return found


def _fitted(Z: Floats, y: Floats) -> Floats:
    fitted: Floats = Z @ np.linalg.lstsq(Z, y, rcond=1e-10)[0]
    return fitted


def _left(Z: Floats, y: Floats) -> Floats:
    left: Floats = y - y.mean() - _fitted(Z - Z.mean(axis=0), y - y.mean())
    return left
