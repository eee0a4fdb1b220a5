"""PyTensor functions that give the same digits when just compiled and when read from the cache."""

from typing import Any


def function(inputs: list[Any], outputs: Any, **options: Any) -> Any:
    """Compile a graph without leave to reorder sums; arguments as for ``pytensor.function``.

    With that leave (Numba's fastmath) a function just compiled and the same one read from the
    cache may add in another order: a table's first synthesis on a machine then differed from its
    second in the seventh digit. Without it neither speed nor a digit was lost.
    """
    import pytensor

    with pytensor.config.change_flags(numba__fastmath=False):
        return pytensor.function(inputs, outputs, **options)
