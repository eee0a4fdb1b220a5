"""Is a high DiSCO news? Checks for target levels and key-target pairs everybody could guess."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure.attribution import attribute_tables
from posynth.evaluation.disclosure.averages import name_keys, over_copies, share
from posynth.evaluation.disclosure.cells import Cells, Exclusions, tabulate
from posynth.evaluation.disclosure.keys import Groups, Ints, code_column, default_keys
from posynth.results import Result
from posynth.table.names import Names, as_names

ONE_WAY = (
    "Percent of the records disclosed by DiSCO that hold the most frequent disclosed level of the "
    "target; flagged above {1} % with more than {0} records: then a guess without any keys does "
    "nearly as well, and excluding the level tells what remains. Not flagged is no proof of safety"
)
TWO_WAY = (
    "Number of pairs (key level, target level) that DiSCO discloses in cells of more than {0} "
    "records and that hold for more than {1} % of the original records with that key level: "
    "relations an outsider may know already. Not flagged is no proof of safety"
)


@dataclass(frozen=True)
class Limits:
    """When a check flags.

    Attributes
    ----------
    one_way : tuple of float
        Least number of records and percent of disclosed records (``thresh_1way``).
    two_way : tuple of float
        Least number of records in a cell and percent of the key level (``thresh_2way``).
    name_levels : bool
        Put the flagged levels into the details, which then are private: for the data holder's
        eyes, not for a public report.
    """

    one_way: tuple[float, float] = (50, 90)
    two_way: tuple[float, float] = (4, 80)
    name_levels: bool = False


def measure(
    comparison: Comparison,
    keys: Names | None = None,
    target: str = "",
    groups: Groups | None = None,
    exclude: Exclusions | None = None,
    limits: Limits | None = None,
) -> list[Result]:
    """Check whether DiSCO comes from one frequent target level or from well-known pairs.

    Parameters
    ----------
    comparison : Comparison
        The tables.
    keys : sequence of str, optional
        What an intruder knows; ``default_keys`` without the target if not given.
    target : str
        What the intruder wants to learn.
    groups : int or mapping of str to int, optional
        Quantile groups for numeric columns.
    exclude : Exclusions, optional
        Cells to leave out.
    limits : Limits, optional
        When to flag; synthpop's defaults (50, 90) and (4, 80) if not given.

    Returns
    -------
    list of Result
        ``check_1way`` and ``check_2way``; ``passed`` is False where flagged in any copy.

    References
    ----------
    Raab, Nowok and Dibben (2024), arXiv 2406.16826, section 4.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> columns = tuple(Column(name, Kind.BINARY, "str", ("a", "b")) for name in "xy")
    >>> schema = Schema(columns, rows=99)
    >>> table = pd.DataFrame({"x": ["a"] * 98 + ["b"], "y": ["a"] * 98 + ["b"]})
    >>> [(r.measure, r.passed) for r in measure(Comparison(table, (table,), schema), ["x"], "y")]
    [('check_1way', False), ('check_2way', False)]
    """
    chosen = default_keys(comparison, [target]) if keys is None else as_names(keys)
    rule = limits or Limits()
    tables = tabulate(comparison, chosen, target, groups, exclude)
    disclosed = [attribute_tables(cells)["DiSCO"] for cells in tables]
    pairs = list(zip(tables, disclosed, strict=True))
    one = [_one_way(cells, disco, rule) for cells, disco in pairs]
    two = [_two_way(cells, disco, rule, chosen) for cells, disco in pairs]
    subject = name_keys(chosen, target)
    results = [
        _result("check_1way", one, subject, ONE_WAY.format(*rule.one_way)),
        _result("check_2way", two, subject, TWO_WAY.format(*rule.two_way)),
    ]
    return _named(results, comparison, target, groups) if rule.name_levels else _bare(results)


def _one_way(cells: Cells, disco: Ints, limits: Limits) -> dict[str, Any]:
    by_level = np.bincount(cells.t, disco).astype(np.int64)
    top = int(by_level.argmax())
    percent = share(int(by_level[top]), int(disco.sum()))
    least, most = limits.one_way
    d = cells.left(cells.d)
    return {
        "value": percent,
        "flagged": bool(by_level[top] > least and percent > most),
        "records": int(by_level[top]),
        "percent_of_original": share(int(d[cells.t == top].sum()), int(d.sum())),
        "codes": [("", 0, top)],
    }


def _two_way(cells: Cells, disco: Ints, limits: Limits, keys: Sequence[str]) -> dict[str, Any]:
    least, most = limits.two_way
    large = disco > least
    codes, records = [], 0
    for name, part in zip(keys, cells.parts, strict=True):
        for level, t in sorted(
            set(zip(part[large].tolist(), cells.t[large].tolist(), strict=True))
        ):
            of_level = part == level
            of_pair = of_level & (cells.t == t)
            if share(int(cells.d[of_pair].sum()), int(cells.d[of_level].sum())) > most:
                codes.append((name, level, t))
                records += int(disco[of_pair & large].sum())
    return {"value": len(codes), "flagged": bool(codes), "records": records, "codes": codes}


def _result(measure: str, found: list[dict[str, Any]], subject: str, text: str) -> Result:
    names = [name for name in found[0] if name != "value"]
    details = {name: [each[name] for each in found] for name in names}
    result = over_copies(measure, [each["value"] for each in found], subject, text + ".", details)
    passed = not any(each["flagged"] for each in found)
    return Result(
        measure, result.value, subject, passed=passed, text=result.text, details=result.details
    )


def _bare(results: list[Result]) -> list[Result]:
    return [_with(result, codes=None) for result in results]


def _named(
    results: list[Result], comparison: Comparison, target: str, groups: Groups | None
) -> list[Result]:
    def level(name: str, code: int) -> Any:
        levels = code_column(comparison, name, groups).levels
        if levels is None:
            return f"group {code}"
        return "Missing" if code == 0 else levels[code - 1]

    named = []
    for result in results:
        pairs = [
            [(key, level(key, a) if key else "", level(target, t)) for key, a, t in codes]
            for codes in result.details["codes"]
        ]
        named.append(_with(result, codes=pairs))
    return named


def _with(result: Result, codes: list[Any] | None) -> Result:
    details = {name: value for name, value in result.details.items() if name != "codes"}
    if codes is not None:
        details |= {"levels": codes, "private": True}
    return Result(
        result.measure,
        result.value,
        result.subject,
        passed=result.passed,
        text=result.text,
        details=details,
    )
