"""Where the command line writes, how it fails, and how it reads lists of columns."""

import codecs
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer

from posynth import screen
from posynth.errors import DiagnosticWarning, EditWarning, MachineWarning, PosynthError

#: Exit code of work that was finished although a conditional did not pass its diagnostics.
FAILED = 3

#: What stands for a sign that an encoding lacks; other characters are written as their code.
_SPELLED = {
    **{"−": "-", "–": "-", "·": "*", "√": "sqrt", "∞": "inf", "→": "->", "≫": ">>", "∝": "~"},
    **{"≤": "<=", "≥": ">=", "±": "+/-", "½": "1/2", "⁻": "^-", "¹": "1", "²": "^2"},
    **{"χ": "chi", "ν": "nu", "λ": "lambda", "σ": "sigma", "Σ": "sum", "π": "pi"},
    **{"\u0304": "", "\u0302": "", "Ū": "U", "₀": "0", "₁": "1", "₂": "2", "…": "..."},
}

out = screen.console()
err = screen.console(stderr=True)


def _spelled(error: UnicodeError) -> tuple[str | bytes, int]:
    """Write signs that an encoding lacks in characters that every encoding has."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    codes = {c: c.encode("ascii", "backslashreplace").decode() for c in lacking}
    return "".join(_SPELLED.get(c, codes[c]) for c in lacking), error.end


def write_in_any_encoding() -> None:
    """Let output go through whatever encoding it meets: cp1252 where Windows redirects it, ASCII.

    A sign that it lacks would end the command with a traceback.
    """
    codecs.register_error("spelled", _spelled)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="spelled")


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
            warnings.simplefilter("always", EditWarning)  # a note, whatever Python was told
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


def ended_in_words(command: Callable[[], None]) -> None:
    """Run the command line; end with exit code 2 where what it writes cannot be written.

    Files are written by functions that name them; what is left is the standard output, and the
    standard error, which may be full too, or go to a program that has ended.

    Parameters
    ----------
    command : callable
        Runs a command, and exits.

    Raises
    ------
    SystemExit
        With code 2.
    """
    try:
        command()
        sys.stdout.flush()
    except OSError as error:
        place = f"{error.filename!r}" if error.filename else "the standard output"
        with suppress(OSError, ValueError):
            sys.stderr.write(
                f"Error: {place} cannot be written: {error.strerror or error}; make room, or send "
                "it elsewhere\n"
            )
            sys.stderr.flush()
        _let_go()
        raise SystemExit(2) from None


def _let_go() -> None:
    """Send what is left in the buffers nowhere: the interpreter would try again as it ends."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
            continue
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def show_warning(usual: Callable[..., None]) -> Callable[..., None]:
    """Return what shows a warning about the machine as a note, and any other as usual."""

    def show(message: Any, category: type[Warning], *place: Any, **options: Any) -> None:
        if issubclass(category, MachineWarning | EditWarning):
            with suppress(OSError):  # as Python's own
                err.print(f"note: {screen.plain(str(message))}", highlight=False)
        else:
            usual(message, category, *place, **options)

    return show


def names(text: str) -> list[str]:
    """Split a comma-separated list of columns."""
    return [name.strip() for name in text.split(",") if name.strip()]
