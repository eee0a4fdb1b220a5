"""The averages and variances over copies from which every combining rule is computed."""

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """What a rule reads: m estimates with their variances, summarised.

    For scalar rules every array holds one value an estimand (any shape). For multivariate rules
    ``center`` is (..., p) and the others are covariance matrices (..., p, p).

    Attributes
    ----------
    center : array
        q̄, mean of the estimates.
    within : array
        v̄, mean of the variances each copy reports as if it were real data.
    between : array
        b = Σ(q_l - q̄)² / (m - 1); NaN for m = 1.
    nest_between : array
        B, variance of the nest means (divisor L - 1); NaN for one nest.
    nest_within : array
        b̄, mean over nests of the variance inside a nest (divisor r - 1); NaN for r = 1.
    m, nests : int
        Number of copies m and of nests L; r = m / L copies a nest.
    n, k : int
        Rows of the source and of a copy.
    df_com : float
        Degrees of freedom of the analysis of one copy; infinite for a normal reference.
    proper, complete : bool
        Whether every copy took posterior draws of its own, and whether every column was drawn, the
        spread between its groups included.
    source : array, optional
        V̂ where it is not v̄·k/n, as for groups of rows (see `Clusters`).
    df_source : float, optional
        Degrees of freedom of the same analysis of the source; df_com + n - k if not given.
    """

    center: Floats
    within: Floats
    between: Floats
    nest_between: Floats
    nest_within: Floats
    m: int
    nests: int
    n: int
    k: int
    df_com: float = float("inf")
    proper: bool = True
    complete: bool = True
    source: Floats | None = None
    df_source: float | None = None

    @property
    def ratio(self) -> float:
        """The factor k/n that turns v̄ into an estimate of the original fit's variance V."""
        return self.k / self.n

    @property
    def original(self) -> Floats:
        """V̂, the variance the estimate from the original rows would have: v̄·k/n, or ``source``."""
        return self.within * self.ratio if self.source is None else self.source

    @property
    def noise(self) -> Floats:
        """What b estimates by theory: v̄ + V̂ for posterior draws, v̄ for plug-in draws.

        An upper limit where some columns hold original values.
        """
        return self.within + self.original if self.proper else self.within

    @property
    def df_original(self) -> float:
        """Degrees of freedom of the same analysis of the source, at least 1."""
        known = self.df_com + self.n - self.k if self.df_source is None else self.df_source
        return max(known, 1.0)

    @property
    def per_nest(self) -> int:
        """Copies a nest, r."""
        return self.m // self.nests


def scalar_moments(
    q: npt.ArrayLike,
    v: npt.ArrayLike,
    provenance: Provenance,
    df_com: float = float("inf"),
    source: npt.ArrayLike | None = None,
    df_source: float | None = None,
) -> Moments:
    """Summarise m estimates and variances, each estimand on its own.

    Parameters
    ----------
    q, v : array_like
        Estimates and their variances, (m, ...), copies along the first axis; in a nested design
        the copies of one imputation stand together.
    provenance : Provenance
        How the copies were made.
    df_com : float
        Degrees of freedom of the analysis of one copy.
    source : array_like, optional
        What each copy says of the variance of the source's estimate, shaped as the variances;
        theirs times k/n if not given.
    df_source : float, optional
        Degrees of freedom of the analysis of the source; df_com + n - k if not given.

    Returns
    -------
    Moments

    Examples
    --------
    >>> x = scalar_moments([1.0, 2.0, 3.0], [0.5, 0.5, 0.8], Provenance(n=100, k=50, m=3))
    >>> float(x.center), round(float(x.within), 3), float(x.between), float(x.ratio)
    (2.0, 0.6, 1.0, 0.5)
    """
    estimates = _stack(q, provenance)
    found = _moments(estimates, _stack(v, provenance), _squares, provenance, df_com)
    return _of_source(found, source, df_source, provenance)


def matrix_moments(
    q: npt.ArrayLike,
    cov: npt.ArrayLike,
    provenance: Provenance,
    df_com: float = float("inf"),
    source: npt.ArrayLike | None = None,
    df_source: float | None = None,
) -> Moments:
    """Summarise m estimate vectors and covariance matrices.

    Parameters
    ----------
    q : array_like
        Estimates, (m, ..., p).
    cov : array_like
        Covariance matrices, (m, ..., p, p).
    provenance : Provenance
        How the copies were made.
    df_com : float
        Degrees of freedom of the analysis of one copy.
    source : array_like, optional
        What each copy says of the variance of the source's estimate, shaped as the variances;
        theirs times k/n if not given.
    df_source : float, optional
        Degrees of freedom of the analysis of the source; df_com + n - k if not given.

    Returns
    -------
    Moments
        With ``center`` (..., p) and matrices (..., p, p) elsewhere.

    Examples
    --------
    >>> q = [[0.0, 0.0], [2.0, 4.0]]
    >>> x = matrix_moments(q, [np.eye(2), np.eye(2)], Provenance(n=9, k=9, m=2))
    >>> x.between.tolist()
    [[2.0, 4.0], [4.0, 8.0]]
    """
    estimates = _stack(q, provenance)
    found = _moments(estimates, _stack(cov, provenance), _products, provenance, df_com)
    return _of_source(found, source, df_source, provenance)


def _of_source(
    found: Moments,
    source: npt.ArrayLike | None,
    df_source: float | None,
    provenance: Provenance,
) -> Moments:
    mean = None if source is None else _stack(source, provenance).mean(axis=0)
    return replace(found, source=mean, df_source=df_source)


def _stack(values: npt.ArrayLike, provenance: Provenance) -> Floats:
    stack = np.asarray(values, dtype=float)
    if stack.ndim == 0 or len(stack) != provenance.m:
        found = len(stack) if stack.ndim else 1
        raise MeasureError(
            f"{found} estimates, but the manifest speaks of m = {provenance.m} copies; estimate "
            "on every copy, or pass dataclasses.replace(provenance, m=...) for a subset"
        )
    check_sizes(provenance)
    return stack


def check_sizes(provenance: Provenance) -> None:
    """Refuse a provenance whose sizes no rule can use.

    Raises
    ------
    MeasureError
        If n, k or m is no whole number or below 1, or there are nests and the source was not
        imputed, or the copies cannot be split evenly over them.
    """
    for name in ("n", "k", "m", "nests"):
        found = getattr(provenance, name)
        if isinstance(found, bool) or not isinstance(found, Integral) or found < 1:
            raise MeasureError(
                f"provenance: {name} = {found!r}, but it must be a whole number, at least 1; read "
                "the provenance from the manifest written with the copies"
            )
    if provenance.nests > 1 and provenance.missing != "impute":
        raise MeasureError(
            f"provenance: {provenance.nests} nests and missing={provenance.missing!r}, but nests "
            "are imputations of the source, whose spread counts; say missing='impute', or leave "
            "nests out if the copies were made from one table"
        )
    if provenance.m % provenance.nests:
        raise MeasureError(
            f"provenance: {provenance.m} copies cannot be split evenly over {provenance.nests} "
            "imputations; pool the same number of copies from each imputation"
        )


def _moments(q: Floats, v: Floats, outer: Any, provenance: Provenance, df_com: float) -> Moments:
    nests = q.reshape(provenance.nests, -1, *q.shape[1:])  # (L, r, ...)
    means = nests.mean(axis=1)
    inside = nests.reshape(q.shape) - np.repeat(means, nests.shape[1], axis=0)
    return Moments(
        center=q.mean(axis=0),
        within=v.mean(axis=0),
        between=_variance(q - q.mean(axis=0), outer, len(q) - 1),
        nest_between=_variance(means - means.mean(axis=0), outer, len(means) - 1),
        nest_within=_variance(inside, outer, len(q) - len(means)),
        m=provenance.m,
        nests=provenance.nests,
        n=provenance.n,
        k=provenance.k,
        df_com=df_com,
        proper=provenance.proper,
        complete=provenance.drawn_anew,
    )


def _variance(deviations: Floats, outer: Any, divisor: int) -> Floats:
    total: Floats = outer(deviations).sum(axis=0)
    return total / divisor if divisor else np.full_like(total, np.nan)


def _squares(deviations: Floats) -> Floats:
    return deviations**2


def _products(deviations: Floats) -> Floats:
    return deviations[..., :, np.newaxis] * deviations[..., np.newaxis, :]
