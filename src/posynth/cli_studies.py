"""The verbs on methods: validity (do intervals cover?) and sbc (are posteriors calibrated?)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posynth import screen
from posynth.cli_options import AllowCode, Overwrite
from posynth.progress import of_fits, of_replications, shown
from posynth.terminal import err, errors, names, out

if TYPE_CHECKING:
    from posynth.evaluation.validity import Validity

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study's design.")]
Replications = Annotated[
    int | None, typer.Option("--replications", "-r", min=1, help="Replications, over the file's.")
]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes, no effect on results.")]
SeedOption = Annotated[int | None, typer.Option("--seed", min=0, help="Seed, over the file's.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb in (validity, sbc):
        app.command()(verb)


def validity(  # noqa: PLR0913, PLR0917 - options of a command
    study: StudyFile,
    replications: Replications = None,
    seed: SeedOption = None,
    workers: Workers = 1,
    plan: Annotated[
        str | None,
        typer.Option(
            "--plan",
            help="When the chain is chosen: each (in every replication; coverage then contains "
            "the choice) or once, over the file's.",
        ),
    ] = None,
    to: Annotated[
        Path, typer.Option("-o", "--out", help="Output folder; a study stopped there goes on.")
    ] = Path("validity"),
    overwrite: Overwrite = False,
    allow_code: AllowCode = False,
) -> None:
    """Check by simulation that intervals pooled from the copies cover as often as they say."""
    with errors(study):
        from posynth.studies import validity as run

        try:
            with shown(None, ("replicate",), of_replications, err) as progress:
                changes: dict[str, Any] = {
                    **{"replications": replications, "seed": seed, "plan": plan},
                    **{"allow_code": allow_code, "overwrite": overwrite},
                }
                found = run(study, to, workers, progress, **changes)
        except KeyboardInterrupt:
            err.print(
                f"stopped; finished replications are in {screen.plain(str(to))}: run the same "
                "command again to go on"
            )
            raise typer.Exit(130) from None
        _print_validity(found)
        out.print(f"summary, plots and replications written to {screen.plain(str(to))}")


def _print_validity(found: "Validity") -> None:
    from posynth.readout import print_grid
    from posynth.report.study_tables import failures, planning, validity_grid

    print_grid(out, validity_grid(found))
    for line in [*planning(found), *failures(found)]:
        out.print(screen.plain(line))


def sbc(  # noqa: PLR0913, PLR0917 - options of a command
    chain: Annotated[Path, typer.Argument(metavar="CHAIN.toml", help="The chain to calibrate.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Table whose predictors are used; else artificial."),
    ] = None,
    columns: Annotated[str, typer.Option("--columns", help="Conditionals to check: a,b,c.")] = "",
    whole: Annotated[
        bool, typer.Option("--chain", help="Check the whole chain: copies exchangeable with data.")
    ] = False,
    replications: Annotated[int, typer.Option("-r", "--replications", min=20)] = 200,
    rows: Annotated[
        int, typer.Option("--rows", min=10, help="Rows of each simulated table.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything.")] = 0,
    allow_code: AllowCode = False,
    to: Annotated[Path | None, typer.Option("-o", "--out", help="Folder for plots, CSV.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Check posteriors by simulation-based calibration: the truth's rank among draws is uniform."""
    with errors(chain, data):
        from posynth import studies
        from posynth.evaluation.validity.output import CALIBRATION, clear_calibrations
        from posynth.readout import print_grid, write_results
        from posynth.report.study_tables import calibration_grid

        older = [] if to is None else clear_calibrations(to, overwrite)
        results = []
        if whole:
            with shown(None, ("replicate",), of_replications, err) as told:
                pairs = studies.exchangeable(
                    chain, data, replications, rows=rows, seed=seed, progress=told,
                    allow_code=allow_code,
                )  # fmt: skip
            results = pairs.results()
        else:
            with shown(None, ("calibrate",), of_fits, err) as told:
                found = studies.sbc(
                    chain, data, names(columns), replications, rows=rows, seed=seed,
                    progress=told, allow_code=allow_code,
                )  # fmt: skip
            results = [result for each in found.values() for result in each.results()]
        print_grid(out, calibration_grid(results, replications))
        if to is not None:
            to.mkdir(parents=True, exist_ok=True)
            for path in older:
                path.unlink()
            write_results(to / CALIBRATION, results, data is not None)
            if not whole:
                from posynth.evaluation.validity.output import save_calibrations

                save_calibrations(found, to)
            out.print(f"written to {screen.plain(str(to))}")
        if not all(result.passed for result in results):
            raise typer.Exit(1)
