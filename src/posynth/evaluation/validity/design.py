"""Design a study: describe columns on a pilot sample, and say when the chain is chosen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from posynth.arguments import whole
from posynth.errors import SpecError, WrongType
from posynth.evaluation.inference.estimates import Estimate
from posynth.evaluation.validity.holes import Hole, with_holes
from posynth.evaluation.validity.population import Finite, Population, Predictive, Simulator
from posynth.evaluation.validity.replicate import PILOT, counted, sample, stream, taken
from posynth.evaluation.validity.study import EACH, GIVEN, ONCE, Analysis, Study
from posynth.posterior.bound import Chain
from posynth.posterior.plan import plan
from posynth.posterior.record import Posterior
from posynth.posterior.wishes import Method, Priors, Wishes
from posynth.table.bounds import Stated
from posynth.table.inputs import given_table
from posynth.table.missing_codes import Codes
from posynth.table.names import Names, as_names
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
    order: Names = (),
    methods: Mapping[str, Method] | None = None,
    kinds: Mapping[str, str] | None = None,
    na: Codes | None = None,
    lower: Stated | None = None,
    upper: Stated | None = None,
    row_rules: Names = (),
    no_rules: Names = (),
    priors: Mapping[str, Priors] | None = None,
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
        What is fitted, as for ``synthesize``. Kinds and levels are taken from a pilot sample of
        5000 rows; without a ``chain`` the rest is chosen in each replication, on its own sample,
        unless ``plan="once"``.
    na, lower, upper, no_rules, priors
        Codes for missing values, bounds, rules to leave out and priors of coefficients, as for
        ``synthesize``. Codes are missing values for the analyses too, in samples as in copies.
    row_rules : str or iterable of str
        ``rules`` of ``synthesize``, what holds in every row; here ``rules`` are combining rules.
    holes : sequence of Hole
        Values taken out of every sample.
    folders : tuple of Path
        Where files named ``"file.py:function"`` are sought.
    allow_code : bool
        Whether Python files that a chain file names may be run.
    **settings
        Fields of `Study`: m, k, draws, rules, replications, seed, truth, truth_rows, level, need,
        name, plan (``"each"``, the default without a ``chain``, or ``"once"``).

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
    >>> study.chain.spec.targets, study.k, study.plan
    (('x', 'y'), (100,), 'each')
    """
    unknown_keys = set(settings) - set(Study.__dataclass_fields__)
    if unknown_keys:
        raise SpecError(f"study: unknown settings {sorted(unknown_keys)}; see posynth.Study")
    n, source = whole("n", n), _population(population, folders)
    analyses = (
        (Analysis(model, formula),)
        if isinstance(model, str)
        else (Analysis("", function=model),)
        if callable(model)
        else tuple(model)
    )
    settings["plan"] = _when(chain, str(settings.get("plan") or ""))
    draft = _Draft(source, n, tuple(holes), int(settings.get("seed", 0)))
    choices = Wishes(as_names(order), _given(methods), allow_code=allow_code, rules=row_rules)
    choices = replace(choices, no_rules=no_rules, lower=_given(lower), upper=_given(upper))
    choices = replace(choices, priors=_given(priors))
    bound = draft.plan(chain, choices, _given(kinds), na)
    study = Study(source, n, bound, analyses, holes=tuple(holes), choices=choices, **settings)
    # A wrong formula is met before the first replication.
    for analysis, estimate in zip(study.analyses, study.analyse(draft.sample), strict=True):
        _require_residuals(analysis, estimate)
    return study


def _given[T](choices: Mapping[str, T] | None) -> Mapping[str, T]:
    return {} if choices is None else choices


def _require_residuals(analysis: Analysis, estimate: Estimate) -> None:
    """Refuse an analysis whose intervals have no width: their coverage is that of rounding."""
    if estimate.exact:
        named = analysis.formula or analysis.name or "your own"
        raise SpecError(
            f"study: the analysis {named!r} fits every row of a sample exactly, so that there is "
            "no error whose estimate could be studied; leave out the term that determines the "
            "response"
        )


def _when(chain: str | Path | Chain | None, asked: str) -> str:
    """Return when the chain is chosen; one that is given leaves nothing to choose."""
    if chain is None:
        if asked == GIVEN:
            raise SpecError(
                "study: plan = 'given' needs a chain; name its file, or use plan = 'each' or 'once'"
            )
        return asked or EACH
    if asked == EACH:
        raise SpecError(
            "study: plan = 'each' chooses the chain on every sample, but a chain is given; leave "
            "out the chain, or the plan"
        )
    return GIVEN if asked in ("", ONCE) else asked


def _population(given: Any, folders: tuple[Path, ...]) -> Population:
    if isinstance(given, pd.DataFrame):
        return Finite(given.reset_index(drop=True))
    if isinstance(given, Posterior):
        return Predictive(given)
    if isinstance(given, str) or (callable(given) and not hasattr(given, "draw")):
        return Simulator(given, folders)
    if not all(hasattr(given, name) for name in ("at", "draw", "whole")):
        raise WrongType(
            f"population is of type {type(given).__name__}; it must be a function (rows, rng) -> "
            "DataFrame, its file as 'file.py:function', a data frame, or a Posterior"
        )
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
        choices: Wishes,
        kinds: Mapping[str, str],
        na: Codes | None = None,
    ) -> Chain:
        """Describe columns on the pilot, and count rows and holes in the sample."""
        if chain is not None:
            if list(choices.order):
                raise SpecError("study: both a chain and an order; reorder the chain instead")
            bound = plan(self.pilot, choices, chain, kinds or None, na)[1]
            return replace(taken(bound, self.sample)[1], source=Source())
        table = counted(given_table(self.pilot, kinds, na).schema, self.sample)
        return plan(table, choices)[1]
