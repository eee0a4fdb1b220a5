"""How far long work is: one record for every stage, and bars that show it."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import parent_process
from threading import Lock, current_thread, main_thread
from typing import TYPE_CHECKING, Any

from posynth.errors import SpecError, in_short

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars


@dataclass(frozen=True)
class Step:
    """A piece of long work that was started or finished.

    Attributes
    ----------
    stage : str
        ``"fit"``, ``"draw"``, ``"impute"``, ``"evaluate"``, ``"replicate"`` or ``"calibrate"``.
    name : str
        The conditional, copy or measure.
    engine : str
        Engine used, once known.
    done, total : int
        Pieces finished so far, and in all.
    failed : int
        Pieces among those done that failed.
    """

    stage: str
    name: str
    engine: str
    done: int
    total: int
    failed: int = 0


type Progress = Callable[[Step], None]
#: What verbs take: True and False, None for a bar where somebody sees it, or a function.
type Shown = bool | Callable[..., None] | None

_VERBS = {
    "fit": "fitting",
    "draw": "drawing",
    "impute": "imputing",
    "evaluate": "evaluating",
    "replicate": "replications",
    "calibrate": "fits",
}
#: Stages whose bar waits for the first step: often there is nothing to do.
_LATE = ("impute",)
_EVERY = 0.1  # seconds between pictures in a notebook
_one_at_a_time = Lock()


def silent(step: Step) -> None:
    """Show nothing."""


def as_step(step: Step) -> Step:
    """Return a step as it is."""
    return step


def of_measures(name: str, done: int, total: int) -> Step:
    """Return the step that evaluation tells of as (measure, done, in all)."""
    return Step("evaluate", name, "", done, total)


def of_replications(done: int, total: int, failed: int) -> Step:
    """Return the step that a study tells of as (done, in all, failed)."""
    return Step("replicate", "", "", done, total, failed)


def of_fits(name: str, done: int, total: int, failed: int) -> Step:
    """Return the step that calibration tells of as (conditional, done, in all, failed)."""
    return Step("calibrate", name, "", done, total, failed)


@contextmanager
def shown(
    progress: Shown,
    stages: Sequence[str],
    record: Callable[..., Step] = as_step,
    console: "Console | None" = None,
) -> Iterator[Callable[..., None]]:
    """Show one bar a stage, with the name of what is at work.

    Parameters
    ----------
    progress : bool or callable, optional
        True shows bars, False nothing; None shows them on a terminal and in a notebook, in the
        main thread of the first process. A callable is told of each step instead.
    stages : sequence of str
        Stages of the work.
    record : callable
        Makes a ``Step`` of the arguments of a call, where it takes others.
    console : rich.console.Console, optional
        Where to show bars; the standard error if not given.

    Yields
    ------
    callable
        To be called with each step: what was passed, or what moves the bars.

    Raises
    ------
    SpecError
        If progress is something else.
    """
    if callable(progress):
        yield progress
        return
    if progress is not None and not isinstance(progress, bool):
        raise SpecError(
            f"progress = {in_short(progress)}; it must be True, False, None or a function"
        )
    wanted = _seen(console) if progress is None else progress
    # Two bars at once would write over each other: of two threads, or of work within work.
    if not wanted or not _one_at_a_time.acquire(blocking=False):
        yield _nothing
        return
    try:
        notebook = console is None and _in_notebook()
        show = _in_cell(stages) if notebook else _on_console(stages, console)
        with show as update:
            yield lambda *args: update(record(*args))
    finally:
        _one_at_a_time.release()


def _nothing(*args: Any) -> None:
    """Show nothing, whatever is told."""


def _seen(console: "Console | None") -> bool:
    """Whether somebody sees a bar: in a notebook, or on a terminal."""
    if console is not None:
        return console.is_terminal
    if parent_process() is not None or current_thread() is not main_thread():
        return False
    return _in_notebook() or bool(getattr(sys.stderr, "isatty", bool)())


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def _bars(console: "Console", **options: Any) -> "Bars":
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:>12}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[piece]}", markup=False),
    )
    return Progress(*columns, console=console, **options)


def _mover(bars: "Bars", stages: Sequence[str]) -> Progress:
    """Return what moves the bars of these stages."""
    known = {
        stage: bars.add_task(_VERBS[stage], total=None, piece="", visible=stage not in _LATE)
        for stage in stages
    }

    def move(step: Step) -> None:
        failed = f"{step.failed} failed" if step.failed else ""
        piece = " ".join(filter(None, (step.name, step.engine, failed)))
        bar = known[step.stage]
        bars.update(bar, completed=step.done, total=step.total, visible=True, piece=piece)

    return move


@contextmanager
def _on_console(stages: Sequence[str], console: "Console | None") -> Iterator[Progress]:
    from rich.console import Console

    place = Console(stderr=True, emoji=False) if console is None else console
    with _bars(place) as bars:
        yield _mover(bars, stages)


@contextmanager
def _in_cell(stages: Sequence[str]) -> Iterator[Progress]:
    """Show bars as text below the cell, and take them away at the end.

    rich itself needs ipywidgets for bars that move in a notebook.
    """
    import io

    from IPython.display import display
    from rich.console import Console

    def picture() -> dict[str, str]:
        page = io.StringIO()
        options: dict[str, Any] = {"force_jupyter": False, "color_system": None, "emoji": False}
        Console(file=page, width=100, **options).print(bars.get_renderable())
        return {"text/plain": page.getvalue().rstrip()}

    bars = _bars(Console(file=io.StringIO(), force_jupyter=False), auto_refresh=False)
    move = _mover(bars, stages)
    handle = display(picture(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
    last = time.monotonic()

    def show(step: Step) -> None:
        nonlocal last
        move(step)
        if time.monotonic() - last >= _EVERY:
            handle.update(picture(), raw=True)
            last = time.monotonic()

    try:
        yield show
    finally:
        handle.update({}, raw=True)
