"""Rules that hold in every row become part of a chain: those of the user, those of the data."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from posynth.chain.attached import attached, implied
from posynth.chain.blocks import Floats, Rows
from posynth.chain.dependence import with_rules
from posynth.chain.few import MOST_VALUES, numbers_of
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
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import SpecError
from posynth.structure.search import Finding, search
from posynth.table.bounds import ends
from posynth.table.schema import Kind

#: In place of a rule's text: leave out every rule that was seen in the data.
ALL = "all"
#: Distance from a bound, in sds of it, that is near; share of rows there from which it is modelled.
CLOSE_BY, SOME = 0.1, 0.05
#: Share of rows that must have a bound: the others have one too, which is missing.
MOST_WITHOUT = 0.5
#: Units of rounding between two bounds from which on shares of the way are as good as continuous.
UNITS = 30
#: Share of the way that a tenth of the rows must reach, with near and with far bounds.
FAR_ENOUGH = 0.3
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
    held = [replace(e, sure=e.sure and e.column not in fixed) for e in held]
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
    likely = [each for each in held if not each.sure]
    return Kept(spec, tuple(_proposal(rows, each, fixed) for each in likely))


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
        if not spec[last].computed and last not in fixed and _may_be_negative(rows, c):
            yield text


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
    why = ", but a strong dependence would do too"
    if finding.column in fixed:
        why = f", but a method was named for {finding.column!r}"
    if finding.computes:
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
        Rules.
    default : collection of str
        Conditionals whose family was not asked for and may be another one.

    Raises
    ------
    SpecError
        If a rule cannot be read, names a column that is not modelled, or is contradicted by rows.
    """
    texts = tuple(dict.fromkeys(texts))
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
        return _of_numbers(rows, changed, left, default)
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


def _of_numbers(
    rows: Rows, conditional: Conditional, left: NDArray[np.bool_], default: bool
) -> Conditional:
    """Choose how a numeric column is kept to the bounds of its open rows.

    A few whole numbers are levels, of which those within the bounds are possible; what lies near a
    lower bound is modelled by its distance from it, and what lies between 0 and a bound far above
    by its share; all others are normal, truncated to the bounds of each row.
    """
    limits = Limits.of(rows, replace(conditional, family=BOUNDED))
    assert limits is not None
    low, high = (ends[left] for ends in replace(limits, ended=False).bounds(rows))
    if not (np.isfinite(low).any() or np.isfinite(high).any()):
        return conditional
    least, most = (ends[left] for ends in limits.bounds(rows))
    if not default:
        if conditional.family in (BOUNDED, RESTRICTED):
            return conditional
        raise SpecError(
            f"column {conditional.target!r}: family {conditional.family!r} gives values beyond "
            f"the bounds that its rules leave ({'; '.join(conditional.rules)}) some probability; "
            "use family 'bounded' (normal, truncated to the bounds of each row), or no method"
        )
    values, kind = rows.arrays[conditional.column][left], rows.schema[conditional.column].kind
    numbers = numbers_of(rows.arrays[conditional.column])
    if kind is not Kind.DATE and 2 < len(numbers) <= MOST_VALUES and np.all(numbers % 1 == 0):
        note = f"{conditional.note}; the numbers within its bounds are levels"
        return _plain(conditional, RESTRICTED, "levels", note)
    known = ~np.any([np.isnan(rows.arrays[name][left]) for name in limits.columns], axis=0)
    decimals = rows.schema[conditional.column].decimals
    unit = 0.0 if decimals is None else 10.0**-decimals
    if _near(values, low, most, known, unit) or _far_apart(rows, conditional, values, least, most):
        note = f"{conditional.note}; its distance from the bound is modelled"
        return replace(conditional, note=note)
    note = f"{conditional.note}; normal, truncated to the bounds of each row"
    return _plain(conditional, BOUNDED, "natural", note)


def _plain(conditional: Conditional, family: str, scale: str, note: str) -> Conditional:
    """Return a conditional of another family, without what was chosen for the one before."""
    return replace(
        conditional,
        family=family,
        scale=scale,
        note=note,
        prior="",
        scales={},
        options={},
        spread=(),
        splines=0,
        interactions=(),
    )


def _near(values: Floats, low: Floats, high: Floats, known: NDArray[np.bool_], unit: float) -> bool:
    """Whether rows lie at a lower bound, as if the column were the bound and what comes on top.

    A bound may be missing only where another column of its rule is.
    """
    there = np.isfinite(low)
    if np.isfinite(high).any() or there.mean() < MOST_WITHOUT or not there[known].all():
        return False
    distance = (values - low)[there]
    return float(np.mean(distance <= max(CLOSE_BY * distance.std(), 1.5 * unit))) >= SOME


def _far_apart(
    rows: Rows, conditional: Conditional, values: Floats, low: Floats, high: Floats
) -> bool:
    """Whether the values between two bounds can be seen as shares of the way.

    Bounds must be many units of rounding apart, and values must come near the upper one whether it
    is near or far: amounts spent of incomes, not temperatures below a limit.
    """
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return False
    decimals = rows.schema[conditional.column].decimals
    unit = 0.0 if decimals is None else 10.0**-decimals
    width = high - low
    if float(np.quantile(width, 0.05)) < UNITS * unit:
        return False
    share, order = (values - low) / width, np.argsort(width)
    return all(np.quantile(share[part], 0.9) >= FAR_ENOUGH for part in np.array_split(order, 3))


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
