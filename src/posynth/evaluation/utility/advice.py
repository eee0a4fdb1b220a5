"""What to change: misfit of margins and pairs, charged to the conditional that can remove it."""

from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.scale import LIMIT, fitting, limit_of
from posynth.results import Result

ADVICE = "advice"


def ranked(
    results: Iterable[Result], comparison: Comparison, measure: str = "S_pMSE"
) -> pd.DataFrame:
    """List the tables judged, the worst first.

    Parameters
    ----------
    results : iterable of Result
        Records of ``tables.measure``; others are passed over.
    comparison : Comparison
        Tells which scale fits the copies.
    measure : str
        Which standardised statistic.

    Returns
    -------
    pandas.DataFrame
        Columns subject, ways, S_plugin, S_proper, S (the one that fits the copies), df, flagged;
        sorted by S.
    """
    rows = []
    for result in results:
        if result.measure == measure and result.subject:
            plugin, proper = result.details["S_plugin"], result.details["S_proper"]
            rows.append(
                {
                    "subject": result.subject,
                    "ways": len(_columns(result.subject, comparison)),
                    "S_plugin": plugin,
                    "S_proper": proper,
                    "S": fitting(plugin, proper, comparison),
                    "df": result.details["df"],
                    "flagged": result.passed is False,
                }
            )
    names = ["subject", "ways", "S_plugin", "S_proper", "S", "df", "flagged"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.sort_values("S", ascending=False, ignore_index=True)


def advise(
    results: Iterable[Result],
    comparison: Comparison,
    order: Sequence[str] | None = None,
    limit: float = LIMIT,
) -> list[Result]:
    """Say which conditional to change first, and how.

    In a chain the distribution of a column given earlier ones is set by its own conditional.
    Misfit of a margin is charged to that column; misfit of an association to the later of the
    two. A column whose margin is off needs another family or transformation, one charged by
    associations needs other terms.

    Parameters
    ----------
    results : iterable of Result
        Records of one-way and two-way ``tables.measure`` (``S_pMSE``).
    comparison : Comparison
        The original and its copies.
    order : sequence of str, optional
        Visit order of the chain; by default that of the schema.
    limit : float
        S above which something counts, on the scale that fits the copies, where that is more than
        chance gives among so many tables.

    Returns
    -------
    list of Result
        One ``"advice"`` record a column at fault, worst first; value is the sum of what S exceeds
        the limit by. One record that says so if nothing does.

    Notes
    -----
    Misfit of the association is what the pair has beyond its margins, by the usual partition of
    chi-squared: S = (VW_ab - VW_a - VW_b) / (df_ab - df_a - df_b). The partition is approximate for
    VW, so it ranks faults and is not reported as a measure. It is charged only where the pair is
    above its own limit, so that advice and verdict are one judgement.
    """
    visit = list(order) if order is not None else list(comparison.schema.names)
    table = ranked(results, comparison)
    faults: dict[str, dict[str, float]] = {}
    for partners, name, score, df in _charges(table, comparison, visit):
        chance = limit_of(df, len(comparison.copies), len(table))
        if score > max(limit, chance) and name not in comparison.provenance.unsynthesised:
            faults.setdefault(name, {})[partners] = score
    if not faults:
        return [_nothing(limit, len(table))]
    totals = {name: sum(s - limit for s in scores.values()) for name, scores in faults.items()}
    worst = sorted(faults, key=lambda name: -totals[name])
    return [_sentence(name, faults[name], totals[name], limit) for name in worst]


def _charges(
    table: pd.DataFrame, comparison: Comparison, visit: list[str]
) -> Iterator[tuple[str, str, float, float]]:
    """Yield (earlier column or "", column charged, S, df) of margins and pairs above the limit."""
    chi = dict(zip(table["subject"], table["S"] * table["df"], strict=True))
    df = dict(zip(table["subject"], table["df"], strict=True))
    for subject in table.loc[table["flagged"], "subject"]:
        names = sorted(_columns(subject, comparison), key=visit.index)
        margins = [name for name in names if len(names) > 1 and name in chi]
        rest = df[subject] - sum(df[name] for name in margins)
        misfit = chi[subject] - sum(chi[name] for name in margins)
        yield ":".join(names[:-1]), names[-1], misfit / rest if rest > 0 else 0.0, rest


def _columns(subject: str, comparison: Comparison) -> list[str]:
    """Split a subject at its colons into names of the schema; names may hold colons themselves."""
    if subject in comparison.schema:
        return [subject]
    for cut in [i for i, letter in enumerate(subject) if letter == ":"]:
        if subject[:cut] in comparison.schema:
            rest = _columns(subject[cut + 1 :], comparison)
            if rest:
                return [subject[:cut], *rest]
    return []


def _nothing(limit: float, tables: int) -> Result:
    text = (
        f"No margin or association of {tables} tables has S above {limit:g} and beyond chance: no "
        "conditional asks for a change."
        if tables
        else "No table was judged, so there is no advice: run the one-way and two-way tables."
    )
    return Result(ADVICE, 0.0, passed=True if tables else None, text=text)


def _sentence(name: str, pairs: dict[str, float], total: float, limit: float) -> Result:
    """Word the advice for one column; ``pairs`` holds S by earlier column, the margin under ""."""
    margin = pairs.get("")
    others = sorted((key for key in pairs if key), key=lambda key: -pairs[key])
    listed = ", ".join(f"{key!r} ({pairs[key]:.1f})" for key in others[:3])
    if len(others) > 3:
        listed += f" and {len(others) - 3} more"
    parts = []
    if margin is not None:
        parts.append(
            f"Change the family or transformation of {name!r}: its own distribution is off "
            f"(S {margin:.1f}, wanted at most {limit:g})."
        )
    if others:
        parts.append(
            f"In the conditional of {name!r} add a term, a spline or an interaction, or let the "
            f"spread depend on earlier columns: the associations with {listed} are off (S)."
        )
    details = {"margin": margin, "pairs": {key: pairs[key] for key in others}}
    return Result(ADVICE, total, name, passed=False, text=" ".join(parts), details=details)
