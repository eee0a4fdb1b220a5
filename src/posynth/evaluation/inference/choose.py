"""From how the copies were made to the rule that fits, with the reason in words.

Which rule covers at which number of copies is measured: tests/truth/results/rules.csv has the
coverage of every candidate over m, k/n and n, and ``python -m tests.truth.rule_coverage`` makes it.
"""

from dataclasses import dataclass

import pandas as pd

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.cases import CASES, ENOUGH, WARNINGS, with_exceptions
from posynth.evaluation.inference.catalogue import RULES, rule_named
from posynth.evaluation.inference.moments import check_sizes
from posynth.evaluation.inference.rule import Rule

MISSING = ("none", "pattern", "impute", "joint")


@dataclass(frozen=True)
class Choice:
    """The rule to pool with and why.

    Attributes
    ----------
    rule : str
        Name of the rule.
    reason : str
        Why it fits these copies, or why the user's own rule was kept.
    warnings : tuple of str
        What the reader must know before he trusts the intervals.
    """

    rule: str
    reason: str
    warnings: tuple[str, ...] = ()


def choices() -> pd.DataFrame:
    """Return the table of choices: which rule ``"auto"`` takes for which copies, in order.

    Returns
    -------
    pandas.DataFrame
        One row a case, the first that applies is taken: copies (how they were made), m (how many
        there are), rule and its formula.

    Examples
    --------
    >>> table = choices()
    >>> table.loc[table["copies"] == "proper, every column", ["m", "rule"]].values.tolist()
    [['>= 5', 't_p_star']]
    """
    rows = [(case.copies, case.m, case.rule, RULES[case.rule].formula) for case in CASES]
    return pd.DataFrame(rows, columns=["copies", "m", "rule", "formula"])


def choose(provenance: Provenance, rule: str | Rule = "auto") -> Choice:
    """Choose the combining rule from how the copies were made.

    Parameters
    ----------
    provenance : Provenance
        How the copies were made.
    rule : str or Rule
        ``"auto"``, or a rule or its name, to keep against the choice.

    Returns
    -------
    Choice

    Raises
    ------
    MeasureError
        If the provenance is impossible, the rule unknown, or no rule can be used.

    Examples
    --------
    >>> choose(Provenance(n=299, k=299, m=5)).rule
    't_p_star'
    >>> choose(Provenance(n=299, k=299, m=2)).rule
    'ppd'
    >>> choose(Provenance(n=299, k=299, m=1, proper=False)).rule
    'simple'
    """
    check_sizes(provenance)
    if provenance.missing not in MISSING:
        raise MeasureError(f"provenance: {unknown('missing', provenance.missing, MISSING)}")
    automatic = isinstance(rule, str) and rule == "auto"
    if not automatic:
        rule_named(rule)
    if automatic:
        _refuse(provenance)
    case = next(case for case in CASES if case.applies(provenance))
    holed = ", ".join(map(repr, provenance.holed[:5])) + " ..." * (len(provenance.holed) > 5)
    warnings = [text.replace("{holed}", holed) for applies, text in WARNINGS if applies(provenance)]
    fitting = Choice(
        case.rule, _worded(case.reason, provenance), (*warnings, *_left_out(provenance))
    )
    if automatic or rule == fitting.rule:
        return fitting
    return _keep(rule_named(rule), fitting)


def _refuse(provenance: Provenance) -> None:
    if provenance.missing == "joint" and provenance.m < 2:
        raise MeasureError(
            "no rule can pool a single copy of an incomplete source drawn jointly with its "
            "missing values; make 20 or more copies"
        )
    if provenance.without_noise:
        raise MeasureError(
            f"no rule can pool these copies: {', '.join(map(repr, provenance.without_noise))} "
            "repeat their mean without noise, so variances within a copy and between copies are "
            "both too small; synthesise them by a proper family, or name a rule to see its numbers"
        )


def _worded(reason: str, p: Provenance) -> str:
    few = (
        "one copy cannot show the spread between copies" if p.m == 1
        else f"{p.m} copies are too few to measure the spread between copies (that takes {ENOUGH})"
    )  # fmt: skip
    kind = "proper" if p.proper or with_exceptions(p) else "plug-in"
    a = f"a {kind} copy" if p.m == 1 else f"{kind} copies"
    worded = reason.replace("{few}", few).replace("{a}", a).replace("{m}", str(p.m))
    if p.missing != "pattern":
        return worded
    total = "the total over multiple imputations inside that copy"
    if p.imputed > 1:
        return (
            f"{worded}; the holes of the source are reproduced, so each copy's variance is {total}"
        )
    return (
        f"{worded}; the holes of the source are reproduced, so each copy's variance is that of "
        f"its complete rows, or must be {total}"
    )


def _left_out(provenance: Provenance) -> tuple[str, ...]:
    """Say which conditionals hold less than an analysis may ask for."""
    simpler = (
        f"the conditional of {name!r} is simpler than what was chosen, which was not fitted: "
        f"{said}; relations that this leaves out are missing in the copies"
        for name, said in provenance.simplified.items()
    )
    return (*_shrunk(provenance), *_stated(provenance), *simpler)


def _shrunk(provenance: Provenance) -> tuple[str, ...]:
    if not provenance.tightened:
        return ()
    return (
        f"a prior draws the slopes of {', '.join(map(repr, provenance.tightened))} towards 0, so "
        "effects in the copies are smaller than in the source, which no rule corrects; compare "
        "with the source (--data), or fit with weaker priors or fewer predictors",
    )


def _stated(provenance: Provenance) -> tuple[str, ...]:
    if not provenance.stated_priors:
        return ()
    return (
        f"priors of single coefficients of {', '.join(map(repr, provenance.stated_priors))} were "
        "stated, so effects in the copies lie between those priors and the source, which no rule "
        "corrects; compare with the source (--data)",
    )


def _keep(kept: Rule, fitting: Choice) -> Choice:
    return Choice(
        kept.name,
        f"asked for by the user; it is {kept.when}. For these copies posynth would take "
        f"{fitting.rule!r} ({RULES[fitting.rule].formula}), because {fitting.reason}",
        fitting.warnings,
    )


def check_enough(rule: str | Rule, provenance: Provenance, estimand: str) -> None:
    """Refuse a rule that needs more copies than there are.

    Raises
    ------
    MeasureError
        If there are too few copies, or a nested rule meets copies without nests.
    """
    used = rule_named(rule)
    needed = used.copies[estimand == "original"]
    if used.nested and min(provenance.nests, provenance.m // provenance.nests) < 2:
        raise MeasureError(
            f"rule {used.name!r} needs at least 2 imputations with at least 2 copies each, but "
            f"there are {provenance.m} copies of {provenance.nests} imputation(s); use rule='auto'"
        )
    if provenance.m < needed:
        raise MeasureError(
            f"rule {used.name!r} needs at least {needed} copies for the estimand {estimand!r}, but "
            f"m = {provenance.m}; make more copies, or use rule='auto'"
        )
