"""Walk along the chain: every copy takes its own posterior draw of every conditional."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.group_level import one_row_a_group
from posynth.chain.limits import Limits
from posynth.chain.open_rows import opened, part_of, with_hidden
from posynth.chain.spec import ROSTER, Conditional
from posynth.engines.threads import one_thread
from posynth.errors import SpecError
from posynth.posterior.chain_families import stored_families
from posynth.posterior.predict import RowSampler, stacked
from posynth.posterior.record import Posterior
from posynth.posterior.seeds import Purpose, spread, stream
from posynth.progress import Progress, Step, silent
from posynth.table.bounds import placed
from posynth.table.codec import decode_frame

type Taken = Mapping[str, NDArray[np.int64]]

#: Rows drawn at once: more do not fit the cache, and drew half as fast.
BATCH_ROWS = 50_000


def walk(
    posterior: Posterior,
    m: int,
    k: int,
    seed: int,
    progress: Progress = silent,
    *,
    taken: Taken | None = None,
    again: bool = False,
) -> Iterator[dict[str, Floats]]:
    """Draw copies, as encoded columns.

    Parameters
    ----------
    posterior : Posterior
        A fitted chain.
    m, k : int
        Number of copies and rows of each.
    seed : int
        Seed; every (copy, conditional) has a stream of its own, so that rows do not depend on the
        order of work or on how many copies are drawn at once. Which posterior draws are taken
        does depend on m: they are spread evenly over the chains, as far apart as m lets them be.
    progress : callable
        Told of each conditional drawn.
    taken : Mapping of str to ndarray, optional
        Which posterior draw each copy takes, (m,) a conditional; `taken_draws` if not given.
    again : bool
        Use the second set of streams of the seed: the copies made with the fit took the first.

    Yields
    ------
    dict of str to ndarray, shape (k,)
        One copy: column -> encoded values, NaN where a hole was drawn.

    Raises
    ------
    SpecError
        If m or k is below 1, or more copies are asked for than posterior draws were kept.
    """
    if m < 1 or k < 1:
        raise SpecError(f"copies m = {m}, rows k = {k}; both must be 1 or more")
    chosen = taken_draws(posterior, m, seed, again) if taken is None else taken
    samplers = _samplers(posterior)
    purpose = Purpose.DRAW_AGAIN if again else Purpose.DRAW
    per_batch = max(1, BATCH_ROWS // k)
    for first in range(0, m, per_batch):
        numbers = range(first, min(first + per_batch, m))
        batch = _Batch(posterior, samplers, chosen, numbers, k, purpose)
        yield from batch.copies(seed, progress)


def taken_draws(
    posterior: Posterior, m: int, seed: int, again: bool = False
) -> dict[str, NDArray[np.int64]]:
    """Return which draw of each conditional each copy takes, chains laid end to end, (m,)."""
    purpose = Purpose.SELECT_AGAIN if again else Purpose.SELECT
    return {
        target: spread(total_draws(posterior, target), m, stream(seed, purpose, target))
        for target in posterior.estimated
    } | {c.target: np.zeros(m, dtype=np.int64) for c in posterior.spec if c.computed}


@dataclass(frozen=True)
class _Batch:
    """Several copies drawn at once: they share one pass of the encoders, not their randomness."""

    posterior: Posterior
    samplers: Mapping[str, RowSampler]
    chosen: Taken
    numbers: range
    k: int
    purpose: Purpose
    hidden: dict[str, Floats] = field(default_factory=dict)

    def copies(self, seed: int, progress: Progress) -> Iterator[dict[str, Floats]]:
        arrays: dict[str, Floats] = {}
        spec, total = self.posterior.spec, self.k * len(self.numbers)
        schema = self.posterior.schema
        rows = Rows(schema, arrays, spec.predicting(schema), total, self.posterior.learned)
        self._put_roster(arrays, seed)
        for done, conditional in enumerate(spec):
            if conditional.family == ROSTER:
                continue
            name = f"{conditional.target} (copies {self.numbers[0] + 1}-{self.numbers[-1] + 1})"
            progress(Step("draw", name, "", done, len(spec)))
            drawn = self._column(conditional.target, rows, seed)
            self._put(conditional, arrays, drawn)
        progress(Step("draw", "", "", len(spec), len(spec)))
        for part in self._parts():
            yield {name: values[part] for name, values in arrays.items()}

    def _put_roster(self, arrays: dict[str, Floats], seed: int) -> None:
        """Draw ids, and the wave unless it has a family of its own, before everything else."""
        column, spec = self.posterior.schema.repeated, self.posterior.spec
        if column is None or column.roster is None:
            return
        rngs = [stream(seed, self.purpose, column.name, copy) for copy in self.numbers]
        drawn = [column.roster.draw(self.k, rng) for rng in rngs]
        wave = column.roster.wave
        arrays[column.name] = np.concatenate([ids for ids, _ in drawn])
        if wave in spec.targets and spec[wave].family == ROSTER:
            arrays[wave] = np.concatenate([waves for _, waves in drawn])

    def _parts(self) -> Iterator[slice]:
        return (slice(i * self.k, (i + 1) * self.k) for i in range(len(self.numbers)))

    def _column(self, target: str, rows: Rows, seed: int) -> Floats:
        coding = self.posterior.links[target].coding
        open_rows, drawn = opened(coding.limits, rows)
        if coding.limits and coding.limits.distance:
            full = with_hidden(rows, self.hidden, coding.limits.columns)
            open_rows = coding.limits.foreseen(full)
        X = coding.design(rows) if not coding.limits or open_rows.any() else None
        # Sums over several threads of linear algebra differ in their last digits.
        with one_thread():
            for copy, part in zip(self.numbers, self._parts(), strict=True):
                rng = stream(seed, self.purpose, target, copy)
                index = int(self.chosen[target][copy])
                free = open_rows[part]
                if X is not None and free.any():
                    drawn[part][free] = self._rows(target, rows, X, (part, free), index, rng)
                    drawn[part][free] = self._within(coding.limits, target, drawn[part][free])
                if coding.limits is not None:
                    here = part_of(rows, part)
                    bounded = part_of(full, part) if coding.limits.distance else here
                    drawn[part][free] = coding.limits.back(bounded, drawn[part])[free]
                    drawn[part] = coding.limits.filled(here, drawn[part], rng)
        return drawn

    def _within(self, limits: Limits | None, target: str, drawn: Floats) -> Floats:
        """Keep what was drawn to the bounds of its column; distances from a rule's come later.

        What is computed is what its rule says.
        """
        measured = limits is not None and limits.distance
        if target not in self.posterior.schema or measured or self.posterior.spec[target].computed:
            return drawn
        return placed(self.posterior.schema[target], drawn)

    def _put(self, conditional: Conditional, arrays: dict[str, Floats], drawn: Floats) -> None:
        """Round to the source's decimals or days, so that later columns see what is released."""
        if conditional.indicates:
            arrays[conditional.column] = np.where(drawn >= 1, np.nan, 0.0)
            if self.posterior.schema[conditional.column].missing_kinds:
                arrays[conditional.target] = drawn
            return
        target = conditional.target
        drawn = self.samplers[target].written(self.posterior.schema[target], drawn)
        if target in self.posterior.spec.indicators:
            self.hidden[target] = drawn
            drawn = drawn + arrays[target]  # NaN where a hole was drawn, else + 0
        arrays[target] = drawn

    def _rows(
        self,
        target: str,
        rows: Rows,
        X: Floats,
        where: tuple[slice, NDArray[np.bool_]],
        index: int,
        rng: np.random.Generator,
    ) -> Floats:
        """Draw the open rows of one copy."""
        (part, free), coding = where, self.posterior.links[target].coding
        sampler, X = self.samplers[target], X[part][free]
        if not coding.per_group:
            return sampler.draw(X, index, rng)
        level = one_row_a_group(rows.arrays[coding.per_group][part][free], X)
        return sampler.draw(level.X, index, rng)[level.member]


def _samplers(posterior: Posterior) -> dict[str, RowSampler]:
    where = (posterior.own, posterior.folders, posterior.allowed)
    known = stored_families(posterior.spec, *where)
    return {
        c.target: RowSampler(
            known[c.family],
            c.target,
            posterior.links[c.target].coding,
            c.prior,
            stacked(posterior.draws[c.target]),
        )
        for c in posterior.spec
    }


def total_draws(posterior: Posterior, target: str) -> int:
    """Return how many posterior draws of a conditional were kept."""
    sizes = posterior.draws[target].sizes
    return int(sizes["chain"] * sizes["draw"])


def as_frame(posterior: Posterior, arrays: Mapping[str, Floats]) -> pd.DataFrame:
    """Turn one drawn copy into a data frame like the source."""
    schema = posterior.schema
    modelled = {c.name: arrays[c.name] for c in schema if c.kind.is_modelled or c.roster}
    if not modelled:
        length = len(next(iter(arrays.values())))
        return _with_holes(posterior, arrays, decode_frame(schema, {}).reindex(range(length)))
    return _with_holes(posterior, arrays, decode_frame(schema, modelled))


def drawn_reasons(
    posterior: Posterior, arrays: Mapping[str, Floats]
) -> dict[str, NDArray[np.int64]]:
    """Return which kind each missing value of a drawn copy is, for columns with several kinds."""
    found = {}
    for name, indicator in posterior.spec.indicators.items():
        kinds = len(posterior.schema[name].missing_kinds)
        if kinds:
            found[name] = arrays[indicator].astype(np.int64)
            if found[name].max(initial=0) > kinds:
                raise LookupError(f"{indicator} has levels that {name} does not have")
    return found


def _with_holes(
    posterior: Posterior, arrays: Mapping[str, Floats], frame: pd.DataFrame
) -> pd.DataFrame:
    """Put drawn missing values into columns that are filled in; others carry theirs as NaN."""
    for name in posterior.spec.indicators:
        if not posterior.schema[name].kind.is_modelled:
            frame[name] = frame[name].mask(np.isnan(arrays[name]))
    return frame
