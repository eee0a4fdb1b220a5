"""Data frames given as copies, with what a manifest would have said of them."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import pandas as pd

from posynth.arguments import truth
from posynth.copies.codebook import Codebook
from posynth.copies.container import Copies
from posynth.copies.distinct import require_each_once
from posynth.errors import MeasureError, TableError, unknown
from posynth.table.arrays import dtype_name
from posynth.table.inputs import as_frame
from posynth.table.names import Names, as_names
from posynth.table.schema import Column, Kind, Schema
from posynth.table.series import canonical, unusable
from posynth.table.source import Source
from posynth.table.typed import category_type

#: Column or index level that numbers the copies in one long data frame.
COPY = "copy"
ASSUMED = (
    "the copies are taken to be proper, each from a posterior draw of its own; pass proper=False "
    "for plug-in draws, as synthpop makes them unless told otherwise"
)

type Frames = Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame] | pd.DataFrame


def copies_of_frames(
    frames: Frames,
    *,
    n: int | None = None,
    proper: bool | None = None,
    unsynthesised: Names = (),
    missing: str | None = None,
    nests: int = 1,
) -> Copies:
    """Take data frames as copies.

    Parameters
    ----------
    frames : sequence or mapping of DataFrame, or one DataFrame
        The m copies, k rows each; one long data frame numbers them in a column or an index
        level named ``copy``. What exports Arrow's stream, as polars does, counts as a data frame.
    n : int
        Rows of the source.
    proper : bool, optional
        Whether every copy took its own posterior draw of every conditional; taken to be so if it
        is not said, which pooled results then state.
    unsynthesised : sequence of str
        Columns that hold values of the source row by row.
    missing : str, optional
        How missing values of the source were treated: ``"none"``, ``"pattern"``, ``"impute"`` or
        ``"joint"``; by default ``"impute"`` if there are nests, else ``"pattern"`` if the copies
        have any, else ``"none"``.
    nests : int
        Imputations of the source from which the copies were made, copies of one together.

    Returns
    -------
    Copies
        Their columns described by their dtypes: text, booleans and categories are levels, numbers
        are numbers.

    Raises
    ------
    MeasureError
        If n is not given, or the frames are not alike; columns and lengths are named.
    SpecError
        If ``proper`` is neither True nor False.

    Examples
    --------
    >>> frames = [pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame({"x": [0.5, 2.5]})]
    >>> copies_of_frames(frames, n=20)
    2 copies of 2 rows from a source of 20 rows, proper, passed on without their posterior
    """
    named = _named(frames)
    require_each_once(list(named.values()))
    rows = _rows_of_source(n, named)
    alike = _alike(named)
    original = _among(as_names(unsynthesised), alike[0].columns)
    holed = any(frame.isna().to_numpy().any() for frame in alike)
    written = {
        "n": rows,
        "k": len(alike[0]),
        "m": len(alike),
        "proper": proper is None or truth("proper", proper),
        "unsynthesised": original,
        "missing": missing or _treatment(nests, holed),
        "nests": nests,
    }
    columns = tuple(_column(name, [f[name] for f in alike]) for name in alike[0].columns)
    remarks = (ASSUMED,) if proper is None else ()
    return Copies(alike, Codebook(Schema(columns, rows), Source(), remarks), (), written)


def _treatment(nests: int, holed: bool) -> str:
    """Return how missing values were treated where it is not said."""
    return "impute" if nests != 1 else "pattern" if holed else "none"


def _among(names: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Refuse names of columns that hold original values and are no columns of the copies."""
    asked, known = list(names), list(columns)
    for name in asked:
        if name not in known:
            raise MeasureError(f"unsynthesised: {unknown('column', name, known)}")
    return asked


def _named(frames: Any) -> dict[str, pd.DataFrame]:
    if isinstance(frames, pd.DataFrame) or hasattr(frames, "__arrow_c_stream__"):
        return _split(as_frame(frames))
    if isinstance(frames, Mapping):
        given = {str(name): frame for name, frame in frames.items()}
    elif isinstance(frames, Sequence) and not isinstance(frames, str):
        given = {f"copy {i}": frame for i, frame in enumerate(frames, start=1)}
    else:
        raise MeasureError(
            f"copies are a {type(frames).__name__}; give what `synthesize` returned, the folder it "
            "was saved to, or data frames with n, the rows of their source"
        )
    if not given:
        raise MeasureError("there is no copy to pool: the list of data frames is empty")
    return {name: _frame(name, each) for name, each in given.items()}


def _frame(name: str, given: Any) -> pd.DataFrame:
    if isinstance(given, str | Path):
        raise MeasureError(
            f"{name} is a {type(given).__name__}, not a data frame; give a list of data frames, "
            "one a copy, or the folder that holds copies/ and manifest.json"
        )
    try:
        frame = as_frame(given)
    except TableError as error:
        raise MeasureError(f"{name}: {error}") from None
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise MeasureError(f"{name} has two columns {str(twice[0])!r}; give each its own name")
    for column in frame:
        kind = pd.api.types.infer_dtype(frame[column], skipna=True)
        if kind in ("date", "decimal"):
            frame = frame.copy(deep=False)
            dates = kind == "date"
            frame[column] = pd.to_datetime(frame[column]) if dates else frame[column].astype(float)
    if frame.empty:
        raise MeasureError(f"{name} has {len(frame)} rows and {frame.shape[1]} columns")
    return frame


def _split(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Split a long data frame at the column or index level that numbers the copies."""
    if COPY in frame.index.names:
        return {f"copy {key}": part for key, part in frame.groupby(level=COPY)}
    if COPY in frame.columns:
        return {f"copy {key}": part.drop(columns=COPY) for key, part in frame.groupby(COPY)}
    raise MeasureError(
        f"one data frame needs a column or index level {COPY!r} that numbers the copies, and has "
        f"columns {', '.join(map(repr, frame.columns))}; a single copy is given as [frame]"
    )


def _rows_of_source(n: int | None, named: Mapping[str, pd.DataFrame]) -> int:
    k = len(next(iter(named.values())))
    if n is None:
        raise MeasureError(
            "pooling data frames needs n, the number of rows of the source from which the copies "
            f"were made: the variance of an estimate depends on k/n, and only k = {k} shows in the "
            f"copies; pass it, as in n={k} if copies are as long as the source (the manifest that "
            "came with the copies tells it)"
        )
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
        raise MeasureError(f"n = {n!r}, but it must be a whole number above 0: rows of the source")
    return int(n)


def _alike(named: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, ...]:
    (first, reference), *others = named.items()
    for name, frame in others:
        absent = [str(c) for c in reference.columns if c not in frame.columns]
        extra = [str(c) for c in frame.columns if c not in reference.columns]
        if absent or extra:
            odd = [f"lacks {', '.join(map(repr, absent))}"] if absent else []
            odd += [f"has {', '.join(map(repr, extra))} besides"] if extra else []
            raise MeasureError(
                f"{name} {' and '.join(odd)}, unlike {first}; copies of one table have the same "
                "columns"
            )
        if len(frame) != len(reference):
            raise MeasureError(
                f"{name} has {len(frame)} rows, {first} has {len(reference)}; copies of one table "
                "have the same number of rows k, from which their variances are scaled"
            )
        for column in reference.columns:
            is_number = pd.api.types.is_numeric_dtype
            if is_number(frame[column].dtype) != is_number(reference[column].dtype):
                raise MeasureError(
                    f"column {column!r} has dtype {frame[column].dtype} in {name} and "
                    f"{reference[column].dtype} in {first}; read all copies in the same way"
                )
    columns = list(reference.columns)
    return tuple(
        _with_labels(frame[columns])
        .set_axis([str(c) for c in columns], axis=1)
        .reset_index(drop=True)
        for frame in named.values()
    )


def _with_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame in which categories of dates, intervals and the like are text."""
    categories = frame.select_dtypes("category").columns
    typed = [name for name in categories if category_type(frame[name].cat.categories)]
    return frame.assign(**{name: canonical(str(name), frame[name]) for name in typed})


def _column(name: Any, values: Sequence[pd.Series]) -> Column:
    dtype = values[0].dtype
    missing = int(any(each.isna().any() for each in values))
    levels: tuple[Any, ...] = ()
    kind = Kind.TEXT
    ordered = False
    if isinstance(dtype, pd.CategoricalDtype):
        levels, ordered = _categories(name, values), bool(dtype.ordered)
    elif pd.api.types.is_bool_dtype(dtype):
        levels = (False, True)
    elif pd.api.types.is_numeric_dtype(dtype):
        kind = Kind.CONTINUOUS
    elif pd.api.types.is_datetime64_any_dtype(dtype):
        kind = Kind.DATE
    elif not any(unusable(str(name), each) for each in values):
        found = {value for each in values for value in each.dropna().unique()}
        levels = tuple(sorted(found)) if all(isinstance(v, str) for v in found) else ()
    if levels:
        many = Kind.ORDINAL if ordered else Kind.NOMINAL
        kind = {1: Kind.CONSTANT, 2: Kind.ORDINAL if ordered else Kind.BINARY}.get(
            len(levels), many
        )
    return Column(str(name), kind, dtype_name(dtype), levels, ordered, missing=missing)


def _categories(name: Any, values: Sequence[pd.Series]) -> tuple[Any, ...]:
    """Return the categories of all copies: those of the first, then what others have besides."""
    kinds = [each.dtype for each in values]
    first = next(kind for kind in kinds if isinstance(kind, pd.CategoricalDtype))
    levels = dict.fromkeys(first.categories)
    for number, (each, kind) in enumerate(zip(values, kinds, strict=True), start=1):
        own = kind.categories if isinstance(kind, pd.CategoricalDtype) else each.dropna().unique()
        shared = [level for level in own if level in levels]
        if first.ordered and shared != [level for level in first.categories if level in set(own)]:
            raise MeasureError(
                f"column {name!r}: copy {number} has its categories in another order than copy 1: "
                f"{list(own)} and {list(first.categories)}; read all copies with one order"
            )
        if first.ordered and len(shared) < len(own):
            odd = next(level for level in own if level not in levels)
            raise MeasureError(
                f"column {name!r}: copy {number} has the category {odd!r}, which copy 1 lacks, so "
                "that its place in the order is not known; give all copies the same categories"
            )
        levels |= dict.fromkeys(own)
    return tuple(levels)
