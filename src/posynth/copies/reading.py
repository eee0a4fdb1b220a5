"""An output folder read back: the copies, their posterior and their manifest, checked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from posynth.copies.container import Copies
from posynth.copies.output import MANIFEST
from posynth.errors import StoreError, TableError
from posynth.posterior.record import Posterior
from posynth.posterior.store import load_posterior
from posynth.table.copy_file import read_copy

NEEDED = ("spec_hash", "n", "k", "m", "seed", "proper")


def load_copies(folder: str | Path, *, allow_code: bool = False) -> Copies:
    """Read an output folder that ``posynth synthesize``, ``posynth draw`` or ``save`` wrote.

    Parameters
    ----------
    folder : str or Path
        Holds ``copies/``, ``posterior/`` and ``manifest.json``.
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
    place = Path(folder)
    if not place.is_dir():
        raise StoreError(
            f"output folder {str(folder)!r} is not there; name the folder that `posynth "
            "synthesize` wrote"
        )
    manifest = _manifest(place)
    posterior = load_posterior(place, allow_code=allow_code)
    _check_same(manifest, posterior, place)
    frames = tuple(_read(path, posterior, int(manifest["k"])) for path in _paths(place, manifest))
    return Copies(frames, posterior, int(manifest["seed"]), manifest)


def _manifest(place: Path) -> dict[str, Any]:
    path = place / MANIFEST
    if not path.is_file():
        drawn = (place / "posterior").is_dir()
        step = f"`posynth draw {place}`" if drawn else "`posynth synthesize`"
        raise StoreError(
            f"output folder {str(place)!r} holds no {MANIFEST}, so no copies were finished there; "
            f"{step} writes them"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        absent = [key for key in NEEDED if key not in found]
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"{str(path)!r} cannot be read ({error}); draw the copies again") from None
    if absent:
        raise StoreError(f"{str(path)!r} lacks {absent[0]!r}; draw the copies again")
    return dict(found)


def _check_same(manifest: Mapping[str, Any], posterior: Posterior, place: Path) -> None:
    facts = {
        "spec_hash": posterior.spec.digest(),
        "n": posterior.schema.rows,
        "proper": posterior.proper,
    }
    for key, expected in facts.items():
        if manifest[key] != expected:
            raise StoreError(
                f"output folder {str(place)!r}: the manifest has {key} = {manifest[key]!r}, the "
                f"posterior {expected!r}, so they do not belong together; draw the copies again"
            )


def _paths(place: Path, manifest: Mapping[str, Any]) -> list[Path]:
    folder = place / "copies"
    paths = sorted(p for p in folder.glob("copy-*") if p.suffix in (".csv", ".parquet"))
    if len(paths) != manifest["m"]:
        raise StoreError(
            f"{str(folder)!r} holds {len(paths)} copies, the manifest says {manifest['m']}; "
            f"`posynth draw {place}` writes them all"
        )
    return paths


def _read(path: Path, posterior: Posterior, k: int) -> pd.DataFrame:
    try:
        frame = read_copy(path, posterior.schema, posterior.source)
    except TableError as error:
        raise StoreError(str(error)) from None
    if len(frame) != k:
        raise StoreError(
            f"{path.name} has {len(frame)} rows, the manifest says {k}; draw the copies again"
        )
    return frame
