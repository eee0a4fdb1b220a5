"""An analyst's model on copies and on the original: what is run, and how the copies were made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from numbers import Integral
from typing import TYPE_CHECKING, Any

import pandas as pd

from posynth.arguments import mapping
from posynth.chain.formula import read_formula, split_formula
from posynth.copies.container import Copies
from posynth.copies.distinct import require_distinct
from posynth.errors import MeasureError, SpecError, in_short
from posynth.evaluation.base import Provenance, drawn_by_row
from posynth.material import provenance
from posynth.progress import Progress, silent
from posynth.table.typed import as_given

if TYPE_CHECKING:
    from posynth.evaluation.inference import Agreement, Estimate, Pooled, Rule
    from posynth.table.schema import Schema

type Shifts = Mapping[str, float]
type Analysis = Callable[[pd.DataFrame], Any]


def analysis_of(  # noqa: PLR0913 - a model, and how its holes are imputed
    copies: Copies,
    model: str | Analysis,
    formula: str = "",
    *,
    impute: int = 0,
    delta: Shifts | None = None,
    selection: Shifts | None = None,
    progress: Progress = silent,
    tables: int | None = None,
    **options: Any,
) -> Analysis:
    """Return the analysis to run on every copy, with imputation inside it where that is wanted."""
    for name, shifts in (("delta", delta), ("selection", selection)):
        mapping(name, {} if shifts is None else shifts, "{'income': -500}")
    analysis = _plain_analysis(copies, model, formula, **options)
    _check_number(impute)
    if not impute:
        if delta or selection:
            raise MeasureError(
                "delta and selection are about imputed values, and nothing is imputed; ask for "
                "it: impute=5 in Python, --impute 5 at the command line"
            )
        return analysis
    from posynth.evaluation.inference.departure import Departure
    from posynth.evaluation.inference.impute import imputing

    return imputing(
        analysis,
        copies.posterior,
        named(copies.schema, formula, **options),
        impute,
        copies.seed_of_draws,
        departure=Departure(delta or {}, selection or {}),
        progress=progress,
        tables=len(copies) if tables is None else tables,
    )


def _check_number(impute: Any) -> None:
    """Refuse what is no number of imputations."""
    if isinstance(impute, bool) or not isinstance(impute, Integral) or impute < 0:
        raise MeasureError(
            f"impute = {in_short(impute)}: give a whole number of imputations a copy, as impute=5, "
            "or 0 to leave rows with missing values out of each fit"
        )


def how_made(
    copies: Copies,
    formula: str = "",
    *,
    impute: int = 0,
    delta: Shifts | None = None,
    selection: Shifts | None = None,
    **options: Any,
) -> Provenance:
    """Tell how the copies were made, as far as the columns of a model are concerned.

    Whether their values are missing is read from the copies, not from the source: whoever has
    the copies only must come to the same rule.
    """
    if formula is not None and not isinstance(formula, str):
        shown = in_short(formula)
        raise MeasureError(f"formula = {shown}: give a text such as 'income ~ sex + age'")
    used = list(named(copies.schema, formula, **options))
    made = _about(provenance(copies, used), copies, used, options)
    response = _of_response(copies.schema, formula)
    made = _with_kept_spread(made, response, options)
    made = replace(made, apart=_apart(copies, response, options))
    reads_missing = any(frame[used].isna().to_numpy().any() for frame in copies.frames)
    if made.missing == "pattern" and made.nests == 1 and not reads_missing:
        return replace(made, missing="none")
    holed = (
        () if formula else tuple(n for n in used if any(f[n].isna().any() for f in copies.frames))
    )
    return replace(made, imputed=impute, holed=holed)


def with_remarks(pooled: "Pooled", copies: Copies) -> "Pooled":
    """Add to the notes what had to be inferred or assumed of the copies."""
    return replace(pooled, notes=(*pooled.notes, *copies.remarks))


def _about(
    made: Provenance, copies: Copies, columns: Sequence[str], options: Mapping[str, Any]
) -> Provenance:
    """Keep what concerns the columns of an analysis, and count the groups that it names.

    Whoever has the copies only knows the numbers of groups that their manifest tells him.
    """
    schema = copies.schema
    asked = [options.get(key) for key in ("groups", "cluster")] if copies.has_posterior else []
    counts = {
        name: len(schema[name].levels)
        for name in asked
        if isinstance(name, str) and name in schema and schema[name].kind.is_categorical
    }
    return replace(
        made,
        groups={**made.groups, **counts},
        tightened=tuple(name for name in made.tightened if name in columns),
        stated_priors=tuple(name for name in made.stated_priors if name in columns),
        simplified={name: said for name, said in made.simplified.items() if name in columns},
        kept_groups=tuple(name for name in made.kept_groups if name in columns),
        grouped={name: of for name, of in made.grouped.items() if name in columns},
    )


def _with_kept_spread(
    made: Provenance, response: Sequence[str], options: Mapping[str, Any]
) -> Provenance:
    """Count a response among the columns with the group effects of the source, if it has them.

    Groups of an analysis are drawn anew only where the conditional of its response says so; with
    the column of groups as a predictor, it has the effects of the source.
    """
    asked = [each for key in ("groups", "cluster") if isinstance(each := options.get(key), str)]
    kept = [name for name in response for of in filter(None, asked) if made.grouped.get(name) != of]
    return replace(made, kept_groups=tuple(dict.fromkeys((*made.kept_groups, *kept))))


def _apart(copies: Copies, response: Sequence[str], options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns of a response that the chain does not relate to the groups.

    Of the ids of a repeated identifier, which are in no chain, the manifest tells.
    """
    asked = [each for key in ("groups", "cluster") if isinstance(each := options.get(key), str)]
    by_row = drawn_by_row(copies.manifest()) if asked else {}
    rows = {name for of in asked for name in by_row.get(of, ())}
    named_apart = tuple(name for name in response if name in rows)
    if named_apart or not copies.has_posterior:
        return named_apart
    spec = copies.posterior.spec
    asked = [each for key in ("groups", "cluster") if (each := options.get(key)) in spec.targets]
    return tuple(
        name
        for name in response
        for of in asked
        if name in spec.targets and of not in spec.given(name) and name not in spec.given(of)
    )


def _of_response(schema: "Schema", formula: str) -> tuple[str, ...]:
    """Return the columns of the left side; none of an analysis of one's own or a wrong formula."""
    try:
        return read_formula(split_formula(formula)[0], schema.names).columns if formula else ()
    except SpecError:
        return ()


def named(schema: "Schema", formula: str, **options: Any) -> tuple[str, ...]:
    """Return the columns that a formula or an option names; all for an analysis of one's own.

    Of a formula that cannot be read every column counts: fitting it says what is wrong.
    """
    if not formula:
        return schema.names
    try:
        left, right = split_formula(formula)
        modelled = tuple(c.name for c in schema if c.kind.is_modelled)
        read = read_formula(right, schema.names, dot=modelled, offset=True).columns
        read += read_formula(left, schema.names).columns
        random = split_formula(str(options.get("re_formula", "")))[1]
        read += read_formula(random, schema.names).columns if random else ()
    except SpecError:
        return schema.names
    given = [value for value in options.values() if isinstance(value, str)]
    return tuple(name for name in schema.names if name in (*read, *given))


def _plain_analysis(
    copies: Copies, model: str | Analysis, formula: str = "", **options: Any
) -> Analysis:
    if not isinstance(model, str):
        if formula or options:
            raise MeasureError("an analysis of your own takes no formula and no model options")
        return _on_given(model, copies.schema)
    from posynth.evaluation.inference import fit_statsmodels
    from posynth.evaluation.inference.basis import Basis

    if not isinstance(formula, str) or "~" not in formula:
        raise MeasureError(
            f"formula {formula!r}: model {model!r} needs one such as 'income ~ sex + age'"
        )
    # One coding for all copies: their coefficients are of the same columns and levels.
    basis = Basis(copies.frames, copies.schema.rows)
    return fit_statsmodels(formula, model, schema=copies.schema, basis=basis, **options)


def _on_given(analysis: Analysis, schema: "Schema") -> Analysis:
    """Let an analysis of one's own see categories in the types of the source."""
    if not any(column.category_type for column in schema):
        return analysis

    @wraps(analysis)
    def on_given(frame: pd.DataFrame) -> Any:
        return analysis(as_given(schema, frame))

    return on_given


def fits(
    copies: Copies, analysis: Analysis, made: Provenance | None = None, rule: "str | Rule" = "auto"
) -> "tuple[Estimate, ...]":
    """Run an analysis on every copy; refuse two that are the same, and what no rule can pool.

    Copies that no rule can pool are refused before any fit: what the fit would say of a column
    without noise (constant, or fitted perfectly) is not the reason.
    """
    require_distinct(copies.frames)
    from posynth.evaluation.inference import fit_copies
    from posynth.evaluation.inference.choose import choose

    if made is not None:
        choose(made, rule)
    return fit_copies(analysis, copies.frames)


def laid_beside(
    estimates: "Sequence[Estimate]",
    frame: pd.DataFrame,
    analysis: Analysis,
    made: Provenance,
    rule: "str | Rule" = "auto",
    level: float = 0.95,
) -> "Agreement":
    """Compare estimates of the copies with the same analysis of the original rows."""
    from posynth.evaluation.inference import compare_fits, fit_copies

    try:
        (own,) = fit_copies(analysis, [frame])
    except MeasureError as error:
        raise MeasureError(str(error).replace("copy 1", "the original table", 1)) from None
    return compare_fits(estimates, own, made, level=level, rule=rule)
