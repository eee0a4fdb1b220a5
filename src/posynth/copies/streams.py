"""Where the randomness of copies comes from: what is kept apart, recorded, and told in pooling."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, groupby
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.copies.walk import Taken, taken_draws, total_draws
from posynth.errors import SpecError, StoreError
from posynth.posterior.record import Posterior
from posynth.table.listing import some


@dataclass(frozen=True)
class Streams:
    """The random streams of one call of ``synthesize`` or ``draw``, as far as its copies are held.

    Attributes
    ----------
    call : str
        Identifies posterior and streams: copies of the same call and number have the same noise.
    verb : str
        ``"synthesize"`` or ``"draw"``.
    seed : int
        Seed of the draws; that of the fit for ``synthesize``.
    given : bool
        Whether the user chose the seed; else it was drawn at random.
    posterior : str
        Fingerprint of the posterior.
    copies : tuple of int
        Numbers of the copies within the call, from 1.
    taken : Mapping of str to tuple of int
        Conditional -> which posterior draw each of these copies takes, chains laid end to end.
    apart_from : tuple of str
        Calls whose posterior draws were avoided.
    again : bool
        Whether the second set of streams of the seed was used.
    """

    call: str
    verb: str
    seed: int
    given: bool
    posterior: str
    copies: tuple[int, ...]
    taken: Mapping[str, tuple[int, ...]]
    apart_from: tuple[str, ...] = ()
    again: bool = False

    def __repr__(self) -> str:
        made = f"{self.verb}, {'given' if self.given else 'random'} seed {self.seed}"
        return f"Streams(call {self.call}: copies {spans(self.copies)} of {made})"

    def of(self, places: Sequence[int]) -> "Streams":
        """Return the record of some of the copies, by place from 0."""
        taken = {t: tuple(draws[i] for i in places) for t, draws in self.taken.items()}
        return replace(self, copies=tuple(self.copies[i] for i in places), taken=taken)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for the manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Streams":
        """Read what ``to_dict`` returned and JSON kept.

        Raises
        ------
        StoreError
            If it is not such a record.
        """
        try:
            taken = {str(t): tuple(map(int, draws)) for t, draws in data["taken"].items()}
            copies = tuple(map(int, data["copies"]))
            if any(len(draws) != len(copies) for draws in taken.values()):
                raise ValueError("the numbers of copies and of draws taken differ")
            return cls(
                call=str(data["call"]),
                verb=str(data["verb"]),
                seed=int(data["seed"]),
                given=bool(data["given"]),
                posterior=str(data["posterior"]),
                copies=copies,
                taken=taken,
                apart_from=tuple(map(str, data["apart_from"])),
                again=bool(data["again"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StoreError(
                f"the manifest's record of streams cannot be read ({type(error).__name__}: "
                f"{error}); draw the copies again"
            ) from None


def first_streams(posterior: Posterior, m: int, given: bool) -> Streams:
    """Return the streams of the copies that are drawn with the fit and its seed."""
    taken = taken_draws(posterior, m, posterior.seed)
    return _record(posterior, m, posterior.seed, given, taken)


def more_streams(
    posterior: Posterior,
    m: int,
    seed: int,
    given: bool,
    apart_from: Sequence[Streams] = (),
) -> Streams:
    """Return streams of further copies: noise of their own, and posterior draws not taken yet.

    The copies that ``synthesize`` drew took the streams of the fit's seed. With that very seed a
    second set of streams is used. Posterior draws are spread over the chains; one that those
    copies, or the ones in ``apart_from``, have taken is exchanged for the unused draw that is
    farthest from every draw in use, as long as there are any.
    """
    if any(streams.posterior != posterior.fingerprint for streams in apart_from):
        raise SpecError(
            "apart_from: these copies were drawn from another posterior; name copies of this one"
        )
    again = bool(posterior.copies_drawn) and seed == posterior.seed
    avoided = [*made_with_the_fit(posterior), *apart_from]
    taken = taken_draws(posterior, m, seed, again)
    for target in posterior.estimated:
        used = {draw for streams in avoided for draw in streams.taken.get(target, ())}
        taken[target] = exchanged(taken[target], used, total_draws(posterior, target))
    record = _record(posterior, m, seed, given, taken)
    calls = tuple(streams.call for streams in avoided)
    call = _call(posterior, seed, again)
    return replace(record, call=call, verb="draw", again=again, apart_from=calls)


def made_with_the_fit(posterior: Posterior) -> list[Streams]:
    """Return the streams of the copies that ``synthesize`` drew, if it made the posterior."""
    made = posterior.copies_drawn
    return [first_streams(posterior, made, given=True)] if made else []


def _record(posterior: Posterior, m: int, seed: int, given: bool, taken: Taken) -> Streams:
    plain = {target: tuple(map(int, taken[target])) for target in posterior.estimated}
    numbers = tuple(range(1, m + 1))
    call = _call(posterior, seed, again=False)
    return Streams(call, "synthesize", seed, given, posterior.fingerprint, numbers, plain)


def _call(posterior: Posterior, seed: int, again: bool) -> str:
    """Name posterior and streams.

    Numbers of copies and rows are no part of it: copies of one number share noise whatever m and k
    are. Nor is the verb: `fit`, then `draw` with its seed, gives the copies of `synthesize`.
    """
    text = f"{posterior.fingerprint} {seed} {'second' if again else 'first'} streams"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def exchanged(taken: NDArray[np.int64], used: set[int], total: int) -> NDArray[np.int64]:
    """Exchange draws that are used already for unused ones, far from all others.

    Parameters
    ----------
    taken : ndarray of int, shape (m,)
        Draws chosen.
    used : set of int
        Draws to avoid.
    total : int
        Draws there are; where none is left unused, the draw stays.

    Returns
    -------
    ndarray of int, shape (m,)

    Examples
    --------
    >>> exchanged(np.array([2, 7]), {2, 4}, 10)
    array([0, 7])
    """
    found, at = taken.copy(), np.arange(total)
    occupied = [*used, *(int(draw) for draw in taken if draw not in used)]
    if not used or not occupied:
        return found
    distance = np.abs(at[:, None] - np.array(occupied)).min(axis=1)
    for place, draw in enumerate(taken):
        if int(draw) in used and distance.max() > 0:
            found[place] = int(distance.argmax())
            distance = np.minimum(distance, np.abs(at - found[place]))
    return found


def part_of(streams: Sequence[Streams], places: Sequence[int]) -> tuple[Streams, ...]:
    """Return the records of some copies, by place from 0 over all records."""
    owners = [(call, i) for call, each in enumerate(streams) for i in range(len(each.copies))]
    found: list[Streams] = []
    for call, inside in groupby((owners[place] for place in places), key=itemgetter(0)):
        found.append(streams[call].of([i for _, i in inside]))
    return tuple(found)


def shared_noise(one: Streams, other: Streams) -> tuple[int, ...]:
    """Return the numbers of copies whose noise both have."""
    if one.call != other.call:
        return ()
    return tuple(sorted(set(one.copies) & set(other.copies)))


def shared_draws(streams: Sequence[Streams]) -> str:
    """Say which posterior draws copies of different calls share; empty if none.

    Parameters
    ----------
    streams : sequence of Streams
        Records of copies of one posterior, one a call.

    Returns
    -------
    str
        A sentence for the notes of a pooled result.
    """
    count, pairs, names = 0, 0, dict[str, None]()
    for one, other in combinations(streams, 2):
        same = np.zeros((len(one.copies), len(other.copies)), dtype=bool)
        for target in one.taken.keys() & other.taken.keys():
            found = np.equal.outer(one.taken[target], other.taken[target])
            same |= found
            if found.any():
                names[target] = None
        count, pairs = count + int(same.sum()), pairs + same.size
    if not count:
        return ""
    return (
        f"{count} of {pairs} pairs of copies from different calls of draw take the same posterior "
        f"draw of a conditional ({some(sorted(names))}), so that their parameters are not "
        "independent; draw all copies at once, or with --apart-from (apart_from= in Python)"
    )


def spans(numbers: Sequence[int]) -> str:
    """Write numbers in short.

    Examples
    --------
    >>> spans([1, 2, 3, 7])
    '1-3, 7'
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(str(s[0]) if len(s) == 1 else f"{s[0]}-{s[-1]}" for s in found)
