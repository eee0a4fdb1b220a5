"""The verbs on an output folder: pool, evaluate, report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posynth import screen
from posynth.cli_options import AllowCode, AllowFailed, OverwriteFile, pairs
from posynth.errors import MeasureError
from posynth.progress import of_measures, shown
from posynth.terminal import FAILED, err, errors, names, out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posynth.copies.container import Copies
    from posynth.evaluation.base import Comparison
    from posynth.evaluation.inference import Agreement, Pooled
    from posynth.results import Result

Folder = Annotated[
    Path, typer.Argument(metavar="OUT", help="Output folder that `posynth synthesize` wrote.")
]
AnyFolders = Annotated[
    list[Path],
    typer.Argument(
        metavar="OUT...",
        help="Output folder, or one that was passed on: copies/ and manifest.json suffice. Several "
        "of draws from one posterior are pooled together.",
    ),
]
Data = Annotated[Path, typer.Option("--data", help="The table that was synthesised.")]
Model = Annotated[
    str, typer.Option("--model", help="ols, glm, logit, mnlogit, ordered, mixed or phreg.")
]
Formula = Annotated[str, typer.Option("--formula", help="For example 'income ~ sex + age'.")]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="Model of every formula, or one each, as for `posynth pool`; each option below goes "
        "to the models that take it.",
    ),
]
Formulas = Annotated[
    list[str] | None,
    typer.Option("--formula", help="Formula of a model to show; may be repeated."),
]
FamilyOption = Annotated[
    str, typer.Option("--family", help="Family of a glm: gaussian, binomial, poisson, gamma ...")
]
Levels = Annotated[
    str, typer.Option("--levels", help="Levels of a categorical response in order: a,b,c.")
]
Groups = Annotated[str, typer.Option("--groups", help="Column of groups, for mixed.")]
Cluster = Annotated[str, typer.Option("--cluster", help="Groups, for ols, glm and logit.")]
Status = Annotated[str, typer.Option("--status", help="Column of events, for phreg.")]
Event = Annotated[
    str,
    typer.Option("--event", help="Level that is the event, of the response or the status: died."),
]
Keys = Annotated[str, typer.Option("--keys", help="What an intruder may know: a,b,c.")]
Target = Annotated[str, typer.Option("--target", help="What he may want to learn: c,d.")]
Cut = Annotated[
    int | None,
    typer.Option("--quantiles", min=2, help="Cut numeric keys and targets into so many groups."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of relabellings and subsamples.")]
Holdout = Annotated[
    Path | None, typer.Option("--holdout", help="Rows of the same population, not synthesised.")
]
Impute = Annotated[
    int, typer.Option("--impute", min=0, help="Impute holes so many times inside each copy.")
]
Delta = Annotated[
    list[str] | None,
    typer.Option(
        "--delta",
        help="COLUMN=SHIFT of its imputed values, in its units (log-odds if binary): not missing "
        "at random.",
    ),
]
Selection = Annotated[
    list[str] | None,
    typer.Option(
        "--selection",
        help="COLUMN=CHANGE of the log-odds of being missing with one unit of the column.",
    ),
]
Checks = Annotated[
    bool, typer.Option("--checks", help="Check each conditional by LOO and drawn rows.")
]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", help="Write everything as JSON; see --overwrite on files in place."),
]
CsvFile = Annotated[
    Path | None,
    typer.Option("--csv", help="Write the table as CSV; see --overwrite on files in place."),
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb in (pool, evaluate, report):
        app.command()(verb)


def options_of(**given: str) -> dict[str, Any]:
    """Keep the model options that were given."""
    found: dict[str, Any] = {name: value for name, value in given.items() if value}
    if "levels" in found:
        found["levels"] = names(found["levels"])
    return found


def pool(  # noqa: PLR0913, PLR0917 - options of a command
    folders: AnyFolders,
    formula: Formula,
    model: Model = "ols",
    family: FamilyOption = "",
    levels: Levels = "",
    groups: Groups = "",
    cluster: Cluster = "",
    status: Status = "",
    event: Event = "",
    data: Annotated[
        Path | None, typer.Option("--data", help="Compare with the fit to this original table.")
    ] = None,
    rule: Annotated[str, typer.Option("--rule", help="Combining rule, over the choice.")] = "auto",
    estimand: Annotated[
        str, typer.Option("--estimand", help="'population' or 'original'.")
    ] = "population",
    level: Annotated[float, typer.Option("--level", help="Level of the intervals.")] = 0.95,
    impute: Impute = 0,
    delta: Delta = None,
    selection: Selection = None,
    allow_code: AllowCode = False,
    json: JsonFile = None,
    csv: CsvFile = None,
    overwrite: OverwriteFile = False,
    allow_failed: AllowFailed = False,
) -> None:
    """Fit a model to every copy and pool the fits into one valid inference."""
    with errors(*folders, data):
        from posynth import analysis as analyses
        from posynth import material, readout
        from posynth.copies.replacing import check_targets
        from posynth.evaluation.inference import pool as combine

        check_targets((json, csv), overwrite, (*folders, data))
        given = {"family": family, "levels": levels, "groups": groups, "cluster": cluster}
        options = options_of(**given, status=status, event=event)
        copies = material.take(folders if len(folders) > 1 else folders[0], allow_code)
        frame = None if data is None else material.original(data, copies)
        both = {"delta": delta, "selection": selection}
        shifts = {name: numbers(values, f"--{name}") for name, values in both.items()}
        made = analyses.how_made(copies, formula, impute=impute, **options)
        with shown(None, ("impute",), console=err) as progress:
            tables = len(copies) + (frame is not None)
            how = {"impute": impute, **shifts, "progress": progress, "tables": tables, **options}
            analysis = analyses.analysis_of(copies, model, formula, **how)
            estimates = analyses.fits(copies, analysis, made, rule)
            pooled = combine(estimates, made, rule=rule, estimand=estimand, level=level)
            pooled = analyses.with_remarks(pooled, copies)
            found = None
            if frame is not None:
                found = analyses.laid_beside(estimates, frame, analysis, made, rule, level)
        _print_pooled(pooled, found)
        if json is not None:
            content = {"model": model, "formula": formula, "impute": impute, **shifts, **options}
            traced = readout.trace(copies.manifest(), frame is not None)
            readout.write_json(json, {**traced, **content, **_inference(pooled, found)})
        if csv is not None:
            from posynth.copies.output import write_text

            write_text(csv, pooled.table.to_csv())
    if made.failed and not allow_failed:
        text = f"exit code {FAILED}; --allow-failed accepts conditionals that did not pass"
        err.print(f"[red]{text}[/red]", highlight=False)
        raise typer.Exit(FAILED)


def _print_pooled(pooled: "Pooled", found: "Agreement | None") -> None:
    from posynth import readout
    from posynth.report import risk_tables

    readout.print_grid(out, risk_tables.pooled(pooled))
    out.print(screen.plain(pooled.text), highlight=False)
    if found is not None:
        out.print()
        readout.print_grid(out, risk_tables.agreement(found))


def numbers(values: list[str] | None, option: str) -> dict[str, float]:
    """Split COLUMN=NUMBER options."""
    found = {}
    for column, value in pairs(values, option, "income=-500").items():
        try:
            found[column] = float(value)
        except ValueError:
            raise MeasureError(
                f"{option} {column}={value}: {value!r} must be a number, as in income=-500"
            ) from None
    return found


def _inference(pooled: "Pooled", found: "Agreement | None") -> dict[str, Any]:
    content: dict[str, Any] = {
        "rule": pooled.choice.rule,
        "reason": pooled.choice.reason,
        "estimand": pooled.estimand,
        "level": pooled.level,
        "notes": pooled.notes,
        "pooled": pooled.table.reset_index().to_dict("records"),
    }
    if found is not None:
        content["compared"] = found.table.reset_index().to_dict("records")
        content["agreement"] = [result.to_dict() for result in found.results()[:3]]
    return content


def evaluate(  # noqa: PLR0913, PLR0917 - options of a command
    folder: Folder,
    data: Data,
    keys: Keys = "",
    target: Target = "",
    quantiles: Cut = None,
    holdout: Holdout = None,
    checks: Checks = False,
    seed: Seed = 0,
    allow_code: AllowCode = False,
    json: JsonFile = None,
    csv: CsvFile = None,
    overwrite: OverwriteFile = False,
) -> None:
    """Judge the copies: how like the original they are, what to change, and how risky they are."""
    with errors(folder, data, holdout):
        from posynth import material, readout
        from posynth.copies.replacing import check_targets
        from posynth.judgement import judged

        check_targets((json, csv), overwrite, (folder, data, holdout))
        copies = material.take(folder, allow_code)
        comparison = material.lay_beside(copies, data, holdout)
        with shown(None, ("evaluate",), of_measures, err) as progress:
            results = judged(
                comparison,
                copies,
                keys=names(keys) or None,
                target=names(target) or None,
                seed=seed,
                groups=quantiles,
                checks=checks,
                progress=progress,
            )
        _print_evaluation(results, comparison, checks, holdout is not None)
        _note_failed(copies)
        if json is not None:
            content = {"evaluation_seed": seed, "results": [r.to_dict() for r in results]}
            readout.write_json(json, {**readout.trace(copies.manifest(), True), **content})
        if csv is not None:
            readout.write_results(csv, results, True)


def _print_evaluation(
    results: "Sequence[Result]", comparison: "Comparison", checks: bool, holdout: bool
) -> None:
    from posynth import readout
    from posynth.evaluation.utility import ranked
    from posynth.report import risk_tables, tables

    proper = comparison.provenance.proper
    if checks:
        readout.print_grid(out, tables.checks([r for r in results if r.measure in tables.CHECKS]))
    for table in (
        tables.whole(results, proper),
        tables.columns(results, proper, shown=10),
        tables.pairs(ranked(results, comparison), proper, shown=10),
        *(table for table in [tables.impossible(results)] if table.rows),
        *([tables.held_out(results)] if holdout else []),
    ):
        readout.print_grid(out, table)
    readout.print_advice(out, results)
    for table in risk_tables.disclosure(results):
        readout.print_grid(out, table)


def _note_failed(copies: "Copies") -> None:
    """Say in one line which conditionals did not pass: the results rest on them too."""
    from posynth.copies.failed import failed_conditionals

    failed = failed_conditionals(copies.manifest())
    if failed:
        names = screen.plain(", ".join(each.target for each in failed))
        text = f"note: did not pass the diagnostics: {names}; `posynth diagnose` gives the reasons"
        err.print(f"[red]{text}[/red]", highlight=False)


def report(  # noqa: PLR0913, PLR0917 - options of a command
    folder: Folder,
    data: Data,
    public: Annotated[
        bool,
        typer.Option("--public", help="Leave out what only the data holder may see."),
    ] = False,
    checks: Checks = False,
    model: Models = None,
    formula: Formulas = None,
    family: FamilyOption = "",
    levels: Levels = "",
    groups: Groups = "",
    cluster: Cluster = "",
    status: Status = "",
    event: Event = "",
    impute: Impute = 0,
    keys: Keys = "",
    target: Target = "",
    quantiles: Cut = None,
    holdout: Holdout = None,
    seed: Seed = 0,
    allow_code: AllowCode = False,
    to: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="The page; OUT/report.html by default; see --overwrite on a file in place.",
        ),
    ] = None,
    overwrite: OverwriteFile = False,
) -> None:
    """Write one page that says what was modelled, how well, and what the copies are good for."""
    with errors(folder, data, holdout):
        from posynth import material
        from posynth.copies.replacing import check_target
        from posynth.reporting import PAGE, write_report

        page, copies = to or folder / PAGE, material.take(folder, allow_code)
        check_target(page, overwrite, (folder, data, holdout))

        given = {"family": family, "levels": levels, "groups": groups, "status": status}
        options = options_of(**given, event=event, cluster=cluster)
        with shown(None, ("evaluate",), of_measures, err) as progress:
            path = write_report(
                copies,
                data,
                to=page,
                overwrite=overwrite,
                public=public,
                checks=checks,
                model=model or "ols",
                formula=formula or "",
                impute=impute,
                keys=names(keys) or None,
                target=names(target) or None,
                seed=seed,
                holdout=holdout,
                quantiles=quantiles,
                progress=progress,
                **options,
            )
        _note_failed(copies)
        out.print(f"report written to {screen.plain(str(path))}")
        if not public:
            out.print("note: it shows the original; --public writes a page that can be released")
