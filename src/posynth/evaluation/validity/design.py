"""Design a study: plan the chain once, on a pilot sample, for all replications."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from posynth.errors import SpecError
from posynth.evaluation.validity.holes import Hole, with_holes
from posynth.evaluation.validity.population import Finite, Population, Predictive, Simulator
from posynth.evaluation.validity.replicate import PILOT, counted, sample, stream, taken
from posynth.evaluation.validity.study import Analysis, Study
from posynth.posterior.bound import Chain
from posynth.posterior.plan import as_table, plan
from posynth.posterior.record import Posterior
from posynth.posterior.wishes import Method, Wishes
from posynth.table.source import Source

#: Rows on which columns are described: enough for every level that samples will hold.
PILOT_ROWS = 5000


def design_study(  # noqa: PLR0913 - a study has many parts
    population: Population | Callable[..., Any] | str | pd.DataFrame | Posterior,
    n: int,
    model: str | Callable[[pd.DataFrame], Any] | Sequence[Analysis] = "ols",
    formula: str = "",
    *,
    chain: str | Path | Chain | None = None,
    order: Iterable[str] = (),
    methods: Mapping[str, Method] | None = None,
    kinds: Mapping[str, str] | None = None,
    holes: Sequence[Hole] = (),
    folders: tuple[Path, ...] = (),
    allow_code: bool = False,
    **settings: Any,
) -> Study:
    """Design a validity study.

    Parameters
    ----------
    population : callable, str, DataFrame, Posterior or Population
        A simulator ``(rows, rng) -> DataFrame`` or ``"file.py:function"``, a large table to
        resample, or a posterior whose first draw is the population.
    n : int
        Rows of a sample.
    model, formula
        The analyst's model, as for `pool`; or a function; or several `Analysis`.
    chain, order, methods, kinds
        What is fitted, as for ``synthesize``; planned once, on a pilot sample.
    holes : sequence of Hole
        Values taken out of every sample.
    folders : tuple of Path
        Where files named ``"file.py:function"`` are sought.
    allow_code : bool
        Whether Python files that a chain file names may be run.
    **settings
        Fields of `Study`: m, k, draws, rules, replications, seed, truth, truth_rows, level, need,
        name.

    Returns
    -------
    Study

    Raises
    ------
    SpecError, TableError
        If a part is wrong or the parts do not fit each other.

    Examples
    --------
    >>> def line(rows, rng):
    ...     x = rng.normal(size=rows)
    ...     return pd.DataFrame({"x": x, "y": 1 + x + rng.normal(size=rows)})
    >>> study = design_study(line, 100, "ols", "y ~ x", replications=20, seed=1)
    >>> study.chain.spec.targets, study.k
    (('x', 'y'), (100,))
    """
    unknown_keys = set(settings) - set(Study.__dataclass_fields__)
    if unknown_keys:
        raise SpecError(f"study: unknown settings {sorted(unknown_keys)}; see posynth.Study")
    source = _population(population, folders)
    analyses = (
        (Analysis(model, formula),)
        if isinstance(model, str)
        else (Analysis("", function=model),)
        if callable(model)
        else tuple(model)
    )
    draft = _Draft(source, n, tuple(holes), int(settings.get("seed", 0)))
    wishes = Wishes(order=order, methods=methods or {}, allow_code=allow_code)
    bound = draft.plan(chain, wishes, kinds or {})
    study = Study(source, n, bound, analyses, holes=tuple(holes), **settings)
    study.analyse(draft.sample)  # a wrong formula is met before the first replication
    return study


def _population(given: Any, folders: tuple[Path, ...]) -> Population:
    if isinstance(given, pd.DataFrame):
        return Finite(given.reset_index(drop=True))
    if isinstance(given, Posterior):
        return Predictive(given)
    if isinstance(given, str) or (callable(given) and not hasattr(given, "draw")):
        return Simulator(given, folders)
    population: Population = given
    return population


class _Draft:
    """Pilot rows and a first sample of a study that is being designed."""

    def __init__(self, population: Population, n: int, holes: tuple[Hole, ...], seed: int) -> None:
        rows, first = stream(seed, PILOT).spawn(2)
        of_rows, of_holes = rows.spawn(2)
        here = population.at(rows)
        whole = here.whole()
        pilot = here.draw(max(PILOT_ROWS, n), of_rows) if whole is None else whole
        self.pilot = with_holes(pilot, holes, of_holes)
        self.sample = sample(n, here, holes, first)

    def plan(
        self,
        chain: str | Path | Chain | None,
        wishes: Wishes,
        kinds: Mapping[str, str],
    ) -> Chain:
        """Describe columns on the pilot, and count rows and holes in the sample."""
        if chain is not None:
            if list(wishes.order):
                raise SpecError("study: both a chain and an order; reorder the chain instead")
            bound = plan(self.pilot, wishes, chain, kinds or None)[1]
            return replace(taken(bound, self.sample)[1], source=Source())
        table = counted(as_table(self.pilot, kinds).schema, self.sample)
        return plan(table, wishes)[1]
