"""The table of choices: for which copies, and how many of them, which combining rule, and why."""

from collections.abc import Callable
from dataclasses import dataclass

from posynth.evaluation.base import Provenance

#: From so many copies on t_p_star is taken: it uses the spread between copies and need not assume
#: that chain and analysis agree. Its intervals are longer on average than those of ppd, at n = 100
#: and k = n (k = n/5) by a factor of 1.48 (2.35) at m = 2, 1.10 (1.28) at 3, 1.02 (1.06) at 5.
ENOUGH = 5


@dataclass(frozen=True)
class Case:
    """A row of the table: for which copies and how many of them, which rule, and why."""

    copies: str
    m: str
    applies: Callable[[Provenance], bool]
    rule: str
    reason: str


def with_exceptions(p: Provenance) -> bool:
    """Whether only the copies know their spread: not all of every column was drawn anew."""
    return not p.complete or bool(p.kept_groups or p.plug_in)


_OWN_SPREAD = "so only the spread between copies shows what synthesis costs"
_AGREES = "; that holds if the chain has what your model asks for, and its priors are weak"

# The first case that applies is taken, so the order is part of the rules.
CASES = (
    Case(
        "of an incomplete source, parameters and missing values drawn jointly", ">= 2",
        lambda p: p.missing == "joint",
        "rrr_adjusted",
        "the source was incomplete and parameters and missing values were drawn jointly, so only "
        "the variance between copies knows what the missing values cost",
    ),
    Case(
        "of several imputations, 2 or more of each", ">= 4",
        lambda p: p.missing == "impute" and p.nests > 1 and p.m > p.nests,
        "nested",
        "the source was imputed several times and each completed table synthesised several "
        "times, so the cost of the missing values is read from the spread between imputations",
    ),
    Case(
        "of several imputations, one of each, proper, every column", ">= 2",
        lambda p: p.missing == "impute" and p.nests > 1 and p.proper and p.complete,
        "rrr_adjusted",
        "there is one proper copy of each imputation, which makes the copies draws from one joint "
        "posterior of parameters and missing values",
    ),
    Case(
        "of several imputations, one of each, plug-in or partial", ">= 2",
        lambda p: p.missing == "impute" and p.nests > 1,
        "rubin",
        "there is one copy of each imputation and the copies are plug-in or partial, so the "
        "spread between copies of one imputation is unknown",
    ),
    Case(
        "of one imputation", ">= 2",
        lambda p: p.missing == "impute" and p.m > 1,
        "t_p_star",
        "every copy comes from one single imputation",
    ),
    Case(
        "with original columns", ">= 2",
        lambda p: p.m > 1 and not p.complete,
        "t_p_star",
        "some columns hold original values, " + _OWN_SPREAD,
    ),
    Case(
        "with the group effects of the source, as far as is known", ">= 2",
        lambda p: p.m > 1 and bool(p.kept_groups),
        "t_p_star",
        "the copies keep the group effects of the source, or nothing says that they draw them "
        "anew, " + _OWN_SPREAD,
    ),
    Case(
        "proper but for some plug-in columns", ">= 2",
        lambda p: p.m > 1 and bool(p.plug_in),
        "t_p_star",
        "some columns are plug-in draws and others are posterior draws, " + _OWN_SPREAD,
    ),
    Case(
        "proper, every column", f">= {ENOUGH}",
        lambda p: p.m >= ENOUGH and p.proper,
        "t_p_star",
        "every column was synthesised from its own posterior draw a copy, and the spread between "
        "{m} copies measures what that adds, whether or not your model agrees with the chain",
    ),
    Case(
        "plug-in, every column", f">= {ENOUGH}",
        lambda p: p.m >= ENOUGH,
        "t_p_star",
        "the copies are plug-in draws, and the spread between {m} copies measures what synthesis "
        "costs without assuming posterior draws",
    ),
    Case(
        "proper, every column (or a single copy with exceptions, for which it is an upper limit)",
        f"< {ENOUGH}",
        lambda p: p.proper or with_exceptions(p),
        "ppd",
        "{few}, so it is taken from theory for {a} of every column" + _AGREES,
    ),
    Case(
        "plug-in, every column", f"< {ENOUGH}",
        lambda _: True,
        "simple",
        "{few}, so it is taken from theory for {a} of every column" + _AGREES,
    ),
)  # fmt: skip

WARNINGS: tuple[tuple[Callable[[Provenance], bool], str], ...] = (
    (
        lambda p: p.missing == "joint" and p.m < 20,
        "the rule subtracts two variances and is unstable below m = 20 copies; make more copies, "
        "or impute several times and make 2 or more copies of each",
    ),
    (
        lambda p: p.missing == "impute" and p.m > p.nests > 1 and p.nests < 5,
        "fewer than 5 imputations leave the spread between them poorly known",
    ),
    (
        lambda p: p.missing == "impute" and p.m == p.nests > 1 and p.proper and p.complete,
        "with one copy an imputation the rule subtracts two variances; 2 or more copies of each "
        "imputation allow the steadier nested rule",
    ),
    (
        lambda p: p.missing == "impute" and p.m == p.nests > 1 and not (p.proper and p.complete),
        "the rule over-covers here; 2 or more copies of each imputation allow the nested rule",
    ),
    (
        lambda p: p.missing == "impute" and p.m > p.nests == 1,
        "one imputation is taken for observed data, so the intervals are too short; impute "
        "several times and make 2 or more copies of each",
    ),
    (
        lambda p: p.missing == "pattern" and p.m > 1 and p.imputed > 1,
        "imputed inside each copy: right if values are missing at random given the columns of the "
        "model and those without holes, or differ from that as delta and selection state",
    ),
    (
        lambda p: p.missing == "pattern" and p.imputed <= 1 and bool(p.holed),
        "the copies have missing values in {holed}: if your analysis reads such a column and "
        "leaves rows out, that is right for a regression only if what is missing does not depend "
        "on its response; otherwise it must impute inside each copy and return the "
        "multiple-imputation total (see combine_imputations)",
    ),
    (
        lambda p: p.missing == "pattern" and p.m > 1 and p.imputed <= 1 and not p.holed,
        "rows with holes are left out of each fit, which is right for a regression only if what is "
        "missing does not depend on its response; otherwise impute inside each copy: whoever has "
        "the posterior by impute=5 in Python or --impute 5 at the command line, whoever has only "
        "the copies in a program of their own, such as mice, pooling each copy's "
        "multiple-imputation total (see combine_imputations)",
    ),
    (
        lambda p: p.m == 1 and p.missing in ("impute", "pattern") and not p.holed,
        "the source was incomplete and there is one copy, so what the missing values cost is not "
        "in the interval; make more copies",
    ),
    (
        lambda p: p.m == 1 and p.missing != "joint" and not p.complete,
        "some columns hold original values, for which this single-copy rule is an upper limit; "
        "make 2 or more copies",
    ),
    (
        lambda p: p.m == 1 and bool(p.kept_groups or p.plug_in),
        "some columns were drawn with the group effects of the source, as far as is known, or "
        "without parameter uncertainty, for which this single-copy rule is an upper limit; make 2 "
        "or more copies",
    ),
)
