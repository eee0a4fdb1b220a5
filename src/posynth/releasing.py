"""The verb ``release``: a folder of what may be passed on, and of nothing else."""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from posynth.analysis import analysis_of, fits
from posynth.arguments import as_path
from posynth.copies.codebook import Codebook, private_codebook, public_codebook
from posynth.copies.container import Copies
from posynth.copies.failed import failed_conditionals, warn
from posynth.copies.folder import MANIFEST
from posynth.copies.manifest import public_manifest
from posynth.errors import MeasureError, StoreError
from posynth.evaluation.base import Provenance
from posynth.material import Source, folders_of, take
from posynth.posterior.record import Posterior
from posynth.report.codebook import as_csv, as_markdown, codebook_rows
from posynth.report.example_model import example_model
from posynth.report.how_to_pool import how_to_pool
from posynth.report.pool_example import PLACEHOLDER, Example, example_of, fallbacks
from posynth.reporting import PAGE, write_report
from posynth.table.inputs import Data
from posynth.table.io import write_copy

HOW_TO = "HOW_TO_POOL.md"
PARTS = ("copies", MANIFEST, "codebook.csv", "codebook.md", HOW_TO, PAGE)


def release(
    copies: Source,
    folder: str | Path,
    data: Data | None = None,
    *,
    overwrite: bool = False,
    allow_code: bool = False,
    **options: Any,
) -> Path:
    """Write a folder that may be passed on: copies, codebook, how to pool, a public report.

    It holds no posterior, no seed or random stream, no level that no copy has, and nothing
    computed row by row from the source. Copies that are passed on are better drawn without a seed
    of your own: whoever guesses it and knows all other rows can test guesses at one.

    Parameters
    ----------
    copies : Copies or path, or a list of them
        The copies, or the output folder that holds them; those of several draws as a list.
    folder : str or Path
        Where; it must be new, empty, or a former release if ``overwrite``.
    data : DataFrame, path or Table, optional
        The table that was synthesised; the public report needs it and is left out without it.
    overwrite : bool
        Replace a former release. Anything else is never replaced.
    allow_code : bool
        As for ``load_copies``.
    **options
        For the report, as for ``write_report``: ``model``, ``formula``, ``holdout`` ...

    Returns
    -------
    Path
        The folder, with ``copies/``, ``manifest.json``, ``codebook.csv``, ``codebook.md``,
        ``HOW_TO_POOL.md`` and perhaps ``report.html``.

    Raises
    ------
    StoreError
        If the folder holds something else, or the copies came without their posterior.
    MeasureError, TableError
        If the report cannot be written; the text names the column or file.

    Warns
    -----
    DiagnosticWarning
        If a conditional did not pass its diagnostics.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from posynth import load_heart_failure, synthesize
    >>> copies = synthesize(load_heart_failure()[["age", "platelets"]], m=2, seed=1)
    >>> with TemporaryDirectory() as place:
    ...     made = release(copies, Path(place) / "release")
    ...     sorted(path.name for path in made.iterdir())
    ['HOW_TO_POOL.md', 'codebook.csv', 'codebook.md', 'copies', 'manifest.json']
    """
    place = as_path("folder", folder)
    for source in folders_of(copies):
        _check_apart(place, source)
    _check_place(place, overwrite)
    taken = take(copies, allow_code)
    posterior = taken.posterior  # refused before the work where there is none
    warn(failed_conditionals(taken.manifest()), "the copies that are passed on")
    draft = _draft(place)
    try:
        _write(taken, posterior, draft, _ending(copies, posterior))
        if data is not None:
            write_report(taken, data, to=draft / PAGE, public=True, **options)
        _move(draft, place)
    except OSError as error:
        raise StoreError(
            f"release folder {str(place)!r} could not be written: {error.strerror or error}"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place


def _move(draft: Path, place: Path) -> None:
    """Put the parts in place, those of a former release away first."""
    draft.chmod(0o755)
    if not place.exists():
        draft.rename(place)
        return
    parts, aside = list(draft.iterdir()), draft / ".old"
    aside.mkdir()
    for name in PARTS:
        if (place / name).exists():
            (place / name).rename(aside / name)
    for part in parts:
        part.rename(place / part.name)


def _check_apart(place: Path, source: Path) -> None:
    here, there = place.resolve(), source.resolve()
    if here == there or there in here.parents or here in there.parents:
        raise StoreError(
            f"release folder {str(place)!r} and output folder {str(source)!r} lie in each "
            "other, so that one would be passed on with the other; name another with -o"
        )


def _check_place(place: Path, overwrite: bool) -> None:
    if not place.exists():
        return
    if not place.is_dir():
        raise StoreError(f"release folder {str(place)!r} is a file; name a folder with -o")
    found = sorted(path.name for path in place.iterdir())
    foreign = [name for name in found if name not in PARTS]
    if foreign or (found and HOW_TO not in found):
        raise StoreError(
            f"release folder {str(place)!r} already holds {', '.join(foreign or found)}, which is "
            "no release and is not replaced; name a new folder with -o"
        )
    if found and not overwrite:
        raise StoreError(
            f"release folder {str(place)!r} already holds a release; name another with -o, or "
            "replace it with --overwrite (overwrite=True in Python)"
        )


def _draft(place: Path) -> Path:
    try:
        parent = place.resolve().parent
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".release-", dir=parent))
    except OSError as error:
        raise StoreError(
            f"release folder {str(place)!r} cannot be written: {error.strerror}; choose another "
            "with -o"
        ) from None


def _ending(copies: Source, posterior: Posterior) -> str:
    """Return the format of the copies' files: that of the folder, or the source's own."""
    folders = folders_of(copies)
    if not folders:
        return "parquet" if posterior.source.format == "parquet" else "csv"
    return "parquet" if any((folders[0] / "copies").glob("copy-*.parquet")) else "csv"


def _write(taken: Copies, posterior: Posterior, draft: Path, ending: str) -> None:
    everything = private_codebook(posterior.schema, posterior.source)
    codebook = public_codebook(everything, taken.frames)
    facts = {**public_manifest(taken.manifest()), **codebook.to_dict()}
    _write_copies(taken, codebook, draft / "copies", ending)
    rows = codebook_rows(codebook, posterior, taken.frames, failed_conditionals(facts))
    texts = {
        MANIFEST: json.dumps(facts, indent=1, ensure_ascii=False) + "\n",
        "codebook.csv": as_csv(rows),
        "codebook.md": as_markdown(rows, facts),
        HOW_TO: how_to_pool(
            Provenance.from_manifest(facts),
            replace(codebook, remarks=taken.remarks),
            _example(taken, codebook),
            ending,
        ),
    }
    for name, text in texts.items():
        (draft / name).write_text(text, encoding="utf-8")


def _write_copies(taken: Copies, codebook: Codebook, folder: Path, ending: str) -> None:
    folder.mkdir()
    frames, reasons = taken.frames, taken.reasons
    width = max(2, len(str(len(frames))))
    for number, frame in enumerate(frames, start=1):
        shown = frame.assign(
            **{
                c.name: frame[c.name].cat.set_categories(list(c.levels), ordered=c.ordered)
                for c in codebook.schema
                if c.dtype == "category"
            }
        )
        path = folder / f"copy-{number:0{width}d}.{ending}"
        kinds = reasons[number - 1] if reasons else None
        write_copy(shown, codebook.schema, codebook.source, path, ending, kinds)


def _example(taken: Copies, codebook: Codebook) -> Example:
    """Return a model that can be pooled, from the chain if it has one that all programs read."""
    suggested = example_model(taken)
    found = None if suggested is None else example_of(*suggested, codebook.schema)
    for example in (*([found] if found else []), *fallbacks(codebook.schema)):
        try:
            options = {} if example.event is None else {"event": example.event}
            fits(taken, analysis_of(taken, example.model, example.asked, **options))
        except MeasureError:
            continue
        return example
    return PLACEHOLDER
