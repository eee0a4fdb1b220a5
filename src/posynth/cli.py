"""The verbs on files: describe, synthesize, fit, draw, diagnose, demo; see also ``cli_verbs``."""

import gc
import warnings
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import posynth
from posynth import cli_lists, cli_release, cli_studies, cli_verbs, screen
from posynth.cli_examples import CODES, add_examples, exit_codes
from posynth.cli_options import AllowCode, AllowFailed, Asked, Overwrite, takes_chain
from posynth.errors import SpecError
from posynth.posterior.crew import SELDOM, Crew
from posynth.progress import Progress, shown
from posynth.terminal import (
    FAILED,
    ended_in_words,
    err,
    errors,
    out,
    show_warning,
    write_in_any_encoding,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from posynth.copies.container import Copies
    from posynth.copies.failed import FailedConditional

app = typer.Typer(
    name="posynth",
    help="Proper synthetic copies of a confidential table, and what they are good for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"{exit_codes(*CODES)} Every command's help names its own.",
)


class Format(StrEnum):
    """File formats of copies."""

    CSV = "csv"
    PARQUET = "parquet"


Data = Annotated[Path, typer.Argument(help="The confidential table: CSV, TSV or Parquet.")]
M = Annotated[int, typer.Option("-m", "--copies", min=1, help="Number of copies.")]
Rows = Annotated[int | None, typer.Option("-k", "--rows", min=1, help="Rows of a copy.")]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        help="One seed for everything. At random if not given, which is right for copies to be "
        "released: a seed that can be guessed lets guesses at a row be tested.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        envvar="POSYNTH_WORKERS",
        help="Processes, no effect on results; by default two.",
    ),
]
FormatOption = Annotated[Format | None, typer.Option("--format", help="Format of the copies.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Output folder.")]


def bars(*stages: str) -> "AbstractContextManager[Progress]":
    """Show a bar a stage if the standard error is a terminal."""
    return shown(None, stages, console=err)


def version(value: bool) -> None:
    """Print the version and stop."""
    if value:
        out.print(f"posynth {posynth.__version__}")
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Proper synthetic copies of a confidential table, and what they are good for."""


@app.command()
@takes_chain
def describe(
    data: Data,
    asked: Asked,
    to: Annotated[
        Path | None, typer.Option("-o", "--out", help="Where to write the chain, to edit it.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another chain file of that name.")
    ] = False,
) -> None:
    """Show what each column is and how it will be modelled; write chain.toml to edit."""
    with errors(data):
        from posynth.copies.output import check_chain, write_chain

        if to is not None:
            check_chain(to, asked.inputs(data))
        table, bound = asked.plan(data)
        screen.print_schema(out, table)
        screen.print_chain(out, bound)
        if to is not None:
            write_chain(to, bound.to_toml(), overwrite)
            out.print(f"chain written to {screen.plain(str(to))}")


@app.command()
@takes_chain
def synthesize(  # noqa: PLR0913, PLR0917 - options of a command
    data: Data,
    asked: Asked,
    m: M = 5,
    k: Rows = None,
    seed: Seed = None,
    workers: Workers = None,
    format: FormatOption = None,
    to: Out = Path("synthetic"),
    overwrite: Overwrite = False,
    allow_failed: AllowFailed = False,
) -> None:
    """Fit the chain and draw m copies into a folder, with posterior and diagnostics."""
    with errors(data), Crew.called(workers) as crew, bars("fit", "draw") as progress:
        from posynth.copies.drawing import draw_first
        from posynth.copies.output import Draft, write_copies, write_posterior_files
        from posynth.posterior.fitting import fit_chain
        from posynth.posterior.seeds import seed_or_random

        with Draft(to, overwrite, inputs=asked.inputs(data)) as draft:
            table, bound = asked.plan(data)
            chosen = seed_or_random(seed)
            fitted = fit_chain(table, bound, chosen, max(400, 20 * m), crew, progress)
            posterior = replace(fitted, copies_drawn=m)
            written = Crew(0) if posterior.own else crew  # a function cannot be sent
            with written.beside(write_posterior_files, posterior, draft.path):
                copies = draw_first(posterior, k, given=seed is not None, progress=progress)
                parts = (copies.frames, posterior, copies.manifest(), draft.path)
                chosen_format = format.value if format else None
                write_copies(*parts, chosen_format, crew, copies.reasons)
    screen.print_replaced(out, to, draft.removed, overwrite)
    tell(copies, to, allow_failed)


@app.command()
@takes_chain
def fit(  # noqa: PLR0913, PLR0917 - options of a command
    data: Data,
    asked: Asked,
    m: M = 5,
    seed: Seed = None,
    workers: Workers = None,
    to: Out = Path("synthetic"),
    overwrite: Overwrite = False,
    allow_failed: AllowFailed = False,
) -> None:
    """Fit the chain only: posterior, chain and diagnostics; copies are drawn later."""
    with errors(data), Crew.called(workers) as crew, bars("fit") as progress:
        from posynth.copies.failed import failures
        from posynth.copies.output import Draft, write_posterior_files
        from posynth.posterior.fitting import fit_chain
        from posynth.posterior.seeds import seed_or_random

        with Draft(to, overwrite, inputs=asked.inputs(data)) as draft:
            table, bound = asked.plan(data)
            need, chosen = max(400, 20 * m), seed_or_random(seed)
            posterior = fit_chain(table, bound, chosen, need, crew, progress)
            write_posterior_files(posterior, draft.path)
    screen.print_replaced(out, to, draft.removed, overwrite)
    screen.print_diagnostics(out, posterior.diagnostics())
    out.print(f"posterior written to {screen.plain(str(to / 'posterior'))}")
    screen.print_text_orders(out, posterior.schema)
    screen.print_unread_times(out, posterior.schema)
    out.print(screen.seed_line(chosen, seed is not None))
    end(failures(posterior, m), allow_failed)


@app.command()
def draw(  # noqa: PLR0913, PLR0917 - options of a command
    folder: Annotated[Path, typer.Argument(help="Folder that `posynth fit` wrote.")],
    m: M = 5,
    k: Rows = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of the draws; at random by default.")
    ] = None,
    apart_from: Annotated[
        list[Path] | None,
        typer.Option(
            "--apart-from",
            help="Folder of copies drawn before, whose posterior draws are not to be taken again.",
        ),
    ] = None,
    format: FormatOption = None,
    to: Annotated[
        Path | None, typer.Option("-o", "--out", help="Output folder; FOLDER by default.")
    ] = None,
    overwrite: Overwrite = False,
    allow_code: AllowCode = False,
    allow_failed: AllowFailed = False,
) -> None:
    """Draw m copies from a posterior; the confidential table is not needed."""
    from posynth.copies.drawing import draw as run
    from posynth.copies.drawing import drawn_before
    from posynth.copies.folder import require_free, written_about
    from posynth.copies.reading import load_copies
    from posynth.posterior.store import load_posterior

    with errors(), bars("draw") as progress:
        if to is None and (folder / "posterior.json").is_file():
            raise SpecError(f"{str(folder)!r} is itself a posterior; say where to write with -o")
        before = [load_copies(each, allow_code=allow_code) for each in apart_from or ()]
        posterior, target = load_posterior(folder, allow_code=allow_code), to or folder
        require_free(target, overwrite, posterior)
        removed = written_about(target)
        copies = run(posterior, m, k, seed=seed, apart_from=before, progress=progress)
        copies.save(target, format.value if format else None, overwrite=overwrite)
    screen.print_replaced(out, target, removed, overwrite)
    shared = drawn_before(copies, [streams for each in before for streams in each.streams])
    if shared:
        out.print(f"note: {screen.plain(shared)}")
    tell(copies, target, allow_failed, diagnostics=False)


@app.command()
def diagnose(
    folder: Annotated[Path, typer.Argument(help="Output folder, or a posterior in it.")],
    allow_failed: AllowFailed = False,
) -> None:
    """Show how well each conditional was fitted."""
    from posynth.copies.failed import failures
    from posynth.copies.folder import drawn_into
    from posynth.posterior.store import load_posterior

    with errors():
        posterior = load_posterior(folder)
        screen.print_diagnostics(out, posterior.diagnostics())
    end(failures(posterior, drawn_into(folder)), allow_failed)


@app.command()
def demo(
    to: Out = Path("demo"),
    m: M = 5,
    seed: Seed = 1,
    workers: Workers = None,
    overwrite: Overwrite = False,
    allow_failed: AllowFailed = False,
) -> None:
    """Synthesise the embedded heart_failure table (299 x 13, CC BY 4.0)."""
    from importlib.resources import as_file, files

    with as_file(files("posynth") / "data" / "heart_failure.csv") as path:
        how = {"overwrite": overwrite, "allow_failed": allow_failed}
        synthesize(data=path, m=m, seed=seed, workers=workers, to=to, **how)


def tell(copies: "Copies", folder: Path, allow_failed: bool, diagnostics: bool = True) -> None:
    """Say what was written, and what is to be known of it."""
    from posynth.copies.failed import failed_conditionals

    if diagnostics:
        screen.print_diagnostics(out, copies.diagnostics())
    manifest = copies.manifest()
    screen.print_summary(out, manifest, folder)
    screen.print_text_orders(out, copies.schema)
    screen.print_unread_times(out, copies.schema)
    end(failed_conditionals(manifest), allow_failed)


def end(failed: "Sequence[FailedConditional]", allow_failed: bool) -> None:
    """End with exit code 3 if a conditional did not pass, unless that is allowed."""
    screen.print_failed(err, failed, allow_failed)
    if failed and not allow_failed:
        raise typer.Exit(FAILED)


cli_lists.register(app)
cli_verbs.register(app)
cli_release.register(app)
cli_studies.register(app)
add_examples(app)


def main() -> None:
    """Run the command line."""
    gc.set_threshold(*SELDOM)
    write_in_any_encoding()
    warnings.showwarning = show_warning(warnings.showwarning)
    try:
        ended_in_words(app)
    finally:
        gc.freeze()  # the interpreter's last search for garbage took 0.6 s; memory goes anyway


if __name__ == "__main__":
    main()
