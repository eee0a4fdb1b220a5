r"""Log score of rows that no conditional was fitted on, against independent columns."""

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Rows
from posynth.evaluation.base import NO_HOLDOUT, Comparison
from posynth.evaluation.utility.values import Floats
from posynth.posterior.likelihood import chain_log_likelihood, code_rows, comb, encoded, family_of
from posynth.posterior.record import Posterior
from posynth.results import Result

Z = 1.96
NOISE = 0.005  # nats a row: what the average over some hundred draws may be off by
SCORE = (
    "Mean log predictive density of {rows} holdout rows under {what}, in nats a row, averaged over "
    "{draws} posterior draws before the logarithm; independent columns have {baseline:.4g}"
)
GAIN = (
    "Log score less that of independent columns (levels by their frequency, numbers by a kernel "
    "density of the original). Above 0 {what} predicts new rows better; wholly below 0 its shape "
    "is further from the data than a smooth histogram: change the family or the terms"
)


def measure(
    comparison: Comparison,
    posterior: Posterior,
    *,
    rng: np.random.Generator,
    draws: int = 200,
    rows: int = 5000,
) -> list[Result]:
    r"""Score the chain on holdout rows, as a whole and conditional by conditional.

    With draws theta_h, h = 1..S, the score of conditional j at holdout row i is
    log (1/S) sum_h p(x_ij | x_i,<j, theta_jh). Conditionals are independent a posteriori, so the
    log predictive density of a row is the sum over its conditionals. Standard errors are those of
    means over rows; the gain is over the same rows, so its error is that of a paired difference.

    Parameters
    ----------
    comparison : Comparison
        The tables; without a holdout the result is NaN.
    posterior : Posterior
        The fitted chain.
    rng : numpy.random.Generator
        Draws the rows, if there are more than ``rows``.
    draws, rows : int
        At most so many posterior draws and holdout rows are used.

    Returns
    -------
    list of Result
        ``log score`` and ``log score gain`` of whole rows (subject ``""``) and of each
        conditional; -inf if some row has density 0. Means over rows only: no row is shown.

    References
    ----------
    Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation, JASA
    102, 359-378; Vehtari, Gelman and Gabry (2017), Statistics and Computing 27, 1413-1432.

    Examples
    --------
    >>> import posynth
    >>> table = posynth.load_heart_failure()[["age", "sex"]]
    >>> copies = posynth.synthesize(table[:200], m=2, seed=1)
    >>> tables = posynth.lay_beside(copies, table[:200], holdout=table[200:])
    >>> results = measure(tables, copies.posterior, rng=np.random.default_rng(1))
    >>> [(r.measure, r.subject) for r in results[2:4]]
    [('log score', 'age'), ('log score gain', 'age')]

    Conditionals that are algorithms (trees, donors) have no likelihood: they are passed over, and
    whole rows are then not scored.
    Passive columns have none either, and add nothing: their sources decide them.
    """
    if comparison.holdout is None:
        return [Result("log score", float("nan"), text=NO_HOLDOUT)]
    table = comparison.holdout
    if len(table) > rows:
        table = table.iloc[np.sort(rng.choice(len(table), rows, replace=False))]
    held, known = encoded(posterior, table), encoded(posterior, comparison.original)
    chosen = comb(posterior, draws)
    scored: dict[str, tuple[Floats, Floats]] = {}
    targets = [t for t in posterior.estimated if family_of(posterior, t).drawer is None]
    for target, found in chain_log_likelihood(posterior, held, chosen, targets):
        scored[target] = _log_mean(found), margin(posterior, target, known, held)
    used = min(map(len, chosen.values()), default=0)
    results = []
    if scored and len(targets) == len(posterior.estimated):  # an algorithm has no likelihood
        whole = tuple(np.nansum(part, axis=0) for part in zip(*scored.values(), strict=True))
        results = _pair("", whole[0], whole[1], used)
    for target, (score, baseline) in scored.items():
        results += _pair(target, score, baseline, used)
    return results


def _log_mean(found: Floats) -> Floats:
    from scipy.special import logsumexp

    return np.asarray(logsumexp(found, axis=0) - np.log(len(found)))


def margin(posterior: Posterior, target: str, known: Rows, held: Rows) -> Floats:
    """Return the log density of holdout values under the column's own distribution, (n,).

    Levels (and holes) have their frequency with one case added to each. Numbers have a Gaussian
    kernel density, its bandwidth Scott's, but at least half the step to which values are rounded,
    with one case added that is spread like a t with 3 degrees of freedom. Where the conditional
    stands on a learned scale, the scale itself is the column's own distribution: what it got wrong
    of the column counts for neither side.
    """
    conditional = posterior.spec[target]
    before, new = known.arrays[conditional.column], held.arrays[conditional.column]
    if conditional.indicates:
        return _frequency(np.isnan(before), np.isnan(new), 2)
    coding, found = posterior.links[target].coding, np.full(len(new), np.nan)
    if coding.learned is not None:
        coded = code_rows(posterior, held, target)
        assert coded.scored is not None
        found[coded.used] = coded.scored.log_margin
        return found
    before, there = before[~np.isnan(before)], ~np.isnan(new)
    if coding.levels:
        before, now = (coding.levels_of(target, values) for values in (before, new[there]))
        found[there] = _frequency(before, now, len(coding.levels))
    else:
        decimals = posterior.schema[target].decimals
        step = 0.0 if decimals is None else 10.0**-decimals
        found[there] = _kernel(before, new[there], step)
    return found


def _frequency(before: NDArray[np.generic], new: NDArray[np.generic], levels: int) -> Floats:
    counts = np.bincount(before.astype(np.int64), minlength=levels) + 1.0
    return np.log(counts / counts.sum())[new.astype(np.int64)]


def _kernel(before: Floats, new: Floats, step: float) -> Floats:
    from scipy.stats import gaussian_kde, t

    spread = float(before.std(ddof=1)) if len(before) > 1 else 0.0
    if not spread > 0:
        return np.full(len(new), np.nan)
    width = max(len(before) ** -0.2, step / 2 / spread)
    smooth = gaussian_kde(before, width).logpdf(new) + np.log(len(before))
    # A kernel density alone would give a holdout value far out a density of e^-1000.
    far = t.logpdf(new, 3, before.mean(), spread)
    return np.asarray(np.logaddexp(smooth, far) - np.log(len(before) + 1))


def _pair(target: str, score: Floats, baseline: Floats, draws: int) -> list[Result]:
    there = ~np.isnan(score) & ~np.isnan(baseline)
    score, baseline = score[there], baseline[there]
    rows = len(score)
    if rows < 2:
        return []
    what = f"the conditional of {target}" if target else "the chain"
    mean, error = _mean(score)
    details = {"rows": rows, "draws": draws, "baseline": float(baseline.mean()), "se": error}
    text = SCORE.format(rows=rows, what=what, draws=draws, baseline=details["baseline"]) + "."
    gain, apart = _mean(score - baseline)
    limits = (gain - Z * apart, gain + Z * apart)
    passed = bool(limits[1] >= -NOISE)
    return [
        Result(
            "log score", mean, target, (mean - Z * error, mean + Z * error), None, text, details
        ),
        Result(
            "log score gain",
            gain,
            target,
            limits,
            passed,
            GAIN.format(what=what) + ".",
            {"rows": rows, "se": apart},
        ),
    ]


def _mean(values: Floats) -> tuple[float, float]:
    """Mean and its standard error; a row of density 0 makes both infinite or undefined."""
    if not np.isfinite(values).all():
        return float("-inf"), float("nan")
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
