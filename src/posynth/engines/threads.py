"""Linear algebra on one thread, for the many small problems of resampling."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
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
    return _controller().limit(limits=1, user_api="blas")  # type: ignore[no-any-return]


@cache
def _controller() -> Any:
    import scipy.linalg  # noqa: F401  its BLAS must be loaded before the controller looks for it
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
