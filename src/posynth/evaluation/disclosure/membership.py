"""Membership inference: whether an intruder can tell from the copies who was in the source."""

import numpy as np
import numpy.typing as npt

from posynth.errors import MeasureError
from posynth.evaluation.base import NO_HOLDOUT, Comparison
from posynth.evaluation.disclosure.keys import Floats
from posynth.evaluation.disclosure.space import Points, Space, embed, nearest, stack
from posynth.results import Result
from posynth.table.names import Names

Z = 1.96
TINY = 1e-6  # below the resolution of the distances, so that a copied row has a finite score
LEAST = 4
WARNING = (
    "It rates this attack, averaged over people: a stronger attack, or an outlying person, can do "
    "better"
)


def measure(
    comparison: Comparison,
    columns: Names | None = None,
    *,
    rng: np.random.Generator,
    rows: int = 10_000,
) -> list[Result]:
    """Attack membership with two scores, members being the original and others the holdout.

    - ``-DCR``: minus Gower's distance of the person's row to the closest row of any copy.
    - ``local density ratio``: log r_ref - log r_syn, with r_syn the distance to the m-th closest
      row among the m copies together and r_ref that to the closest of a reference sample, a random
      half of the holdout; the other half are the non-members. It is a nearest-neighbour estimate,
      up to constants, of the log of synthetic over population density.

    Parameters
    ----------
    comparison : Comparison
        The tables, with a holdout; without one the results are NaN.
    columns : sequence of str, optional
        What the intruder knows of a person; by default all modelled columns.
    rng : numpy.random.Generator
        Draws the reference sample and the subsets.
    rows : int
        At most so many members and non-members are attacked.

    Returns
    -------
    list of Result
        AUC and advantage of each score, see ``attack``; all row level.

    References
    ----------
    van Breugel, Sun, Qian and van der Schaar (2023), Membership inference attacks against synthetic
    data through overfitting detection, AISTATS.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> schema = Schema((Column("x", Kind.CONTINUOUS, "float64"),), rows=4)
    >>> original = pd.DataFrame({"x": [0.0, 0.3, 0.6, 1.0]})
    >>> holdout = pd.DataFrame({"x": [0.1, 0.4, 0.5, 0.9]})
    >>> tables = Comparison(original, (original,), schema, holdout=holdout)
    >>> measure(tables, rng=np.random.default_rng(1))[0].value
    1.0
    """
    if comparison.holdout is None:
        return _without_holdout()
    found = scores(comparison, columns, rng=rng, rows=rows)
    return [r for name, (members, others) in found.items() for r in attack(members, others, name)]


def scores(
    comparison: Comparison,
    columns: Names | None = None,
    *,
    rng: np.random.Generator,
    rows: int = 10_000,
) -> dict[str, tuple[Floats, Floats]]:
    """Compute the scores behind ``measure``, for a picture; row level, so private.

    Parameters
    ----------
    comparison, columns, rng, rows
        As in ``measure``; the holdout is needed.

    Returns
    -------
    dict of str to tuple of numpy.ndarray
        By name of the score, those of members and of others; higher speaks for membership.

    Raises
    ------
    MeasureError
        If there is no holdout, or too small a one.
    """
    space = embed(comparison, columns)
    if space.holdout is None:
        raise MeasureError("no holdout: " + NO_HOLDOUT.removeprefix("Not measured: "))
    if len(space.holdout) < LEAST:
        raise MeasureError(
            f"the holdout has {len(space.holdout)} rows; membership inference needs at least "
            f"{LEAST}"
        )
    return _scores(space, space.holdout, rng, rows)


def attack(members: Floats, others: Floats, subject: str = "") -> list[Result]:
    """Rate a score that should be higher for members than for others.

    AUC = P(score of a member > score of another) + P(equal) / 2, with DeLong's standard error.
    Advantage = max over thresholds of (true positive rate - false positive rate); it is positive by
    chance, on average sqrt(pi / 8) sqrt(1 / n1 + 1 / n0) if the score knows nothing. Its interval
    is the conservative one of Dvoretzky, Kiefer and Wolfowitz for both rates.

    Parameters
    ----------
    members, others : numpy.ndarray
        Scores of people in the source and of people outside; finite.
    subject : str
        Name of the score.

    Returns
    -------
    list of Result
        ``MIA AUC`` and ``MIA advantage``.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845; Massart (1990), Annals of
    Probability 18, 1269-1283; Yeom et al. (2018) for the advantage.

    Examples
    --------
    >>> auc, advantage = attack(np.array([3.0, 2.0, 1.0]), np.array([0.0, 2.0]))
    >>> auc.value, round(advantage.value, 3)
    (0.75, 0.5)
    """
    n1, n0 = len(members), len(others)
    if min(n1, n0) < 2 or not (np.isfinite(members).all() and np.isfinite(others).all()):
        raise MeasureError(
            f"scores of {n1} members and {n0} others: at least 2 of each are needed, all finite"
        )
    return [_auc(members, others, subject), _advantage(members, others, subject)]


def _scores(
    space: Space, holdout: Points, rng: np.random.Generator, rows: int
) -> dict[str, tuple[Floats, Floats]]:
    pool, m = stack(space.copies), len(space.copies)
    order = rng.permutation(len(holdout))
    reference, rest = (part[:rows] for part in np.array_split(order, 2))
    members, others = space.original.sample(rows, rng), holdout.take(rest)
    near = tuple(nearest(people, pool, m).distance for people in (members, others))
    known = holdout.take(reference)
    return {
        "-DCR": (-_first(near[0]), -_first(near[1])),
        "local density ratio": (_ratio(members, near[0], known), _ratio(others, near[1], known)),
    }


def _first(distance: npt.NDArray[np.float32]) -> Floats:
    return distance[:, 0].astype(np.float64)


def _ratio(people: Points, near: npt.NDArray[np.float32], reference: Points) -> Floats:
    to_reference = _first(nearest(people, reference).distance)
    to_copies = near[:, -1].astype(np.float64)
    return np.log(to_reference + TINY) - np.log(to_copies + TINY)


def _auc(members: Floats, others: Floats, subject: str) -> Result:
    from scipy.stats import rankdata

    n1, n0 = len(members), len(others)
    ranks = rankdata(np.concatenate([members, others]))
    # Placements: for a member, the share of others it beats; for an other, of members beating it.
    won = (ranks[:n1] - rankdata(members)) / n0
    lost = 1 - (ranks[n1:] - rankdata(others)) / n1
    value = float(won.mean())
    error = float(np.sqrt(won.var(ddof=1) / n1 + lost.var(ddof=1) / n0))
    interval = (max(0.0, value - Z * error), min(1.0, value + Z * error))
    text = (
        "Chance that the attack scores a person in the source above one outside; 1/2 is guessing. "
        "Passed if 1/2 is not below the 95 % interval; if it fails, look at copied rows and at "
        f"influential rows. {WARNING}."
    )
    details = {"members": n1, "others": n0, "se": error, "row_level": True}
    return Result("MIA AUC", value, subject, interval, interval[0] <= 0.5, text, details)


def _advantage(members: Floats, others: Floats, subject: str) -> Result:
    n1, n0 = len(members), len(others)
    thresholds = np.unique(np.concatenate([members, others]))
    caught = 1 - np.searchsorted(np.sort(members), thresholds, side="left") / n1
    wrong = 1 - np.searchsorted(np.sort(others), thresholds, side="left") / n0
    value = float(np.max(caught - wrong))
    # Each rate is within its band with probability 97.5 %, so both are with 95 %.
    band = float(sum(np.sqrt(np.log(2 / 0.025) / (2 * n)) for n in (n1, n0)))
    by_chance = np.sqrt(np.pi / 8 * (1 / n1 + 1 / n0))
    text = (
        "Best difference of true and false positive rates over thresholds chosen with hindsight; a "
        f"score that knows nothing reaches {by_chance:.3g} on average. {WARNING}."
    )
    details = {"members": n1, "others": n0, "by_chance": float(by_chance), "row_level": True}
    interval = (max(0.0, value - band), min(1.0, value + band))
    return Result("MIA advantage", value, subject, interval, text=text, details=details)


def _without_holdout() -> list[Result]:
    return [
        Result(measure, float("nan"), subject, text=NO_HOLDOUT)
        for subject in ("-DCR", "local density ratio")
        for measure in ("MIA AUC", "MIA advantage")
    ]
