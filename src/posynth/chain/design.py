"""Earlier columns become a standardised design, learned on the source, replayed on copies."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.formula import read_formula
from posynth.chain.formula_matrix import formula_matrix
from posynth.chain.formula_record import Formula
from posynth.chain.packing import pack, unpack
from posynth.chain.rare import Groups, least_cases, rare_groups, with_groups
from posynth.chain.smooth import is_heavy, product_block, smooth_block
from posynth.chain.strata import Pairs, contrasts, cross, learn_pairs
from posynth.errors import SpecError

if TYPE_CHECKING:
    import pandas as pd

type Mask = NDArray[np.bool_]

#: A 0/1 column is centred but not scaled, as in Gelman et al. (2008, Ann. Appl. Stat. 2:1360).
#: Dividing by its own sd would give the contrast of a rare level a prior as wide as the level is
#: rare: 67 logits for 7 rows of 5000.
DUMMY_SCALE = 1.0
#: Rows on which columns are compared, and distance in sds up to which one is linear in others.
MOST_COMPARED, LINEAR = 3000, 1e-6


class Curves(NamedTuple):
    """What a design holds beyond straight main effects; see ``Encoder``."""

    splines: int = 0
    interactions: tuple[tuple[str, str], ...] = ()
    smooth: bool = False


@dataclass(frozen=True)
class Encoder:
    """A design that can replay itself: what was learned on the source, and nothing of its rows.

    Attributes
    ----------
    columns : tuple of str
        Columns the design reads.
    formula : str
        Formula, or ``""`` for the main effects of ``columns``.
    predictors : tuple of str
        Names of the p columns of the design that were kept.
    keep : tuple of int
        Their positions among all columns of the coded matrix. Dropped are those constant on the
        fitted rows, and 0/1 columns with a handful of cases (``least_cases``), see ``merged``.
    center, scale : tuple of float
        Mean and standard deviation of each kept column over the fitted rows; the scale of a 0/1
        column is 1.
    fill : Mapping of str to float
        Numeric column -> its mean, which stands in for a missing value inside a formula.
    state : Mapping
        What formulaic's stateful transforms learned.
    pooled : tuple of tuple of int
        Positions of rare levels that count as one, a group a column.
    merged : tuple of str
        Levels with a handful of cases that count as the reference level: what could be learned is
        about those persons.
    strata : str
        Column whose contrasts multiply the standardised design, or ``""``.
    pairs : tuple of tuple of int
        Contrast and predictor of every such product.
    splines : int
        Columns of the spline of each numeric column that has a learned scale; 0 for none.
    interactions : tuple of (str, str)
        Pairs of columns whose products join the main effects.
    smooth : bool
        Whether it is made of blocks whose coefficients share a scale; see ``chain.smooth``.
    blocks : tuple of str
        The block of each predictor kept, if so.
    heavy : tuple of str
        Numeric columns whose straight line is of normal scores, if so.
    """

    columns: tuple[str, ...]
    formula: str = ""
    predictors: tuple[str, ...] = ()
    keep: tuple[int, ...] = ()
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    fill: Mapping[str, float] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    pooled: Groups = ()
    strata: str = ""
    pairs: Pairs = ()
    splines: int = 0
    interactions: tuple[tuple[str, str], ...] = ()
    merged: tuple[str, ...] = ()
    smooth: bool = False
    blocks: tuple[str, ...] = ()
    heavy: tuple[str, ...] = ()

    def replay(self, rows: Rows) -> Floats:
        """Code rows with what was learned.

        Parameters
        ----------
        rows : Rows
            Encoded columns, n rows.

        Returns
        -------
        ndarray, shape (n, p)
            Standardised design, C-contiguous; a missing value is coded as the mean, which the
            missingness indicator beside it corrects.
        """
        _, matrix, _ = _coded(self, rows)
        matrix = with_groups(matrix, self.pooled)[:, list(self.keep)]
        Z = _standardise(matrix, self.center, self.scale)
        return cross(Z, contrasts(rows, self.strata)[1], self.pairs) if self.strata else Z

    def to_json(self) -> str:
        """Return what was learned as JSON."""
        return json.dumps(asdict(self) | {"state": pack(dict(self.state))})

    @classmethod
    def from_json(cls, text: str) -> "Encoder":
        """Build an encoder from what ``to_json`` returned."""
        data = json.loads(text)
        data["state"] = unpack(data["state"])
        data["interactions"] = tuple((a, b) for a, b in data["interactions"])
        sequences = ("columns", "predictors", "keep", "center", "scale", "blocks", "heavy")
        nested = {key: tuple(map(tuple, data.get(key, ()))) for key in ("pooled", "pairs")}
        data["merged"] = tuple(data.get("merged", ()))
        return cls(**data | {key: tuple(data.get(key, ())) for key in sequences} | nested)


def learn(
    rows: Rows,
    columns: tuple[str, ...],
    formula: str = "",
    fitted: Mask | None = None,
    strata: str = "",
    curves: Curves | None = None,
) -> tuple[Encoder, Floats]:
    """Learn a design on the source.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    columns : tuple of str
        Columns the design may read.
    formula : str
        Right-hand side of a formula; ``""`` for main effects of ``columns``.
    fitted : ndarray of bool, shape (n,), optional
        Rows the conditional is fitted on; all by default.
    strata : str
        Column that interacts with every predictor.
    curves : Curves, optional
        Splines and interactions; straight main effects by default.

    Returns
    -------
    tuple of Encoder and ndarray, shape (rows fitted, p)
        The encoder, and the standardised design of the fitted rows.

    Raises
    ------
    SpecError
        If the formula names a column that is not visited before, or cannot be evaluated, or if
        a stratum is too small.
    """
    bent = curves or Curves()
    if bent.smooth:
        return _learn_smooth(rows, columns, fitted, bent)
    fill = _fill(rows, columns) if formula else {}
    draft = Encoder(columns, formula, fill=fill, **bent._asdict())
    labels, matrix, state = _coded(draft, rows, learning=True)
    if formula:
        _refuse_unstable(replace(draft, state=state), rows, labels, matrix)
    matrix = matrix if fitted is None else matrix[fitted]
    blocks = [] if formula else [rows.block(name, bent.splines) for name in columns]
    groups, pooled = rare_groups(blocks, matrix, least_cases(len(matrix)))
    labels, matrix = [*labels, *pooled], with_groups(matrix, groups)
    center, scale = _moments(matrix)
    dummy = _is_dummy(matrix)
    rare = dummy & (np.minimum(center, 1 - center) * len(matrix) < least_cases(len(matrix)))
    left_out = rare | _repeated(matrix, labels, rows.decided)
    keep = np.flatnonzero((scale > 1e-10 * np.abs(center)) & ~left_out)
    scale = np.where(dummy & (scale > 0), DUMMY_SCALE, scale)
    encoder = Encoder(
        columns,
        formula,
        tuple(labels[i] for i in keep),
        tuple(int(i) for i in keep),
        tuple(center[keep].tolist()),
        tuple(scale[keep].tolist()),
        draft.fill,
        state,
        groups,
        splines=bent.splines,
        interactions=bent.interactions,
        merged=_merged(labels, rare & (scale > 0), groups),
    )
    Z = _standardise(matrix[:, keep], encoder.center, encoder.scale)
    if not strata:
        return encoder, Z
    names, S = contrasts(rows, strata)
    S = S if fitted is None else S[fitted]
    pairs, products = learn_pairs(strata, names, S, Z, encoder.predictors)
    predictors = encoder.predictors + products
    return replace(encoder, predictors=predictors, strata=strata, pairs=pairs), cross(Z, S, pairs)


def _merged(labels: list[str], rare: Mask, groups: Groups) -> tuple[str, ...]:
    """Return the labels of rare levels that no group joins: they count as the reference level."""
    joined = {i for group in groups for i in group}
    return tuple(labels[i] for i in np.flatnonzero(rare) if i not in joined)


def _repeated(matrix: Floats, labels: list[str], decided: Collection[str]) -> Mask:
    """Tell which columns that rules decide are linear in the other columns, (q,).

    Those of a function of a column of levels, say, beside the levels themselves.
    """
    found = np.zeros(len(labels), dtype=bool)
    places = [j for j, label in enumerate(labels) if label.partition("[")[0] in decided]
    if not places or not len(matrix):
        return found
    some = matrix[np.linspace(0, len(matrix) - 1, min(len(matrix), MOST_COMPARED)).astype(int)]
    center, scale = _moments(some)
    Z = np.nan_to_num((some - center) / np.where(scale > 0, scale, 1.0))
    for j in reversed(places):
        others = [k for k in range(len(labels)) if k != j and not found[k] and scale[k] > 0]
        left = Z[:, j] - Z[:, others] @ np.linalg.lstsq(Z[:, others], Z[:, j], rcond=1e-10)[0]
        found[j] = scale[j] > 0 and bool(np.abs(left).max() < LINEAR)
    return found


def _learn_smooth(
    rows: Rows, columns: tuple[str, ...], fitted: Mask | None, bent: Curves
) -> tuple[Encoder, Floats]:
    """Learn a design of blocks: nothing is merged or left out but columns without variation."""
    numeric = (n for n in columns if n in rows.schema and rows.schema[n].kind.is_numeric)
    heavy = tuple(n for n in numeric if n in rows.learned and is_heavy(rows.arrays[n]))
    draft = Encoder(columns, heavy=heavy, **bent._asdict())
    labels, groups, matrix = _smooth(draft, rows)
    matrix = matrix if fitted is None else matrix[fitted]
    center, spread = _moments(matrix)
    keep = np.flatnonzero(spread > 1e-10 * np.maximum(np.abs(center), 1.0))
    line = np.array([not group for group in groups], dtype=bool) & ~_is_dummy(matrix)
    scale = np.where(line, spread, 1.0)[keep]
    encoder = replace(
        draft,
        predictors=tuple(labels[i] for i in keep),
        keep=tuple(int(i) for i in keep),
        center=tuple(center[keep].tolist()),
        scale=tuple(scale.tolist()),
        blocks=tuple(groups[i] for i in keep),
    )
    return encoder, _standardise(matrix[:, keep], encoder.center, encoder.scale)


def _smooth(encoder: Encoder, rows: Rows) -> tuple[list[str], list[str], Floats]:
    """Return labels, blocks and matrix of a design of blocks."""
    made = [
        smooth_block(rows, name, encoder.splines, name in encoder.heavy) for name in encoder.columns
    ]
    made += [product_block(rows, pair) for pair in encoder.interactions]
    labels = [label for block, _ in made for label in block.names]
    groups = [group for _, each in made for group in each]
    matrix = np.hstack([np.empty((len(rows), 0)), *(block.values for block, _ in made)])
    return labels, groups, matrix


def _fill(rows: Rows, columns: tuple[str, ...]) -> dict[str, float]:
    """Return what stands in for a hole inside a formula: the mean of each numeric column."""
    numeric = [n for n in columns if n in rows.schema and rows.schema[n].kind.is_numeric]
    means = (_nanmean(rows.arrays[name][:, None])[0] for name in numeric)
    return {name: float(np.nan_to_num(mean)) for name, mean in zip(numeric, means, strict=True)}


def _is_dummy(matrix: Floats) -> Mask:
    """Whether each column holds nothing but 0 and 1."""
    mask: Mask = np.all((matrix == 0) | (matrix == 1), axis=0)
    return mask


def _moments(matrix: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each column over its finite values, else 0."""
    center = np.nan_to_num(_nanmean(matrix))
    return center, np.sqrt(np.nan_to_num(_nanmean((matrix - center) ** 2)))


def _nanmean(matrix: Floats) -> Floats:
    """Mean of each column over its finite values; NaN for a column without any, silently."""
    count = np.sum(~np.isnan(matrix), axis=0)
    total = np.nansum(matrix, axis=0)
    mean: Floats = np.full(len(total), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def _standardise(matrix: Floats, center: tuple[float, ...], scale: tuple[float, ...]) -> Floats:
    scaled: Floats = (matrix - np.asarray(center)) / np.asarray(scale)
    np.nan_to_num(scaled, copy=False, nan=0.0)
    return np.ascontiguousarray(scaled, dtype=np.float64)


def _coded(
    encoder: Encoder, rows: Rows, learning: bool = False
) -> tuple[list[str], Floats, dict[str, Any]]:
    """Return labels, matrix without intercept, and transform state."""
    if encoder.formula:
        return _from_formula(encoder, rows, learning)
    if encoder.smooth:
        labels, _, matrix = _smooth(encoder, rows)
        return labels, matrix, {}
    blocks = [rows.block(name, encoder.splines) for name in encoder.columns]
    blocks += [rows.product(pair, encoder.splines) for pair in encoder.interactions]
    labels = [label for block in blocks for label in block.names]
    empty = np.empty((len(rows), 0))
    return labels, np.hstack([empty, *(block.values for block in blocks)]), {}


def _from_formula(
    encoder: Encoder, rows: Rows, learning: bool
) -> tuple[list[str], Floats, dict[str, Any]]:
    frame = rows.frame(encoder.columns, encoder.fill)
    columns = [str(name) for name in frame]
    numbers = [name for name in columns if _has_numbers(frame[name])]
    formula = read_formula(encoder.formula, columns, numbers=numbers)
    if any(not hasattr(frame[name], "cat") for name in formula.level_columns):
        raise _unstable(encoder)
    names, matrix, state = formula_matrix(formula, frame, None if learning else encoder.state)
    _refuse_extremes(formula, state)
    wanted = [i for i, name in enumerate(names) if name != "Intercept"]
    values = matrix[:, wanted]
    if not np.isfinite(values).all():
        raise SpecError(
            f"formula {encoder.formula!r} gives values that are not finite; drawn values can lie "
            "beyond those of the source, so use functions that are defined for every number"
        )
    return [names[i] for i in wanted], values, state


def _has_numbers(column: "pd.Series[Any]") -> bool:
    """Whether a column of levels has numbers for levels, or True and False."""
    categories = getattr(column.dtype, "categories", None)
    return categories is not None and categories.dtype.kind in "iufb"


def _refuse_extremes(formula: Formula, state: Mapping[str, Any]) -> None:
    """Refuse a spline that would keep somebody's smallest and largest value in the store."""
    for term, learned in state.items():
        if "lower_bound" in learned and not ("lower_bound" in term and "upper_bound" in term):
            raise SpecError(
                f"formula {formula.text!r}: {formula.label(term)} would store the smallest and the "
                "largest value seen; give lower_bound= and upper_bound= (round numbers), and "
                "extrapolation='extend'"
            )


def _refuse_unstable(encoder: Encoder, rows: Rows, labels: list[str], matrix: Floats) -> None:
    """Refuse terms that a copy would code otherwise: those of levels or means at hand."""
    few = np.array([0, len(rows) // 2])
    arrays = {name: values[few] for name, values in rows.arrays.items()}
    found, values, _ = _coded(encoder, replace(rows, arrays=arrays, count=len(few)))
    if found != labels or not np.allclose(values, matrix[few], rtol=1e-6, atol=1e-9):
        raise _unstable(encoder)


def _unstable(encoder: Encoder) -> SpecError:
    return SpecError(
        f"formula {encoder.formula!r} codes a row by what other rows hold, so a copy would be "
        "coded otherwise; use center(), scale() or poly(), which remember the source, and C() on "
        "categorical columns only (declare codes nominal)"
    )
