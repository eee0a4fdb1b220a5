"""What the verbs on copies print: the report's tables on a terminal, and files of results."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posynth.copies.manifest import public_manifest
from posynth.copies.output import write_text
from posynth.report.grid import Grid
from posynth.results import Result, to_frame
from posynth.screen import plain

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console


#: Characters that a column of names keeps, however long the numbers beside it are.
LEAST_WIDTH = 12
#: First entry of a file of results that were computed from the source.
CONFIDENTIAL = "for the data holder: computed from the confidential rows, not to be published"


def print_grid(console: "Console", grid: Grid) -> None:
    """Print one table, rows outside their limit in red, with its note below."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    console.print(f"[bold]{plain(grid.caption)}[/bold]", highlight=False)
    table = Table(box=SIMPLE_HEAD)
    for place, head in enumerate(grid.heads):
        if place < grid.texts:
            longest = max((len(row[place]) for row in grid.rows), default=0)
            table.add_column(plain(head), overflow="fold", min_width=min(longest, LEAST_WIDTH))
        else:
            table.add_column(plain(head), justify="right", no_wrap=True)
    for place, row in enumerate(grid.rows):
        table.add_row(*map(plain, row), style="red" if place in grid.flagged else None)
    console.print(table)
    if grid.note:
        console.print(plain(grid.note), style="dim", highlight=False)
        console.print()


def print_advice(console: "Console", results: Sequence[Result], shown: int = 5) -> None:
    """Print what to change, the worst first."""
    advice = [r for r in results if r.measure == "advice"]
    console.print("[bold]advice[/bold]")
    for result in advice[:shown]:
        console.print(f"- {plain(result.text)}", highlight=False)
    if len(advice) > shown:
        console.print(f"- and {len(advice) - shown} more columns: see --json or the report")
    console.print()


def print_families(console: "Console", table: "pd.DataFrame") -> None:
    """Print the families, one row each; a single one in full, one line a fact."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    if len(table) == 1:
        row = table.iloc[0]
        facts = {"family": str(table.index[0]), **row, "proper": "yes" if row["proper"] else "no"}
        for key, value in facts.items():
            console.print(f"[bold]{key:>8}[/bold]  {plain(value or '-')}", highlight=False)
        return
    grid = Table(box=SIMPLE_HEAD)
    for name in ("family", "columns", "model", "options"):
        grid.add_column(name, overflow="fold", ratio=3 if name == "model" else None)
    for label, row in table.iterrows():
        mark = "" if row["proper"] else " (not proper)"
        texts = (str(label), row["columns"], row["model"] + mark, row["options"])
        grid.add_row(*map(plain, texts))
    console.print(grid)
    console.print("`posynth families NAME` shows one with its priors", style="dim")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write valid JSON: what is not a finite number becomes null."""
    text = json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_results(path: Path, results: Sequence[Result], confidential: bool) -> None:
    """Write one line a result, as CSV.

    Parameters
    ----------
    path : Path
        The file.
    results : sequence of Result
        The results.
    confidential : bool
        Whether the source was looked at: then each line says so, in a column ``confidential``, so
        that lines taken out of the file say it too.
    """
    mark = {"confidential": CONFIDENTIAL} if confidential else {}
    write_text(path, to_frame(results).assign(**mark).to_csv(index=False))


def trace(manifest: Mapping[str, Any], confidential: bool) -> dict[str, Any]:
    """Return what results can be traced to: version and sizes, never a seed.

    Parameters
    ----------
    manifest : Mapping
        The manifest of the copies.
    confidential : bool
        Whether the source was looked at. Such results are the data holder's, which their file
        says, and name the source and the hash of the chain. Others are as public as the copies.
    """
    keys = ("posynth", "n", "k", "m", "proper")
    known = {key: value for key, value in public_manifest(manifest).items() if key in keys}
    if not confidential:
        return known
    private = {key: manifest[key] for key in ("source", "spec_hash") if key in manifest}
    return {"confidential": CONFIDENTIAL, **known, **private}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_finite(each) for each in value]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        return _finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
