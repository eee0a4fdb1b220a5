"""A chain bound to a schema and to its families: checked, printable, ready to fit."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from posynth.chain.check import check_chain
from posynth.chain.dependence import with_rules, without_lost_products
from posynth.chain.missing_kinds import target_kind
from posynth.chain.spec import ChainSpec, Conditional
from posynth.chain.toml import chain_to_toml
from posynth.errors import SpecError, unknown
from posynth.families.base import Family
from posynth.families.methods import translate
from posynth.families.own import own_names
from posynth.families.permission import references
from posynth.posterior.chain_families import find_families, own_families
from posynth.posterior.simpler import TILTED, not_corrected
from posynth.posterior.task import encode_table, make_task
from posynth.table.codec import encode
from posynth.table.frame import Table
from posynth.table.inputs import as_frame
from posynth.table.listing import listing, one_line, table_html
from posynth.table.missing_codes import without_codes
from posynth.table.reasons import reasons_of
from posynth.table.schema import Schema
from posynth.table.series import canonical
from posynth.table.source import Source

if TYPE_CHECKING:
    import pymc as pm

#: A default of curves and products, and what stands in for it beside a formula or strata.
STRUCTURED, LINE = "structured", "gaussian"


@dataclass(frozen=True)
class Chain:
    """What will be modelled, in visit order; checked before any fit.

    Attributes
    ----------
    spec : ChainSpec
        The conditionals.
    schema : Schema
        What each column is.
    source : Source
        Dialect in which copies are written.
    own : Mapping of str to Family
        Families of the user's, by the name the chain uses.
    folders : tuple of Path
        Where files that the chain names are sought.
    allowed : frozenset of str
        Which of the names ``"file.py:function"`` in the chain may be followed; see
        ``families.permission``.
    notes : tuple of str
        What reading the table had to decide.
    rare : tuple of str
        Which levels of predictors have too few rows for a coefficient of their own.

    Raises
    ------
    SpecError
        If the chain cannot be fitted on such a table.
    """

    spec: ChainSpec
    schema: Schema
    source: Source = field(default_factory=Source)
    own: Mapping[str, Family] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()
    allowed: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    proposed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = {name: member.facts for name, member in self.families.items()}
        check_chain(self.spec, self.schema, known)

    @property
    def families(self) -> dict[str, Family]:
        """Every family the chain may use, by name."""
        return find_families(self.spec, self.own, self.folders, self.allowed)

    def __getitem__(self, target: str) -> "BoundConditional":
        return BoundConditional(self, self.spec[target])

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(BoundConditional(self, conditional) for conditional in self.spec)

    def __len__(self) -> int:
        return len(self.spec)

    def change(self, target: str, **changes: Any) -> "Chain":
        """Return a chain in which one conditional differs.

        Parameters
        ----------
        target : str
            Which conditional.
        **changes
            Fields of ``Conditional``: family (a name or a function), predictors, formula, prior,
            scales, priors (of single coefficients), options, engine, strata, keep_groups,
            new_groups, slopes, improper, copies_values, scale, splines, interactions, passive (a
            rule, in place of a model and of the indicator of holes). A learned scale, splines,
            interactions and groups that the change leaves no place for are dropped. The note says
            what was changed and what was dropped, unless one is given.

        Raises
        ------
        SpecError
            If a field is unknown or the changed chain cannot be fitted.
        """
        old, asked = self.spec[target], tuple(changes)
        for key in changes:
            if key not in vars(old) or key in ("target", "indicates"):
                allowed = [k for k in vars(old) if k not in ("target", "indicates")]
                raise SpecError(f"conditional {target!r}: {unknown('field', key, allowed)}")
        if changes.get("passive"):
            return self._ruled(target, changes)
        own, may_run = dict(self.own), self.allowed
        if old.passive:
            changes = {"passive": "", "options": {}, **changes}
        if "family" in changes:
            names, added = own_names({target: changes["family"]}, self.families)
            own |= own_families(added)
            kind = target_kind(self.schema, old)
            translation = translate(names[target], kind, old.column)
            changes = {"options": {}, **translation.settings, **changes}
            changes["family"] = translation.family
            may_run |= references([translation.family])
        by_default = old.note.startswith("default") and "family" not in changes
        if by_default and old.family == STRUCTURED and {"formula", "strata"} & {*asked}:
            changes = {"family": LINE, "scales": {}, "prior": "", **changes}
        if by_default and changes.get("priors"):
            changes = {**self._straight(old), **changes}
        # The grounds of the old choice would stand beside the new one, also in the chain file.
        changes = {"note": f"changed: {', '.join(asked)}"} | changes if asked else changes
        opened = replace(self, own=own, allowed=may_run)
        changed = opened._suited(replace(old, **changes), changes)
        if changed != replace(old, **changes) and "note" not in asked:
            changed = replace(changed, note=f"{changed.note}{_dropped(old, changed)}")
        return replace(opened, spec=self.spec.with_conditional(changed))

    def _straight(self, old: Conditional) -> dict[str, Any]:
        """Return what makes a default one of straight main effects on natural scales."""
        straight: dict[str, Any] = {"splines": 0, "interactions": ()}
        numeric = not old.indicates and self.schema[old.column].kind.is_numeric
        kept = {"bounded", "truncated", "lognormal"}
        if numeric and not (old.family in kept and old.scale == "natural"):
            straight |= {
                "family": LINE,
                "scale": "natural",
                "scales": {},
                "prior": "",
                "spread": (),
                "corrections": (),
            }
        return straight

    def _ruled(self, target: str, changes: Mapping[str, Any]) -> "Chain":
        """Return a chain in which a column is computed by a rule."""
        spec = with_rules(self.spec, {target: changes["passive"]}, {})
        spec = spec.with_conditional(replace(spec[target], **changes))
        return replace(self, spec=without_lost_products(spec, self.schema))

    def _suited(self, conditional: Conditional, asked: Mapping[str, Any]) -> Conditional:
        """Drop what was chosen for the conditional before and cannot stand beside the change."""
        found = self.families if "family" in asked else {}
        facts = found[conditional.family].facts if conditional.family in found else None
        dropped: dict[str, Any] = {}
        fitting = {"standardised": "learned", "codes": "levels"}
        if facts is not None and conditional.scale != fitting.get(facts.response):
            dropped["scale"] = "natural"
        if facts is not None and facts.design == "grouped":
            dropped |= {"scale": "natural"}
        elif facts is not None:
            dropped |= {"keep_groups": "", "new_groups": "", "slopes": ()}
        if facts is not None and facts.design not in ("structured", "tilted", "interval"):
            dropped["spread"] = ()
        if facts is not None and facts.design != "tilted":
            dropped["corrections"] = ()
        if conditional.formula or (facts is not None and facts.design == "cells"):
            dropped |= {"splines": 0, "interactions": ()}
        given = conditional.predictors
        if given is not None:
            of = {indicator: column for column, indicator in self.spec.indicators.items()}
            read = {*given, *(i for i, column in of.items() if column in given)}
            pairs = (p for p in conditional.interactions if set(p) <= read)
            dropped.setdefault("interactions", tuple(pairs))
            for key in ("spread", "corrections"):
                kept = tuple(n for n in getattr(conditional, key) if n in given)
                dropped.setdefault(key, kept)
        if conditional.formula or conditional.strata:
            dropped["corrections"] = ()
        changed = replace(conditional, **{k: v for k, v in dropped.items() if k not in asked})
        lost = not changed.corrections or changed.scale != "learned"
        if changed.family == TILTED and lost and "family" not in asked:
            return replace(changed, **not_corrected(changed))
        return changed

    def resolved(self) -> ChainSpec:
        """Return the conditionals with every prior and scale written out.

        A stored posterior must not change its meaning with the defaults of a later version, and a
        chain has the same hash whether it was left to defaults or read from the file they wrote.
        """
        spec, known = self.spec, self.families
        for link in spec:
            facts = known[link.family].facts
            prior = link.prior or facts.default_prior
            scales = {**facts.priors[prior], **link.scales}
            options = {k: v for k, v in facts.options.items() if v is not None} | {**link.options}
            spec = spec.with_conditional(replace(link, prior=prior, scales=scales, options=options))
        return spec

    def to_toml(self) -> str:
        """Return the chain as a TOML document, to review and edit."""
        facts = {name: member.facts for name, member in self.families.items()}
        return chain_to_toml(self.spec, self.schema, facts, self.source.reading)

    def __repr__(self) -> str:
        shown = listing(*self.spec.rows(), more="print(chain) shows all, and why")
        return "\n".join([self.spec.title, *shown])

    def _repr_html_(self) -> str:
        heads, rows = self.spec.rows()
        table = pd.DataFrame([(*row, self.spec[row[0]].note) for row in rows])
        return table_html(self.spec.title, table.set_axis([*heads, "why"], axis=1))

    def __str__(self) -> str:
        lines = [f"{len(self.spec)} conditionals, missing = {self.spec.missing!r}"]
        for c in self.spec:
            terms = [*self.spec.predictors(c.target), *map(":".join, c.interactions)]
            given = f"~ {c.formula or ' + '.join(terms) or '1'}"
            given = f"= {c.computed_by}" if c.computed else given
            lines.append(one_line(f"  {c.target} {given}   [{c.label}] {c.note}"))
        return "\n".join(lines)


@dataclass(frozen=True)
class BoundConditional:
    """One conditional of a chain, with the PyMC model it stands for.

    Attributes
    ----------
    chain : Chain
        The chain it belongs to.
    conditional : Conditional
        Its specification.
    """

    chain: Chain
    conditional: Conditional

    def __repr__(self) -> str:
        return f"One of {len(self.chain)} conditionals of a chain: {self.conditional!r}"

    @property
    def family(self) -> Family:
        """The family of the conditional."""
        return self.chain.families[self.conditional.family]

    def model(self, df: pd.DataFrame) -> "pm.Model":
        """Write the conditional as a ``pm.Model`` on a table, to look at, graph and edit.

        Parameters
        ----------
        df : pandas.DataFrame
            A table with the chain's columns, for example the source.

        Returns
        -------
        pymc.Model
            The model that is fitted: data ``X`` and ``y``, parameters, one observed variable.

        Raises
        ------
        TableError
            If a column is missing or holds a value the schema does not declare.
        """
        table = conform(df, self.chain.schema, self.chain.source)
        rows = encode_table(table, self.chain.spec)
        return make_task(rows, self.chain.spec, self.conditional, self.family)[0].model()


def _dropped(old: Conditional, new: Conditional) -> str:
    """Say what a change left no place for."""
    lost = [":".join(pair) for pair in old.interactions if pair not in new.interactions]
    told = [f"interactions {', '.join(lost)}"] if lost else []
    lost = [name for name in old.spread if name not in new.spread]
    told += [f"spread by {', '.join(lost)}"] if lost else []
    lost = [name for name in old.corrections if name not in new.corrections]
    told += [f"corrections by {', '.join(lost)}"] if lost else []
    told += ["splines"] if old.splines and not new.splines else []
    lost_scale = {"learned": "the learned scale", "levels": "numbers as levels"}
    told += [lost_scale[old.scale]] if old.scale in lost_scale and old.scale != new.scale else []
    return f"; dropped: {', '.join(told)}" if told else ""


def conform(df: pd.DataFrame, schema: Schema, source: Source) -> Table:
    """Take a data frame as a table of a known schema; columns and values are checked.

    Raises
    ------
    TableError
        If a column is missing or a value is not declared.
    """
    from posynth.errors import TableError

    frame = as_frame(df).reset_index(drop=True)
    values, reasons = {}, {}
    for column in schema:
        if column.name not in frame.columns:
            raise TableError(unknown("column", column.name, map(str, frame.columns)))
        kept, _ = without_codes(frame[column.name], column.missing_codes)
        values[column.name] = canonical(column.name, kept)
        if column.missing_kinds:
            found = reasons_of(frame[column.name], column.missing_codes)
            if any(found):  # without codes the kinds of missing values are not known
                reasons[column.name] = found
        if column.kind.is_modelled:
            encode(column, values[column.name])
    made = pd.DataFrame(values, columns=list(schema.names))
    return Table(made, schema, source, reasons=reasons)
