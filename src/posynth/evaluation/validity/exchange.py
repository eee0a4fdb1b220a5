r"""The chain-level identity: a table from the prior predictive and its copy are exchangeable.

theta from the prior, D given theta, theta' from the posterior given D, D' given theta', with as
many rows: then (D, D') and (D', D) have one distribution (Geweke 2004; Cook, Gelman & Rubin
2006). For every statistic T, P(T(D') < T(D)) = 1/2 and T(D), T(D') are equal in law. The whole
pipeline takes part: design, level order, fit, choice of draws, walk along the chain. Codings are
those of one reference table throughout, since a prior on standardised predictors would otherwise
be another prior for each D; rounding is left out.

References
----------
Geweke, J. (2004). Getting it right: joint distribution tests of posterior simulators. Journal of
the American Statistical Association 99, 799-804. Cook, S., Gelman, A. and Rubin, D. (2006).
Validation of software for Bayesian models using posterior quantiles. Journal of Computational and
Graphical Statistics 15, 675-692.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from posynth.chain.blocks import Rows
from posynth.copies.walk import walk
from posynth.engines.choose import fit
from posynth.errors import SpecError
from posynth.posterior.bound import Chain
from posynth.posterior.prior import from_prior
from posynth.posterior.record import Link, Posterior, to_dataset
from posynth.posterior.task import replay_task
from posynth.results import Result
from posynth.table.frame import Table

type Floats = NDArray[np.float64]
type Columns = dict[str, Floats]

ERROR = 1e-3


@dataclass(frozen=True)
class Exchange:
    """Statistics of R pairs of tables.

    Attributes
    ----------
    names : tuple of str
        The q statistics.
    first, copy : ndarray, shape (R, q)
        Their values on the tables of the prior predictive, and on the copies.
    """

    names: tuple[str, ...]
    first: Floats
    copy: Floats

    def results(self) -> list[Result]:
        """Return two `Result` a statistic: sign test of T(D') - T(D), and Kolmogorov-Smirnov."""
        limit = ERROR / (2 * len(self.names))
        found = []
        for j, name in enumerate(self.names):
            difference = self.copy[:, j] - self.first[:, j]
            moved = difference[difference != 0]
            below = int((moved < 0).sum())
            sign = stats.binomtest(below, len(moved)).pvalue if len(moved) else 1.0
            ks = stats.ks_2samp(self.first[:, j], self.copy[:, j]).pvalue
            for measure, p in (("sign test", sign), ("KS test", ks)):
                text = f"p of {len(difference)} pairs; below {limit:.2g} copy and table differ"
                found.append(Result(measure, float(p), name, None, bool(p > limit), text))
        return found


def exchange(
    chain: Chain,
    table: Table,
    replications: int = 200,
    *,
    seed: int = 0,
    progress: Callable[[int, int, int], None] = lambda done, total, failed: None,
) -> Exchange:
    """Draw pairs (D, D') and their statistics.

    Parameters
    ----------
    chain : Chain
        Its priors must be proper.
    table : Table
        Rows on which codings are learned; D and D' have as many.
    replications : int
        Pairs.
    seed : int
        Seed; every pair has a stream of its own.
    progress : callable
        Told of (done, in all, failed).

    Returns
    -------
    Exchange

    Raises
    ------
    SpecError
        If a prior is improper, or a conditional has none: a learned scale, an algorithm.
    """
    _require_priors(chain)
    exact = replace(
        chain, schema=replace(chain.schema, columns=tuple(
            replace(column, decimals=None) for column in chain.schema
        ))
    )  # fmt: skip
    pairs = []
    for number in range(replications):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(9, number)))
        of_prior, of_rows, of_fit, of_copy = rng.spawn(4)
        prior = from_prior(exact, table, of_prior)
        rows = len(table.frame)
        (first,) = walk(prior, 1, rows, int(of_rows.integers(2**62)))
        posterior = _refitted(exact, prior, first, of_fit)
        (copy,) = walk(posterior, 1, rows, int(of_copy.integers(2**62)))
        pairs.append([statistics(exact, arrays) for arrays in (first, copy)])
        progress(number + 1, replications, 0)
    names = tuple(pairs[0][0])
    first_values, copy_values = (
        np.array([list(pair[side].values()) for pair in pairs]) for side in (0, 1)
    )
    return Exchange(names, first_values, copy_values)


def _require_priors(chain: Chain) -> None:
    for conditional in (c for c in chain.spec if not c.computed):
        algorithm = chain.families[conditional.family].algorithm
        if algorithm or conditional.scale == "learned":
            what = f"family {conditional.family!r}" if algorithm else "scale 'learned'"
            raise SpecError(
                f"column {conditional.target!r}: {what} has no prior that tables could be drawn "
                "from; for this check give it a family that is a model, on scale 'natural'"
            )


def _refitted(
    chain: Chain, prior: Posterior, arrays: Columns, rng: np.random.Generator
) -> Posterior:
    """Fit every conditional to encoded columns under the codings of the prior's tables."""
    count = len(next(iter(arrays.values())))
    indicators = chain.spec.predicting(chain.schema)
    rows = Rows(chain.schema, arrays, indicators, count, prior.learned)
    known, links, draws = chain.families, dict(prior.links), {}
    for conditional in chain.spec:
        name = conditional.target
        coding = prior.links[name].coding
        task = replay_task(rows, conditional, known[conditional.family], coding)
        found = fit(task, conditional.engine, rng)
        draws[name] = to_dataset(found)
        links[name] = Link(coding, replace(prior.links[name].diagnosis, engine=found.engine))
    return replace(prior, links=links, draws=draws)


def statistics(chain: Chain, arrays: Columns) -> dict[str, float]:
    """Return means, log spreads, shares and correlations of encoded columns, by name."""
    found: dict[str, float] = {}
    coded: dict[str, Floats] = {}
    for column in chain.schema:
        if not column.kind.is_modelled:
            continue
        values = arrays[column.name]
        if column.kind.is_numeric:
            coded[column.name] = values
            found[f"mean {column.name}"] = float(np.nanmean(values))
            found[f"log sd {column.name}"] = float(np.log(np.nanstd(values)))
            continue
        for at, level in enumerate(column.levels[1:], start=1):
            coded[f"{column.name}={level}"] = np.where(np.isnan(values), np.nan, values == at)
            found[f"share {column.name}={level}"] = float(np.nanmean(values == at))
    labels = list(coded)
    correlations = pd.DataFrame(coded).corr().fillna(0.0).to_numpy()
    for i, one in enumerate(labels):
        for j, other in enumerate(labels[:i]):
            if one.partition("=")[0] != other.partition("=")[0]:
                found[f"correlation {other}, {one}"] = float(correlations[i, j])
                # Priors of slopes are symmetric: only the square sees that copies have lost them.
                found[f"squared correlation {other}, {one}"] = float(correlations[i, j] ** 2)
    return found
