"""The verbs on finished copies: pool, compare, evaluate and report what they are good for."""

import warnings
from typing import TYPE_CHECKING, Any

from posynth.analysis import (
    Analysis,
    Shifts,
    analysis_of,
    fits,
    how_made,
    laid_beside,
    with_remarks,
)
from posynth.copies.given import Frames
from posynth.errors import DiagnosticWarning, MeasureError
from posynth.evaluation.base import Provenance
from posynth.judgement import judged
from posynth.material import Source, lay_beside, original, take, take_any
from posynth.progress import Shown, of_measures, shown
from posynth.results import Evaluation
from posynth.table.inputs import Data
from posynth.table.names import Names

if TYPE_CHECKING:
    from posynth.evaluation.inference import Agreement, Pooled, Rule


def pool(  # noqa: PLR0913 - a model, how it is pooled and how holes are imputed
    copies: Source | Frames,
    model: str | Analysis = "ols",
    formula: str = "",
    *,
    rule: "str | Rule" = "auto",
    estimand: str = "population",
    level: float = 0.95,
    impute: int = 0,
    delta: Shifts | None = None,
    selection: Shifts | None = None,
    n: int | None = None,
    proper: bool | None = None,
    unsynthesised: Names | None = None,
    missing: str | None = None,
    nests: int | None = None,
    progress: Shown = None,
    **options: Any,
) -> "Pooled":
    """Fit a model to every copy and pool the fits into one inference.

    All copies are fitted in one coding: levels are those of all copies together, and polynomials,
    splines and scales learn from the rows of all; what a copy lacks is named with its number.

    Parameters
    ----------
    copies : Copies, path, or data frames
        The copies; or a folder that holds ``copies/`` and ``manifest.json``; or a list of these,
        from several draws of one posterior; or data frames: a list or a mapping of the copies, or
        one long frame with a column ``copy``.
    model : str or callable
        ``"ols"``, ``"glm"``, ``"logit"``, ``"mnlogit"``, ``"ordered"``, ``"mixed"``, ``"phreg"``;
        or an analysis of your own, a function from a data frame to ``(estimate, variance)``, to
        ``(estimates, covariance matrix, names)``, to an `Estimate` or to a statsmodels result.
    formula : str
        The model's formula, such as ``"income ~ sex + age"``; none for an analysis of your own.
    rule : str or Rule
        Combining rule; ``"auto"`` chooses it from how the copies were made. A `Rule` of your own is
        used as it is.
    estimand : str
        ``"population"`` or ``"original"``: what the intervals are about.
    level : float
        Level of the intervals.
    impute : int
        Where copies reproduce the holes of the source: impute the columns of the model so many
        times inside each copy, by posynth's own conditionals, and take the total variance. 0
        leaves rows with holes out of each fit, which the notes then say.
    delta, selection : Mapping, optional
        Column -> how its missing values differ from those present, where they are not missing at
        random: a shift in its units (log-odds, if it is binary), or the change of the log-odds of
        being missing with one unit of it. Assumed, never estimated: vary it.
    n : int, optional
        Rows of the source: needed for data frames, and for them only, as are the next four.
    proper : bool, optional
        Whether every copy took a posterior draw of its own (mice does, synthpop only with
        ``proper = TRUE``); taken to be so if not said, which the notes then state.
    unsynthesised : sequence of str, optional
        Columns that hold values of the source row by row.
    missing : str, optional
        How missing values of the source were treated: ``"none"``, ``"pattern"`` (they are missing
        in the copies too), ``"impute"`` (taken to be so if there are nests) or ``"joint"``.
    nests : int, optional
        Imputations of the source that the copies were made from, copies of one together.
    progress : bool or callable, optional
        Show a bar while values are imputed; by default on a terminal and in a notebook. A callable
        is told of each ``Step`` instead.
    **options
        Options of the model, as for `fit_statsmodels`: ``family`` of a glm, ``groups`` of mixed,
        ``cluster`` (column of groups) of ols, glm and logit, ``status`` of phreg, ``levels`` of a
        categorical response, the level that is its ``event``.

    Returns
    -------
    Pooled
        ``pooled.table`` has one row a coefficient, ``pooled.text`` the rule in words.

    Raises
    ------
    MeasureError
        If the model cannot be fitted to a copy, the rule does not fit the copies, data frames are
        not alike, ``n`` is not given for them, or copies of several draws are of different
        posteriors or share random streams.
    StoreError
        If the folder is incomplete, or imputation is asked for and it holds no posterior.

    Warns
    -----
    DiagnosticWarning
        If a conditional did not pass its diagnostics on which columns of the model depend: their
        own, those that predict them, those that predict these, and so on.

    Examples
    --------
    >>> from posynth import load_heart_failure, synthesize
    >>> copies = synthesize(load_heart_failure()[["age", "platelets"]], m=3, seed=1)
    >>> pool(copies, "ols", "platelets ~ age").names
    ('Intercept', 'age')
    >>> pool(copies.to_pandas(), "ols", "platelets ~ age", n=299, proper=True).names
    ('Intercept', 'age')
    """
    from posynth.evaluation.inference import pool as combine

    if "data" in options:
        raise MeasureError(
            "pool looks at copies only; compare(copies, data, model, formula) lays the pooled fit "
            "beside that of the original rows"
        )
    given = {"proper": proper, "unsynthesised": unsynthesised, "missing": missing, "nests": nests}
    taken = take_any(copies, {"n": n, **given})
    how = {"impute": impute, "delta": delta, "selection": selection, **options}
    made = how_made(taken, formula, impute=impute, **options)
    with shown(progress, ("impute",)) as tell:
        analysis = analysis_of(taken, model, formula, progress=tell, **how)
        estimates = fits(taken, analysis, made, rule)
    _warn(made)
    pooled = combine(estimates, made, rule=rule, estimand=estimand, level=level)
    return with_remarks(pooled, taken)


def compare(  # noqa: PLR0913 - as for pool
    copies: Source,
    data: Data,
    model: str | Analysis = "ols",
    formula: str = "",
    *,
    rule: "str | Rule" = "auto",
    level: float = 0.95,
    impute: int = 0,
    delta: Shifts | None = None,
    selection: Shifts | None = None,
    progress: Shown = None,
    **options: Any,
) -> "Agreement":
    """Lay the pooled fit beside the fit to the original rows.

    Parameters
    ----------
    copies : Copies or path
        The copies, or the output folder that holds them.
    data : DataFrame, path or Table
        The table that was synthesised.
    model, formula, rule, level, impute, delta, selection, progress, **options
        As for `pool`.

    Returns
    -------
    Agreement
        ``agreement.table`` with standardised differences and overlap of intervals,
        ``agreement.lack_of_fit``, ``agreement.pooled``.

    Raises
    ------
    MeasureError, StoreError
        As for `pool`.
    TableError
        If the data are not the table that was synthesised.

    Examples
    --------
    >>> from posynth import load_heart_failure, synthesize
    >>> table = load_heart_failure()[["age", "platelets"]]
    >>> copies = synthesize(table, m=3, seed=1)
    >>> list(compare(copies, table, "ols", "platelets ~ age").table.index)
    ['Intercept', 'age']
    """
    taken = take(copies)
    frame = original(data, taken)
    how = {"impute": impute, "delta": delta, "selection": selection, **options}
    made = how_made(taken, formula, impute=impute, **options)
    _warn(made)
    with shown(progress, ("impute",)) as tell:
        how |= {"tables": len(taken) + 1, "progress": tell}
        analysis = analysis_of(taken, model, formula, **how)
        return laid_beside(fits(taken, analysis, made, rule), frame, analysis, made, rule, level)


def _warn(made: Provenance) -> None:
    if made.failed:
        warnings.warn("\n".join(made.failed), DiagnosticWarning, stacklevel=3)


def evaluate(  # noqa: PLR0913 - keys and target are the user's knowledge of the table
    copies: Source,
    data: Data,
    *,
    keys: Names | None = None,
    target: Names | None = None,
    seed: int = 0,
    holdout: Data | None = None,
    groups: int | None = None,
    checks: bool = False,
    progress: Shown = None,
) -> Evaluation:
    """Judge the copies: how like the original they are, and how risky.

    Parameters
    ----------
    copies : Copies or path
        The copies, or the output folder that holds them.
    data : DataFrame, path or Table
        The table that was synthesised.
    keys : sequence of str, optional
        What an intruder may know about a person; a stand-in is chosen if not given.
    target : str or sequence of str, optional
        What an intruder may want to learn; every other column if not given.
    seed : int
        Seed of relabellings and subsamples.
    holdout : DataFrame, path or Table, optional
        Rows of the same population that were not synthesised: the log score, the DCR share and
        membership inference need them.
    groups : int, optional
        Cut numeric keys and targets into so many quantile groups.
    checks : bool
        Check every conditional too, by LOO and posterior predictive draws, see
        ``check_conditionals``.
    progress : bool or callable, optional
        Show a bar with the measure at work; by default on a terminal and in a notebook. A callable
        is called with (step, number done, number in all) instead.

    Returns
    -------
    Evaluation
        A sequence of results: checks if asked for, utility, advice, disclosure. It prints as a
        table; ``to_frame()`` has every row, ``failed`` those outside their limits.

    Raises
    ------
    MeasureError, StoreError, TableError
        Naming the column or file and the next step.

    Examples
    --------
    >>> from posynth import load_heart_failure, synthesize
    >>> table = load_heart_failure()[["age", "sex", "smoking"]]
    >>> results = evaluate(synthesize(table, m=2, seed=1), table, keys=["sex", "age"])
    >>> {r.measure for r in results} >= {"S_pMSE", "DiSCO", "advice"}
    True
    >>> results.select("KS", "age").to_frame()["measure"].tolist()
    ['KS']
    """
    taken = take(copies)
    comparison = lay_beside(taken, data, holdout)
    with shown(progress, ("evaluate",), of_measures) as tell:
        results = judged(
            comparison,
            taken,
            keys=keys,
            target=target,
            seed=seed,
            groups=groups,
            checks=checks,
            progress=tell,
        )
    return Evaluation(results)
