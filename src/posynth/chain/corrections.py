"""Bins of predictors in which the shape of a numeric column is corrected."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from posynth.chain.blocks import Floats, Rows
from posynth.chain.scale import Scale
from posynth.chain.spec import Conditional

#: Bins of a numeric predictor of many values; of few values each is a bin.
BINS, FEW = 5, 8
#: Rows that a bin must have; rarer ones are not corrected.
LEAST = 20
#: Shares of the column near which its learned scale is cut, the finest first; least mass of a bin.
SHARES = (
    (0.05, *(k / 10 for k in range(1, 10)), 0.95),
    (0.05, 0.2, 0.4, 0.6, 0.8, 0.95),
)
MARGIN = 0.02
#: Rows a cell, on average, and corrections in all that a finer cut may need.
ROWS_IN_A_CELL, MOST = 25, 40
#: Most predictors that correct a shape, and rounds of raking to their tables.
MOST_PREDICTORS, RAKED = 3, 3
#: Level, divided by the predictors tested, and chi-squared over df that refuse a shape.
LEVEL, WORTH = 1e-4, 2.0


@dataclass(frozen=True)
class Corrections:
    """Bins of some predictors, learned on the source.

    Attributes
    ----------
    edges : Mapping of str to tuple of float
        Of each numeric predictor, the upper ends of all bins but the last.
    bins : Mapping of str to tuple of int
        Of each predictor, the bins that have an indicator: all that are common, since the scale was
        learned on all rows and is right for none of them. The bin of missing values comes last.
    """

    edges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    bins: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Rows, columns: tuple[str, ...]) -> "Corrections":
        """Learn the bins of columns on the rows that are fitted."""
        found = cls.with_edges(rows, columns)
        bins = {}
        for name in columns:
            counts = np.bincount(found.places(rows, name))
            common = np.flatnonzero(counts >= LEAST)
            bins[name] = tuple(map(int, common))
        return cls(found.edges, bins)

    @classmethod
    def with_edges(cls, rows: Rows, columns: tuple[str, ...]) -> "Corrections":
        """Return the bins of columns, none of which is corrected yet."""
        schema = rows.schema
        numeric = (n for n in columns if n in schema and schema[n].kind.is_numeric)
        return cls({name: bin_ends(rows, name) for name in numeric}, {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Corrections":
        """Build corrections from plain data, as they are stored."""
        edges = {name: tuple(map(float, ends)) for name, ends in data.get("edges", {}).items()}
        bins = {name: tuple(map(int, own)) for name, own in data.get("bins", {}).items()}
        return cls(edges, bins)

    def shares(self, rows: int) -> tuple[float, ...]:
        """Return the shares at which the response's scale is cut: as fine as the rows support.

        Parameters
        ----------
        rows : int
            Rows that are fitted.
        """
        size = len(self.labels)
        widest = max(map(len, self.bins.values()), default=1)
        for found in SHARES[:-1]:
            cells = (len(found) + 1) * widest
            if size * len(found) <= MOST and rows >= ROWS_IN_A_CELL * cells:
                return found
        return SHARES[-1]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the indicators, q of them."""
        return tuple(f"{name}[bin {k + 1}]" for name, bins in self.bins.items() for k in bins)

    def places(self, rows: Rows, name: str) -> NDArray[np.int64]:
        """Return the bin of each row, (n,)."""
        values = rows.arrays[name]
        missing = np.isnan(values)
        if name in self.edges:
            ends = np.asarray(self.edges[name])
            place, last = np.searchsorted(ends, np.where(missing, 0.0, values)), len(ends) + 1
        else:
            place = np.where(missing, 0, values).astype(np.int64)
            levels = rows.schema[name].levels if name in rows.schema else ()
            last = max(len(levels), 1) + 1
        return np.where(missing, last, place).astype(np.int64)

    def before(self, rows: Rows, X: Floats) -> Floats:
        """Put the indicators before a design, (n, q + p)."""
        if not self.bins:
            return X
        found = [self.places(rows, name) == k for name, bins in self.bins.items() for k in bins]
        return np.ascontiguousarray(np.column_stack([*found, X]), dtype=np.float64)


#: Of a conditional whose shape is the same for all rows.
NO_CORRECTIONS = Corrections()


def bin_ends(rows: Rows, name: str) -> tuple[float, ...]:
    """Return the upper ends of all bins but the last of a numeric column.

    Where it has many values they are quantiles of its learned scale, so that no value stands there.
    """
    values = rows.arrays[name]
    numbers = np.unique(values[~np.isnan(values)])
    if len(numbers) <= FEW:
        return tuple(((numbers[1:] + numbers[:-1]) / 2).tolist())
    if name not in rows.learned:
        return (float(np.nanmean(values)),)
    ends = rows.learned[name].quantiles(np.arange(1, BINS) / BINS)
    return tuple(np.unique(ends[ends < numbers[-1]]).tolist())


def cut_points(scale: Scale, shares: tuple[float, ...] = SHARES[-1]) -> Floats:
    """Return the shares F at which a learned scale is cut into the bins of the response.

    They lie near those given, but never inside an atom, whose cases share one value.

    Examples
    --------
    >>> from posynth.chain.quantiles import learn_scale
    >>> cut_points(learn_scale(np.repeat([1.0, 2.0, 3.0], [20, 50, 30]), 0)).round(2)
    array([0.2, 0.7])
    """
    masses = scale.masses / scale.masses.sum()
    start = int(scale.below is not None)
    ends = np.cumsum(masses)[start : start + len(scale.counts)]
    low = ends - masses[start : start + len(scale.counts)]
    atoms = [
        (a, b)
        for a, b, lower, upper in zip(low, ends, scale.lower, scale.upper, strict=True)
        if lower == upper
    ]
    cuts = set()
    for share in shares:
        inside = [(a, b) for a, b in atoms if a < share < b]
        cuts |= {inside[0][1]} if inside else {share}
    found = np.array(sorted(cuts))
    found = found[(found >= MARGIN) & (found <= 1 - MARGIN)]
    return found[np.diff(found, prepend=0.0) >= MARGIN - 1e-9]


def places_of(rows: Rows, predictors: tuple[str, ...], conditional: Conditional) -> tuple[int, ...]:
    """Return the places of the predictors that the log spread depends on."""
    known = {*rows.indicators.values(), *rows.schema.names}
    wanted = {
        label
        for name in conditional.spread
        if name in known
        for label in rows.block(name, conditional.splines).names
    }
    return tuple(place for place, name in enumerate(predictors) if name in wanted)


def misfit(
    rows: Rows, columns: Iterable[str], observed: NDArray[np.int64], expected: Floats
) -> dict[str, float]:
    """Return chi-squared over its degrees of freedom of each predictor whose table is refused.

    The table of a predictor's bins and the bins of the response holds counts O; the fitted
    probabilities of the response's bins, summed over the rows of a cell, are E. Where the shape is
    right, sum (O - E)^2 / E is about chi-squared.

    Parameters
    ----------
    rows : Rows
        The rows that were fitted, (n,).
    columns : iterable of str
        Predictors.
    observed : ndarray, shape (n,)
        Bin of the response.
    expected : ndarray, shape (n, K)
        Fitted probabilities of the bins.
    """
    found = {}
    names = [n for n in columns if n in rows.schema and _binned(rows, n)]
    for name in names:
        places = Corrections.with_edges(rows, (name,)).places(rows, name)
        seen = np.flatnonzero(np.bincount(places) >= LEAST)
        counts = np.array(
            [np.bincount(observed[places == k], minlength=expected.shape[1]) for k in seen]
        )
        means = np.array([expected[places == k].sum(axis=0) for k in seen])
        df = (len(seen) - 1) * (expected.shape[1] - 1)
        kept = means >= 1.0
        chi = float(np.sum((counts - means)[kept] ** 2 / means[kept]))
        if df and chi > WORTH * df and chdtrc(df, chi) < LEVEL / max(len(names), 1):
            found[name] = chi / df
    return found


def correcting(
    rows: Rows, columns: Iterable[str], observed: NDArray[np.int64], expected: Floats
) -> tuple[str, ...]:
    """Return the predictors by which the shape must be corrected, the worst first.

    After each the fitted probabilities are raked to its table, and the others are tested again:
    what goes with a predictor that is corrected already need not be.

    Parameters
    ----------
    rows, columns, observed, expected
        As in ``misfit``.
    """
    found: list[str] = []
    left = [*columns]
    while len(found) < MOST_PREDICTORS:
        refused = misfit(rows, left, observed, expected)
        if not refused:
            break
        found.append(max(refused, key=lambda name: refused[name]))
        left = [name for name in refused if name not in found]
        for _ in range(RAKED):
            for name in found:
                expected = _raked(rows, name, observed, expected)
    return tuple(found)


def _raked(rows: Rows, name: str, observed: NDArray[np.int64], expected: Floats) -> Floats:
    """Scale probabilities to the counts of one predictor's table, and to 1 in each row."""
    places = Corrections.with_edges(rows, (name,)).places(rows, name)
    scaled = expected.copy()
    for place in np.unique(places):
        own = places == place
        counts = np.bincount(observed[own], minlength=expected.shape[1])
        scaled[own] *= (counts + 0.5) / (expected[own].sum(axis=0) + 0.5)
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def _binned(rows: Rows, name: str) -> bool:
    if not rows.schema[name].kind.is_numeric:
        return True
    values = rows.arrays[name]
    return name in rows.learned or len(np.unique(values[~np.isnan(values)])) <= FEW
