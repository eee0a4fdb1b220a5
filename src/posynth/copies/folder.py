"""What an output folder holds: another run, what was written about it, and what is not ours."""

import json
import re
from pathlib import Path

from posynth.errors import StoreError
from posynth.posterior.record import Posterior
from posynth.posterior.store import stored_fingerprint

MANIFEST = "manifest.json"
#: What `fit` writes, and what `draw` adds.
FITTED = ("posterior", "chain.toml", "diagnostics.csv")
DRAWN = ("copies", MANIFEST)
PARTS = (*FITTED, *DRAWN)
_COPY = re.compile(r"copy-\d+\.(csv|parquet)")
_PAGE = b'<meta name="generator" content="posynth '
_TABLES = (b"measure,subject,value,", b"coefficient,estimate,std error,")


def parts_in(folder: Path) -> list[str]:
    """Return the parts of a run that a folder holds."""
    return [part for part in PARTS if (folder / part).exists()]


def written_about(folder: Path) -> list[str]:
    """Return files that `report`, `evaluate` and `pool` wrote into a folder about its copies.

    They are known by their first bytes, or by what a result can be traced to: nothing else is
    taken for one.
    """
    known = {".html": _is_page, ".json": _is_traced, ".csv": _is_table}
    if not folder.is_dir():
        return []
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix in known and path.name not in PARTS and known[path.suffix](path)
    )


def require_free(folder: Path, overwrite: bool = False, posterior: Posterior | None = None) -> None:
    """Refuse a folder that holds another run, or something that posynth did not write.

    Parameters
    ----------
    folder : Path
        Where copies are to be written.
    overwrite : bool
        Whether another run may be replaced.
    posterior : Posterior, optional
        What the copies were drawn from: a folder that holds it and no copies is completed.

    Raises
    ------
    StoreError
        Naming what the folder holds.
    """
    found = parts_in(folder)
    ours = (folder / MANIFEST).exists() or (folder / "posterior" / "posterior.json").exists()
    foreign = _foreign(folder / "copies") if ours else found
    if foreign:
        raise StoreError(
            f"output folder {str(folder)!r} already holds {', '.join(foreign)}, not written by "
            "posynth; choose another folder with -o"
        )
    found += written_about(folder)
    if found and not overwrite and not (posterior and holds_only(folder, posterior)):
        raise StoreError(
            f"output folder {str(folder)!r} already holds a run ({', '.join(found)}); choose "
            "another folder with -o, or replace that run with --overwrite (overwrite=True in "
            "Python)"
        )


def holds_only(folder: Path, posterior: Posterior) -> bool:
    """Whether a folder holds just this posterior, to which copies can be added."""
    found = {*parts_in(folder), *written_about(folder)}
    if "posterior" not in found or not found <= set(FITTED):
        return False
    return stored_fingerprint(folder / "posterior") == posterior.fingerprint


def _foreign(copies: Path) -> list[str]:
    """Return what lies among the copies but is no copy; replacing the folder would delete it."""
    found = copies.iterdir() if copies.is_dir() else ()
    return [f"copies/{p.name}" for p in found if not _COPY.fullmatch(p.name)]


def _is_page(path: Path) -> bool:
    return _PAGE in _start(path)


def _is_table(path: Path) -> bool:
    return _start(path).startswith(_TABLES)


def _is_traced(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"posynth", "spec_hash", "n", "m"} <= content.keys()


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError:  # a folder of that name, or one that may not be read
        return b""
