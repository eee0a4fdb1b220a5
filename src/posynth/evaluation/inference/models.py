"""Analysts' models: statsmodels models by formula as functions from a copy to an Estimate.

Formulas are those of the chain: read and checked by ``chain.formula``, evaluated by formulaic, so
that nothing but columns and a list of functions is ever evaluated. statsmodels gets the matrices.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from posynth.engines.threads import caught_warnings
from posynth.errors import MeasureError, unknown
from posynth.evaluation.inference import exact
from posynth.evaluation.inference.basis import Alike, Basis, as_basis
from posynth.evaluation.inference.clusters import (
    ROBUST,
    Clusters,
    exact_notes,
    of_mixed,
    robust,
)
from posynth.evaluation.inference.estimates import Estimate
from posynth.evaluation.inference.model_data import model_data
from posynth.evaluation.inference.model_options import (
    HELD,
    check_cluster,
    check_fit,
    check_levels,
    check_options,
    glm_family,
)
from posynth.evaluation.inference.model_request import ModelData, Request, require_readable
from posynth.evaluation.inference.model_starts import start
from posynth.evaluation.inference.model_support import check_support
from posynth.evaluation.inference.rank import check_rank
from posynth.evaluation.inference.responses import Coding, codes, event, number, order
from posynth.evaluation.inference.separation import separation_notes
from posynth.table.schema import Schema

#: Words of a warning of statsmodels -> what it says of the fit, and the next step.
_MEANT = {
    "failed to converge": (
        "the estimates and errors are not those of a maximum of the likelihood, which may have "
        "none, as where a level of a term has one level of the response only; merge rare levels, "
        "leave the term out, or allow more iterations (in Python fit={'maxiter': 500})"
    ),
    "Perfect separation": (
        "the terms tell the levels of the response apart, so that coefficients grow without end "
        "and their errors mean nothing; merge rare levels, or leave the term out"
    ),
}

_EVERY_ROW = (
    "no status is given, so that each row counts as an event ({n} events in {n} rows, none "
    "censored); name the column of events by --status COLUMN (status= in Python)"
)


@dataclass(frozen=True)
class _Model:
    """How a statsmodels model wants its response, is built, fitted and read.

    ``per_row`` are its options that name a column, ``plain`` its other options.
    """

    path: tuple[str, str]
    response: Coding
    read: Callable[[Any, Sequence[str]], tuple[Sequence[str], Any, Any]]
    quiet: Mapping[str, Any] = field(default_factory=dict)
    per_row: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    intercept: bool = True


def fit_statsmodels(  # noqa: PLR0913 - a model, its data and how it is fitted
    formula: str,
    model: str = "ols",
    *,
    levels: Sequence[Any] | None = None,
    event: Any = None,
    fit: Mapping[str, Any] | None = None,
    cluster: str = "",
    schema: Schema | None = None,
    basis: Basis | pd.DataFrame | None = None,
    **options: Any,
) -> Callable[[pd.DataFrame], Estimate]:
    """Make an analysis that fits a statsmodels model to a copy.

    Formulas are written as those of the chain, see ``chain.formula``: ``.`` is every other column,
    a name that is no identifier stands in backquotes, ``offset(...)`` is a term of its own. The
    second level of a response of two levels is the event of ``logit`` and of a binomial ``glm``,
    the larger of two numbers, unless ``event`` says otherwise; the notes say which it was. The
    first level is the base of ``mnlogit``. Cutpoints of ``ordered`` are reported on the scale of
    the predictor, their covariance by the delta method, and of ``mixed`` only the fixed effects.
    Warnings of the fit become notes of the `Estimate`.

    Parameters
    ----------
    formula : str
        For example ``"deceased ~ age + log(income) + sex:smoke"``.
    model : str
        ``"ols"``, ``"glm"``, ``"logit"``, ``"mnlogit"``, ``"ordered"``, ``"mixed"``, ``"phreg"``.
    levels : sequence, optional
        Levels of a categorical response in order; default the categories, or sorted values.
    event : object, optional
        The level that is the event, of a response of levels or of the status of ``phreg``.
    fit : mapping, optional
        Arguments of the model's own ``fit``.
    cluster : str
        Column of groups whose rows are alike: the covariance matrix of ``ols``, ``glm`` or
        ``logit`` then allows for it (a sandwich by group, t with one df less than groups).
    schema : Schema, optional
        What columns are declared to be: codes that are levels enter as contrasts, in declared
        order. Without it the dtype decides.
    basis : Basis or pandas.DataFrame, optional
        Rows of all tables that are analysed alike: ``poly``, splines and ``scale`` learn from them,
        and levels are those that occur there. If not given, `fit_copies` takes those of its copies,
        and a table that is analysed alone its own.
    **options
        Options of the model: ``family`` of a glm (a name such as ``"poisson"`` or a statsmodels
        family), ``groups`` and ``re_formula`` of mixed, ``status``, ``entry``, ``strata`` and
        ``ties`` of phreg, ``distr`` of ordered (``"logit"`` if not given), ``offset`` ...

    Returns
    -------
    callable
        From a data frame to an `Estimate`.

    Raises
    ------
    MeasureError
        At once for an unknown model, option or family; on a copy if it cannot be fitted there.

    Examples
    --------
    >>> frame = pd.DataFrame({"y": [1.0, 2.0, 2.0, 4.0], "x": [0.0, 1.0, 2.0, 3.0]})
    >>> estimate = fit_statsmodels("y ~ x")(frame)
    >>> estimate.names, [round(float(value), 2) for value in estimate.q]
    (('Intercept', 'x'), [0.9, 0.9])
    """
    kind = _model_named(model, options, cluster)
    check_levels(levels)
    if schema is not None:
        require_readable(formula, schema)
    plain = {**kind.defaults, **{n: v for n, v in options.items() if n in kind.plain}}
    if model == "glm":
        plain["family"] = glm_family(plain.get("family", "gaussian"))
        binomial = type(plain["family"]).__name__ == "Binomial"
        kind = kind if binomial else replace(kind, response=number)
    per_row = {n: v for n, v in options.items() if n in kind.per_row and v is not None}
    arguments = {**kind.quiet, **check_fit(model, kind.path, fit, cluster)}
    random = str(plain.pop("re_formula", ""))
    about = (formula, kind.response, levels, event, per_row, schema, as_basis(basis))
    request = Request(*about, kind.intercept, random, cluster)

    def analyse(frame: pd.DataFrame) -> Estimate:
        data = model_data(request, frame)
        _require_offset(model, kind, data, formula)
        _check_design(data.X, data.by_level, kind.intercept)
        check_support(kind.path[1], data, plain)
        known = _exact(kind, data, plain)
        if known is not None:
            return known
        with caught_warnings() as caught:
            result, clusters = _fitted(kind, data, frame, (formula, plain, arguments, cluster))
            names, q, cov = _read(kind, result, data.levels, formula)
        df_com = clusters.count - 1.0 if clusters and cluster else _df_com(result)
        every = [_EVERY_ROW.format(n=len(data.y))] if _without_status(kind, options) else []
        every += exact_notes(names, cov, clusters if cluster else None)
        every += HELD.get(str(options.get("family")), ())
        every += separation_notes(result, names)
        notes = tuple(dict.fromkeys((*_notes(caught, kind), *every, *data.notes)))
        return Estimate(tuple(names), q, cov, df_com, notes, clusters)

    def together(frames: tuple[pd.DataFrame, ...]) -> Callable[[pd.DataFrame], Estimate]:
        how = {"levels": levels, "event": event, "fit": fit, "cluster": cluster, "schema": schema}
        every = Basis(frames, len(frames[0]))
        return fit_statsmodels(formula, model, basis=every, **how, **options)

    return Alike(analyse, together) if basis is None else analyse


def _model_named(model: str, options: Mapping[str, Any], cluster: str) -> _Model:
    """Return a model; refuse an unknown one, and options that it does not take or lacks."""
    if model not in MODELS:
        raise MeasureError(unknown("model", model, MODELS))
    kind = MODELS[model]
    check_cluster(cluster)
    if cluster and model not in ROBUST:
        raise MeasureError(f"cluster: {unknown('model', model, ROBUST)}; mixed takes groups")
    check_options(model, (kind.per_row, kind.plain), options)
    return kind


def _without_status(kind: _Model, options: Mapping[str, Any]) -> bool:
    return "status" in kind.per_row and options.get("status") is None


def _possible(cov: np.ndarray) -> np.ndarray:
    """Return a covariance matrix without the rounding of an inverse that is nearly singular."""
    limit = np.sqrt(np.outer(np.diag(cov), np.diag(cov)).clip(0))
    both: np.ndarray = (cov + cov.T) / 2
    return np.clip(both, -limit, limit) if np.isfinite(cov).all() else cov


def _require_offset(model: str, kind: _Model, data: ModelData, formula: str) -> None:
    """Refuse an offset in the formula of a model that has no place for one."""
    if "offset" in data.per_row and "offset" not in kind.per_row:
        numeric = kind.response is number
        step = "subtract it from the response, as I(y - z) ~ x" if numeric else "leave it out"
        raise MeasureError(
            f"formula {formula!r}: model {model!r} takes no offset(...); {step}, or use one of the "
            f"models {', '.join(n for n, each in MODELS.items() if 'offset' in each.per_row)}"
        )


def _check_design(X: pd.DataFrame, by_level: pd.DataFrame, intercept: bool) -> None:
    """Check the rank; a constant column is no better where the model takes no intercept."""
    exog, names = X.to_numpy(), list(X.columns)
    if not intercept:
        exog, names = np.column_stack([np.ones(len(X)), exog]), ["Intercept", *names]
    check_rank(exog, names, by_level)


def _exact(kind: _Model, data: ModelData, plain: Mapping[str, Any]) -> Estimate | None:
    """Return the estimate of a model that fits every row exactly."""
    known = _known(kind, data, plain)
    if known is None:
        return None
    zero, df = np.zeros((len(known), len(known))), float(len(data.y) - len(known))
    names = tuple(data.X.columns)
    return Estimate(names, known, zero, df, (exact.NOTE, *data.notes), exact=True)


def _known(kind: _Model, data: ModelData, plain: Mapping[str, Any]) -> np.ndarray | None:
    if kind.path[1] not in ("OLS", "GLM", "MixedLM"):
        return None
    options = ("offset", "exposure") if kind.path[1] != "MixedLM" else ()
    given = {name: v for name, v in data.per_row.items() if name in options}
    y = data.y - given.pop("offset") if kind.path[1] == "OLS" and "offset" in given else data.y
    if kind.path[1] != "GLM":
        return exact.exact_coefficients(y, data.X)
    module, name = kind.path
    with caught_warnings():  # what the fit warns of is told by it
        return exact.exact_fit(getattr(import_module(module), name)(y, data.X, **plain, **given))


def _fitted(
    kind: _Model,
    data: ModelData,
    frame: pd.DataFrame,
    how: tuple[str, Mapping[str, Any], dict[str, Any], str],
) -> tuple[Any, Clusters | None]:
    module, name = kind.path
    formula, plain, fit, cluster = how
    y, given = data.y, {**plain, **data.per_row}
    if name == "OLS" and "offset" in given:  # the model of y - offset, as R's lm has it
        y = y - given.pop("offset")
    # Optimisers raise many kinds of error; the analyst needs one sentence.
    try:
        built = getattr(import_module(module), name)(y, data.X, **given)
        fit = {**start(built, given.get("offset")), **fit}
        if cluster:
            return robust(built, frame.reset_index(drop=True), cluster, fit)
        result = built.fit(**fit)
        return result, of_mixed(result, data.groups) if name == "MixedLM" else None
    except MeasureError:
        raise
    except Exception as error:
        raise MeasureError(
            f"{name} of {formula!r} failed with {type(error).__name__}: "
            f"{' '.join(str(error).split())}; check the formula against the columns, or simplify it"
        ) from error


def _read(
    kind: _Model, result: Any, levels: Sequence[str], formula: str
) -> tuple[Sequence[str], Any, Any]:
    try:
        names, q, cov = kind.read(result, levels)
    except ValueError as error:  # the curvature of the likelihood could not be inverted
        raise MeasureError(
            f"{kind.path[1]} of {formula!r} ended where the likelihood has no curvature, so that "
            "there are no standard errors; check the sizes of predictors and offset, or simplify it"
        ) from error
    return names, q, _possible(cov)


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
    "ols": _Model((_REGRESSION, "OLS"), number, _plain, per_row=("offset",)),
    "glm": _Model(
        (_GLM, "GLM"),
        event,
        _plain,
        per_row=("offset", "exposure", "freq_weights", "var_weights"),
        plain=("family",),
    ),
    "logit": _Model((_DISCRETE, "Logit"), event, _plain, {"disp": 0}, ("offset",)),
    "mnlogit": _Model((_DISCRETE, "MNLogit"), codes, _by_level, {"disp": 0, "maxiter": 100}),
    "ordered": _Model(
        ("statsmodels.miscmodels.ordinal_model", "OrderedModel"),
        order,
        _cutpoints,
        {"disp": 0, "method": "bfgs", "maxiter": 200},
        ("offset",),
        ("distr",),
        {"distr": "logit"},
        intercept=False,
    ),
    "mixed": _Model(
        ("statsmodels.regression.mixed_linear_model", "MixedLM"),
        number,
        _fixed,
        per_row=("groups",),
        plain=("re_formula",),
    ),
    "phreg": _Model(
        ("statsmodels.duration.hazard_regression", "PHReg"),
        number,
        _plain,
        per_row=("status", "entry", "strata", "offset"),
        plain=("ties",),
        intercept=False,
    ),
}


def _df_com(result: Any) -> float:
    return float(result.df_resid) if getattr(result, "use_t", False) else float("inf")


def _notes(caught: Sequence[warnings.WarningMessage], kind: _Model) -> list[str]:
    from statsmodels.tools.sm_exceptions import ModelWarning

    return [
        f"{item.category.__name__}: {_explained(str(item.message), kind)}"
        for item in caught
        if issubclass(item.category, (ModelWarning, RuntimeWarning))
    ]


def _explained(message: str, kind: _Model) -> str:
    """Return what a warning says, with what follows from it."""
    said = " ".join(message.split())
    of_number = {"Perfect separation": exact.NOTE} if kind.response is number else {}
    meant = [text for words, text in {**_MEANT, **of_number}.items() if words in said]
    return ": ".join([said.rstrip(".") if meant else said, *meant])
