"""The verbs on files: describe, synthesize, fit, draw, diagnose, demo; see also ``cli_verbs``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import posynth
from posynth import cli_studies, cli_verbs, screen
from posynth.errors import SpecError
from posynth.terminal import err, errors, names, out

if TYPE_CHECKING:
    from posynth.copies.container import Copies

app = typer.Typer(
    name="posynth",
    help="Proper synthetic copies of a confidential table, and what they are good for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


class Format(StrEnum):
    """File formats of copies."""

    CSV = "csv"
    PARQUET = "parquet"


class EngineName(StrEnum):
    """Engines by name."""

    AUTO = "auto"
    EXACT = "exact"
    LAPLACE = "laplace"
    HMC = "hmc"
    NUTS = "nuts"


Data = Annotated[Path, typer.Argument(help="The confidential table: CSV, TSV or Parquet.")]
M = Annotated[int, typer.Option("-m", "--copies", min=1, help="Number of copies.")]
Rows = Annotated[int | None, typer.Option("-k", "--rows", min=1, help="Rows of a copy.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="One seed for everything.")]
Order = Annotated[str, typer.Option("--order", help="Columns to visit first: a,b,c.")]
Method = Annotated[
    list[str] | None, typer.Option("--method", help="COLUMN=FAMILY; may be repeated.")
]
KindOption = Annotated[
    list[str] | None, typer.Option("--kind", help="COLUMN=KIND, over the guess; may be repeated.")
]
ChainFile = Annotated[Path | None, typer.Option("--chain", help="A chain file to follow.")]
EngineOption = Annotated[EngineName, typer.Option("--engine", help="Engine of every fit.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes, no effect on results; by default as needed."),
]
FormatOption = Annotated[Format | None, typer.Option("--format", help="Format of the copies.")]
Missing = Annotated[
    str, typer.Option("--missing", help="'pattern' reproduces holes, 'error' refuses them.")
]
Out = Annotated[Path, typer.Option("-o", "--out", help="Output folder.")]


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


def pairs(values: list[str] | None, option: str) -> dict[str, str]:
    """Split COLUMN=VALUE options."""
    found = {}
    for value in values or ():
        column, sign, chosen = value.rpartition("=")
        if not sign or not column or not chosen:
            raise SpecError(
                f"{option} {value!r}: write it as COLUMN=NAME, for example bmi=gaussian"
            )
        found[column] = chosen
    return found


@app.command()
def describe(  # noqa: PLR0913, PLR0917 - options of a command
    data: Data,
    order: Order = "",
    method: Method = None,
    kind: KindOption = None,
    engine: EngineOption = EngineName.AUTO,
    missing: Missing = "pattern",
    chain: ChainFile = None,
    to: Annotated[
        Path | None, typer.Option("-o", "--out", help="Where to write the chain, to edit it.")
    ] = None,
) -> None:
    """Show what each column is and how it will be modelled; write chain.toml to edit."""
    from posynth.posterior.plan import plan

    with errors(data):
        table, bound = plan(
            data,
            order=names(order),
            methods=pairs(method, "--method"),
            engine=engine.value,
            missing=missing,
            chain=chain,
            kinds=pairs(kind, "--kind"),
        )
        screen.print_schema(out, table)
        screen.print_chain(out, bound)
        if to is not None:
            from posynth.copies.output import write_text

            write_text(to, bound.to_toml())
            out.print(f"chain written to {screen.plain(str(to))}")


@app.command()
def synthesize(  # noqa: PLR0913, PLR0917 - options of a command
    data: Data,
    m: M = 5,
    k: Rows = None,
    seed: Seed = 0,
    order: Order = "",
    method: Method = None,
    kind: KindOption = None,
    chain: ChainFile = None,
    engine: EngineOption = EngineName.AUTO,
    missing: Missing = "pattern",
    workers: Workers = None,
    format: FormatOption = None,
    to: Out = Path("synthetic"),
) -> None:
    """Fit the chain and draw m copies into a folder, with posterior and diagnostics."""
    from posynth.copies.output import Draft, write_parts
    from posynth.synthesizer import synthesize as run

    with errors(data), screen.shown(err) as progress, Draft(to) as draft:
        copies = run(
            data,
            m,
            k,
            seed=seed,
            chain=chain,
            order=names(order),
            methods=pairs(method, "--method"),
            engine=engine.value,
            missing=missing,
            kinds=pairs(kind, "--kind"),
            workers=workers,
            progress=progress,
        )
        kind_of_file = format.value if format else None
        write_parts(copies.frames, copies.posterior, copies.manifest(), draft.path, kind_of_file)
    tell(copies, to)


@app.command()
def fit(  # noqa: PLR0913, PLR0917 - options of a command
    data: Data,
    m: M = 5,
    seed: Seed = 0,
    order: Order = "",
    method: Method = None,
    kind: KindOption = None,
    chain: ChainFile = None,
    engine: EngineOption = EngineName.AUTO,
    missing: Missing = "pattern",
    workers: Workers = None,
    to: Out = Path("synthetic"),
) -> None:
    """Fit the chain only: posterior, chain and diagnostics; copies are drawn later."""
    from posynth.copies.output import Draft, write_posterior_files
    from posynth.posterior.fitting import fit_chain
    from posynth.posterior.plan import plan

    with errors(data), screen.shown(err) as progress:
        table, bound = plan(
            data,
            order=names(order),
            methods=pairs(method, "--method"),
            engine=engine.value,
            missing=missing,
            chain=chain,
            kinds=pairs(kind, "--kind"),
        )
        with Draft(to) as draft:
            posterior = fit_chain(table, bound, seed, max(400, 20 * m), workers, progress)
            write_posterior_files(posterior, draft.path)
    screen.print_diagnostics(out, posterior.diagnostics())
    out.print(f"posterior written to {screen.plain(str(to / 'posterior'))}")


@app.command()
def draw(
    folder: Annotated[Path, typer.Argument(help="Folder that `posynth fit` wrote.")],
    m: M = 5,
    k: Rows = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the draws.")] = None,
    format: FormatOption = None,
    to: Annotated[
        Path | None, typer.Option("-o", "--out", help="Output folder; FOLDER by default.")
    ] = None,
) -> None:
    """Draw m copies from a posterior; the confidential table is not needed."""
    from posynth.posterior.store import load_posterior
    from posynth.synthesizer import draw as run

    with errors(), screen.shown(err) as progress:
        if to is None and (folder / "posterior.json").is_file():
            raise SpecError(f"{str(folder)!r} is itself a posterior; say where to write with -o")
        copies = run(load_posterior(folder), m, k, seed=seed, progress=progress)
        copies.save(to or folder, format.value if format else None)
    tell(copies, to or folder, diagnostics=False)


@app.command()
def diagnose(
    folder: Annotated[Path, typer.Argument(help="Output folder, or a posterior in it.")],
) -> None:
    """Show how well each conditional was fitted."""
    from posynth.posterior.store import load_posterior

    with errors():
        screen.print_diagnostics(out, load_posterior(folder).diagnostics())


@app.command()
def demo(to: Out = Path("demo"), m: M = 5, seed: Seed = 1, workers: Workers = None) -> None:
    """Synthesise the embedded heart_failure table (299 x 13, CC BY 4.0)."""
    from importlib.resources import as_file, files

    with as_file(files("posynth") / "data" / "heart_failure.csv") as path:
        synthesize(path, m=m, seed=seed, workers=workers, to=to)


def tell(copies: "Copies", folder: Path, diagnostics: bool = True) -> None:
    """Say what was written, and what is to be known of it."""
    if diagnostics:
        screen.print_diagnostics(out, copies.diagnostics())
    screen.print_summary(out, copies.manifest(), folder)


cli_verbs.register(app)
cli_studies.register(app)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
