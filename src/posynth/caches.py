"""Folders in which libraries keep compiled code and settings, and what is done without them.

PyTensor, Numba and matplotlib write to the user's home. Where that cannot be written (a container,
a service, a read-only file system) the first fails on import. They are then given a temporary
folder, before they are imported; processes started from this one inherit it.
"""

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path
from threading import Lock

from posynth.errors import MachineWarning, SpecError

_preparing = Lock()


def prepare_caches() -> None:
    """Give libraries a temporary folder where theirs cannot be written, and say so once.

    Raises
    ------
    SpecError
        If there is no folder at all that can be written.

    Warns
    -----
    MachineWarning
        If a folder cannot be written.
    """
    with _preparing:
        _prepare()


@cache
def _prepare() -> None:
    lacking = _lacking()
    if not lacking:
        return
    try:
        place = Path(tempfile.mkdtemp(prefix="posynth-"))
    except OSError as error:
        raise SpecError(
            f"no folder can be written ({error}), and PyTensor needs one for compiled code; set "
            "TMPDIR to one that can"
        ) from None
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    for library in lacking:
        _USE[library](place)
    folders = ", ".join(dict.fromkeys(map(str, lacking.values())))
    warnings.warn(
        f"{folders} cannot be written, so compiled code is kept in a temporary folder and lost at "
        "the end: the next run compiles anew and starts more slowly; set HOME to a folder that can "
        "be written to keep it",
        MachineWarning,
        stacklevel=4,
    )


def writable(folder: Path) -> bool:
    """Whether a folder can be written, or made where it does not exist yet."""
    for place in (folder, *folder.parents):
        try:
            found = place.is_dir()
            if not found and not place.exists():
                continue
        except OSError:
            continue
        if not found:
            return False
        try:
            with tempfile.TemporaryFile(dir=place):
                return True
        except OSError:
            return False
    return False


def _lacking() -> dict[str, Path]:
    """Return libraries not imported yet whose folder cannot be written."""
    wanted = {"pytensor": _pytensor(), "numba": _numba(), "matplotlib": _matplotlib()}
    return {
        library: folder
        for library, folder in wanted.items()
        if library not in sys.modules and folder is not None and not writable(folder)
    }


def _home() -> Path:
    return Path(os.path.expanduser("~"))


def _flags() -> dict[str, str]:
    pairs = [pair.partition("=") for pair in os.environ.get("PYTENSOR_FLAGS", "").split(",")]
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip()}


def _pytensor() -> Path | None:
    """Return its folder; None where the user's own settings file may name another."""
    settings = os.environ.get("PYTENSORRC", str(_home() / ".pytensorrc"))
    flags = _flags()
    if any(Path(name).is_file() for name in settings.split(os.pathsep)) and not flags:
        return None
    local = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None
    usual = Path(local) / "PyTensor" if local else _home() / ".pytensor"
    folders = [flags.get(key) for key in ("base_compiledir", "compiledir")]
    given = [Path(folder).expanduser() for folder in folders if folder]
    return next((folder for folder in given if not writable(folder)), (given or [usual])[0])


def _numba() -> Path | None:
    """Return the folder that Numba would choose last; None if one before that will do."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    beside = Path(__file__).parent / "engines" / "__pycache__"
    if (named and writable(Path(named))) or writable(beside):
        return None
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "numba"


def _matplotlib() -> Path:
    named = os.environ.get("MPLCONFIGDIR")
    if named:
        return Path(named)
    config = Path(os.environ.get("XDG_CONFIG_HOME") or _home() / ".config") / "matplotlib"
    kept = Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "matplotlib"
    return kept if writable(config) else config


def _use_pytensor(place: Path) -> None:
    flags = {**_flags(), "base_compiledir": str(place / "pytensor")}
    if "compiledir" in flags:
        flags["compiledir"] = str(place / "pytensor" / "compiled")
    os.environ["PYTENSOR_FLAGS"] = ",".join(f"{k}={v}" for k, v in flags.items())


def _use_numba(place: Path) -> None:
    os.environ["NUMBA_CACHE_DIR"] = str(place / "numba")


def _use_matplotlib(place: Path) -> None:
    folder = place / "matplotlib"
    folder.mkdir()
    os.environ["MPLCONFIGDIR"] = str(folder)


_USE = {"pytensor": _use_pytensor, "numba": _use_numba, "matplotlib": _use_matplotlib}
