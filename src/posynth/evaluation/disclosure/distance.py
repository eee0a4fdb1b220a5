"""Distance to the closest record (DCR) and nearest-neighbour distance ratio (NNDR)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posynth.errors import MeasureError
from posynth.evaluation.base import NO_HOLDOUT, Comparison
from posynth.evaluation.disclosure.averages import name_keys
from posynth.evaluation.disclosure.keys import Floats
from posynth.evaluation.disclosure.space import Neighbours, Points, Space, embed, nearest
from posynth.results import Result
from posynth.table.names import Names, as_names

Z = 1.96
LIMITS = (
    "Distances depend on the columns and scales compared, and average over rows: one person's row "
    "can be close while the median is far"
)


@dataclass(frozen=True)
class Distances:
    """Distances of the rows of each copy, and of a fresh sample, to the original.

    Attributes
    ----------
    copies : tuple of numpy.ndarray
        Distances to the two closest original records, shape (rows, 2), one array a copy.
    fresh : numpy.ndarray
        The same for the holdout, or for each original record to the other ones.
    fresh_is : str
        ``"holdout"`` or ``"leave one out"``.
    """

    copies: tuple[Floats, ...]
    fresh: Floats
    fresh_is: str


def measure(
    comparison: Comparison,
    columns: Names | None = None,
    *,
    rng: np.random.Generator,
    rows: int = 10_000,
) -> list[Result]:
    """Measure how close synthetic rows come to original ones, against a fresh sample.

    DCR_j = min_i d(s_j, x_i) with Gower's distance d; NNDR_j = d_(1) / d_(2), the ratio of the
    distances to the two closest original records (1 if both are 0). Their medians are given beside
    those of a fresh sample: the holdout, or each original record against the others. The DCR share
    is P(DCR to the original < DCR to the holdout), ties counted half, with equally many records of
    both; for copies that depend on the original only through the population it is 1/2. Its
    standard error is that of a random relabelling of the pooled records, given that record i is the
    closest of w_i synthetic rows:
    se^2 = N / (4 (N - 1)) (sum w_i^2 - (sum w_i)^2 / N) / (sum w_i)^2.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    columns : sequence of str, optional
        Columns compared; by default all but identifiers, free text and constants.
    rng : numpy.random.Generator
        Draws the subsets.
    rows : int
        At most so many rows of each copy, the holdout and the original are looked up.

    Returns
    -------
    list of Result
        DCR and NNDR (medians) and DCR share (NaN without a holdout); all row level.

    References
    ----------
    Platzer and Reutterer (2021), Holdout-based empirical assessment of mixed-type synthetic data,
    Frontiers in Big Data 4:679939.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> schema = Schema((Column("x", Kind.CONTINUOUS, "float64"),), rows=3)
    >>> original = pd.DataFrame({"x": [0.0, 0.5, 1.0]})
    >>> copy = pd.DataFrame({"x": [0.25, 0.5, 1.0]})
    >>> results = measure(Comparison(original, (copy,), schema), rng=np.random.default_rng(1))
    >>> [(r.measure, r.value) for r in results[:2]]
    [('DCR', 0.0), ('NNDR', 0.0)]
    """
    space = embed(comparison, columns)
    found = _distances(space, rng, rows)
    subject = "" if columns is None else name_keys(as_names(columns))
    return [_dcr(found, subject), _nndr(found, subject), _dcr_share(space, rng, rows, subject)]


def distances(
    comparison: Comparison,
    columns: Names | None = None,
    *,
    rng: np.random.Generator,
    rows: int = 10_000,
) -> Distances:
    """Compute the distances behind ``measure``, for a picture; row level, so private."""
    return _distances(embed(comparison, columns), rng, rows)


def _distances(space: Space, rng: np.random.Generator, rows: int) -> Distances:
    if len(space.original) < 3:
        raise MeasureError(
            f"the original has {len(space.original)} rows; nearest-neighbour ratios need at least 3"
        )
    copies = tuple(
        _float(nearest(copy.sample(rows, rng), space.original, 2)) for copy in space.copies
    )
    if space.holdout is not None:
        fresh = nearest(space.holdout.sample(rows, rng), space.original, 2)
        return Distances(copies, _float(fresh), "holdout")
    # The closest record of a row among its own table is itself, at distance 0: leave it out.
    fresh = nearest(space.original.sample(rows, rng), space.original, 3)
    return Distances(copies, _float(fresh)[:, 1:], "leave one out")


def _float(found: Neighbours) -> Floats:
    return found.distance.astype(np.float64)


def _dcr(found: Distances, subject: str) -> Result:
    details = _beside_fresh([d[:, 0] for d in found.copies], found.fresh[:, 0], found.fresh_is)
    details["zero"] = [int(np.sum(d[:, 0] == 0)) for d in found.copies]
    details["rows"] = [len(d) for d in found.copies]
    text = (
        "Median distance (Gower, 0 to 1) of a synthetic row to the closest original record; a "
        f"fresh sample of the population has {details['fresh']:.3g} ({found.fresh_is}), and "
        f"copies should come no closer. {LIMITS}."
    )
    return Result("DCR", float(np.mean(details["per_copy"])), subject, text=text, details=details)


def _beside_fresh(copies: Sequence[Floats], fresh: Floats, fresh_is: str) -> dict[str, Any]:
    """Medians and lower tails of a distance, of each copy and of the fresh sample."""
    return {
        "per_copy": [float(np.median(values)) for values in copies],
        "fresh": float(np.median(fresh)),
        "fresh_is": fresh_is,
        "lowest_5_percent": [float(np.quantile(values, 0.05)) for values in copies],
        "fresh_lowest_5_percent": float(np.quantile(fresh, 0.05)),
        "row_level": True,
    }


def _ratio(pairs: Floats) -> Floats:
    return np.divide(pairs[:, 0], pairs[:, 1], out=np.ones(len(pairs)), where=pairs[:, 1] > 0)


def _nndr(found: Distances, subject: str) -> Result:
    ratios = [_ratio(d) for d in found.copies]
    details = _beside_fresh(ratios, _ratio(found.fresh), found.fresh_is)
    text = (
        "Median ratio of the distances to the closest and second closest original record; near 0 a "
        f"synthetic row singles one record out. A fresh sample has {details['fresh']:.3g} "
        f"({found.fresh_is}). {LIMITS}."
    )
    return Result("NNDR", float(np.mean(details["per_copy"])), subject, text=text, details=details)


def _dcr_share(space: Space, rng: np.random.Generator, rows: int, subject: str) -> Result:
    if space.holdout is None:
        return Result("DCR share", float("nan"), subject, text=NO_HOLDOUT)
    size = min(len(space.original), len(space.holdout))
    train, held = space.original.sample(size, rng), space.holdout.sample(size, rng)
    weights, per_copy = np.zeros(2 * size), []
    for copy in space.copies:
        share, weight = _closer(copy.sample(rows, rng), train, held)
        per_copy.append(share)
        weights += weight
    value, error = float(np.mean(per_copy)), _label_error(weights)
    text = (
        "Share of synthetic rows closer to an original record than to any of as many holdout "
        "records (ties half); 1/2 means that the copies are no closer to the people in the source "
        "than to others. Passed if 1/2 is not below the 95 % interval; if it fails, look at copied "
        f"rows and at conditionals with many parameters. {LIMITS}."
    )
    details = {"per_copy": per_copy, "se": error, "records": size, "row_level": True}
    interval = (value - Z * error, value + Z * error)
    return Result("DCR share", value, subject, interval, interval[0] <= 0.5, text, details)


def _closer(copy: Points, train: Points, held: Points) -> tuple[float, Floats]:
    to_train, to_held = nearest(copy, train), nearest(copy, held)
    a, b = to_train.distance[:, 0], to_held.distance[:, 0]
    part = np.where(a < b, 1.0, np.where(a == b, 0.5, 0.0))
    size = len(train)
    return float(part.mean()), np.concatenate(
        [
            np.bincount(to_train.row[:, 0], part, minlength=size),
            np.bincount(to_held.row[:, 0], 1 - part, minlength=size),
        ]
    )


def _label_error(weights: Floats) -> float:
    n, total = len(weights), weights.sum()
    spread = np.sum(weights**2) - total**2 / n
    return float(np.sqrt(n / (4 * (n - 1)) * spread) / total)
