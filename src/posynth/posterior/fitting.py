"""Fit every conditional of a chain, one after the other or in several processes."""

import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Any

from posynth.chain.blocks import Rows
from posynth.chain.rare import pooled_levels
from posynth.chain.spec import Conditional
from posynth.engines.base import Fit, Task
from posynth.engines.choose import fit as fit_task
from posynth.engines.compiled import CompiledModel
from posynth.engines.threads import one_thread
from posynth.errors import FitError, SpecError
from posynth.families import families
from posynth.families.base import Family
from posynth.posterior.bound import Chain
from posynth.posterior.coding import Coding
from posynth.posterior.crew import Crew
from posynth.posterior.record import Diagnosis, Link, Posterior, to_dataset
from posynth.posterior.seeds import Purpose, stream
from posynth.posterior.task import encode_table, make_task
from posynth.table.frame import Table

#: Rows times coefficients from which on a second process pays.
WORTH_A_PROCESS = 4e5
#: Conditionals left from which on work is handed out ahead, so that no process waits for more.
AHEAD = 3


@dataclass(frozen=True)
class Step:
    """A piece of long work that was started or finished.

    Attributes
    ----------
    stage : str
        ``"fit"`` or ``"draw"``.
    name : str
        The conditional, or the copy.
    engine : str
        Engine used, once known.
    done, total : int
        Pieces finished so far, and in all.
    """

    stage: str
    name: str
    engine: str
    done: int
    total: int


type Progress = Callable[[Step], None]


def silent(step: Step) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class _Job:
    """A conditional and what making its task needs; the design exists only while it is fitted."""

    rows: Rows
    chain: Chain
    conditional: Conditional
    family: Family
    need: int
    seed: int

    def task(self) -> tuple[Task, Coding]:
        task, coding = make_task(
            self.rows, self.chain.spec, self.conditional, self.family, self.seed
        )
        # In each of four chains half again what is needed.
        return replace(task, draws=max(150, 3 * self.need // 8), need=self.need), coding

    @property
    def exact(self) -> bool:
        prior = self.conditional.prior or self.family.facts.default_prior
        asked = self.conditional.engine in ("auto", "exact")
        return asked and prior in self.family.facts.exact_priors

    @property
    def cost(self) -> float:
        """Rough cost: exact fits are nearly free, others grow with levels and predictors."""
        schema, target = self.chain.schema, self.conditional.target
        levels = 2 if self.conditional.indicates else len(schema[target].levels)
        width = sum(
            max(len(schema[name].levels) - 1, self.conditional.splines, 1) if name in schema else 1
            for name in self.chain.spec.predictors(target)
        )
        free = self.exact or bool(self.conditional.passive)
        return 0.0 if free else float((1 + width) * max(levels - 1, 1))

    @property
    def portable(self) -> bool:
        """Whether another process finds the same family by name."""
        return families().get(self.family.facts.name) is self.family


@dataclass(frozen=True)
class _Done:
    fit: Fit
    coding: Coding
    rows: int
    seconds: float


def fit_chain(
    table: Table,
    chain: Chain,
    seed: int,
    need: int = 400,
    workers: int | Crew | None = 1,
    progress: Progress = silent,
) -> Posterior:
    """Fit a chain to a table.

    Parameters
    ----------
    table : Table
        The confidential rows.
    chain : Chain
        What to fit.
    seed : int
        Seed; each conditional has a stream of its own.
    need : int
        Effective draws asked for, max(400, 20 m) for m copies.
    workers : int or Crew, optional
        Processes, or a crew already called; None for as many as there are cores where the work is
        worth it. The result does not depend on it.
    progress : callable
        Told of each conditional started and finished.

    Returns
    -------
    Posterior
        Draws, codings and diagnoses.

    Raises
    ------
    FitError
        If a conditional has no usable posterior.
    """
    import posynth

    if isinstance(workers, int) and workers < 1:
        raise SpecError(f"workers = {workers}; it must be 1 or more")
    rows = encode_table(table, chain.spec)
    known = chain.families
    jobs = {c.target: _Job(rows, chain, c, known[c.family], need, seed) for c in chain.spec}
    _rehearse(jobs)
    with one_thread():
        if isinstance(workers, Crew):
            done = _run(jobs, workers, progress)
        else:
            with Crew((workers or _workers(jobs)) - 1) as crew:
                done = _run(jobs, crew, progress)
    return Posterior(
        spec=chain.resolved(),
        schema=chain.schema,
        source=chain.source,
        links={t: Link(done[t].coding, _diagnose(jobs[t], done[t])) for t in jobs},
        draws={t: to_dataset(done[t].fit) for t in jobs},
        seed=seed,
        version=posynth.__version__,
        folders=chain.folders,
        own=chain.own,
        learned=rows.learned,
    )


def _rehearse(jobs: dict[str, _Job]) -> None:
    """Write formulas and models of one's own once, before the first fit."""
    for job in jobs.values():
        if job.family.shared and not (job.conditional.formula or job.conditional.strata):
            continue
        where = f"column {job.conditional.column!r}, family {job.conditional.family!r}"
        try:
            task, _ = job.task()
            if not job.family.shared:
                _check_form(task.model())
        except SpecError as error:
            raise SpecError(f"{where}: {error}") from None
        except Exception as error:
            raise SpecError(
                f"{where}: its model cannot be written: {type(error).__name__}: {error}"
            ) from error


def _check_form(model: object) -> None:
    import pymc as pm

    if not isinstance(model, pm.Model):
        raise TypeError(f"it returned {type(model).__name__}, not a pm.Model")
    CompiledModel(model)


def _workers(jobs: dict[str, _Job]) -> int:
    """Return how many processes the work is worth: starting one costs more than a second."""
    work = sum(job.cost * job.chain.schema.rows for job in jobs.values())
    return min(os.cpu_count() or 1, 4) if work > WORTH_A_PROCESS else 1


def _run(jobs: dict[str, _Job], crew: Crew, progress: Progress) -> dict[str, _Done]:
    """Fit all jobs: the crew takes the largest, this process works from the smallest."""
    done: dict[str, _Done] = {}

    def here(target: str) -> None:
        progress(Step("fit", target, "", len(done), len(jobs)))
        finish(target, _fit(jobs[target]))

    def finish(target: str, result: _Done) -> None:
        done[target] = result
        progress(Step("fit", target, result.fit.engine, len(done), len(jobs)))

    if not crew.size or not any(job.portable and not job.exact for job in jobs.values()):
        for target in jobs:
            here(target)
        return done
    waiting = _ordered(jobs)
    running: dict[str, Future[_Done]] = {}
    while waiting or running:
        ahead = len(waiting) > AHEAD
        while waiting and len(running) < crew.size + ahead and jobs[waiting[-1]].portable:
            target = waiting.pop()
            running[target] = _submit(crew, jobs[target])
        if waiting:
            here(waiting.popleft())
        for target in [t for t, f in running.items() if f.done() or not waiting]:
            finish(target, _fetch(target, running.pop(target)))
    return done


def _ordered(jobs: dict[str, _Job]) -> deque[str]:
    """Sort jobs by what their family costs in all, so that few families are loaded twice."""
    total: dict[str, float] = {}
    for job in jobs.values():
        total[job.family.facts.name] = total.get(job.family.facts.name, 0.0) + job.cost

    def place(target: str) -> tuple[bool, float, float]:
        job = jobs[target]
        return job.portable, total[job.family.facts.name], job.cost

    return deque(sorted(jobs, key=place))


def _fetch(target: str, future: "Future[_Done]") -> _Done:
    try:
        return future.result()
    except BrokenProcessPool:
        raise FitError(
            f"column {target!r}: the process that fitted it was ended from outside, most likely "
            "for want of memory; use 1 worker, or fewer predictors"
        ) from None


def _submit(crew: Crew, job: _Job) -> "Future[_Done]":
    """Send arrays and names; the other process finds the family in its own registry."""
    task, coding = job.task()
    plain = {k: v for k, v in vars(task).items() if k not in ("family", "priors")}
    plain["priors"] = dict(task.priors)
    conditional = job.conditional
    names = (task.family.facts.name, conditional.target, conditional.engine)
    return crew.submit(_fit_elsewhere, names, plain, coding, job.seed)


def _fit_elsewhere(
    names: tuple[str, str, str], plain: dict[str, Any], coding: Coding, seed: int
) -> _Done:
    family, target, engine = names
    with one_thread():
        return _timed(Task(family=families()[family], **plain), coding, target, engine, seed)


def _fit(job: _Job) -> _Done:
    conditional = job.conditional
    return _timed(*job.task(), conditional.target, conditional.engine, job.seed)


def _timed(task: Task, coding: Coding, target: str, engine: str, seed: int) -> _Done:
    start = time.perf_counter()
    found = fit_task(task, engine, stream(seed, Purpose.FIT, target))
    return _Done(found, coding, len(task.response.y), time.perf_counter() - start)


def _diagnose(job: _Job, done: _Done) -> Diagnosis:
    fit, mixed = done.fit, done.fit.mixed
    return Diagnosis(
        target=job.conditional.target,
        family=job.conditional.family,
        engine=fit.engine,
        n=done.rows,
        parameters=fit.parameters,
        k_hat=fit.k_hat,
        r_hat=mixed.r_hat,
        r_hat_limit=mixed.limit,
        ess=mixed.ess,
        divergences=fit.divergences,
        seconds=round(done.seconds, 3),
        proper=job.family.facts.proper,
        # Independent draws serve a copy each, however few they are.
        passed=(fit.independent or mixed.enough(job.need)) and not fit.divergences,
        why="; ".join(filter(None, (fit.why, pooled_levels(done.coding.predictors)))),
    )
