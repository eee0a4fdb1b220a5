"""Compare the fit to the copies with the fit to the original rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison, Provenance
from posynth.evaluation.inference.estimates import Analysis, Estimate, aligned, fit_copies
from posynth.evaluation.inference.moments import Floats
from posynth.evaluation.inference.overlap import expected, lack_of_fit, overlap
from posynth.evaluation.inference.pool import Pooled, pool
from posynth.evaluation.inference.rule import Rule
from posynth.results import Result

#: Expected |std diff| and overlap where theory does not give them.
UNKNOWN = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Agreement:
    """How close the inference from the copies is to the one from the original rows.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a coefficient: original, its error, synthetic, its error, difference, std diff
        (difference / original error) and overlap of the intervals.
    lack_of_fit : Result
        Test that the difference is no larger than the synthesis explains.
    expected : tuple of float
        Mean |std diff| and mean overlap to expect of a right synthesis; NaN where unknown.
    pooled : Pooled
        The inference from the copies.
    exact : str
        What is said in place of a test where a fit has no residual, or ``""``.
    """

    table: pd.DataFrame
    lack_of_fit: Result
    expected: tuple[float, float]
    pooled: Pooled
    exact: str = ""

    def results(self) -> list[Result]:
        """Return the two summaries, the lack-of-fit test and both measures a coefficient."""
        std_diff, overlap = self.table["std diff"], self.table["overlap"]
        summaries = [
            self._summary("mean |std diff|", float(std_diff.abs().mean()), self.expected[0]),
            self._summary("mean CI overlap", float(overlap.mean()), self.expected[1]),
            self.lack_of_fit,
        ]
        each = [
            Result(measure, float(value), subject=str(name))
            for measure, column in (("std diff", std_diff), ("CI overlap", overlap))
            for name, value in column.items()
        ]
        return summaries + each

    def _summary(self, measure: str, value: float, expected: float) -> Result:
        known = f"a right synthesis gives {expected:.3f} on average"
        text = known if np.isfinite(expected) else "its expectation is unknown for these copies"
        return Result(measure, value, text=self.exact or text, details={"expected": expected})


def compare_fits(
    estimates: Sequence[Estimate],
    original: Estimate,
    provenance: Provenance,
    *,
    level: float = 0.95,
    interval: str = "expected",
    rule: str | Rule = "auto",
) -> Agreement:
    """Compare the estimates of the copies with the estimate of the original rows.

    Parameters
    ----------
    estimates : sequence of Estimate
        One a copy.
    original : Estimate
        The same analysis of the original rows.
    provenance : Provenance
        How the copies were made.
    level : float
        Level of the intervals.
    interval : str
        Which synthetic interval is laid beside the original one: ``"expected"``, q̄ ± z√(v̄·k/n),
        the interval the original fit would have; ``"population"``, the pooled one for Q.
    rule : str
        Combining rule of the pooled inference.

    Returns
    -------
    Agreement

    Raises
    ------
    MeasureError
        If the coefficients differ, or as `pool` does.

    Examples
    --------
    >>> original = Estimate(("slope",), [1.0], [[0.04]])
    >>> copies = [Estimate(("slope",), [q], [[0.04]]) for q in (1.1, 1.3)]
    >>> agreement = compare_fits(copies, original, Provenance(n=100, k=100, m=2))
    >>> round(float(agreement.table.loc["slope", "std diff"]), 3)
    1.0
    """
    if interval not in ("expected", "population"):
        raise MeasureError(unknown("interval", interval, ("expected", "population")))
    original = _same_names(original, estimates)
    pooled = pool(estimates, provenance, rule=rule, level=level)
    z = float(stats.norm.ppf((1 + level) / 2))
    real = _interval(original.q, original.std_error, z)
    shown, error = pooled.table[["lower", "upper"]].to_numpy().T, pooled.table["std error"]
    if interval == "expected":
        error = pooled.table["expected error"]
        shown = _interval(pooled.moments.center, error.to_numpy(), z)
    difference = pooled.moments.center - original.q
    without = np.full_like(difference, np.nan)
    exact = _exact(original, pooled)
    table = pd.DataFrame(
        {
            "original": original.q,
            "original error": original.std_error,
            "synthetic": pooled.moments.center,
            "synthetic error": error.to_numpy(),
            "difference": difference,
            "std diff": without if exact else difference / original.std_error,
            "overlap": without if exact else overlap(real, shown),
        },
        index=pooled.table.index,
    )
    if exact:
        return Agreement(table, Result("lack of fit", np.nan, text=exact), UNKNOWN, pooled, exact)
    lack = lack_of_fit(difference, original.cov, pooled.moments, provenance, level)
    usual = pooled.moments.source is None  # with groups it differs between coefficients
    return Agreement(table, lack, expected(provenance, level) if usual else UNKNOWN, pooled)


def _exact(original: Estimate, pooled: Pooled) -> str:
    """Say why there is no test where a fit leaves nothing over."""
    if original.exact and pooled.exact:
        return "no test: the model fits the original rows and every copy exactly"
    if original.exact:
        return (
            "no test: the model fits the original rows exactly and not the copies, which do not "
            "keep that its terms give the response; a rule keeps it (--passive)"
        )
    return (
        "no test: the model fits every copy exactly and not the original rows"
        if pooled.exact
        else ""
    )


def _same_names(original: Estimate, estimates: Sequence[Estimate]) -> Estimate:
    names = aligned(estimates)[0].names
    odd = sorted(set(names).symmetric_difference(original.names))
    if odd:
        where = "the copies" if odd[0] in original.names else "the original rows"
        raise MeasureError(
            f"coefficient {odd[0]!r} is missing in the fit to {where}; merge rare levels before "
            "fitting, or leave the term out of the model"
        )
    return original.ordered(names)


def compare_analysis(
    analysis: Analysis, comparison: Comparison, *, level: float = 0.95, interval: str = "expected"
) -> Agreement:
    """Run an analysis on the original table and on every copy, and compare.

    Parameters
    ----------
    analysis : callable
        As for `fit_copies`.
    comparison : Comparison
        The original, the copies and how they were made.
    level, interval
        As for `compare_fits`.

    Returns
    -------
    Agreement
    """
    copies = fit_copies(analysis, comparison.copies)
    try:
        (original,) = fit_copies(analysis, [comparison.original])
    except MeasureError as error:
        raise MeasureError(str(error).replace("copy 1", "the original table", 1)) from error
    return compare_fits(copies, original, comparison.provenance, level=level, interval=interval)


def _interval(center: Floats, error: Floats, z: float) -> Floats:
    return np.array([center - z * error, center + z * error])
