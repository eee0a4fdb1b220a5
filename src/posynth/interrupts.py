"""Ctrl-C that a library has swallowed is raised again at the next step of the work.

Some libraries catch every exception while they are imported or look for another way to do a thing;
an interrupt that comes just then would be lost.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

_came: list[int] = []


@contextmanager
def remembered() -> Iterator[None]:
    """Remember during a ``with`` block that Ctrl-C was pressed; `check` raises it again."""
    default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if current_thread() is not main_thread() or not default:
        yield
        return
    _came.clear()
    signal.signal(signal.SIGINT, _remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _came.clear()


def check() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed and did not end the work."""
    if _came:
        raise KeyboardInterrupt


def _remember(number: int, frame: FrameType | None) -> None:
    _came.append(number)
    raise KeyboardInterrupt
