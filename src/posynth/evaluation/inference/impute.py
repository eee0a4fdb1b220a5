"""Multiple imputation inside a table with holes, by posynth's own conditionals."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.default import FAMILY_OF_KIND, default_chain
from posynth.chain.dependence import sources
from posynth.chain.passive import drawn_values
from posynth.chain.spec import ChainSpec
from posynth.engines.choose import fit
from posynth.errors import FitError, MeasureError
from posynth.evaluation.inference.departure import AT_RANDOM, Departure
from posynth.evaluation.inference.estimates import (
    Analysis,
    Estimate,
    combine_imputations,
    estimate_of,
)
from posynth.families import families
from posynth.posterior.predict import RowSampler
from posynth.posterior.record import Posterior
from posynth.posterior.schedule import Progress, Step, silent
from posynth.posterior.task import make_task
from posynth.table.codec import as_released, decode, encode
from posynth.table.schema import Schema

SWEEPS = 5
DRAWS = 100  # effective draws of a fit, of which an imputation takes one


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

    Inside a copy that reproduces holes, the covariance matrix is Rubin's total over its
    imputations, which `pool` then takes for the variance the copy reports. Right if values are
    missing at random given the columns used, or differ from that as ``departure`` states.

    Parameters
    ----------
    analysis : callable
        The analysis of a complete table, as for `fit_copies`.
    posterior : Posterior
        The chain the copies come from: it says what each column is and names its family.
    columns : iterable of str
        Columns of the analysis; their holes are imputed, from each other and from all columns
        that have none.
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
        From a data frame with holes to an `Estimate`.

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
    ("100 holes of 'platelets' were imputed 3 times",)
    """
    if imputations < 2:
        raise MeasureError(
            f"impute = {imputations}: impute at least 2 times, or their spread is unknown; 5 to 20 "
            "are usual"
        )
    named = tuple(columns)
    wanted = tuple(dict.fromkeys((*named, *sources(named, posterior.spec))))
    modelled = [name for name in wanted if posterior.schema[name].kind.is_modelled]
    departure.check(posterior.schema, [n for n in modelled if posterior.schema[n].missing])
    numbers = count()

    def analyse(frame: pd.DataFrame) -> Estimate:
        place = next(numbers)
        missing = {name: int(frame[name].isna().sum()) for name in modelled}
        holes = {name: number for name, number in missing.items() if number}
        if not holes:
            return estimate_of(analysis, frame)

        def tell(name: str, done: int, total: int) -> None:
            piece = f"{name} (table {place + 1} of {tables})" if name else ""
            progress(Step("impute", piece, "", place * total + done, tables * total))

        # The values seed the stream, so that it depends neither on the order of copies nor is
        # shared by two of them.
        values = pd.util.hash_pandas_object(frame.astype(str), index=False).to_numpy()
        rng = np.random.default_rng([seed, int(values.sum(dtype=np.uint64))])
        completed = impute(frame, posterior, holes, imputations, rng, departure, tell)
        total = combine_imputations([estimate_of(analysis, each) for each in completed])
        told = " and ".join(f"{number} holes of {name!r}" for name, number in holes.items())
        note = f"{told} were imputed {imputations} times"
        return replace(total, notes=(note, *departure.told(posterior.schema), *total.notes))

    return analyse


def impute(
    frame: pd.DataFrame,
    posterior: Posterior,
    columns: Iterable[str],
    imputations: int,
    rng: np.random.Generator,
    departure: Departure = AT_RANDOM,
    tell: Callable[[str, int, int], None] | None = None,
) -> Iterator[pd.DataFrame]:
    """Complete columns of a table several times, each time from posterior draws of their own.

    Chained equations: the holes are filled with values drawn from the column, then each column in
    turn is regressed on all others where it is present, by its family's model, and its holes are
    drawn anew given one posterior draw; 5 sweeps, or one if a single column has holes, which makes
    the draws exact. Every imputation starts anew. Passive columns are computed from what was drawn,
    and predict no column they are computed from.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table.
    posterior : Posterior
        The chain the table comes from.
    columns : iterable of str
        Columns to complete.
    imputations : int
        How many tables are wanted.
    rng : numpy.random.Generator
        Source of randomness.
    departure : Departure
        How missing values differ from those present.
    tell : callable, optional
        Told (column, columns drawn so far, columns to draw in all).

    Yields
    ------
    pandas.DataFrame
        The table without holes in these columns.

    References
    ----------
    van Buuren (2018), Flexible Imputation of Missing Data, 2nd ed., section 4.5.
    """
    holed = tuple(columns)
    schema = _used(posterior.schema, holed, len(frame))
    known = {column.name: encode(column, frame[column.name]) for column in schema}
    ruled = {c.target: c.passive for c in posterior.spec if c.passive and c.target in holed}
    drawn = [name for name in holed if name not in ruled]
    steps = [_step(name, schema, posterior, np.isnan(known[name]), departure) for name in drawn]
    sweeps = SWEEPS if len(steps) > 1 else 1
    work = count()
    pieces = imputations * sweeps * len(steps)
    for stream in rng.spawn(imputations):
        now = dict(known)
        for step in steps:
            now[step.target] = step.guess(known[step.target], stream)
        _compute(now, known, schema, ruled)
        for step in [each for _ in range(sweeps) for each in steps]:
            if tell is not None:
                tell(step.target, next(work), pieces)
            now[step.target] = step.draw(now, schema, stream)
            _compute(now, known, schema, ruled)
        fresh = {n: decode(schema[n], now[n]).set_axis(frame.index) for n in holed}
        yield frame.assign(**fresh)
    if tell is not None:
        tell("", pieces, pieces)


def _compute(
    now: dict[str, Floats], known: Mapping[str, Floats], schema: Schema, ruled: Mapping[str, str]
) -> None:
    """Bring passive columns up to what was drawn; in the chain's order, so sources come first."""
    for name, rule in ruled.items():
        rows = Rows(schema, now, {}, len(now[name]))
        computed = drawn_values(rows, schema[name], rule)
        now[name] = np.where(np.isnan(known[name]), computed, known[name])


@dataclass(frozen=True)
class _Step:
    """One column to impute: a chain that ends with its conditional, and where its holes are."""

    target: str
    spec: ChainSpec
    holes: NDArray[np.bool_]
    departure: Departure

    def guess(self, values: Floats, rng: np.random.Generator) -> Floats:
        """Fill the holes with values drawn from the column itself."""
        if self.holes.all():
            raise MeasureError(f"column {self.target!r} has no value here, so it cannot be imputed")
        filled = values.copy()
        filled[self.holes] = rng.choice(values[~self.holes], int(self.holes.sum()))
        return filled

    def draw(self, now: Mapping[str, Floats], schema: Schema, rng: np.random.Generator) -> Floats:
        """Fill the holes given the other columns and one posterior draw."""
        values = np.where(self.holes, np.nan, now[self.target])
        rows = Rows(schema, {**now, self.target: values}, {}, len(values))
        conditional = self.spec[self.target]
        family = families()[conditional.family]
        task, coding = make_task(rows, self.spec, conditional, family, DRAWS)
        try:
            draws = fit(task, "auto", rng).draws
        except FitError as error:
            raise MeasureError(
                f"column {self.target!r} cannot be imputed: {error}; merge its rare levels, or "
                "leave it out of the model"
            ) from None
        flat = {name: each.reshape(-1, *each.shape[2:]) for name, each in draws.items()}
        flat = self.departure.shifted(schema[self.target], coding, flat)
        one = int(rng.integers(len(next(iter(flat.values())))))
        sampler = RowSampler(family, self.target, coding, task.prior, flat)
        drawn = sampler.draw(coding.design(rows)[self.holes], one, rng)
        drawn = self.departure.moved(schema[self.target], drawn)
        values[self.holes] = as_released(schema[self.target], drawn)
        return values


def _used(schema: Schema, holed: Sequence[str], rows: int) -> Schema:
    """Return the columns to impute and those that have no holes in the source."""
    columns = [c for c in schema if c.kind.is_modelled and (c.name in holed or not c.missing)]
    return Schema(tuple(replace(c, missing=0) for c in columns), rows)


def _step(
    target: str,
    schema: Schema,
    posterior: Posterior,
    holes: NDArray[np.bool_],
    departure: Departure,
) -> _Step:
    """Let a column come last, given all that are not computed from it, in the family it has."""
    known, family, scale = families(), "", "natural"
    if target in posterior.spec.targets:
        family, scale = posterior.spec[target].family, posterior.spec[target].scale
    if family not in known or known[family].facts.design != "standardised":
        family = FAMILY_OF_KIND[schema[target].kind]
    usual, family = family, departure.family(schema[target], family)
    spec = posterior.spec
    others = [n for n in schema.names if n != target and target not in sources([n], spec)]
    columns = tuple(column for column in schema if column.name in (target, *others))
    chain = default_chain(Schema(columns, schema.rows), [*others, target], {target: family})
    if scale == "levels" and family == usual:
        chain = chain.with_conditional(replace(chain[target], scale=scale))
    return _Step(target, chain, holes, departure)
