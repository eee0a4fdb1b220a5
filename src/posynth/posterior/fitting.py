"""Fit every conditional of a chain, one after the other or in several processes."""

import os
from dataclasses import replace

from posynth.arguments import whole
from posynth.chain.rare import pooled_levels, reference_levels
from posynth.engines.threads import one_thread
from posynth.posterior.bound import Chain
from posynth.posterior.coding import Coding
from posynth.posterior.crew import Crew
from posynth.posterior.diagnosis import Diagnosis, reasons, values_and_limits
from posynth.posterior.record import Link, Posterior, stats_dataset, to_dataset
from posynth.posterior.rehearsal import write_models
from posynth.posterior.schedule import Done, Job, run
from posynth.posterior.task import encode_table, on_learned_scale
from posynth.progress import Progress, silent
from posynth.table.frame import Table

#: Rows times coefficients from which on a second process pays.
WORTH_A_PROCESS = 4e5


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

    if workers is not None and not isinstance(workers, Crew):
        workers = whole("workers", workers)
    rows = encode_table(table, chain.spec)
    known = chain.families
    jobs = {c.target: Job(rows, chain, c, known[c.family], need, seed) for c in chain.spec}
    write_models(rows, chain)
    with one_thread():
        if isinstance(workers, Crew):
            done = run(jobs, workers, progress)
        else:
            with Crew((workers or _workers(jobs)) - 1, asked=workers is not None) as crew:
                done = run(jobs, crew, progress)
    for target, each in done.items():
        if each.conditional is not None:
            chain = replace(chain, spec=chain.spec.with_conditional(each.conditional))
            family = known[each.conditional.family]
            jobs[target] = replace(jobs[target], conditional=each.conditional, family=family)
    return Posterior(
        spec=chain.resolved(),
        schema=chain.schema,
        source=chain.source,
        links={t: Link(done[t].coding, _diagnose(jobs[t], done[t])) for t in jobs},
        draws={t: to_dataset(done[t].fit) for t in jobs},
        stats={t: stats_dataset(done[t].fit) for t in jobs if done[t].fit.stats},
        seed=seed,
        version=posynth.__version__,
        folders=chain.folders,
        allowed=chain.allowed,
        own=chain.own,
        learned={name: rows.learned[name] for name in on_learned_scale(chain.spec, chain.schema)},
    )


def _workers(jobs: dict[str, Job]) -> int:
    """Return how many processes the work is worth: starting one costs more than a second."""
    work = sum(job.cost * job.chain.schema.rows for job in jobs.values())
    return min(os.cpu_count() or 1, 4) if work > WORTH_A_PROCESS else 1


def _diagnose(job: Job, done: Done) -> Diagnosis:
    fit, failed = done.fit, reasons(done.fit, job.need)
    return Diagnosis(
        target=job.conditional.target,
        family=job.conditional.family,
        engine=fit.engine,
        n=done.rows,
        parameters=fit.parameters,
        **values_and_limits(fit, job.need),
        divergences=fit.divergences,
        seconds=round(done.seconds, 3),
        proper=job.family.facts.proper,
        # Independent draws serve a copy each, however few they are.
        independent=fit.independent,
        passed=not failed,
        reasons=failed,
        why="; ".join(filter(None, (fit.why, *_of_levels(done.coding)))),
    )


def _of_levels(coding: Coding) -> tuple[str, str]:
    """Say which levels of predictors have no coefficient of their own."""
    merged = coding.encoder.merged if coding.encoder else ()
    return pooled_levels(coding.predictors), reference_levels(merged)
