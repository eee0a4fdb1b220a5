"""The verb ``release`` on the command line."""

import json
from pathlib import Path
from typing import Annotated

import typer

from posynth import screen
from posynth.cli_options import AllowCode, AllowFailed
from posynth.progress import of_measures, shown
from posynth.terminal import FAILED, err, errors, out


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(release)


def release(
    folder: Annotated[
        Path, typer.Argument(metavar="OUT", help="Output folder that `posynth synthesize` wrote.")
    ],
    to: Annotated[
        Path, typer.Option("-o", "--out", help="The folder to pass on: new, empty, or a release.")
    ],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="The table that was synthesised: adds the public report."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a former release; nothing else is.")
    ] = False,
    allow_code: AllowCode = False,
    allow_failed: AllowFailed = False,
) -> None:
    """Write a folder that may be passed on: copies, codebook, how to pool, a public report."""
    with errors(folder, data):
        from posynth.copies.failed import failed_conditionals
        from posynth.copies.folder import MANIFEST
        from posynth.releasing import HOW_TO
        from posynth.releasing import release as run

        with shown(None, ("evaluate",), of_measures, err) as progress:
            options = {} if data is None else {"progress": progress}
            run(folder, to, data, overwrite=overwrite, allow_code=allow_code, **options)
        report = "" if data is None else " and the public report"
        out.print(f"copies, manifest, codebook, {HOW_TO}{report} are in {screen.plain(str(to))}")
        if data is None:
            out.print("note: no report, which needs the source; add it with --data FILE")
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name in manifest.get("copies_values", ()):
            out.print(
                f"[red]note: the copies repeat values of the source in {screen.plain(name)}[/red]"
            )
        if any(each.get("given") for each in manifest.get("streams", ())):
            out.print(
                "[red]note: the seed of these copies was given; whoever guesses it and knows all "
                "other rows can test guesses at one: make copies to pass on without --seed[/red]"
            )
        failed = failed_conditionals(manifest)
        screen.print_failed(out, failed, allow_failed)
    if failed and not allow_failed:
        raise typer.Exit(FAILED)
