"""The sections of the page, from what was found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.evaluation.utility import ranked
from posynth.evaluation.utility.plots import MANY_COPIES, SYNTHETIC
from posynth.posterior.diagnosis import Diagnosis
from posynth.report import figures, methods, risk_tables, tables, words
from posynth.report.bands import band_text
from posynth.report.findings import Findings, Inference
from posynth.report.grid import fixed
from posynth.results import Result

if TYPE_CHECKING:
    from posynth.evaluation.inference import Agreement

type Part = tuple[str, Any]

ORIGINAL = "#afbfc9"  # the original's colour as it looks where it is drawn, transparent on white


@dataclass(frozen=True)
class Section:
    """One section: an anchor, a title, a sentence and parts by kind."""

    anchor: str
    title: str
    lead: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Fact:
    """One number to see first."""

    name: str
    value: str
    reading: str
    bad: bool = False


def sections(found: Findings) -> list[Section]:
    """Return the sections in order."""
    return [
        _model(found),
        _diagnostics(found),
        _utility(found),
        *([] if found.public else [_disclosure(found)]),
        _inference(found),
        _methods(found),
        _limits(found),
    ]


def _model(found: Findings) -> Section:
    manifest = found.copies.manifest()
    parts: list[Part] = [
        ("grid", tables.made(manifest, found.public)),
        ("grid", tables.chain(found.copies.posterior, manifest, public=found.public)),
    ]
    warned = [
        *([] if found.proper else [words.NOT_PROPER]),
        *([words.COPIED] if manifest.get("copies_values") else []),
    ]
    if warned:
        parts.insert(0, ("text", warned))
    return Section("model", "What was modelled", words.MODELLED, tuple(parts))


def _diagnostics(found: Findings) -> Section:
    every = _diagnoses(found)
    parts: list[Part] = [("grid", tables.diagnostics(every, public=found.public))]
    texts = [_failed(row) for row in every if not row.passed]
    if texts and not found.public:
        parts.append(("list", {"title": "Outside their limits", "texts": texts}))
    # Checks see the confidential rows, so they stay out of the public version.
    if found.checks and not found.public:
        parts.append(("grid", tables.checks(found.checks)))
        parts.append(_meanings(found.checks))
    return Section("diagnostics", "Diagnostics", words.DIAGNOSED, tuple(parts))


def _failed(row: Diagnosis) -> str:
    told = "; ".join(row.reasons)
    return f"{row.target}: {told} (engine: {row.why})" if row.why else f"{row.target}: {told}"


def _diagnoses(found: Findings) -> list[Diagnosis]:
    return [link.diagnosis for link in found.copies.posterior.links.values()]


def _utility(found: Findings) -> Section:
    utility = [r for r in found.results if r.measure not in _DISCLOSURE]
    if found.public:
        utility = [r for r in utility if _is_standardised(r)]
    table = ranked(utility, found.comparison)
    advice = [r.text for r in utility if r.measure == "advice"]
    parts: list[Part] = [
        ("grid", tables.whole(utility, found.proper, standardised_only=found.public)),
        *([] if found.public else [("list", {"title": "What to change", "texts": advice})]),
        ("picture", figures.misfit(utility, found.comparison, banded=found.public)),
        ("grid", tables.columns(utility, found.proper, raw=not found.public)),
        ("grid", tables.pairs(table, found.proper, banded=found.public)),
        *([] if found.public else _private_tables(utility)),
        *_held_out(found.results),
        ("gallery", _gallery(found)),
        _meanings(r for r in utility if r.measure != "advice"),
    ]
    return Section("utility", "Utility", words.USEFUL, tuple(parts))


def _private_tables(results: Sequence[Result]) -> list[Part]:
    """Show what must not occur in copies, and kinds of missing values, where there are any."""
    found = (tables.impossible(results), tables.missing_kinds(results))
    return [("grid", table) for table in found if table.rows]


def _held_out(results: Sequence[Result]) -> list[Part]:
    """Show means over holdout rows, if there is a holdout; no row can be read from them."""
    table = tables.held_out(results)
    return [("grid", table)] if table.rows else []


def _is_standardised(result: Result) -> bool:
    return result.measure.startswith("S_")


def _gallery(found: Findings) -> dict[str, Any]:
    m = len(found.comparison.copies)
    many = f"median of {m} copies, in a band that holds 9 in 10 of them"
    copies = (many if m >= MANY_COPIES else "each copy", SYNTHETIC)
    key = [copies] if found.public else [("original", ORIGINAL), copies]
    title = "Distributions of the copies" if found.public else "Original and copies, by column"
    pictures = figures.distributions(found.comparison, original=not found.public)
    return {"title": title, "key": key, "pictures": pictures}


def _disclosure(found: Findings) -> Section:
    results = [r for r in found.results if r.measure in _DISCLOSURE]
    parts: list[Part] = []
    # Where every column is a key there is nothing to be learned by the keys.
    if any(r.measure == "DiSCO" for r in results):
        parts.append(("picture", figures.attributed(results)))
    parts += [("grid", table) for table in risk_tables.disclosure(results)]
    rng = np.random.default_rng(found.seed)
    parts.append(("picture", figures.distances(found.comparison, rng)))
    parts.append(_meanings(results))
    return Section("disclosure", "Disclosure", words.RISKY, tuple(parts))


_DISCLOSURE = {
    *risk_tables.IDENTITY,
    *risk_tables.ATTRIBUTION,
    *risk_tables.CLOSENESS,
    *risk_tables.INFLUENCE,
    *risk_tables.RISK,
    *("Dsyn", "iS", "DiS", "CAPd", "CAPs", "check_1way", "check_2way"),
}


def _meanings(results: Iterable[Result]) -> Part:
    """Tell what each measure means, once."""
    first: dict[str, str] = {}
    for result in results:
        text = words.MEANINGS.get(result.measure, result.text)
        if text:
            first.setdefault(result.measure, text)
    return ("meanings", {"title": "What each number means", "pairs": list(first.items())})


def _inference(found: Findings) -> Section:
    parts = [part for each in found.inferences for part in _one_model(each, found.public)]
    return Section("inference", "Inference from the copies", words.INFERRED, tuple(parts))


def _one_model(inference: Inference, public: bool) -> Iterable[Part]:
    if inference.analysis:
        yield ("heading", inference.analysis)
    if inference.by_default:
        yield ("text", [words.EXAMPLE_MODEL if public else words.DEFAULT_MODEL])
    if inference.pooled is not None:
        lines = inference.pooled.text.split("\n")
        yield ("text", [_without_advice(line) for line in lines] if public else lines)
        yield ("grid", risk_tables.pooled(inference.pooled))
    if inference.agreement is not None and not public:
        yield ("picture", figures.intervals(inference.agreement))
        yield ("grid", risk_tables.agreement(inference.agreement))


def _without_advice(line: str) -> str:
    """Cut what a note tells the data holder to do: it stands behind a semicolon."""
    if not line.startswith("Note:") or ";" not in line:
        return line
    return line.partition(";")[0] + "."


def _methods(found: Findings) -> Section:
    texts = [text.replace("`", "") for text in methods.methods(found)]
    source = ("source", {"title": "The same as Markdown", "text": methods.markdown(found)})
    lead = "A paragraph to paste into a paper or a technical report; adapt it to its readers."
    return Section("methods", "Methods", lead, (("text", texts), source))


def _limits(found: Findings) -> Section:
    own = (words.RISK_LEFT_OUT,) if found.public else (words.HOLES,)
    texts = [*own, *words.LIMITS]
    part = ("list", {"title": "Read with care", "texts": texts})
    return Section("limits", "What these numbers do not guarantee", "", (part,))


def glance(found: Findings) -> list[Fact]:
    """Return the numbers to see first."""
    facts = [_fitted(found), _pairs(found), _told_apart(found)]
    if not found.public:
        facts += [_agreed(each.agreement) for each in found.inferences[:1] if each.agreement]
    return facts if found.public else [*facts, *_risks(found.results)]


def _fitted(found: Findings) -> Fact:
    passed = [row.passed for row in _diagnoses(found)]
    value = f"{sum(passed)} of {len(passed)}"
    return Fact("Conditionals fitted", value, "within diagnostic limits", not all(passed))


def _pairs(found: Findings) -> Fact:
    table = ranked(found.results, found.comparison)
    two = table[table["ways"] == 2]
    over = int(two["flagged"].sum())
    reading = f"above S = {tables.LIMIT:g} and beyond chance; 1 is ideal"
    return Fact("Pairs of columns misfitting", f"{over} of {len(two)}", reading, over > 0)


def _told_apart(found: Findings) -> Fact:
    result = next(r for r in found.results if r.measure == "S_pMSE_cart")
    value = tables.score(result, found.proper)
    reading = "S_pMSE of a CART that tells copies from original; 1 is ideal, 3 a limit"
    shown = band_text(value) if found.public else fixed(value, 1)
    return Fact("Told apart", shown, reading, result.passed is False)


def _agreed(agreement: "Agreement") -> Fact:
    overlap = agreement.results()[1]
    reading = agreement.exact or f"1 is most; {overlap.text}"
    return Fact("Overlap with the original fit", fixed(overlap.value), reading)


def _risks(results: Sequence[Result]) -> list[Fact]:
    copied = next(r for r in results if r.measure == "copied rows")
    share = f"{fixed(copied.value, 2)} %"
    facts = [Fact("Copied rows", share, "of synthetic rows", copied.passed is False)]
    attributed = [r for r in results if r.measure == "DiSCO"]
    if attributed:
        worst = max(attributed, key=lambda r: r.value)
        keys, _, target = worst.subject.rpartition(" -> ")
        known = f"{target} by {keys.replace(':', ', ')}"
        reading = f"of records give away {known}; compare with Dorig"
        facts.append(Fact("Highest attribution (DiSCO)", f"{fixed(worst.value, 1)} %", reading))
    return facts
