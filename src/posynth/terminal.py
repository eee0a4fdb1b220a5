"""Where the command line writes, how it fails, and how it reads lists of columns."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from posynth import screen
from posynth.errors import DiagnosticWarning, MachineWarning, PosynthError

#: Exit code of work that was finished although a conditional did not pass its diagnostics.
FAILED = 3

out = screen.console()
err = screen.console(stderr=True)


@contextmanager
def errors(*files: Path | None) -> Iterator[None]:
    """Print an error of ours in plain words, naming the first file if none is named; exit with 2.

    Parameters
    ----------
    *files : Path, optional
        The files and folders the command works on.
    """
    try:
        with warnings.catch_warnings():
            # The commands say themselves what did not pass, and end with a code of its own.
            warnings.simplefilter("ignore", DiagnosticWarning)
            yield
    except PosynthError as error:
        text = str(error)
        known = [file.name for file in files if file is not None]
        named = text if not known or any(name in text for name in known) else f"{known[0]}: {text}"
        err.print(f"[bold red]Error:[/bold red] {screen.plain(named)}", highlight=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        err.print("interrupted; nothing was written under a final name")
        raise typer.Exit(130) from None


def show_warning(usual: Callable[..., None]) -> Callable[..., None]:
    """Return what shows a warning about the machine as a note, and any other as usual."""

    def show(message: Any, category: type[Warning], *place: Any, **options: Any) -> None:
        if issubclass(category, MachineWarning):
            err.print(f"note: {screen.plain(str(message))}", highlight=False)
        else:
            usual(message, category, *place, **options)

    return show


def names(text: str) -> list[str]:
    """Split a comma-separated list of columns."""
    return [name.strip() for name in text.split(",") if name.strip()]
