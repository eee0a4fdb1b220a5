"""The verbs on methods rather than tables: whether intervals cover, and posteriors are right."""

from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from posynth.arguments import of_type
from posynth.chain.toml import read_chain
from posynth.errors import SpecError
from posynth.evaluation.validity.artificial import artificial
from posynth.evaluation.validity.calibration import Calibration, calibrate
from posynth.evaluation.validity.exchange import Exchange, exchange
from posynth.evaluation.validity.journal import require_study_place
from posynth.evaluation.validity.output import clear_other_study, save_validity
from posynth.evaluation.validity.replicate import taken
from posynth.evaluation.validity.run import run_study
from posynth.evaluation.validity.study import Study
from posynth.evaluation.validity.study_file import read_study
from posynth.evaluation.validity.summary import Validity
from posynth.posterior.bound import Chain
from posynth.posterior.plan import plan
from posynth.posterior.seeds import checked_seed
from posynth.posterior.task import encode_table, make_task
from posynth.posterior.wishes import Wishes
from posynth.progress import Shown, of_fits, of_replications, shown
from posynth.table.frame import Table
from posynth.table.inputs import Data
from posynth.table.names import Names, as_names


def validity(
    study: Study | str | Path,
    folder: str | Path | None = None,
    workers: int = 1,
    progress: Shown = None,
    *,
    allow_code: bool = False,
    overwrite: bool = False,
    **changes: Any,
) -> Validity:
    """Run a validity study: samples, copies, pooled inferences, and how often they are right.

    Parameters
    ----------
    study : Study or path
        The design (see `design_study`), or a study file.
    folder : str or Path, optional
        Where replications and results are kept; a study that was stopped there goes on.
    workers : int
        Processes; the result does not depend on it.
    progress : bool or callable, optional
        Show a bar; by default on a terminal and in a notebook. A callable is told of
        (replications done, in all, failed) instead.
    allow_code : bool
        Run the Python files that a study file names; see `specify`.
    overwrite : bool
        Replace another study that the folder holds; one that was stopped there goes on anyhow.
    **changes
        Settings to use in place of a file's: replications, seed, n, m, k, plan ...

    Returns
    -------
    Validity
        ``validity.dataset`` (xarray), ``validity.table()``, and what `plot_coverage` and
        `plot_zip` draw.

    Raises
    ------
    SpecError, TableError, StoreError, FitError
        Naming what is wrong and the next step.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth import design_study
    >>> def line(rows, rng):
    ...     x = rng.normal(size=rows)
    ...     return pd.DataFrame({"x": x, "y": 1 + x + rng.normal(size=rows)})
    >>> found = validity(design_study(line, 60, "ols", "y ~ x", replications=4, seed=1))
    >>> dict(found.dataset.sizes)["coefficient"]
    2
    """
    if not isinstance(study, Study | str | PathLike):
        of_type("study", study, Study, "pass what `design_study` returned, or a study file")
    planned = (
        study if isinstance(study, Study) else read_study(study, allow_code=allow_code, **changes)
    )
    if folder is not None:
        require_study_place(Path(folder))
    if folder is not None and overwrite:
        clear_other_study(Path(folder), planned.digest())
    with shown(progress, ("replicate",), of_replications) as tell:
        found = run_study(planned, folder, workers, tell)
    if folder is not None:
        save_validity(found, folder)
    return found


def sbc(  # noqa: PLR0913 - what is calibrated, how often, and who is told
    chain: Chain | str | Path,
    data: Data | None = None,
    columns: Names = (),
    replications: int = 200,
    *,
    rows: int = 100,
    seed: int = 0,
    progress: Shown = None,
    allow_code: bool = False,
) -> dict[str, Calibration]:
    """Check by simulation that posteriors are those of the models: rank the truth among draws.

    Parameters
    ----------
    chain : Chain or path
        The conditionals, a user's own PyMC models among them; each is calibrated under its own
        prior.
    data : DataFrame, path or Table, optional
        Rows whose predictors are used; artificial ones that suit the chain file if not given.
    columns : iterable of str
        Conditionals to calibrate; all if not given.
    replications : int
        Draws from the prior, each fitted anew.
    rows : int
        Rows used, at most.
    seed : int
        Seed of everything.
    progress : bool or callable, optional
        Show a bar; by default on a terminal and in a notebook. A callable is told of
        (conditional, done, in all, failed) instead.
    allow_code : bool
        Run the Python files that a chain file names; see `specify`.

    Returns
    -------
    dict of str to Calibration
        Conditional -> ranks, p-values and results; `plot_calibration` draws one.

    Raises
    ------
    SpecError
        If the chain does not fit the data, or a prior is improper.

    Examples
    --------
    >>> from posynth import load_heart_failure, specify
    >>> table = load_heart_failure()[["age", "smoking"]]
    >>> found = sbc(specify(table), table, ["age"], 20, rows=20)
    >>> found["age"].names[-1]
    'log-likelihood of row 1'
    """
    table, bound = _calibrated_on(chain, data, rows, seed, allow_code)
    _refuse_rules(chain, data, as_names(columns))
    wanted = as_names(columns) or list(bound.spec.targets)
    encoded, known = encode_table(table, bound.spec), bound.families
    found = {}
    with shown(progress, ("calibrate",), of_fits) as tell:
        for name in wanted:
            conditional = bound.spec[name]
            task, _ = make_task(encoded, bound.spec, conditional, known[conditional.family])
            found[name] = calibrate(
                task,
                replications,
                engine=conditional.engine,
                seed=seed,
                progress=partial(tell, name),
            )
    return found


def exchangeable(
    chain: Chain | str | Path,
    data: Data | None = None,
    replications: int = 100,
    *,
    rows: int = 100,
    seed: int = 0,
    progress: Shown = None,
    allow_code: bool = False,
) -> Exchange:
    """Check a whole chain: a table of its prior predictive and its copy must be exchangeable.

    Parameters
    ----------
    chain, data, replications, rows, seed, progress, allow_code
        As for `sbc`, but a callable is told of (done, in all, failed).

    Returns
    -------
    Exchange
        Statistics of every pair, and their tests in ``results()``.

    Raises
    ------
    SpecError
        As for `sbc`.
    """
    table, bound = _calibrated_on(chain, data, rows, seed, allow_code)
    with shown(progress, ("replicate",), of_replications) as tell:
        return exchange(bound, table, replications, seed=seed, progress=tell)


def _refuse_rules(chain: Chain | str | Path, data: Data | None, columns: tuple[str, ...]) -> None:
    """Refuse columns with rules on rows that were made up, which no rule holds in."""
    if data is not None or isinstance(chain, Chain):
        return
    ruled = [c.target for c in read_chain(chain)[0] if c.rules and c.target in columns]
    if ruled:
        raise SpecError(
            f"sbc: column {ruled[0]!r} has rules that hold in every row, which rows made up for "
            "this check do not keep to: give a table (--data TABLE)"
        )


def _calibrated_on(
    chain: Chain | str | Path, data: Data | None, rows: int, seed: int, allow_code: bool
) -> tuple[Table, Chain]:
    if not isinstance(chain, Chain | str | PathLike):
        of_type("chain", chain, Chain, "pass what `specify` returned, or a chain file, then data")
    wishes, seed = Wishes(allow_code=allow_code), checked_seed(seed)
    if data is None:
        if isinstance(chain, Chain):
            raise SpecError("sbc: a chain that is no file needs data, whose predictors are used")
        given: Data = artificial(read_chain(chain)[1], rows, np.random.default_rng(seed))
        return plan(given, replace(wishes, artificial=True), chain)
    table, bound = plan(data, wishes, chain)
    if len(table.frame) <= rows:
        return table, bound
    few = np.random.default_rng(seed).choice(len(table.frame), rows, replace=False)
    return taken(bound, table.frame.iloc[np.sort(few)].reset_index(drop=True))
