"""Rules that hold in every row become part of a chain: those of the user, those of the data."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from posynth.chain.attached import attached, implied
from posynth.chain.blocks import Rows
from posynth.chain.dependence import with_rules
from posynth.chain.functions import keeps_sign
from posynth.chain.limits import BOUNDED, RESTRICTED, Limits
from posynth.chain.passive import breaks
from posynth.chain.row_rule import (
    ONLY_IF,
    WITHIN,
    read_row_rule,
    require_columns,
    require_true,
    rows_it_speaks_of,
)
from posynth.chain.rule import read_rule
from posynth.chain.rule_dates import with_days
from posynth.chain.rule_ends import rule_ends
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import SpecError
from posynth.posterior.bounded_numbers import bounded_numbers, by_numbers
from posynth.posterior.rostered import without_ids
from posynth.structure.search import Finding, search
from posynth.table.bounds import ends
from posynth.table.schema import Kind

#: In place of a rule's text: leave out every rule that was seen in the data.
ALL = "all"
#: Letters of a rule that a proposal shows.
MOST_SHOWN = 200
#: Rows of a copy below which a bound is not reached.
SELDOM = 0.01
#: Families of levels that the default chooses, in place of which a restricted one stands.
_LEVELS = ("bernoulli", "categorical", "dirichlet")


@dataclass(frozen=True)
class Kept:
    """A chain with rules, and what is only likely.

    Attributes
    ----------
    spec : ChainSpec
        The chain.
    proposed : tuple of str
        Rules that hold in all rows, but that a strong dependence explains too; a sentence each.
    """

    spec: ChainSpec
    proposed: tuple[str, ...] = ()


def with_seen_rules(
    rows: Rows, spec: ChainSpec, fixed: Collection[str], without: Collection[str]
) -> Kept:
    """Give columns of a default chain the rules that hold in every row of the data.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    spec : ChainSpec
        The chain without them.
    fixed : collection of str
        Columns that stay as they are.
    without : collection of str
        Rules to leave out, as they are written; ``"all"`` for every one.
    """
    if ALL in without:
        return Kept(spec)
    visited = tuple(c.target for c in spec if not c.indicates)
    computed = {c.column for c in spec if c.computed and not c.indicates}
    found = [_weakened(rows, each) for each in search(rows, visited, computed, spec.indicators)]
    _require_known(without, [each.text for each in found])
    held = [each for each in found if each.text not in without and _in_all(rows, each)]
    held = [replace(e, sure=e.sure and e.column not in fixed and not _mixed(spec, e)) for e in held]
    count = len(rows)
    held = [e for e in held if not (e.computes and _leaves_domain(spec, e, fixed))]
    for each in (each for each in held if each.sure and each.computes):
        spec = with_rules(spec, {each.column: each.text}, {})
        note = f"a function of other columns in all {count} rows, so it is computed; "
        note += f"--no-rule {each.text!r} models it"
        spec = spec.with_conditional(replace(spec[each.column], note=note))
    kept = [e for e in held if e.sure and not e.computes and not spec[e.column].passive]
    texts = [each.text for each in kept]
    texts += [text for text in _sources_within(rows, spec, fixed) if text not in without]
    spec = with_row_rules(rows, spec, texts, {c.target for c in spec if c.target not in fixed})
    kept_already = {_bare(text) for c in spec for text in c.rules}
    likely = [each for each in held if not each.sure and _bare(each.text) not in kept_already]
    return Kept(spec, tuple(_proposal(rows, each, fixed) for each in likely))


def _bare(text: str) -> str:
    """Return a rule without blanks, with one kind of quotes."""
    return "".join(text.split()).replace('"', "'")


def _mixed(spec: ChainSpec, finding: Finding) -> bool:
    """Whether a column that is drawn once an id would be kept to what differs between its rows."""
    own = spec[finding.column].per_group
    read = read_rule(finding.text).sources if finding.computes else ()
    read = read or read_row_rule(finding.text).columns
    return bool(own) and any(spec[name].per_group != own for name in read)


def _leaves_domain(spec: ChainSpec, finding: Finding, fixed: Collection[str]) -> bool:
    """Whether a logarithm, root or ratio reads the column, whose source keeps a user's family."""
    rules = [read_rule(c.passive).sources for c in spec if c.passive and keeps_sign(c.passive)]
    read = any(finding.column in sources for sources in rules)
    return read and bool({*fixed} & {*read_rule(finding.text).sources})


def _sources_within(rows: Rows, spec: ChainSpec, fixed: Collection[str]) -> Iterator[str]:
    """Give rules that keep sources where a computed column is not negative: parts of a total."""
    for c in spec:
        values = rows.arrays[c.column]
        numeric = c.passive and rows.schema[c.column].kind in (Kind.COUNT, Kind.CONTINUOUS)
        if not numeric or c.target in fixed or "-" not in c.passive or not np.nanmin(values) >= 0:
            continue
        text = f"{c.passive} >= {max(ends(rows.schema[c.column])[0], 0.0):g}"
        last = max(read_row_rule(text).columns, key=spec.columns.index)
        free = not spec[last].computed and last not in fixed
        if free and _may_be_negative(rows, c) and _leaves_interval(rows, text, last):
            yield text


def _leaves_interval(rows: Rows, text: str, column: str) -> bool:
    """Whether a rule leaves a column an interval: a ratio or a power of it may not."""
    try:
        rule_ends(read_row_rule(text), column, rows, 0.0)
    except SpecError:
        return False
    return True


def _may_be_negative(rows: Rows, conditional: Conditional) -> bool:
    """Whether a normal distribution of a computed column would reach below 0 in a copy."""
    values = rows.arrays[conditional.column]
    mean, sd = float(np.nanmean(values)), float(np.nanstd(values))
    return sd > 0 and len(rows) * float(ndtr(-mean / sd)) > SELDOM


def _weakened(rows: Rows, finding: Finding) -> Finding:
    """Return what is left of a rule with exceptions among rows that were not looked at."""
    if ONLY_IF not in finding.text or _in_all(rows, finding):
        return finding
    return replace(finding, text=finding.text.replace(f" {ONLY_IF} ", " if ", 1))


def _require_known(without: Collection[str], texts: Sequence[str]) -> None:
    for text in without:
        if text not in texts:
            listed = "; ".join(texts) or "none"
            raise SpecError(
                f"no_rules: {text!r} is none of the rules seen in the data, which are: {listed}"
            )


def _in_all(rows: Rows, finding: Finding) -> bool:
    """Hold a rule that was seen in some rows to all of them."""
    try:
        if finding.computes:
            return not bool(breaks(rows, rows.schema[finding.column], finding.text).any())
        return bool(read_row_rule(finding.text).holds(rows).all())
    except SpecError:
        return False


def _proposal(rows: Rows, finding: Finding, fixed: Collection[str]) -> str:
    text = finding.text
    why = f", {finding.why or 'but a strong dependence would do too'}"
    if finding.column in fixed:
        why = f", but a method was named for {finding.column!r}"
    if finding.computes:
        if len(text) > MOST_SHOWN:
            text = f"one value for each level of {', '.join(read_rule(text).sources)}"
        return f"{finding.column} = {text}, in all {len(rows)} rows{why}; --passive computes it"
    count = rows_it_speaks_of(read_row_rule(text), rows)
    return f"{text}: so it is in all {count} rows it speaks of{why}; --rule {text!r} keeps it"


def with_asked_rules(
    rows: Rows, spec: ChainSpec, texts: Iterable[str], default: Collection[str]
) -> ChainSpec:
    """Give a chain the rules that a user states, after holding them to the source.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    spec : ChainSpec
        The chain.
    texts : iterable of str
        Rules; dates in quotes are turned into days where they read a column of dates.
    default : collection of str
        Conditionals whose family was not asked for and may be another one.

    Raises
    ------
    SpecError
        If a rule cannot be read, names a column that is not modelled, or is contradicted by rows.
    """
    texts = tuple(dict.fromkeys(with_days(text, rows.schema) for text in texts))
    for c in spec:
        counted = tuple(with_days(text, rows.schema) for text in c.rules)
        if counted != c.rules:
            spec = spec.with_conditional(replace(c, rules=counted))
    for text in texts:
        rule = read_row_rule(text)
        require_columns(rule, rows.schema)
        require_true(rule, rows)
    return with_row_rules(rows, spec, texts, default)


def without_rules(spec: ChainSpec) -> ChainSpec:
    """Return a chain whose conditionals have no rules, for rows that were made up.

    Those that rules compute are left as they are: they have no model.
    """
    plain = {RESTRICTED: "categorical", BOUNDED: "gaussian"}
    for c in spec:
        if c.rules and not c.computed:
            family = plain.get(c.family, c.family)
            spec = spec.with_conditional(replace(c, rules=(), family=family))
    return spec


def with_row_rules(
    rows: Rows, spec: ChainSpec, texts: Sequence[str], default: Collection[str]
) -> ChainSpec:
    """Attach rules to the conditionals that they restrict, and settle those."""
    texts = [*texts, *implied(texts)]
    for (column, missing), own in attached(texts, spec.columns).items():
        target = spec.indicators.get(column) if missing else column
        if target is None:
            raise SpecError(
                f"rule {own[0]!r}: column {column!r} has no missing values, so no conditional "
                "says where they are; leave the rule out"
            )
        _require_visited(own, spec, column)
        conditional = spec[target]
        if conditional.new_groups and target in default and not missing:
            conditional = without_ids(conditional, rows.schema)
        rules = tuple(dict.fromkeys((*conditional.rules, *own)))
        changed = settled(rows, replace(conditional, rules=rules), spec, target in default)
        if rules == conditional.rules and changed.family == conditional.family:
            changed = conditional  # a chain that has them already
        spec = spec.with_conditional(changed)
    return spec


def _require_visited(rules: Iterable[str], spec: ChainSpec, column: str) -> None:
    order = spec.columns
    for text in rules:
        for name in read_row_rule(text).columns:
            if name not in order:
                raise SpecError(f"rule {text!r}: column {name!r} has no conditional")
            if order.index(name) > order.index(column):
                raise SpecError(
                    f"rule {text!r}: {name!r} is visited after {column!r}, whose missing values "
                    f"it decides; visit it before: --order {name},{column}"
                )


def settled(rows: Rows, conditional: Conditional, spec: ChainSpec, default: bool) -> Conditional:
    """Return a conditional with rules as it can be fitted.

    Where rules leave one value in every row it is computed; where they leave some levels its family
    is ``restricted``.

    Raises
    ------
    SpecError
        If a family was asked for that cannot be restricted so.
    """
    kind = None if conditional.indicates else rows.schema[conditional.column].kind
    if default and kind in (Kind.COUNT, Kind.CONTINUOUS) and not conditional.computed:
        conditional = by_numbers(rows, conditional)
    limits = Limits.of(rows, conditional)
    if limits is None or conditional.passive:
        return conditional
    values = rows.arrays[conditional.column]
    there = np.ones(len(rows), dtype=bool) if conditional.indicates else ~np.isnan(values)
    left = limits.open(rows) & there
    said = f"{_spoken(rows, conditional.rules)} of {len(rows)} rows are kept to rules"
    if not left.any():
        note = f"decided by rules in all {int(there.sum())} rows"
        return Conditional(
            conditional.target,
            "passive",
            rules=conditional.rules,
            indicates=conditional.indicates,
            note=note,
        )
    note = f"{conditional.note}; {said}, {int(left.sum())} are left open"
    changed = replace(conditional, note=note)
    if conditional.indicates:
        return changed
    if not rows.schema[conditional.column].kind.is_categorical:
        levels = changed.family == RESTRICTED
        return changed if levels else bounded_numbers(rows, changed, left, default)
    return _of_levels(rows, changed, limits.allowed(rows)[left], spec, default)


def _of_levels(
    rows: Rows,
    conditional: Conditional,
    allowed: NDArray[np.bool_],
    spec: ChainSpec,
    default: bool,
) -> Conditional:
    """Restrict a column of levels to those that are possible in its open rows, (n, K)."""
    if allowed.all() and len(rows.schema[conditional.column].levels) < 3:
        return conditional
    if default and conditional.family in _LEVELS:
        kept = _without_parents(conditional, spec)
        return replace(conditional, family=RESTRICTED, predictors=kept)
    if conditional.family != RESTRICTED and not allowed.all():
        raise SpecError(
            f"column {conditional.target!r}: family {conditional.family!r} gives every level some "
            f"probability, and the rules ({'; '.join(conditional.rules)}) leave some of them in "
            f"{int(np.sum(~allowed.all(axis=1)))} rows; use family 'restricted', or no method"
        )
    return conditional


def _without_parents(conditional: Conditional, spec: ChainSpec) -> tuple[str, ...] | None:
    """Return the predictors but for columns that each level of the target belongs to."""
    rules = [read_row_rule(text) for text in conditional.rules]
    parents = {
        name for r in rules if r.kind == WITHIN for name in r.columns if name != conditional.target
    }
    if not parents:
        return conditional.predictors
    return tuple(name for name in spec.predictors(conditional.target) if name not in parents)


def _spoken(rows: Rows, texts: Iterable[str]) -> int:
    """Return the number of rows that some rule speaks of."""
    found = np.zeros(len(rows), dtype=bool)
    for text in texts:
        rule = read_row_rule(text)
        found |= rule.applies(rows) if not rule.only else True
    return int(found.sum())
