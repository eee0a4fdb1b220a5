"""Results as tables: disclosure, and inference from the copies beside that from the original."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from posynth.report.grid import (
    NONE,
    Grid,
    decimals_of,
    fixed,
    grid,
    interval,
    p_value,
    scaled,
    verdict,
)
from posynth.results import Result

if TYPE_CHECKING:
    from posynth.evaluation.inference import Agreement, Pooled

IDENTITY = {
    "UiO": "singled out by the keys in the original",
    "UiS": "singled out by the keys in a copy",
    "UiOiS": "unique in the original, keys found in a copy",
    "repU": "unique in the original and in a copy",
    "replicated.uniques": "rows of a copy that replicate a unique row, all columns",
}
ATTRIBUTION = ("Dorig", "DiSCO", "DiSDiO", "baseCAPd", "DCAP", "TCAP")
CLOSENESS = ("copied rows", "DCR", "NNDR", "DCR share", "MIA AUC", "MIA advantage")
INFLUENCE = {
    "influence": "largest |log density| of a record over posterior draws",
    "influence k-hat": "largest Pareto shape of leaving one record out",
    "local epsilon estimate": "2 m times the largest |log density|; no guarantee follows",
}
RISK = ("attribute risk", "attribute risk gain")


def disclosure(results: Sequence[Result]) -> list[Grid]:
    """Every table of disclosure that has rows."""
    tables = [identity(results), attribution(results), closeness(results)]
    tables += [attribute_risk(results), influence(results)]
    return [table for table in tables if table.rows]


def identity(results: Sequence[Result]) -> Grid:
    """Who is singled out by the keys."""
    found = [r for r in results if r.measure in IDENTITY]
    keys = next((r.subject for r in found if r.subject), "")
    chosen = any(r.details.get("default_keys") for r in found)
    note = f"Keys: {keys.replace(':', ', ')}. It assumes that an intruder knows these keys and "
    note += "nothing else, and bounds no other attack."
    if not keys:
        note = "No column could stand in for a key: what is learned by keys is not measured. Name "
        note += "what an outsider could know (--keys)."
    if chosen:
        note += " The keys are a stand-in chosen from the table: name what an outsider could know."
    rows = [(IDENTITY[r.measure], r.measure, fixed(r.value)) for r in found]
    heads = ("Records, in %", "Measure", "%")
    return grid("Singling out", heads, rows, texts=2, note=note)


def attribution(results: Sequence[Result]) -> Grid:
    """Tell what the keys give away of each target, the highest DiSCO first."""
    by_target: dict[str, dict[str, Result]] = {}
    for r in results:
        if " -> " in r.subject:
            by_target.setdefault(r.subject.rpartition(" -> ")[2], {})[r.measure] = r
    order = sorted(by_target, key=lambda t: -by_target[t]["DiSCO"].value)
    rows = [
        (t, _flags(by_target[t]), *(fixed(by_target[t][m].value) for m in ATTRIBUTION))
        for t in order
    ]
    note = (
        "In % of original records. Dorig: the keys determine the target in the original. DiSCO: "
        "they point to one level in a copy, and it is the true one. DiSDiO: both. baseCAPd: "
        "guessed without keys. DCAP: guessed from a copy by the keys. TCAP: true among those for "
        "which a copy gives one level. Flagged are targets where a frequent level or a well-known "
        "pair explains DiSCO. A low value rules out this attack only."
    )
    heads = ("Target", "Flags", *ATTRIBUTION)
    return grid("Attribution by target", heads, rows, texts=2, note=note)


def _flags(found: dict[str, Result]) -> str:
    said = {"check_1way": "frequent level", "check_2way": "known pair"}
    flags = [text for name, text in said.items() if name in found and not found[name].passed]
    return ", ".join(flags) or "none"


def closeness(results: Sequence[Result]) -> Grid:
    """List copied rows, distances and membership: computed row by row, for the data holder."""
    every = [r for r in results if r.measure in CLOSENESS]
    found = [r for r in every if not math.isnan(r.value)]
    rows = [
        (_named(r), verdict(r.passed), fixed(r.value, 3), interval(r, 3), _fresh(r)) for r in found
    ]
    flagged = [i for i, r in enumerate(found) if r.passed is False]
    note = (
        "Computed row by row from the confidential table, for the data holder's eyes. Averages "
        "over people: one person can stand out while the median does not."
    )
    if any(r.measure.startswith("MIA") for r in found):
        note += (
            " MIA: can an intruder tell people of the original from the holdout by how close their "
            "row is to a copy (-DCR), or how dense the copies are around it? AUC: how often he "
            "ranks such a pair rightly, 0.5 by guessing; advantage: his best difference of true "
            "and false alarms."
        )
    elif len(found) < len(every):
        note += (
            " Not measured: the DCR share and membership inference (MIA); they need a holdout "
            "(--holdout), rows of the same population that were not synthesised."
        )
    failed = [r.text for r in results if r.measure == "attribute risk" and not r.subject]
    note += "".join(f" Attribute risk: {text}" for text in failed)
    heads = ("Measure", "Within limits", "Value", "95 % interval", "Expected")
    caption = "Closeness and membership"
    return grid(caption, heads, rows, texts=2, flagged=flagged, note=note)


def attribute_risk(results: Sequence[Result]) -> Grid:
    """Tell what an intruder who knows everybody else learns, the largest rise first."""
    by_target: dict[str, dict[str, Result]] = {}
    for r in results:
        if r.measure in RISK and r.subject:
            by_target.setdefault(r.subject, {})[r.measure] = r
    order = sorted(by_target, key=lambda t: -by_target[t]["attribute risk gain"].value)
    rows = []
    for target in order:
        risk, gain = (by_target[target][name] for name in RISK)
        numbers = (risk.details["prior"], risk.value, gain.value)
        rows.append((target, *(fixed(n, 3) for n in numbers), str(risk.details["people"])))
    note = (
        "Probability of a record's true value (numbers: among nine quantiles) for an intruder who "
        "knows all other records, the rest of this one (without columns that are computed from "
        "the target), and the model: before and after he sees the copies. Records drawn at random; "
        "by a normal approximation of the posterior."
    )
    heads = ("Target", "Before, mean", "After, mean", "Largest rise", "Records")
    return grid("Bayesian attribute risk", heads, rows, note=note)


def influence(results: Sequence[Result]) -> Grid:
    """Say how much one record can move the posterior."""
    found = [r for r in results if r.measure in INFLUENCE]
    rows = [(INFLUENCE[r.measure], r.measure, verdict(r.passed), fixed(r.value, 2)) for r in found]
    flagged = [i for i, r in enumerate(found) if r.passed is False]
    limit = next((r.details["limit"] for r in found if r.details.get("limit")), 0.7)
    note = f"Numbers are in units of their standard deviation. A k-hat above {limit:.2g} marks a "
    note += "record whose presence the copies may show."
    heads = ("Over records", "Measure", "Within limits", "Value")
    return grid("Influence of single records", heads, rows, texts=3, flagged=flagged, note=note)


def _named(result: Result) -> str:
    return f"{result.measure}, score {result.subject}" if result.subject else result.measure


def _fresh(result: Result) -> str:
    keys = ("fresh", "expected", "by_chance")
    known = [result.details[key] for key in keys if result.details.get(key) is not None]
    half = {"DCR share": 0.5, "MIA AUC": 0.5}.get(result.measure)
    if known:
        return fixed(float(known[0]), 3)
    return NONE if half is None else fixed(half, 3)


def _digits(error: float, estimate: float) -> int:
    """Return the decimals of a row; those of a known coefficient follow from itself."""
    return max(3, decimals_of(abs(estimate) / 10)) if error == 0 else decimals_of(error)


def pooled(inference: "Pooled") -> Grid:
    """One row a coefficient: estimate, error, interval, p and information lost."""
    rows = []
    for name, r in inference.table.iterrows():
        digits = _digits(float(r["std error"]), float(r["estimate"]))
        values = [float(r[c]) for c in ("estimate", "std error", "lower", "upper")]
        numbers = scaled(values, digits, float(r["std error"]))
        df = scaled([float(r["df"])], 1, 1.0)[0]
        rows.append((str(name), *numbers, df, p_value(float(r["p"])), fixed(float(r["fmi"]))))
    share = f"{inference.level:.0%}"
    heads = ("Coefficient", "Estimate", "Std error", f"Lower {share}", f"Upper {share}")
    note = (
        "df: degrees of freedom of the t reference. fmi: share of the information about the "
        "population lost on the way from the original rows."
    )
    caption = "Pooled estimates from the copies"
    return grid(caption, (*heads, "df", "p", "fmi"), rows, note=note)


def agreement(found: "Agreement") -> Grid:
    """One row a coefficient: original and copies, their difference and overlap."""
    rows = []
    columns = ("original", "original error", "synthetic", "synthetic error")
    for name, r in found.table.iterrows():
        digits = _digits(float(r["original error"]), float(r["original"]))
        numbers = scaled([float(r[c]) for c in columns], digits, float(r["original error"]))
        rows.append((str(name), *numbers, fixed(float(r["std diff"])), fixed(float(r["overlap"]))))
    distance, overlap, lack = found.results()[:3]
    note = (
        f"Mean |std diff| {fixed(distance.value)}: {distance.text}. Mean CI overlap "
        f"{fixed(overlap.value)}: {overlap.text}. Lack of fit: {lack.text}."
    )
    if found.exact:
        note = f"{found.exact[:1].upper()}{found.exact[1:]}."
    heads = ("Coefficient", "Original", "Error", "Copies", "Error", "Std diff", "CI overlap")
    return grid("The same model on the original rows", heads, rows, note=note)
