"""How well a model tells synthetic rows from original ones: statistics, nulls and ratios.

A propensity model is a function (X, t) -> p of the stacked rows X, shape (N, p), and their labels t
(1 synthetic, 0 original) that returns each row's estimated probability of being synthetic.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from posynth.errors import MeasureError
from posynth.evaluation.utility.values import Floats

type Labels = NDArray[np.int64]
type Model = Callable[[Floats, Labels], Floats]
type Statistics = dict[str, float]

ORDERS = {"pMSE": 1.0, "SPECKS": 0.5, "PO50": 0.5, "U": 0.5}
"""Order of each statistic in the difference of the distributions: 1 quadratic, 1/2 linear."""


def compare(model: Model, copy: Floats, original: Floats) -> Statistics:
    """Fit the model to a copy stacked on the original and compute every statistic."""
    t = np.repeat([1, 0], [len(copy), len(original)]).astype(np.int64)
    return statistics(model(np.vstack((copy, original)), t), t)


def statistics(p: Floats, t: Labels) -> Statistics:
    """Compute every statistic of the scores.

    Parameters
    ----------
    p : ndarray, shape (N,)
        Estimated probability of being synthetic.
    t : ndarray of int, shape (N,)
        1 for synthetic rows, 0 for original ones.

    Returns
    -------
    dict of str to float
        ``pMSE`` = sum (p - c)^2 / N; ``SPECKS`` = Kolmogorov-Smirnov distance between the scores of
        synthetic and original rows; ``PO50`` = per cent called right at c (the mean of that of
        synthetic and of original rows), less 50: 0 for guessing whatever k / n; ``U`` =
        number of (synthetic, original) pairs with the higher score synthetic, ties half;
        ``pMSE_excess``, ``SPECKS_excess``, ... the same free of n and k, 0 for no difference:
        pMSE / (c^2 (1 - c)^2), SPECKS, PO50, U / (n k) - 1/2.

    Examples
    --------
    >>> statistics(np.array([0.75, 0.25, 0.25, 0.25]), np.array([1, 1, 0, 0]))["PO50"]
    25.0
    """
    from scipy.stats import ks_2samp, mannwhitneyu

    synthetic, original = p[t == 1], p[t == 0]
    n, k, c = len(original), len(synthetic), float(t.mean())
    pmse = float(((p - c) ** 2).mean())
    specks = float(ks_2samp(synthetic, original, method="asymp").statistic)
    po50 = float(50 * ((synthetic > c).mean() + (original <= c).mean()) - 50)
    u = float(mannwhitneyu(synthetic, original, method="asymptotic").statistic)
    return {
        "pMSE": pmse,
        "SPECKS": specks,
        "PO50": po50,
        "U": u,
        "pMSE_excess": pmse / (c * (1 - c)) ** 2,
        "SPECKS_excess": specks,
        "PO50_excess": po50,
        "U_excess": u / (n * k) - 0.5,
    }


def permuted(
    model: Model, sides: Sequence[Floats], nperms: int, rng: np.random.Generator
) -> list[Statistics]:
    """Compute the statistics under random relabellings of original and copy.

    Parameters
    ----------
    model : callable
        The propensity model.
    sides : sequence of ndarray
        Rows of the original, then of each copy.
    nperms : int
        Relabellings in all. They go over the copies in turn: the null depends on rows and
        their number, which are alike in every copy.
    rng : numpy.random.Generator
        Source of the relabellings.

    Returns
    -------
    list of dict
        One dictionary a relabelling, see :func:`statistics`.
    """
    if nperms < 1:
        raise MeasureError(f"nperms must be at least 1, got {nperms}; or use null='pairs'")
    original, copies = sides[0], sides[1:]
    null = []
    for i in range(nperms):
        copy = copies[i % len(copies)]
        rows = rng.permutation(np.vstack((copy, original)))
        null.append(compare(model, rows[: len(copy)], rows[len(copy) :]))
    return null


def paired(model: Model, copies: Sequence[Floats]) -> list[Statistics]:
    """Compute the statistics between every two copies.

    Raises
    ------
    MeasureError
        If there is only one copy.
    """
    if len(copies) < 2:
        raise MeasureError(
            "null 'pairs' compares copies with each other and needs at least 2 (5 or more to be "
            f"steady), got {len(copies)}; make more copies or use null='permutation'"
        )
    return [compare(model, a, b) for a, b in combinations(copies, 2)]


def ratio(name: str, values: Sequence[Statistics], null: Sequence[Statistics]) -> Floats:
    """Divide the excess of every copy by its mean under the null, shape (m,).

    Notes
    -----
    Against relabelled rows (*permutation*) this is S on the scale of proper draws, because an
    original and a perfect proper copy are two samples of one population. S_plugin is this over
    (1 - c)^order. synthpop halves the null of pMSE whatever k / n is.

    Against *pairs* of copies, 2^order times this has ideal 1 for plug-in and proper copies alike:
    two copies differ with variance 2 V n / k or 2 (V + V n / k), original and copy with
    V n / k or V + V n / k. synthpop multiplies by 2 for linear statistics as
    well, uses the null of SPECKS for PO50, and divides U itself, which hides any misfit.
    """
    own = np.array([value[f"{name}_excess"] for value in values])
    expected = float(np.mean([value[f"{name}_excess"] for value in null]))
    if expected > 0:
        return own / expected
    return np.where(own == 0, 0.0, np.nan)
