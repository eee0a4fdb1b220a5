"""Coverage of the combining rules over m, k/n and n, in chains whose posterior is exact.

``python -m tests.truth.rule_coverage`` writes results/rules.csv: 20 000 runs a row, so that the
Monte-Carlo standard error of a coverage of .95 is .0015 (in column ``mcse`` for the chosen rule).
Columns, for nominal .95:

* ``original``: the interval that the source itself gives;
* ``chosen``, ``auto``, ``width``: what posynth takes, its coverage, and the median length of its
  intervals in units of the source's;
* ``theory``: ppd for proper and partial copies, simple for plug-in ones, with t reference;
  ``theory_normal``: the same with the normal reference of Raab, Nowok & Dibben (2017);
* ``t_p_star``: with posynth's degrees of freedom; ``t_p_star_b``: with those of b alone,
  (m - 1)(1 + V̂/(b/m))², as Reiter (2003) has them.

Chains: bivariate normal (X, Y) under Jeffreys priors, estimands mean of Y, mean of X, slope of Y on
X; X and Y of two levels under Jeffreys priors, estimands the share of Y and the log odds ratio.
Schemes: every column from posterior draws; every column plug-in; partial, where X keeps its
original values and Y is drawn from its posterior.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import RULES, Rule, choose
from posynth.evaluation.inference.moments import scalar_moments

RESULTS = Path(__file__).resolve().parent / "results" / "rules.csv"
LEVEL = 0.95
RUNS = 20_000
SEED = 13
M = (1, 2, 3, 5, 10, 20, 50)
RATIOS = (0.2, 0.5, 1, 2, 5)
N = (20, 50, 100, 500)
NORMAL = ("mean of y", "mean of x", "slope")
BINARY = ("share", "log odds ratio")
#: Estimand -> fewest rows of source and copies for which it is measured.
FEWEST = {"mean of y": 4, "mean of x": 4, "slope": 4, "share": 50, "log odds ratio": 100}
SCHEMES = ("proper", "plug-in", "partial")


@dataclass(frozen=True)
class Runs:
    """Estimates, variances and degrees of freedom of sources, (runs,), and of copies, (m, runs)."""

    truth: float
    q_obs: np.ndarray
    v_obs: np.ndarray
    df_obs: float
    q: np.ndarray
    v: np.ndarray
    df: float


def normal_chain(estimand, scheme, n, k, m, runs, rng):
    """X ~ N(0, 1), Y ~ N(0, 1) through sufficient statistics: no row need be drawn."""
    sxx, ssr = rng.chisquare(n - 1, runs), rng.chisquare(n - 2, runs)
    x_bar, y_bar = rng.normal(size=(2, runs)) / np.sqrt(n)  # y_bar: the level at x_bar
    slope = rng.normal(size=runs) / np.sqrt(sxx)
    shape = (m, runs)
    var_x, var_y, mean_x = (
        np.broadcast_to(a, shape) for a in (sxx / (n - 1), ssr / (n - 2), x_bar)
    )
    level, slope_l = np.broadcast_to(y_bar, shape), np.broadcast_to(slope, shape)
    if scheme != "plug-in":
        var_y = ssr / rng.chisquare(n - 2, shape)
        slope_l = slope + rng.normal(size=shape) * np.sqrt(var_y / sxx)
        level = y_bar + rng.normal(size=shape) * np.sqrt(var_y / n)
    if scheme == "proper":
        var_x = sxx / rng.chisquare(n - 1, shape)
        mean_x = x_bar + rng.normal(size=shape) * np.sqrt(var_x / n)
    if scheme == "partial":
        s_copy, x_copy = np.broadcast_to(sxx, shape), mean_x
    else:
        s_copy = var_x * rng.chisquare(k - 1, shape)
        x_copy = mean_x + rng.normal(size=shape) * np.sqrt(var_x / k)
    fitted = slope_l + rng.normal(size=shape) * np.sqrt(var_y / s_copy)
    residual = var_y * rng.chisquare(k - 2, shape)
    y_copy = level + slope_l * (x_copy - x_bar) + rng.normal(size=shape) * np.sqrt(var_y / k)
    if estimand == "slope":
        v_obs, v = ssr / (n - 2) / sxx, residual / (k - 2) / s_copy
        return Runs(0.0, slope, v_obs, n - 2.0, fitted, v, k - 2.0)
    if estimand == "mean of x":
        v_obs, v = sxx / (n - 1) / n, s_copy / (k - 1) / k
        return Runs(0.0, x_bar, v_obs, n - 1.0, x_copy, v, k - 1.0)
    v_obs = (slope**2 * sxx + ssr) / (n - 1) / n
    v = (fitted**2 * s_copy + residual) / (k - 1) / k
    return Runs(0.0, y_bar, v_obs, n - 1.0, y_copy, v, k - 1.0)


def binary_chain(estimand, scheme, n, k, m, runs, rng):
    """P(X = 1) = .5, P(Y = 1 | X) = .3 and .5, by counts."""

    def posterior(successes, trials):
        if scheme == "plug-in":
            return np.broadcast_to(successes / np.maximum(trials, 1), (m, runs))
        return rng.beta(successes + 0.5, trials - successes + 0.5, (m, runs))

    ones = rng.binomial(n, 0.5, runs)
    both, other = rng.binomial(ones, 0.5), rng.binomial(n - ones, 0.3)
    drawn = ones if scheme == "partial" else rng.binomial(k, posterior(ones, n))
    drawn = np.broadcast_to(drawn, (m, runs))
    a = rng.binomial(drawn, posterior(both, ones))
    c = rng.binomial(k - drawn, posterior(other, n - ones))
    if estimand == "share":
        p_obs, p = (both + other) / n, (a + c) / k
        parts = (p_obs, p_obs * (1 - p_obs) / n, p, p * (1 - p) / k)
        return Runs(0.4, *parts[:2], np.inf, *parts[2:], np.inf)
    source = np.array([both, ones - both, other, n - ones - other])
    copy = np.array([a, drawn - a, c, k - drawn - c])
    seen = (source > 0).all(axis=0) & (copy > 0).all(axis=(0, 1))
    (q_obs, v_obs), (q, v) = _log_odds_ratio(source[:, seen]), _log_odds_ratio(copy[..., seen])
    return Runs(float(np.log(7 / 3)), q_obs, v_obs, np.inf, q, v, np.inf)


def _log_odds_ratio(cells):
    return np.log(cells[0] * cells[3] / (cells[1] * cells[2])), (1 / cells).sum(axis=0)


def _published(name, rule, df):
    return Rule(name, RULES[rule].formula, "as it was published", lambda x: (
        RULES[rule].spread(x).variance, df(x)
    ), copies=RULES[rule].copies)  # fmt: skip


def _reiter(x):
    return (x.m - 1) * (1 + x.original / (x.between / x.m)) ** 2


#: Users' rules: those of posynth with the reference distributions they were published with.
PPD_NORMAL, SIMPLE_NORMAL = (
    _published(f"{r}, normal", r, lambda _: np.inf) for r in ("ppd", "simple")
)
T_P_STAR_B = _published("t_p_star, df of b", "t_p_star", _reiter)


def covered(x, rule, truth, level=LEVEL):
    """Share of intervals that hold the true value, and the median of their half-lengths."""
    spread = rule.spread(x)
    half = np.sqrt(spread.variance) * stats.t.ppf((1 + level) / 2, spread.df)
    return float((np.abs(x.center - truth) <= half).mean()), float(np.median(half))


def provenance_of(scheme, n, k, m):
    """How such copies were made, as the choice of the rule reads it."""
    return Provenance(n, k, m, scheme != "plug-in", ("x",) if scheme == "partial" else ())


def row(scheme, estimand, n, ratio, m, runs, seed=SEED):
    """Return the measured row of one cell, or None where the estimand does not exist there."""
    k = round(n * ratio)
    if min(n, k) < FEWEST[estimand]:
        return None
    place = (SCHEMES.index(scheme), list(FEWEST).index(estimand), n, round(10 * ratio), m)
    rng = np.random.default_rng([seed, *place])
    chain = binary_chain if estimand in BINARY else normal_chain
    found = chain(estimand, scheme, n, k, m, runs, rng)
    made = provenance_of(scheme, n, k, m)
    x = scalar_moments(found.q, found.v, made, found.df, df_source=found.df_obs)
    half = np.sqrt(found.v_obs) * stats.t.ppf((1 + LEVEL) / 2, found.df_obs)
    original = float((np.abs(found.q_obs - found.truth) <= half).mean())
    chosen = choose(made).rule
    auto, length = covered(x, RULES[chosen], found.truth)
    theory, normal = ("simple", SIMPLE_NORMAL) if scheme == "plug-in" else ("ppd", PPD_NORMAL)
    several = {"t_p_star": RULES["t_p_star"], "t_p_star_b": T_P_STAR_B} if m > 1 else {}
    rules = {"theory": RULES[theory], "theory_normal": normal, **several}
    return {
        "scheme": scheme, "estimand": estimand, "n": n, "k/n": ratio, "m": m,
        "runs": len(found.q_obs), "original": original, "chosen": chosen, "auto": auto,
        "mcse": (auto * (1 - auto) / len(found.q_obs)) ** 0.5, "width": length / np.median(half),
        **{name: covered(x, rule, found.truth)[0] for name, rule in rules.items()},
    }  # fmt: skip


def measure(
    runs=RUNS, schemes=SCHEMES, estimands=(*NORMAL, *BINARY), n=N, ratios=RATIOS, m=M, seed=SEED
):
    """Measure every cell of a grid; partial copies have k = n, and only they the mean of X."""
    rows = []
    for scheme in schemes:
        for estimand in estimands:
            if estimand == "mean of x" and scheme != "partial":
                continue  # complete copies treat X as Y
            for size in n:
                for ratio in (1,) if scheme == "partial" else ratios:
                    rows += [row(scheme, estimand, size, ratio, copies, runs, seed) for copies in m]
    return pd.DataFrame([found for found in rows if found is not None])


def main():
    """Measure the whole grid and write it."""
    table = measure()
    table.to_csv(RESULTS, index=False, float_format="%.4f")
    shown = table[table["n"] >= 50].groupby(["scheme", "k/n", "m"])
    print(shown[["auto", "theory", "theory_normal", "t_p_star", "t_p_star_b"]].mean().round(3))
    print(f"{RESULTS.name}: {len(table)} rows")


if __name__ == "__main__":
    main()
