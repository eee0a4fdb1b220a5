"""The chain: which conditional models which column, given which others, with which priors."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from posynth.chain.coefficient_priors import Stated, priors_text, read_priors
from posynth.chain.facts import Option
from posynth.chain.formula import read_formula
from posynth.chain.plain import checked_values, to_plain
from posynth.chain.row_rule import read_row_rule
from posynth.chain.rule import read_rule, require_rule
from posynth.errors import SpecError, unknown
from posynth.table.listing import listing, record_text
from posynth.table.schema import Schema

ENGINES = ("auto", "exact", "laplace", "hmc", "nuts")
MISSING_MODES = ("pattern", "error")
SCALES = ("natural", "learned", "levels")
#: Most columns of the spline of one predictor.
MOST_SPLINES = 8
#: With fewer missing values (or values present) than this an indicator predicts nothing:
#: a handful of persons would decide coefficients of every later conditional.
LEAST_EVENTS = 20
#: Family of the wave of a repeated identifier, which is drawn with the ids.
ROSTER = "roster"


@dataclass(frozen=True)
class Conditional:
    """One link of the chain: p(target | predictors).

    Attributes
    ----------
    target : str
        The column modelled, or the name of a missingness indicator.
    family : str
        Name of the family, or ``"file.py:function"`` for a model of one's own.
    predictors : tuple of str, optional
        Columns the target depends on; None means all earlier columns.
    formula : str
        Right-hand side of a formula in place of main effects of ``predictors``.
    prior : str
        Name of the prior; ``""`` for the family's default.
    scales : Mapping of str to float
        Scales that differ from the prior's defaults.
    priors : Mapping of str to NormalPrior
        Name of a coefficient, as ``posterior.coefficients`` shows it, or ``"intercept"`` -> its own
        prior, in the units of the raw predictor and the link; see ``chain.coefficient_priors``.
    engine : str
        ``"auto"``, ``"exact"``, ``"laplace"``, ``"hmc"`` or ``"nuts"``.
    indicates : str
        For a missingness indicator: the column whose holes it models.
    scale : str
        ``"natural"``; or ``"learned"``: a numeric target is modelled as normal scores of its
        learned quantile function; or ``"levels"``: each of its few different numbers is a level.
    splines : int
        Columns of the natural cubic spline with which each numeric predictor enters, on the
        learned scale of its own; 0 for a straight line on its natural scale.
    interactions : tuple of (str, str)
        Pairs of predictors whose products join the main effects.
    spread : tuple of str
        For families ``structured`` and ``tilted``, the predictors that the spread of residuals
        depends on.
    corrections : tuple of str
        For family ``tilted``, the predictors within whose bins or levels the shape is corrected.
    strata : str
        An earlier categorical column within whose levels everything is fitted: it interacts with
        every predictor.
    passive : str
        Rule of family ``"passive"``: the column is computed from others, never modelled. Of a
        missingness indicator: the condition under which its column is missing.
    rules : tuple of str
        Rules that hold in every row and restrict this column, given those before it: see
        ``chain.row_rule``.
    keep_groups, new_groups : str
        For a family with random intercepts, one of the two: the earlier categorical column whose
        levels are the groups. Copies keep the source's effects, or draw every group's anew.
    slopes : tuple of str
        For the same families, predictors whose slopes vary between groups.
    per_group : str
        An earlier categorical column within whose levels the target is constant: it is fitted on
        one row a group, given means of its predictors, and drawn once a group.
    improper : bool
        Whether a family whose draws carry no parameter uncertainty is meant.
    copies_values : bool
        Whether a family that stores and copies values of the source is meant.
    note : str
        Why this conditional was chosen.
    options : Mapping of str to number or tuple of numbers
        What the family is told about the column: bounds, trials, spikes.
    """

    target: str
    family: str
    predictors: tuple[str, ...] | None = None
    formula: str = ""
    prior: str = ""
    scales: Mapping[str, float] = field(default_factory=dict)
    engine: str = "auto"
    indicates: str = ""
    scale: str = "natural"
    splines: int = 0
    interactions: tuple[tuple[str, str], ...] = ()
    spread: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    strata: str = ""
    passive: str = ""
    rules: tuple[str, ...] = ()
    keep_groups: str = ""
    new_groups: str = ""
    slopes: tuple[str, ...] = ()
    per_group: str = ""
    improper: bool = False
    copies_values: bool = False
    note: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    priors: Mapping[str, Stated] = field(default_factory=dict)

    def __repr__(self) -> str:
        return record_text(self)

    def __post_init__(self) -> None:
        # A single name, or a single pair, is what one writes for a list of one.
        for key in ("predictors", "slopes", "spread", "corrections", "rules"):
            if isinstance(getattr(self, key), str):
                object.__setattr__(self, key, (getattr(self, key),))
        if self.interactions and all(isinstance(each, str) for each in self.interactions):
            object.__setattr__(self, "interactions", (self.interactions,))
        object.__setattr__(self, "priors", read_priors(self.target, self.priors))
        if self.engine not in ENGINES:
            raise SpecError(
                f"conditional {self.target!r}: {unknown('engine', self.engine, ENGINES)}"
            )
        if self.scale not in SCALES:
            raise SpecError(f"conditional {self.target!r}: {unknown('scale', self.scale, SCALES)}")
        if self.passive:
            require_rule(self.target, self.passive)
        for rule in self.rules:
            read_row_rule(rule)
        if isinstance(self.splines, bool) or not 0 <= self.splines <= MOST_SPLINES:
            raise SpecError(
                f"conditional {self.target!r}: splines = {self.splines}; it must be 0 (straight "
                f"lines) to {MOST_SPLINES} columns for each numeric predictor"
            )

    @property
    def label(self) -> str:
        """The family with its options, the scale if it is learned, and what is done with groups."""
        scales = {"learned": "learned scale", "levels": "numbers as levels"}
        told = ", ".join(f"{name} = {_shown(value)}" for name, value in self.options.items())
        parts = [f"{self.family}({told})" if told else self.family, scales.get(self.scale, "")]
        for name in ("keep_groups", "new_groups", "per_group"):
            parts.append(f"{name} = {getattr(self, name)}" if getattr(self, name) else "")
        parts.append(f"slopes = {' + '.join(self.slopes)}" if self.slopes else "")
        parts.append(f"priors {priors_text(self.priors)}" if self.priors else "")
        return ", ".join(filter(None, parts))

    @property
    def computed(self) -> bool:
        """Whether other columns or the roster of ids decide it, so that it has no model."""
        return self.family in ("passive", ROSTER)

    @property
    def computed_by(self) -> str:
        """What computes it: the rule of a passive column, or rules that leave one value a row."""
        if self.family == ROSTER:
            return "the roster of ids"
        return self.passive or "; ".join(self.rules)

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns that its rules read beside its own, in order of appearance."""
        read = list(read_rule(self.passive).sources) if self.passive else []
        read += [name for rule in self.rules for name in read_row_rule(rule).columns]
        return tuple(name for name in dict.fromkeys(read) if name != self.column)

    @property
    def groups(self) -> str:
        """The column of groups, or ``""``."""
        return self.keep_groups or self.new_groups

    @property
    def column(self) -> str:
        """The column of the table this conditional is about."""
        return self.indicates or self.target


def _shown(value: Option) -> str:
    """Write an option: a number, or several in brackets."""
    if isinstance(value, tuple):
        return f"[{', '.join(f'{each:g}' for each in value)}]"
    return f"{value:g}"


@dataclass(frozen=True)
class ChainSpec:
    """The conditionals in visit order, and the plan for missing values.

    Attributes
    ----------
    conditionals : tuple of Conditional
        In visit order; a missingness indicator stands before its column's own conditional.
    missing : str
        ``"pattern"``: holes are modelled by indicators and reproduced; ``"error"``: refuse them.
    """

    conditionals: tuple[Conditional, ...]
    missing: str = "pattern"

    def __post_init__(self) -> None:
        if self.missing not in MISSING_MODES:
            raise SpecError(f"chain: {unknown('missing-data plan', self.missing, MISSING_MODES)}")

    def __repr__(self) -> str:
        return "\n".join([self.title, *listing(*self.rows(), more="spec.conditionals holds all")])

    def __iter__(self) -> Iterator[Conditional]:
        return iter(self.conditionals)

    def __len__(self) -> int:
        return len(self.conditionals)

    def __getitem__(self, target: str) -> Conditional:
        for conditional in self.conditionals:
            if conditional.target == target:
                return conditional
        raise SpecError(unknown("conditional", target, self.targets))

    @property
    def title(self) -> str:
        """How many conditionals there are, on how many columns, and the plan for missing values."""
        counts = f"{len(self)} conditionals of {len(self.columns)} columns"
        return f"Chain of {counts}, missing = {self.missing!r}"

    def rows(self, most: int = 3) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Return heads and one row a conditional: its name, what it is given, its family.

        More than ``most`` predictors are counted, not named.
        """
        rows: list[tuple[str, ...]] = []
        for c in self:
            names = [*self.predictors(c.target), *map(":".join, c.interactions)]
            counted = f"{len(names)} terms" if c.interactions else f"{len(names)} earlier columns"
            given = counted if len(names) > most else " + ".join(names) or "1"
            given = c.formula or given
            rows.append((c.target, f"= {c.computed_by}" if c.computed else given, c.label))
        return ("conditional", "given", "family"), rows

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the conditionals in visit order."""
        return tuple(conditional.target for conditional in self.conditionals)

    @property
    def columns(self) -> tuple[str, ...]:
        """Modelled columns in visit order."""
        return tuple(dict.fromkeys(conditional.column for conditional in self.conditionals))

    @property
    def indicators(self) -> dict[str, str]:
        """Column -> name of its missingness indicator."""
        return {c.indicates: c.target for c in self.conditionals if c.indicates}

    def predicting(self, schema: Schema) -> dict[str, str]:
        """Column -> indicator, for the indicators that later conditionals may depend on."""
        return {
            column: name
            for column, name in self.indicators.items()
            if LEAST_EVENTS <= schema[column].missing <= schema.rows - LEAST_EVENTS
        }

    def earlier(self, target: str) -> tuple[str, ...]:
        """Columns visited before the one that ``target`` is about."""
        columns = self.columns
        return columns[: columns.index(self[target].column)]

    def predictors(self, target: str) -> tuple[str, ...]:
        """Columns that predict ``target`` where no formula is given, or that its rule reads."""
        given = self[target].predictors
        if self[target].computed:
            return self[target].sources
        return self.earlier(target) if given is None else given

    def given(self, target: str) -> tuple[str, ...]:
        """Return what the distribution of ``target`` is conditional on, in visit order.

        The columns and indicators that its formula reads, or else its predictors (the sources of
        its rule), and the columns of its strata and groups.

        Examples
        --------
        >>> links = [Conditional(name, "gaussian") for name in "abc"]
        >>> spec = ChainSpec((*links[:2], replace(links[2], formula="log(b)")))
        >>> spec.given("b"), spec.given("c")
        (('a',), ('b',))
        """
        own = self[target]
        named = {own.strata, own.groups, own.per_group, *own.sources}
        if own.formula:
            before = self.targets[: self.targets.index(target)]
            read = read_formula(own.formula, (*self.columns, *self.targets), dot=before)
            named |= {*read.columns}
        else:
            named |= {*self.predictors(target)}
        known = dict.fromkeys((*self.columns, *self.targets))
        return tuple(name for name in known if name in named)

    def with_conditional(self, conditional: Conditional) -> "ChainSpec":
        """Return a chain in which ``conditional`` replaces the one of the same target."""
        self[conditional.target]
        changed = tuple(
            conditional if c.target == conditional.target else c for c in self.conditionals
        )
        return replace(self, conditionals=changed)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for TOML or JSON; values equal to their default are left out."""
        return {"missing": self.missing, "conditional": [to_plain(c) for c in self.conditionals]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ChainSpec":
        """Build a chain from what ``to_dict`` returned.

        Raises
        ------
        SpecError
            If a key is unknown or of the wrong type.
        """
        found = data.get("conditional", ())
        if not isinstance(found, list | tuple) or not all(isinstance(e, Mapping) for e in found):
            raise SpecError(
                "the key 'conditional' must be a list of tables: write each as [[conditional]]"
            )
        entries = tuple(Conditional(**checked_values(entry)) for entry in found)
        return cls(entries, data.get("missing", "pattern"))

    def digest(self) -> str:
        """Return a short hash of the chain; notes do not count."""
        entries = [to_plain(replace(c, note="")) for c in self.conditionals]
        text = json.dumps([self.missing, entries], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
