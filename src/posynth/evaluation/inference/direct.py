r"""Main-effects regressions fitted directly: what statsmodels gives, at a tenth of its cost.

A coverage study fits the analyst's model to tens of thousands of tables. Least squares in closed
form and Newton's method for logit, multinomial and ordered logit agree with statsmodels to 1e-8
(tests/evaluation/inference/test_inference_direct.py); formulas beyond main effects, and every
other model, stay with `fit_statsmodels`.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posynth.errors import MeasureError
from posynth.evaluation.inference.estimates import Estimate
from posynth.evaluation.inference.exact import NOTE, exact_coefficients
from posynth.evaluation.inference.model_data import as_numpy
from posynth.evaluation.inference.moments import Floats
from posynth.evaluation.inference.rank import check_rank
from posynth.evaluation.inference.responses import Coding, codes, event, number, order

type Ints = NDArray[np.int64]
#: Value, gradient and minus the Hessian of a log-likelihood; -inf where it is not defined.
type LogLikelihood = Callable[[Floats], tuple[float, Floats, Floats]]

STEPS = 50
#: Newton decrement at which to stop; the error that is left is of its order.
CLOSE = 1e-20
#: Residual variance, as a part of the response's sum of squares, that may be rounding.
_TINY = 1e-20
_NAME = r"[^\W\d]\w*"
_MAIN_EFFECTS = re.compile(rf"\s*({_NAME})\s*~\s*(1|{_NAME}(?:\s*\+\s*{_NAME})*)\s*")


def main_effects(formula: str) -> tuple[str, tuple[str, ...]] | None:
    """Return response and predictors of a formula that is a sum of columns, or None.

    Examples
    --------
    >>> main_effects("y ~ a + b")
    ('y', ('a', 'b'))
    >>> main_effects("y ~ a * b") is None
    True
    """
    found = _MAIN_EFFECTS.fullmatch(formula)
    if found is None:
        return None
    right = [] if found[2] == "1" else re.split(r"\s*\+\s*", found[2])
    return found[1], tuple(dict.fromkeys(right))


def fit_direct(
    formula: str, model: str = "ols", *, levels: Sequence[Any] | None = None
) -> Callable[[pd.DataFrame], Estimate] | None:
    """Make an analysis like `fit_statsmodels`, but fitted directly.

    Parameters
    ----------
    formula : str
        Main effects, for example ``"income ~ sex + age"``.
    model : str
        ``"ols"``, ``"logit"``, ``"mnlogit"`` or ``"ordered"``.
    levels : sequence, optional
        Levels of a categorical response in order.

    Returns
    -------
    callable or None
        From a data frame to an `Estimate`; None where only statsmodels can fit the model.

    Examples
    --------
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 2.0, 4.0], "x": [0.0, 1.0, 2.0, 3.0]})
    >>> estimate = fit_direct("y ~ x")(frame)
    >>> estimate.names, [round(float(value), 2) for value in estimate.q]
    (('Intercept', 'x'), [0.9, 0.9])
    """
    parts = main_effects(formula)
    if parts is None or model not in _MODELS:
        return None
    response, predictors = parts
    kind = _MODELS[model]

    def analyse(frame: pd.DataFrame) -> Estimate:
        if any(name not in frame for name in (response, *predictors)):
            from posynth.evaluation.inference.models import fit_statsmodels

            return fit_statsmodels(formula, model, levels=levels)(frame)  # names the column
        coded = kind.response(as_numpy(frame[response]), levels, None)
        y, (names, X) = _response(coded.values), _design(frame, predictors)
        kept = np.isfinite(y) & np.isfinite(X).all(axis=1)
        y, X = y[kept], X[kept]
        check_rank(X, names)
        found = kind.fit(X, y, tuple(names), coded.levels)
        left_out = int((~kept).sum())
        notes = [coded.note] if coded.note else []
        notes += [f"{left_out} rows with missing values were left out"] if left_out else []
        known = _exactly(X, y, found.cov) if model == "ols" else None
        if known is not None:
            zero = np.zeros_like(found.cov)
            return Estimate(found.names, known, zero, found.df_com, (NOTE, *notes), exact=True)
        return Estimate(*found, tuple(notes))

    return analyse


def _exactly(X: Floats, y: Floats, cov: Floats) -> Floats | None:
    """Return the coefficients of an exact fit; looked for where the residual variance is tiny."""
    variance = (np.diag(cov) * (X**2).sum(axis=0)).min()  # no less than that of the residuals
    return exact_coefficients(y, X) if variance <= _TINY * float(y @ y) else None


def _response(column: "pd.Series[Any]") -> Floats:
    if isinstance(column.dtype, pd.CategoricalDtype):
        at = column.cat.codes.to_numpy().astype(float)
        return np.where(at < 0, np.nan, at)
    return column.to_numpy(dtype=float, na_value=np.nan)


def _design(frame: pd.DataFrame, predictors: Sequence[str]) -> tuple[list[str], Floats]:
    """Code predictors: intercept, contrasts of levels with the first, numbers; named as in R."""
    names, columns = ["Intercept"], [np.ones(len(frame))]
    for name in predictors:
        if _is_number(frame[name]):
            names.append(name)
            columns.append(frame[name].to_numpy(dtype=float, na_value=np.nan))
            continue
        coded = _categories(frame[name])
        at = np.where(coded.codes < 0, np.nan, coded.codes)
        for code, level in enumerate(coded.categories[1:], start=1):
            names.append(f"{name}[T.{level}]")
            columns.append(np.where(np.isnan(at), np.nan, at == code))
    return names, np.column_stack(columns)


def _categories(column: "pd.Series[Any]") -> pd.Categorical:
    values = column.array
    return values if isinstance(values, pd.Categorical) else pd.Categorical(column)


def _is_number(column: "pd.Series[Any]") -> bool:
    kind = column.dtype
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


class _Found(NamedTuple):
    names: tuple[str, ...]
    q: Floats
    cov: Floats
    df_com: float = float("inf")


def _ols(X: Floats, y: Floats, names: tuple[str, ...], _: tuple[str, ...]) -> _Found:
    Q, R = np.linalg.qr(X)
    q = np.linalg.solve(R, Q.T @ y)
    df = float(len(y) - X.shape[1])
    root = np.linalg.inv(R)
    residual = y - X @ q
    return _Found(names, q, root @ root.T * float(residual @ residual) / df, df)


def _logit(X: Floats, y: Floats, names: tuple[str, ...], _: tuple[str, ...]) -> _Found:
    def log_likelihood(beta: Floats) -> tuple[float, Floats, Floats]:
        eta = X @ beta
        p = _expit(eta)
        value = float(y @ eta - np.logaddexp(0.0, eta).sum())
        return value, X.T @ (y - p), (X * (p * (1 - p))[:, None]).T @ X

    return _Found(names, *_newton(log_likelihood, np.zeros(X.shape[1]), "logit"))


def _mnlogit(X: Floats, y: Floats, names: tuple[str, ...], levels: tuple[str, ...]) -> _Found:
    width, classes = X.shape[1], len(levels) - 1
    hit = (y[:, None] == np.arange(1, len(levels))).astype(float)  # (row, class)

    def log_likelihood(beta: Floats) -> tuple[float, Floats, Floats]:
        eta = X @ beta.reshape(classes, width).T
        top = np.maximum(eta.max(axis=1), 0.0)
        total = top + np.log(np.exp(-top) + np.exp(eta - top[:, None]).sum(axis=1))
        p = np.exp(eta - total[:, None])
        value = float((hit * eta).sum() - total.sum())
        weight = p[:, :, None] * (np.eye(classes) - p[:, None, :])  # (row, class, class)
        half = np.einsum("nab,nj->abjn", weight, X)
        information = (half @ X).transpose(0, 2, 1, 3).reshape(classes * width, -1)
        return value, ((hit - p).T @ X).ravel(), information

    labels = tuple(f"{level}: {term}" for level in levels[1:] for term in names)
    return _Found(labels, *_newton(log_likelihood, np.zeros(classes * width), "mnlogit"))


def _ordered(X: Floats, y: Floats, names: tuple[str, ...], levels: tuple[str, ...]) -> _Found:
    slopes, at = X[:, 1:], y.astype(np.int64)
    width, cuts = slopes.shape[1], len(levels) - 1
    ends = np.vstack([np.zeros(cuts), np.eye(cuts), np.zeros(cuts)])
    upper, lower = (np.hstack([-slopes, ends[at + j]]) for j in (1, 0))
    above, below = np.where(at == cuts, np.inf, 0.0), np.where(at == 0, -np.inf, 0.0)

    def log_likelihood(theta: Floats) -> tuple[float, Floats, Floats]:
        if np.any(np.diff(theta[width:]) <= 0):
            return -np.inf, theta, np.eye(len(theta))
        u, low = upper @ theta + above, lower @ theta + below
        F, G = _expit(u), _expit(low)
        # expit(u) - expit(l) without cancellation in the upper tail
        p = np.where(low > 0, _expit(-low) - _expit(-u), F - G)
        f, g = F * (1 - F) / p, G * (1 - G) / p
        value = float(np.log(p).sum()) if (p > 0).all() else -np.inf
        minus_uu, minus_ll = f**2 - f * (1 - 2 * F), g**2 + g * (1 - 2 * G)
        cross = (upper * (f * g)[:, None]).T @ lower
        information = (upper * minus_uu[:, None]).T @ upper + (lower * minus_ll[:, None]).T @ lower
        return value, upper.T @ f - lower.T @ g, information - cross - cross.T

    share = np.bincount(at, minlength=cuts + 1).cumsum()[:-1] / len(at)
    start = np.concatenate([np.zeros(width), np.log(share / (1 - share))])
    labels = (*names[1:], *map("|".join, pairwise(levels)))
    return _Found(labels, *_newton(log_likelihood, start, "ordered"))


def _expit(x: Floats) -> Floats:
    tail = np.exp(-np.abs(x))
    found: Floats = np.where(x >= 0, 1.0, tail) / (1.0 + tail)
    return found


def _newton(log_likelihood: LogLikelihood, theta: Floats, model: str) -> tuple[Floats, Floats]:
    """Return the maximum and its covariance matrix, by Newton steps halved while they fall."""
    value, gradient, information = log_likelihood(theta)
    for _ in range(STEPS):
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            break
        if gradient @ step < CLOSE * len(theta):
            return theta + step, np.linalg.inv(information)
        size = 1.0
        while (here := log_likelihood(theta + size * step))[0] < value - 1e-9 and size > 1e-8:
            size /= 2
        theta = theta + size * step
        value, gradient, information = here
    raise MeasureError(
        f"model {model!r} did not converge: its likelihood rises without end (separation, or a "
        "level with few rows); leave a term out, or merge rare levels"
    )


class _Model(NamedTuple):
    response: Coding
    fit: Callable[[Floats, Floats, tuple[str, ...], tuple[str, ...]], _Found]


_MODELS = {
    "ols": _Model(number, _ols),
    "logit": _Model(event, _logit),
    "mnlogit": _Model(codes, _mnlogit),
    "ordered": _Model(order, _ordered),
}
