r"""What a study proves: coverage, spread between copies and bias, each held to what theory says.

Copies of every column from posterior draws have

.. math:: E(b) = V + V n/k, \qquad E(\bar v) = V n/k, \qquad E(b) / E(\bar v) = 1 + k/n,

b the variance between copies, v̄ the variance they report, V that of the sample's estimate. A copy
without its own parameter draw lacks the first V, an encoder that learns from the copy adds to
it, and coverage alone shows neither: T_p* = v̄·k/n + b/m takes b as it finds it.

Estimates by maximum likelihood are biased by about c/k in a table of k rows, whatever made it: that
part is the analyst's, not the copies'. Where a study has copies of several sizes, c is the slope of
the estimates on 1/k, and bias is what is left at each k.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from posynth.evaluation.inference.catalogue import ESTIMANDS
from posynth.evaluation.validity.summary import Validity
from posynth.results import Result

type Floats = NDArray[np.float64]

#: Chance that a study of a valid method fails one kind of check.
ERROR = 1e-3
#: What rules with a t or normal reference, and estimates biased by 1/n, may be off by.
COVERAGE_SLACK, RATIO_SLACK, BIAS_SLACK = 0.006, 0.1, 0.1


def verdicts(validity: Validity, rule: str = "auto") -> list[Result]:
    """Hold a study to what theory says, with Monte-Carlo errors taken into account.

    Parameters
    ----------
    validity : Validity
        The study.
    rule : str
        The rule whose coverage is judged.

    Returns
    -------
    list of Result
        ``coverage`` and ``mean coverage`` of each cell and estimand, ``between/within`` of proper
        copies, ``bias`` about the sample's own estimate; ``passed`` says whether it holds.
    """
    study = validity.study
    found: list[Result] = []
    for draws in study.draws:
        for k in study.k:
            for m in study.m:
                cell = f"{draws}, k={k}, m={m}"
                found += _coverages(validity, (draws, k, m), rule, cell)
                # Kept groups are original values in part: their copies differ less.
                if draws == "proper" and m > 1 and not validity.keeps_groups:
                    found += _ratios(validity, (draws, k, m), cell)
        found += _biases(validity, draws)
    return found


def _coverages(
    validity: Validity, cell: tuple[str, int, int], rule: str, where: str
) -> Iterator[Result]:
    level = validity.study.level
    for estimand in ESTIMANDS:
        found = validity.intervals(*cell, rule, estimand)
        if found is None:
            continue
        covered = found.covered
        runs, p = covered.shape
        about = f"{where}, {estimand}"
        each = covered.mean(axis=1)
        error = float(each.std(ddof=1) / np.sqrt(runs)) if runs > 1 else float("nan")
        off, limit = abs(float(each.mean()) - level), _z() * error + COVERAGE_SLACK
        text = f"{level:.0%} intervals; Monte-Carlo error {error:.4f}"
        value = float(each.mean())
        yield Result("mean coverage", value, about, None, off <= limit, text)
        tail = ERROR / (2 * p)
        low = stats.binom.ppf(tail, runs, max(level - COVERAGE_SLACK, 0.0)) / runs
        high = stats.binom.isf(tail, runs, min(level + COVERAGE_SLACK, 1.0)) / runs
        for name, share in zip(validity.names, covered.mean(axis=0), strict=True):
            passed, value = bool(low <= share <= high), float(share)
            limits = f"{low:.3f} to {high:.3f} if the intervals are valid"
            yield Result("coverage", value, f"{about}, {name}", (low, high), passed, limits)


def _ratios(validity: Validity, cell: tuple[str, int, int], where: str) -> Iterator[Result]:
    q, v = validity.estimates(*cell)
    between, within = q.var(axis=0, ddof=1), v.mean(axis=0)  # (R, p)
    source = validity.of_sample(*cell)
    factor = np.full(within.shape[1], cell[1] / validity.study.n)
    if source is not None:  # groups of rows: V̂ is not v̄·k/n
        factor = source.mean(axis=(0, 1)) / within.mean(axis=0)
    expected = 1 + np.append(factor, factor.mean())
    ratio = between.mean(axis=0) / within.mean(axis=0)
    rest = (between - ratio * within) / within.mean(axis=0)
    errors = rest.std(axis=0, ddof=1) / np.sqrt(len(rest))
    together = float(rest.mean(axis=1).std(ddof=1) / np.sqrt(len(rest)))
    slack, what = RATIO_SLACK * expected, "1 + k/n" if source is None else "1 + V̂/v̄"
    names = (*validity.names, "all coefficients")
    values, spread = np.append(ratio, ratio.mean()), np.append(errors, together)
    for name, value, error, e, s in zip(names, values, spread, expected, slack, strict=True):
        yield Result(
            "between/within",
            float(value),
            f"{where}, {name}",
            passed=bool(abs(value - e) <= _z(len(names)) * error + s),
            text=f"{what} = {e:.2f} for proper copies; Monte-Carlo error {error:.3f}",
        )


def _biases(validity: Validity, draws: str) -> Iterator[Result]:
    study, found = validity.study, validity.original_intervals()
    cells = [(draws, k, max(study.m)) for k in study.k]
    errors = np.array([validity.estimates(*c)[0].mean(axis=0) for c in cells]) - found.center
    errors -= _of_size(errors, study.n / np.array(study.k, dtype=float))
    unit = np.sqrt(found.variance.mean(axis=0))
    beyond = "" if len(cells) == 1 else ", beyond what falls with the rows of a copy"
    for k, error in zip(study.k, errors, strict=True):  # (R, p)
        bias = error.mean(axis=0) / unit
        noise = error.std(axis=0, ddof=1) / np.sqrt(len(error)) / unit
        for name, value, mcse in zip(validity.names, bias, noise, strict=True):
            yield Result(
                "bias",
                float(value),
                f"{draws}, k={k}, {name}",
                passed=bool(abs(value) <= _z(len(bias)) * mcse + BIAS_SLACK),
                text="in standard errors of the sample's estimate"
                f"{beyond}; Monte-Carlo error {mcse:.3f}",
            )


def _of_size(errors: Floats, inverse: Floats) -> Floats:
    """Return the part of errors that is proportional to 1/k, with a slope for each replication.

    Parameters
    ----------
    errors : ndarray, shape (K, R, p)
        Mean estimate of the copies of each size, less that of the sample.
    inverse : ndarray, shape (K,)
        n/k; where there is one size only nothing can be told apart, and 0 is returned.
    """
    centred = inverse - inverse.mean()
    if len(inverse) < 2:
        return np.zeros_like(errors)
    slope = np.einsum("k,krp->rp", centred, errors) / (centred @ centred)
    return np.asarray(inverse[:, None, None] * slope)


def _z(tests: int = 1) -> float:
    """Return the normal quantile for ``tests`` two-sided tests at once."""
    return float(stats.norm.isf(ERROR / (2 * tests)))
