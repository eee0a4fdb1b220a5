"""Why a coefficient cannot be estimated in a table: the level, the constant or the other terms."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from posynth.errors import MeasureError

_MERGE = "merge rare levels before fitting, make longer copies, or leave the term out of the model"


def check_rank(
    exog: npt.NDArray[np.float64], names: Sequence[str], coded: pd.DataFrame | None = None
) -> None:
    """Refuse a design matrix whose columns are linearly dependent, and say why they are.

    Parameters
    ----------
    exog : ndarray, shape (n, p)
        The design matrix.
    names : sequence of str
        Names of its columns.
    coded : pandas.DataFrame, optional
        The columns that enter by their levels: their categories say which level is absent.

    Raises
    ------
    MeasureError
        Naming the coefficient, the level or the column, and what to do.

    Examples
    --------
    >>> check_rank(np.array([[1.0, 3.0], [1.0, 3.0]]), ["Intercept", "x"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    posynth.errors.MeasureError: coefficient 'x' cannot be estimated: its column is 3 in every ...
    """
    if np.linalg.matrix_rank(exog) == exog.shape[1]:
        return
    # Columns of very different sizes are not dependent, but no solver tells them from that.
    length = np.linalg.norm(exog, axis=0)
    X = exog / np.where(length > 0, length, 1)
    rows, columns = X.shape
    if np.linalg.matrix_rank(X) == columns:
        small, large = names[int(length.argmin())], names[int(length.argmax())]
        raise MeasureError(
            f"the columns {small!r} and {large!r} differ in size by a factor of "
            f"{length.max() / length.min():.0e}, too much for floating-point numbers; write the "
            "larger one in other units, as I((income / 1000) ** 3)"
        )
    if rows < columns:
        raise MeasureError(
            f"{rows} complete rows are too few for {columns} coefficients; make longer copies, or "
            "leave terms out of the model"
        )
    _name_absent_level(exog, names, coded)
    # Adding columns one by one finds the first that the earlier ones already explain.
    first = next(j for j in range(columns) if np.linalg.matrix_rank(X[:, : j + 1]) <= j)
    raise MeasureError(
        f"coefficient {names[first]!r} cannot be estimated: {_reason(exog[:, first], names[first])}"
    )


def _reason(column: npt.NDArray[np.float64], name: str) -> str:
    if (column == column[0]).all():
        return (
            f"its column is {column[0]:g} in every row, as that of the intercept is constant; "
            "leave the term out of the model"
        )
    if name.startswith(("cr(", "cs(", "cc(")) and "constraints" not in name:
        return (
            "the columns of cr, cs and cc add up to the intercept; write constraints='center' "
            "in the call"
        )
    return (
        "its column is a linear combination of the other terms; leave one of them out of the model"
    )


def _name_absent_level(
    exog: npt.NDArray[np.float64], names: Sequence[str], coded: pd.DataFrame | None
) -> None:
    """Raise if a level that occurs in no row explains the dependence."""
    empty = [name for name, column in zip(names, exog.T, strict=True) if not column.any()]
    absent = {} if coded is None else _absent(coded)
    for name in empty:
        for column, levels in absent.items():
            level = next((each for each in levels if _is_of(name, column, each)), None)
            if level is not None:
                raise MeasureError(
                    f"coefficient {name!r} cannot be estimated: no row has that level, "
                    f"{level!r} of {column!r}; {_MERGE}"
                )
    if empty and "[" not in empty[0]:
        raise MeasureError(
            f"coefficient {empty[0]!r} cannot be estimated: its column is 0 in every row; leave "
            "the term out of the model"
        )
    if empty:
        what = "combination of levels" if ":" in empty[0] else "level"
        raise MeasureError(
            f"coefficient {empty[0]!r} cannot be estimated: no row has that {what}; {_MERGE}"
        )
    for column, levels in absent.items():
        treatment = any(column in name and "[T." in name for name in names)
        which = f"no row has its {'reference ' * treatment}level {levels[0]!r}"
        needed = "with which the others are" if treatment else "which the contrasts of the others"
        needed = f"{needed} {'compared' if treatment else 'need'}"
        raise MeasureError(
            f"the coefficients of {column!r} cannot be estimated: {which}, {needed}; {_MERGE}"
        )


def _absent(coded: pd.DataFrame) -> dict[str, list[object]]:
    """Return the levels that occur in no row, by column."""
    found: dict[str, list[object]] = {}
    for name in coded:
        column = coded[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            counts = column.value_counts(sort=False)
            levels = [level for level in column.cat.categories if not counts[level]]
            found |= {str(name): levels} if levels else {}
    return found


def _is_of(label: str, column: str, level: object) -> bool:
    """Whether a label such as ``g[T.b]`` or ``C(g)[T.b]:x`` is of one level of a column."""
    parts = label.split(":")
    ends = (f".{level}]", f"[{level}]")
    return any(column in part and part.endswith(ends) for part in parts)
