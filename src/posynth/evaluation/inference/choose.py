"""From how the copies were made to the rule that fits, with the reason in words."""

from collections.abc import Callable
from dataclasses import dataclass

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.catalogue import RULES, rule_named
from posynth.evaluation.inference.moments import check_sizes

MISSING = ("none", "pattern", "impute", "joint")


@dataclass(frozen=True)
class Choice:
    """The rule to pool with and why.

    Attributes
    ----------
    rule : str
        Name of the rule in the catalogue.
    reason : str
        Why it fits these copies, or why the user's own rule was kept.
    warnings : tuple of str
        What the reader must know before he trusts the intervals.
    """

    rule: str
    reason: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Case:
    applies: Callable[[Provenance], bool]
    rule: str
    reason: str
    warning: str = ""
    warns: Callable[[Provenance], bool] = lambda _: True


# The first case that applies is taken, so the order is part of the rules.
_CASES = (
    _Case(
        lambda p: p.missing == "joint",
        "rrr_adjusted",
        "the source was incomplete and parameters and missing values were drawn jointly, so only "
        "the variance between copies knows what the missing values cost",
        "the rule subtracts two variances and is unstable below m = 20 copies; make more copies, "
        "or impute several times and make 2 or more copies of each",
        lambda p: p.m < 20,
    ),
    _Case(
        lambda p: p.missing == "impute" and p.nests > 1 and p.m > p.nests,
        "nested",
        "the source was imputed several times and each completed table synthesised several "
        "times, so the cost of the missing values is read from the spread between imputations",
        "fewer than 5 imputations leave the spread between them poorly known",
        lambda p: p.nests < 5,
    ),
    _Case(
        lambda p: p.missing == "impute" and p.nests > 1 and p.proper and p.complete,
        "rrr_adjusted",
        "there is one proper copy of each imputation, which makes the copies draws from one joint "
        "posterior of parameters and missing values",
        "with one copy an imputation the rule subtracts two variances; 2 or more copies of each "
        "imputation allow the steadier nested rule",
    ),
    _Case(
        lambda p: p.missing == "impute" and p.nests > 1,
        "rubin",
        "there is one copy of each imputation and the copies are plug-in or partial, so the "
        "spread between copies of one imputation is unknown",
        "the rule over-covers here; 2 or more copies of each imputation allow the nested rule",
    ),
    _Case(
        lambda p: p.missing == "impute" and p.m > 1,
        "t_p_star",
        "every copy comes from one single imputation",
        "one imputation is taken for observed data, so the intervals are too short; impute "
        "several times and make 2 or more copies of each",
    ),
    _Case(
        lambda p: p.missing == "pattern" and p.m > 1 and p.imputed > 1,
        "t_p_star",
        "the holes of the source are reproduced, and each copy's variance is the total over "
        "multiple imputations inside that copy",
        "imputed inside each copy: right if values are missing at random given the columns of the "
        "model and those without holes, or differ from that as delta and selection state",
    ),
    _Case(
        lambda p: p.missing == "pattern" and p.m > 1,
        "t_p_star",
        "the holes of the source are reproduced, so each copy's variance must already be the "
        "total over multiple imputations inside that copy",
        "rows with holes are left out of each fit, which is right for a regression only if what is "
        "missing does not depend on its response; otherwise impute inside each copy (impute=5 in "
        "Python, --impute 5 at the command line), or pass its multiple-imputation total (see "
        "combine_imputations)",
    ),
    _Case(
        lambda p: p.m > 1 and not p.complete,
        "t_p_star",
        "some columns hold original values, so only the spread between copies shows what "
        "synthesis costs",
    ),
    _Case(
        lambda p: p.m > 1 and p.proper,
        "t_p_star",
        "every column was synthesised from its own posterior draw a copy, and the spread between "
        "copies measures that without further assumptions",
    ),
    _Case(
        lambda p: p.m > 1,
        "t_p_star",
        "the copies are plug-in draws, and the spread between copies measures what synthesis "
        "costs without assuming posterior draws",
    ),
    _Case(
        lambda p: p.proper or not p.complete,
        "ppd",
        "one copy cannot show the spread between copies, so it is taken from theory for a proper "
        "copy of every column",
        "some columns hold original values, for which this single-copy rule is an upper limit; "
        "make 2 or more copies",
        lambda p: not p.complete,
    ),
    _Case(
        lambda _: True,
        "simple",
        "one copy cannot show the spread between copies, so it is taken from theory for a "
        "plug-in copy of every column",
    ),
)


def choose(provenance: Provenance, rule: str = "auto") -> Choice:
    """Choose the combining rule from how the copies were made.

    Parameters
    ----------
    provenance : Provenance
        How the copies were made.
    rule : str
        ``"auto"``, or the name of a rule to keep against the choice.

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
    >>> choose(Provenance(n=299, k=299, m=1, proper=False)).rule
    'simple'
    """
    check_sizes(provenance)
    if provenance.missing not in MISSING:
        raise MeasureError(f"provenance: {unknown('missing', provenance.missing, MISSING)}")
    if provenance.missing == "joint" and provenance.m < 2 and rule == "auto":
        raise MeasureError(
            "no rule can pool a single copy of an incomplete source drawn jointly with its "
            "missing values; make 20 or more copies"
        )
    if provenance.without_noise and rule == "auto":
        raise MeasureError(
            f"no rule can pool these copies: {', '.join(map(repr, provenance.without_noise))} "
            "repeat their mean without noise, so variances within a copy and between copies are "
            "both too small; synthesise them by a proper family, or name a rule to see its numbers"
        )
    case = next(case for case in _CASES if case.applies(provenance))
    warned = bool(case.warning) and case.warns(provenance)
    fitting = Choice(case.rule, case.reason, (case.warning,) if warned else ())
    if provenance.m == 1 and provenance.missing in ("impute", "pattern"):
        fitting = Choice(fitting.rule, fitting.reason, (*fitting.warnings, _ONE_INCOMPLETE))
    return fitting if rule in ("auto", fitting.rule) else _keep(rule, fitting)


_ONE_INCOMPLETE = (
    "the source was incomplete and there is one copy, so what the missing values cost is not in "
    "the interval; make more copies"
)


def _keep(name: str, fitting: Choice) -> Choice:
    kept = rule_named(name)
    return Choice(
        name,
        f"asked for by the user; it is {kept.when}. For these copies posynth would take "
        f"{fitting.rule!r} ({RULES[fitting.rule].formula}), because {fitting.reason}",
        fitting.warnings,
    )


def check_enough(name: str, provenance: Provenance, estimand: str) -> None:
    """Refuse a rule that needs more copies than there are.

    Raises
    ------
    MeasureError
        If there are too few copies, or a nested rule meets copies without nests.
    """
    rule = rule_named(name)
    needed = rule.copies[estimand == "original"]
    if rule.nested and min(provenance.nests, provenance.m // provenance.nests) < 2:
        raise MeasureError(
            f"rule {name!r} needs at least 2 imputations with at least 2 copies each, but there "
            f"are {provenance.m} copies of {provenance.nests} imputation(s); use rule='auto'"
        )
    if provenance.m < needed:
        raise MeasureError(
            f"rule {name!r} needs at least {needed} copies for the estimand {estimand!r}, but "
            f"m = {provenance.m}; make more copies, or use rule='auto'"
        )
