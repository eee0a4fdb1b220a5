"""Combining rules: the variance of q̄ and its reference distribution, one function a rule.

Notation of the literature: m copies of k rows from a source of n rows, q̄ and v̄ the means of the
estimates and of the variances the copies report, b the variance between the estimates, V the
variance of the estimate from the original rows. Every rule answers for two estimands: the
population value Q, and q̂_obs, the estimate the original rows would have given.
"""

from typing import NamedTuple

import numpy as np

from posynth.evaluation.inference.moments import Floats, Moments


class Spread(NamedTuple):
    """Variance of q̄ about an estimand, and degrees of freedom of its t reference."""

    variance: Floats
    df: Floats


def _normal(variance: Floats) -> Spread:
    return Spread(variance, np.full_like(variance, np.inf))


def naive(x: Moments) -> Spread:
    """T = v̄, normal: the copy taken for real data. Kept for comparison; it never covers."""
    return _normal(x.within)


def rubin(x: Moments) -> Spread:
    """T = v̄ + (1 + 1/m)b with the degrees of freedom of Barnard and Rubin.

    For multiply imputed *missing* data (Rubin 1987, ch. 3); over-covers for synthetic copies,
    because v̄ is counted once and lies inside b a second time.
    """
    added = (1 + 1 / x.m) * x.between
    total = x.within + added
    return Spread(total, barnard_rubin(added / total, x.m, x.df_com))


def barnard_rubin(share: Floats, m: int, df_com: float) -> Floats:
    """Degrees of freedom for multiple imputation (Barnard & Rubin 1999, Biometrika 86:948).

    With λ = (1 + 1/m)b/T: ν_old = (m-1)/λ², ν_obs = (1-λ)ν_com(ν_com+1)/(ν_com+3) and
    ν = ν_old·ν_obs/(ν_old + ν_obs). The same numbers as R mice's ``barnard.rubin``.

    Parameters
    ----------
    share : array
        λ.
    m : int
        Number of imputations.
    df_com : float
        ν_com; infinite gives ν_old.

    Returns
    -------
    array

    Examples
    --------
    >>> float(barnard_rubin(np.array(0.5), 5, float("inf")))
    16.0
    """
    old: Floats = (m - 1) / share**2
    if np.isinf(df_com):
        return old
    observed = (1 - share) * df_com * (df_com + 1) / (df_com + 3)
    return 1 / (share**2 / (m - 1) + 1 / observed)


def rubin_fmi(x: Moments, spread: Spread) -> Floats:
    """Fraction of missing information (r + 2/(ν+3))/(1 + r), r = (1 + 1/m)b/v̄ (Rubin 1987)."""
    r = (1 + 1 / x.m) * x.between / x.within
    lost: Floats = (r + 2 / (spread.df + 3)) / (1 + r)
    return lost


def partial(x: Moments) -> Spread:
    """T_p = v̄ + b/m, ν = (m-1)(1 + v̄/(b/m))² (Reiter 2003, Survey Methodology 29:181).

    For partial synthesis with k = n; what R mice calls ``rule = "reiter2003"``. Without the factor
    k/n it fails for other k: 95 % intervals cover .77 at k = 5n, m = 5. mice gives no fmi here.
    """
    return _plus_between(x.within, x)


#: Copies that the theoretical variance between copies counts for in the degrees of freedom of T_p*.
THEORY = 0.5


def scaled(x: Moments) -> Spread:
    r"""T_p* = v̄·k/n + b/m, for 2 or more copies drawn in any way.

    v̄·k/n estimates V and b/m the variance of q̄ given the source, however the copies were drawn,
    proper or plug-in, complete or partial: so E T_p* is the variance of q̄ about Q wherever v̄·k/n
    estimates V. It does not with survey weights, and with groups of rows only if the analysis says
    how many there are (`Clusters`).

    .. math:: 1/\nu = w^2/(m-1) + (1-w)^2/\nu_V, \quad w = (\tilde b/m) / (\hat V + \tilde b/m)

    by Satterthwaite. :math:`\tilde b` is b averaged with what theory says of it (``x.noise``),
    which counts as half a copy: with b alone ν is large where b happens to be small, and two
    copies cover .90 to .94 instead of .95. :math:`\nu_V` is that of V̂: 1/(1/ν_n + 1/(m ν_k)) with
    the residual degrees of freedom ν_n and ν_k of the analysis of the source and of a copy; for
    posterior draws of every column m/(1/ν_n + 1/ν_k), since E v̄k/n then is the variance of the
    posterior and exceeds V by what the t reference of the source would add. Not so for groups of
    rows whose effects the copies keep: their spread in all copies is that of the source, and its
    df do not grow with m. Derived here; its coverage is in tests/truth/results/rules.csv.
    """
    noise = x.between / x.m
    steady = ((x.m - 1) * x.between + THEORY * x.noise) / (x.m - 1 + THEORY) / x.m
    share = steady / (x.original + steady)
    inverse = share**2 / (x.m - 1) + (1 - share) ** 2 * _doubt_of_original(x)
    return Spread(x.original + noise, 1 / inverse)


def _doubt_of_original(x: Moments) -> float:
    """Return 1/ν of V̂ as it counts in T: 0 where analyses have a normal reference."""
    if x.proper and x.complete:
        return (1 / x.df_original + 1 / x.df_com) / x.m
    return 1 / x.df_original + 1 / (x.m * x.df_com)


def _plus_between(base: Floats, x: Moments) -> Spread:
    noise = x.between / x.m
    return Spread(base + noise, (x.m - 1) * (1 + base / noise) ** 2)


def incomplete(x: Moments) -> Spread:
    """T = v̄·k/n + b/m, normal: T_p* as synthpop prints it (Raab, Nowok & Dibben 2017)."""
    return _normal(x.original + x.between / x.m)


def simple(x: Moments) -> Spread:
    r"""T = v̄(k/n + 1/m): plug-in copies of every column (Raab, Nowok & Dibben 2017).

    V̂ = v̄·k/n, and each plug-in copy varies about q̂_obs by its own sampling variance v̄. Their
    reference is normal; here t with

    .. math:: 1/\nu = u^2/\nu_n + 1/(m\nu_k), \qquad u = \hat V/T,

    ν_n and ν_k the residual degrees of freedom of the analysis of the source and of a copy: the
    error of σ̂² in the source cancels but for V̂, the errors in the copies do not.
    """
    total = x.original + x.within / x.m
    share = x.original / total
    return Spread(total, 1 / (share**2 / x.df_original + 1 / (x.m * x.df_com)))


def ppd(x: Moments) -> Spread:
    r"""T = v̄(k/n + (1 + k/n)/m): proper copies of every column (Raab et al. 2017).

    A posterior-predictive copy varies about q̂_obs by v̄ (its rows) plus v̄·k/n (its parameters).
    Their reference is normal, which is short in small samples: .92 instead of .95 at n = k = 20,
    m = 1. Here t with

    .. math:: \nu = m / (1/\nu_k + 2u^2/\nu_n), \qquad u = \hat V/T,

    ν_n and ν_k as for `simple`. The error of the drawn σ cancels but for V̂; 2u²/ν_n is its part and
    that of random predictors. Derived here; coverage in tests/truth/results/rules.csv.
    """
    total = x.original + (x.within + x.original) / x.m
    share = x.original / total
    return Spread(total, x.m / (1 / x.df_com + 2 * share**2 / x.df_original))


def rrr(x: Moments) -> Spread:
    """T_s = (1 + 1/m)b - v̄, ν = (m-1)(1 - v̄/((1+1/m)b))² (Raghunathan, Reiter & Rubin 2003).

    Needs proper draws but no n. For proper copies E b = V + v̄, so E T_s = V(1 + 1/m) + v̄/m;
    ν is Satterthwaite's with v̄ taken as known. T_s is negative in a fifth of all runs at m = 5.
    """
    added = (1 + 1 / x.m) * x.between
    return Spread(added - x.within, (x.m - 1) * (1 - x.within / added) ** 2)


def rrr_adjusted(x: Moments) -> Spread:
    """T_s* = T_s, or v̄·k/n with a normal reference where T_s <= 0 (Reiter 2002, JOS 18:531)."""
    raw = rrr(x)
    negative = raw.variance <= 0
    return Spread(np.where(negative, x.original, raw.variance), np.where(negative, np.inf, raw.df))


def nested(x: Moments) -> Spread:
    """T_M = (1 + 1/L)B - b̄/r + v̄·k/n for L imputations with r copies each (Reiter 2004).

    1/ν = [((1+1/L)B)²/(L-1) + (b̄/r)²/(L(r-1))]/T_M². Where T_M <= 0: (1 + 1/L)B + v̄·k/n with
    ν = (L-1)(1 + v̄(k/n)/((1+1/L)B))². The factor k/n extends Reiter's k = n.
    """
    added = (1 + 1 / x.nests) * x.nest_between
    inner = x.nest_within / x.per_nest
    total = added - inner + x.original
    inverse = added**2 / (x.nests - 1) + inner**2 / (x.nests * (x.per_nest - 1))
    positive = total > 0
    return Spread(
        np.where(positive, total, added + x.original),
        np.where(positive, total**2 / inverse, (x.nests - 1) * (1 + x.original / added) ** 2),
    )


def large_k(x: Moments) -> Spread:
    """T = (1 + 1/m)b, ν = m - 1: k so much larger than n that v̄ vanishes (k → ∞ of T_s)."""
    total = (1 + 1 / x.m) * x.between
    return Spread(total, np.full_like(total, x.m - 1.0))


def about_original(x: Moments) -> Spread:
    """Variance b/m of q̄ about q̂_obs, ν = m - 1, for copies whose estimates centre on q̂_obs."""
    noise = x.between / x.m
    return Spread(noise, np.full_like(noise, x.m - 1.0))


def nests_about_original(x: Moments) -> Spread:
    """Variance B/L of q̄ about q̂_obs in a nested design, ν = L - 1."""
    noise = x.nest_between / x.nests
    return Spread(noise, np.full_like(noise, x.nests - 1.0))


def simple_about_original(x: Moments) -> Spread:
    """Variance v̄/m of q̄ about q̂_obs for plug-in copies of every column, ν = m·ν_k."""
    noise = x.within / x.m
    return Spread(noise, np.full_like(noise, x.m * x.df_com))


def ppd_about_original(x: Moments) -> Spread:
    """Variance v̄(1 + k/n)/m of q̄ about q̂_obs for proper copies of every column, ν = m·ν_k."""
    noise = (x.within + x.original) / x.m
    return Spread(noise, np.full_like(noise, x.m * x.df_com))
