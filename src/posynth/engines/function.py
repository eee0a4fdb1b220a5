"""PyTensor functions that keep nothing between calls, so that threads can share them.

A compiled PyTensor function reads shared variables where its graph has them: whoever sets these
decides what all other callers compute. Here every shared variable of a model, its random
generators too, becomes an argument of the function.
"""

from collections.abc import Callable, Hashable, Mapping
from threading import Lock, RLock
from typing import Any

#: PyMC and PyTensor are not written for several threads: whoever writes or compiles a model
#: holds this lock. Calls of compiled functions do not need it.
COMPILING = RLock()


class Function:
    """A compiled graph.

    Parameters
    ----------
    call : callable
        The PyTensor function. Its arguments are those of the caller, then the data, then the
        random generators.
    data : tuple
        Keys of the data that it reads, in the order of its arguments.
    generators : int
        How many random generators it takes.
    """

    def __init__(self, call: Any, data: tuple[Hashable, ...], generators: int) -> None:
        self.data, self.generators = data, generators
        self._call = call
        # PyTensor puts arguments into storage of the function before it runs it: two calls at
        # once would mix them. The lock is held for one call only, so that it cannot deadlock.
        self._lock = Lock()

    def on(self, data: Mapping[Hashable, Any]) -> Callable[..., Any]:
        """Return the function on given data: it takes the other arguments only."""
        call, lock, given = self._call, self._lock, [data[key] for key in self.data]

        if not self.generators:

            def evaluate(*values: Any) -> Any:
                with lock:
                    return call(*values, *given)

            return evaluate
        count = self.generators

        def draw(*values: Any, rng: Any) -> Any:
            # The function works on copies of generators and would not advance ``rng`` itself.
            children = rng.spawn(count)
            with lock:
                return call(*values, *given, *children)

        return draw


def function(
    inputs: list[Any], outputs: Any, data: Mapping[Hashable, Any], **options: Any
) -> Function:
    """Compile a graph without leave to reorder sums.

    With that leave (Numba's fastmath) a function just compiled and the same one read from the
    cache may add in another order: a table's first synthesis on a machine then differed from its
    second in the seventh digit. Without it neither speed nor a digit was lost.

    Parameters
    ----------
    inputs : list of variables
        Arguments of the function.
    outputs : variable or list of variables
        What it returns.
    data : Mapping
        Shared variables by any key; those in the graph become arguments.
    **options
        As for ``pytensor.function``.
    """
    import pytensor
    from pytensor.compile.sharedvalue import SharedVariable
    from pytensor.graph.traversal import ancestors
    from pytensor.tensor.random.type import RandomType

    nodes = ancestors(outputs if isinstance(outputs, list) else [outputs])
    shared = [node for node in nodes if isinstance(node, SharedVariable)]
    keys = {id(variable.container): key for key, variable in data.items()}
    # Rewritten graphs hold clones of a shared variable, which share its container.
    read: dict[Hashable, Any] = {}
    generators: dict[int, Any] = {}
    givens = []
    for node in shared:
        place = id(node.container)
        if isinstance(node.type, RandomType):
            givens.append((node, generators.setdefault(place, node.type())))
        elif place in keys:
            givens.append((node, read.setdefault(keys[place], node.type(name=node.name))))
    arguments = [*inputs, *read.values(), *generators.values()]
    with COMPILING, pytensor.config.change_flags(numba__fastmath=False):
        call = pytensor.function(arguments, outputs, givens=givens, **options)
    return Function(call, tuple(read), len(generators))
