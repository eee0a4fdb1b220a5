"""The record every judgement returns: diagnostics, utility, disclosure and inference alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, overload

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


def to_frame(results: Iterable[Result], details: str | Iterable[str] = ()) -> pd.DataFrame:
    """Put results into a table, one row a result.

    Parameters
    ----------
    results : iterable of Result
        The records.
    details : str or iterable of str
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
    wanted = [details] if isinstance(details, str) else list(details)
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


SHOWN = 20  # rows that are printed


class Evaluation(Sequence[Result]):
    """The results of an evaluation, in order; printed as a table.

    Parameters
    ----------
    results : iterable of Result
        The records.

    Examples
    --------
    >>> found = Evaluation([Result("KS", 0.1, "age"), Result("repU", 9.0, passed=False)])
    >>> found.failed[0].measure, len(found.select("KS")), found.to_frame().shape
    ('repU', 1, (2, 7))
    >>> print(found)
    2 results, 1 outside its limit
    measure subject value passed
       repU             9     no
         KS     age   0.1
    """

    def __init__(self, results: Iterable[Result]) -> None:
        self._results = tuple(results)

    @overload
    def __getitem__(self, place: int) -> Result: ...
    @overload
    def __getitem__(self, place: slice) -> "Evaluation": ...
    def __getitem__(self, place: int | slice) -> "Result | Evaluation":
        if isinstance(place, slice):
            return Evaluation(self._results[place])
        return self._results[place]

    def __len__(self) -> int:
        return len(self._results)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._results == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple((r.measure, r.subject) for r in self._results))

    @property
    def failed(self) -> "Evaluation":
        """The results outside their limits."""
        return Evaluation(r for r in self._results if r.passed is False)

    def select(self, measure: str = "", subject: str = "") -> "Evaluation":
        """Return the results of one measure, of one subject, or both.

        Parameters
        ----------
        measure : str
            As ``"S_pMSE"``; every measure if empty.
        subject : str
            A column, a pair ``"a:b"``; every subject if empty.
        """
        return Evaluation(
            r
            for r in self._results
            if (not measure or r.measure == measure) and (not subject or r.subject == subject)
        )

    def to_frame(self, details: Iterable[str] = ()) -> pd.DataFrame:
        """Return one row a result; see `to_frame`.

        Parameters
        ----------
        details : iterable of str
            Names of details to show as well.
        """
        return to_frame(self._results, details)

    def _table(self) -> pd.DataFrame:
        """Return the rows that are printed: those outside their limits first."""
        ranked = sorted(self._results, key=lambda r: r.passed is not False)[:SHOWN]
        verdicts = {True: "yes", False: "no", None: ""}
        # The value of an advice sums what several measures exceed their limits by.
        values = ["" if r.measure == "advice" else f"{r.value:.4g}" for r in ranked]
        rows = [
            (r.measure, r.subject, value, verdicts[r.passed])
            for r, value in zip(ranked, values, strict=True)
        ]
        return pd.DataFrame(rows, columns=["measure", "subject", "value", "passed"])

    def _head(self) -> str:
        bad = len(self.failed)
        head = f"{len(self)} results, {bad} outside {'its limit' if bad == 1 else 'their limits'}"
        scaled = any(r.measure.startswith("S_") for r in self._results)
        return f"{head} (S_...: 1 is ideal, 3 a limit)" if scaled else head

    def _rest(self) -> str:
        more = len(self) - SHOWN
        return f"and {more} more: to_frame() has them all" if more > 0 else ""

    def __repr__(self) -> str:
        table = self._table().to_string(index=False) if self._results else ""
        return "\n".join(filter(None, (self._head(), table, self._rest())))

    def _repr_html_(self) -> str:
        table = self._table().to_html(index=False, border=0)
        rest = f"<p>{self._rest()}</p>" if self._rest() else ""
        return f"<p>{self._head()}</p>{table}{rest}"
