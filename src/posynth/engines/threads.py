"""State of the whole process, set and restored so that threads of Python do not disturb each other.

Threads of linear algebra and the handling of warnings belong to the process. Where two threads of
Python set and restore them in turns, one works under what the other had set, and the process can
be left in a state that neither found.
"""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock, RLock
from typing import Any

WORTH_THREADS = 200
"""Columns from which products of matrices gain by threads."""


def one_thread(columns: int = 0) -> AbstractContextManager[Any]:
    """Hold BLAS to one thread inside a ``with`` block, unless the matrices are wide.

    Threads of OpenBLAS wait for each other by spinning. On matrices of a hundred columns they gain
    nothing, and on a busy machine they cost a factor: 23 s against 0.8 s was measured for
    ``density_ratio.measure`` beside other work on 2 cores.

    Parameters
    ----------
    columns : int
        Columns of the matrices; from :data:`WORTH_THREADS` on nothing is held.

    Returns
    -------
    context manager
        Restores the number of threads at the end.
    """
    if columns >= WORTH_THREADS:
        return nullcontext()
    return _one_thread()


class _Limit:
    """Number of threads of BLAS: one while anyone asks for it, then as it was before."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0
        self._controller: Any = None
        self._limiter: Any = None

    def enter(self) -> None:
        with self._lock:
            if self._controller is None:
                import scipy.linalg  # noqa: F401  its BLAS must be loaded to be found
                from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

                self._controller = ThreadpoolController()
            if not self._inside:
                self._limiter = self._controller.limit(limits=1, user_api="blas")
                # threadpoolctl lets one thread of Python set limits until it leaves a block: this
                # empty one gives that up, since another thread may be the last to leave.
                with self._controller.limit(limits=None, user_api="blas"):
                    pass
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                with self._limiter:  # it restores at the end of its block
                    pass


_limit = _Limit()
_warnings = RLock()


@contextmanager
def _one_thread() -> Iterator[None]:
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()


@contextmanager
def caught_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Collect warnings in place of showing them; other threads that ask for it wait meanwhile.

    Yields
    ------
    list of warnings.WarningMessage
        Filled while the block runs.
    """
    with _warnings, warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield found


@contextmanager
def ignored_warnings(category: type[Warning]) -> Iterator[None]:
    """Ignore warnings of a category; other threads that change filters wait meanwhile."""
    with _warnings, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield
