r"""The model by which a column is imputed: its conditional in the chain, given its Markov blanket.

In the chain :math:`p(x_1, \dots, x_p) = \prod_j p(x_j \mid \mathrm{pa}_j)` a column depends, given
all others, only on its Markov blanket: its predictors, the columns it predicts and their
predictors,

.. math:: p(x_t \mid x_{-t}) \propto p(x_t \mid \mathrm{pa}_t) \prod_{j : t \in \mathrm{pa}_j}
          p(x_j \mid \mathrm{pa}_j).

That product is regressed as one conditional in the form that the chain gave the column: its family
and prior, its learned scale or levels, options, strata and groups. It reads predictors on their
learned scales, by splines, where the chain does so in any factor of the product. For normal factors
the logarithm of the product is quadratic, so that the conditional is normal, with the product
terms of every factor: a product a:b beside t stays, and a product t:a in the conditional of c
becomes c:a. Other factors are approximated in this form, as fully conditional specification does.

A family is replaced by the one of the column's kind, and that is said, where it cannot be fitted to
other predictors than it was given: models of one's own; tables of all combinations; families
without parameter uncertainty; samplers that would run for every draw; groups that are not known.

References
----------
van Buuren, S. (2018). Flexible Imputation of Missing Data, 2nd ed., chapters 4 and 6; Pearl, J.
(1988), Probabilistic Reasoning in Intelligent Systems, section 3.2.1, for the Markov blanket.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from posynth.chain.blocks import Rows
from posynth.chain.budget import spline_columns, within_budget
from posynth.chain.default import FAMILY_OF_KIND, default_chain
from posynth.chain.dependence import sources
from posynth.chain.few import codes_of, numbers_of
from posynth.chain.limits import BOUNDED, RESTRICTED
from posynth.chain.open_rows import limited
from posynth.chain.slopes import for_few_cases
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import SpecError
from posynth.evaluation.inference.departure import Departure
from posynth.families import families
from posynth.posterior.row_rules import settled
from posynth.table.schema import Schema

type Pair = tuple[str, str]

#: Family that needs rules -> the same without them.
PLAIN = {RESTRICTED: "categorical", BOUNDED: "gaussian"}
#: Product terms kept in an imputation model.
MOST_PAIRS = 8


@dataclass(frozen=True)
class ImputationModel:
    """How one column is imputed.

    Attributes
    ----------
    conditional : Conditional
        The model, with its predictors by name.
    note : str
        Why it is not of the family that the chain has; ``""`` where it is.
    free : Conditional, optional
        The model without rules, which serves where the one under rules is not fitted.
    """

    conditional: Conditional
    note: str = ""
    free: Conditional | None = None

    @property
    def target(self) -> str:
        """The column."""
        return self.conditional.target

    @property
    def several(self) -> tuple[Conditional, ...]:
        """The model, and the one that serves where it is not fitted."""
        return (self.conditional, self.free) if self.free else (self.conditional,)


def imputation_model(
    target: str,
    rows: Rows,
    spec: ChainSpec,
    available: Iterable[str],
    departure: Departure,
    rules: Sequence[str] = (),
) -> ImputationModel:
    """Return the model by which a column is imputed.

    Parameters
    ----------
    target : str
        The column.
    rows : Rows
        The table, encoded, with learned scales; NaN where a value is missing.
    spec : ChainSpec
        The chain the table comes from.
    available : iterable of str
        Columns without missing values, or imputed by now.
    departure : Departure
        How missing values differ from those present.
    rules : sequence of str
        Rules that its values are kept to.

    Returns
    -------
    ImputationModel
    """
    found = _free_model(target, rows, spec, available, departure)
    free = _under_rules(found.conditional, rows, ())
    plain = replace(found, conditional=free)
    if target in departure.columns:  # what is stated is about a model without them
        return plain
    own = spec[target].rules if target in spec.targets else ()
    model = found.conditional
    same = {*rules} == {*own} and model.family == spec[target].family
    ruled = replace(model, rules=own) if same else _under_rules(free, rows, rules)
    return replace(plain, conditional=ruled, free=free if rules else None)


def _free_model(
    target: str, rows: Rows, spec: ChainSpec, available: Iterable[str], departure: Departure
) -> ImputationModel:
    """Return the model of a column without rules."""
    columns = _predictors(target, spec, tuple(available))
    own = spec[target] if target in spec.targets else Conditional(target, "")
    own = Conditional(target, "") if own.computed else own
    reason = _unusable(own, spec, columns)
    usual = departure.family(rows.schema[target], "" if reason else own.family)
    kept = not reason and usual == own.family
    start = _kept(own, rows) if kept else _of_kind(target, usual, rows)
    if not kept and not reason:
        reason = "the departure that was stated is about its log-odds"
    shrunk = _shrunk(start, rows.schema, columns)
    model = _with_terms(shrunk, rows, spec, columns)
    if kept and own.priors:
        note = f"{target!r} was imputed without the priors stated of its coefficients: imputation "
        note += "has other predictors, which change what these mean"
        return ImputationModel(_within_budget(model, rows), note)
    quiet = kept or not own.family or (own.family == "dirichlet" and not spec.predictors(target))
    note = "" if quiet else f"{target!r} was imputed by {model.label}, not {own.label}: {reason}"
    return ImputationModel(_within_budget(model, rows), note)


def _under_rules(model: Conditional, rows: Rows, rules: Sequence[str]) -> Conditional:
    """Return a model whose likelihood is normalised over what rules leave in each row."""
    if not rules:
        return replace(model, family=PLAIN.get(model.family, model.family))
    asked = replace(model, rules=tuple(rules))
    try:
        changed = settled(rows, asked, ChainSpec((model,)), default=True)
    except SpecError:
        return model
    levels = rows.schema[model.target].kind.is_categorical or changed.family == RESTRICTED
    if changed.computed or levels or changed == replace(asked, note=changed.note):
        return changed if changed.computed or levels else _by_distance(changed, rows)
    learned = model.scale == "learned" or model.family not in ("gaussian", BOUNDED)
    if not (learned and model.target in rows.learned):
        return changed
    return replace(changed, scale="learned", splines=model.splines, interactions=model.interactions)


def _by_distance(model: Conditional, rows: Rows) -> Conditional:
    """Return a model of the distance from a bound: normal, on the learned scale of distances."""
    limits, left = limited(rows, replace(model, family="gaussian"))
    if limits is None or not limits.distance:
        return model
    plain = replace(model, prior="", scales={}, options={}, spread=(), corrections=())
    learned = model.target in left.learned
    return replace(plain, family="gaussian", scale="learned" if learned else "natural")


def blanket(target: str, spec: ChainSpec) -> tuple[str, ...]:
    """Return the columns that a column depends on given all others, in visit order.

    Examples
    --------
    >>> given = {"a": (), "b": ("a",), "c": (), "d": ("b", "c")}
    >>> spec = ChainSpec(tuple(Conditional(n, "gaussian", p) for n, p in given.items()))
    >>> blanket("b", spec), blanket("a", spec)
    (('a', 'c', 'd'), ('b',))
    """
    near = set(_reads(target, spec)) if target in spec.targets else set()
    for child in _children(target, spec):
        near |= {child, *_reads(child, spec)}
    return tuple(name for name in spec.columns if name in near and name != target)


def _children(target: str, spec: ChainSpec) -> list[str]:
    models = [c.target for c in spec if not c.indicates and not c.computed]
    return [name for name in models if name != target and target in _reads(name, spec)]


def _reads(target: str, spec: ChainSpec) -> tuple[str, ...]:
    """Return what a conditional reads: predictors, what they are computed from, strata, groups."""
    names = [name for name in spec.given(target) if name in spec.columns]
    return tuple(dict.fromkeys((*names, *sources(names, spec))))


def _predictors(target: str, spec: ChainSpec, available: tuple[str, ...]) -> tuple[str, ...]:
    """Return the blanket; all that is available where a part of the blanket is not."""
    free = tuple(n for n in available if n != target and target not in sources([n], spec))
    near = blanket(target, spec)
    needed = [n for n in near if target not in sources([n], spec)]
    known = target in spec.targets and set(needed) <= set(free)
    return tuple(name for name in free if name in near) if known else free


def _unusable(own: Conditional, spec: ChainSpec, columns: tuple[str, ...]) -> str:
    """Say why a family cannot impute; ``""`` if it can."""
    known = families()
    if own.family not in known:
        return "a model of one's own is written for the predictors it has in the chain"
    facts = known[own.family].facts
    if facts.design == "cells":
        return "a table of all combinations has no room for the columns that come after"
    if not facts.proper:
        return "its draws carry no uncertainty of parameters"
    if facts.chain:
        return "it takes too long to be fitted anew for every draw"
    return _groups_unknown(own, facts.design == "grouped", spec, columns)


def _groups_unknown(
    own: Conditional, grouped: bool, spec: ChainSpec, columns: tuple[str, ...]
) -> str:
    """Say which groups imputation does not know; ``""`` if it knows those there are."""
    if own.per_group:
        return f"it is constant within {own.per_group!r}, and values are imputed row by row"
    if grouped and own.groups not in spec.columns:
        return f"its groups are the repeated ids of {own.groups!r}, whose effects are not imputed"
    if grouped and not {own.groups, *own.slopes} <= set(columns):
        return f"its groups, {own.groups!r}, or slopes are missing in some rows"
    return ""


def _kept(own: Conditional, rows: Rows) -> Conditional:
    """Return the chain's conditional; groups keep the effects they have in this table."""
    scale = own.scale
    if scale == "learned" and own.target not in rows.learned:
        scale = "natural"
    plain = replace(own, priors={}, engine="auto", note="", rules=())
    return replace(plain, scale=scale, keep_groups=own.groups, new_groups="")


def _of_kind(target: str, family: str, rows: Rows) -> Conditional:
    """Return a conditional of the column's kind; numbers on their learned scale."""
    chosen = family or FAMILY_OF_KIND[rows.schema[target].kind]
    learned = chosen == "gaussian" and target in rows.learned
    return Conditional(target, chosen, scale="learned" if learned else "natural")


def _shrunk(start: Conditional, schema: Schema, columns: tuple[str, ...]) -> Conditional:
    """Hold slopes near zero where predictors, more than in the chain, are many for the rows."""
    part = Schema(tuple(c for c in schema if c.name in (start.target, *columns)), schema.rows)
    usual = default_chain(part, columns, {start.target: FAMILY_OF_KIND[schema[start.target].kind]})
    limit = usual[start.target].scales.get("slope")
    if limit is None or usual[start.target].prior:  # slopes of levels: see _within_budget
        return start
    return replace(start, scales=_at_most(limit, start))


def _at_most(limit: float, model: Conditional) -> dict[str, float]:
    """Return the scales of a model, those of slopes no greater than a limit."""
    facts = families()[model.family].facts
    scales = {**facts.priors[model.prior or facts.default_prior], **model.scales}
    return {n: min(v, limit) if n.endswith("slope") else v for n, v in scales.items()}


def _with_terms(
    start: Conditional, rows: Rows, spec: ChainSpec, columns: tuple[str, ...]
) -> Conditional:
    """Give a model its predictors, splines and product terms, as far as the rows support them."""
    strata = start.strata if start.strata in columns else ""
    model = replace(start, predictors=columns, strata=strata)
    if model.formula:
        return replace(model, formula=f". + {model.formula}", splines=0, interactions=())
    contrasts = max(len(rows.schema[model.target].levels) - 1, 1)
    if model.scale == "levels":
        contrasts = max(len(numbers_of(rows.arrays[model.target])) - 1, 1)
    wanted = _splines(model, rows, spec, columns)
    splines = min(wanted, spline_columns(rows, columns, contrasts)) if wanted else 0
    pairs = _pairs(model.target, spec, columns)
    return replace(model, splines=0 if model.slopes else splines, interactions=pairs)


def _splines(start: Conditional, rows: Rows, spec: ChainSpec, columns: tuple[str, ...]) -> int:
    """Return the most spline columns in any factor that the column is part of.

    On a learned scale of its own, or beside a column on one, straight lines are not enough: what
    bends the one bends the other.
    """
    factors = [spec[name] for name in _children(start.target, spec)]
    wanted = max([start.splines, *(c.splines for c in factors)])
    learned = start.scale == "learned" or any(c.scale == "learned" for c in factors)
    numeric = [n for n in columns if n in rows.learned]
    straight = [n for n in numeric if n in spec.targets and spec[n].scale != "learned"]
    return max(wanted, 2 if straight else 1) if learned and numeric else wanted


def _pairs(target: str, spec: ChainSpec, columns: tuple[str, ...]) -> tuple[Pair, ...]:
    """Return the product terms that the factors leave in the conditional of one column."""
    found = [] if target not in spec.targets else list(spec[target].interactions)
    for child in _children(target, spec):
        crossed = [(a, spec[child].strata) for a in _reads(child, spec) if spec[child].strata]
        for pair in (*spec[child].interactions, *crossed):
            rest = [name for name in pair if name != target]
            found.append((child, rest[0]) if len(rest) == 1 else pair)
    kept = (tuple(sorted(p, key=columns.index)) for p in found if set(p) <= set(columns))
    pairs = dict.fromkeys((a, b) for a, b in kept if a != b)
    return tuple(pairs)[:MOST_PAIRS]


def _within_budget(model: Conditional, rows: Rows) -> Conditional:
    """Keep the predictors that a column of levels can carry, and give slopes the prior for few."""
    family = families()[model.family].facts
    columns = model.predictors or ()
    if (
        family.response != "codes"
        or family.design not in ("standardised", "restricted")
        or model.formula
    ):
        return model
    coded = rows
    if model.scale == "levels":
        values = rows.arrays[model.target]
        codes = np.where(np.isnan(values), np.nan, codes_of(numbers_of(values), values))
        coded = replace(rows, arrays={**rows.arrays, model.target: codes})
    plain = replace(model, scales={}, prior="")
    lean = within_budget(coded, columns, plain)
    kept = columns if lean.predictors is None else lean.predictors
    held = for_few_cases(coded, kept, lean)
    pairs = tuple(pair for pair in model.interactions if set(pair) <= set(kept))
    lean = replace(model, predictors=kept, interactions=pairs)
    stated = model.prior or "slope" in model.scales
    if stated or held.prior not in family.priors:
        return lean
    return replace(lean, prior=held.prior, scales={**model.scales, **held.scales})
