"""Copies drawn from a posterior with the random streams that were set aside for them."""

import warnings
from collections.abc import Iterable

import numpy as np

from posynth.arguments import whole
from posynth.copies.container import Copies
from posynth.copies.failed import failures, warn
from posynth.copies.streams import (
    Streams,
    first_streams,
    made_with_the_fit,
    more_streams,
    shared_draws,
)
from posynth.copies.walk import as_frame, drawn_reasons, walk
from posynth.errors import DiagnosticWarning, SpecError, StoreError
from posynth.posterior.record import Posterior
from posynth.posterior.seeds import seed_or_random
from posynth.posterior.stored_check import default_rows
from posynth.progress import Progress, Shown, shown, silent


def draw(
    posterior: Posterior,
    m: int = 5,
    k: int | None = None,
    *,
    seed: int | None = None,
    apart_from: Copies | Iterable[Copies] = (),
    progress: Shown = None,
) -> Copies:
    """Draw copies from a posterior; the data are not needed.

    Every call has random streams of its own, so that its copies can be pooled with those of other
    calls. The same posterior, seed, m, k and ``apart_from`` give the same copies. Copies that
    ``synthesize`` drew are kept apart too, even where the seed is that of the fit: another part of
    its streams is used, and posterior draws that those copies did not take.

    Parameters
    ----------
    posterior : Posterior
        A fitted chain.
    m, k : int
        Number of copies, and rows of each (those of the source by default).
    seed : int, optional
        Seed of the draws; drawn at random if not given, and kept as ``copies.seed``.
    apart_from : Copies or iterable of Copies
        Copies drawn before from this posterior, whose posterior draws are not to be taken again.
    progress : bool or callable, optional
        Show bars with the names of columns; by default on a terminal and in a notebook. A callable
        is told of each conditional as a ``Step`` instead.

    Returns
    -------
    Copies
        m data frames with their provenance.

    Raises
    ------
    SpecError
        If m or k is below 1, more copies are asked for than posterior draws were kept, or copies
        to keep apart from are of another posterior.

    Warns
    -----
    DiagnosticWarning
        If a conditional did not pass its diagnostics, or has too few effective draws for m copies;
        or if too few posterior draws are left, so that some are taken a second time.

    Examples
    --------
    >>> import posynth
    >>> table = posynth.load_heart_failure()[["age", "platelets"]]
    >>> copies = posynth.synthesize(table, m=2, seed=1)
    >>> more = draw(copies.posterior, m=3, seed=1)
    >>> set(copies.taken["age"]) & set(more.taken["age"])
    set()
    """
    if not isinstance(posterior, Posterior):
        step = "its .posterior" if isinstance(posterior, Copies) else "load_posterior(folder)"
        raise SpecError(
            f"draw takes a posterior, not an object of type {type(posterior).__name__}; pass what "
            f"`fit` returned, or {step}"
        )
    require_sizes(m, k)
    before = _records([apart_from] if isinstance(apart_from, Copies) else apart_from)
    chosen = seed_or_random(seed)
    streams = more_streams(posterior, m, chosen, seed is not None, before)
    with shown(progress, ("draw",)) as tell:
        copies = draw_copies(posterior, streams, k, tell)
    warn(failures(posterior, m), "copies drawn from them")
    shared = drawn_before(copies, before)
    if shared:
        warnings.warn(shared, DiagnosticWarning, stacklevel=2)
    return copies


def _records(copies: Iterable[object]) -> list[Streams]:
    found: list[Streams] = []
    if not isinstance(copies, Iterable):
        raise SpecError(
            f"apart_from is of type {type(copies).__name__}; give copies, as `draw` and "
            "`load_copies` return them, or a list of these"
        )
    for each in copies:
        if not isinstance(each, Copies):
            raise SpecError(
                f"apart_from holds a {type(each).__name__}; give copies, as `draw` and "
                "`load_copies` return them"
            )
        found += each.streams
    return found


def drawn_before(copies: Copies, apart_from: Iterable[Streams] = ()) -> str:
    """Say which posterior draws copies share with those they were to be kept apart from.

    Parameters
    ----------
    copies : Copies
        What ``draw`` returned.
    apart_from : iterable of Streams
        Records of the copies that were named; those of ``synthesize`` are known.

    Returns
    -------
    str
        Empty if none are shared.
    """
    texts = [
        shared_draws([before, drawn])
        for before in (*made_with_the_fit(copies.posterior), *apart_from)
        for drawn in copies.streams
    ]
    return "; ".join(dict.fromkeys(filter(None, texts)))


def draw_first(
    posterior: Posterior, k: int | None = None, *, given: bool, progress: Progress = silent
) -> Copies:
    """Draw the copies that are made together with the fit, with its seed.

    Parameters
    ----------
    posterior : Posterior
        Just fitted; ``copies_drawn`` says how many.
    k : int, optional
        Rows of each; those of the source by default.
    given : bool
        Whether the user chose the seed.
    progress : callable
        Told of each conditional.
    """
    streams = first_streams(posterior, posterior.copies_drawn, given)
    copies = draw_copies(posterior, streams, k, progress)
    warn(failures(posterior, posterior.copies_drawn), "copies drawn from them", stacklevel=4)
    return copies


def draw_copies(
    posterior: Posterior, streams: Streams, k: int | None = None, progress: Progress = silent
) -> Copies:
    """Draw the copies that a record of streams describes.

    Parameters
    ----------
    posterior : Posterior
        A fitted chain.
    streams : Streams
        All copies of a call, with the posterior draw that each takes: the record decides the
        copies, so that one read from a manifest gives them again.
    k : int, optional
        Rows of each; those of the source by default.
    progress : callable
        Told of each conditional drawn.

    Returns
    -------
    Copies
        m data frames with their provenance.

    Raises
    ------
    SpecError
        If k is below 1, or the record is of another posterior or of some copies of a call only.

    Examples
    --------
    >>> import posynth
    >>> copies = posynth.synthesize(posynth.load_heart_failure()[["age", "sex"]], m=2, seed=1)
    >>> (streams,) = copies.streams
    >>> draw_copies(copies.posterior, streams)[1].equals(copies[1])
    True
    """
    m = len(streams.copies)
    k = default_rows(posterior.schema) if k is None else k
    if streams.posterior != posterior.fingerprint:
        raise SpecError("the record of streams belongs to another posterior; draw without it")
    if streams.copies != tuple(range(1, m + 1)):
        raise SpecError("the record of streams is of some copies of a call; give that of all")
    taken = {target: np.array(draws, dtype=np.int64) for target, draws in streams.taken.items()}
    taken |= {c.target: np.zeros(m, dtype=np.int64) for c in posterior.spec if c.computed}
    arrays = walk(posterior, m, k, streams.seed, progress, taken=taken, again=streams.again)
    # A stored posterior whose parts do not fit each other may fail in any step.
    try:
        made = [(as_frame(posterior, copy), drawn_reasons(posterior, copy)) for copy in arrays]
    except (AttributeError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        if not posterior.folders:
            raise
        raise StoreError(
            f"the posterior cannot be drawn from ({type(error).__name__}: {error}): its parts do "
            "not fit each other, or a model of your own fails; fit again"
        ) from error
    frames, reasons = zip(*made, strict=True)
    return Copies(frames, posterior, (streams,), reasons=reasons if any(reasons) else ())


def require_sizes(m: int, k: int | None) -> None:
    """Refuse a number of copies or rows that is no whole number of 1 or more."""
    whole("copies m", m)
    if k is not None:
        whole("rows k", k)
