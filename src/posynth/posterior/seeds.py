"""One stream of randomness a (purpose, column, copy), whatever the order of work."""

import hashlib
import secrets
from enum import IntEnum

import numpy as np

from posynth.errors import SpecError, in_short

#: Bits of a seed drawn at random: too many to try them all, and exact in JSON wherever it is read.
SEED_BITS = 53


class Purpose(IntEnum):
    """What a stream is for; part of its key."""

    FIT = 1
    SELECT = 2
    DRAW = 3
    PREDICT = 4
    SCORE = 5
    SELECT_AGAIN = 6
    DRAW_AGAIN = 7
    IMPUTE = 8


def seed_or_random(seed: int | None) -> int:
    """Return the seed given, or one drawn at random where none is.

    Whoever knows all rows of a table but one, and the seed, can run posynth on every guess at the
    missing row until the published copies come out. A seed drawn from 2**53 cannot be found by
    trying.

    Raises
    ------
    SpecError
        If the seed is not a whole number of 0 or more.

    Examples
    --------
    >>> seed_or_random(1)
    1
    >>> 0 <= seed_or_random(None) < 2**53
    True
    """
    return secrets.randbits(SEED_BITS) if seed is None else checked_seed(seed)


def checked_seed(seed: object) -> int:
    """Return a seed as a plain integer.

    Raises
    ------
    SpecError
        If the seed is not a whole number of 0 or more.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise SpecError(f"seed {in_short(seed)}: it must be a whole number, 0 or more")
    return int(seed)


def stream(seed: int, purpose: Purpose, name: str, copy: int = 0) -> np.random.Generator:
    """Return the generator of one piece of work.

    Parameters
    ----------
    seed : int
        The user's seed, 0 or more.
    purpose : Purpose
        Fitting, selecting draws, drawing rows of copies, predicting rows of a table, or placing
        scores within the jumps of a learned scale. ``SELECT_AGAIN`` and ``DRAW_AGAIN`` are for
        copies drawn with the seed of a fit whose own copies took the streams of that seed.
    name : str
        The conditional.
    copy : int
        Number of the copy, from 0.

    Returns
    -------
    numpy.random.Generator
        The same for the same arguments, whatever was drawn elsewhere.

    Raises
    ------
    SpecError
        If the seed is not a whole number of 0 or more.

    Examples
    --------
    >>> first, again = (stream(1, Purpose.DRAW, "age", 2).random() for _ in range(2))
    >>> first == again
    True
    """
    entropy = checked_seed(seed)
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    words = (int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big"))
    return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(purpose, *words, copy)))


def spread(total: int, m: int, rng: np.random.Generator) -> np.ndarray:
    """Choose m of ``total`` draws without replacement, as far apart as they can be.

    Parameters
    ----------
    total : int
        Draws at hand, chain after chain.
    m : int
        Draws wanted.
    rng : numpy.random.Generator
        Source of randomness: where the comb starts, and which copy gets which tooth.

    Returns
    -------
    ndarray of int, shape (m,)
        Positions.

    Raises
    ------
    SpecError
        If more draws are wanted than there are.
    """
    if m > total:
        raise SpecError(
            f"{m} copies need {m} posterior draws and the posterior holds {total}; fit again with "
            f"-m {m}, which keeps enough of them"
        )
    comb = (np.arange(m) * total) // m + rng.integers(max(total // m, 1))
    return rng.permutation(comb)
