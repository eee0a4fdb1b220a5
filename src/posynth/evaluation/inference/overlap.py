"""Interval overlap, what to expect of it, and the lack-of-fit test against the original fit."""

import numpy as np
from scipy import stats

from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import wald
from posynth.evaluation.inference.cases import with_exceptions
from posynth.evaluation.inference.moments import Floats, Moments
from posynth.results import Result


def overlap(first: Floats, second: Floats) -> Floats:
    """Overlap of two intervals as a share of their lengths (Karr et al. 2006, Am. Stat. 60:224).

    IO = ½[(min u - max l)/(u₁ - l₁) + (min u - max l)/(u₂ - l₂)], negative when they are
    disjoint; with equal lengths 1 - |std diff| / (2z).

    Parameters
    ----------
    first, second : array
        Lower and upper limits, (2, ...).

    Returns
    -------
    array

    Examples
    --------
    >>> float(overlap(np.array([0.0, 2.0]), np.array([1.0, 5.0])))
    0.375
    """
    first, second = np.asarray(first), np.asarray(second)
    shared = np.minimum(first[1], second[1]) - np.maximum(first[0], second[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        both: Floats = (shared / (first[1] - first[0]) + shared / (second[1] - second[0])) / 2
    return both


def noise_factor(provenance: Provenance) -> float:
    """Variance of q̄ about q̂_obs in units of V: (n/k)/m for plug-in, (1 + n/k)/m for proper copies.

    Parameters
    ----------
    provenance : Provenance
        How the copies were made.

    Returns
    -------
    float
        NaN if the source was incomplete, or some columns are original, plug-in among proper ones or
        drawn with the group effects of the source: then only b knows.

    Examples
    --------
    >>> noise_factor(Provenance(n=100, k=100, m=5)), noise_factor(Provenance(100, 50, 5, False))
    (0.4, 0.4)
    """
    if with_exceptions(provenance) or provenance.missing != "none":
        return float("nan")
    rows = provenance.n / provenance.k
    return (rows + 1 if provenance.proper else rows) / provenance.m


def expected(provenance: Provenance, level: float = 0.95) -> tuple[float, float]:
    """Return expected |std diff| and expected overlap of a synthesis from the right model.

    q̄ - q̂_obs is normal with variance ``noise_factor``·V, so |std diff| has mean √(2·factor/π): for
    k = n .798/√m for plug-in and 1.128/√m for proper copies. The overlap of intervals of equal
    length has mean 1 - E|std diff|/(2z).

    Parameters
    ----------
    provenance : Provenance
        How the copies were made.
    level : float
        Level of the intervals.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> [round(value, 3) for value in expected(Provenance(n=100, k=100, m=1))]
    [1.128, 0.712]
    """
    mean = float(np.sqrt(2 * noise_factor(provenance) / np.pi))
    return mean, float(1 - mean / (2 * stats.norm.ppf((1 + level) / 2)))


def lack_of_fit(
    difference: Floats,
    cov: Floats,
    moments: Moments,
    provenance: Provenance,
    level: float = 0.95,
) -> Result:
    """Test that q̄ - q̂_obs is no larger than the synthesis explains.

    (q̄ - q̂)'V_diff⁻¹(q̄ - q̂) ~ χ²_p with V_diff = ``noise_factor``·V_obs. R synthpop divides by
    V_obs·n/(k·m) for proper copies as well, which doubles the statistic at k = n. With original
    columns or an incomplete source V_diff = B/m and the statistic·(m-p)/(p(m-1)) ~ F(p, m-p).

    Parameters
    ----------
    difference : array
        q̄ - q̂_obs, (p,).
    cov : array
        Covariance matrix of the original fit, (p, p).
    moments : Moments
        Matrix moments of the copies.
    provenance : Provenance
        How the copies were made.
    level : float
        The test passes if p >= 1 - level.

    Returns
    -------
    Result
        The χ² (or F) statistic; df1, df2, p and ratio to its expectation among the details.
    """
    factor = noise_factor(provenance)
    try:
        test = (
            _spread_test(difference, moments)
            if np.isnan(factor)
            else _known_test(difference, _noise(cov, moments, factor))
        )
    except np.linalg.LinAlgError:
        raise MeasureError(
            "the covariance matrix of the coefficients is singular, so there is no lack-of-fit "
            "test; simplify the model"
        ) from None
    chi2 = bool(np.isinf(test.df2))
    statistic = float(test.statistic) * (test.df1 if chi2 else 1)
    details = {"df1": test.df1, "df2": float(test.df2), "p": float(test.p)}
    if np.isnan(details["p"]):
        text = f"no test: it needs more copies than the {test.df1} coefficients; make more copies"
        return Result("lack of fit", float("nan"), text=text, details=details)
    passed = details["p"] >= 1 - level
    name = f"χ²({test.df1})" if chi2 else f"F({test.df1}, {details['df2']:.0f})"
    end = "" if passed else ", more than synthesis explains; see which std diffs are large"
    text = f"{name} = {statistic:.4g}, p = {details['p']:.4g}{end}"
    return Result("lack of fit", statistic, passed=passed, text=text, details=details)


def _noise(cov: Floats, moments: Moments, factor: float) -> Floats:
    """Variance of q̄ about q̂_obs: copies of groups have not n/k times the variance V."""
    if moments.source is None:
        return cov * factor
    return (moments.within + cov if moments.proper else moments.within) / moments.m


def _known_test(difference: Floats, total: Floats) -> wald.FTest:
    p = len(difference)
    statistic = wald.quadratic(difference, total) / p
    return wald.f_test(statistic, p, np.full_like(statistic, np.inf))


def _spread_test(difference: Floats, moments: Moments) -> wald.FTest:
    nested = moments.nests > 1
    return (wald.nested_hotelling if nested else wald.hotelling)(difference, moments)
