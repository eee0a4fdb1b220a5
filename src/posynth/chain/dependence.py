"""What passive columns depend on: visit order, circles, and whether a chain can compute them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from posynth.chain.rule import read_rule
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import SpecError, unknown
from posynth.table.schema import Schema

#: Share of rows in which a rule need not hold where nothing is stated.
ALLOWED = 0.01


def in_order(visited: Sequence[str], rules: Mapping[str, str]) -> tuple[str, ...]:
    """Move passive columns behind the last of their sources.

    Parameters
    ----------
    visited : sequence of str
        Columns in visit order.
    rules : Mapping of str to str
        Passive column -> its rule.

    Raises
    ------
    SpecError
        If rules depend on each other in a circle, or a source is not modelled.

    Examples
    --------
    >>> in_order(["bmi", "height", "age", "weight"], {"bmi": "weight / height ** 2"})
    ('height', 'age', 'weight', 'bmi')
    """
    found = [name for name in visited if name not in rules]
    waiting = [name for name in visited if name in rules]
    while waiting:
        free = [n for n in waiting if set(read_rule(rules[n]).sources) <= set(found)]
        if not free:
            _refuse(waiting, rules, visited)
        name = free[0]
        last = max(found.index(source) for source in read_rule(rules[name]).sources)
        earlier = [n for n in visited[: visited.index(name)] if n in found]
        place = max([last, *(found.index(n) for n in earlier)]) + 1
        found.insert(place, name)
        waiting.remove(name)
    return tuple(found)


def _refuse(waiting: Sequence[str], rules: Mapping[str, str], visited: Sequence[str]) -> None:
    for name in waiting:
        for source in read_rule(rules[name]).sources:
            if source not in visited:
                raise SpecError(
                    f"column {name!r}, rule {rules[name]!r}: {unknown('source', source, visited)}"
                )
    path = [waiting[0]]
    while path[-1] not in path[:-1]:
        path.append(next(s for s in read_rule(rules[path[-1]]).sources if s in waiting))
    circle = path[path.index(path[-1]) :]
    raise SpecError(
        f"passive columns depend on each other in a circle: {' <- '.join(map(repr, circle))}; at "
        "least one of them must be modelled: drop its rule"
    )


def without_lost_products(spec: ChainSpec, schema: Schema) -> ChainSpec:
    """Leave out products with an indicator of missing values that predicts nothing here.

    A column that had missing values may be complete, or computed, in the table at hand now.

    Parameters
    ----------
    spec : ChainSpec
        A chain.
    schema : Schema
        What each column of the table is.
    """
    known = {*schema.names, *spec.predicting(schema).values()}
    gone = {*spec.indicators.values(), *(f"{name}_missing" for name in schema.names)} - known
    for link in spec:
        lost = [pair for pair in link.interactions if gone.intersection(pair)]
        if lost:
            kept = tuple(pair for pair in link.interactions if pair not in lost)
            said = ", ".join(map(":".join, lost))
            note = f"{link.note}; dropped: {said}, whose indicator predicts nothing here"
            spec = spec.with_conditional(replace(link, interactions=kept, note=note))
    return spec


def with_rules(
    spec: ChainSpec, rules: Mapping[str, str], violations: Mapping[str, float]
) -> ChainSpec:
    """Replace conditionals, and the indicators of their holes, by rules.

    Parameters
    ----------
    spec : ChainSpec
        A chain with a conditional for each of these columns.
    rules : Mapping of str to str
        Column -> its rule.
    violations : Mapping of str to float
        Column -> share of rows in which the rule need not hold, where it is stated.
    """
    gone = {spec.indicators[name] for name in rules if name in spec.indicators}
    links = []
    for link in spec:
        if link.target in gone:
            continue
        if link.target in rules:
            options = {"violations": violations[link.target]} if link.target in violations else {}
            rule = rules[link.target]
            links.append(Conditional(link.target, "passive", passive=rule, options=options))
        elif link.predictors is not None and gone & set(link.predictors):
            kept = tuple(name for name in link.predictors if name not in gone)
            links.append(replace(link, predictors=kept))
        else:
            links.append(link)
    return replace(spec, conditionals=tuple(links))


def check_passive(conditional: Conditional, spec: ChainSpec, schema: Schema) -> None:
    """Raise unless a passive conditional can be computed from what is visited before it."""
    rule, where = conditional.passive, f"column {conditional.column!r}"
    if not rule and conditional.rules:
        return  # what they leave open is known from the rows only
    if not rule:
        raise SpecError(
            f"{where}: family 'passive' needs its rule: passive = 'weight / (height / 100) ** 2' "
            "in the chain file, --passive COLUMN=RULE, passive={column: rule}"
        )
    if conditional.family != "passive":
        raise SpecError(
            f"{where} has a rule, {rule!r}, and family {conditional.family!r}; keep one of them"
        )
    given = ("predictors", "formula", "strata", "splines", "interactions", "indicates")
    for key in given:
        if getattr(conditional, key):
            raise SpecError(f"{where}: {key} together with the rule {rule!r}; keep one of them")
    if conditional.target in spec.indicators:
        raise SpecError(
            f"{where} is missing where a source of its rule {rule!r} is; remove the conditional "
            f"{spec.indicators[conditional.target]!r}"
        )
    earlier = spec.earlier(conditional.target)
    for name in read_rule(rule).sources:
        if name not in schema:
            raise SpecError(f"{where}, rule {rule!r}: {unknown('source', name, schema.names)}")
        if name == conditional.target or not schema[name].kind.is_modelled:
            what = "is the column itself" if name == conditional.target else "is not modelled"
            raise SpecError(f"{where}, rule {rule!r}: its source {name!r} {what}")
        if name not in earlier:
            raise SpecError(
                f"{where}, rule {rule!r}: its source {name!r} is not visited before it; visited "
                f"before: {', '.join(map(repr, earlier)) or 'nothing'}"
            )
    share = conditional.options.get("violations", ALLOWED)
    if isinstance(share, tuple) or not 0 <= share <= 1:
        raise SpecError(f"{where}: violations = {share}; it must be a share of rows, 0 to 1")


def sources(names: Iterable[str], spec: ChainSpec) -> tuple[str, ...]:
    """Return the columns that passive ones among ``names`` are computed from, however indirectly.

    Parameters
    ----------
    names : iterable of str
        Columns.
    spec : ChainSpec
        The chain that holds their rules.
    """
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name in spec.targets and spec[name].passive:
            read = read_rule(spec[name].passive).sources
            waiting += [source for source in read if source not in found]
            found |= dict.fromkeys(read)
    return tuple(found)
