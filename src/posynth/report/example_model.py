"""The analyst's model that a report shows where none is named: a sensible one, chosen from copies.

Only the copies and the chain are looked at, so that the choice says nothing of the original rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from posynth.chain.formula_tokens import written
from posynth.copies.container import Copies
from posynth.errors import MeasureError
from posynth.evaluation.inference.model_data import model_data
from posynth.evaluation.inference.model_request import Request
from posynth.evaluation.inference.responses import event, number
from posynth.table.schema import Column, Kind

MAX_LEVELS, PREDICTORS = 6, 3
#: Fewer different numbers are marks rather than a measurement.
MIN_VALUES = 10
#: A count of which more rows than this share have a number of their own counts nothing: a key.
KEY_SHARE = 0.9
#: Rows for each coefficient, and rows of the rarer level of a response of two.
ROWS_A_COEFFICIENT, RARE = 20, 0.1
#: A response that its predictors explain to more than this share is computed from them.
DETERMINED = 0.98


@dataclass(frozen=True)
class _Choice:
    model: str
    response: Column
    predictors: tuple[Column, ...]

    @property
    def formula(self) -> str:
        terms = " + ".join(written(column.name) for column in self.predictors)
        return f"{written(self.response.name)} ~ {terms}"


def example_model(copies: Copies) -> tuple[str, str] | None:
    """Choose an example model.

    The response is the last measured column of the visit order that can be explained by others
    and is not computed from them; else a column of two levels of which neither is rare. Predictors
    are of different kinds where there are such: numbers and levels, no key, no constant, no date,
    and only as many as the rows allow for.

    Parameters
    ----------
    copies : Copies
        The copies, with the chain that made them.

    Returns
    -------
    tuple of str, optional
        Model and formula; None if no two columns can be used.

    Examples
    --------
    >>> from posynth import load_heart_failure, synthesize
    >>> example_model(synthesize(load_heart_failure()[["sex", "age", "platelets"]], m=2, seed=1))
    ('ols', 'platelets ~ sex + age')
    """
    columns = _usable(copies)
    for choice in _choices(columns, copies.frames[0]):
        if _is_sensible(choice, copies):
            return choice.model, choice.formula
    return None


def _usable(copies: Copies) -> list[Column]:
    """Return columns that vary, name nobody, and are not computed by a rule, in visit order."""
    frame, spec = copies.frames[0], copies.posterior.spec
    ruled = {conditional.target for conditional in spec if conditional.computed}
    found = []
    for column in (copies.schema[name] for name in spec.columns if name not in ruled):
        values = frame[column.name].dropna()
        half = 2 * len(values) > len(frame)
        is_time = column.kind is Kind.DATE or bool(column.clock)
        if column.kind.is_modelled and not is_time and half:
            distinct = values.nunique()
            key = column.kind is Kind.COUNT and distinct > KEY_SHARE * len(values)
            found += [column] if distinct > 1 and not key else []
    return found


def _choices(columns: Sequence[Column], frame: pd.DataFrame) -> Iterator[_Choice]:
    few = [c for c in columns if c.kind.is_numeric or len(c.levels) <= MAX_LEVELS]
    measured = [c for c in few if c.kind.is_numeric and frame[c.name].nunique() >= MIN_VALUES]
    two = [c for c in few if len(c.levels) == 2 and _rarer(frame[c.name]) >= RARE]
    for model, responses in (("ols", measured), ("logit", two)):
        for response in reversed(responses):
            others = [column for column in few if column is not response]
            for count in range(min(PREDICTORS, len(others)), 0, -1):
                yield _Choice(model, response, _of_different_kinds(others, count))


def _of_different_kinds(columns: Sequence[Column], count: int) -> tuple[Column, ...]:
    """Return so many columns in their order, the first number and the first levels among them."""
    first = [_first(columns, numeric) for numeric in (True, False)]
    chosen = [column for column in first if column is not None][:count]
    chosen += [column for column in columns if column not in chosen][: count - len(chosen)]
    return tuple(column for column in columns if column in chosen)


def _first(columns: Iterable[Column], numeric: bool) -> Column | None:
    return next((column for column in columns if column.kind.is_numeric is numeric), None)


def _rarer(values: "pd.Series[str]") -> float:
    return float(values.value_counts(normalize=True, dropna=True).min())


def _is_sensible(choice: _Choice, copies: Copies) -> bool:
    """Whether the model can be fitted to a copy, and its response is not computed from others."""
    coding = number if choice.model == "ols" else event
    try:
        data = model_data(Request(choice.formula, coding, schema=copies.schema), copies.frames[0])
    except MeasureError:
        return False
    X, y = data.X.to_numpy(), data.y.to_numpy(dtype=float)
    if len(y) < ROWS_A_COEFFICIENT * X.shape[1] or np.linalg.matrix_rank(X) < X.shape[1]:
        return False
    residual = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return bool(np.var(residual) > (1 - DETERMINED) * np.var(y))
