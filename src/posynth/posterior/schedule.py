"""Conditionals as jobs, and their way through this process and a crew."""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from posynth.chain.blocks import Rows
from posynth.chain.missing_kinds import indicator_levels
from posynth.chain.spec import Conditional
from posynth.engines.base import Fit, Task
from posynth.engines.choose import fit as fit_task
from posynth.engines.threads import one_thread
from posynth.errors import FitError, SpecError
from posynth.families import families
from posynth.families.base import Family
from posynth.posterior.bound import Chain
from posynth.posterior.coding import Coding
from posynth.posterior.crew import Crew
from posynth.posterior.seeds import Purpose, stream
from posynth.posterior.simpler import has_simpler, kept_as_named, simpler
from posynth.posterior.task import make_task
from posynth.progress import Progress, Step

#: Conditionals left from which on work is handed out ahead, so that no process waits for more.
AHEAD = 3


@dataclass(frozen=True)
class Job:
    """A conditional and what making its task needs; the design exists only while it is fitted."""

    rows: Rows
    chain: Chain
    conditional: Conditional
    family: Family
    need: int
    seed: int

    def task(self) -> tuple[Task, Coding]:
        """Return what the engine fits, and how rows are coded for it."""
        task, coding = make_task(
            self.rows, self.chain.spec, self.conditional, self.family, self.seed
        )
        # In each of four chains half again what is needed.
        draws = max(150, 3 * self.need // 8)
        replaceable = has_simpler(self.conditional)
        return replace(task, draws=draws, need=self.need, replaceable=replaceable), coding

    @property
    def exact(self) -> bool:
        """Whether the posterior is known in closed form."""
        prior = self.conditional.prior or self.family.facts.default_prior
        asked = self.conditional.engine in ("auto", "exact")
        return asked and not self.family.facts.inexact(prior, len(self.conditional.slopes))

    @property
    def cost(self) -> float:
        """Rough cost: exact fits are nearly free, others grow with levels and predictors."""
        schema, target = self.chain.schema, self.conditional.target
        column, indicates = schema[self.conditional.column], self.conditional.indicates
        levels = len(indicator_levels(column) if indicates else column.levels)
        width = sum(
            max(len(schema[name].levels) - 1, self.conditional.splines, 1) if name in schema else 1
            for name in self.chain.spec.predictors(target)
        )
        free = self.exact or self.conditional.computed
        return 0.0 if free else float((1 + width) * max(levels - 1, 1))

    @property
    def portable(self) -> bool:
        """Whether another process finds the same family by name."""
        return families().get(self.family.facts.name) is self.family


@dataclass(frozen=True)
class Done:
    """A fitted conditional."""

    fit: Fit
    coding: Coding
    rows: int
    seconds: float
    conditional: Conditional | None = None


def run(jobs: dict[str, Job], crew: Crew, progress: Progress) -> dict[str, Done]:
    """Fit all jobs: the crew takes the largest, this process works from the smallest."""
    done: dict[str, Done] = {}

    def here(target: str) -> None:
        progress(Step("fit", target, "", len(done), len(jobs)))
        finish(target, _fit(jobs[target]))

    def finish(target: str, result: Done) -> None:
        done[target] = result
        progress(Step("fit", target, result.fit.engine, len(done), len(jobs)))

    if not crew.size or not any(job.portable and not job.exact for job in jobs.values()):
        for target in jobs:
            here(target)
        return done
    waiting = _ordered(jobs)
    running: dict[str, Future[Done]] = {}
    while waiting or running:
        ahead = len(waiting) > AHEAD
        while waiting and len(running) < crew.size + ahead and jobs[waiting[-1]].portable:
            target = waiting.pop()
            with _watched(target, crew):
                running[target] = _submit(crew, jobs[target])
        if waiting:
            here(waiting.popleft())
        for target in [t for t, f in running.items() if f.done() or not waiting]:
            with _watched(target, crew):
                result = _result(running.pop(target), jobs[target])
            finish(target, result)
    return done


def _ordered(jobs: dict[str, Job]) -> deque[str]:
    """Sort jobs by what their family costs in all, so that few families are loaded twice."""
    total: dict[str, float] = {}
    for job in jobs.values():
        total[job.family.facts.name] = total.get(job.family.facts.name, 0.0) + job.cost

    def place(target: str) -> tuple[bool, float, float]:
        job = jobs[target]
        return job.portable, total[job.family.facts.name], job.cost

    return deque(sorted(jobs, key=place))


@contextmanager
def _watched(target: str, crew: Crew) -> Iterator[None]:
    """Name the column whose process did not come to its end, and say how it ended."""
    try:
        yield
    except BrokenProcessPool:
        raise FitError(
            f"column {target!r}: the process that fitted it {crew.ending()}; use 1 worker, or "
            "fewer predictors"
        ) from None


def _submit(crew: Crew, job: Job) -> "Future[Done]":
    """Send arrays and names; the other process finds the family in its own registry."""
    task, coding = job.task()
    plain = {k: v for k, v in vars(task).items() if k not in ("family", "priors")}
    plain["priors"] = dict(task.priors)
    conditional = job.conditional
    names = (task.family.facts.name, conditional.target, conditional.engine)
    return crew.submit(_fit_elsewhere, names, plain, coding, job.seed)


def _fit_elsewhere(
    names: tuple[str, str, str], plain: dict[str, Any], coding: Coding, seed: int
) -> Done:
    family, target, engine = names
    with one_thread():
        return _timed(Task(family=families()[family], **plain), coding, target, engine, seed)


def _result(future: "Future[Done]", job: Job) -> Done:
    """Return what another process made of a job, or of a simpler one."""
    try:
        return future.result()
    except FitError as error:
        return _fit_simpler(job, error)


def _fit(job: Job) -> Done:
    conditional = job.conditional
    try:
        return _timed(*job.task(), conditional.target, conditional.engine, job.seed)
    except FitError as error:
        return _fit_simpler(job, error)


def _fit_simpler(job: Job, error: FitError) -> Done:
    """Fit a simpler conditional in place of one that failed; else raise its error."""
    why = str(error).split(": ", 1)[-1]
    for conditional in simpler(job.conditional, why):
        if conditional.scale == "learned" and conditional.target not in job.rows.learned:
            continue
        family = job.chain.families[conditional.family]
        try:
            chain = replace(job.chain, spec=job.chain.spec.with_conditional(conditional))
            one = replace(job, chain=chain, conditional=conditional, family=family)
            done = _timed(*one.task(), conditional.target, conditional.engine, job.seed)
        except (FitError, SpecError):
            continue
        said = f"in place of family {job.conditional.family!r}, which was not fitted ({why})"
        fit = replace(done.fit, why="; ".join(filter(None, (done.fit.why, said))))
        return replace(done, fit=fit, conditional=conditional)
    raise FitError(kept_as_named(job.conditional, str(error))) from error


def _timed(task: Task, coding: Coding, target: str, engine: str, seed: int) -> Done:
    start = time.perf_counter()
    found = fit_task(task, engine, stream(seed, Purpose.FIT, target))
    return Done(found, coding, len(task.response.y), time.perf_counter() - start)
