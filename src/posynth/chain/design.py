"""Earlier columns become a standardised design, learned on the source, replayed on copies."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.rare import Groups, rare_groups, with_groups
from posynth.chain.strata import Pairs, contrasts, cross, learn_pairs
from posynth.errors import SpecError

type Mask = NDArray[np.bool_]

#: A 0/1 column is centred but not scaled, as in Gelman et al. (2008, Ann. Appl. Stat. 2:1360).
#: Dividing by its own sd would give the contrast of a rare level a prior as wide as the level is
#: rare: 67 logits for 7 rows of 5000.
DUMMY_SCALE = 1.0


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
        fitted rows, and 0/1 columns with a handful of cases (``least_cases``): such a level counts
        as the reference level, since what could be learned is about those persons.
    center, scale : tuple of float
        Mean and standard deviation of each kept column over the fitted rows; the scale of a 0/1
        column is 1.
    fill : Mapping of str to float
        Numeric column -> its mean, which stands in for a missing value inside a formula.
    state : Mapping
        What formulaic's stateful transforms learned.
    pooled : tuple of tuple of int
        Positions of rare levels that count as one, a group a column.
    strata : str
        Column whose contrasts multiply the standardised design, or ``""``.
    pairs : tuple of tuple of int
        Contrast and predictor of every such product.
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
        return json.dumps(asdict(self) | {"state": _pack(dict(self.state))})

    @classmethod
    def from_json(cls, text: str) -> "Encoder":
        """Build an encoder from what ``to_json`` returned."""
        data = json.loads(text)
        data["state"] = _unpack(data["state"])
        sequences = ("columns", "predictors", "keep", "center", "scale")
        nested = {key: tuple(map(tuple, data.get(key, ()))) for key in ("pooled", "pairs")}
        return cls(**data | {key: tuple(data[key]) for key in sequences} | nested)


def learn(
    rows: Rows,
    columns: tuple[str, ...],
    formula: str = "",
    fitted: Mask | None = None,
    strata: str = "",
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
    draft = Encoder(columns, formula, fill=_fill(rows, columns) if formula else {})
    labels, matrix, state = _coded(draft, rows)
    if formula:
        _refuse_unstable(replace(draft, state=state), rows, labels, matrix)
    matrix = matrix if fitted is None else matrix[fitted]
    blocks = [] if formula else [rows.block(name) for name in columns]
    groups, pooled = rare_groups(blocks, matrix, least_cases(len(matrix)))
    labels, matrix = [*labels, *pooled], with_groups(matrix, groups)
    center = np.nan_to_num(_nanmean(matrix))
    scale = np.sqrt(np.nan_to_num(_nanmean((matrix - center) ** 2)))
    dummy = _is_dummy(matrix)
    rare = dummy & (np.minimum(center, 1 - center) * len(matrix) < least_cases(len(matrix)))
    keep = np.flatnonzero((scale > 1e-10 * np.abs(center)) & ~rare)
    scale[dummy] = DUMMY_SCALE
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
    )
    Z = _standardise(matrix[:, keep], encoder.center, encoder.scale)
    if not strata:
        return encoder, Z
    names, S = contrasts(rows, strata)
    S = S if fitted is None else S[fitted]
    pairs, products = learn_pairs(strata, names, S, Z, encoder.predictors)
    predictors = encoder.predictors + products
    return replace(encoder, predictors=predictors, strata=strata, pairs=pairs), cross(Z, S, pairs)


def _fill(rows: Rows, columns: tuple[str, ...]) -> dict[str, float]:
    """Return what stands in for a hole inside a formula: the mean of each numeric column."""
    numeric = [n for n in columns if n in rows.schema and rows.schema[n].kind.is_numeric]
    means = (_nanmean(rows.arrays[name][:, None])[0] for name in numeric)
    return {name: float(np.nan_to_num(mean)) for name, mean in zip(numeric, means, strict=True)}


def least_cases(rows: int) -> float:
    """Return the cases a 0/1 predictor must have: 20, or a fiftieth of a table under 1000 rows."""
    return min(20.0, rows / 50)


def _is_dummy(matrix: Floats) -> Mask:
    """Whether each column holds nothing but 0 and 1."""
    mask: Mask = np.all((matrix == 0) | (matrix == 1), axis=0)
    return mask


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


def _coded(encoder: Encoder, rows: Rows) -> tuple[list[str], Floats, dict[str, Any]]:
    """Return labels, matrix without intercept, and transform state."""
    if encoder.formula:
        return _from_formula(encoder, rows)
    blocks = [rows.block(name) for name in encoder.columns]
    labels = [label for block in blocks for label in block.names]
    empty = np.empty((len(rows), 0))
    return labels, np.hstack([empty, *(block.values for block in blocks)]), {}


def _from_formula(encoder: Encoder, rows: Rows) -> tuple[list[str], Floats, dict[str, Any]]:
    from formulaic import Formula, ModelSpec
    from formulaic.errors import FormulaicError

    text = encoder.formula
    frame = rows.frame(encoder.columns, encoder.fill)
    try:
        spec = ModelSpec(
            formula=Formula(text),
            output="numpy",
            na_action="ignore",
            transform_state=dict(encoder.state),
        )
        with np.errstate(all="ignore"):  # what is not finite is met below, in words
            matrix = spec.get_model_matrix(frame, context={})
    except (FormulaicError, SyntaxError, ValueError, TypeError, AttributeError) as error:
        raise SpecError(
            f"formula {text!r} cannot be evaluated: {_first_line(error)}. "
            f"Names it may use: {', '.join(map(repr, frame.columns)) or 'none'}"
        ) from None
    state = matrix.model_spec.transform_state
    _refuse_extremes(text, state)
    names = list(matrix.model_spec.column_names)
    wanted = [i for i, name in enumerate(names) if name != "Intercept"]
    values = np.asarray(matrix, dtype=np.float64)[:, wanted]
    if not np.isfinite(values).all():
        raise SpecError(
            f"formula {text!r} gives values that are not finite; drawn values can lie beyond those "
            "of the source, so use functions that are defined for every number"
        )
    return [names[i] for i in wanted], values, dict(state)


def _refuse_extremes(text: str, state: Mapping[str, Any]) -> None:
    """Refuse a spline that would keep somebody's smallest and largest value in the store."""
    for term, learned in state.items():
        if "lower_bound" in learned and not ("lower_bound" in term and "upper_bound" in term):
            raise SpecError(
                f"formula {text!r}: {term} would store the smallest and the largest value seen; "
                "give lower_bound= and upper_bound= (round numbers), and extrapolation='extend'"
            )


def _refuse_unstable(encoder: Encoder, rows: Rows, labels: list[str], matrix: Floats) -> None:
    """Refuse terms that a copy would code otherwise: those of levels or means at hand."""
    few = np.array([0, len(rows) // 2])
    arrays = {name: values[few] for name, values in rows.arrays.items()}
    found, values, _ = _coded(encoder, replace(rows, arrays=arrays, count=len(few)))
    if found != labels or not np.allclose(values, matrix[few], rtol=1e-6, atol=1e-9):
        raise SpecError(
            f"formula {encoder.formula!r} codes a row by what other rows hold, so a copy would be "
            "coded otherwise; use center(), scale() or poly(), which remember the source, and C() "
            "on categorical columns only"
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _pack(value: Any) -> Any:
    """Turn learned state into JSON; dictionaries keep keys that are not text."""
    leaves: dict[type, Callable[[Any], Any]] = {np.ndarray: lambda v: {"array": v.tolist()}}
    if type(value) in leaves:
        return leaves[type(value)](value)
    if isinstance(value, Mapping):
        return {"map": [[_pack(key), _pack(item)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_pack(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if isinstance(value, dict) and "array" in value:
        return np.asarray(value["array"])
    if isinstance(value, dict):
        return {_unpack(key): _unpack(item) for key, item in value["map"]}
    return value
