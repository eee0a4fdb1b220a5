"""The verbs on methods rather than tables: whether intervals cover, and posteriors are right."""

from pathlib import Path
from typing import Any

from posynth.evaluation.validity.output import save_validity
from posynth.evaluation.validity.run import Progress, run_study, silent
from posynth.evaluation.validity.study import Study
from posynth.evaluation.validity.study_file import read_study
from posynth.evaluation.validity.summary import Validity


def validity(
    study: Study | str | Path,
    folder: str | Path | None = None,
    workers: int = 1,
    progress: Progress = silent,
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
    progress : callable
        Told of (replications done, in all, failed).
    **changes
        Settings to use in place of a file's: replications, seed, n, m, k ...

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
    planned = study if isinstance(study, Study) else read_study(study, **changes)
    found = run_study(planned, folder, workers, progress)
    if folder is not None:
        save_validity(found, folder)
    return found
