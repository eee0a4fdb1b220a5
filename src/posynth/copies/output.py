"""Output folders: every file appears under its final name only when all of them are whole."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from posynth.chain.toml import chain_to_toml
from posynth.errors import StoreError
from posynth.posterior.bound import find_families
from posynth.posterior.record import Posterior
from posynth.posterior.store import save_posterior
from posynth.table.io import write_copy

MANIFEST = "manifest.json"
PARTS = ("posterior", "chain.toml", "diagnostics.csv", "copies", MANIFEST)


def write_output(
    frames: Sequence[pd.DataFrame],
    posterior: Posterior,
    manifest: Mapping[str, Any],
    folder: Path,
    format: str | None = None,
) -> Path:
    """Write copies, chain, posterior, diagnostics and manifest into a folder.

    Parameters
    ----------
    frames : sequence of pandas.DataFrame
        The copies.
    posterior : Posterior
        What they were drawn from.
    manifest : Mapping
        Facts about them.
    folder : Path
        Where; made if it is not there.
    format : str, optional
        ``"csv"`` or ``"parquet"``; the source's own by default.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StoreError
        If the folder holds something of the same name that posynth did not write.
    """
    with Draft(folder) as draft:
        write_posterior_files(posterior, draft.path)
        write_copies(frames, posterior, draft.path / "copies", format)
        text = json.dumps(manifest, indent=1, ensure_ascii=False)
        (draft.path / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return folder


def write_posterior_files(posterior: Posterior, folder: Path) -> None:
    """Write posterior/, chain.toml and diagnostics.csv into an existing folder."""
    save_posterior(posterior, folder / "posterior")
    known = find_families(posterior.spec, posterior.own, posterior.folders)
    facts = {name: member.facts for name, member in known.items()}
    text = chain_to_toml(posterior.spec, posterior.schema, facts)
    (folder / "chain.toml").write_text(text, encoding="utf-8")
    posterior.diagnostics().to_csv(folder / "diagnostics.csv", index=False)


def write_copies(
    frames: Sequence[pd.DataFrame], posterior: Posterior, folder: Path, format: str | None
) -> None:
    """Write one file a copy into a new folder."""
    ending = format or ("parquet" if posterior.source.format == "parquet" else "csv")
    folder.mkdir()
    width = max(2, len(str(len(frames))))
    for number, frame in enumerate(frames, start=1):
        path = folder / f"copy-{number:0{width}d}.{ending}"
        write_copy(frame, posterior.schema, posterior.source, path, ending)


def write_text(path: Path, text: str) -> None:
    """Write a text file under a temporary name, then rename it.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        raise StoreError(f"{str(path)!r} cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


class Draft:
    """A folder being written; its parts take their final names together, at the end.

    Parameters
    ----------
    folder : Path
        The final folder.

    Raises
    ------
    StoreError
        If it cannot be made, or holds a part that posynth did not write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        taken = [part for part in PARTS if (folder / part).exists()]
        known = (folder / MANIFEST).exists() or (folder / "posterior" / "posterior.json").exists()
        if taken and not known:
            raise StoreError(
                f"output folder {str(folder)!r} already holds {', '.join(taken)}, not written by "
                "posynth; choose another folder with -o"
            )

    def __enter__(self) -> "Draft":
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.folder))
        except OSError as error:
            raise StoreError(
                f"output folder {str(self.folder)!r} cannot be written: {error.strerror}; "
                "choose another with -o"
            ) from None
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                for part in sorted(self.path.iterdir(), key=lambda p: p.name == MANIFEST):
                    _replace(part, self.folder / part.name, self.path)
        finally:
            shutil.rmtree(self.path, ignore_errors=True)


def _replace(part: Path, final: Path, draft: Path) -> None:
    """Put a finished part in the place of an old one; a folder is first moved aside."""
    if final.is_dir():
        os.replace(final, draft / f".old-{final.name}")
    os.replace(part, final)
