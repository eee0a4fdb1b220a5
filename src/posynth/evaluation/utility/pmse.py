"""Propensity scores by logistic regression, with the null expectation that theory gives."""

import numpy as np

from posynth.engines.threads import one_thread
from posynth.errors import MeasureError
from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.design import Design, main_effects, with_interactions
from posynth.evaluation.utility.discriminate import Discriminator, Null, judge
from posynth.evaluation.utility.propensity import Labels
from posynth.evaluation.utility.values import Floats
from posynth.results import Result
from posynth.table.names import Names

MOST_PREDICTORS = 1500
RANK_TOLERANCE = 1e-9
EQUAL_MEANS = 1e-10


def measure(
    comparison: Comparison,
    columns: Names | None = None,
    *,
    maxorder: int = 0,
    null: str = "formula",
    nperms: int = 50,
    rng: np.random.Generator | None = None,
) -> list[Result]:
    """Judge the copies by a logistic regression of "is synthetic" on the columns.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    columns : iterable of str, optional
        Columns the model may use; by default every modelled column.
    maxorder : {0, 1}
        0 for main effects, 1 for all products of two columns besides (synthpop's ``maxorder``).
    null : {"formula", "permutation", "pairs"}
        Where the value of a perfect copy comes from.
    nperms : int
        Relabellings in all, for ``null="permutation"``.
    rng : numpy.random.Generator, optional
        Their source.

    Returns
    -------
    list of Result
        ``pMSE_logit``, ``SPECKS_logit``, ``PO50_logit``, ``U_logit`` and ``S_pMSE_logit``;
        the other ratios too where the null is resampled.

    Notes
    -----
    pMSE = sum (p - c)^2 / N. Under plug-in synthesis from the right model its expectation is
    (K - 1) (1 - c)^2 c / N (Snoke et al. 2018), and (K - 1) (1 - c) c / N for proper draws, where
    K - 1 is the number of coefficients that can be estimated (the rank). If columns were left
    unsynthesised, only the rank that the synthesised ones add counts; synthpop 1.9-2 counts
    coefficients by their names, and counts none with ``print.flag = FALSE``. Predictors
    that others determine are dropped before the fit by a pivoted Cholesky factorisation.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> real = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
    >>> schema = Schema((Column("x", Kind.CONTINUOUS, "float64"),), 4)
    >>> round(measure(Comparison(real, (real,), schema))[-1].value, 6)
    0.0
    """
    if maxorder not in (0, 1):
        raise MeasureError(
            f"maxorder must be 0 (main effects) or 1 (all products of two columns), got {maxorder}"
        )
    design = main_effects(comparison, columns)
    design = with_interactions(design) if maxorder else design
    _check_size(design)
    fixed = frozenset(comparison.provenance.unsynthesised)
    df = tuple(free_rank(design, copy, fixed) for copy in design.copies)
    sides = (design.original, *design.copies)
    return judge(Discriminator("logit", logit, df), sides, comparison, Null(null, nperms, rng))


def logit(X: Floats, t: Labels) -> Floats:
    """Fit a logistic regression by maximum likelihood and return its scores.

    Parameters
    ----------
    X : ndarray, shape (N, p)
        Predictors without intercept; redundant ones are dropped.
    t : ndarray of int, shape (N,)
        1 for synthetic rows, 0 for original ones.

    Returns
    -------
    ndarray, shape (N,)
        Estimated probability of being synthetic.
    """
    from sklearn.linear_model import LogisticRegression

    centred = X - X.mean(axis=0)
    unit = centred[:, independent(X)]
    unit /= np.sqrt((unit**2).mean(axis=0))
    if np.abs(unit.T @ (t - t.mean())).max(initial=0.0) < EQUAL_MEANS * len(t):
        return np.full(len(t), t.mean())  # the likelihood's slope is 0 there: it is the maximum
    solver = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-6, max_iter=200)
    with one_thread(unit.shape[1]):
        return np.asarray(solver.fit(unit, t).predict_proba(unit)[:, 1])


def independent(X: Floats) -> np.ndarray:
    """Return the indices of predictors that, with an intercept, are linearly independent.

    Columns are centred and scaled to unit length; the Gram matrix is factorised with pivoting, and
    pivots below 1e-9 (a residual of 3e-5 of the column's length) count as zero.
    """
    from scipy.linalg.lapack import dpstrf

    centred = X - X.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    varied = np.flatnonzero(length > 1e-12 * np.sqrt(len(X)))
    if varied.size == 0:
        return varied
    unit = centred[:, varied] / length[varied]
    with one_thread(varied.size):
        _, pivots, rank, _ = dpstrf(unit.T @ unit, tol=RANK_TOLERANCE, lower=1)
    return np.sort(varied[pivots[:rank] - 1])


def free_rank(design: Design, copy: Floats, fixed: frozenset[str]) -> int:
    """Count the coefficients that can be estimated and involve a synthesised column."""
    stacked = np.vstack((copy, design.original))
    kept = [i for i, owner in enumerate(design.owners) if owner <= fixed]
    return independent(stacked).size - (independent(stacked[:, kept]).size if kept else 0)


def _check_size(design: Design) -> None:
    if len(design.names) > MOST_PREDICTORS:
        raise MeasureError(
            f"the logistic propensity model would have {len(design.names)} predictors, at most "
            f"{MOST_PREDICTORS} are fitted; name fewer columns, use maxorder=0 or the cart model"
        )
