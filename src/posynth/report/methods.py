"""A paragraph for the Methods section of a paper: how the copies were made and judged."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from posynth.copies.manifest import missing_words
from posynth.evaluation.utility import ranked
from posynth.families import families
from posynth.families.permission import is_reference
from posynth.report import tables
from posynth.report.bands import ENDS
from posynth.table.bounds import is_bounded

if TYPE_CHECKING:
    from posynth.posterior.record import Posterior
    from posynth.report.findings import Findings

NAMED = 15  # columns up to which the visit order is written out
ENGINES = {
    "exact": "exact draws",
    "batched": "importance resampling from the nearest normal, or Hamiltonian Monte Carlo",
    "laplace": "independence Metropolis with a Laplace proposal",
    "hmc": "Hamiltonian Monte Carlo",
    "nuts": "NUTS",
    "gibbs": "Gibbs sampling",
    "backfitting": "Bayesian backfitting",
}


#: Scale of a conditional -> what is modelled, and how it is told.
_SCALES = {
    "learned": (" of the column's normal scores", ", learned scale"),
    "levels": (" of the column's numbers as levels", ", numbers as levels"),
}
_LEARNED = (
    "The scores of a learned scale are those of the column's own smoothed quantile function; each "
    "copy drew that function by a Bayesian bootstrap of its cells."
)
#: Symbol of a rule -> what it stands for.
_SYMBOLS = {
    "v̄": "v̄ the mean variance within a copy",
    "b": "b the variance of estimates between copies",
    "B": "B the variance between the means of L imputations",
    "b̄": "b̄ the mean variance between the r copies of an imputation",
    "k": "k and n the rows of a copy and of the source",
    "m": "m the number of copies",
}


def methods(found: "Findings") -> list[str]:
    """Write the paragraphs, in sentences that hold for these copies.

    Parameters
    ----------
    found : Findings
        Everything the page tells. On a public page nothing but sizes, models and standardised
        misfit is said of the source.

    Returns
    -------
    list of str
        Paragraphs of plain text with Markdown code marks around names.
    """
    paragraphs = [_model(found), _fit(found), _quality(found), _inference(found)]
    return [text for text in paragraphs if text]


def markdown(found: "Findings") -> str:
    """Return the paragraphs as Markdown, with a heading and references."""
    parts = ["## Methods: synthetic data", *methods(found), f"References: {REFERENCES}"]
    return "\n\n".join(parts) + "\n"


_REFLECTED = (
    "Draws beyond the bounds of a column, such as 0 or the ends of a rating, were reflected into "
    "them."
)
REFERENCES = (
    "Rubin (1981), Annals of Statistics 9, 130-134; Rubin (1993), Journal of Official Statistics "
    "9, 461-468; Raab, Nowok and Dibben (2017), Journal of Privacy and Confidentiality 7(3), "
    "67-97; Vehtari et al. (2021), Bayesian Analysis 16, 667-718."
)


def _model(found: "Findings") -> str:
    manifest, posterior = found.copies.manifest(), found.copies.posterior
    columns = posterior.spec.columns
    order = f", visited in the order {_names(columns)}" if len(columns) <= NAMED else ""
    versions = manifest["versions"]
    copies = "1 synthetic copy" if manifest["m"] == 1 else f"{manifest['m']} synthetic copies"
    draw = (
        "Each copy used one independent draw from the posterior of every conditional and then drew "
        "its rows from the models with these parameters, so that the copies carry parameter "
        "uncertainty (proper draws)."
        if found.proper
        else "Some conditionals give draws without parameter uncertainty, so the copies are not "
        "proper."
    )
    treated = missing_words(manifest).partition("; for inference")[0]
    if not treated.startswith("missing values"):
        treated = f"missing values: {treated}"
    return (
        f"We generated {copies} of {manifest['k']:,} rows from a confidential table of "
        f"{manifest['n']:,} rows with posynth {manifest['posynth']} (PyMC {versions['pymc']}). The "
        f"joint distribution of {len(columns)} columns was written as a chain of conditional "
        f"models, each column given earlier ones{order}: {_families(posterior)}. "
        f"{_forms(posterior)}{draw} {treated[:1].upper()}{treated[1:]}."
    )


def _families(posterior: "Posterior") -> str:
    known = {**families(), **posterior.own}
    counts = Counter((c.family, c.scale) for c in posterior.spec)
    texts = []
    for (name, scale), count in counts.most_common():
        facts = known[name].facts if name in known else None
        summary = facts.summary.partition(",")[0] if facts else "a user-defined model"
        # The folder of a user's own file is private.
        shown = name.rpartition(":")[2] if is_reference(name) else name
        modelled, told = _SCALES.get(scale, ("", ""))
        texts.append(f"{summary}{modelled} (`{shown}`{told}, {_conditionals(count)})")
    return "; ".join(texts)


def _conditionals(count: int) -> str:
    return f"{count} conditional{'s' * (count > 1)}"


def _forms(posterior: "Posterior") -> str:
    """Say what of the conditionals is no straight line on the natural scale, in sentences."""
    spec = [c for c in posterior.spec if not c.computed]
    found = [_LEARNED] if any(c.scale == "learned" for c in spec) else []
    splines = [c.splines for c in spec if c.splines]
    if splines:
        most = f"{max(splines)} column{'s' * (max(splines) > 1)}"
        found.append(
            f"Numeric predictors entered as natural cubic splines of up to {most} in "
            f"{_conditionals(len(splines))}."
        )
    settings: dict[str, list[Any]] = {
        "products of two predictors": [c.interactions for c in spec],
        "a spread of residuals that depends on predictors": [c.spread for c in spec],
        "a formula in place of main effects": [c.formula for c in spec],
        "coefficients of their own in each stratum": [c.strata for c in spec],
        "random effects of groups of rows": [c.groups for c in spec],
        "one value a group of rows": [c.per_group for c in spec],
    }
    for what, given in settings.items():
        count = sum(bool(each) for each in given)
        found += [f"{_conditionals(count)} had {what}."] if count else []
    found += [_REFLECTED] if any(map(is_bounded, posterior.schema)) else []
    return "".join(f"{sentence} " for sentence in found)


def _fit(found: "Findings") -> str:
    rows = [link.diagnosis for link in found.copies.posterior.links.values()]
    computed = {c.target for c in found.copies.posterior.spec if c.passive}
    counts = Counter(row.engine for row in rows if row.target not in computed)
    used = "; ".join(
        f"{ENGINES.get(name, name)} ({count} conditional{'s' * (count > 1)})"
        for name, count in counts.most_common()
    )
    failed = [row.target for row in rows if not row.passed]
    end = (
        "All conditionals were within the limits for R-hat, effective sample size, divergences "
        "and Pareto k-hat."
        if not failed
        else f"The conditionals of {_names(failed)} were outside their diagnostic limits."
    )
    if found.public:  # which of them was chosen depends on the data
        used = "exact draws, importance resampling or Markov chain Monte Carlo"
    rules = f" {_conditionals(len(computed))} computed from others had none." if computed else ""
    return f"Posteriors were obtained by {used}.{rules} {end}"


def _quality(found: "Findings") -> str:
    table = ranked(found.results, found.comparison)
    two = table[table["ways"] == 2]
    if two.empty:
        return ""
    kind = "proper" if found.proper else "plug-in"
    low = f"{int((two['S'] <= ENDS[0]).sum())} pairs were at most {ENDS[0]:g}"
    if not found.public:
        low = f"the median was {two['S'].median():.2f}, the largest {two['S'].max():.2f}"
    return (
        f"Utility was judged by the standardised propensity score mean squared error of all "
        f"{len(two)} pairs of columns, on the scale of {kind} copies, where 1 is ideal: {low}, and "
        f"{int(two['flagged'].sum())} pairs exceeded {tables.LIMIT:g} and what chance explains."
    )


def _inference(found: "Findings") -> str:
    pooled = next((each.pooled for each in found.inferences if each.pooled is not None), None)
    if pooled is None:
        return ""
    formula = pooled.rule.formula
    used = set(re.findall("[A-Za-z]\u0304?", formula))
    told = [text for symbol, text in _SYMBOLS.items() if symbol in used]
    with_ = f", with {', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else ""
    return (
        "Models were fitted to every copy, and estimates were averaged; their variance was "
        f"{formula}{with_}."
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
