r"""Attribute risk of single records, by a normal approximation that serves whole chains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Rows
from posynth.chain.passive import computed
from posynth.chain.rule import read_rule
from posynth.chain.spec import ChainSpec
from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure.keys import Floats
from posynth.posterior.likelihood import Draws, chain_log_likelihood, code_rows, comb, encoded
from posynth.posterior.normal import approximate, shift
from posynth.posterior.predict import stacked
from posynth.posterior.record import Posterior
from posynth.results import Result

CANDIDATES = 9
IMPOSSIBLE = -1e3  # log density that stands in for minus infinity
TEXT = (
    "Mean posterior probability of a record's true {target} among {count} values, for an intruder "
    "who knows all other records, the rest of this one{without}, the model and the copies; before "
    "the "
    "copies it was {prior:.3g}. {people} records drawn at random{shortened}; by a normal "
    "approximation of the posterior. It speaks of these records and this model, and guarantees "
    "nothing for others"
)
FAILS = (
    "NOT to be relied on for {target}: by the copies the mean probability of the truth would fall "
    "from {prior:.3g} to {value:.3g}, which no information can do. The normal approximation fails, "
    "as where a column on a learned scale is predicted well: each copy draws that scale anew, by "
    "more than what its predictors leave over. The value before the copies is shown, a lower "
    "limit. Look at the measures of copied rows and of membership instead, or fit the column on "
    "its natural scale (--method {target}=lognormal or gaussian) to see what copies of such a "
    "model add."
)
FALLS = 0.02  # of a mean probability, beyond which it is no sampling error
GAIN = (
    "Largest rise of that probability by the copies over the {people} records looked at; "
    "{over} of them rose by more than 0.1"
)


class Seen(NamedTuple):
    """What the copies say of one conditional's parameters, whitened: z ~ N(0, I) before them.

    ``points`` (s, d) are posterior draws, ``shifts`` (d, m) say how far each copy moves their
    center, ``ratio`` is the rows of a copy over those of the source.
    """

    points: Floats
    shifts: Floats
    ratio: float


@dataclass(frozen=True)
class Intruder:
    """What an intruder has read from the copies.

    Attributes
    ----------
    posterior : Posterior
        The fitted chain.
    chosen : Mapping of str to ndarray
        Posterior draws used; none of them made a copy.
    seen : Mapping of str to Seen
        By conditional, what the copies say of its parameters.
    copies, rows : int
        How many copies he read, and how many rows of each.
    whole : bool
        Whether these are all there are.
    """

    posterior: Posterior
    chosen: Draws
    seen: Mapping[str, Seen]
    copies: int
    rows: int
    whole: bool


def read_copies(
    comparison: Comparison,
    posterior: Posterior,
    used: Draws,
    targets: Sequence[str],
    *,
    draws: int = 200,
    rows: int = 25_000,
) -> Intruder:
    """Read the copies as an intruder would.

    What a copy says of a conditional's parameters is how far it would move their posterior: see
    ``posterior.normal.shift``.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    posterior : Posterior
        The fitted chain.
    used : Mapping of str to ndarray
        Draws that made the copies, which the intruder does not have.
    targets : sequence of str
        Columns he wants to learn.
    draws : int
        At most so many posterior draws.
    rows : int
        At most so many rows of all copies together; fewer copies are read if there are more.

    Returns
    -------
    Intruder
    """
    chosen = comb(posterior, draws, used)
    k = len(comparison.copies[0])
    copies = comparison.copies[: max(1, rows // k)]
    read = min(k, rows)
    known = encoded(posterior, comparison.original)
    tables = [encoded(posterior, copy.iloc[:read]) for copy in copies]
    spec = posterior.spec
    names = touched(spec, [*targets, *(c for t in targets for c in computed_from(spec, t))])
    seen = {name: _seen(posterior, name, chosen, known, tables) for name in names}
    whole = len(copies) == len(comparison.copies) and read == k
    return Intruder(posterior, chosen, seen, len(copies), read, whole)


def touched(spec: ChainSpec, targets: Sequence[str]) -> list[str]:
    """Return the conditionals whose density changes with the value of a target."""
    return [
        name
        for name in spec.targets
        if not spec[name].computed
        and any(name == target or target in spec.given(name) for target in targets)
    ]


def computed_from(spec: ChainSpec, target: str) -> list[str]:
    """Return the columns that are computed from a target, through other rules too, sources first.

    Examples
    --------
    >>> from posynth.chain.spec import Conditional
    >>> rules = {"t": "a + b", "share": "a / t", "other": "b / 2"}
    >>> spec = ChainSpec((Conditional("a", "gaussian"), Conditional("b", "gaussian"),
    ...     *(Conditional(name, "passive", passive=rule) for name, rule in rules.items())))
    >>> computed_from(spec, "a")
    ['t', 'share']
    """
    found: list[str] = []
    for conditional in spec:
        if conditional.passive and {target, *found} & {*read_rule(conditional.passive).sources}:
            found.append(conditional.target)
    return found


def _seen(
    posterior: Posterior, target: str, chosen: Draws, known: Rows, tables: Sequence[Rows]
) -> Seen:
    parameters = stacked(posterior.draws[target])
    own = code_rows(posterior, known, target)
    normal = approximate(own, {n: v[chosen[target]] for n, v in parameters.items()})
    coded = [code_rows(posterior, table, target) for table in tables]
    shifts = np.array([shift(own, each, normal) for each in coded]).T
    ratio = np.mean([each.used.sum() for each in coded]) / own.used.sum()
    return Seen(normal.points, shifts, float(ratio))


def evidence(ratios: Floats, seen: Seen) -> Floats:
    """Return log p(Z | y*, Y_-i) of all copies for each candidate, relative to the truth.

    t = log p(y* | theta) - log p(y_i | theta) is taken as linear, t = g'z by least squares over
    the draws. A copy moves the center of z from 0 to a_l and its covariance from I to I / (1 + c):
    log E[exp t | Y, Z] - log E[exp t | Y] = g'a_l - g'g c / (2 (1 + c)), exact for a normal mean.

    Parameters
    ----------
    ratios : ndarray, shape (s, ...)
        t at each posterior draw.
    seen : Seen
        What the copies say of the parameters.

    Returns
    -------
    ndarray, shape (...)
    """
    flat = ratios.reshape(len(ratios), -1)
    known = np.column_stack([np.ones(len(flat)), seen.points])
    gradient = np.linalg.lstsq(known, flat, rcond=None)[0][1:]
    lost = seen.ratio / (2 * (1 + seen.ratio)) * np.sum(gradient**2, axis=0)
    total: Floats = np.sum(seen.shifts.T @ gradient - lost, axis=0)
    return total.reshape(ratios.shape[1:])


def measure(
    comparison: Comparison,
    intruder: Intruder,
    target: str,
    *,
    rng: np.random.Generator,
    people: int = 50,
) -> list[Result]:
    """Compute what an intruder who knows everybody else learns about one column.

    As ``attribute_risk.measure``, whose importance weights degenerate with the number of
    parameters, but by the normal approximation of ``evidence``, and over records drawn at random.
    Candidates are the levels of the column, or nine of its quantiles with the truth in place of the
    nearest. The
    intruder's prior is the model's own predictive distribution given all other records.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    intruder : Intruder
        What ``read_copies`` returned.
    target : str
        The column he wants to learn.
    rng : numpy.random.Generator
        Draws the records.
    people : int
        How many records are looked at.

    Returns
    -------
    list of Result
        ``attribute risk`` (mean posterior probability of the truth) and ``attribute risk gain``
        (largest rise by the copies): row level, without any record.

    References
    ----------
    Reiter, Wang and Zhang (2014), Journal of Privacy and Confidentiality 6(1):2.
    """
    posterior = intruder.posterior
    known = encoded(posterior, comparison.original)
    values = known.arrays[target]
    there = np.flatnonzero(~np.isnan(values))
    looked = np.sort(rng.choice(there, min(people, len(there)), replace=False))
    if not len(looked):
        return []
    candidates, truth = _candidates(posterior, target, values, looked)
    rows, possible = _rows(posterior.spec, known, target, looked, candidates, truth)
    possible &= _within_rules(posterior, target, rows).reshape(possible.shape)
    before, after = _log_probabilities(intruder, target, rows, possible, truth)
    return _told(intruder, target, before, after)


def _candidates(
    posterior: Posterior, target: str, values: Floats, looked: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.int64]]:
    """Return candidate values (people, c), and which of them is the truth (people,)."""
    coding = posterior.links[target].coding
    if coding.levels:
        known = np.array(coding.numbers) if coding.numbers else np.arange(float(len(coding.levels)))
        grid = np.tile(known, (len(looked), 1))
        return grid, coding.levels_of(target, values[looked]).astype(np.int64)
    inner = np.linspace(0, 1, 2 * CANDIDATES + 1)[1::2]
    grid = np.tile(np.quantile(values[~np.isnan(values)], inner), (len(looked), 1))
    # The truth takes the place of the quantile nearest to it.
    truth = np.abs(grid - values[looked, None]).argmin(axis=1)
    grid[np.arange(len(looked)), truth] = values[looked]
    return grid, truth


def _rows(
    spec: ChainSpec,
    known: Rows,
    target: str,
    looked: NDArray[np.int64],
    candidates: Floats,
    truth: NDArray[np.int64],
) -> tuple[Rows, NDArray[np.bool_]]:
    """Return the records once for each candidate, and which candidates are possible (people, c).

    Columns computed from the target are computed anew: with those of the record, rows would be
    none of the model's. A candidate for which a rule gives no value is impossible.
    """
    count = candidates.shape[1]
    arrays = {name: np.repeat(values[looked], count) for name, values in known.arrays.items()}
    arrays[target] = candidates.ravel()
    rows = Rows(known.schema, arrays, known.indicators, candidates.size, known.learned)
    possible = np.ones(candidates.shape, dtype=bool)
    for name in computed_from(spec, target):
        found = computed(rows, known.schema[name], spec[name].passive)
        possible &= ~np.isinf(found).reshape(candidates.shape)
        arrays[name] = np.where(np.isinf(found), np.nan, found)
    possible[np.arange(len(truth)), truth] = True
    return rows, possible


def _within_rules(posterior: Posterior, target: str, rows: Rows) -> NDArray[np.bool_]:
    """Tell which candidates the rules of the chain leave possible, (rows,): he knows them too."""
    found = np.ones(len(rows), dtype=bool)
    for link in posterior.links.values():
        limits = link.coding.limits
        if limits is not None and target in (limits.column, *limits.columns):
            found &= limits.keeps(rows)
    return found


def _log_probabilities(
    intruder: Intruder,
    target: str,
    rows: Rows,
    possible: NDArray[np.bool_],
    truth: NDArray[np.int64],
) -> tuple[Floats, Floats]:
    """Return the truth's probability before and after the copies, (people,) each."""
    from scipy.special import logsumexp

    people, shape = np.arange(len(truth)), possible.shape
    before, added = np.where(possible, 0.0, IMPOSSIBLE), np.zeros(shape)
    posterior, spec = intruder.posterior, intruder.posterior.spec
    names = touched(spec, [target, *computed_from(spec, target)])
    for name, found in chain_log_likelihood(posterior, rows, intruder.chosen, names):
        log_p = np.nan_to_num(found, nan=0.0, neginf=IMPOSSIBLE).reshape(-1, *shape)
        log_p = np.where(possible, log_p, log_p[:, people, truth][:, :, None])
        ratios = log_p - log_p[:, people, truth][:, :, None]
        before += logsumexp(ratios, axis=0) - np.log(len(ratios))
        added += evidence(ratios, intruder.seen[name])
    both = (before, before + added)
    risks = [np.exp(-logsumexp(p - p[people, truth][:, None], axis=1)) for p in both]
    return risks[0], risks[1]


def _told(intruder: Intruder, target: str, before: Floats, after: Floats) -> list[Result]:
    shortened = ""
    if not intruder.whole:
        shortened = f", and he has read {intruder.copies} copies of {intruder.rows:,} rows only"
    levels = intruder.posterior.links[target].coding.levels
    rise = after - before
    prior = float(before.mean())
    details: dict[str, Any] = {
        "prior": prior,
        "people": len(after),
        "draws": len(next(iter(intruder.chosen.values()))),
        "copies": intruder.copies,
        "rows_of_a_copy": intruder.rows,
        "row_level": True,
    }
    count = len(levels) or CANDIDATES
    left = computed_from(intruder.posterior.spec, target)
    without = f" (without {', '.join(left)}, computed from it)" if left else ""
    said = {"people": len(after), "count": count, "shortened": shortened, "prior": prior}
    said["without"] = without
    text = TEXT.format(target=target, **said) + "."
    gain = GAIN.format(people=len(after), over=int(np.sum(rise > 0.1))) + "."
    value = float(after.mean())
    sound: bool | None = None
    if value < prior - FALLS:
        # What somebody learns cannot lower the truth's probability on average.
        text = FAILS.format(target=target, value=value, prior=prior)
        gain, value, sound = text, prior, False
    about: dict[str, Any] = {"passed": sound, "details": details}
    return [
        Result("attribute risk", value, target, text=text, **about),
        Result("attribute risk gain", float(rise.max()), target, text=gain, **about),
    ]
