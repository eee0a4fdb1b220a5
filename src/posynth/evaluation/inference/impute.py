"""Multiple imputation of missing values inside a table, by the conditionals of its chain."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import count

import numpy as np
import pandas as pd

from posynth.chain.dependence import sources
from posynth.errors import MeasureError
from posynth.evaluation.inference.departure import AT_RANDOM, Departure
from posynth.evaluation.inference.estimates import (
    Analysis,
    Estimate,
    combine_imputations,
    estimate_of,
)
from posynth.evaluation.inference.imputation import Imputation
from posynth.posterior.record import Posterior
from posynth.progress import Progress, Step, silent


def imputing(  # noqa: PLR0913 - what is imputed, how often, and under which assumption
    analysis: Analysis,
    posterior: Posterior,
    columns: Iterable[str],
    imputations: int,
    seed: int = 0,
    *,
    departure: Departure = AT_RANDOM,
    progress: Progress = silent,
    tables: int = 1,
) -> Analysis:
    """Make an analysis that imputes a table several times first, and returns the total.

    Inside a copy that reproduces missing values, the covariance matrix is Rubin's total over its
    imputations, which `pool` then takes for the variance the copy reports. Right if values are
    missing at random given the columns used, or differ from that as ``departure`` states.

    Parameters
    ----------
    analysis : callable
        The analysis of a complete table, as for `fit_copies`.
    posterior : Posterior
        The chain the copies come from: how each column is modelled there is how it is imputed.
    columns : iterable of str
        Columns of the analysis; their missing values are imputed, from each other and from all
        columns that have none.
    imputations : int
        How many, at least two.
    seed : int
        Seed; together with the values of a table it decides its imputations.
    departure : Departure
        How missing values differ from those present; missing at random by default.
    progress : callable
        Told of each column drawn.
    tables : int
        How many tables will be analysed, for its total.

    Returns
    -------
    callable
        From a data frame with missing values to an `Estimate`.

    Raises
    ------
    MeasureError
        At once for fewer than two imputations; on a copy if a column cannot be imputed.

    Examples
    --------
    >>> import posynth
    >>> from posynth.evaluation.inference import mean
    >>> table = posynth.load_heart_failure()[["age", "platelets"]]
    >>> table.loc[::3, "platelets"] = np.nan
    >>> posterior = posynth.fit(table, seed=1)
    >>> analysis = imputing(mean("platelets"), posterior, ["platelets"], 3)
    >>> analysis(table).notes
    ("100 missing values of 'platelets' were imputed 3 times",)
    """
    if imputations < 2:
        raise MeasureError(
            f"impute = {imputations}: impute at least 2 times, or their spread is unknown; 5 to 20 "
            "are usual"
        )
    named = tuple(columns)
    wanted = tuple(dict.fromkeys((*named, *sources(named, posterior.spec))))
    modelled = [name for name in wanted if posterior.schema[name].kind.is_modelled]
    rules = {c.target: c.passive for c in posterior.spec if c.passive}
    imputed = [n for n in modelled if posterior.schema[n].missing and n not in rules]
    departure.check(posterior.schema, imputed, rules)
    numbers = count()

    def analyse(frame: pd.DataFrame) -> Estimate:
        place = next(numbers)
        missing = {name: int(frame[name].isna().sum()) for name in modelled}
        holed = {name: number for name, number in missing.items() if number}
        if not holed:
            complete = estimate_of(analysis, frame)
            note = "no column of the analysis has a missing value, so that nothing was imputed"
            return replace(complete, notes=(note, *complete.notes))

        def tell(name: str, done: int, total: int) -> None:
            piece = f"{name} (table {place + 1} of {tables})" if name else ""
            progress(Step("impute", piece, "", place * total + done, tables * total))

        plan = Imputation.of(frame, posterior, holed, departure)
        completed = plan.complete(imputations, _key(seed, frame), tell)
        total = combine_imputations([estimate_of(analysis, each) for each in completed])
        note = _counted(plan, holed, imputations)
        assumed = departure.told(posterior.schema)
        return replace(total, notes=(note, *plan.notes, *assumed, *total.notes))

    return analyse


def _counted(plan: Imputation, holed: Mapping[str, int], imputations: int) -> str:
    """Say how many missing values were imputed, and how many have no value by a rule."""
    drawn = {name: int(mask.sum()) for name, mask in plan.missing.items()}
    ruled = {c: n - drawn.get(c, n) for c, n in holed.items() if n > drawn.get(c, n)}
    open_rows = {c: n - ruled.get(c, 0) for c, n in holed.items()}
    counted = " and ".join(f"{n} missing values of {c!r}" for c, n in open_rows.items() if n)
    note = f"{counted} were imputed {imputations} times" if counted else "nothing was imputed"
    if ruled:
        listed = " and ".join(f"{n} of {c!r}" for c, n in ruled.items())
        note += f"; {listed} are missing by a rule of the chain: they have no value to impute"
    return note


def _key(seed: int, frame: pd.DataFrame) -> int:
    """Return the key of a table's streams.

    The values enter it, so that it depends neither on the order of copies nor is shared by two.
    """
    values = pd.util.hash_pandas_object(frame.astype(str), index=False).to_numpy()
    words = np.random.SeedSequence([seed, int(values.sum(dtype=np.uint64))]).generate_state(4)
    return int(sum(int(word) << (32 * place) for place, word in enumerate(words)))
