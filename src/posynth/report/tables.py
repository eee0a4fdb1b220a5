"""Results as tables: what was modelled, how it was fitted, and how like the copies are."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any

import pandas as pd

from posynth.chain.coefficient_priors import priors_text, read_priors
from posynth.chain.facts import FamilyFacts
from posynth.copies.manifest import missing_words, public_chain
from posynth.evaluation.utility.combinations import NEW
from posynth.evaluation.utility.kept_bounds import BEYOND
from posynth.evaluation.utility.kept_rules import KEPT
from posynth.evaluation.utility.missing_shares import KINDS
from posynth.families import families
from posynth.posterior.diagnosis import Diagnosis
from posynth.posterior.record import Posterior
from posynth.report.bands import NOTE, band_text
from posynth.report.grid import NONE, Grid, fixed, grid, interval, verdict
from posynth.results import Result

SHOWN = 15
LIMIT = 3.0
FEW_PREDICTORS = 6
CHECKS = ("LOO", "PPC")
BY_USER = "as the chain file or the call says"


def made(manifest: Mapping[str, Any], public: bool = False) -> Grid:
    """Tell a reader of the copies what he must know: source, sizes, seeds, hash and versions.

    A public page is written from a public manifest, without source, seeds and hash.
    """
    versions = ", ".join(f"{name} {number}" for name, number in manifest["versions"].items())
    rows = [
        *([] if public else [("Source", manifest["source"] or "a data frame")]),
        ("Rows of the source", f"{manifest['n']:,}"),
        ("Copies", f"{manifest['m']} of {manifest['k']:,} rows"),
        ("Proper", "yes: each copy took its own posterior draw" if manifest["proper"] else "no"),
        *_exceptions(manifest),
        *_computed(manifest.get("passive", {})),
        *_kept(manifest.get("rules", {}), manifest.get("passive", {})),
        ("Missing values", missing_words(manifest)),
        ("Filled, not modelled", _filled(manifest["filled"])),
        *([] if public else _origin(manifest)),
        ("Versions", f"posynth {manifest['posynth']}, {versions}"),
    ]
    return grid("How the copies were made", ("Fact", "Value"), rows, texts=2)


def _origin(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    seeds = f"{manifest['seed']} / {manifest['fit_seed']}"
    return [
        ("Hash of the chain", manifest["spec_hash"]),
        ("Seed of draws / of fits (not to be published)", seeds),
    ]


def _kept(rules: Mapping[str, Sequence[str]], computed: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name the rules that hold in every row of the copies, but for columns that are computed."""
    texts = [text for name, own in rules.items() if name not in computed for text in own]
    return [("Holds in every row", "; ".join(texts))] if texts else []


def _exceptions(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name the columns that were asked for in spite of a warning."""
    heads = {
        "improper": "Without parameter uncertainty",
        "without_noise": "Without noise: no rule pools them",
        "copies_values": "Copied from the source: confidential",
    }
    return [(heads[key], _filled(manifest[key])) for key in heads if manifest.get(key)]


def _computed(rules: Mapping[str, str]) -> list[tuple[str, str]]:
    told = "; ".join(f"{name} = {rule}" for name, rule in rules.items())
    return [("Computed, not modelled", told)] if told else []


def _filled(filled: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in filled.items()) or "no column"


def chain(posterior: Posterior, manifest: Mapping[str, Any], public: bool = False) -> Grid:
    """One row a conditional in visit order: given what, by which family, with which prior and why.

    Priors and reasons follow the data, and are left out of a public page.
    """
    known = {**families(), **posterior.own}
    shown = manifest.get("chain") or public_chain(posterior)
    rows: list[tuple[str, ...]] = []
    for c in posterior.spec:
        facts = known[c.family].facts if c.family in known else None
        given = _given(posterior, c.target)
        if public:
            rows.append((c.target, given, shown[c.target]["family"]))
        else:
            prior = _prior(manifest["priors"][c.target], facts)
            rows.append((c.target, given, c.label, prior, c.note or BY_USER))
    heads = ("Conditional", "Given", "Family", *([] if public else ["Prior", "Why"]))
    modelled = [c for c in posterior.spec if not c.computed]
    own = [c.target for c in modelled if c.family in known and known[c.family].drawer]
    note = "Each row is a PyMC model; its parameters are independent of those of other rows."
    if own:
        note += f" Not a PyMC model, but an algorithm: {', '.join(own)}."
    if len(modelled) < len(posterior.spec):
        note += " Passive columns are computed from those given: no model, no parameter."
    return grid("The chain of conditionals", heads, rows, texts=len(heads), note=note)


def _given(posterior: Posterior, target: str) -> str:
    conditional = posterior.spec[target]
    predictors = posterior.spec.predictors(target)
    if conditional.formula or conditional.computed:
        return conditional.formula or f"= {conditional.computed_by}"
    if len(predictors) < FEW_PREDICTORS:
        return " + ".join(predictors) or "nothing"
    return f"{len(predictors)} earlier columns"


def _prior(said: Mapping[str, Any], facts: FamilyFacts | None) -> str:
    """Name the prior with its scales, those of the family where the chain says nothing."""
    name = said["prior"]
    if name == "default" and facts is not None:
        name = facts.default_prior
    usual = facts.priors.get(name, {}) if facts is not None else {}
    scales = ", ".join(f"{key} {value:g}" for key, value in {**usual, **said["scales"]}.items())
    stated = priors_text(read_priors(name, said.get("stated", {})))
    return "; ".join(filter(None, (f"{name}: {scales}" if scales else str(name), stated)))


def diagnostics(found: Sequence[Diagnosis], public: bool = False) -> Grid:
    """One row a conditional: engine, diagnostics beside their limits, within them or not.

    A public page says only whether they are within their limits.
    """
    caption = "How well each conditional was fitted"
    failed = [i for i, row in enumerate(found) if not row.passed]
    if public:
        verdicts = [(row.target, verdict(row.passed)) for row in found]
        heads = ["Conditional", "Within limits"]
        note = "Limits for Pareto k-hat, R-hat, shifts of chains, effective draws and divergences."
        return grid(caption, heads, verdicts, texts=2, flagged=failed, note=note)
    heads = ["Conditional", "Family", "Engine", "Within limits", "Rows", "Parameters"]
    heads += ["k-hat", "R-hat", "Chain shift", "ESS", "Tail ESS", "Divergences", "Seconds"]
    rows = []
    for row in found:
        cells = [row.target, row.family, row.engine, verdict(row.passed), f"{row.n:,}"]
        cells += [str(row.parameters), *_beside_limits(row)]
        rows.append([*map(str, cells), str(row.divergences), fixed(row.seconds, 1)])
    note = (
        "Limits are in brackets; divergences must be 0. k-hat below 0.7: importance weights can be "
        "trusted; exact and Markov chain engines have none. R-hat near 1: chains agree. Chain "
        "shift: how far the mean of one chain may be from that of the others, in posterior "
        "standard deviations. Tail ESS: effective draws of the 5 % tails. They speak of the fit, "
        "not of whether the model is right."
    )
    return grid(caption, heads, rows, texts=4, flagged=failed, note=note)


def _beside_limits(row: Diagnosis) -> list[str]:
    """Return k-hat, R-hat, shift and ESS, each with its limit where one applies."""
    shown = (
        (row.k_hat, 2, "<", row.k_hat_limit, 1),
        (row.r_hat, 3, "≤", row.r_hat_limit, 2),
        (row.shift, 2, "<", row.shift_limit, 1),
        (row.ess, 0, "≥", row.ess_needed, 0),
        (row.ess_tail, 0, "≥", row.ess_tail_needed, 0),
    )
    return [
        fixed(value, digits) + ("" if isnan(limit) else f" ({sign} {fixed(limit, places)})")
        for value, digits, sign, limit, places in shown
    ]


def _without(
    heads: list[str], rows: list[list[str]], column: int
) -> tuple[list[str], list[list[str]]]:
    def cut(row: list[str]) -> list[str]:
        return row[:column] + row[column + 1 :]

    return cut(heads), [cut(row) for row in rows]


def checks(results: Sequence[Result]) -> Grid:
    """Bayesian checks of the conditionals, as far as there are any."""
    rows = [
        (r.subject, r.measure, verdict(r.passed), fixed(r.value, 3), interval(r, 3))
        for r in results
    ]
    failed = [i for i, r in enumerate(results) if r.passed is False]
    heads = ("Conditional", "Check", "Within limits", "Value", "95 % interval")
    note = (
        "LOO: mean log density of a row left out; outside the limit if 1 % of the rows or more "
        "decide their own fit. PPC: share of drawn tables whose skewness, or share of the "
        "commonest level, is above the observed one; outside the limit within 0.005 of 0 or 1."
    )
    caption = "Checks of the conditionals"
    return grid(caption, heads, rows, texts=3, flagged=failed, note=note if rows else "")


def held_out(results: Iterable[Result]) -> Grid:
    """Log score of holdout rows, whole rows first, beside that of independent columns."""
    scores: dict[str, dict[str, Result]] = {}
    for r in results:
        if r.measure.startswith("log score"):
            scores.setdefault(r.subject, {})[r.measure] = r
    known = {name: found for name, found in scores.items() if "log score gain" in found}
    rows = []
    for name, found in known.items():
        score, gain = found["log score"], found["log score gain"]
        numbers = (score.value, score.details["baseline"], gain.value)
        cells = [fixed(number, 3) for number in numbers]
        rows.append((name or "whole rows", verdict(gain.passed), *cells, interval(gain, 3)))
    flagged = [i for i, found in enumerate(known.values()) if not found["log score gain"].passed]
    heads = ("Conditional", "Within limits", "Log score", "Independent", "Gain", "95 % interval")
    note = (
        "Mean log predictive density of holdout rows in nats, under the chain and under columns "
        "that are independent of each other. A gain wholly below 0 is outside the limit: the "
        "conditional's shape is worse than a smooth histogram. On a learned scale both are "
        "densities of scores; in columns of few values the gain is then an upper bound."
    )
    caption = "Log score of rows that no conditional was fitted on"
    return grid(caption, heads, rows, texts=2, flagged=flagged, note=note)


def score(result: Result, proper: bool) -> float:
    """Return the standardised value on the scale that fits how the copies were drawn."""
    return float(result.details["S_proper" if proper else "S_plugin"])


def whole(results: Iterable[Result], proper: bool, standardised_only: bool = False) -> Grid:
    """Measures of the table as a whole."""
    found = {r.measure: r for r in results if not r.subject}
    rows: list[list[str]] = []
    flagged: list[int] = []
    for name, (said, digits) in _WHOLE.items():
        raw, scaled = found.get(name), found.get(f"S_{name}")
        if (raw is None and scaled is None) or (standardised_only and scaled is None):
            continue
        judged = scaled or raw
        if judged is not None and judged.passed is False:
            flagged.append(len(rows))
        own = NONE if scaled is None else _written(score(scaled, proper), standardised_only)
        shown = NONE if raw is None or standardised_only else fixed(raw.value, digits)
        passed = verdict(judged.passed if judged else None)
        rows.append([said, name, passed, shown, own])
    heads = ["Question", "Measure", "Within limits", "Value", "S"]
    if standardised_only:
        heads, rows = _without(heads, rows, 3)
    caption, note = "The table as a whole", scale_note(proper, standardised_only)
    return grid(caption, heads, rows, texts=3, flagged=flagged, note=note)


def _written(value: float, banded: bool) -> str:
    return band_text(value) if banded else fixed(value)


_LOGIT, _CART = "logistic propensity model", "CART propensity model"
_WHOLE = {
    "pMSE_logit": (f"Squared distance of scores, {_LOGIT}", 4),
    "SPECKS_logit": (f"Largest gap of score distributions, {_LOGIT}", 3),
    "PO50_logit": (f"% told apart beyond guessing, {_LOGIT}", 1),
    "pMSE_cart": (f"Squared distance of scores, {_CART}", 4),
    "SPECKS_cart": (f"Largest gap of score distributions, {_CART}", 3),
    "PO50_cart": (f"% told apart beyond guessing, {_CART}", 1),
    "PE_ulsif": ("Pearson divergence by density ratio (uLSIF)", 3),
    "KL_kliep": ("Kullback-Leibler divergence by density ratio (KLIEP)", 3),
}


def impossible(results: Iterable[Result]) -> Grid:
    """Rules of the chain, and pairs of columns whose copies hold what the original does not."""
    kept = [r for r in results if r.measure in (KEPT, NEW) and r.subject]
    bounds = [r for r in results if r.measure == BEYOND]
    bounds = bounds[1:] or bounds  # the columns, or that there are none
    shown = [r for r in kept if r.measure == KEPT or r.passed is False][:SHOWN] + bounds[:SHOWN]
    rows = [
        (r.subject.replace(":", " and ") or "all with bounds", r.measure, fixed(r.value), r.text)
        for r in shown
    ]
    flagged = [i for i, r in enumerate(shown) if r.passed is False]
    caption = "What must not occur: against rules, above chance new, or beyond bounds"
    return grid(caption, ("Columns", "Measure", "Value", "Reading"), rows, texts=2, flagged=flagged)


def missing_kinds(results: Iterable[Result]) -> Grid:
    """Shares of the kinds of missing values in the original and in the copies."""
    rows: list[tuple[str, ...]] = []
    flagged: list[int] = []
    for result in results:
        if result.measure != KINDS or not result.details:
            continue
        for kind, (own, drawn) in result.details["kinds"].items():
            if result.passed is False:
                flagged.append(len(rows))
            shares = (fixed(100 * own, 1), fixed(100 * drawn, 1))
            rows.append((result.subject, kind, *shares, fixed(result.value)))
    heads = ("Column", "Kind", "% of original", "% of copies", "S")
    note = f"S is of all kinds of a column together: 1 is ideal, {LIMIT:g} a limit."
    caption = "Kinds of missing values"
    return grid(caption, heads, rows, texts=2, flagged=flagged, note=note)


def scale_note(proper: bool, banded: bool = False) -> str:
    """Say how S is to be read, and why a public page has it in bands."""
    kind = "proper" if proper else "plug-in"
    return (
        f"S is a measure over its expectation under a right model, on the scale of {kind} copies: "
        f"1 is ideal, {LIMIT:g} a limit. A good S speaks of what was compared, and of nothing else."
        + (f" {NOTE}" if banded else "")
    )


def columns(
    results: Sequence[Result], proper: bool, shown: int | None = None, raw: bool = True
) -> Grid:
    """Margins of single columns, the worst first."""
    table: dict[str, dict[str, Result]] = {}
    for result in results:
        if result.measure in ("S_pMSE", "KS", "S_KS", "Hellinger", "S_Hellinger"):
            table.setdefault(result.subject, {})[result.measure] = result
    # A pair has no Hellinger distance, which tells it from a column.
    single = {name: found for name, found in table.items() if "S_Hellinger" in found}
    order = sorted(single, key=lambda name: -_worst(single[name], proper))[:shown]
    scaled = ("S_pMSE", "S_KS", "S_Hellinger")
    wanted = (*scaled, "KS", "Hellinger") if raw else scaled
    rows = [(name, *(_cell(single[name].get(m), m, proper, raw) for m in wanted)) for name in order]
    failed = {
        name for name, each in single.items() if any(r.passed is False for r in each.values())
    }
    flagged = [i for i, name in enumerate(order) if name in failed]
    caption = "Distributions of single columns, the worst first"
    note = scale_note(proper, not raw)
    return grid(caption, ("Column", *wanted), rows, flagged=flagged, note=note)


def _worst(found: Mapping[str, Result], proper: bool) -> float:
    return max(score(r, proper) for name, r in found.items() if name.startswith("S_"))


def _cell(result: Result | None, measure: str, proper: bool, raw: bool) -> str:
    if result is None:
        return NONE
    if measure.startswith("S_"):
        return _written(score(result, proper), not raw)
    return fixed(result.value, 3)


def pairs(table: pd.DataFrame, proper: bool, shown: int = SHOWN, banded: bool = False) -> Grid:
    """Associations of two columns, the worst first; ``table`` is that of ``utility.ranked``."""
    two = table[table["ways"] == 2]
    worst = two.head(shown)
    columns = (worst["subject"], worst["S"], worst["df"])
    rows = [(str(a), _written(s, banded), fixed(df, 0)) for a, s, df in zip(*columns, strict=True)]
    flagged = [i for i, bad in enumerate(two["flagged"].head(shown)) if bad]
    caption = f"Two-way tables, the {len(rows)} worst of {len(two)}"
    if len(rows) == len(two):
        caption = "Two-way tables, the worst first"
    over = int(two["flagged"].sum())
    note = f"{over} of {len(two)} pairs are above the limit. {scale_note(proper, banded)}"
    heads = ("Pair", "S_pMSE", "df")
    return grid(caption, heads, rows, flagged=flagged, note=note)
