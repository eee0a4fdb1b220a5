"""Analysts' models: any statsmodels formula model as a function from a copy to an Estimate."""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from posynth.errors import MeasureError, unknown
from posynth.evaluation.inference.estimates import Estimate

FAMILIES = {
    "binomial": "Binomial",
    "gamma": "Gamma",
    "gaussian": "Gaussian",
    "inverse_gaussian": "InverseGaussian",
    "negative_binomial": "NegativeBinomial",
    "poisson": "Poisson",
    "tweedie": "Tweedie",
}


@dataclass(frozen=True)
class _Model:
    """How a statsmodels model wants its response, is built, fitted and read."""

    path: tuple[str, str]
    response: Callable[[pd.Series, Sequence[Any] | None], pd.Series]
    read: Callable[[Any, Sequence[str]], tuple[Sequence[str], Any, Any]]
    quiet: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)


def fit_statsmodels(
    formula: str,
    model: str = "ols",
    *,
    levels: Sequence[Any] | None = None,
    fit: Mapping[str, Any] | None = None,
    **options: Any,
) -> Callable[[pd.DataFrame], Estimate]:
    """Make an analysis that fits a statsmodels formula model to a copy.

    A response of text, booleans or categories is coded by its levels: the second level is the
    event of ``logit`` and of a binomial ``glm``, as in R (statsmodels alone would model the
    *first*); the first level is the base of ``mnlogit``. Cutpoints of ``ordered`` are reported on
    the scale of the predictor, their covariance by the delta method, and of ``mixed`` only the
    fixed effects. Warnings of the fit become notes of the `Estimate`.

    Parameters
    ----------
    formula : str
        For example ``"deceased ~ age + diabetes"``.
    model : str
        ``"ols"``, ``"glm"``, ``"logit"``, ``"mnlogit"``, ``"ordered"``, ``"mixed"``, ``"phreg"``.
    levels : sequence, optional
        Levels of a categorical response in order; default the categories, or sorted values.
    fit : mapping, optional
        Arguments of the model's own ``fit``.
    **options
        Arguments of the model itself: ``family`` of a glm (a name such as ``"poisson"`` or a
        statsmodels family), ``groups`` of mixed, ``status`` of phreg, ``distr`` of ordered
        (``"logit"`` if not given) ...

    Returns
    -------
    callable
        From a data frame to an `Estimate`.

    Raises
    ------
    MeasureError
        At once for an unknown model or family; on a copy if it cannot be fitted there.

    Examples
    --------
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 2.0, 4.0], "x": [0.0, 1.0, 2.0, 3.0]})
    >>> estimate = fit_statsmodels("y ~ x")(frame)
    >>> estimate.names, [round(float(value), 2) for value in estimate.q]
    (('Intercept', 'x'), [0.9, 0.9])
    """
    if model not in MODELS:
        raise MeasureError(unknown("model", model, MODELS))
    kind = MODELS[model]
    if model == "glm":
        options["family"] = _family(options.get("family", "gaussian"))
        binomial = type(options["family"]).__name__ == "Binomial"
        kind = kind if binomial else replace(kind, response=_number)

    def analyse(frame: pd.DataFrame) -> Estimate:
        frame, seen = _coded(frame, formula, kind, options, levels)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            built, result = _fitted(kind, formula, frame, options, fit or {})
            names, q, cov = kind.read(result, seen)
        return Estimate(
            tuple(names), q, cov, _df_com(result), _notes(caught, len(frame) - len(built.exog))
        )

    return analyse


def _family(family: Any) -> Any:
    import statsmodels.api as sm

    if not isinstance(family, str):
        return family
    if family not in FAMILIES:
        raise MeasureError(unknown("glm family", family, FAMILIES))
    return getattr(sm.families, FAMILIES[family])()


def _fitted(
    kind: _Model,
    formula: str,
    frame: pd.DataFrame,
    options: Mapping[str, Any],
    fit: Mapping[str, Any],
) -> tuple[Any, Any]:
    module, name = kind.path
    # Formula engines and optimisers raise many kinds of error; the analyst needs one sentence.
    try:
        built = getattr(import_module(module), name).from_formula(
            formula, frame, **{**kind.defaults, **options}
        )
        _check_design(built, formula)
        return built, built.fit(**{**kind.quiet, **fit})
    except MeasureError:
        raise
    except Exception as error:
        raise MeasureError(
            f"{name} of {formula!r} failed with {type(error).__name__}: "
            f"{' '.join(str(error).split())}; check the formula against the columns, or simplify it"
        ) from error


def _check_design(built: Any, formula: str) -> None:
    if isinstance(built.endog_names, list) and any("[" in name for name in built.endog_names):
        raise MeasureError(
            f"the response of {formula!r} became the columns {built.endog_names}; use a 0/1 "
            "number or the plain name of a column, whose second level is then the event"
        )
    _check_rank(np.asarray(built.exog, dtype=float), built.exog_names)


def _check_rank(exog: npt.NDArray[np.float64], names: Sequence[str]) -> None:
    rank = np.linalg.matrix_rank(exog)
    if rank == exog.shape[1]:
        return
    empty = [name for name, column in zip(names, exog.T, strict=True) if not column.any()]
    if empty:
        raise MeasureError(
            f"coefficient {empty[0]!r} cannot be estimated: no row has that level; merge rare "
            "levels before fitting, or leave the term out of the model"
        )
    # Adding columns one by one finds the first that the earlier ones already explain.
    first = next(j for j in range(exog.shape[1]) if np.linalg.matrix_rank(exog[:, : j + 1]) <= j)
    raise MeasureError(
        f"coefficient {names[first]!r} cannot be estimated: its column is a linear combination "
        "of the other terms; leave one of them out of the model"
    )


def _coded(
    frame: pd.DataFrame,
    formula: str,
    kind: _Model,
    options: Mapping[str, Any],
    levels: Sequence[Any] | None,
) -> tuple[pd.DataFrame, Sequence[str]]:
    coded = frame.copy(deep=False)
    name = formula.split("~", maxsplit=1)[0].strip()
    name = match.group(1) if (match := re.fullmatch(r"Q\(['\"](.+)['\"]\)", name)) else name
    seen: Sequence[str] = ()
    if name in frame:
        coded[name] = kind.response(frame[name], levels)
        seen = [str(level) for level in _levels(frame[name], levels)]
    if isinstance(status := options.get("status"), str) and status in frame:
        coded[status] = _event(frame[status], None)
    return coded, seen


def _levels(column: pd.Series, levels: Sequence[Any] | None) -> list[Any]:
    if levels is not None:
        return list(levels)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return list(column.cat.categories)
    return sorted(column.dropna().unique())


def _codes(column: pd.Series, levels: Sequence[Any] | None) -> pd.Series:
    known = _levels(column, levels)
    codes = pd.Categorical(column, categories=known).codes.astype(float)
    codes[codes < 0] = np.nan
    absent = [str(level) for j, level in enumerate(known) if not (codes == j).any()]
    if absent:
        raise MeasureError(
            f"response {column.name!r} never takes the level {absent[0]!r}; merge rare levels "
            "before fitting"
        )
    return pd.Series(codes, index=column.index, name=column.name)


def _number(column: pd.Series, levels: Sequence[Any] | None) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column.dtype) and levels is None:
        return column.astype(float) if pd.api.types.is_bool_dtype(column.dtype) else column
    raise MeasureError(
        f"response {column.name!r} has levels, not numbers; use model 'logit', 'mnlogit' or "
        "'ordered', or a numeric column"
    )


def _event(column: pd.Series, levels: Sequence[Any] | None) -> pd.Series:
    plain = pd.api.types.is_numeric_dtype(column.dtype) and levels is None
    if plain and not pd.api.types.is_bool_dtype(column.dtype):
        return column
    known = _levels(column, levels)
    if len(known) != 2:
        raise MeasureError(
            f"response {column.name!r} has {len(known)} level(s) {known}; a yes/no model needs "
            "2: pass levels=(no, yes), merge levels, or use model 'mnlogit' or 'ordered'"
        )
    return _codes(column, known)


def _order(column: pd.Series, levels: Sequence[Any] | None) -> pd.Series:
    text = not pd.api.types.is_numeric_dtype(column.dtype)
    if text and levels is None and not getattr(column.dtype, "ordered", False):
        raise MeasureError(
            f"response {column.name!r} has levels without an order; pass levels=(lowest, ..., "
            "highest), or use model 'mnlogit'"
        )
    _codes(column, levels)  # refuses a level that never occurs
    known = pd.CategoricalDtype(_levels(column, levels), ordered=True)
    return column.astype(known)


def _plain(result: Any, _: Sequence[str]) -> tuple[Sequence[str], Any, Any]:
    return result.model.exog_names, np.asarray(result.params), np.asarray(result.cov_params())


def _fixed(result: Any, _: Sequence[str]) -> tuple[Sequence[str], Any, Any]:
    p = len(result.fe_params)
    cov = np.asarray(result.cov_params())[:p, :p]
    return result.model.exog_names, np.asarray(result.fe_params), cov


def _by_level(result: Any, levels: Sequence[str]) -> tuple[Sequence[str], Any, Any]:
    params = np.asarray(result.params)  # (terms, levels - 1)
    names = [f"{level}: {term}" for level in levels[1:] for term in result.model.exog_names]
    return names, params.ravel(order="F"), np.asarray(result.cov_params())


def _cutpoints(result: Any, levels: Sequence[str]) -> tuple[Sequence[str], Any, Any]:
    # statsmodels keeps the first cutpoint and the logs of the increments; the analyst wants cuts.
    raw, cov = np.asarray(result.params), np.asarray(result.cov_params())
    cuts = len(levels) - 1
    slopes = len(raw) - cuts
    steps = np.concatenate([raw[slopes : slopes + 1], np.exp(raw[slopes + 1 :])])
    jacobian = np.eye(len(raw))
    jacobian[slopes:, slopes:] = np.tril(np.ones((cuts, cuts))) * np.r_[1.0, steps[1:]]
    names = [*result.model.exog_names[:slopes], *map("|".join, pairwise(levels))]
    return names, np.r_[raw[:slopes], np.cumsum(steps)], jacobian @ cov @ jacobian.T


_REGRESSION = "statsmodels.regression.linear_model"
_DISCRETE = "statsmodels.discrete.discrete_model"
_GLM = "statsmodels.genmod.generalized_linear_model"

MODELS = {
    "ols": _Model((_REGRESSION, "OLS"), _number, _plain),
    "glm": _Model((_GLM, "GLM"), _event, _plain),
    "logit": _Model((_DISCRETE, "Logit"), _event, _plain, {"disp": 0}),
    "mnlogit": _Model((_DISCRETE, "MNLogit"), _codes, _by_level, {"disp": 0, "maxiter": 100}),
    "ordered": _Model(
        ("statsmodels.miscmodels.ordinal_model", "OrderedModel"),
        _order,
        _cutpoints,
        {"disp": 0, "method": "bfgs", "maxiter": 200},
        {"distr": "logit"},
    ),
    "mixed": _Model(
        ("statsmodels.regression.mixed_linear_model", "MixedLM"),
        _number,
        _fixed,
        {},
        {"missing": "drop"},
    ),
    "phreg": _Model(("statsmodels.duration.hazard_regression", "PHReg"), _number, _plain),
}


def _df_com(result: Any) -> float:
    return float(result.df_resid) if getattr(result, "use_t", False) else float("inf")


def _notes(caught: Sequence[warnings.WarningMessage], left_out: int) -> tuple[str, ...]:
    from statsmodels.tools.sm_exceptions import ModelWarning

    notes = [
        f"{item.category.__name__}: {' '.join(str(item.message).split())}"
        for item in caught
        if issubclass(item.category, (ModelWarning, RuntimeWarning))
    ]
    if left_out:
        notes.append(f"{left_out} rows with missing values were left out")
    return tuple(dict.fromkeys(notes))
