"""Copies of several draws together: those of one posterior, none of which share their noise."""

from collections.abc import Iterable, Sequence
from itertools import combinations

from posynth.copies.container import Copies
from posynth.copies.manifest import manifest
from posynth.copies.streams import Streams, shared_noise, spans
from posynth.errors import MeasureError
from posynth.table.names import Names, as_names


def combined(parts: Sequence[Copies], names: Names = ()) -> Copies:
    """Put the copies of several draws together, to be pooled as one set.

    Parameters
    ----------
    parts : sequence of Copies
        What ``synthesize``, ``draw`` and ``load_copies`` returned, drawn from one posterior.
    names : sequence of str, optional
        What errors call each of them, such as its folder; ``copies 1``, ``copies 2`` ... if not
        given.

    Returns
    -------
    Copies
        All copies in order. The manifest says whether every conditional holds enough effective
        draws for so many.

    Raises
    ------
    MeasureError
        If there are none, or if some were passed on without posterior and streams, come from
        different posteriors, differ in their number of rows, or share random streams: their copies
        are then the same noise, and would be counted twice.

    Examples
    --------
    >>> import posynth
    >>> first = posynth.synthesize(posynth.load_heart_failure()[["age", "sex"]], m=2, seed=1)
    >>> len(combined([first, posynth.draw(first.posterior, m=3)]))
    5
    """
    listed = isinstance(parts, Iterable) and not isinstance(parts, Copies)
    if not listed or not all(isinstance(part, Copies) for part in parts):
        raise MeasureError(
            "combined takes a list of copies, one a draw, as combined([first, second]); read those "
            "in folders with load_copies"
        )
    if not parts:
        raise MeasureError("there are no copies to combine; name those of one draw at least")
    called = list(as_names(names)) or [f"copies {number}" for number in range(1, len(parts) + 1)]
    first = parts[0]
    if len(parts) == 1:
        return first
    for part, name in zip(parts, called, strict=True):
        _require_streams(part, name)
    for part, name in zip(parts[1:], called[1:], strict=True):
        _require_one_posterior(first, part, called[0], name)
    streams = [(each, name) for part, name in zip(parts, called, strict=True)
               for each in part.streams]  # fmt: skip
    for (one, name), (other, name_of_other) in combinations(streams, 2):
        _require_own_noise(one, other, name, name_of_other)
    frames = tuple(frame for part in parts for frame in part.frames)
    records = tuple(each for part in parts for each in part.streams)
    made = manifest(first.posterior, len(frames[0]), records)
    reasons = tuple(each for part in parts for each in part.reasons)
    return Copies(frames, first.posterior, records, {**made, **_versions(first)}, reasons)


def _require_streams(part: Copies, name: str) -> None:
    if not part.has_posterior or not part.streams:
        raise MeasureError(
            f"{name} cannot be pooled with others: copies that were passed on do not tell whether "
            "they share posterior and random streams with others; pool each set by itself, or ask "
            "whoever made them for all copies in one set (posynth.combined)"
        )


def _versions(first: Copies) -> dict[str, object]:
    """Versions of the day the copies were drawn."""
    written = first.manifest()
    return {key: written[key] for key in ("posynth", "versions") if key in written}


def _require_one_posterior(first: Copies, part: Copies, name: str, other: str) -> None:
    facts = {
        "rows of the source n": (first.posterior.schema.rows, part.posterior.schema.rows),
        "the hash of the chain": (first.posterior.spec.digest(), part.posterior.spec.digest()),
        "the posterior": (first.posterior.fingerprint, part.posterior.fingerprint),
    }
    for fact, (one, another) in facts.items():
        if one != another:
            raise MeasureError(
                f"{name} and {other} cannot be pooled: {fact} is {one} in the first and {another} "
                "in the second, and only copies of one posterior are draws from it; draw more from "
                "the first, by `posynth draw` or posynth.draw(copies.posterior)"
            )
    k, k_of_part = len(first.frames[0]), len(part.frames[0])
    if k != k_of_part:
        raise MeasureError(
            f"{name} and {other} cannot be pooled: their copies have k = {k} and {k_of_part} rows, "
            "and the rules hold for copies of one size; draw the second again with "
            f"-k {k} (k={k} in Python)"
        )


def _require_own_noise(one: Streams, other: Streams, name: str, name_of_other: str) -> None:
    shared = shared_noise(one, other)
    if shared:
        raise MeasureError(
            f"{name} and {name_of_other} cannot be pooled: both hold copies {spans(shared)} of "
            f"call {one.call}, so that their rows are the same random numbers and would be counted "
            "twice; draw the second anew by `posynth draw` or posynth.draw, without a seed or with "
            "another one"
        )
