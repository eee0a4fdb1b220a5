"""A chain before any data: parameters drawn from the prior in place of posterior draws."""

import numpy as np

import posynth
from posynth.engines.base import Fit, Task
from posynth.engines.choose import condition
from posynth.engines.diagnostics import Convergence
from posynth.engines.own import fit_own
from posynth.errors import SpecError
from posynth.posterior.bound import Chain
from posynth.posterior.coding import Coding
from posynth.posterior.diagnosis import Diagnosis
from posynth.posterior.record import Link, Posterior, to_dataset
from posynth.posterior.task import encode_table, make_task
from posynth.table.frame import Table


def from_prior(chain: Chain, table: Table, rng: np.random.Generator, draws: int = 1) -> Posterior:
    """Return a posterior that holds draws from the prior.

    Parameters
    ----------
    chain : Chain
        Conditionals whose priors are all proper.
    table : Table
        Rows on which each conditional learns how it codes rows; nothing else of them is used.
    rng : numpy.random.Generator
        Source of randomness.
    draws : int
        Draws to take.

    Returns
    -------
    Posterior
        Copies drawn from it are tables of the prior predictive.

    Raises
    ------
    SpecError
        If a prior is improper.
    """
    rows, known = encode_table(table, chain.spec), chain.families
    links, found = {}, {}
    for conditional in chain.spec:
        task, coding = make_task(rows, chain.spec, conditional, known[conditional.family])
        fit = fit_own(task, rng) if conditional.passive else _prior_fit(task, rng, draws)
        found[conditional.target] = to_dataset(fit)
        links[conditional.target] = Link(coding, _diagnosis(task, fit))
    return Posterior(
        spec=chain.resolved(),
        schema=chain.schema,
        source=chain.source,
        links=links,
        draws=found,
        seed=0,
        version=posynth.__version__,
        folders=chain.folders,
        allowed=chain.allowed,
        own=chain.own,
        learned=rows.learned,
    )


def codings(chain: Chain, table: Table) -> dict[str, Coding]:
    """Return how each conditional codes rows when it learns that from ``table``."""
    rows, known = encode_table(table, chain.spec), chain.families
    return {c.target: make_task(rows, chain.spec, c, known[c.family])[1] for c in chain.spec}


def _prior_fit(task: Task, rng: np.random.Generator, draws: int) -> Fit:
    model = condition(task)
    if model.compiled.flat:
        raise SpecError(
            f"conditional {task.response.name!r}: prior {task.prior!r} is improper, so nothing "
            "can be drawn from it; give it another, such as prior = 'weak'"
        )
    drawn = [model.draw_prior(rng) for _ in range(draws)]
    stacked = {
        name: np.array([values[i] for values in drawn])[None] for i, name in enumerate(model.names)
    }
    return Fit(stacked, {}, {}, "prior", Convergence(1.0, draws, 1.01))


def _diagnosis(task: Task, fit: Fit) -> Diagnosis:
    nan = float("nan")
    return Diagnosis(
        target=task.response.name,
        family=task.family.facts.name,
        engine="prior",
        n=0,
        parameters=fit.parameters,
        k_hat=nan,
        k_hat_limit=nan,
        r_hat=nan,
        r_hat_limit=nan,
        ess=fit.mixed.ess,
        ess_needed=nan,
        divergences=0,
        seconds=0.0,
        proper=True,
        independent=True,
        passed=True,
        reasons=(),
        why="drawn from the prior",
    )
