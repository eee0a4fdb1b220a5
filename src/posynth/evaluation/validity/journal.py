"""Finished replications in a file, one line each: a study that is killed goes on where it was."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from posynth.copies.folder import listed, others_in
from posynth.errors import StoreError
from posynth.evaluation.validity.replicate import Replication

FORMAT = 2
JOURNAL = "replications.jsonl"


class Journal:
    """The file of a study, open for appending.

    A line is written, flushed and synced before the next replication is waited for. A kill can
    only leave an unfinished last line, which is cut off on opening.

    Parameters
    ----------
    path : Path
        The file; made with its folder if it is not there.
    digest : str
        Hash of the study; a file of another study is refused.
    header : Mapping
        What else the first line tells.

    Raises
    ------
    StoreError
        If the file belongs to another study, or cannot be read or written.
    """

    def __init__(self, path: Path, digest: str, header: dict[str, Any]) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or not path.read_bytes().rpartition(b"\n")[0]:
                self._start({"format": FORMAT, "digest": digest, **header})
            self.replications = list(_read(path, digest))
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"{str(path)!r} cannot be written: {error.strerror}; choose another folder with -o"
            ) from None

    def _start(self, header: dict[str, Any]) -> None:
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        draft.write_text(json.dumps(header, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(draft, self.path)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # what could not be written was told
            self._file.close()

    def append(self, replication: Replication) -> None:
        """Write one finished replication, safely on disk when this returns.

        Raises
        ------
        StoreError
            If it cannot be written; those before it stay.
        """
        try:
            self._file.write(json.dumps(asdict(replication), ensure_ascii=False) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreError(
                f"{str(self.path)!r} cannot be written: {error.strerror}; make room and run it "
                f"again: it goes on after its {len(self.replications)} replications"
            ) from None
        self.replications.append(replication)


def _read(path: Path, digest: str) -> Iterator[Replication]:
    """Read the replications, and cut off what an interrupted write left."""
    content = path.read_bytes()
    whole = content.rpartition(b"\n")[0] + b"\n"
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    lines = whole.decode("utf-8").splitlines()
    _check(path, lines[0], digest)
    for line in lines[1:]:
        yield from_json(line)


def require_study_place(folder: Path) -> None:
    """Refuse a folder that holds files and no study: results of that name might not be ours.

    Raises
    ------
    StoreError
        Naming what the folder holds.
    """
    foreign = [] if _is_journal(folder / JOURNAL) else others_in(folder)
    if foreign:
        raise StoreError(
            f"output folder {str(folder)!r} already holds {listed(foreign)}, and no study of "
            "posynth; choose another folder with -o"
        )


def _is_journal(path: Path) -> bool:
    """Whether a file starts as a journal does: a study of posynth, this one or another."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            header = json.loads(file.readline())
    except (OSError, ValueError):
        return False
    return isinstance(header, dict) and {"format", "digest"} <= header.keys()


def is_of_study(line: str, digest: str) -> bool:
    """Whether the first line of a file of replications is that of a study."""
    try:
        header = json.loads(line)
        return bool((header["digest"], header["format"]) == (digest, FORMAT))
    except (ValueError, KeyError, TypeError):
        return False


def _check(path: Path, line: str, digest: str) -> None:
    if not is_of_study(line, digest):
        raise StoreError(
            f"{str(path)!r} holds replications of another study (population, chain, plan, "
            "sizes, analyses or seed differ), which must not be mixed with these; choose another "
            "folder with -o, or replace that study with --overwrite (overwrite=True in Python)"
        )


def from_json(line: str) -> Replication:
    """Read one line."""
    data = json.loads(line)
    for key in ("names", "original", "error", "df", "truth"):
        data[key] = tuple(data[key])
    return Replication(**data)


def numbered(replications: Iterable[Replication], count: int) -> list[Replication]:
    """Return replications 0 to count - 1 in order, whatever the order they were finished in."""
    found = {replication.number: replication for replication in replications}
    return [found[number] for number in range(count) if number in found]
