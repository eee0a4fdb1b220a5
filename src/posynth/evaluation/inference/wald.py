"""Multivariate tests of p coefficients at once, one function a family of rules.

Each function takes the difference d = q̄ - Q₀, (..., p), and matrix moments (see ``moments``) and
returns an F statistic; infinite denominator degrees of freedom mean χ²_p / p.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from posynth.evaluation.inference.moments import Floats, Moments


class FTest(NamedTuple):
    """An F statistic with its degrees of freedom and p-value; NaN where no test exists."""

    statistic: Floats
    df1: int
    df2: Floats
    p: Floats


def quadratic(d: Floats, matrix: Floats) -> Floats:
    """Return d'M⁻¹d.

    Parameters
    ----------
    d : array
        Vectors, (..., p).
    matrix : array
        Positive definite matrices, (..., p, p).

    Returns
    -------
    array
        Shape (...).

    Examples
    --------
    >>> float(quadratic(np.array([1.0, 2.0]), np.diag([1.0, 4.0])))
    2.0
    """
    solved = np.linalg.solve(matrix, d[..., np.newaxis])[..., 0]
    form: Floats = (d * solved).sum(axis=-1)
    return form


def f_test(statistic: Floats, df1: int, df2: Floats) -> FTest:
    """Attach the p-value of F(df1, df2), or of χ²_df1 / df1 where df2 is infinite."""
    finite = np.where(np.isfinite(df2), df2, 1.0)
    p = np.where(
        np.isinf(df2),
        stats.chi2.sf(df1 * statistic, df1),
        stats.f.sf(statistic, df1, finite),
    )
    return FTest(statistic, df1, df2, np.where(np.isnan(df2), np.nan, p))


def _trace_ratio(matrix: Floats, base: Floats) -> Floats:
    ratio: Floats = np.trace(np.linalg.solve(base, matrix), axis1=-2, axis2=-1)
    return ratio


def _denominator(r: Floats, t: int, p: int) -> Floats:
    """Degrees of freedom w of Li, Raghunathan & Rubin (1991, JASA 86:1065) for T ∝ base(1 + r)."""
    with np.errstate(divide="ignore"):
        if t > 4:
            large: Floats = 4 + (t - 4) * (1 + (1 - 2 / t) / r) ** 2
            return large
        small: Floats = t * (1 + 1 / p) * (1 + 1 / r) ** 2 / 2
        return small


def _proportional(d: Floats, base: Floats, r: Floats, m: int) -> FTest:
    p = d.shape[-1]
    statistic = quadratic(d, base) / (p * (1 + r))
    return f_test(statistic, p, _denominator(r, p * (m - 1), p))


def rubin(d: Floats, x: Moments) -> FTest:
    """D1 = d'Ū⁻¹d / (p(1 + r)), r = (1 + 1/m)tr(BŪ⁻¹)/p (Li, Raghunathan & Rubin 1991)."""
    r = (1 + 1 / x.m) * _trace_ratio(x.between, x.within) / d.shape[-1]
    return _proportional(d, x.within, r, x.m)


def partial(d: Floats, x: Moments) -> FTest:
    """S_p = d'Ū⁻¹d / (p(1 + r_p)), r_p = tr(BŪ⁻¹)/(mp) (Reiter 2005, JSPI 131:365).

    F(p, w_p) with w_p = 4 + (t-4)[1 + (1 - 2/t)/r_p]² and t = p(m-1); for t <= 4 the form of Li
    et al., t(1 + 1/p)(1 + 1/r_p)²/2. Level checked by simulation in the tests.
    """
    r = _trace_ratio(x.between, x.within) / (x.m * d.shape[-1])
    return _proportional(d, x.within, r, x.m)


def scaled(d: Floats, x: Moments) -> FTest:
    """S_p with Ū·k/n in place of Ū, the multivariate T_p*; level checked by simulation."""
    r = _trace_ratio(x.between, x.original) / (x.m * d.shape[-1])
    return _proportional(d, x.original, r, x.m)


def naive(d: Floats, x: Moments) -> FTest:
    """χ²_p of d'Ū⁻¹d."""
    return _chi2(d, x.within)


def simple(d: Floats, x: Moments) -> FTest:
    """F(p, ν) of d'[Ū(k/n + 1/m)]⁻¹d/p, ν as in the scalar rule, averaged over coefficients."""
    total = x.original + x.within / x.m
    share = _trace_ratio(x.original, total) / d.shape[-1]
    return _with_df(d, total, share**2 / x.df_original + 1 / (x.m * x.df_com))


def ppd(d: Floats, x: Moments) -> FTest:
    """F(p, ν) of d'[Ū(k/n + (1 + k/n)/m)]⁻¹d/p, ν as in the scalar rule, averaged likewise."""
    total = x.original + (x.within + x.original) / x.m
    share = _trace_ratio(x.original, total) / d.shape[-1]
    return _with_df(d, total, (1 / x.df_com + 2 * share**2 / x.df_original) / x.m)


def simple_about_original(d: Floats, x: Moments) -> FTest:
    """F(p, m·ν_k) of d'[Ū/m]⁻¹d/p, d = q̄ - q̂_obs."""
    return _with_df(d, x.within / x.m, 1 / (x.m * x.df_com))


def ppd_about_original(d: Floats, x: Moments) -> FTest:
    """F(p, m·ν_k) of d'[Ū(1 + k/n)/m]⁻¹d/p, d = q̄ - q̂_obs."""
    return _with_df(d, (x.within + x.original) / x.m, 1 / (x.m * x.df_com))


def none(d: Floats, x: Moments) -> FTest:
    """No test: what a rule of the user has if it names none."""
    missing = np.full(d.shape[:-1], np.nan)
    return FTest(missing, d.shape[-1], missing, missing)


def _with_df(d: Floats, total: Floats, inverse: Floats | float) -> FTest:
    """F(p, 1/inverse) of d'T⁻¹d/p; χ²_p/p where ``inverse`` is 0."""
    statistic = quadratic(d, total) / d.shape[-1]
    with np.errstate(divide="ignore"):
        df2 = 1 / np.broadcast_to(np.asarray(inverse, dtype=float), statistic.shape)
    return f_test(statistic, d.shape[-1], df2)


def _chi2(d: Floats, total: Floats) -> FTest:
    return _with_df(d, total, 0.0)


def rrr(d: Floats, x: Moments) -> FTest:
    """S_f = d'Ū⁻¹d / (p(r_f - 1)), r_f = (1 + 1/m)tr(BŪ⁻¹)/p (Reiter 2005); none if r_f <= 1.

    F(p, w_f), w_f = 4 + (t-4)[1 - (1 - 2/t)/r_f]², t = p(m-1); level checked by simulation.
    """
    p, t = d.shape[-1], d.shape[-1] * (x.m - 1)
    r = (1 + 1 / x.m) * _trace_ratio(x.between, x.within) / p
    defined = r > 1
    safe = np.where(defined, r, 2.0)
    df2 = (
        4 + (t - 4) * (1 - (1 - 2 / t) / safe) ** 2
        if t > 4
        else t * (1 + 1 / p) * (1 - 1 / safe) ** 2 / 2
    )
    statistic = quadratic(d, x.within) / (p * (safe - 1))
    return f_test(np.where(defined, statistic, np.nan), p, np.where(defined, df2, np.nan))


def rrr_adjusted(d: Floats, x: Moments) -> FTest:
    """S_f where r_f > 1, else χ²_p of d'[Ū·k/n]⁻¹d as in Reiter's scalar adjustment."""
    raw, adjusted = rrr(d, x), _chi2(d, x.original)
    missing = np.isnan(raw.df2)
    return f_test(
        np.where(missing, adjusted.statistic, raw.statistic),
        raw.df1,
        np.where(missing, np.inf, raw.df2),
    )


def nested(d: Floats, x: Moments) -> FTest:
    """d'V̂⁻¹d / (p(1 + r₁ - r₂)) with V̂ = Ū·k/n for a nested design.

    r₁ = (1 + 1/L)tr(BV̂⁻¹)/p, r₂ = tr(B̄V̂⁻¹)/(rp), as the scalar T_M averaged over coefficients;
    w by Satterthwaite: 1/w = [r₁²/(p(L-1)) + r₂²/(pL(r-1))]/(1 + r₁ - r₂)². Where the factor is
    not positive r₂ is dropped, as in the scalar rule. Derived here (Kinney & Reiter 2010 treat
    k = n with another w); level checked by simulation in the tests.
    """
    p = d.shape[-1]
    r1 = (1 + 1 / x.nests) * _trace_ratio(x.nest_between, x.original) / p
    r2 = _trace_ratio(x.nest_within, x.original) / (x.per_nest * p)
    r2 = np.where(1 + r1 - r2 > 0, r2, 0.0)
    noise = r1**2 / (x.nests - 1) + r2**2 / (x.nests * (x.per_nest - 1))
    factor = 1 + r1 - r2
    return f_test(quadratic(d, x.original) / (p * factor), p, p * factor**2 / noise)


def large_k(d: Floats, x: Moments) -> FTest:
    """Hotelling's test with (1 + 1/m)B, F(p, m-p); none if m <= p."""
    return _hotelling(d, (1 + 1 / x.m) * x.between, x.m)


def hotelling(d: Floats, x: Moments) -> FTest:
    """d'(B/m)⁻¹d·(m-p)/(p(m-1)) ~ F(p, m-p), d = q̄ - q̂_obs; none if m <= p."""
    return _hotelling(d, x.between / x.m, x.m)


def nested_hotelling(d: Floats, x: Moments) -> FTest:
    """Hotelling's test of q̄ - q̂_obs with the variance B/L of the nest means; none if L <= p."""
    return _hotelling(d, x.nest_between / x.nests, x.nests)


def _hotelling(d: Floats, total: Floats, m: int) -> FTest:
    p = d.shape[-1]
    if m <= p:
        none = np.full(d.shape[:-1], np.nan)
        return FTest(none, p, none, none)
    statistic = quadratic(d, total) * (m - p) / (p * (m - 1))
    return f_test(statistic, p, np.full_like(statistic, m - p))
