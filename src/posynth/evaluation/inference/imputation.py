"""Missing values of a table completed several times, by the conditionals of its chain."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posynth.chain.attached import moved_behind
from posynth.chain.blocks import Floats, Rows
from posynth.chain.dependence import sources
from posynth.chain.limits import Limits
from posynth.chain.open_rows import opened, part
from posynth.chain.passive import drawn_values
from posynth.chain.spec import ChainSpec, Conditional
from posynth.engines.choose import fit
from posynth.errors import FitError, MeasureError, SpecError
from posynth.evaluation.inference.departure import AT_RANDOM, CANDIDATES, Departure
from posynth.evaluation.inference.imputation_models import ImputationModel, imputation_model
from posynth.evaluation.inference.imputation_rules import (
    RulesToKeep,
    imputed_beside,
    row_rules,
    with_columns,
)
from posynth.families import families
from posynth.posterior.predict import RowSampler
from posynth.posterior.record import Posterior
from posynth.posterior.seeds import Purpose, stream
from posynth.posterior.task import learn_scales, make_task
from posynth.table.bounds import placed
from posynth.table.codec import decode, encode
from posynth.table.schema import Schema

type Mask = NDArray[np.bool_]
type Tell = Callable[[str, int, int], None]
type Draw = Callable[[], Floats]

#: Times that every column is drawn again given all others.
SWEEPS = 5
#: Times that values are drawn again, then taken from those present, where they break a rule.
TRIES, DONORS = 20, 200
#: Draws kept of each of four chains of a fit, and effective ones asked for; one is taken.
DRAWS, NEED = 50, 100


def impute(
    frame: pd.DataFrame,
    posterior: Posterior,
    columns: Iterable[str],
    imputations: int,
    key: int,
    departure: Departure = AT_RANDOM,
) -> Iterator[pd.DataFrame]:
    """Complete columns of a table several times, each time from posterior draws of their own.

    Columns are visited by their number of missing values. At first each is regressed on the
    columns that are complete or were drawn before it, where it is present, by the form it has in
    the chain (see ``imputation_models``); its missing values are drawn given one posterior draw.
    Where the rows that lack one column also lack those after it (a monotone pattern), these are
    draws from the joint distribution. Otherwise every column is drawn anew given all others,
    5 times (chained equations). Every imputation starts anew. Passive columns are computed from
    what was drawn, and predict no column they are computed from.

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
    key : int
        Seed; every (column, imputation) has a stream of its own under it.
    departure : Departure
        How missing values differ from those present.

    Yields
    ------
    pandas.DataFrame
        The table without missing values in these columns.

    References
    ----------
    van Buuren, S. (2018). Flexible Imputation of Missing Data, 2nd ed., sections 4.3 to 4.5.
    """
    yield from Imputation.of(frame, posterior, columns, departure).complete(imputations, key)


@dataclass(frozen=True)
class Imputation:
    """A table to impute, and the model of each of its columns.

    Attributes
    ----------
    frame : pandas.DataFrame
        The table.
    rows : Rows
        Its columns, encoded, with learned scales; NaN where a value is missing.
    rules : Mapping of str to str
        Passive column -> its rule.
    first, again : tuple of ImputationModel
        Models given the columns drawn before, and given all others, in the order of drawing.
    departure : Departure
        How missing values differ from those present.
    missing : Mapping of str to ndarray of bool, shape (n,)
        Column -> its rows to draw: not those that a rule says have no value.
    kept : RulesToKeep
        The rules that imputed values are kept to.
    asked : Mapping of str to Limits
        Column -> rules that say where it has no value.
    """

    frame: pd.DataFrame
    rows: Rows
    rules: Mapping[str, str]
    first: tuple[ImputationModel, ...]
    again: tuple[ImputationModel, ...]
    departure: Departure
    missing: Mapping[str, Mask]
    kept: RulesToKeep
    asked: Mapping[str, Limits]

    @classmethod
    def of(
        cls, frame: pd.DataFrame, posterior: Posterior, columns: Iterable[str], departure: Departure
    ) -> "Imputation":
        """Choose the model of every column.

        Raises
        ------
        MeasureError
            If a column has no value.
        """
        spec = posterior.spec
        holed = tuple(n for n in imputed_beside(columns, spec) if posterior.schema[n].missing)
        rows = _encoded(frame, posterior, holed)
        rules = {c.target: c.passive for c in spec if c.passive and c.target in holed}
        drawn = [name for name in holed if name not in rules and name in rows.arrays]
        missing = {name: np.isnan(rows.arrays[name]) for name in drawn}
        asked = {name: limits for name in drawn if (limits := _asked(posterior, name))}
        missing = {n: missing[n] & _open(rows, asked.get(n)) for n in drawn}
        drawn = [name for name in drawn if missing[name].any()]
        for name in drawn:
            if np.isnan(rows.arrays[name]).all():
                raise MeasureError(f"column {name!r} has no value here, so it cannot be imputed")
        drawn.sort(key=lambda name: int(missing[name].sum()))
        drawn = [*moved_behind(drawn, [rule.text for rule in row_rules(spec)])]
        kept = RulesToKeep.of(rows, spec, drawn)
        known = [n for n in rows.schema.names if n in holed or not posterior.schema[n].missing]

        def model(name: str, left: Collection[str]) -> ImputationModel:
            apart = {*left, *kept.not_given(name)}
            ready = [n for n in known if n not in apart and not apart & {*sources([n], spec)}]
            return imputation_model(name, rows, spec, ready, departure, kept.modelled(name, left))

        first = [model(name, drawn[place:]) for place, name in enumerate(drawn)]
        again = [model(name, ()) for name in drawn]
        nested = all(not (missing[a] & ~missing[b]).any() for a, b in pairwise(drawn))
        models = tuple(first), () if nested and not kept.linked else tuple(again)
        return cls(frame, rows, rules, *models, departure, missing, kept, asked)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was imputed by another family than the chain's, and why."""
        return tuple(dict.fromkeys(m.note for m in (*self.first, *self.again) if m.note))

    def complete(
        self, imputations: int, key: int, tell: Tell | None = None
    ) -> Iterator[pd.DataFrame]:
        """Complete the table several times.

        Parameters
        ----------
        imputations, key
            As for `impute`.
        tell : callable, optional
            Told (column, columns drawn so far, columns to draw in all).

        Yields
        ------
        pandas.DataFrame
            The table, completed.
        """
        models = [*self.first, *self.again * SWEEPS]
        work, pieces = count(), imputations * len(models)
        for number in range(imputations):
            names = [model.target for model in self.first]
            streams = {name: stream(key, Purpose.IMPUTE, name, number) for name in names}
            now = dict(self.rows.arrays)
            for model in models:
                if tell is not None:
                    tell(model.target, next(work), pieces)
                now[model.target] = self._drawn(model, now, streams[model.target])
                self._compute(now)
            yield self._decoded(now)
        if tell is not None:
            tell("", pieces, pieces)

    def _drawn(
        self, model: ImputationModel, now: Mapping[str, Floats], rng: np.random.Generator
    ) -> Floats:
        """Return a column whose missing values are drawn given the others and one posterior draw.

        Raises
        ------
        MeasureError
            Naming the column and the next step.
        """
        target, values = model.target, self.rows.arrays[model.target].copy()
        rows, computed = replace(self.rows, arrays={**now, target: values}), None
        missing = np.isnan(values) & _open(rows, self.asked.get(target))
        computed = self.kept.decided(target, rows.arrays)
        values[missing] = computed[missing]
        missing &= np.isnan(computed)
        if not missing.any():
            return values
        draw = self._drawer(model, replace(rows, arrays={**now, target: values}), missing, rng)
        values[missing] = draw()
        return self._within_rules(target, now, values, missing, draw, rng)

    def _drawer(
        self, model: ImputationModel, rows: Rows, missing: Mask, rng: np.random.Generator
    ) -> Draw:
        """Fit a model; the one without rules where that under rules is not fitted."""
        for conditional in model.several:
            last = conditional is model.several[-1]
            try:
                return self._fitted(conditional, rows, missing, rng, replaceable=not last)
            except (FitError, SpecError) as error:
                if last:
                    raise MeasureError(
                        f"column {model.target!r} cannot be imputed: {error}; merge its rare "
                        "levels, or leave it out of the model"
                    ) from None
        raise AssertionError

    def _within_rules(
        self,
        target: str,
        now: Mapping[str, Floats],
        values: Floats,
        missing: Mask,
        draw: Draw,
        rng: np.random.Generator,
    ) -> Floats:
        """Draw again what breaks rules, some times; then take values that are present."""
        present = self.rows.arrays[target]
        present = present[~np.isnan(present)]
        for number in range(TRIES + DONORS):
            kept = self.kept.keep(target, {**now, target: values})
            wrong = missing & ~(kept & ~np.isnan(values))
            if not wrong.any():
                break
            drawn = draw() if number < TRIES else rng.choice(present, int(missing.sum()))
            values[wrong] = drawn[wrong[missing]]
        return values

    def _fitted(
        self,
        conditional: Conditional,
        rows: Rows,
        missing: Mask,
        rng: np.random.Generator,
        *,
        replaceable: bool,
    ) -> Draw:
        """Fit a model where its column is present; return what draws the other rows.

        Each call draws them anew, under one posterior draw.
        """
        column, departure = rows.schema[conditional.target], self.departure
        family = families()[conditional.family]
        seed = int(rng.integers(2**62))  # places scores within the jumps of a learned scale
        task, coding = make_task(rows, ChainSpec((conditional,)), conditional, family, seed)
        task = replace(task, draws=DRAWS, need=NEED, replaceable=replaceable)
        draws = fit(task, "auto", rng).draws
        flat = {name: _end_to_end(each) for name, each in draws.items()}
        flat = departure.shifted(column, conditional.family, coding, flat)
        one = int(rng.integers(len(next(iter(flat.values())))))
        sampler = RowSampler(family, column.name, coding, task.prior, flat)
        X, left = coding.design(rows)[missing], part(rows, missing)
        free, decided = opened(coding.limits, left)

        def drawn() -> Floats:
            values = decided.copy()
            if free.any():
                values[free] = sampler.draw(X[free], one, rng)
            if coding.limits is None:
                return placed(column, values)
            if not coding.limits.distance:
                values[free] = placed(column, values[free])
            values[free] = coding.limits.back(left, values)[free]
            return coding.limits.filled(left, values, rng)

        def draw() -> Floats:
            chosen = drawn()
            if departure.weighs(column, conditional.family, coding):
                chosen = departure.chosen(
                    column, np.array([chosen, *(drawn() for _ in range(CANDIDATES - 1))]), rng
                )
            return sampler.written(column, departure.moved(column, chosen))

        return draw

    def _compute(self, now: dict[str, Floats]) -> None:
        """Bring passive columns up to what was drawn; in the chain's order, sources first."""
        for name, rule in self.rules.items():
            rows = Rows(self.rows.schema, now, {}, len(now[name]))
            computed = drawn_values(rows, self.rows.schema[name], rule)
            known = self.rows.arrays[name]
            now[name] = np.where(np.isnan(known), computed, known)

    def _decoded(self, now: Mapping[str, Floats]) -> pd.DataFrame:
        names = [*self.rules, *(model.target for model in self.first)]
        schema, index = self.rows.schema, self.frame.index
        fresh = {n: decode(schema[n], now[n]).set_axis(index) for n in names}
        return self.frame.assign(**fresh)


def _asked(posterior: Posterior, name: str) -> Limits | None:
    """Return the rules that say where a column has no value; None if there are none."""
    indicator = posterior.spec.indicators.get(name)
    return posterior.links[indicator].coding.limits if indicator else None


def _open(rows: Rows, limits: Limits | None) -> Mask:
    """Tell in which rows no rule says that a column has no value."""
    if limits is None:
        return np.ones(len(rows), dtype=bool)
    decided = limits.decided(rows)
    return np.asarray(np.isnan(decided) | (decided == 0))


def _end_to_end(draws: Floats) -> Floats:
    """Lay the chains of a parameter end to end, (chain * draw, ...); it may have no element."""
    return draws.reshape(draws.shape[0] * draws.shape[1], *draws.shape[2:])


def _encoded(frame: pd.DataFrame, posterior: Posterior, holed: Sequence[str]) -> Rows:
    """Encode the columns to impute and those that have no missing values in the source.

    Scales are learned on the table itself, as everything is that its imputation rests on; the
    chain's own serve a column with too few values here.
    """
    columns = [c for c in posterior.schema if c.kind.is_modelled]
    read = with_columns(posterior.schema, holed, posterior.spec)
    used = [replace(c, missing=0) for c in columns if c.name in read or not c.missing]
    schema = Schema(tuple(used), len(frame))
    arrays = {column.name: encode(column, frame[column.name]) for column in schema}
    numeric = {c.name: arrays[c.name] for c in schema if c.kind.is_numeric}
    learned = {n: s for n, s in posterior.learned.items() if n in schema}
    return Rows(schema, arrays, {}, len(frame), {**learned, **learn_scales(schema, numeric)})
