"""What an analysis of one copy gives: named estimates with their covariance matrix."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from posynth.errors import MeasureError
from posynth.evaluation.inference.basis import Alike
from posynth.evaluation.inference.clusters import Clusters, mean_of, of_result
from posynth.evaluation.inference.estimate_checks import check_estimate
from posynth.evaluation.inference.exact import NOTE, exact_fit
from posynth.evaluation.inference.moments import Floats
from posynth.evaluation.inference.separation import separation_notes


@dataclass(frozen=True)
class Estimate:
    """Estimates from one table, as if it were real data.

    Attributes
    ----------
    names : tuple of str
        One name a coefficient or statistic.
    q : array
        Estimates, (p,).
    cov : array
        Their covariance matrix, (p, p).
    df_com : float
        Residual degrees of freedom of the analysis; infinite where it uses a normal reference.
    notes : tuple of str
        What the analysis warned of (not converged, rows left out).
    clusters : Clusters, optional
        The groups of rows it allows for; None where it takes rows for independent.
    exact : bool
        Whether the analysis fits every row without residual, so that its errors are 0.

    Examples
    --------
    >>> Estimate(("mean age",), [40.0], [[4.0]]).std_error.tolist()
    [2.0]
    """

    names: tuple[str, ...]
    q: Floats
    cov: Floats
    df_com: float = float("inf")
    notes: tuple[str, ...] = ()
    clusters: Clusters | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(map(str, self.names)))
        object.__setattr__(self, "q", np.asarray(self.q, dtype=float))
        object.__setattr__(self, "cov", np.asarray(self.cov, dtype=float))
        check_estimate(self)

    @property
    def std_error(self) -> Floats:
        """Standard errors, (p,)."""
        root: Floats = np.sqrt(np.diag(self.cov))
        return root

    def ordered(self, names: Sequence[str]) -> "Estimate":
        """Return the same estimates in the order of ``names``."""
        at = [self.names.index(name) for name in names]
        square, clusters = np.ix_(at, at), self.clusters
        if clusters is not None and clusters.rows is not None:
            clusters = replace(clusters, rows=clusters.rows[square])
        return replace(
            self, names=tuple(names), q=self.q[at], cov=self.cov[square], clusters=clusters
        )


type Analysis = Callable[[pd.DataFrame], Any]


def fit_copies(analysis: Analysis, copies: Iterable[pd.DataFrame]) -> tuple[Estimate, ...]:
    """Run an analysis on every copy; one of `fit_statsmodels` in one coding for all.

    Parameters
    ----------
    analysis : callable
        Takes a data frame and returns an `Estimate`, a fitted statsmodels result, or a tuple
        (estimates, covariance matrix) or (estimates, covariance matrix, names). Estimates are a
        Series, a mapping by name or an array; a single number is named by the function, and its
        variance may be a number.
    copies : iterable of pandas.DataFrame
        The copies.

    Returns
    -------
    tuple of Estimate
        In the order of the copies, coefficients in the order of the first.

    Raises
    ------
    MeasureError
        If the analysis fails on a copy or gives other coefficients there; the text names both.

    Examples
    --------
    >>> frames = [pd.DataFrame({"x": [1.0, 2.0, 3.0]}), pd.DataFrame({"x": [2.0, 4.0, 6.0]})]
    >>> def analysis(frame):
    ...     return {"mean": frame["x"].mean()}, [[frame["x"].var() / len(frame)]]
    >>> [round(float(e.cov[0, 0]), 3) for e in fit_copies(analysis, frames)]
    [0.333, 1.333]
    >>> def spread(frame):  # log of the standard deviation, its variance if x is normal
    ...     return np.log(frame["x"].std()), 1 / (2 * (len(frame) - 1))
    >>> fit_copies(spread, frames)[1].names
    ('spread',)
    """
    frames = tuple(copies)
    if isinstance(analysis, Alike) and frames:
        analysis = analysis.together(frames)
    return aligned([_run(analysis, copy, number) for number, copy in enumerate(frames, start=1)])


def _run(analysis: Analysis, copy: pd.DataFrame, number: int) -> Estimate:
    # A user's analysis may raise anything; whatever it is, he needs to know on which copy.
    try:
        # What the analysis adds to its table must not stay in the copy.
        return estimate_of(analysis, copy.copy(deep=False))
    except MeasureError as error:
        raise MeasureError(f"copy {number}: {error}") from error
    except Exception as error:
        raise MeasureError(
            f"copy {number}: the analysis failed with {type(error).__name__}: {error}; run it on "
            "that copy alone to see where"
        ) from error


def aligned(estimates: Sequence[Estimate]) -> tuple[Estimate, ...]:
    """Put the coefficients of every copy in the order of the first copy.

    Raises
    ------
    MeasureError
        If there is no estimate, or a copy lacks a coefficient or has one more.
    """
    if not estimates:
        raise MeasureError("there are no estimates to pool; run the analysis on every copy")
    sets = Counter(frozenset(estimate.names) for estimate in estimates)
    reference = sets.most_common(1)[0][0]
    for number, estimate in enumerate(estimates, start=1):
        odd = sorted(reference.symmetric_difference(estimate.names))
        if odd:
            raise MeasureError(_mismatch(number, odd[0], estimate))
    return tuple(estimate.ordered(estimates[0].names) for estimate in estimates)


def _mismatch(number: int, name: str, estimate: Estimate) -> str:
    verb = "has a coefficient" if name in estimate.names else "lacks the coefficient"
    return (
        f"copy {number} {verb} {name!r}, unlike other copies; most often a level does not occur "
        "in every copy: merge rare levels before fitting, or leave the term out of the model"
    )


def estimate_of(analysis: Analysis, frame: pd.DataFrame) -> Estimate:
    """Run an analysis on one table; a single estimate without a name gets that of the function."""
    name = getattr(analysis, "__name__", "estimate")
    return as_estimate(analysis(frame), "estimate" if name == "<lambda>" else name)


def as_estimate(found: Any, name: str = "estimate") -> Estimate:
    """Turn what an analysis returned into an `Estimate`.

    Parameters
    ----------
    found : Estimate, statsmodels result, or tuple
        See `fit_copies`.
    name : str
        Name of a single estimate that is returned without one.

    Returns
    -------
    Estimate

    Raises
    ------
    MeasureError
        If it is none of these, or its parts do not fit together.

    Examples
    --------
    >>> as_estimate((0.25, 0.01), "share").names
    ('share',)
    """
    if isinstance(found, Estimate):
        return found
    if hasattr(found, "params") and hasattr(found, "cov_params"):
        return _of_result(found)
    if isinstance(found, tuple) and len(found) in (2, 3):
        return _from_parts(name, *found)
    raise MeasureError(
        f"the analysis returned {type(found).__name__}; return an Estimate, a fitted statsmodels "
        "result, or a pair (estimates by name, covariance matrix)"
    )


def _of_result(found: Any) -> Estimate:
    """Make an Estimate of a fitted statsmodels result."""
    df_com = float("inf")
    if getattr(found, "use_t", False):  # with groups of rows, statsmodels has one df less than them
        df_com = float(getattr(found, "df_resid_inference", None) or found.df_resid)
    params, cov = found.params, np.asarray(found.cov_params())
    if np.ndim(params) == 1:
        series = pd.Series(params)
        names, q = tuple(series.index), series.to_numpy()
    else:
        names, q = _by_level(found)
    known = exact_fit(found.model) if hasattr(found, "model") and len(q) == len(cov) else None
    if known is not None and len(known) == len(q):
        return Estimate(names, known, np.zeros_like(cov), df_com, (NOTE,), exact=True)
    notes = tuple(separation_notes(found, names))
    return Estimate(names, q, cov, df_com, notes, of_result(found))


def _by_level(found: Any) -> tuple[tuple[str, ...], Floats]:
    """Return the coefficients of a multinomial model, those of each level together.

    Raises
    ------
    MeasureError
        If it is another model of several equations.
    """
    model: Any = getattr(found, "model", None)
    levels = getattr(model, "_ynames_map", None)
    params = np.asarray(found.params, dtype=float)
    if levels is None or len(levels) != params.shape[1] + 1:
        raise MeasureError(
            f"the result of {type(model).__name__} has a table of coefficients, {params.shape}, "
            "whose order in its covariance matrix is not known here; return (estimates, "
            "covariance matrix, names) in place of it"
        )
    terms = tuple(map(str, model.exog_names))
    names = tuple(f"{levels[at]}: {term}" for at in sorted(levels)[1:] for term in terms)
    return names, params.ravel(order="F")


def _from_parts(name: str, values: Any, cov: Any, names: Any = None) -> Estimate:
    """Make an Estimate of estimates, their covariance and their names."""
    if isinstance(values, pd.Series | Mapping):
        series = pd.Series(values)
        values, names = series.to_numpy(), tuple(series.index) if names is None else names
    q, covariance = _numeric("estimates", values), _numeric("covariance matrix", cov)
    if q.ndim == 0:
        names = (name,) if names is None else names
        q, covariance = q[np.newaxis], covariance.reshape(1, 1) if covariance.ndim == 0 else cov
    elif names is None:
        raise MeasureError(
            f"the estimates are a {type(values).__name__} without names; return a pandas Series "
            "or a mapping from name to estimate, or the names as a third part"
        )
    elif covariance.ndim == 0 and q.shape == (1,):
        covariance = covariance.reshape(1, 1)
    return Estimate((names,) if isinstance(names, str) else tuple(names), q, covariance)


def _numeric(what: str, values: Any) -> Floats:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise MeasureError(
            f"the {what} of the analysis cannot be read as numbers ({type(values).__name__}); "
            "return floats"
        ) from None


def combine_imputations(estimates: Sequence[Estimate]) -> Estimate:
    """Total of an analysis over multiple imputations of one copy, as one `Estimate`.

    For copies that reproduce the holes of the source: inside a copy the covariance matrix is
    Rubin's Ū + (1 + 1/M)B over M imputations, and that total is what `pool` needs.

    Parameters
    ----------
    estimates : sequence of Estimate
        One an imputation of the same copy, at least two.

    Returns
    -------
    Estimate

    Raises
    ------
    MeasureError
        If there are fewer than two.

    Examples
    --------
    >>> pair = [Estimate(("a",), [q], [[1.0]]) for q in (0.0, 2.0)]
    >>> combine_imputations(pair).cov.tolist()
    [[4.0]]
    """
    if len(estimates) < 2:
        raise MeasureError(
            f"{len(estimates)} imputation(s) of a copy do not show their spread; impute it at "
            "least twice"
        )
    same = aligned(estimates)
    q = np.array([estimate.q for estimate in same])
    between = np.cov(q, rowvar=False, ddof=1).reshape(q.shape[1], q.shape[1])
    cov = np.mean([estimate.cov for estimate in same], axis=0) + (1 + 1 / len(q)) * between
    notes = tuple(dict.fromkeys(note for estimate in same for note in estimate.notes))
    df_com = min(estimate.df_com for estimate in same)
    exact = all(estimate.exact for estimate in same)
    return Estimate(same[0].names, q.mean(axis=0), cov, df_com, notes, mean_of(same), exact)


def shared_notes(estimates: Sequence[Estimate]) -> list[str]:
    """Return the notes of the fits: once where every copy has the same, else with their copy."""
    common = [n for n in estimates[0].notes if all(n in e.notes for e in estimates[1:])]
    common = common if len(estimates) > 1 else []
    single = [
        f"copy {i}: {note}"
        for i, estimate in enumerate(estimates, start=1)
        for note in estimate.notes
        if note not in common
    ]
    return [*common, *single]
