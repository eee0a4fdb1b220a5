r"""Log-likelihood of any rows under the conditionals of a fitted chain, draw by draw.

The density is that of the conditional's own PyMC graph, in the units of its column. A standardised
response :math:`z = (y - c)/s` has :math:`\log p(y) = \log p(z) - \log s`; one on a learned scale
has the probability of its interval of scores, see ``posterior.scale_likelihood``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.missing_kinds import missingness
from posynth.chain.scores import place_scores
from posynth.chain.spec import Conditional
from posynth.engines.base import Task
from posynth.engines.choose import condition
from posynth.engines.conditioned import Conditioned
from posynth.families.base import Family
from posynth.posterior.bound import conform
from posynth.posterior.chain_families import stored_families
from posynth.posterior.coding import Coding
from posynth.posterior.predict import natural_scale, stacked
from posynth.posterior.prior_scales import prior_scales
from posynth.posterior.record import Posterior
from posynth.posterior.scale_likelihood import ScoredRows
from posynth.posterior.seeds import Purpose, stream
from posynth.posterior.task import encode_table
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pandas as pd

type Draws = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Coded:
    """Rows as one conditional codes them.

    Attributes
    ----------
    family : Family
        The conditional's family.
    task : Task
        Design and response of the rows it speaks of.
    used : ndarray of bool, shape (n,)
        Which rows these are: those in which its response is present, one a group if it is that of
        groups.
    observed : ndarray, shape (used,)
        The response on the column's own scale.
    unit : float
        What a step of the model's response is on that scale; 1 for scores.
    stretch : ndarray, shape (used,) or float
        Log of what a step of the response is in units of the column, beyond ``unit``.
    scored : ScoredRows, optional
        Where the values lie on a learned scale.
    kinds : int
        Of an indicator: kinds that each missing value may be of, where that is not known.
    """

    family: Family
    task: Task
    used: NDArray[np.bool_]
    observed: NDArray[Any]
    unit: float
    scored: ScoredRows | None = None
    kinds: int = 1
    stretch: Floats | float = 0.0

    def of_kind(self, kind: int) -> "Coded":
        """Return the same with another kind of missing value in all rows where one is missing."""
        response = self.task.response
        y = np.where(response.y >= 1, kind, response.y)
        return replace(self, task=replace(self.task, response=replace(response, y=y)), kinds=1)


def family_of(posterior: Posterior, target: str) -> Family:
    """Return the family of a conditional."""
    where = (posterior.own, posterior.folders, posterior.allowed)
    return stored_families(posterior.spec, *where)[posterior.spec[target].family]


def code_rows(posterior: Posterior, rows: Rows, target: str) -> Coded:
    """Code rows as a conditional was fitted on."""
    conditional = posterior.spec[target]
    family, coding = family_of(posterior, target), posterior.links[target].coding
    X, used = coding.gathered(rows, _present(rows, conditional))
    values = _values(coding.measured(rows), conditional)[used]
    origin, unit = natural_scale(family, coding)
    design = coding.designed(X)
    if conditional.indicates and target not in rows.arrays and coding.numbers:
        values = np.where(values > 0, coding.numbers[1], 0.0)  # of some kind, not known which
    scored = None
    if coding.learned is None:
        y = (coding.levels_of(target, values) - origin) / unit
    else:
        rng = stream(posterior.seed, Purpose.SCORE, target)
        y = place_scores(coding.learned, coding.warp, values, design.X, rng)
        decimals = posterior.schema[target].decimals
        scored = ScoredRows(coding.learned, coding.warp, values, decimals)
    whole = coding.levels or (counts(posterior, target) and np.all(y == np.round(y)))
    response = coding.response(target, y.astype(np.int64) if whole else y)
    scales = prior_scales(conditional, family.facts, coding)
    task = Task(family, design, response, conditional.prior, scales)
    kinds = 1
    if conditional.indicates and target not in rows.arrays:
        kinds = max(len(coding.levels) - 1, 1)
    stretch = coding.limits.stretch(rows)[used] if coding.limits else 0.0
    return Coded(family, task, used, values, unit, scored, kinds, stretch)


def observed_values(
    rows: Rows, conditional: Conditional, coding: Coding
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the values that a conditional is about, as in its column, and which rows have them."""
    used = coding.gathered(rows, _present(rows, conditional))[1]
    return _values(rows, conditional)[used], used


def _present(rows: Rows, conditional: Conditional) -> NDArray[np.bool_]:
    """Tell in which rows there is a response: in all, where it is whether a value is missing."""
    holes = np.isnan(rows.arrays[conditional.column])
    return np.ones(len(rows), dtype=bool) if conditional.indicates else ~holes


def _values(rows: Rows, conditional: Conditional) -> Floats:
    if conditional.indicates:
        return missingness(rows, conditional)
    return rows.arrays[conditional.column]


def counts(posterior: Posterior, target: str) -> bool:
    """Whether a conditional models whole numbers by probabilities, not by a density."""
    facts = family_of(posterior, target).facts
    own = facts.response == "natural" and facts.support == "real"
    whole = own or facts.support in ("whole", "trials")
    indicates = posterior.spec[target].indicates
    return whole and not indicates and posterior.schema[target].kind is Kind.COUNT


def row_log_likelihood(coded: Coded, parameters: Mapping[str, Floats]) -> Floats:
    """Return log p(y_i | x_i, theta) on the natural scale for each row used, (s, used).

    Parameters
    ----------
    coded : Coded
        The rows.
    parameters : Mapping of str to ndarray, shape (s, ...)
        Posterior draws.
    """
    if coded.kinds > 1:
        kinds = [
            row_log_likelihood(coded.of_kind(kind + 1), parameters) for kind in range(coded.kinds)
        ]
        return np.where(coded.task.response.y >= 1, np.logaddexp.reduce(kinds), kinds[0])
    model = condition(coded.task)
    thetas = unconstrained(model, parameters)
    if coded.scored is not None:
        scored: Floats = coded.scored.log_likelihood(model, thetas) - coded.stretch
        return scored
    found = np.empty((len(thetas), len(coded.task.response.y)))
    for draw, theta in enumerate(thetas):
        found[draw] = model.row_log_likelihood(theta)
    found -= np.log(coded.unit) + coded.stretch
    return found


def unconstrained(model: Conditioned, parameters: Mapping[str, Floats]) -> Floats:
    """Map named draws, each (s, ...), to the model's unconstrained coordinates, (s, d)."""
    count = len(next(iter(parameters.values())))
    named = ([np.asarray(parameters[name][h]) for name in model.names] for h in range(count))
    return np.array([model.unconstrain(theta) for theta in named])


def encoded(posterior: Posterior, df: "pd.DataFrame") -> Rows:
    """Encode a table with the chain's columns; values are checked against the schema."""
    table = conform(df, posterior.schema, posterior.source)
    return encode_table(table, posterior.spec, posterior.learned)


def comb(
    posterior: Posterior, draws: int, without: Draws | None = None
) -> dict[str, NDArray[np.int64]]:
    """Choose equally many draws of each conditional, evenly spread over its chains.

    Parameters
    ----------
    posterior : Posterior
        A fitted chain.
    draws : int
        At most so many; fewer if a conditional has fewer.
    without : Mapping of str to ndarray, optional
        Draws to pass over: target -> positions, chains laid end to end.
    """
    left = {}
    for target in posterior.estimated:
        sizes = posterior.draws[target].sizes
        every = np.arange(sizes["chain"] * sizes["draw"])
        left[target] = np.delete(every, (without or {}).get(target, every[:0]))
    count = min(draws, *map(len, left.values())) if left else 0
    return {t: each[np.arange(count) * len(each) // count] for t, each in left.items()}


def chain_log_likelihood(
    posterior: Posterior, rows: Rows, chosen: Draws, targets: Iterable[str] | None = None
) -> Iterator[tuple[str, Floats]]:
    """Give the log-likelihood of rows, one conditional after the other.

    Draws of different conditionals are independent a posteriori, so the sum over conditionals of
    draw h is the log-likelihood of whole rows at a draw of all parameters.

    Parameters
    ----------
    posterior : Posterior
        A fitted chain.
    rows : Rows
        The rows, see ``encoded``.
    chosen : Mapping of str to ndarray of int
        Target -> draws, see ``comb``.
    targets : iterable of str, optional
        Conditionals wanted; all that have parameters if not given.

    Yields
    ------
    tuple of str and ndarray, shape (s, n)
        A conditional; NaN in rows in which its response is missing.
    """
    for target in posterior.estimated if targets is None else targets:
        coded = code_rows(posterior, rows, target)
        at = chosen[target]
        parameters = {n: v[at] for n, v in stacked(posterior.draws[target]).items()}
        found = np.full((len(at), len(rows)), np.nan)
        found[:, coded.used] = row_log_likelihood(coded, parameters)
        limits = posterior.links[target].coding.limits
        if limits is not None:  # a value that rules decide has probability 1, any other 0
            found[:, ~coded.used & _present(rows, posterior.spec[target])] = 0.0
            found[:, ~limits.keeps(rows)] = -np.inf
        yield target, found
