"""What an output folder holds: another run, what was written about it, and what is not ours."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeGuard

from posynth.errors import StoreError
from posynth.posterior.record import Posterior
from posynth.posterior.store import foreign_files, is_posterior, stored_fingerprint

MANIFEST = "manifest.json"
#: What `fit` writes, and what `draw` adds.
FITTED = ("posterior", "chain.toml", "diagnostics.csv")
DRAWN = ("copies", MANIFEST)
PARTS = (*FITTED, *DRAWN)
_COPY = re.compile(r"copy-\d+\.(csv|parquet)")
_PAGE = b'<meta name="generator" content="posynth '
_TABLES = (b"measure,subject,value,", b"coefficient,estimate,std error,")

#: What `pool` and `evaluate` add to what their files can be traced to.
_RESULTS = {"pooled", "results"}


def parts_in(folder: Path) -> list[str]:
    """Return the parts of a run that a folder holds."""
    return [part for part in PARTS if (folder / part).exists()]


def written_about(folder: Path) -> list[str]:
    """Return files that `report`, `evaluate` and `pool` wrote into a folder about its copies.

    They are known by their first bytes, or by what a result can be traced to: nothing else is
    taken for one.
    """
    if not folder.is_dir():
        return []
    return sorted(
        path.name for path in folder.iterdir() if path.name not in PARTS and is_written(path)
    )


def require_free(
    folder: Path,
    overwrite: bool = False,
    posterior: Posterior | None = None,
    inputs: Iterable[Path | None] = (),
) -> None:
    """Refuse a folder that holds another run, or something that posynth did not write.

    Parameters
    ----------
    folder : Path
        Where copies are to be written.
    overwrite : bool
        Whether another run may be replaced. Only a folder that posynth wrote is, which its
        manifest or its posterior shows.
    posterior : Posterior, optional
        What the copies were drawn from: a folder that holds it and no copies is completed.
    inputs : iterable of Path, optional
        Files that are read: none of them may be among what is replaced.

    Raises
    ------
    StoreError
        Naming what the folder holds.
    """
    found, about = parts_in(folder), written_about(folder)
    foreign = _foreign(folder) if is_run(folder) else others_in(folder, about)
    if foreign:
        raise StoreError(
            f"output folder {str(folder)!r} already holds {listed(foreign)}, not written by "
            "posynth; choose another folder with -o"
        )
    found += about
    if found and not overwrite and not (posterior and holds_only(folder, posterior)):
        raise StoreError(
            f"output folder {str(folder)!r} already holds a run ({', '.join(found)}); choose "
            "another folder with -o, or replace that run with --overwrite (overwrite=True in "
            "Python)"
        )
    for path in inputs:
        if path is not None and any(_lies_in(path, folder / part) for part in found):
            raise StoreError(
                f"{str(path)!r} is read, and lies in output folder {str(folder)!r}, whose run "
                "would be replaced; choose another folder with -o, or move the file"
            )


def is_run(folder: Path) -> bool:
    """Whether a folder holds copies or a posterior that posynth wrote, by manifest or posterior."""
    return is_manifest(folder / MANIFEST) or is_posterior(folder / "posterior")


def is_manifest(path: Path) -> bool:
    """Whether a file is the manifest of copies: other programs write files of that name too."""
    content = _json(path)
    return _is_traced_to_copies(content) and not _RESULTS & content.keys()


def drawn_into(folder: Path) -> int:
    """Return the number of copies that a folder holds by its manifest; 0 if it has none."""
    content = _json(folder / MANIFEST)
    return int(content["m"]) if isinstance(content, dict) and "m" in content else 0


def others_in(folder: Path, known: Iterable[str] = ()) -> list[str]:
    """Return what a folder holds besides known names and hidden files."""
    if folder.exists() and not folder.is_dir():
        return []
    ours = set(known)
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [name for name in found if name not in ours and not name.startswith(".")]


def listed(names: Iterable[str], most: int = 5) -> str:
    """Join names, at most so many of them."""
    found = list(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def is_written(path: Path) -> bool:
    """Whether `report`, `evaluate` or `pool` wrote a file, known by what it holds."""
    known = {".html": _is_page, ".json": _is_traced, ".csv": _is_table}
    return path.suffix in known and path.is_file() and known[path.suffix](path)


def is_listing(path: Path) -> bool:
    """Whether `methods` or `families` wrote a file."""
    content = _json(path)
    return isinstance(content, dict) and content.keys() in ({"methods"}, {"families"})


def holds_only(folder: Path, posterior: Posterior) -> bool:
    """Whether a folder holds just this posterior, to which copies can be added."""
    found = {*parts_in(folder), *written_about(folder)}
    if "posterior" not in found or not found <= set(FITTED):
        return False
    return stored_fingerprint(folder / "posterior") == posterior.fingerprint


def _foreign(folder: Path) -> list[str]:
    """Return what lies among the parts of a run but is none: it would be deleted with them."""
    copies = folder / "copies"
    found = sorted(copies.iterdir()) if copies.is_dir() else ()
    among = [f"copies/{p.name}" for p in found if not _COPY.fullmatch(p.name)]
    return among + [f"posterior/{name}" for name in foreign_files(folder / "posterior")]


def _lies_in(path: Path, part: Path) -> bool:
    return path.exists() and path.resolve().is_relative_to(part.resolve())


def _is_page(path: Path) -> bool:
    return _PAGE in _start(path)


def _is_table(path: Path) -> bool:
    return _start(path).startswith(_TABLES)


def _is_traced(path: Path) -> bool:
    content = _json(path)
    return _is_traced_to_copies(content) and bool(_RESULTS & content.keys())


def _is_traced_to_copies(content: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(content, dict) and {"posynth", "n", "m"} <= content.keys()


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError:  # a folder of that name, or one that may not be read
        return b""
