"""Output folders: every file appears under its final name only when all of them are whole."""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from posynth.chain.toml import chain_to_toml
from posynth.copies.folder import (
    DRAWN,
    MANIFEST,
    holds_only,
    parts_in,
    require_free,
    written_about,
)
from posynth.errors import StoreError
from posynth.posterior.chain_families import find_families
from posynth.posterior.crew import Crew
from posynth.posterior.record import Posterior
from posynth.posterior.store import write_posterior
from posynth.table.io import write_copy
from posynth.table.reasons import Reasons
from posynth.table.schema import Schema
from posynth.table.source import Source

#: A list of numbers in indented JSON; no string holds a line break there.
_NUMBERS = re.compile(r"\[\n\s*\d+(,\n\s*\d+)*\n\s*\]")


def write_output(
    frames: Sequence[pd.DataFrame],
    posterior: Posterior,
    manifest: Mapping[str, Any],
    folder: Path,
    format: str | None = None,
    overwrite: bool = False,
    reasons: Sequence[Reasons] = (),
) -> Path:
    """Write copies, chain, posterior, diagnostics and manifest into a folder.

    Into a folder that holds just their posterior, copies and manifest are added.

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
    overwrite : bool
        Replace another run in the folder, with the pages and results that were written about it.
    reasons : sequence of Mapping, optional
        Kinds of missing values of each copy, see `Copies`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StoreError
        If the folder holds another run, or something of the same name that posynth did not write.
    """
    with Draft(folder, overwrite, posterior) as draft:
        if not draft.adds:
            write_posterior_files(posterior, draft.path)
        write_copies(frames, posterior, manifest, draft.path, format, reasons=reasons)
    return folder


def write_copies(
    frames: Sequence[pd.DataFrame],
    posterior: Posterior,
    manifest: Mapping[str, Any],
    folder: Path,
    format: str | None = None,
    crew: Crew | None = None,
    reasons: Sequence[Reasons] = (),
) -> None:
    """Write copies/ and the manifest into an existing folder; arguments as for write_output.

    A crew writes half of the copies.
    """
    pieces = _pieces(frames, posterior, folder / "copies", format, reasons)
    (crew or Crew(0)).share(write_copy, pieces)
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(_NUMBERS.sub(_one_line, text) + "\n", encoding="utf-8")


def _one_line(numbers: re.Match[str]) -> str:
    return re.sub(r"\s+", " ", numbers[0]).replace("[ ", "[").replace(" ]", "]")


def write_posterior_files(posterior: Posterior, folder: Path) -> None:
    """Write posterior/, chain.toml and diagnostics.csv into an existing folder."""
    write_posterior(posterior, folder / "posterior")
    where = (posterior.own, posterior.folders, posterior.allowed)
    known = find_families(posterior.spec, *where)
    facts = {name: member.facts for name, member in known.items()}
    reading = posterior.source.reading
    text = chain_to_toml(posterior.spec, posterior.schema, facts, reading)
    (folder / "chain.toml").write_text(text, encoding="utf-8")
    posterior.diagnostics().to_csv(folder / "diagnostics.csv", index=False)


def _pieces(
    frames: Sequence[pd.DataFrame],
    posterior: Posterior,
    folder: Path,
    format: str | None,
    reasons: Sequence[Reasons],
) -> list[tuple[pd.DataFrame, Schema, Source, Path, str, Reasons]]:
    """Make a new folder, and name what each copy's file is written from."""
    ending = format or ("parquet" if posterior.source.format == "parquet" else "csv")
    folder.mkdir()
    width = max(2, len(str(len(frames))))
    paths = [folder / f"copy-{i:0{width}d}.{ending}" for i in range(1, len(frames) + 1)]
    return [
        (frame, posterior.schema, posterior.source, path, ending, kinds)
        for frame, path, kinds in zip(frames, paths, reasons or [{}] * len(frames), strict=True)
    ]


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
        with contextlib.suppress(OSError):
            draft.unlink()


def check_chain(path: Path, inputs: Iterable[Path | None]) -> None:
    """Refuse a chain file in place of what is read, or of a file that is no chain.

    Raises
    ------
    StoreError
        Naming the file.
    """
    if any(
        each is not None and each.exists() and path.exists() and each.samefile(path)
        for each in inputs
    ):
        raise StoreError(
            f"{str(path)!r} is an input of this command, which is not replaced; choose another "
            "name with -o"
        )
    if path.is_file() and path.suffix.lower() != ".toml":
        raise StoreError(
            f"{str(path)!r} is there already and is no chain file; choose another name with -o"
        )


def write_chain(path: Path, text: str, overwrite: bool = False) -> None:
    """Write a chain file; one that says something else may hold edits, and is kept.

    Raises
    ------
    StoreError
        If another chain is there, or the file cannot be written.
    """
    if path.is_file() and not overwrite and path.read_bytes() != text.encode():
        raise StoreError(
            f"{str(path)!r} is there already and says something else, perhaps by your edits; "
            "choose another name with -o, or replace it with --overwrite"
        )
    write_text(path, text)


class Draft:
    """A folder being written; its parts take their final names together, at the end.

    An older output is replaced as a whole, if at all: copies must not stay beside a posterior they
    were not drawn from, nor a report beside copies it does not describe. If anything fails, the
    older output stays as it was.

    Parameters
    ----------
    folder : Path
        The final folder.
    overwrite : bool
        Whether to replace another run that it holds.
    posterior : Posterior, optional
        Posterior of the copies: if the folder holds just that, the copies are added.
    inputs : iterable of Path, optional
        Files that are read, which must not be replaced.

    Attributes
    ----------
    adds : bool
        Whether copies are added to the posterior that is there.
    removed : list of str
        Pages and results about the older run, gone with it.

    Raises
    ------
    StoreError
        If the folder cannot be made, holds another run, or a part that posynth did not write.
    """

    def __init__(
        self,
        folder: Path,
        overwrite: bool = False,
        posterior: Posterior | None = None,
        inputs: Iterable[Path | None] = (),
    ) -> None:
        require_free(folder, overwrite, posterior, inputs)
        self.folder = folder
        self.adds = posterior is not None and holds_only(folder, posterior)
        self.removed = written_about(folder)

    def __enter__(self) -> "Draft":
        self._made = not self.folder.exists()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.folder))
        except OSError as error:
            raise StoreError(
                f"output folder {str(self.folder)!r} cannot be written: {error.strerror}; "
                "choose another with -o"
            ) from None
        return self

    def __exit__(self, kind: object, error: object, *_: object) -> None:
        failed = True
        try:
            if kind is None:
                self._commit()
                failed = False
        finally:
            shutil.rmtree(self.path, ignore_errors=True)
            if failed and self._made:
                with contextlib.suppress(OSError):
                    self.folder.rmdir()
        if isinstance(error, OSError):
            raise StoreError(
                f"output folder {str(self.folder)!r} could not be written: "
                f"{error.strerror or error}; what it held before is unchanged"
            ) from error

    def _commit(self) -> None:
        """Set the old parts aside, put the new ones in place; undo all of it if one step fails."""
        aside = self.path / ".old"
        aside.mkdir()
        new = sorted(p for p in self.path.iterdir() if p != aside)
        old = [p for p in parts_in(self.folder) if p in DRAWN or not self.adds]
        moves = [(self.folder / part, aside / part) for part in [*old, *self.removed]]
        moves += [(part, self.folder / part.name) for part in new]
        done: list[tuple[Path, Path]] = []
        try:
            for source, final in moves:
                done.append((source, final))
                os.replace(source, final)
        except BaseException:
            for source, final in reversed(done):
                if final.exists():
                    os.replace(final, source)
            raise
