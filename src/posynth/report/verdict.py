"""What stands at the top of the page: one sentence, and everything that failed with its remedy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posynth.copies.failed import failed_conditionals
from posynth.evaluation.utility import ranked
from posynth.evaluation.utility.combinations import NEW
from posynth.evaluation.utility.kept_bounds import BEYOND
from posynth.evaluation.utility.kept_rules import KEPT
from posynth.evaluation.utility.missing_shares import KINDS
from posynth.report import tables
from posynth.report.bands import band_text
from posynth.report.grid import Grid, fixed, grid
from posynth.results import Result

if TYPE_CHECKING:
    from posynth.report.findings import Findings

SHOWN = 8  # failures of one kind; the tables below have the others
MANY = 0.1  # share of pairs that misfit from which on the copies are of limited use
_COARSEN = (
    "coarsen the columns concerned, or leave out the records that stand out, before the synthesis"
)
#: Measure of disclosure -> what to do where it is outside its limit.
REMEDIES = {
    "copied rows": "model columns that are copied by another family, give conditionals fewer "
    "predictors, or drop rare combinations",
    "DCR share": "release fewer copies, or use a simpler chain",
    "MIA AUC": "release fewer copies, or use a simpler chain",
    "check_1way": _COARSEN,
    "check_2way": _COARSEN,
}


@dataclass(frozen=True)
class Failure:
    """One thing that failed.

    Attributes
    ----------
    column : str
        The column, pair of columns or conditional.
    what : str
        What failed, with value and limit.
    remedy : str
        What to do about it; empty on a public page, which is not for the data holder.
    """

    column: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Verdict:
    """The top of the page.

    Attributes
    ----------
    text : str
        One sentence.
    passed : bool
        Whether nothing failed.
    failures : tuple of Failure
        What failed, the most serious kind first.
    more : int
        Failures of the same kinds that are not listed.
    public : bool
        Whether remedies are left out: they are for the data holder.
    """

    text: str
    passed: bool
    failures: tuple[Failure, ...]
    more: int = 0
    public: bool = False

    @property
    def grid(self) -> Grid:
        """The failures as a table."""
        heads = ("Column", "What failed") if self.public else ("Column", "What failed", "Remedy")
        rows = [(f.column, f.what, f.remedy or "see below")[: len(heads)] for f in self.failures]
        note = f"and {self.more} more: see the tables below" if self.more else ""
        return grid("What failed", heads, rows, texts=len(heads), note=note)


def verdict(found: "Findings") -> Verdict:
    """Return the verdict on a set of copies.

    Parameters
    ----------
    found : Findings
        Everything the page tells.

    Returns
    -------
    Verdict
        Conditionals that did not pass come first, then misfitting columns and pairs, checks of
        conditionals and, for the data holder, disclosure.
    """
    fits = [*_conditionals(found), *_checks(found)]
    misfits = [*_misfits(found)]
    wrong = [] if found.public else list(_impossible(found.results))
    risks = [] if found.public else list(_risks(found.results))
    kinds = (fits, wrong, misfits, risks)
    shown = tuple(failure for kind in kinds for failure in kind[:SHOWN])
    more = sum(max(0, len(kind) - SHOWN) for kind in kinds)
    text = _sentence(found, fits, misfits, risks)
    if wrong:
        text += f" {len(wrong)} columns or pairs hold what no row of the original does."
    return Verdict(text, not shown, shown, more, found.public)


def _sentence(
    found: "Findings", fits: list[Failure], misfits: list[Failure], risks: list[Failure]
) -> str:
    if fits:
        names = ", ".join(dict.fromkeys(failure.column for failure in fits[:SHOWN]))
        first = f"Do not rely on these copies yet: the fit of {names} did not pass."
    elif misfits:
        pairs = sum(ranked(found.results, found.comparison)["ways"] == 2)
        share = len(misfits) / max(1, pairs)
        how = "of limited use" if share > MANY else "useful, with exceptions"
        first = (
            f"The copies are {how}: {len(misfits)} columns or pairs of columns misfit "
            f"(S above {tables.LIMIT:g} and beyond chance)."
        )
    else:
        first = (
            "Every conditional passed its diagnostics, and no column or pair of columns misfits."
        )
    if risks:
        first += " A measure of disclosure is outside its limit: see below before any release."
    return first


def _conditionals(found: "Findings") -> Iterator[Failure]:
    for failed in failed_conditionals(found.copies.manifest()):
        remedy = "" if found.public else failed.remedy
        yield Failure(failed.target, "; ".join(failed.reasons), remedy)


def _checks(found: "Findings") -> Iterator[Failure]:
    if found.public:
        return
    for result in found.checks:
        if result.passed is False:
            text = f"{result.measure} {fixed(result.value, 3)} is outside its limit"
            yield Failure(result.subject, text, "try another family (`posynth families`)")


def _misfits(found: "Findings") -> Iterator[Failure]:
    """Give columns and pairs whose misfit is above the limit, the worst first; then kinds missing.

    Which columns have missing values is not public.
    """
    advice = {r.subject: r.text for r in found.results if r.measure == "advice"}
    table = ranked(found.results, found.comparison)
    flagged = table[table["flagged"]]
    for name, value in zip(flagged["subject"].astype(str), flagged["S"], strict=True):
        hint = next((advice[part] for part in (name, *name.split(":")) if part in advice), "")
        text = f"S_pMSE {fixed(float(value), 1)} > {tables.LIMIT:g}"
        if found.public:
            text = f"S_pMSE {band_text(float(value))}, and above {tables.LIMIT:g}"
        yield Failure(name.replace(":", " and "), text, "" if found.public else hint)
    for result in () if found.public else found.results:
        if result.measure == KINDS and result.passed is False:
            text = f"{KINDS}: S {fixed(result.value, 1)} > {tables.LIMIT:g}"
            yield Failure(result.subject, text, result.text)


def _impossible(results: tuple[Result, ...]) -> Iterator[Failure]:
    """Give rules and bounds that do not hold, and pairs with more new combinations than chance."""
    for result in results:
        if result.measure in (NEW, KEPT, BEYOND) and result.passed is False and result.subject:
            text = f"{result.measure} {fixed(result.value, 2)} is outside its limit"
            yield Failure(result.subject.replace(":", " and "), text, result.text)


def _risks(results: tuple[Result, ...]) -> Iterator[Failure]:
    for result in results:
        if result.passed is False and result.measure in REMEDIES:
            where = result.subject.replace(":", ", ") or "all columns"
            text = f"{result.measure} {fixed(result.value, 2)} is outside its limit"
            yield Failure(where, text, REMEDIES[result.measure])
