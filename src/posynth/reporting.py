"""The verb ``report`` (``write_report`` in Python): judge, fit a model, and write the page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from posynth.analysis import Analysis, analysis_of, fits, how_made, laid_beside
from posynth.copies.manifest import public_manifest
from posynth.copies.replacing import check_target
from posynth.errors import MeasureError
from posynth.judgement import judged
from posynth.material import Source, folders_of, lay_beside, take
from posynth.progress import Shown, of_measures, shown
from posynth.report.bands import in_bands
from posynth.report.example_model import example_model
from posynth.report.findings import Findings, Inference
from posynth.report.page import write_page
from posynth.report.tables import CHECKS
from posynth.results import Result
from posynth.table.inputs import Data
from posynth.table.names import Names

PAGE = "report.html"


def write_report(  # noqa: PLR0913 - what to show is the user's to say
    copies: Source,
    data: Data,
    *,
    to: str | Path | None = None,
    public: bool = False,
    model: str | Analysis | Sequence[str] = "ols",
    formula: str | Sequence[str] = "",
    impute: int = 0,
    keys: Names | None = None,
    target: Names | None = None,
    seed: int = 0,
    holdout: Data | None = None,
    quantiles: int | None = None,
    checks: bool | Sequence[Result] = False,
    progress: Shown = None,
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Write one page that says what was modelled, how well, and what the copies are good for.

    Parameters
    ----------
    copies : Copies or path
        The copies, or the output folder that holds them.
    data : DataFrame, path or Table
        The table that was synthesised.
    to : path, optional
        The page; ``report.html`` in the output folder if not given.
    public : bool
        Leave out whatever shows the original or was computed row by row from it.
    model, formula, impute, **options
        The model to pool, as for `pool`; one is taken from the chain if no formula is given. A
        sequence of formulas gives several models, all of one ``model`` or one a formula; each
        option then goes to the models that take it.
    keys, target, seed, holdout, quantiles
        As for `evaluate`; ``quantiles`` is its ``groups``.
    checks : bool or sequence of Result
        Bayesian checks of the conditionals to show beside the diagnostics: True for those of
        ``check_conditionals``, which take about half a second a conditional. Never on a public
        page.
    progress : bool or callable, optional
        Show a bar with the measure at work; by default on a terminal and in a notebook. A callable
        is called with (step, number done, number in all) instead.
    overwrite : bool
        Replace a file of that name that posynth did not write. A page of its own is replaced
        anyhow; the source and the parts of a run never are.

    Returns
    -------
    Path
        The page: one file that loads nothing.

    Raises
    ------
    MeasureError, StoreError, TableError
        Naming the column or file and the next step.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from posynth import load_heart_failure, synthesize
    >>> table = load_heart_failure()[["age", "sex", "smoking"]]
    >>> copies = synthesize(table, m=2, seed=1)
    >>> with TemporaryDirectory() as folder:
    ...     write_report(copies, table, to=Path(folder) / "page.html", keys=["sex"]).name
    'page.html'
    """
    place, models = _place(copies, to), _models(model, formula)
    if isinstance(checks, str) or not isinstance(checks, bool | Sequence):
        raise MeasureError(
            f"checks = {checks!r}: give True for those of check_conditionals, or their results"
        )
    taken = take(copies)
    if public:  # nothing that is not on the list of what is public can reach the page
        taken = replace(taken, written=public_manifest(taken.manifest()))
    # Known before the long work.
    read = [each for each in (data, holdout) if isinstance(each, str | Path)]
    check_target(place, overwrite, [*folders_of(copies), *read])
    comparison = lay_beside(taken, data, holdout)
    given = () if isinstance(checks, bool) else tuple(checks)
    found = Findings(taken, comparison, (), checks=given, public=public, seed=seed)
    found = _with_inference(found, models, {"impute": impute, **options})
    with shown(progress, ("evaluate",), of_measures) as tell:
        results = judged(
            comparison,
            taken,
            keys=keys,
            target=target,
            seed=seed,
            groups=quantiles,
            checks=checks is True,
            public=public,
            progress=tell,
        )
        tell("page", 0, 1)
    made = tuple(r for r in results if r.measure in CHECKS)
    told = tuple(r for r in results if r.measure not in CHECKS)
    told = in_bands(told, found.proper) if public else told
    return write_page(replace(found, results=told, checks=given + made), place)


def _place(copies: Source, to: str | Path | None) -> Path:
    if to is None and not isinstance(copies, str | Path):
        raise MeasureError(
            "copies in memory, or of several folders, have no folder of their own; say where the "
            "page goes with to=..."
        )
    if to is None:
        return Path(str(copies)) / PAGE
    return Path(to)


def _models(
    model: str | Analysis | Sequence[str], formula: str | Sequence[str]
) -> list[tuple[str | Analysis, str]]:
    """Return (model, formula) pairs; none if an example is to be chosen."""
    formulas = [formula] if isinstance(formula, str) else list(formula)
    models: list[str | Analysis]
    models = [model] if isinstance(model, str) or callable(model) else list(model)
    if formulas in ([], [""]) and all(isinstance(each, str) for each in models):
        return []
    if len(models) not in (1, len(formulas)):
        raise MeasureError(
            f"{len(models)} models for {len(formulas)} formulas; name one model for all of them, "
            "or one for each in the same order"
        )
    return list(zip(models * (len(formulas) if len(models) == 1 else 1), formulas, strict=True))


def _with_inference(
    found: Findings,
    models: list[tuple[str | Analysis, str]],
    options: dict[str, Any],
) -> Findings:
    if models:
        from posynth.evaluation.inference.shared_options import share_options

        each = zip(models, share_options(models, options), strict=True)
        inferences = [_one_of(len(models), found, *model, given) for model, given in each]
        return replace(found, inferences=tuple(inferences))
    idle = [name for name, value in options.items() if value is not None and name != "impute"]
    if idle:
        raise MeasureError(
            f"{', '.join(idle)}: options of a model, and none is named; add its formula, as "
            "--formula 'income ~ sex + age' (formula= in Python)"
        )
    example = example_model(found.copies)
    if example is None:
        none = Inference("No model of this table could be chosen: name one.")
        return replace(found, inferences=(none,))
    try:
        inferred = _inferred(found, *example, {"impute": options["impute"]})
        return replace(found, inferences=(replace(inferred, by_default=True),))
    except MeasureError as error:
        text = f"The example {example[0]} of {example[1]} cannot be fitted ({error}): name a model."
        # The failure may have been on the original rows, which a public page must not describe.
        return replace(found, inferences=() if found.public else (Inference(text),))


def _one_of(
    count: int, found: Findings, model: str | Analysis, formula: str, options: dict[str, Any]
) -> Inference:
    """Run one of several models; what fails names it, and says that options are shared."""
    try:
        return _inferred(found, model, formula, options)
    except MeasureError as error:
        if count == 1:
            raise
        named = f"model {model!r} of {formula!r}" if isinstance(model, str) else "your own analysis"
        of_model = [name for name in options if name not in ("impute", "delta", "selection")]
        step = (
            f" (options go to every model that takes them, here {', '.join(of_model)}: models that "
            "need others have a report of their own, to another place by --out, to= in Python)"
        )
        raise MeasureError(f"{named}: {error}{step if of_model else ''}") from None


def _inferred(
    found: Findings, model: str | Analysis, formula: str, options: dict[str, Any]
) -> Inference:
    from posynth.evaluation.inference import pool

    analysis = analysis_of(found.copies, model, formula, **options)
    made = how_made(found.copies, formula, **options)
    estimates = fits(found.copies, analysis, made)
    pooled = pool(estimates, made)
    agreement = None
    if not found.public:
        original = found.comparison.original
        agreement = laid_beside(estimates, original, analysis, made)
    name = f"Model {model}: {formula}" if isinstance(model, str) else "A user-defined analysis"
    return Inference(name, pooled=pooled, agreement=agreement)
