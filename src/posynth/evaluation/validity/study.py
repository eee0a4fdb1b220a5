"""What a validity study does: population, sample size, chain, copies, analyses, replications."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from posynth.chain.coefficient_priors import read_priors
from posynth.chain.formula import read_formula, split_formula
from posynth.errors import MeasureError, PosynthError, SpecError, unknown
from posynth.evaluation.inference.catalogue import RULES
from posynth.evaluation.inference.direct import fit_direct
from posynth.evaluation.inference.estimates import Estimate, estimate_of
from posynth.evaluation.inference.model_request import require_readable
from posynth.evaluation.inference.models import fit_statsmodels
from posynth.evaluation.inference.predictors import has_codes
from posynth.evaluation.validity.holes import Hole
from posynth.evaluation.validity.population import Population
from posynth.families.own import load_function
from posynth.posterior.bound import Chain
from posynth.posterior.wishes import Wishes
from posynth.table.missing_codes import without_codes
from posynth.table.schema import Schema
from posynth.table.series import canonical

#: When the chain is chosen: in every replication, once before the first, or by the user.
EACH, ONCE, GIVEN = PLANS = ("each", "once", "given")
#: ``proper`` copies take posterior draws, ``plug-in`` copies the posterior mean of parameters.
DRAWS = ("proper", "plug-in")
DEFAULT_RULES = ("auto", "naive", "t_p_star", "ppd", "simple", "rrr", "rubin")


@dataclass(frozen=True)
class Analysis:
    """The analyst's model.

    Attributes
    ----------
    model : str
        A model of `fit_statsmodels`; ``""`` for a function.
    formula : str
        Its formula.
    options : Mapping
        Options of the model.
    name : str
        Put before the names of coefficients, where a study has several analyses.
    function : callable or str, optional
        An analysis of one's own, or ``"file.py:function"``.
    folders : tuple of Path
        Where the file is sought.
    """

    model: str = "ols"
    formula: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    function: Callable[[pd.DataFrame], Any] | str | None = None
    folders: tuple[Path, ...] = ()

    def compiled(self, schema: Schema | None = None) -> Callable[[pd.DataFrame], Any]:
        """Return the analysis as a function; main effects are fitted directly.

        Parameters
        ----------
        schema : Schema, optional
            What columns are declared to be: codes that are levels are no slopes, as in `pool`.
        """
        if isinstance(self.function, str):
            # A name that a study file gives was refused by ``read_study`` unless code is allowed.
            return load_function(self.function, self.folders, "analysis", allowed=True)
        if self.function is not None:
            return self.function
        if schema is not None:
            _require_fixed(self.formula, schema)
        # Direct fits read levels off each table; declared codes would be slopes there.
        if schema is not None and any(map(has_codes, schema)):
            return fit_statsmodels(self.formula, self.model, schema=schema, **self.options)
        if set(self.options) <= {"levels"}:
            direct = fit_direct(self.formula, self.model, **self.options)
            if direct is not None:
                return direct
        return fit_statsmodels(self.formula, self.model, **self.options)


@dataclass(frozen=True)
class Study:
    """A validity study, complete and checked.

    Attributes
    ----------
    population : Population
        Where samples come from.
    n : int
        Rows of a sample.
    chain : Chain
        What is fitted to every sample. If the chain is chosen in each replication, that of a first
        sample; its schema (kinds, levels, decimals) holds for all of them.
    analyses : tuple of Analysis
        The analyst's models.
    m, k : tuple of int
        Numbers of copies to pool, and rows of a copy. The m are nested: max(m) copies are drawn
        of each k and the first m of them pooled, so that one run answers for all.
    draws : tuple of str
        ``"proper"``, and ``"plug-in"`` for comparison.
    rules : tuple of str
        Combining rules; ``"auto"`` is what posynth chooses.
    replications, seed : int
        How many samples; every replication has a stream of its own.
    holes : tuple of Hole
        Values taken out of every sample.
    truth : Mapping of str to float
        Population values that are known; others come from a large sample.
    truth_rows : int
        Rows of that sample.
    level : float
        Level of intervals.
    need : int
        Effective draws asked of every fit; 0 for max(400, 20 m), as ``synthesize`` asks.
    name : str
        Title of tables and plots.
    plan : str
        When families, scales, splines, interactions and predictors are chosen: ``"each"`` on every
        replication's own sample, so that coverage contains the choice; ``"once"``, on a first
        sample before all replications; ``"given"``, by a chain that the user wrote.
    choices : Wishes
        What is asked of the chain where it is chosen in each replication: order and methods.
    """

    population: Population
    n: int
    chain: Chain
    analyses: tuple[Analysis, ...]
    m: tuple[int, ...] = (5,)
    k: tuple[int, ...] = ()
    draws: tuple[str, ...] = ("proper",)
    rules: tuple[str, ...] = DEFAULT_RULES
    replications: int = 1000
    seed: int = 0
    holes: tuple[Hole, ...] = ()
    truth: Mapping[str, float] = field(default_factory=dict)
    truth_rows: int = 500_000
    level: float = 0.95
    need: int = 0
    name: str = "validity"
    plan: str = GIVEN
    choices: Wishes = field(default_factory=Wishes)

    def __post_init__(self) -> None:
        if not self.k:
            object.__setattr__(self, "k", (self.n,))
        sizes = {"n": (self.n,), "m": self.m, "k": self.k, "replications": (self.replications,)}
        for name, values in sizes.items():
            if not values or min(values) < 1 or len(set(values)) < len(values):
                raise SpecError(f"study: {name} = {list(values)}; whole numbers of 1 or more, once")
        for rule in self.rules:
            if rule != "auto" and rule not in RULES:
                rows = (
                    "; rules of rows stand in [chain], as rules = ['y >= x'] (row_rules in Python)"
                )
                hint = "" if rule.replace("_", "").isalnum() else rows
                raise SpecError(f"study: {unknown('rule', rule, ('auto', *RULES))}{hint}")
            if rule != "auto" and RULES[rule].nested:
                raise SpecError(f"study: rule {rule!r} needs imputations, which a study has not")
        if self.plan not in PLANS:
            raise SpecError(f"study: {unknown('plan', self.plan, PLANS)}")
        for draw in self.draws:
            if draw not in DRAWS:
                raise SpecError(f"study: {unknown('kind of draws', draw, DRAWS)}")
        if not 0 < self.level < 1:
            raise SpecError(f"study: level = {self.level}; it must be between 0 and 1")
        if not self.analyses or not self.rules or not self.draws:
            raise SpecError("study: give at least one analysis, one rule and one kind of draws")
        names = [analysis.name for analysis in self.analyses]
        if len(names) > 1 and len(set(names)) < len(names):
            raise SpecError(f"study: analyses are named {names}; give each a name of its own")

    @property
    def effective(self) -> int:
        """Effective draws asked of every fit."""
        return self.need or max(400, 20 * max(self.m))

    @cached_property
    def _functions(self) -> tuple[Callable[[pd.DataFrame], Any], ...]:
        return tuple(analysis.compiled(self.chain.schema) for analysis in self.analyses)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made from the other fields: another process makes it anew."""
        return {key: value for key, value in vars(self).items() if key != "_functions"}

    def analyse(self, frame: pd.DataFrame) -> tuple[Estimate, ...]:
        """Run every analysis on a table, one `Estimate` each, coefficients under full names."""
        found = []
        frame = self._without_codes(frame)
        for analysis, function in zip(self.analyses, self._functions, strict=True):
            estimate = _run(function, frame)
            if analysis.name:
                named = tuple(f"{analysis.name}: {name}" for name in estimate.names)
                estimate = replace(estimate, names=named, notes=())
            found.append(estimate)
        return tuple(found)

    def _without_codes(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a table whose codes for missing values are missing; copies have none."""
        schema = self.chain.schema
        coded = [column for column in schema if column.missing_codes and column.name in frame]
        made = {c.name: without_codes(frame[c.name], c.missing_codes)[0] for c in coded}
        return frame.assign(**{n: canonical(n, each) for n, each in made.items()})

    def digest(self) -> str:
        """Return a hash of all that decides a replication: their number and the rules do not."""
        about = {
            "n": self.n,
            "chain": self.chain.resolved().digest(),
            "plan": [self.plan, *_asked(self.choices)],
            "schema": self.chain.schema.to_dict(),
            "analyses": [[a.model, a.formula, _named(a.function)] for a in self.analyses],
            "copies": [self.k, max(self.m), self.draws, self.effective],
            "seed": self.seed,
            "holes": [str(hole) for hole in self.holes],
            "population": _fingerprint(self.population),
        }
        text = json.dumps(about, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _run(function: Callable[[pd.DataFrame], Any], frame: pd.DataFrame) -> Estimate:
    # A user's analysis may raise anything; in a study it spoils one replication, not all.
    try:
        return estimate_of(function, frame)
    except PosynthError:
        raise
    except Exception as error:
        raise MeasureError(
            f"the analysis failed with {type(error).__name__}: {error}; run it on one sample alone "
            "to see where"
        ) from error


def _asked(choices: Wishes) -> tuple[Any, ...]:
    """Name what is asked of a chain that is chosen anew: its order, its methods, what else is."""
    more = {name: getattr(choices, name) for name in ("rules", "no_rules", "lower", "upper")}
    more |= {c: str(read_priors(c, priors)) for c, priors in choices.priors.items()}
    methods = [[c, _named(m)] for c, m in sorted(choices.methods.items())]
    asked = [str(value) for value in more.items() if value[1]]
    return list(choices.order), methods, *([asked] if asked else [])


def _fingerprint(population: Population) -> str:
    function = getattr(population, "function", None)
    return type(population).__name__ if function is None else _named(function)


def _named(function: Any) -> str:
    """Name of a function, the same in every process."""
    if function is None or isinstance(function, str):
        return function or ""
    return str(getattr(function, "__qualname__", type(function).__name__))


def _require_fixed(formula: str, schema: Schema) -> None:
    """Refuse terms that a table of another size would code otherwise: the truth is one of them."""
    require_readable(formula, schema)
    for side in filter(None, split_formula(formula)):
        found = read_formula(side, schema.names, dot=schema.names, offset=True)
        for call in found.unfixed:
            raise SpecError(
                f"study: formula {formula!r}: {found.label(call)} learns from the rows of each "
                "table, so that coefficients of the population and of copies are not of the same "
                "columns; write powers, as I(x ** 2) or poly(x, 2, raw=True), knots= with "
                "lower_bound= and upper_bound=, or scale(x, 50, 10)"
            )
