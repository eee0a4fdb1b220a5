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
from posynth.posterior.diagnosis import Diagnosis, values_and_limits
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
        fit = fit_own(task, rng) if conditional.computed else prior_fit(task, rng, draws)
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


def prior_fit(task: Task, rng: np.random.Generator, draws: int) -> Fit:
    """Return draws of a conditional's parameters from their prior, as one chain.

    Raises
    ------
    SpecError
        If the prior is improper, or holds a potential, which a draw would leave out.
    """
    model = condition(task)
    where = f"conditional {task.response.name!r}: prior {task.prior!r}"
    if model.compiled.flat:
        raise SpecError(
            f"{where} is improper, so nothing can be drawn from it; choose another with "
            "change(prior=...), such as 'weak'"
        )
    potentials = [potential.name for potential in model.compiled.model.potentials]
    if potentials:
        raise SpecError(
            f"{where} holds the potential {potentials[0]!r}, which draws would leave out; write "
            "it as the distribution of a parameter"
        )
    drawn = []
    for _ in range(draws):
        values = model.draw_prior(rng)
        drawn.append(dict(zip(model.names, values, strict=True)) | model.derived(values))
    stacked = {name: np.array([each[name] for each in drawn])[None] for name in drawn[0]}
    derived = tuple(name for name in stacked if name not in model.names)
    labels = model.labels(stacked)
    mixed = Convergence.of_independent(draws)
    return Fit(stacked, *labels, "prior", mixed, independent=True, derived=derived)


def _diagnosis(task: Task, fit: Fit) -> Diagnosis:
    return Diagnosis(
        target=task.response.name,
        family=task.family.facts.name,
        engine="prior",
        n=0,
        parameters=fit.parameters,
        **values_and_limits(fit, 0),
        divergences=0,
        seconds=0.0,
        proper=True,
        independent=True,
        passed=True,
        reasons=(),
        why="drawn from the prior",
    )
