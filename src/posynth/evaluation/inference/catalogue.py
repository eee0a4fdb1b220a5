"""The combining rules by name, each with its formula and the sentence that says when it holds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from posynth.errors import MeasureError, unknown
from posynth.evaluation.inference import rules, wald
from posynth.evaluation.inference.moments import Floats, Moments
from posynth.evaluation.inference.rules import Spread

ESTIMANDS = ("population", "original")


@dataclass(frozen=True)
class Rule:
    """A combining rule.

    Attributes
    ----------
    formula, when : str
        Its variance for the population estimand as printed, and when it holds.
    population, original : callable
        Moments to Spread, about Q and about q̂_obs.
    joint, joint_original : callable
        Difference and matrix moments to the multivariate test, about Q and about q̂_obs.
    copies : tuple of int
        Fewest copies needed for Q and for q̂_obs.
    nested : bool
        Whether it needs at least 2 imputations with at least 2 copies each.
    fmi : callable, optional
        Moments and Spread to the fraction of information lost; 1 - V̂/T if not given.
    """

    formula: str
    when: str
    population: Callable[[Moments], Spread]
    joint: Callable[[Floats, Moments], wald.FTest]
    original: Callable[[Moments], Spread] = rules.about_original
    joint_original: Callable[[Floats, Moments], wald.FTest] = wald.hotelling
    copies: tuple[int, int] = (2, 2)
    nested: bool = False
    fmi: Callable[[Moments, Spread], Floats] | None = None

    def spread(self, x: Moments, estimand: str = "population") -> Spread:
        """Variance of q̄ and degrees of freedom, one value an estimand."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.population(x) if estimand == "population" else self.original(x)

    def lost(self, x: Moments, spread: Spread) -> Floats:
        """Fraction of the information about Q lost on the way from the original rows."""
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.fmi is not None:
                return self.fmi(x, spread)
            share: Floats = np.where(spread.variance > 0, 1 - x.original / spread.variance, np.nan)
            return share

    def test(self, difference: Floats, x: Moments, estimand: str = "population") -> wald.FTest:
        """Multivariate test of a difference q̄ - Q₀, (..., p)."""
        run = self.joint if estimand == "population" else self.joint_original
        return run(difference, x)


RULES: dict[str, Rule] = {
    "t_p_star": Rule(
        "T = v̄·k/n + b/m",
        "right for copies drawn in any way, proper or plug-in, complete or partial",
        rules.scaled,
        wald.scaled,
    ),
    "ppd": Rule(
        "T = v̄·(k/n + (1 + k/n)/m)",
        "for proper copies of every column; works with a single copy",
        rules.ppd,
        wald.ppd,
        rules.ppd_about_original,
        wald.ppd_about_original,
        copies=(1, 1),
    ),
    "simple": Rule(
        "T = v̄·(k/n + 1/m)",
        "for plug-in copies of every column; too short by V/m for proper copies",
        rules.simple,
        wald.simple,
        rules.simple_about_original,
        wald.simple_about_original,
        copies=(1, 1),
    ),
    "incomplete": Rule(
        "T = v̄·k/n + b/m, normal",
        "t_p_star with a normal reference, as synthpop prints it",
        rules.incomplete,
        wald.scaled,
    ),
    "partial": Rule(
        "T = v̄ + b/m",
        "for partial synthesis with k = n, as R mice's pool.syn prints it",
        rules.partial,
        wald.partial,
    ),
    "rrr": Rule(
        "T = (1 + 1/m)·b - v̄",
        "for proper copies; needs no n, but is often negative with few copies",
        rules.rrr,
        wald.rrr,
    ),
    "rrr_adjusted": Rule(
        "T = (1 + 1/m)·b - v̄, or v̄·k/n where that is negative",
        "for proper copies from a joint posterior of parameters and missing values",
        rules.rrr_adjusted,
        wald.rrr_adjusted,
    ),
    "nested": Rule(
        "T = (1 + 1/L)·B - b̄/r + v̄·k/n",
        "for r copies from each of L imputations of an incomplete source",
        rules.nested,
        wald.nested,
        rules.nests_about_original,
        wald.nested_hotelling,
        copies=(4, 4),
        nested=True,
    ),
    "large_k": Rule(
        "T = (1 + 1/m)·b",
        "for proper copies so large that v̄ vanishes beside b",
        rules.large_k,
        wald.large_k,
    ),
    "rubin": Rule(
        "T = v̄ + (1 + 1/m)·b",
        "for multiply imputed missing data; over-covers for synthetic copies",
        rules.rubin,
        wald.rubin,
        fmi=rules.rubin_fmi,
    ),
    "naive": Rule(
        "T = v̄",
        "takes a copy for real data; shown for comparison, it never covers",
        rules.naive,
        wald.naive,
        copies=(1, 2),
    ),
}


def rule_named(name: str) -> Rule:
    """Look a rule up.

    Parameters
    ----------
    name : str
        One of the names in ``RULES``.

    Returns
    -------
    Rule

    Raises
    ------
    MeasureError
        If there is no rule of that name.

    Examples
    --------
    >>> rule_named("ppd").formula
    'T = v̄·(k/n + (1 + k/n)/m)'
    """
    if name not in RULES:
        raise MeasureError(unknown("rule", name, [*RULES, "auto"]))
    return RULES[name]


def check_estimand(estimand: str) -> None:
    """Refuse an estimand that no rule knows."""
    if estimand not in ESTIMANDS:
        raise MeasureError(unknown("estimand", estimand, ESTIMANDS))
