"""The combining rules by name, each with its formula and the sentence that says when it holds."""

from typing import Any

from posynth.errors import MeasureError, unknown
from posynth.evaluation.inference import rules, wald
from posynth.evaluation.inference.rule import Rule

ESTIMANDS = ("population", "original")

_INDEPENDENT = "rows that are independent of each other (no weights; groups: see Clusters)"


def _own(name: str, formula: str, when: str, *functions: Any, **facts: Any) -> Rule:
    """Make a rule of posynth's own: where it has no variance, there is no interval."""
    return Rule(name, formula, when, *functions, **{**facts, "signed": True})


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        _own(
            "t_p_star",
            "T = v̄·k/n + b/m",
            "for 2 or more copies, proper or plug-in, complete or partial, of " + _INDEPENDENT,
            rules.scaled,
            joint=wald.scaled,
        ),
        _own(
            "ppd",
            "T = v̄·(k/n + (1 + k/n)/m)",
            "for proper copies of every column, even a single one, of "
            + _INDEPENDENT
            + ", if the chain and your model agree and its priors are weak",
            rules.ppd,
            rules.ppd_about_original,
            wald.ppd,
            wald.ppd_about_original,
            copies=(1, 1),
        ),
        _own(
            "simple",
            "T = v̄·(k/n + 1/m)",
            "for plug-in copies of every column, even a single one, of "
            + _INDEPENDENT
            + "; too short by V/m for proper copies",
            rules.simple,
            rules.simple_about_original,
            wald.simple,
            wald.simple_about_original,
            copies=(1, 1),
        ),
        _own(
            "incomplete",
            "T = v̄·k/n + b/m, normal",
            "t_p_star with a normal reference, as synthpop prints it; short for few copies",
            rules.incomplete,
            joint=wald.scaled,
        ),
        _own(
            "partial",
            "T = v̄ + b/m",
            "for partial synthesis with k = n, as R mice's pool.syn prints it",
            rules.partial,
            joint=wald.partial,
        ),
        _own(
            "rrr",
            "T = (1 + 1/m)·b - v̄",
            "for proper copies of every column; needs neither n nor independent rows, but is often "
            "negative with few copies",
            rules.rrr,
            joint=wald.rrr,
        ),
        _own(
            "rrr_adjusted",
            "T = (1 + 1/m)·b - v̄, or v̄·k/n where that is negative",
            "for proper copies from a joint posterior of parameters and missing values",
            rules.rrr_adjusted,
            joint=wald.rrr_adjusted,
        ),
        _own(
            "nested",
            "T = (1 + 1/L)·B - b̄/r + v̄·k/n",
            "for r copies from each of L imputations of an incomplete source of " + _INDEPENDENT,
            rules.nested,
            rules.nests_about_original,
            wald.nested,
            wald.nested_hotelling,
            copies=(4, 4),
            nested=True,
        ),
        _own(
            "large_k",
            "T = (1 + 1/m)·b",
            "for proper copies so large that v̄ vanishes beside b",
            rules.large_k,
            joint=wald.large_k,
        ),
        _own(
            "rubin",
            "T = v̄ + (1 + 1/m)·b",
            "for multiply imputed missing data; over-covers for synthetic copies",
            rules.rubin,
            joint=wald.rubin,
            fmi=rules.rubin_fmi,
        ),
        _own(
            "naive",
            "T = v̄",
            "takes a copy for real data; shown for comparison, it never covers",
            rules.naive,
            joint=wald.naive,
            copies=(1, 2),
        ),
    )
}


def rule_named(name: str | Rule) -> Rule:
    """Look a rule up.

    Parameters
    ----------
    name : str or Rule
        One of the names in ``RULES``, or a rule of the user's, which is returned as it is.

    Returns
    -------
    Rule

    Raises
    ------
    MeasureError
        If there is no rule of that name, or a user's rule has the name of one of them.

    Examples
    --------
    >>> rule_named("ppd").formula
    'T = v̄·(k/n + (1 + k/n)/m)'
    """
    if isinstance(name, Rule):
        if name.name == "auto" or RULES.get(name.name, name) is not name:
            raise MeasureError(
                f"rule {name.name!r}: posynth has a rule of that name; give yours another"
            )
        return name
    if not isinstance(name, str):
        raise MeasureError(
            f"rule is a {type(name).__name__}; give the name of a rule, or a posynth.Rule"
        )
    if name not in RULES:
        raise MeasureError(unknown("rule", name, [*RULES, "auto"]))
    return RULES[name]


def check_estimand(estimand: str) -> None:
    """Refuse an estimand that no rule knows."""
    if not isinstance(estimand, str) or estimand not in ESTIMANDS:
        raise MeasureError(unknown("estimand", estimand, ESTIMANDS))
