"""Linear algebra on one thread, for the many small problems of resampling."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """Hold BLAS to one thread inside a ``with`` block.

    Threads of OpenBLAS wait for each other by spinning. On matrices of a hundred columns they gain
    nothing, and on a busy machine they cost a factor: 23 s against 0.8 s was measured for
    ``density_ratio.measure`` beside other work on 2 cores.

    Returns
    -------
    context manager
        Restores the number of threads at the end.
    """
    return _controller().limit(limits=1, user_api="blas")  # type: ignore[no-any-return]


@cache
def _controller() -> Any:
    import scipy.linalg  # noqa: F401  its BLAS must be loaded before the controller looks for it
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
