"""Starting other processes: where that cannot be done, what they need not run, how they ended."""

import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import current_process
from multiprocessing.process import BaseProcess
from threading import RLock
from types import ModuleType

GUARD = (
    "Python runs the script again in every process it starts: put what calls posynth under "
    '`if __name__ == "__main__":`, or use workers=1'
)
_starting = RLock()


def hindrance() -> str:
    """Return why this process can start no other, or an empty text."""
    process = current_process()
    if process.daemon:
        return "this is a worker of a pool, which may not start processes of its own"
    if getattr(process, "_inheriting", False):
        return f"this process is still starting, and runs a script on the way ({GUARD})"
    return ""


@contextmanager
def without_main() -> Iterator[None]:
    """Start processes that do not run the main script first: their work needs nothing from it.

    A script without ``if __name__ == "__main__":`` would start processes again in each of them,
    and a script read from the standard input cannot be run again at all.
    """
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def ending(processes: Iterable[BaseProcess]) -> str:
    """Say how a process ended that ought not to have.

    Parameters
    ----------
    processes : iterable of processes
        Those of a pool; the others of a broken pool are ended by it, by SIGTERM.
    """
    known = list(processes)
    for _ in range(100):  # another thread may be the one that asks the system for codes
        if all(process.exitcode is not None for process in known):
            break
        time.sleep(0.01)
    codes = {process.exitcode for process in known} - {None, 0, -signal.SIGTERM}
    killed = getattr(signal, "SIGKILL", None)
    if killed is not None and -killed in codes:
        return "was ended from outside (SIGKILL), most likely for want of memory"
    for code in sorted(code for code in codes if code is not None):
        if code > 0:
            return f"stopped with exit code {code}; what it wrote to the standard error says why"
        return f"was ended from outside ({signal.Signals(-code).name})"
    return "was ended from outside"
