"""Run a study: every replication once, in one process or several, resuming what is on disk."""

import warnings
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import posynth
from posynth.arguments import whole
from posynth.caches import prepare_caches
from posynth.engines.threads import one_thread
from posynth.errors import FitError, MachineWarning, SpecError
from posynth.evaluation.inference.estimates import Estimate
from posynth.evaluation.validity.journal import JOURNAL, Journal, numbered
from posynth.evaluation.validity.replicate import TRUTH, Replication, replicate, stream, truths
from posynth.evaluation.validity.study import Study
from posynth.evaluation.validity.summary import Validity
from posynth.posterior.processes import GUARD, ending, hindrance, without_main

#: Called with (replications done, in all, failed).
type Progress = Callable[[int, int, int], None]

_study: Study | None = None


def silent(done: int, total: int, failed: int) -> None:
    """Show nothing."""


def run_study(
    study: Study,
    folder: str | Path | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> Validity:
    """Run the replications of a study that are not on disk yet.

    Parameters
    ----------
    study : Study
        The design.
    folder : str or Path, optional
        Where finished replications are kept; a study stopped there goes on. In memory if not
        given.
    workers : int
        Processes; the result does not depend on it.
    progress : callable
        Told of (replications done, in all, failed).

    Returns
    -------
    Validity
        ``validity.dataset``, ``validity.table()`` and plots.

    Raises
    ------
    SpecError
        If the study cannot be sent to other processes.
    StoreError
        If the folder holds another study.
    FitError
        If every replication failed; the text tells the first failure.
    """
    whole("workers", workers)
    if folder is None:
        truth = _truth(study)
        found = _finish(study, range(study.replications), workers, progress, [])
        return _judged(study, truth, found)
    header = {"posynth": posynth.__version__, "study": study.name, "seed": study.seed}
    with Journal(Path(folder) / JOURNAL, study.digest(), header) as journal:
        truth = _truth(study)  # takes a while: a folder of another study is refused before it
        had = {replication.number for replication in journal.replications}
        todo = [number for number in range(study.replications) if number not in had]
        _finish(study, todo, workers, progress, journal.replications, journal.append)
        found = list(journal.replications)
    return _judged(study, truth, found)


def _truth(study: Study) -> Estimate | None:
    return None if study.population.varies else population_values(study)


def population_values(study: Study) -> Estimate:
    """Values of the analyst's coefficients in the population, those declared in place of others.

    Raises
    ------
    SpecError
        If a declared coefficient is none of the analysis.
    """
    rng = stream(study.seed, TRUTH)
    found = truths(study, study.population.at(rng), rng)
    q, cov = found.q.copy(), found.cov.copy()
    if study.population.whole() is not None:
        cov = np.zeros_like(cov)
    for name, value in study.truth.items():
        if name not in found.names:
            from posynth.errors import unknown

            raise SpecError(f"truth: {unknown('coefficient', name, found.names)}")
        at = found.names.index(name)
        q[at], cov[at, :], cov[:, at] = value, 0.0, 0.0
    return Estimate(found.names, q, cov)


def _judged(study: Study, truth: Estimate | None, found: list[Replication]) -> Validity:
    done = numbered(found, study.replications)
    good = tuple(replication for replication in done if not replication.failure)
    if not good:
        raise FitError(
            f"study {study.name!r}: every one of {len(done)} replications failed; the first: "
            f"{done[0].failure}"
        )
    return Validity(study, truth, good, tuple(r for r in done if r.failure))


def _finish(
    study: Study,
    todo: Any,
    workers: int,
    progress: Progress,
    had: list[Replication],
    keep: Callable[[Replication], None] | None = None,
) -> list[Replication]:
    """Run replications, hand each over as it is finished, and tell of it."""
    found = had if keep is not None else list(had)
    failed = sum(bool(replication.failure) for replication in found)
    progress(len(found), study.replications, failed)
    with closing(_results(study, list(todo), workers)) as results:
        for replication in results:
            if keep is None:
                found.append(replication)
            else:
                keep(replication)
            failed += bool(replication.failure)
            progress(len(found), study.replications, failed)
    return found


def _results(study: Study, todo: list[int], workers: int) -> Generator[Replication]:
    workers = _allowed(min(workers, len(todo)))
    if workers <= 1:
        with one_thread():
            for number in todo:
                yield replicate(study, number)
        return
    context = get_context("spawn")
    # Functions of the main script are found by running it again, which nothing else needs.
    start = nullcontext if _needs_main(study) else without_main
    prepare_caches()
    with ProcessPoolExecutor(workers, context, _receive, (study,)) as pool:
        with start():
            running: list[Future[Replication]] = [pool.submit(_elsewhere, n) for n in todo]
        processes = list((pool._processes or {}).values())
        try:
            for future in as_completed(running):
                yield future.result()
        except BrokenProcessPool:
            guard = f". {GUARD}" if start is nullcontext else ""
            raise FitError(f"study {study.name!r}: a process {ending(processes)}{guard}") from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _allowed(workers: int) -> int:
    """Return 1 where no process can be started, and say so."""
    hindered = hindrance() if workers > 1 else ""
    if hindered and GUARD in hindered:
        raise SpecError(f"workers = {workers}: {hindered}")
    if hindered:
        what = f"workers = {workers}: one process is used, since {hindered}; results are the same"
        warnings.warn(what, MachineWarning, stacklevel=6)
    return 1 if hindered else workers


def _needs_main(study: Study) -> bool:
    """Whether functions of the main script belong to a study.

    Raises
    ------
    SpecError
        If another process cannot find its functions by name.
    """
    from multiprocessing.reduction import ForkingPickler

    try:
        return b"__main__" in bytes(ForkingPickler.dumps(study))
    except Exception as error:
        raise SpecError(
            f"study {study.name!r} cannot be sent to other processes ({error}); keep simulator, "
            "analysis and models in a file and name them 'file.py:function', or use workers=1"
        ) from None


def _receive(study: Study) -> None:
    global _study  # noqa: PLW0603 - set once, when the process starts
    _study = study


def _elsewhere(number: int) -> Replication:
    assert _study is not None
    with one_thread():
        return replicate(_study, number)
