"""What a user asks of a chain beyond its defaults, and what that does to the default chain."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from posynth.arguments import mapping, truth, with_type
from posynth.chain.attached import moved_behind
from posynth.chain.default import default_chain, shrunk_anew, visit_order
from posynth.chain.dependence import in_order, with_rules
from posynth.chain.matrix import allowed, read_matrix
from posynth.chain.missing_kinds import target_kind
from posynth.chain.order import auto_order
from posynth.chain.rule import require_rule
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import SpecError, in_short, unknown
from posynth.families import families
from posynth.families.base import Build, Family
from posynth.families.methods import Translation, translate
from posynth.table.bounds import Stated
from posynth.table.names import Names, as_names
from posynth.table.schema import Schema

type Method = str | Build | Family
type Passive = str | tuple[str, float]
#: Coefficient -> (mu, sigma), a mapping of both, or level of the target -> one of these.
type Priors = Mapping[str, Any]
AUTO = "auto"  # an order by rule
_EXAMPLES = {
    "methods": "{'age': 'cart'}",
    "formulas": "{'age': 'sex + weight'}",
    "passive": "{'bmi': 'weight / (height / 100) ** 2'}",
    "priors": "{'bmi': {'age': (0.1, 0.05)}}",
}

type Matrix = pd.DataFrame | Mapping[str, Names] | str | Path


@dataclass(frozen=True)
class Wishes:
    """What is asked for beyond the defaults.

    Attributes
    ----------
    order : iterable of str, or "auto"
        Columns to visit first, or the rule of ``auto_order``.
    methods : Mapping
        Column -> family, method of mice or synthpop, or function.
    engine, missing : str
        Engine of every conditional, plan for missing values.
    predictors : DataFrame, Mapping or path, optional
        Predictor matrix of 0 and 1, or column -> its predictors.
    formulas : Mapping
        Column -> right-hand side; ``.`` stands for the main effects of all earlier columns.
    strata : str
        Column within whose levels everything is fitted.
    passive : Mapping
        Column -> the rule that computes it, or rule and share of rows in which it need not hold.
    improper, copies_values : bool
        Whether families are meant that are not proper, or that copy values.
    allow_code : bool
        Whether Python files that a chain file names may be run.
    rules : tuple of str
        Rules that hold in every row, see ``chain.row_rule``.
    no_rules : tuple of str
        Rules seen in the data that are not to be kept; ``"all"`` for every one.
    lower, upper : Mapping
        Column -> bound of its values in every copy; None or an infinite one lifts a bound.
    priors : Mapping
        Conditional -> priors of single coefficients, see ``chain.coefficient_priors``.
    artificial : bool
        Whether the rows were made up to suit a chain file: then its rules and bounds are left out.
    """

    order: Names = ()
    methods: Mapping[str, Method] = field(default_factory=dict)
    engine: str = "auto"
    missing: str = "pattern"
    predictors: Matrix | None = None
    formulas: Mapping[str, str] = field(default_factory=dict)
    strata: str = ""
    improper: bool = False
    copies_values: bool = False
    passive: Mapping[str, Passive] = field(default_factory=dict)
    allow_code: bool = False
    rules: Names = ()
    no_rules: Names = ()
    lower: Stated = field(default_factory=dict)
    upper: Stated = field(default_factory=dict)
    priors: Mapping[str, Priors] = field(default_factory=dict)
    artificial: bool = False

    def __post_init__(self) -> None:
        if not (
            isinstance(self.order, str) and self.order == AUTO
        ):  # the word alone is the rule; in a list it is a column
            object.__setattr__(self, "order", () if self.order is None else as_names(self.order))
        for name in ("rules", "no_rules"):
            object.__setattr__(self, name, _rule_texts(name, getattr(self, name)))
        for name, example in _EXAMPLES.items():
            mapping(name, getattr(self, name), example)
        for name in ("lower", "upper"):
            mapping(name, getattr(self, name), "{'age': 0}")
            for column, end in getattr(self, name).items():
                if not (
                    end is None or (isinstance(end, int | float) and not isinstance(end, bool))
                ):
                    raise SpecError(
                        f"{name}: {with_type(repr(column), end)}; give a number, as "
                        f"{name}={{'age': 0}}, or None for no bound"
                    )
        for name in ("improper", "copies_values", "allow_code"):
            truth(name, getattr(self, name))
        for column, method in self.methods.items():
            if not (isinstance(method, str | Family) or callable(method)):
                raise SpecError(
                    f"methods: {with_type(repr(column), method)}; give "
                    "the name of a family or method, as {'age': 'cart'}, or a function that "
                    "returns a pm.Model"
                )
        given = self.predictors
        if given is not None and not isinstance(given, pd.DataFrame | str | os.PathLike):
            mapping("predictors", given, "{'age': ['sex']}")


def new_chain(schema: Schema, wishes: Wishes, methods: Mapping[str, str]) -> ChainSpec:
    """Return the default chain with what is asked for; ``methods`` are names by now."""
    meant = {
        column: translate(name, schema[column].kind, column)
        for column, name in methods.items()
        if column in schema
    }
    named = {**methods, **{column: found.family for column, found in meant.items()}}
    order, rules = _order(schema, wishes, meant.values()), _rules(schema, wishes)
    if rules:
        order = list(in_order(visit_order(schema, order), rules))
    if wishes.rules and (not wishes.order or wishes.order == AUTO):
        order = list(moved_behind(visit_order(schema, order), as_names(wishes.rules)))
    spec = default_chain(schema, order, named, wishes.engine, wishes.missing)
    for column, translation in meant.items():
        spec = spec.with_conditional(translated(spec[column], translation))
    return adjusted(spec, schema, wishes)


def _order(schema: Schema, wishes: Wishes, meant: Iterable[Translation]) -> list[str]:
    """Return columns to visit first: those of strata, groups and slopes, then those asked for."""
    asked = as_names(wishes.order)
    rule = wishes.order == AUTO
    order = list(auto_order(schema) if rule else asked)
    settings = [translation.settings for translation in meant]
    by = ("keep_groups", "new_groups", "per_group")
    needed = [s[key] for s in settings for key in by if key in s]
    needed += [name for s in settings for name in s.get("slopes", ())]
    if not asked or rule:
        order = [*_of_ids(schema), *(name for name in order if name not in _of_ids(schema))]
    order = [*dict.fromkeys(n for n in needed if n in schema and n not in order), *order]
    if wishes.strata and wishes.strata in schema:
        order = [wishes.strata, *(name for name in order if name != wishes.strata)]
    return order


def _of_ids(schema: Schema) -> tuple[str, ...]:
    """Return the wave of a repeated identifier and the columns that are constant within it."""
    column = schema.repeated
    if column is None or column.roster is None:
        return ()
    first = (column.roster.wave, *column.roster.constant)
    return tuple(name for name in first if name in schema)


def adjusted(spec: ChainSpec, schema: Schema, wishes: Wishes) -> ChainSpec:
    """Return the chain with predictors, formulas, strata and permissions as asked for."""
    rules = _rules(schema, wishes)
    shares = {n: each[1] for n, each in wishes.passive.items() if isinstance(each, tuple)}
    spec = with_rules(spec, rules, shares) if rules else spec
    spec = permitted(spec, wishes.improper, wishes.copies_values)
    if wishes.predictors is not None:
        matrix = wishes.predictors
        found = read_matrix(matrix) if isinstance(matrix, str | Path) else matrix
        spec = allowed(spec, schema, found)
    for column, formula in wishes.formulas.items():
        if column not in spec.targets:
            raise SpecError(f"formula: {unknown('column', column, spec.targets)}")
        changed = replace(spec[column], formula=formula, predictors=None)
        spec = spec.with_conditional(changed)
    for target, priors in wishes.priors.items():
        if target not in spec.targets:
            raise SpecError(f"priors: {unknown('conditional', target, spec.targets)}")
        spec = spec.with_conditional(replace(spec[target], priors=priors))
    spec = shrunk_anew(spec, schema)
    return stratified(spec, schema, wishes.strata) if wishes.strata else spec


def _rule_texts(name: str, given: Any) -> tuple[str, ...]:
    """Return rules as a user gives them: one text, several, or None."""
    texts = () if given is None else given
    texts = (texts,) if isinstance(texts, str) else texts
    listed = isinstance(texts, Iterable) and not isinstance(texts, Mapping)
    texts = tuple(texts) if listed else (texts,)
    for text in texts:
        if not isinstance(text, str):
            raise SpecError(
                f"{name}: {in_short(text)} is no rule; give one rule as a text, or a list of them, "
                "as ['discharge >= admission', 'town within region']"
            )
    return texts


def _rules(schema: Schema, wishes: Wishes) -> dict[str, str]:
    """Return column -> rule, for columns that can be computed."""
    rules = {n: each if isinstance(each, str) else each[0] for n, each in wishes.passive.items()}
    for name, rule in rules.items():
        require_rule(name, rule)
        if name not in schema:
            raise SpecError(f"passive: {unknown('column', name, schema.names)}")
        if name in wishes.methods or name in wishes.formulas:
            raise SpecError(f"column {name!r} has a rule and a method or formula; keep one of them")
        if not schema[name].kind.is_modelled:
            raise SpecError(
                f"passive column {name!r}: its kind is {schema[name].kind.value!r}, which is "
                "filled in, not computed; declare another kind for it first"
            )
    return rules


def permitted(spec: ChainSpec, improper: bool, copies_values: bool) -> ChainSpec:
    """Mark the conditionals whose family needs a permission that is given."""
    known = families()
    for c in spec:
        facts = known[c.family].facts if c.family in known else None
        if facts is None:
            continue
        spec = spec.with_conditional(
            replace(
                c,
                improper=c.improper or (improper and not facts.proper),
                copies_values=c.copies_values or (copies_values and facts.copies_values),
            )
        )
    return spec


def stratified(spec: ChainSpec, schema: Schema, strata: str) -> ChainSpec:
    """Fit every conditional but the first within the levels of a column."""
    if strata not in schema:
        raise SpecError(f"strata: {unknown('column', strata, schema.names)}")
    for c in spec:
        known = families().get(c.family)
        crosses = known is not None and known.facts.design == "cells"
        if c.column == strata or crosses or c.predictors == () or c.computed:
            continue
        note = f"{c.note}; within levels of {strata!r}".lstrip("; ")
        spec = spec.with_conditional(replace(c, strata=strata, note=note))
    return spec


def translated(conditional: Conditional, translation: Translation) -> Conditional:
    """Return a conditional whose method's name has become a family's."""
    note = "; ".join(filter(None, (conditional.note, translation.note)))
    changed = replace(conditional, family=translation.family, note=note)
    return replace(changed, **translation.settings)


def translated_chain(spec: ChainSpec, schema: Schema) -> ChainSpec:
    """Return a chain whose methods of mice and synthpop have become families."""
    for c in spec:
        if c.column not in schema:
            continue  # the chain's check says so
        kind = target_kind(schema, c)
        translation = translate(c.family, kind, c.column)
        if translation != Translation(c.family):
            spec = spec.with_conditional(translated(c, translation))
    return spec
