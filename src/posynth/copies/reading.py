"""A folder of copies read back, with manifest and, if it is there, posterior, all checked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from posynth.arguments import as_path
from posynth.copies.codebook import Codebook, private_codebook
from posynth.copies.container import Copies
from posynth.copies.folder import MANIFEST
from posynth.copies.manifest_types import checked_entries
from posynth.copies.streams import Streams
from posynth.errors import StoreError, TableError
from posynth.posterior.record import Posterior
from posynth.posterior.store import load_posterior
from posynth.table.alike import read_alike
from posynth.table.copy_file import read_copy, read_reasons
from posynth.table.reasons import Reasons

SIZES = ("n", "k", "m")
NEEDED = (*SIZES, "proper")
INFERRED = (
    "the manifest does not describe the columns, so their kinds, levels and the order of levels "
    "were inferred from the copies"
)


def load_copies(folder: str | Path, *, allow_code: bool = False) -> Copies:
    """Read a folder of copies.

    An output folder of ``posynth synthesize``, ``posynth draw`` or ``save`` holds ``posterior/``
    too. Copies that were passed on have none: their columns are those that the manifest
    describes, or are inferred from the copies where it does not.

    Parameters
    ----------
    folder : str or Path
        Holds ``copies/`` and ``manifest.json``, and perhaps ``posterior/``.
    allow_code : bool
        As for ``load_posterior``.

    Returns
    -------
    Copies
        The copies in the dtypes of the source, with the manifest that was written.

    Raises
    ------
    StoreError
        If a part is missing or the parts do not belong together.

    Examples
    --------
    >>> load_copies("nowhere")
    Traceback (most recent call last):
    posynth.errors.StoreError: output folder 'nowhere' is not there; name the folder that `posynth \
synthesize` wrote
    """
    place = as_path("folder", folder)
    if place.is_file():
        raise StoreError(
            f"{str(folder)!r} is a file; name the output folder that holds copies/ and "
            f"{MANIFEST}, as `posynth synthesize` wrote it"
        )
    if not place.is_dir():
        raise StoreError(
            f"output folder {str(folder)!r} is not there; name the folder that `posynth "
            "synthesize` wrote"
        )
    manifest = _manifest(place)
    paths = _paths(place, manifest)
    streams = _streams(manifest, place)
    if (place / "posterior").is_dir():
        posterior = load_posterior(place, allow_code=allow_code)
        _check_same(manifest, streams, posterior, place)
        codebook = Codebook(posterior.schema, posterior.source)
        frames = tuple(_read(path, codebook, manifest["k"]) for path in paths)
        return Copies(frames, posterior, streams, manifest, _reasons(paths, codebook))
    described = Codebook.from_manifest(manifest)
    if described is None:
        return _inferred(paths, manifest, streams)
    frames = tuple(_read(path, described, manifest["k"]) for path in paths)
    return Copies(frames, described, streams, manifest, _reasons(paths, described))


def _inferred(paths: list[Path], manifest: dict[str, Any], streams: tuple[Streams, ...]) -> Copies:
    try:
        table, frames = read_alike(paths)
    except TableError as error:
        raise StoreError(f"{error}; ask whoever made the copies for them again") from None
    for path, frame in zip(paths, frames, strict=True):
        _check_rows(path, frame, manifest["k"])
    schema = replace(table.schema, rows=manifest["n"])
    guess = replace(private_codebook(schema, table.source), remarks=(INFERRED,))
    return Copies(frames, guess, streams, manifest)


def _manifest(place: Path) -> dict[str, Any]:
    path = place / MANIFEST
    if not path.is_file():
        whole = place.parent if place.name else place.resolve().parent
        if (whole / MANIFEST).is_file():
            raise StoreError(
                f"{str(place)!r} is a part of the output folder {str(whole)!r}; name that"
            )
        drawn = (place / "posterior").is_dir()
        step = f"`posynth draw {place}`" if drawn else "`posynth synthesize`"
        text = (
            f"output folder {str(place)!r} holds no {MANIFEST}, so no copies were finished there; "
            f"{step} writes them"
        )
        if (place / "copies").is_dir() and not drawn:
            text += (
                "; if the copies were passed on without it, ask for it, or pool their data frames "
                "in Python: posynth.pool(frames, n=ROWS OF THE SOURCE, model=..., formula=...)"
            )
        raise StoreError(text)
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8")))
        absent = [key for key in NEEDED if key not in found]
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"{str(path)!r} cannot be read ({error}); draw the copies again") from None
    if absent:
        raise StoreError(f"{str(path)!r} lacks {absent[0]!r}; draw the copies again")
    for key in SIZES:
        if type(found[key]) is not int or found[key] < 1:
            raise StoreError(
                f"{str(path)!r} has {key} = {found[key]!r}, which is no whole number above 0; "
                "draw the copies again"
            )
    return checked_entries(found, repr(str(path)))


def _streams(manifest: Mapping[str, Any], place: Path) -> tuple[Streams, ...]:
    found = manifest.get("streams")
    if found is None:
        return ()  # a public manifest
    streams = tuple(map(Streams.from_dict, found)) if isinstance(found, list) else ()
    if sum(len(each.copies) for each in streams) != manifest["m"]:
        raise StoreError(
            f"output folder {str(place)!r}: the streams in {MANIFEST} are not those of "
            f"{manifest['m']} copies; draw the copies again"
        )
    return streams


def _check_same(
    manifest: Mapping[str, Any], streams: Sequence[Streams], posterior: Posterior, place: Path
) -> None:
    facts = {
        "spec_hash": posterior.spec.digest(),
        "n": posterior.schema.rows,
        "proper": posterior.proper,
    }
    for key, expected in facts.items():
        if key in manifest and manifest[key] != expected:
            raise StoreError(
                f"output folder {str(place)!r}: the manifest has {key} = {manifest[key]!r}, the "
                f"posterior {expected!r}, so they do not belong together; draw the copies again"
            )
    if any(each.posterior != posterior.fingerprint for each in streams):
        raise StoreError(
            f"output folder {str(place)!r}: the copies were drawn from another posterior than the "
            f"one that lies there; `posynth draw {place} -o NEW` draws copies from it"
        )


def _paths(place: Path, manifest: Mapping[str, Any]) -> list[Path]:
    folder = place / "copies"
    paths = sorted(p for p in folder.glob("copy-*") if p.suffix in (".csv", ".parquet"))
    if len(paths) != manifest["m"]:
        drawn = (place / "posterior").is_dir()
        step = f"`posynth draw {place}` writes them all" if drawn else "ask for all of them"
        raise StoreError(
            f"{str(folder)!r} holds {len(paths)} copies, the manifest says {manifest['m']}; {step}"
        )
    return paths


def _read(path: Path, codebook: Codebook, k: int) -> pd.DataFrame:
    try:
        frame = read_copy(path, codebook.schema, codebook.source)
    except TableError as error:
        raise StoreError(str(error)) from None
    _check_rows(path, frame, k)
    return frame


def _reasons(paths: Sequence[Path], codebook: Codebook) -> tuple[Reasons, ...]:
    found = tuple(read_reasons(path, codebook.schema, codebook.source) for path in paths)
    return found if any(found) else ()


def _check_rows(path: Path, frame: pd.DataFrame, k: int) -> None:
    if len(frame) != k:
        raise StoreError(
            f"{path.name} has {len(frame)} rows, the manifest says {k}; draw the copies again"
        )
