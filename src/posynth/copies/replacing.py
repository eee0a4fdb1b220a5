"""Which files a command may write over: never what it reads, and others' files on request only."""

import json
from collections.abc import Iterable
from pathlib import Path

from posynth.copies.folder import MANIFEST, PARTS, is_listing, is_manifest, is_run, is_written
from posynth.errors import StoreError

#: Endings of files that are never results: chains and studies, models, posterior draws.
_NEVER = {".toml", ".py", ".nc", ".jsonl"}


def check_target(
    path: Path, overwrite: bool = False, inputs: Iterable[Path | str | None] = ()
) -> None:
    """Refuse a file that must not be written over, before any work.

    Parameters
    ----------
    path : Path
        The file to be written.
    overwrite : bool
        Whether a file that posynth did not write may be replaced. What is read, a part of a run
        and a chain are never replaced.
    inputs : iterable of path, optional
        Files and folders that are read. The table that the manifest of a folder names as its
        source counts among them.

    Raises
    ------
    StoreError
        Naming the file and what it is.

    Examples
    --------
    >>> check_target(Path("there/is/no/such/folder/page.html"))
    Traceback (most recent call last):
    posynth.errors.StoreError: 'there/is/no/such/folder/page.html' cannot be written: there is no \
such folder; make it first
    """
    if not path.parent.is_dir():
        raise StoreError(f"{str(path)!r} cannot be written: there is no such folder; make it first")
    above = _run_of(path)
    if above is not None and path.resolve().parent != above:
        part = path.resolve().relative_to(above).parts[0]
        raise StoreError(
            f"{str(path)!r} is in {part!r}, a part of the run in {str(above)!r} that holds nothing "
            "but what was drawn or fitted; choose another folder"
        )
    if not path.exists():
        return
    if path.is_dir():
        raise StoreError(f"{str(path)!r} is a folder; name a file in it")
    if not path.is_file():
        raise StoreError(
            f"{str(path)!r} is a device or pipe, and results are written to files, which are "
            "replaced as a whole; name a file (tables are on the screen too)"
        )
    kept = _reason(path, [Path(each) for each in inputs if each is not None])
    if kept:
        raise StoreError(f"{str(path)!r} is {kept}, which is not replaced; choose another name")
    if not overwrite and not is_written(path) and not is_listing(path):
        raise StoreError(
            f"{str(path)!r} is there already and was not written by posynth; choose another name, "
            "or replace it with --overwrite (overwrite=True in Python)"
        )


def check_targets(
    paths: Iterable[Path | None], overwrite: bool, inputs: Iterable[Path | str | None]
) -> None:
    """Refuse files that must not be written over, and one name given twice; see `check_target`.

    Raises
    ------
    StoreError
        Naming the first such file.
    """
    given, read = [path for path in paths if path is not None], list(inputs)
    for path in given:
        check_target(path, overwrite, read)
    if len({path.resolve() for path in given}) < len(given):
        raise StoreError(f"{str(given[0])!r} is named for two files; choose another name for one")


def _reason(path: Path, inputs: list[Path]) -> str:
    """Say why a file is never replaced; nothing if it may be."""
    if any(each.is_file() and each.samefile(path) for each in inputs):
        return "an input of this command"
    if path.name in {_source(each) for each in inputs if each.is_dir()} - {""}:
        return "of the name of the table that was synthesised"
    if is_manifest(path):
        return "the manifest of copies"
    if path.suffix.lower() in _NEVER:
        return f"a {path.suffix} file"
    above = _run_of(path)
    return "" if above is None else f"a part of the run in {str(above)!r}"


def _run_of(path: Path) -> Path | None:
    """Return the folder of the run of which a file is or would be a part."""
    for above in path.resolve().parents[:3]:
        if path.resolve().relative_to(above).parts[0] in PARTS and is_run(above):
            return above
    return None


def _source(folder: Path) -> str:
    """Return the name of the table that copies in a folder were made from, if it is known."""
    if not is_manifest(folder / MANIFEST):
        return ""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return str(manifest.get("source") or "")
