"""Disclosure that needs posterior draws beside the tables: influence and attribute risk."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from posynth.chain.blocks import Rows
from posynth.errors import SpecError
from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure import influence, intruder
from posynth.evaluation.disclosure.keys import Floats
from posynth.posterior.likelihood import (
    Draws,
    chain_log_likelihood,
    comb,
    counts,
    encoded,
    family_of,
)
from posynth.posterior.record import Posterior
from posynth.results import Result

DRAWS = 200
FEW_DRAWS = 100
#: Of a Pareto shape: from 100 draws the largest of 200 harmless records is above 0.7 by chance.
MANY_DRAWS = 2000
UNSTABLE = 200
NO_POSTERIOR = (
    "column {column!r}: family {family!r} is no draw from a model's posterior (an algorithm or a "
    "plug-in); influence and attribute risk are computed from posterior draws"
)
NEW_GROUPS = (
    "Not measured: columns {columns} have groups that are new in every copy, so that a row of a "
    "copy says nothing of the group of its label."
)
LEARNED_SHAPE = (
    "Not measured for {target!r}: the conditionals of {columns} have residuals of learned shape "
    "and curves that are shrunk: no normal distribution comes near their posterior, as it "
    "needs; name another family for them to have it measured."
)
NO_DENSITY = (
    "A record has density 0 at some posterior draw, so its influence has no bound: look at the "
    "diagnostics and at the family of the conditionals first."
)

type Progress = Callable[[str, int, int], None]


def evaluate_by_posterior(
    comparison: Comparison,
    posterior: Posterior,
    used: Draws,
    targets: Sequence[str],
    *,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> list[Result]:
    """Measure what the model, rather than the copies alone, gives away of single records.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    posterior : Posterior
        The fitted chain.
    used : Mapping of str to ndarray
        Draws that made the copies, by conditional; the intruder does not have them.
    targets : sequence of str
        Columns he wants to learn.
    rng : numpy.random.Generator
        Draws the records that are looked at.
    progress : callable, optional
        Called as ``progress(step, done, total)``.

    Returns
    -------
    list of Result
        Influence of records, then attribute risk by target. All row level: for the data holder.

    Examples
    --------
    >>> import posynth
    >>> from posynth.copies.walk import taken_draws
    >>> table = posynth.load_heart_failure()[["age", "sex", "smoking"]]
    >>> copies = posynth.synthesize(table, m=2, seed=1)
    >>> tables = posynth.lay_beside(copies, table)
    >>> used = taken_draws(copies.posterior, 2, copies.seed)
    >>> rng = np.random.default_rng(1)
    >>> found = evaluate_by_posterior(tables, copies.posterior, used, ["smoking"], rng=rng)
    >>> [r.measure for r in found][-2:]
    ['attribute risk', 'attribute risk gain']
    """
    if not posterior.spec.targets:
        return []
    for target in posterior.estimated:
        if family_of(posterior, target).algorithm:
            raise SpecError(
                NO_POSTERIOR.format(column=target, family=posterior.spec[target].family)
            )
    tell = progress or (lambda step, done, total: None)
    modelled = [target for target in targets if target in posterior.estimated]
    tell("influence", 0, 2 + len(modelled))
    results = measure_influence(comparison, posterior, rng=rng)
    if not modelled:
        return results
    anew = [c.target for c in posterior.spec if c.new_groups]
    if anew:
        text = NEW_GROUPS.format(columns=", ".join(map(repr, anew)))
        return [*results, Result("attribute risk", float("nan"), text=text)]
    curved = {t: bent for t in modelled if (bent := _of_learned_shape(posterior, t))}
    for target, names in curved.items():
        text = LEARNED_SHAPE.format(target=target, columns=", ".join(map(repr, names)))
        results.append(Result("attribute risk", float("nan"), target, text=text))
    modelled = [target for target in modelled if target not in curved]
    if not modelled:
        return results
    tell("reading the copies", 1, 2 + len(modelled))
    reader = intruder.read_copies(comparison, posterior, used, modelled, draws=DRAWS)
    for done, target in enumerate(modelled):
        tell(f"attribute risk of {target}", 2 + done, 2 + len(modelled))
        results += intruder.measure(comparison, reader, target, rng=rng)
    return results


def _of_learned_shape(posterior: Posterior, target: str) -> list[str]:
    """Return the conditionals about a target whose posterior is far from normal: learned shapes."""
    spec = posterior.spec
    names = intruder.touched(spec, [target, *intruder.computed_from(spec, target)])
    return [n for n in names if family_of(posterior, n).facts.design == "structured"]


def measure_influence(
    comparison: Comparison,
    posterior: Posterior,
    *,
    rng: np.random.Generator,
    draws: int = FEW_DRAWS,
    rows: int = 10_000,
) -> list[Result]:
    """Score the influence of the original records, numbers in units of their standard deviation.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    posterior : Posterior
        The fitted chain.
    rng : numpy.random.Generator
        Draws the records, if there are more than ``rows``.
    draws, rows : int
        At most so many posterior draws and records; a Pareto shape is estimated from all draws
        there are, at most 2000.

    Returns
    -------
    list of Result
        As ``influence.measure``; the Pareto shape is estimated for the records whose density
        varies most over draws, which are those it is largest for.
    """
    table = comparison.original
    if len(table) > rows:
        table = table.iloc[np.sort(rng.choice(len(table), rows, replace=False))]
    of_rows = row_log_density(posterior, encoded(posterior, table), comb(posterior, draws))
    if not np.isfinite(of_rows).all():
        return [Result("influence", float("inf"), passed=False, text=NO_DENSITY)]
    m = len(comparison.copies)
    results = influence.measure(of_rows, m)
    if len(table) < len(comparison.original):
        note = f" {rows:,} of {len(comparison.original):,} records, drawn at random."
        results = [replace(result, text=result.text + note) for result in results]
    unstable = np.argsort(of_rows.std(axis=0))[-UNSTABLE:]
    records = encoded(posterior, table.iloc[np.sort(unstable)])
    more = row_log_density(posterior, records, comb(posterior, MANY_DRAWS))
    if not np.isfinite(more).all():
        return [Result("influence", float("inf"), passed=False, text=NO_DENSITY)]
    shape = influence.measure(more, m, k_hat=True)[2]
    note = f" Estimated for the {len(unstable)} records whose density varies most over draws."
    return [*results, replace(shape, text=shape.text + note)]


def row_log_density(posterior: Posterior, rows: Rows, chosen: Draws) -> Floats:
    """Return the log density of whole rows at each draw, (s, n), numbers standardised."""
    total = np.zeros((min(map(len, chosen.values()), default=0), len(rows)))
    for target, found in chain_log_likelihood(posterior, rows, chosen):
        total += np.nan_to_num(found + _log_unit(posterior, target), nan=0.0, neginf=-np.inf)
    return total


def _log_unit(posterior: Posterior, target: str) -> float:
    """Log of the unit a density is measured in; probabilities have none."""
    coding = posterior.links[target].coding
    if coding.levels or counts(posterior, target):
        return 0.0
    unit = coding.scale if coding.learned is None else coding.learned.spread or 1.0
    return float(np.log(unit))
