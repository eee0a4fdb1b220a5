"""What the verbs on copies work on: copies in memory or in a folder, and the original."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd

from posynth.copies.combine import combined
from posynth.copies.container import Copies
from posynth.copies.given import Frames, copies_of_frames
from posynth.copies.reading import load_copies
from posynth.errors import MeasureError, TableError
from posynth.evaluation.base import Comparison, Provenance
from posynth.evaluation.holdout import check_holdout
from posynth.table.inputs import Data
from posynth.table.matching import match_table, matched
from posynth.table.reasons import Reasons

type Source = Copies | str | Path | Sequence[Copies | str | Path]


def take_any(copies: Source | Frames, made: Mapping[str, Any]) -> Copies:
    """Return copies, which may be given as data frames with how they were made.

    Raises
    ------
    MeasureError
        If how they were made is not said, or is said although a manifest says it.
    """
    said = {key: value for key, value in made.items() if value is not None}
    source = copies if isinstance(copies, Copies | str | Path) else _several(copies)
    if source is None:
        return copies_of_frames(cast(Frames, copies), **said)
    if said:
        raise MeasureError(
            f"{next(iter(said))} is for copies given as data frames; how these copies were made is "
            "read from their manifest: leave it out"
        )
    return take(source)


def _several(copies: object) -> list[Copies | str | Path] | None:
    """Return copies or folders of several draws as a list, None if they are something else."""
    if not isinstance(copies, list | tuple) or not copies:
        return None
    parts = [each for each in copies if isinstance(each, Copies | str | Path)]
    return parts if len(parts) == len(copies) else None


def folders_of(copies: Source) -> list[Path]:
    """Return the folders among what was given; copies in memory have none."""
    parts = copies if isinstance(copies, list | tuple) else [copies]
    return [Path(each) for each in parts if isinstance(each, str | Path)]


def take(copies: Source, allow_code: bool = False) -> Copies:
    """Return the copies themselves, read from their folder where a folder is given.

    A list of copies or folders is taken together, see `combined`. Python files that a chain names
    are run only if ``allow_code``.
    """
    if isinstance(copies, Copies):
        return copies
    if isinstance(copies, str | Path):
        return load_copies(copies, allow_code=allow_code)
    parts = _several(copies)
    if parts is not None:
        names = [
            f"copies {number}" if isinstance(each, Copies) else repr(str(each))
            for number, each in enumerate(parts, start=1)
        ]
        return combined([take(each, allow_code) for each in parts], names)
    raise MeasureError(
        f"copies are a {type(copies).__name__}; give what `synthesize` returned, or the output "
        "folder it was saved to: how the copies were made decides how they are judged"
    )


def provenance(copies: Copies, columns: Collection[str] | None = None) -> Provenance:
    """Read from the manifest how the copies were made, as far as it concerns these columns."""
    return Provenance.from_manifest(copies.manifest(), columns)


def original(data: Data, copies: Copies) -> pd.DataFrame:
    """Take the data as the table that was synthesised, or say why it is not."""
    return _with_kinds(data, copies)[0]


def _with_kinds(data: Data, copies: Copies) -> tuple[pd.DataFrame, Reasons]:
    """Return the table that was synthesised, and the kinds of its missing values."""
    schema = copies.schema
    try:
        frame, kinds = matched(data, schema, source=copies.origin.source)
    except TableError as error:
        if copies.has_posterior or "not the table that was synthesised" not in str(error):
            raise
        raise TableError(
            f"{error}. These copies were passed on without their posterior, and what describes "
            "them lists only levels that occur in them: compare the output folder that holds "
            "posterior/"
        ) from None
    if len(frame) != schema.rows:
        name = Path(data).name if isinstance(data, str | Path) else "the data"
        raise TableError(
            f"{name}: it has {len(frame)} rows, but the copies were made from {schema.rows}; give "
            "the table that was synthesised, or synthesise this one"
        )
    return frame, kinds


def lay_beside(copies: Source, data: Data, holdout: Data | None = None) -> Comparison:
    """Lay the original beside its copies: what every measure takes, in one call.

    Parameters
    ----------
    copies : Copies or path
        The copies, or the output folder that holds them.
    data : DataFrame, path or Table
        The table that was synthesised.
    holdout : DataFrame, path or Table, optional
        Rows of the same population that no conditional was fitted on; rows of the source are
        refused.

    Returns
    -------
    Comparison
        The tables with their schema, and how the copies were made.

    Raises
    ------
    MeasureError, StoreError, TableError
        If the copies are none, their folder is incomplete, the data are another table, or rows
        of the holdout are rows of the data.

    Examples
    --------
    >>> from posynth import load_heart_failure, synthesize
    >>> from posynth.evaluation.utility import ks
    >>> table = load_heart_failure()[["age", "sex"]]
    >>> tables = lay_beside(synthesize(table, m=2, seed=1), table)
    >>> [r.measure for r in ks.measure(tables)]
    ['KS', 'S_KS']
    """
    taken = take(copies)
    schema = taken.schema
    origin = taken.origin.source
    held = None if holdout is None else match_table(holdout, schema, origin, holdout=True)
    source, kinds = _with_kinds(data, taken)
    if held is not None:
        check_holdout(held, source, schema)
    made = provenance(taken)
    return Comparison(source, taken.frames, schema, made, held, (kinds, *taken.reasons))
