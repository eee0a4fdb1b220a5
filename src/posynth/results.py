"""The record every judgement returns: diagnostics, utility, disclosure and inference alike."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Result:
    """One judgement.

    Attributes
    ----------
    measure : str
        Name of the measure, as the literature has it (``"S_pMSE"``, ``"k-hat"``, ``"repU"``).
    value : float
        The number; NaN where the measure does not apply.
    subject : str
        What was judged: a column, a pair ``"a:b"``, a coefficient, or ``""`` for the whole table.
    interval : tuple of float, optional
        Lower and upper limit, where the measure has one.
    passed : bool, optional
        Whether the value is within the limit stated in ``text``; None where there is no limit.
    text : str
        One sentence for the reader: what the number means and, if it failed, the next step.
    details : Mapping
        Further numbers by name (counts, degrees of freedom, raw values, per-copy values).
    """

    measure: str
    value: float
    subject: str = ""
    interval: tuple[float, float] | None = None
    passed: bool | None = None
    text: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as a plain dictionary (JSON-ready when its details are)."""
        return asdict(self)


def to_frame(results: Iterable[Result], details: Iterable[str] = ()) -> pd.DataFrame:
    """Put results into a table, one row a result.

    Parameters
    ----------
    results : iterable of Result
        The records.
    details : iterable of str
        Names of details to show as well; a result that lacks one gets NaN there.

    Returns
    -------
    pandas.DataFrame
        Columns measure, subject, value, the details asked for, lower, upper, passed, text.

    Examples
    --------
    >>> to_frame([Result("repU", 0.5, subject="age:sex")])[["measure", "value"]].values.tolist()
    [['repU', 0.5]]
    >>> to_frame([Result("FT", 2.0, details={"df": 4})], ["df"])["df"].tolist()
    [4]
    """
    wanted = list(details)
    rows = [
        {
            "measure": r.measure,
            "subject": r.subject,
            "value": r.value,
            **{name: r.details.get(name, float("nan")) for name in wanted},
            "lower": r.interval[0] if r.interval else float("nan"),
            "upper": r.interval[1] if r.interval else float("nan"),
            "passed": r.passed,
            "text": r.text,
        }
        for r in results
    ]
    columns = ["measure", "subject", "value", *wanted, "lower", "upper", "passed", "text"]
    return pd.DataFrame(rows, columns=columns)
