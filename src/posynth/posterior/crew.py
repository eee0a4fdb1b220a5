"""Other processes that fit conditionals; they can be called before there is anything to fit.

Importing PyMC and loading compiled densities takes about as long as reading a table and choosing
its chain: a process called first thing is ready when the first conditional is.
"""

import gc
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from threading import Thread
from typing import Any

from posynth.caches import prepare_caches
from posynth.errors import MachineWarning
from posynth.posterior.processes import ending, hindrance, without_main

#: Imports make a million objects that stay; looking through them for garbage took 0.5 s of 3.5.
SELDOM = (200_000, 1000, 1000)
#: The family whose density a process loads while it waits: nearly every chain has some.
FIRST, ROWS = "bernoulli", 40


class Crew:
    """Processes besides this one; a context manager that ends them.

    Parameters
    ----------
    size : int
        Number of processes besides this one, which works too; 0 for none.
    asked : bool
        Whether the user asked for them, and is told where there can be none.

    Warns
    -----
    MachineWarning
        If this process can start no other: then it works alone.
    """

    def __init__(self, size: int, asked: bool = True) -> None:
        hindered = hindrance() if size else ""
        if hindered and asked:
            what = (
                f"workers = {size + 1}: one process is used, since {hindered}; results are the same"
            )
            warnings.warn(what, MachineWarning, stacklevel=3)
        self.size = 0 if hindered else size
        self._pool = _pool(self.size) if self.size else None
        self._processes: dict[int, BaseProcess] = {}

    @classmethod
    def called(cls, workers: int | None) -> "Crew":
        """Start processes at once, and let them load what default chains need.

        Parameters
        ----------
        workers : int, optional
            Processes in all; by default two, if there are two cores.
        """
        wanted = min(os.cpu_count() or 1, 2) if workers is None else workers
        crew = cls(max(wanted, 1) - 1, asked=workers is not None)
        for _ in range(crew.size):
            crew.submit(load)
        return crew

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes, whatever they are at: what is still wanted has been fetched."""
        if self._pool is None:
            return
        self._pool.shutdown(wait=False, cancel_futures=True)
        # Its own processes only: other threads of this process may have some at work.
        for child in self._processes.values():
            child.terminate()

    def submit[T](self, work: Callable[..., T], *given: Any) -> "Future[T]":
        """Hand work to the next free process."""
        if self._pool is None:
            raise ValueError("a crew of none")
        # Written here and not by the pool's own thread, which reads objects while this thread goes
        # on with them: a record that computes a value on first use then changed under its hands.
        sent = bytes(ForkingPickler.dumps((work, given)))
        with _deaf(), without_main():
            future = self._pool.submit(_received, sent)
        self._processes |= self._pool._processes or {}
        return future

    def ending(self) -> str:
        """Say how a process ended that was needed."""
        return ending(self._processes.values())

    @contextmanager
    def beside(self, work: Callable[..., object], *given: Any) -> Iterator[None]:
        """Have work done elsewhere during a ``with`` block, and wait for it at the end.

        Parameters
        ----------
        work : callable
            A function of a module; without a crew it is called here, before the block.
        *given
            What it is given, sent to the other process.
        """
        if self._pool is None:
            work(*given)
            yield
            return
        future = self.submit(work, *given)
        try:
            yield
        finally:
            future.result()

    def share(self, work: Callable[..., object], pieces: Sequence[tuple[Any, ...]]) -> None:
        """Do the same work on many pieces, every other one elsewhere; return when all are done.

        Parameters
        ----------
        work : callable
            A function of a module.
        pieces : sequence of tuple
            What it is given, piece by piece.
        """
        sent = [] if self._pool is None else [self.submit(work, *p) for p in pieces[1::2]]
        try:
            for given in pieces[:: 2 if sent else 1]:
                work(*given)
        finally:
            for future in sent:
                future.result()


def _received(sent: bytes) -> Any:
    """Do, in the other process, the work that was sent."""
    work, given = ForkingPickler.loads(sent)
    return work(*given)


@contextmanager
def _deaf() -> Iterator[None]:
    """Hold Ctrl-C back while a process may begin: it inherits that, and leaves it to this one."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pool(size: int) -> ProcessPoolExecutor:
    prepare_caches()  # once for all processes
    return ProcessPoolExecutor(size, mp_context=get_context("spawn"), initializer=_follow)


def _follow() -> None:
    """End with the process that called this one, even if it is killed; leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def load() -> None:
    """Fit a logistic regression to a handful of rows, which loads all that fitting needs."""
    gc.set_threshold(*SELDOM)
    import numpy as np

    from posynth.engines.base import Task
    from posynth.engines.choose import fit
    from posynth.engines.threads import one_thread
    from posynth.families import families
    from posynth.families.base import Design, Response

    family, rng = families()[FIRST], np.random.default_rng(0)
    design = Design(rng.standard_normal((ROWS, 1)), ("x",))
    response = Response("y", np.arange(ROWS) % 2, ("no", "yes"))
    prior = family.facts.default_prior
    with one_thread():
        fit(Task(family, design, response, prior, family.facts.priors[prior]), "auto", rng)
