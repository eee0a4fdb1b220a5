"""The verbs that need no output folder: methods, families and the example table."""

from pathlib import Path
from typing import Annotated

import typer

from posynth import screen
from posynth.cli_options import OverwriteFile
from posynth.terminal import errors, out

Json = Annotated[Path | None, typer.Option("--json", help="Write the table as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb in (methods, families, example):
        app.command()(verb)


def methods(json: Json = None, overwrite: OverwriteFile = False) -> None:
    """List the methods of mice and synthpop with the posynth family each name gives."""
    with errors():
        from posynth import readout
        from posynth.copies.replacing import check_target
        from posynth.families.methods import table

        rows = table()
        screen.print_methods(out, rows)
        if json is not None:
            check_target(json, overwrite)
            readout.write_json(json, {"methods": rows})


def families(
    name: Annotated[str, typer.Argument(help="Show this family only, in full.")] = "",
    json: Json = None,
    overwrite: OverwriteFile = False,
) -> None:
    """List the families a column can be given, with their options and priors."""
    with errors():
        from posynth import readout
        from posynth.copies.replacing import check_target
        from posynth.errors import SpecError, unknown
        from posynth.families.listing import list_families

        table = list_families()
        if name and name not in table.index:
            raise SpecError(unknown("family", name, table.index))
        shown = table.loc[[name]] if name else table
        readout.print_families(out, shown)
        if json is not None:
            check_target(json, overwrite)
            readout.write_json(json, {"families": shown.reset_index().to_dict("records")})


def example() -> None:
    """Write the embedded heart_failure table (299 x 13, CC BY 4.0) to standard output."""
    from importlib.resources import files

    source = files("posynth") / "data" / "heart_failure.csv"
    typer.echo(source.read_text(encoding="utf-8"), nl=False)
