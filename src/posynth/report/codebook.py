"""The codebook that goes with copies: what each column is, as the copies show it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from posynth.copies.codebook import Codebook
from posynth.copies.failed import FailedConditional, concerning
from posynth.copies.manifest import public_chain
from posynth.posterior.record import Posterior
from posynth.table import dates
from posynth.table.codec import encode
from posynth.table.grid import grid_text
from posynth.table.render import label_text
from posynth.table.schema import Column, Kind

FIELDS = (
    "column",
    "kind",
    "levels",
    "lowest",
    "highest",
    "decimals",
    "grid",
    "missing",
    "modelled",
)
SHOWN_LEVELS = 20
HEADS = ("column", "kind", "values in the copies", "decimals", "missing", "how it was made")
FILLED = {
    Kind.CONSTANT: "filled in: one value",
    Kind.IDENTIFIER: "placeholders that number the rows",
    Kind.TEXT: "placeholders that number the rows",
}


def codebook_rows(
    codebook: Codebook,
    posterior: Posterior,
    frames: Sequence[pd.DataFrame],
    failed: Sequence[FailedConditional] = (),
) -> list[dict[str, str]]:
    """Describe the columns of copies.

    Levels, ranges and shares of missing values are those of the copies: nothing here is computed
    from the source but what the copies show anyway.

    Parameters
    ----------
    codebook : Codebook
        The public description.
    posterior : Posterior
        How columns were modelled.
    frames : sequence of pandas.DataFrame
        The copies.
    failed : sequence of FailedConditional
        Conditionals that did not pass their diagnostics: columns that depend on one say so.

    Returns
    -------
    list of dict of str
        One a column, with the keys of ``FIELDS``.
    """
    decimal, chain = codebook.source.decimal, public_chain(posterior)
    return [
        {
            "column": column.name,
            "kind": column.kind.value,
            "levels": "; ".join(label_text(column, level, decimal) for level in column.levels),
            **_range(column, frames),
            "decimals": "" if column.decimals is None else str(column.decimals),
            "grid": grid_text(column.grid, dates=column.kind is Kind.DATE),
            "missing": f"{np.mean([frame[column.name].isna().mean() for frame in frames]):.3f}",
            "modelled": _modelled(column, posterior, chain) + _doubts(column, failed),
        }
        for column in codebook.schema
    ]


def _range(column: Column, frames: Sequence[pd.DataFrame]) -> dict[str, str]:
    if not column.kind.is_numeric:
        return {"lowest": "", "highest": ""}
    values = np.concatenate([encode(column, frame[column.name]) for frame in frames])
    values = values[~np.isnan(values)]
    ends = (values.min(), values.max()) if len(values) else ()
    texts = [_text(column, float(end)) for end in ends] or ["", ""]
    return {"lowest": texts[0], "highest": texts[1]}


def _text(column: Column, value: float) -> str:
    if column.kind is Kind.DATE:
        times = dates.from_days(np.array([value]), column.date_format)
        return str(dates.to_text(times, column.date_format or dates.format_of(times))[0])
    return f"{value:.6g}" if column.decimals is None else f"{value:.{column.decimals}f}"


def _modelled(column: Column, posterior: Posterior, chain: Mapping[str, Mapping[str, str]]) -> str:
    was = posterior.schema[column.name]
    if not was.kind.is_modelled:
        return FILLED[was.kind]
    conditional = posterior.spec[column.name]
    if conditional.computed:
        return f"computed: {conditional.computed_by}"
    return chain[column.name]["family"]


def _doubts(column: Column, failed: Sequence[FailedConditional]) -> str:
    """Say which conditionals that did not pass a column depends on."""
    names = [repr(each.target) for each in concerning(failed, [column.name])]
    return f"; depends on {', '.join(names)}, which did not pass its diagnostics" if names else ""


def as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """Return the codebook as CSV, one line a column."""
    return pd.DataFrame(rows, columns=list(FIELDS)).to_csv(index=False)


def as_markdown(rows: Sequence[Mapping[str, str]], facts: Mapping[str, Any]) -> str:
    """Return the codebook as a Markdown table.

    Parameters
    ----------
    rows : sequence of Mapping
        What ``codebook_rows`` returned.
    facts : Mapping
        The public manifest.
    """
    lines = [
        "# Codebook",
        "",
        f"{facts['m']} synthetic {'copy' if facts['m'] == 1 else 'copies'} of {facts['k']} rows, "
        f"made from {facts['n']} confidential rows. Levels, ranges and shares of missing values "
        "are those of the copies, not of the source.",
        "",
        _line(HEADS),
        _line(["---"] * len(HEADS)),
    ]
    for row in rows:
        values = row["levels"].split("; ") if row["levels"] else []
        shown = ", ".join(values[:SHOWN_LEVELS])
        if len(values) > SHOWN_LEVELS:
            shown += f" and {len(values) - SHOWN_LEVELS} more (codebook.csv)"
        if row["lowest"]:
            shown = f"{row['lowest']} to {row['highest']}"
        share = f"{float(row['missing']):.1%}" if float(row["missing"]) else "none"
        decimals = "; ".join(filter(None, (row["decimals"], row["grid"])))
        cells = (row["column"], row["kind"], shown, decimals, share, row["modelled"])
        lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    safe = (" ".join(cell.split()).replace("|", "\\|").replace("<", "&lt;") for cell in cells)
    return f"| {' | '.join(safe)} |"
