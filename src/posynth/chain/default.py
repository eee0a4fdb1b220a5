"""The chain that is used where the user says nothing: one conditional a column, in table order."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from posynth.chain.slopes import FEW_CASES, few_cases_scale
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import SpecError, unknown
from posynth.table.schema import Column, Kind, Schema

#: Missing (or present) values without which an indicator has no predictors.
LEAST_CASES = 10

FAMILY_OF_KIND = {
    Kind.CONTINUOUS: "gaussian",
    Kind.COUNT: "gaussian",
    Kind.DATE: "gaussian",
    Kind.BINARY: "bernoulli",
    Kind.NOMINAL: "categorical",
    Kind.ORDINAL: "categorical",
}

#: From one predictor to this many rows on, slopes are shrunk towards 0.
ROWS_FOR_A_PREDICTOR = 5

#: Prior sd of all slopes of a number where there are two rows a predictor, or fewer: a priori they
#: explain half of the variance. From there on it rises to ``WEAK``, see ``slope_scale``.
#: Those of levels have the prior of ``few_cases_scale``.
#: With independent slopes of sd 2.5, p > n columns took synthetic values off the source's
#: subspace, each conditional amplified what came before it, and the sixtieth column of a table of
#: 40 rows had 700 times the spread of its source.
TOTAL_SLOPE = {"gaussian": 0.7}
#: Rows a predictor up to which it is so.
FEWEST_ROWS = 2
#: Prior sd of a slope where rows are enough.
WEAK = 2.5
#: What stands in a note before the number of predictors.
SHRUNK = "slopes shrunk: "
LEVELS = ("bernoulli", "categorical")
#: Kinds of which copies hold placeholders.
_FILLED = (Kind.IDENTIFIER, Kind.TEXT)


def default_chain(
    schema: Schema,
    order: Iterable[str] = (),
    methods: Mapping[str, str] | None = None,
    engine: str = "auto",
    missing: str = "pattern",
) -> ChainSpec:
    """Choose a conditional for every column that is modelled.

    Parameters
    ----------
    schema : Schema
        What each column is.
    order : iterable of str
        Columns to visit first, in this order; the others follow in table order.
    methods : Mapping, optional
        Column -> family, in place of the family of the column's kind.
    engine : str
        Engine of every conditional.
    missing : str
        Plan for missing values, ``"pattern"`` or ``"error"``.

    Returns
    -------
    ChainSpec
        The chain, every choice explained in a note.

    Raises
    ------
    SpecError
        If a column is unknown, named twice, or not modelled but given a method.
    """
    methods = dict(methods or {})
    for name in methods:
        if name not in schema:
            raise SpecError(f"method: {unknown('column', name, schema.names)}")
        if not schema[name].kind.is_modelled:
            raise SpecError(
                f"method for column {name!r}: it is filled in, not modelled "
                f"(kind {schema[name].kind.value!r}); declare another kind for it first"
            )
    links: list[Conditional] = []
    visited = visit_order(schema, order)
    for place, name in enumerate(visited):
        column = schema[name]
        if missing == "error" and column.kind in _FILLED:
            continue  # they are complete in copies, whatever they are here
        links += _links(column, visited[:place], methods.get(name), schema)
    return ChainSpec(tuple(_with_engine(link, engine) for link in links), missing)


def visit_order(schema: Schema, order: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the columns to visit: those asked for first, then the others in table order.

    Raises
    ------
    SpecError
        If a name is unknown or stands twice.

    Examples
    --------
    >>> schema = Schema((Column("a", Kind.COUNT, "int64"), Column("b", Kind.COUNT, "int64")), 10)
    >>> visit_order(schema, ["b"])
    ('b', 'a')
    """
    wanted = list(order)
    for name in wanted:
        if name not in schema:
            raise SpecError(f"order: {unknown('column', name, schema.names)}")
        if wanted.count(name) > 1:
            raise SpecError(f"order: column {name!r} is named {wanted.count(name)} times")
    rest = [name for name in schema.names if name not in wanted]
    return tuple(name for name in [*wanted, *rest] if _has_something_to_model(schema[name]))


def indicator_name(schema: Schema, column: str) -> str:
    """Return the name of a column's missingness indicator, one that no column has."""
    name = f"{column}_missing"
    while name in schema:
        name += "_"
    return name


def _has_something_to_model(column: Column) -> bool:
    constant = column.kind is Kind.CONSTANT and bool(column.levels)
    filled = column.kind in _FILLED and column.roster is None
    return column.kind.is_modelled or ((constant or filled) and column.missing > 0)


def _links(
    column: Column, earlier: tuple[str, ...], family: str | None, schema: Schema
) -> list[Conditional]:
    first = not earlier
    links = []
    if column.missing:
        links.append(_indicator(column, earlier, schema))
    if column.kind.is_modelled:
        marginal = first and column.kind.is_categorical
        chosen = family or ("dirichlet" if marginal else FAMILY_OF_KIND[column.kind])
        reason = "asked for" if family else f"default for {column.kind.value} columns"
        if marginal and not family:
            reason = f"marginal of the first column ({column.kind.value}): no predictors"
        link = Conditional(column.name, chosen, note=reason)
        links.append(shrunk(link, earlier, schema))
    return links


def shrunk(link: Conditional, predictors: tuple[str, ...], schema: Schema) -> Conditional:
    """Tighten the prior of slopes where predictors are many for the rows there are.

    Parameters
    ----------
    link : Conditional
        A conditional of the default chain.
    predictors : tuple of str
        Its predictors.
    schema : Schema
        Their levels, and the number of rows.
    """
    width = sum(max(len(schema[name].levels) - 1, 1) for name in predictors if name in schema)
    if width * ROWS_FOR_A_PREDICTOR <= schema.rows:
        return link
    note = f"{link.note}; {SHRUNK}{width} predictors for {schema.rows} rows"
    if link.family in TOTAL_SLOPE:
        return replace(link, scales={"slope": slope_scale(width, schema.rows)}, note=note)
    if link.family in LEVELS:
        scales = {"slope": few_cases_scale(width, schema.rows)}
        return replace(link, prior=FEW_CASES, scales=scales, note=f"{note}, log-F(2, 2)")
    return link


def slope_scale(width: int, rows: int) -> float:
    r"""Return the prior sd of slopes of a number where predictors are many for the rows.

    With r rows a predictor, from :math:`0.7 / \sqrt{width}` at r = 2 its logarithm rises in a
    straight line to that of 2.5 at r = 5.

    Examples
    --------
    >>> slope_scale(50, 40), slope_scale(31, 100), slope_scale(31, 154)
    (0.099, 0.4266, 2.4209)
    """
    least = TOTAL_SLOPE["gaussian"] / width**0.5
    way = (rows / width - FEWEST_ROWS) / (ROWS_FOR_A_PREDICTOR - FEWEST_ROWS)
    return float(round(least * (WEAK / least) ** min(max(way, 0.0), 1.0), 4))


def shrunk_anew(spec: ChainSpec, schema: Schema) -> ChainSpec:
    """Give default conditionals, whose predictors a user states, the prior that these ask for.

    Parameters
    ----------
    spec : ChainSpec
        With priors for all earlier columns as predictors.
    schema : Schema
        What each column is.
    """
    for conditional in spec:
        said = f"; {SHRUNK}"
        stated = bool(conditional.formula) or conditional.predictors is not None
        if not stated or said not in conditional.note or conditional.computed:
            continue
        about = {conditional.column, conditional.target}
        used = tuple(name for name in spec.given(conditional.target) if name not in about)
        begun, _, rest = conditional.note.partition(said)
        kept = rest.partition("; ")[2]
        plain = replace(conditional, prior="", scales={}, note=begun)
        changed = shrunk(plain, used, schema)
        if kept:
            changed = replace(changed, note=f"{changed.note}; {kept}")
        spec = spec.with_conditional(changed)
    return spec


def _indicator(column: Column, earlier: tuple[str, ...], schema: Schema) -> Conditional:
    """Model which values are missing by logistic regression, or by their rate where few are.

    Which predictors their number supports is settled where rows are looked at.
    """
    holes = f"{column.missing} of {schema.rows} values of {column.name!r} are missing; "
    rarer = min(column.missing, schema.rows - column.missing)
    name = indicator_name(schema, column.name)
    if rarer >= LEAST_CASES and earlier:
        note = f"{holes}the pattern is reproduced"
        family = "categorical" if column.missing_kinds else "bernoulli"
        return Conditional(name, family, indicates=column.name, note=note)
    note = f"{holes}the rate is reproduced: " + (
        f"{rarer} cases support no predictors" if earlier else "first column"
    )
    return Conditional(name, "dirichlet", (), indicates=column.name, note=note)


def _with_engine(link: Conditional, engine: str) -> Conditional:
    if engine == "auto":
        return link
    return Conditional(**{**vars(link), "engine": engine})
