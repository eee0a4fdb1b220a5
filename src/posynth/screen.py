"""What the command line shows: progress on a terminal, and tables of what was done."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posynth.errors import printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from posynth.copies.failed import FailedConditional
    from posynth.posterior.bound import Chain
    from posynth.table.frame import Table
    from posynth.table.schema import Schema

#: Diagnostic -> column of its limit, relation that holds if it passed, digits.
_LIMITS = {
    "k-hat": ("k_hat_limit", "<", 1),
    "R-hat": ("r_hat_limit", "<=", 2),
    "shift": ("shift_limit", "<", 1),
    "ESS": ("ess_needed", ">=", 0),
    "tail ESS": ("ess_tail_needed", ">=", 0),
}


def console(stderr: bool = False) -> "Console":
    """Return a console; text that goes to a file is not folded at 80 columns."""
    from rich.console import Console

    found = Console(stderr=stderr, emoji=False)
    return found if found.is_terminal else Console(stderr=stderr, emoji=False, width=120)


def plain(text: str) -> str:
    """Return text in which square brackets are no markup and control characters are written out."""
    from rich.markup import escape

    return escape(printable(text))


def print_schema(console: "Console", table: "Table") -> None:
    """Print what each column is, every guess explained."""
    from posynth.table.bounds import bounds_text

    grid = _grid(f"{table.source.name or 'table'}: {table.schema.rows} rows")
    for name, justify in (
        ("column", "left"), ("kind", "left"), ("levels", "right"), ("missing", "right"),
        ("bounds", "left"),
    ):  # fmt: skip
        grid.add_column(name, justify=justify, no_wrap=name == "kind")
    grid.add_column("why", overflow="fold")
    for c in table.schema:
        levels = str(len(c.levels)) if c.levels else ""
        grid.add_row(
            plain(c.name), c.kind.value, levels, str(c.missing or ""), bounds_text(c), plain(c.note)
        )
    console.print(grid)
    for note in table.notes:
        console.print(f"note: {plain(note)}")


def print_chain(console: "Console", chain: "Chain") -> None:
    """Print the conditionals in visit order."""
    grid = _grid(f"chain, missing = {chain.spec.missing!r}")
    for name in ("conditional", "given", "family", "why"):
        grid.add_column(name, overflow="fold")
    for c in chain.spec:
        predictors = chain.spec.predictors(c.target)
        rule = f"= {c.computed_by}" if c.computed else ""
        given = (
            rule
            or c.formula
            or (
                " + ".join(predictors)
                if len(predictors) < 5
                else f"{len(predictors)} earlier columns"
            )
        )
        grid.add_row(plain(c.target), plain(given or "1"), plain(c.label), plain(c.note))
    console.print(grid)
    print_rules(console, chain)
    for note in chain.rare:
        console.print(f"note: {plain(note)}")


def print_rules(console: "Console", chain: "Chain") -> None:
    """Print the rules that hold in every row of a copy, and those that are only likely."""
    kept = [(c.column, text) for c in chain.spec for text in c.rules]
    if kept:
        grid = _grid("rules kept in every row; --no-rule 'RULE' leaves one out that was not stated")
        for name in ("column", "rule"):
            grid.add_column(name, overflow="fold")
        for column, text in kept:
            grid.add_row(plain(column), plain(text))
        console.print(grid)
    if chain.proposed:
        console.print("rules that are likely, and not kept:")
    for text in chain.proposed:
        console.print(f"  {plain(text)}")


def print_methods(console: "Console", rows: "Iterable[Mapping[str, str]]") -> None:
    """Print one row a method of mice or synthpop: what stands for it, and whether it is proper."""
    grid = _grid("methods of mice and synthpop")
    for name in ("method", "package", "family", "proper"):
        grid.add_column(name, overflow="fold")
    grid.add_column("why", overflow="fold", ratio=1)
    for row in rows:
        asked = f"; needs {row['needs']}" if row["needs"] else ""
        texts = (row[name] for name in ("method", "package", "family", "proper"))
        grid.add_row(*map(plain, texts), plain(row["why"] + asked))
    console.print(grid)


def print_diagnostics(console: "Console", table: "pd.DataFrame") -> None:
    """Print one row a conditional: engine, every diagnostic beside its limit, passed or not.

    Limits that are the same for all conditionals stand below the name of their column. ``shift`` is
    how far the mean of one chain may be from that of the others, in posterior standard deviations.
    """
    grid = _grid("diagnostics")
    grid.collapse_padding = True  # thirteen columns are to fit beside each other
    for name in ("conditional", "family", "engine"):
        grid.add_column(name, overflow="fold")
    for name in ("n", "params", *_LIMITS, "div.", "sec."):
        grid.add_column(name + _limit(table, name), justify="right")
    grid.add_column("passed")
    for row in table.itertuples():
        grid.add_row(
            *(plain(str(v)) for v in (row.target, row.family, row.engine)),
            *(str(v) for v in (row.n, row.parameters)),
            *(_number(row.k_hat, 2), _number(row.r_hat, 3), _number(row.shift, 2)),
            *(_number(row.ess, 0), _number(row.ess_tail, 0)),
            *(str(row.divergences), _number(row.seconds, 2)),
            "[green]yes[/green]" if row.passed else "[red]no[/red]",
        )
    console.print(grid)
    for row in table[~table["passed"]].itertuples():
        told, why = str(row.reasons), str(row.why)
        text = plain(told + (f" (engine: {why})" if why else ""))
        console.print(f"[red]{plain(str(row.target))} did not pass[/red]: {text}")


def print_failed(console: "Console", failed: "Sequence[FailedConditional]", allowed: bool) -> None:
    """Print which conditionals did not pass, why, and what to do; nothing if all passed."""
    if not failed:
        return
    many = len(failed) > 1
    accepted = "accepted by --allow-failed" if allowed else "exit code 3; --allow-failed accepts"
    head = f"{len(failed)} conditional{'s' * many} did not pass the diagnostics ({accepted}):"
    console.print(f"[red]{head}[/red]", highlight=False)
    for each in failed:
        console.print(f"  {plain(str(each))}", highlight=False)
    for remedy in dict.fromkeys(each.remedy for each in failed):
        console.print(f"  next: {plain(remedy)}", highlight=False)


def _limit(table: "pd.DataFrame", name: str) -> str:
    """Return a limit to stand beside the name of its diagnostic; nothing where it varies."""
    column, sign, digits = _LIMITS.get(name, ("", "", 0))
    limits = set(table[column].dropna()) if column else set()
    if name == "div.":
        return "\n= 0"
    return f"\n{sign} {limits.pop():.{digits}f}" if len(limits) == 1 else ""


def print_text_orders(console: "Console", schema: "Schema") -> None:
    """Say of ordinal columns whose order nobody gave which order their levels have."""
    from posynth.table.declare import in_text_order

    for column in filter(in_text_order, schema):
        levels = " < ".join(map(str, column.levels))
        console.print(
            f"[red]note: the levels of {plain(column.name)} stand in the order of their text, "
            f"{plain(levels)}; if that is not theirs, give it: "
            f"--kind '{plain(column.name)}=ordinal(low<mid<high)'[/red]"
        )


def print_unread_times(console: "Console", schema: "Schema") -> None:
    """Say of columns that seem to hold dates or times that they do not, and what to write."""
    from posynth.table.dates import UNTOLD, UNTOLD_CENTURY

    for column in schema:
        said = (UNTOLD, UNTOLD_CENTURY, "these look like")
        if any(each in column.note for each in said) and not column.kind.is_numeric:
            console.print(
                f"[red]note: {plain(column.name)} is read as text ({column.kind.value}): "
                f"{plain(column.note)}[/red]"
            )


def print_summary(console: "Console", manifest: "Mapping[str, Any]", folder: Path) -> None:
    """Print what was written and what a user of the copies must know."""
    kind = "proper: each took its own posterior draw" if manifest["proper"] else "NOT proper"
    place = plain(str(folder / "copies"))
    if manifest.get("improper"):
        kind += f": {plain(', '.join(manifest['improper']))}"
    console.print(f"{manifest['m']} copies of {manifest['k']} rows in {place} ({kind})")
    (streams,) = manifest["streams"]
    console.print(seed_line(streams["seed"], streams["given"]))
    for name, reason in manifest["filled"].items():
        if reason in ("identifier", "text"):
            console.print(
                f"note: {plain(name)} ({reason}) holds placeholders, no value of the source"
            )
    for name, said in manifest.get("simplified", {}).items():
        console.print(
            f"[red]note: {plain(name)}: a simpler conditional takes the place of one that was not "
            f"fitted: {plain(said)}[/red]"
        )
    for name in manifest.get("copies_values", ()):
        console.print(
            f"[red]note: {plain(name)} repeats values of the source, and the posterior holds "
            "them: both are confidential[/red]"
        )
    for note in _formulas(manifest):
        console.print(f"note: {plain(note)}")
    if manifest["missing"] != "none":
        console.print(f"note: {plain(manifest['missing_note'])}")


def _formulas(manifest: "Mapping[str, Any]") -> list[str]:
    """Name columns whose names or levels a spreadsheet takes for formulas."""
    from posynth.table.levels import FORMULA, formula_names

    columns = manifest.get("columns", ())
    texts = {c["name"]: [x for x in c.get("levels", ()) if isinstance(x, str)] for c in columns}
    held = ", ".join(name for name, levels in texts.items() if formula_names(levels))
    found = {"names of columns": formula_names(texts), "columns with levels": held}
    return [f"{what} that {FORMULA}: {names}" for what, names in found.items() if names]


def print_replaced(
    console: "Console", folder: Path, removed: "Sequence[str]", overwrite: bool
) -> None:
    """Tell what went with the run that was replaced, and what was left as it is not ours."""
    from posynth.copies.folder import PARTS

    if removed:
        names = plain(", ".join(removed))
        console.print(f"note: removed {names} from {plain(str(folder))}: about the run before")
    kept = sorted(path.name for path in folder.iterdir() if path.name not in PARTS)
    if overwrite and kept:
        console.print(f"note: left in {plain(str(folder))}: {plain(', '.join(kept))}")


def seed_line(seed: int, given: bool) -> str:
    """Tell the seed, which repeats the run, and who must not know it."""
    if given:
        return f"seed {seed} (given; one that can be guessed is not for copies to be released)"
    return (
        f"seed {seed} (drawn at random; --seed {seed} repeats this run; whoever knows it can test "
        "guesses at single rows: do not publish it)"
    )


def _number(value: Any, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _grid(title: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as Grid

    return Grid(title=plain(title), box=SIMPLE_HEAD, title_justify="left")
