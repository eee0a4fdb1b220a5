"""One coding for all tables that are pooled: levels, and what polynomials and splines learn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from posynth.chain.formula_matrix import formula_matrix
from posynth.chain.formula_record import Formula

#: Levels beyond which a column is not described by them.
MANY = 12

type Predictors = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Basis:
    """The tables that are analysed alike, from which codings are learned.

    Coefficients can be pooled only if they are of the same columns in every copy: knots, means and
    orthogonal polynomials are learned from the rows of all tables together, and levels are those
    that occur in any of them.

    Attributes
    ----------
    frames : tuple of pandas.DataFrame
        The tables.
    rows : int
        Rows to which orthogonal polynomials are scaled, those of the source: their columns then
        have sums of squares of 1 in a table of so many rows, as those of R's ``poly`` have.

    Examples
    --------
    >>> basis = Basis((pd.DataFrame({"g": ["b", "a"]}), pd.DataFrame({"g": ["b", "c"]})), 2)
    >>> basis.levels("g")
    ('a', 'b', 'c')
    """

    frames: tuple[pd.DataFrame, ...]
    rows: int
    _known: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def levels(self, name: str) -> tuple[Any, ...]:
        """Return the values of a column in any table, sorted; whole numbers as integers."""
        if name not in self._known:
            found = {
                _plain(each) for frame in self.frames for each in frame[name].dropna().unique()
            }
            numbers = all(isinstance(each, int | float) for each in found)
            self._known[name] = tuple(sorted(found, key=None if numbers else str))
        levels: tuple[Any, ...] = self._known[name]
        return levels

    def differences(self, name: str) -> str:
        """Say of a column of few levels in which tables it takes which, if not all in each."""
        every = self.levels(name)
        if len(every) > MANY:
            return ""
        found = [sorted({_plain(v) for v in f[name].dropna().unique()}, key=every.index)
                 for f in self.frames]  # fmt: skip
        odd = next((i for i, levels in enumerate(found) if levels != list(every)), None)
        if odd is None:
            return ""
        shown = ", ".join(map(repr, found[odd]))
        return f" (of its levels {', '.join(map(repr, every))} copy {odd + 1} has only {shown})"

    def learned(
        self, formula: Formula, used: Sequence[str], predictors: Predictors
    ) -> dict[str, Any]:
        """Return what the transforms of a formula learn from the complete rows of all tables.

        Parameters
        ----------
        formula : Formula
            The formula.
        used : sequence of str
            Columns in which rows must be complete: all that the model uses.
        predictors : callable
            Makes of rows what a formula reads.
        """
        key = (formula.text, formula.safe, tuple(used))
        if key not in self._known:
            rows = pd.concat([frame[list(used)].dropna() for frame in self.frames])
            state = formula_matrix(formula, predictors(rows.reset_index(drop=True))).state
            self._known[key] = {
                call: _scaled(what, self.rows / max(len(rows), 1)) for call, what in state.items()
            }
        state_of_all: dict[str, Any] = self._known[key]
        return state_of_all

    def note(self, formula: Formula) -> str:
        """Say from which rows the transforms of a formula learned, or ``""`` if none does."""
        calls = [formula.label(call) for call in formula.learning]
        m, k = len(self.frames), len(self.frames[0])
        notes = [f"one basis for all copies, from the rows of all {m}"] if m > 1 else []
        if any(call.startswith("poly(") for call in formula.learning) and m * k != self.rows:
            notes.append(f"columns of poly are scaled as on the {self.rows} rows of the source")
        return (
            f"{' and '.join(dict.fromkeys(calls))}: {'; '.join(notes)}" if calls and notes else ""
        )


@dataclass(frozen=True)
class Alike:
    """An analysis of one table that can be made one of several tables in one coding.

    Attributes
    ----------
    alone : callable
        The analysis of a single table, in its own coding.
    together : callable
        From the tables to the analysis of each of them.
    """

    alone: Callable[[pd.DataFrame], Any]
    together: Callable[[tuple[pd.DataFrame, ...]], Callable[[pd.DataFrame], Any]]

    def __call__(self, frame: pd.DataFrame) -> Any:
        """Analyse a single table."""
        return self.alone(frame)


def _plain(value: Any) -> Any:
    """Return a value of NumPy's as Python's, a whole number as an integer."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _scaled(learned: Any, factor: float) -> Any:
    """Scale the squared norms of orthogonal polynomials, sums over rows, to other rows."""
    if not isinstance(learned, dict) or "norms2" not in learned:
        return learned
    return {**learned, "norms2": {k: norm * factor for k, norm in learned["norms2"].items()}}


def as_basis(given: "Basis | pd.DataFrame | None") -> Basis | None:
    """Return a basis; a data frame is that of its own rows."""
    return Basis((given,), len(given)) if isinstance(given, pd.DataFrame) else given
