"""A formula and a copy become response, design matrix and what else a model takes."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from posynth.chain.formula import read_formula, single_column, split_formula
from posynth.chain.formula_matrix import Matrix, formula_matrix
from posynth.chain.formula_record import Formula
from posynth.chain.formula_tokens import tokenize, written
from posynth.errors import MeasureError, SpecError, unknown
from posynth.evaluation.inference.model_request import ModelData, Request
from posynth.evaluation.inference.predictors import (
    absent_levels,
    as_levels,
    coding_notes,
    numbers_as_levels,
    option_numbers,
    predictor,
    require_two_levels,
    row_values,
    usable,
)
from posynth.evaluation.inference.responses import Coded, codes, number, one_coding, order, status
from posynth.table.declare import in_text_order
from posynth.table.schema import Column, Kind
from posynth.table.series import unusable


def model_data(request: Request, frame: pd.DataFrame) -> ModelData:
    """Read a copy for a model.

    Parameters
    ----------
    request : Request
        Formula, coding of the response and options.
    frame : pandas.DataFrame
        The copy; it is left as it is.

    Returns
    -------
    ModelData

    Raises
    ------
    MeasureError
        Naming the column or the part of the formula, what is allowed and the next step.
    """
    try:
        return _Reading(request, frame).data()
    except SpecError as error:
        raise MeasureError(str(error)) from None


class _Reading:
    def __init__(self, request: Request, frame: pd.DataFrame) -> None:
        self.request, self.frame = request, frame.reset_index(drop=True)
        self.left, self.right = split_formula(request.formula)
        if not self.left or not self.right:
            raise MeasureError(
                f"formula {request.formula!r} needs two sides, as in 'income ~ sex + age'"
            )
        _require_one_response(self.left)
        self.name = single_column(self.left)
        self.columns = tuple(map(str, frame.columns))
        named = [value for value in request.per_row.values() if isinstance(value, str)]
        for name in named:
            if name not in self.columns:
                raise MeasureError(unknown("column", name, self.columns))
        self.named = named

    def data(self) -> ModelData:
        """Return the complete rows."""
        left = self._left_columns()
        right = self._right(left)
        self._require_apart(left, right)
        random = self._random()
        of_random = () if random is None else random.columns
        self.used = list(dict.fromkeys((*left, *right.columns, *self.named, *of_random)))
        self._require_usable(self.used)
        kept = self.frame[self.used].notna().all(axis=1).to_numpy()
        if not kept.any():
            raise MeasureError(f"formula {self.request.formula!r}: no row is complete")
        rows = self.frame[kept]
        coded = self._predictors(rows, right)
        require_two_levels(self.request.formula, coded[list(_bare(right))], right.level_columns)
        X = self._design(right, coded)
        response = self._response(rows)
        per_row, told = self._per_row(rows, kept)
        if right.offsets:
            # Both count, as in R: that of the formula, and the column of the option.
            per_row["offset"] = self._offset(right, coded) + per_row.get("offset", 0.0)
        if random is not None:
            matrix = self._matrix(random, self._predictors(rows, random))
            labels = list(matrix.labels)
            per_row["exog_re"] = pd.DataFrame(matrix.values, index=rows.index, columns=labels)
        left_out = int((~kept).sum())
        notes = [response.note, self._order_note(), *told]
        bare = _bare(right)
        notes += coding_notes(self.request.schema, coded, _by_default(right))
        notes += self._basis_notes(right)
        notes += [f"{left_out} rows with missing values were left out"] if left_out else []
        groups = self.request.per_row.get("groups", "")
        groups = groups if isinstance(groups, str) else ""
        parts = (response.values, X, response.levels, per_row, tuple(filter(None, notes)))
        return ModelData(*parts, groups, coded[[name for name in coded if name in bare]])

    def _require_apart(self, left: tuple[str, ...], right: Formula) -> None:
        """Refuse a response or a status that predicts itself."""
        status = self.request.per_row.get("status")
        what = {"response": left, "status": (status,) if isinstance(status, str) else ()}
        for name, columns in what.items():
            # A change, I(after - before), may be predicted by one of its parts.
            if columns and set(columns) <= set(right.columns):
                raise MeasureError(
                    f"formula {self.request.formula!r}: {columns[0]!r} is the {name} and a "
                    "predictor; leave it out of the right-hand side"
                )
        self.request.require_other_groups(left)
        strata = self.request.per_row.get("strata")
        if isinstance(strata, str) and strata in (*left, *what["status"]):
            role = "the time" if strata in left else "the status"
            raise MeasureError(
                f"formula {self.request.formula!r}: {strata!r} is {role} and the strata; rows are "
                "compared within strata, where it would not vary: name another column as strata"
            )
        if set(what["status"]) & set(left):
            raise MeasureError(
                f"formula {self.request.formula!r}: {left[0]!r} is the time and the status; name "
                "the column that says which rows are events as status"
            )

    def _require_usable(self, names: Collection[str]) -> None:
        """Refuse durations, periods, lists and the like: neither numbers nor levels."""
        for name in names:
            refused = unusable(name, self.frame[name])
            if refused is not None:
                raise MeasureError(str(refused))

    def _left_columns(self) -> tuple[str, ...]:
        if self.name is not None:
            read_formula(self.left, self.columns)  # refuses an unknown column
            return (self.name,)
        return read_formula(self.left, self.columns).columns

    def _random(self) -> Formula | None:
        text = split_formula(self.request.random)[1] if self.request.random else ""
        return read_formula(text, self.columns) if text else None

    def _right(self, left: tuple[str, ...]) -> Formula:
        dot = usable(self.request.schema, self.columns, [*left, *self.named])
        first = read_formula(self.right, self.columns, dot=dot, offset=True)
        self._require_usable(first.columns)
        numbers = numbers_as_levels(self._predictors(self.frame, first))
        return read_formula(self.right, self.columns, dot=dot, numbers=numbers, offset=True)

    def _predictors(self, rows: pd.DataFrame, formula: Formula) -> pd.DataFrame:
        schema = self.request.schema
        declared = {n: schema[n] for n in formula.columns if schema is not None and n in schema}
        found = {
            name: predictor(rows[name], declared.get(name), self._known(name, declared.get(name)))
            for name in formula.columns
        }
        for name in formula.level_columns:
            if pd.api.types.is_datetime64_any_dtype(rows[name].dtype):
                raise MeasureError(
                    f"formula {self.request.formula!r}: {name!r} holds dates, which are numbers of "
                    f"days here, not levels; write {written(name)} for their slope"
                )
        if self.request.basis is not None:
            for name in formula.level_columns:
                if not isinstance(found[name].dtype, pd.CategoricalDtype):
                    found[name] = as_levels(found[name], self.request.basis.levels(name))
        return pd.DataFrame(found, index=rows.index)

    def _known(self, name: str, declared: Column | None) -> Collection[Any] | None:
        """Return the levels that occur in any of the tables, of a column of levels."""
        basis = self.request.basis
        numeric = pd.api.types.is_numeric_dtype(self.frame[name].dtype)
        if basis is None or (numeric and (declared is None or not declared.kind.is_categorical)):
            return None
        return basis.levels(name)

    def _matrix(self, formula: Formula, coded: pd.DataFrame) -> Matrix:
        """Evaluate a formula; its transforms have learned from all tables analysed alike."""
        basis, state = self.request.basis, None
        if basis is not None and formula.learning:
            state = basis.learned(formula, self.used, lambda rows: self._predictors(rows, formula))
        return formula_matrix(formula, coded, state)

    def _design(self, formula: Formula, coded: pd.DataFrame) -> pd.DataFrame:
        matrix = self._matrix(formula, coded)
        X = pd.DataFrame(matrix.values, index=coded.index, columns=list(matrix.labels))
        if X.empty:
            raise MeasureError(
                f"formula {self.request.formula!r} has no term on its right-hand side; 1 is the "
                "intercept"
            )
        self._require_finite(X)
        if self.request.intercept:
            return X
        if "Intercept" not in X and np.linalg.matrix_rank(np.c_[np.ones(len(X)), X]) <= X.shape[1]:
            raise MeasureError(
                f"formula {self.request.formula!r}: this model has no intercept of its own, so 0 "
                "and -1 give one contrast too many; leave them out"
            )
        if list(X) == ["Intercept"] and self.request.response is number:
            raise MeasureError(
                f"formula {self.request.formula!r} has no term beside the intercept, which this "
                "model has none of; name a predictor"
            )
        return X.drop(columns="Intercept", errors="ignore")

    def _basis_notes(self, formula: Formula) -> list[str]:
        """Say what was learned from all tables, and which declared levels occur in none."""
        basis, schema = self.request.basis, self.request.schema
        if basis is None:
            return []
        named = _bare(formula)
        if self.name is not None and self.request.response is not number:
            named = (self.name, *named)
        return [basis.note(formula), *absent_levels(schema, named, basis.levels)]

    def _require_finite(self, X: pd.DataFrame) -> None:
        wrong = ~np.isfinite(X.to_numpy())
        if wrong.any():
            name = X.columns[wrong.any(axis=0)][0]
            raise MeasureError(
                f"formula {self.request.formula!r}: {name} is not finite in "
                f"{int(wrong[:, list(X.columns).index(name)].sum())} rows; use a function that is "
                "defined for every value, as log1p(x) for log(x)"
            )

    def _response(self, rows: pd.DataFrame) -> Coded:
        request = self.request
        event = None if "status" in request.per_row else request.event
        if self.name is not None:
            if self._is_date(self.name):
                return self._days(self.name, rows)
            column = self._by_level(self.name, as_numpy(rows[self.name]))
            try:
                return request.response(column, request.levels, event)
            except MeasureError as error:
                differ = "" if request.basis is None else request.basis.differences(self.name)
                raise MeasureError(f"{error}{differ}") from None
        first = read_formula(self.left, self.columns)
        numbers = numbers_as_levels(self._predictors(rows, first))
        formula = read_formula(self.left, self.columns, numbers=numbers)
        formula = replace(formula, safe=f"{formula.safe} - 1")  # a response has no intercept
        matrix = self._matrix(formula, self._predictors(rows, formula))
        if len(matrix.labels) != 1:
            raise MeasureError(
                f"the response of {request.formula!r} became the columns {list(matrix.labels)}; "
                "use a 0/1 number or the plain name of a column, whose second level is then the "
                "event"
            )
        values = pd.DataFrame(matrix.values, index=rows.index, columns=[self.left])
        self._require_finite(values)
        return request.response(values[self.left], request.levels, event)

    def _order_note(self) -> str:
        """Say that an ordered response has its levels in the order of their text."""
        request, schema = self.request, self.request.schema
        if request.response is not order or request.levels is not None or schema is None:
            return ""
        if self.name is None or self.name not in schema or not in_text_order(schema[self.name]):
            return ""
        shown = " < ".join(map(str, schema[self.name].levels))
        return (
            f"the levels of {self.name!r} stand in the order of their text, {shown}; if that is "
            "not theirs, every sign may be wrong: name them in order (--levels, levels=)"
        )

    def _is_date(self, name: str) -> bool:
        schema = self.request.schema
        declared = schema is not None and name in schema and schema[name].kind is Kind.DATE
        return declared or pd.api.types.is_datetime64_any_dtype(self.frame[name].dtype)

    def _days(self, name: str, rows: pd.DataFrame) -> Coded:
        """Return a response of dates as numbers of days, as predictors have them."""
        request = self.request
        if request.response is not number or request.levels is not None:
            raise MeasureError(
                f"response {name!r} holds dates, which are numbers of days here, not levels; use "
                "model 'ols', 'glm', 'mixed' or 'phreg', without levels, or a condition as "
                f"response, as I({written(name)} > 18000) ~ x"
            )
        days = self._predictors(rows, read_formula(written(name), self.columns))[name]
        coded = request.response(days, None, request.event)
        return coded._replace(note=f"{name!r} is counted in days since 1970-01-01")

    def _by_level(self, name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
        """Give a response of levels the order that is declared, and one coding in all tables."""
        request, basis = self.request, self.request.basis
        schema, known = request.schema, None if basis is None else basis.levels(name)
        if request.levels is not None or request.response is number:
            return column
        declared = schema[name] if schema is not None and name in schema else None
        if declared is not None and declared.kind.is_categorical:
            texts = all(isinstance(level, str) for level in declared.levels)
            if texts or request.response in (codes, order):
                return predictor(column, declared, known)
        if known is None and request.response not in (codes, order):
            known = tuple(sorted(column.dropna().unique().tolist()))
        return column if known is None else one_coding(column, known)

    def _per_row(self, rows: pd.DataFrame, kept: Any) -> tuple[dict[str, Any], list[str]]:
        found: dict[str, Any] = {}
        notes: list[str] = []
        for option, value in self.request.per_row.items():
            if isinstance(value, str) and option == "status":
                column, basis = as_numpy(rows[value]), self.request.basis
                column = (
                    column
                    if basis is None
                    else one_coding(column, basis.levels(value), shares=False)
                )
                coded = status(column, self.request.event)
                notes.append(coded.note)
                found[option] = coded.values
            elif isinstance(value, str):
                column = as_numpy(rows[value])
                by_level = option in ("groups", "strata")
                if not by_level and self._is_date(value):
                    formula = read_formula(written(value), self.columns)
                    column = self._predictors(rows, formula)[value]
                found[option] = column if by_level else option_numbers(option, column)
            else:
                self._require_one_table(option)
                values = row_values(option, value, len(kept))
                by_level = option in ("groups", "strata", "status")
                values = values if by_level else option_numbers(option, values)
                found[option] = values[kept].to_numpy()
        return found, notes

    def _require_one_table(self, option: str) -> None:
        """Refuse numbers for each row: those of different copies are of different records."""
        basis = self.request.basis
        if basis is not None and len(basis.frames) > 1:
            raise MeasureError(
                f"{option} is given as numbers, one a row, but rows of different copies are "
                "different records; give the name of a column that the copies hold"
            )

    def _offset(self, formula: Formula, coded: pd.DataFrame) -> "pd.Series[Any]":
        terms = [
            read_formula(formula.label(text), self.columns, numbers=numbers_as_levels(coded))
            for text in formula.offsets
        ]
        parts = [self._matrix(term, coded).values[:, 1:] for term in terms]
        if any(part.shape[1] != 1 for part in parts):
            raise MeasureError(
                f"formula {self.request.formula!r}: offset(...) needs one number a row; write "
                "products and sums of columns as offset(I(...))"
            )
        found = pd.DataFrame(np.hstack(parts), index=coded.index)
        self._require_finite(
            found.set_axis([f"offset({formula.label(t)})" for t in formula.offsets], axis=1)
        )
        return found.sum(axis=1).rename("offset")


def _bare(formula: Formula) -> tuple[str, ...]:
    """Return the columns that stand outside functions, or in C()."""
    found = [each.column for each in formula.references.values() if not each.inside]
    return tuple(dict.fromkeys(found))


def as_numpy(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a nullable number as a float; booleans and levels as they are."""
    kind = column.dtype
    if not pd.api.types.is_extension_array_dtype(kind) or not pd.api.types.is_numeric_dtype(kind):
        return column
    return column.astype("bool" if pd.api.types.is_bool_dtype(kind) else "float64")


def _by_default(formula: Formula) -> tuple[str, ...]:
    """Return the columns that stand outside functions: C() says how it codes them."""
    return tuple(name for name in _bare(formula) if name not in formula.level_columns)


def _require_one_response(left: str) -> None:
    """Refuse sums and products of terms: as terms of a formula they are not what they look like."""
    depth = 0
    for place, token in enumerate(tokenize(left)):
        if token.kind != "operator":
            continue
        depth += (token.text in "([{") - (token.text in ")]}")
        if depth == 0 and place and token.text in ("+", "-", ":"):
            raise MeasureError(
                f"response {left!r}: {token.text!r} joins terms there; write what is to be "
                f"computed as I({left.replace(':', '*')})"
            )
