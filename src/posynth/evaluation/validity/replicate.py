"""One replication: sample, analyse, fit, draw, analyse every copy; all from one stream."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posynth.copies.walk import as_frame, walk
from posynth.errors import PosynthError, SpecError, in_short
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.clusters import Clusters, of_source, side_by_side
from posynth.evaluation.inference.estimates import Estimate, aligned, fit_copies
from posynth.evaluation.validity.choices import chosen
from posynth.evaluation.validity.holes import Hole, with_holes
from posynth.evaluation.validity.population import Population
from posynth.evaluation.validity.study import EACH, Study
from posynth.posterior.bound import Chain, conform
from posynth.posterior.fitting import fit_chain
from posynth.posterior.plan import plan
from posynth.posterior.record import Posterior
from posynth.table.frame import Table
from posynth.table.schema import Schema
from posynth.table.source import Source

type Floats = NDArray[np.float64]

STAGES = ("sample", "plan", "fit", "draw", "analyse")
#: Streams below the seed: replications are numbered from 0 under the first of them.
REPLICATION, PILOT, TRUTH = range(3)


@dataclass(frozen=True)
class Replication:
    """What one sample gave.

    Attributes
    ----------
    number : int
        Which replication, from 0.
    names : tuple of str
        The p coefficients.
    original, error, df : tuple of float
        Estimates from the sample itself, their standard errors and degrees of freedom.
    q, v : Mapping of str to nested tuples
        ``"proper/500"`` -> (m, p) estimates and variances of the copies.
    source : Mapping of str to nested tuples
        The same for V̂, what each copy says of the variance in a sample, where an analysis allows
        for groups of rows; else it is v·k/n.
    truth : tuple of float
        Population values, where every replication has its own; else empty.
    seconds : Mapping of str to float
        Processor time of each stage.
    engines : Mapping of str to str
        Conditional -> engine that fitted it.
    choices : Mapping of str to list of str
        Conditional -> what was chosen for it: family and scale, splines, interactions, predictors.
    failure : str
        Why there is no estimate; ``""`` where there is.
    """

    number: int
    names: tuple[str, ...] = ()
    original: tuple[float, ...] = ()
    error: tuple[float, ...] = ()
    df: tuple[float, ...] = ()
    q: dict[str, list[list[float]]] = field(default_factory=dict)
    v: dict[str, list[list[float]]] = field(default_factory=dict)
    truth: tuple[float, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    failure: str = ""
    source: dict[str, list[list[float]]] = field(default_factory=dict)


def stream(seed: int, purpose: int, number: int = 0) -> np.random.Generator:
    """Return the generator of one replication, of the pilot sample or of the population value.

    Raises
    ------
    SpecError
        If the seed is not a whole number of 0 or more.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise SpecError(f"seed {in_short(seed)}: it must be a whole number, 0 or more")
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(7, purpose, number)))


def replicate(study: Study, number: int) -> Replication:
    """Run one replication; what goes wrong in it is recorded, not raised.

    Parameters
    ----------
    study : Study
        The design.
    number : int
        Which replication; it alone decides the randomness.

    Returns
    -------
    Replication
    """
    try:
        return _replicate(study, number)
    except PosynthError as error:
        return Replication(number, failure=f"{type(error).__name__}: {error}")


class _Clock:
    """Processor time by stage."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._last = time.process_time()

    def lap(self, stage: str) -> None:
        now = time.process_time()
        self.seconds[stage] += now - self._last
        self._last = now


def _replicate(study: Study, number: int) -> Replication:
    clock = _Clock()
    of_population, of_sample, of_fit, of_draws = stream(study.seed, REPLICATION, number).spawn(4)
    population = study.population.at(of_population)
    frame = sample(study.n, population, study.holes, of_sample)
    clock.lap("sample")
    parts = study.analyse(frame)
    own = joined(parts)
    truth = truths(study, population, of_population) if study.population.varies else None
    clock.lap("analyse")
    table, chain = planned(study, frame)
    clock.lap("plan")
    posterior = fit(table, chain, int(of_fit.integers(2**62)), study.effective)
    clock.lap("fit")
    q: dict[str, list[list[float]]] = {}
    v: dict[str, list[list[float]]] = {}
    source: dict[str, list[list[float]]] = {}
    seed = int(of_draws.integers(2**62))
    for cell, copies in _copies(study, posterior, seed, clock):
        found = aligned([own, *fit_copies(lambda copy: joined(study.analyse(copy)), copies)])[1:]
        q[cell] = [estimate.q.tolist() for estimate in found]
        v[cell] = [np.diag(estimate.cov).tolist() for estimate in found]
        if own.clusters is not None:
            source[cell] = _of_sample(found, own.clusters, study.n, len(copies[0]))
        clock.lap("analyse")
    return Replication(
        number,
        own.names,
        tuple(own.q.tolist()),
        tuple(own.std_error.tolist()),
        tuple(e.df_com for e in parts for _ in e.names),
        q,
        v,
        () if truth is None else tuple(truth.ordered(own.names).q.tolist()),
        {stage: round(seconds, 4) for stage, seconds in clock.seconds.items()},
        {target: link.diagnosis.engine for target, link in posterior.links.items()},
        {conditional.target: chosen(chain.spec, conditional) for conditional in chain.spec},
        source=source,
    )


def _of_sample(found: Sequence[Estimate], own: Clusters, n: int, k: int) -> list[list[float]]:
    """Return what each copy says of the variances in a sample of n rows with these groups."""
    made = Provenance(n, k, len(found), groups={own.column: own.count})
    scaled, _ = of_source(found, made)
    variances = [e.cov for e in found] if scaled is None else scaled
    return [np.diag(cov).tolist() for cov in variances]


def sample(
    n: int, population: Population, holes: tuple[Hole, ...], rng: np.random.Generator
) -> pd.DataFrame:
    """Draw one sample of n rows, with its holes."""
    of_rows, of_holes = rng.spawn(2)
    return with_holes(population.draw(n, of_rows), holes, of_holes)


def planned(study: Study, frame: pd.DataFrame) -> tuple[Table, Chain]:
    """Return a sample as a table and the chain for it, chosen on its rows if the study says so.

    What each column is (kind, levels, decimals) is known, as from a codebook, not guessed again.
    """
    if study.plan == EACH:
        return plan(counted(study.chain.schema, frame), study.choices)
    return taken(study.chain, frame)


def fit(table: Table, chain: Chain, seed: int, need: int) -> Posterior:
    """Fit a chain to a sample."""
    return fit_chain(table, chain, seed, need)


def taken(chain: Chain, frame: pd.DataFrame) -> tuple[Table, Chain]:
    """Take rows as the chain describes columns; only rows and holes are counted anew."""
    table = counted(chain.schema, frame)
    return table, replace(chain, schema=table.schema)


def counted(schema: Schema, frame: pd.DataFrame) -> Table:
    """Return rows as a table of a known schema, with their own number of rows and holes."""
    table = conform(frame, schema, Source())
    columns = tuple(replace(c, missing=int(table.frame[c.name].isna().sum())) for c in schema)
    return replace(table, schema=replace(schema, columns=columns, rows=len(table.frame)))


def plug_in(posterior: Posterior) -> Posterior:
    """Put the posterior mean in place of every draw: no copy then carries their uncertainty."""
    return replace(
        posterior,
        draws={
            target: draws.map(
                lambda a: a.mean(("chain", "draw")).broadcast_like(a).transpose(*a.dims)
            )
            for target, draws in posterior.draws.items()
        },
    )


def _copies(
    study: Study, posterior: Posterior, seed: int, clock: _Clock
) -> Iterator[tuple[str, list[pd.DataFrame]]]:
    for draws in study.draws:
        source = posterior if draws == "proper" else plug_in(posterior)
        for k in study.k:
            copies = [as_frame(source, arrays) for arrays in walk(source, max(study.m), k, seed)]
            clock.lap("draw")
            yield f"{draws}/{k}", copies


def joined(estimates: tuple[Estimate, ...]) -> Estimate:
    """Put the estimates of several analyses side by side; nothing is said of covariances."""
    if len(estimates) == 1:
        return estimates[0]
    variances = np.concatenate([np.diag(e.cov) for e in estimates])
    names = tuple(name for e in estimates for name in e.names)
    q, cov = np.concatenate([e.q for e in estimates]), np.diag(variances)
    return Estimate(names, q, cov, clusters=side_by_side(estimates))


def truths(study: Study, population: Population, rng: np.random.Generator) -> Estimate:
    """Return the population value of every coefficient, from all rows or a large sample."""
    whole: Any = population.whole()
    rows = population.draw(study.truth_rows, rng) if whole is None else whole
    return joined(study.analyse(rows))
