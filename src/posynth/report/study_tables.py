"""The outcome of a validity study as one table: a row a cell of the design and rule."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from posynth.evaluation.validity.study import EACH, GIVEN, ONCE
from posynth.evaluation.validity.summary import Validity
from posynth.report.grid import Grid, fixed, grid, p_value, verdict
from posynth.results import Result

HEADS = (
    "copies", "rule", "coverage", "lowest", "highest", "of q_obs", "SE ratio", "bias/SE", "width",
    "T<0",
)  # fmt: skip

#: Choices shown for a conditional, the most frequent ones.
MOST_CHOICES = 6


def validity_grid(validity: Validity) -> Grid:
    """Return a table with means over coefficients, and the extremes of coverage."""
    table = validity.table()
    runs, level = len(validity.replications), validity.study.level
    low, high = (float(stats.binom.ppf(tail, runs, level)) / runs for tail in (0.025, 0.975))
    keys = ["draws", "k", "m", "rule"]
    cells = list(table.groupby(keys, sort=False))
    rows = [_row(key, cell) for key, cell in cells]
    off = [i for i, (_, cell) in enumerate(cells) if not low <= _mean(cell) <= high]
    p, study = len(validity.names), validity.study
    return grid(
        f"{study.name}: {runs} replications of n = {study.n}, {p} coefficients",
        HEADS,
        rows,
        texts=2,
        flagged=off,
        note=(
            f"coverage of {level:.0%} intervals, mean, lowest and highest over coefficients; "
            f"one coefficient's is {low:.3f} to {high:.3f} in 95 % of such studies if the rule "
            "holds. of q_obs: coverage of the sample's own estimate. SE ratio: mean reported "
            "over empirical standard error. bias/SE: largest, in empirical standard errors. "
            "width: over that of the sample's own interval. T<0: share of variances not positive"
        ),
    )


def _mean(cell: pd.DataFrame) -> float:
    return float(cell.loc[cell["estimand"] == "population", "coverage"].mean())


def _row(key: Any, cell: pd.DataFrame) -> tuple[str, ...]:
    draws, k, m, rule = key
    own = cell[cell["estimand"] == "population"]
    other = cell[cell["estimand"] == "original"]
    sample = draws == "none"
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float((own["mean_se"] / own["empirical_se"]).mean())
        bias = float((own["bias"].abs() / own["empirical_se"]).max())
    return (
        "the sample itself" if sample else f"{draws}, k={k}, m={m}",
        "-" if sample else str(rule),
        *(fixed(float(value), 3) for value in (
            own["coverage"].mean(), own["coverage"].min(), own["coverage"].max(),
            other["coverage"].mean(),
        )),
        *(fixed(value, 2) for value in (ratio, bias)),
        _width(float(own["width_ratio"].mean())),
        fixed(float(own["negative"].mean()), 3),
    )  # fmt: skip


def _width(value: float) -> str:
    """Write a ratio of widths; a rule that subtracts variances can have next to no df."""
    return ">1000" if value > 1000 else fixed(value, 2)


def calibration_grid(results: Sequence[Result], replications: int) -> Grid:
    """Return one row a test quantity or statistic, those outside their limit flagged."""
    return grid(
        f"calibration, {replications} replications",
        ("quantity", "test", "p", "passed"),
        [(r.subject, r.measure, p_value(r.value), verdict(r.passed)) for r in results],
        texts=2,
        flagged=[i for i, r in enumerate(results) if r.passed is False],
        note=results[0].text if results else "",
    )


_PLANS = {
    EACH: "the chain was chosen anew in each replication: coverage contains the choice",
    ONCE: "the chain was chosen once, on a first sample: coverage does not contain the choice",
    GIVEN: "the chain was given: nothing was left to choose",
}


def planning(validity: Validity) -> list[str]:
    """Say when the chain was chosen, and how often what was chosen for each conditional."""
    lines = [_PLANS[validity.study.plan]]
    if validity.study.plan != EACH:
        return lines
    found = validity.choices()
    for target, made in found.groupby("conditional", sort=False):
        shown = made.nlargest(MOST_CHOICES, "share")
        pairs = zip(shown["choice"], shown["share"], strict=True)
        said = ", ".join(f"{choice} {_share(share)}" for choice, share in pairs)
        rest = len(made) - len(shown)
        more = f", and {rest} rarer (see choices.csv)" if rest else ""
        lines.append(f"  {target}: {said}{more}")
    return lines


def _share(value: float) -> str:
    return "< 1%" if value < 0.005 else "> 99%" if 0.995 <= value < 1 else f"{value:.0%}"


def failures(validity: Validity) -> list[str]:
    """Say how many replications failed, and of what."""
    if not validity.failures:
        return []
    reasons = Counter(replication.failure for replication in validity.failures)
    total = len(validity.failures) + len(validity.replications)
    lines = [f"{len(validity.failures)} of {total} replications failed and are left out:"]
    return lines + [f"  {count} x {reason}" for reason, count in reasons.most_common(3)]
