"""Analysts' models: any statsmodels formula model as a function from a copy to an Estimate."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from posynth.engines.threads import caught_warnings
from posynth.errors import MeasureError, unknown
from posynth.evaluation.inference.clusters import ROBUST, Clusters, of_mixed, robust
from posynth.evaluation.inference.estimates import Estimate
from posynth.evaluation.inference.responses import Coding, coded_frame, codes, event, number, order

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
    response: Coding
    read: Callable[[Any, Sequence[str]], tuple[Sequence[str], Any, Any]]
    quiet: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)


def fit_statsmodels(
    formula: str,
    model: str = "ols",
    *,
    levels: Sequence[Any] | None = None,
    fit: Mapping[str, Any] | None = None,
    cluster: str = "",
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
    cluster : str
        Column of groups whose rows are alike: the covariance matrix of ``ols``, ``glm`` or
        ``logit`` then allows for it (a sandwich by group, t with one df less than groups).
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
    if cluster and model not in ROBUST:
        raise MeasureError(f"cluster: {unknown('model', model, ROBUST)}; mixed takes groups")
    if model == "glm":
        options["family"] = _family(options.get("family", "gaussian"))
        binomial = type(options["family"]).__name__ == "Binomial"
        kind = kind if binomial else replace(kind, response=number)

    def analyse(frame: pd.DataFrame) -> Estimate:
        status = options.get("status")
        frame, seen = coded_frame(frame, formula, kind.response, levels, status)
        with caught_warnings() as caught:
            built, result, clusters = _fitted(kind, formula, frame, (options, fit or {}, cluster))
            names, q, cov = kind.read(result, seen)
        df_com = clusters.count - 1.0 if clusters and cluster else _df_com(result)
        notes = _notes(caught, len(frame) - len(built.exog))
        return Estimate(tuple(names), q, cov, df_com, notes, clusters)

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
    how: tuple[Mapping[str, Any], Mapping[str, Any], str],
) -> tuple[Any, Any, Clusters | None]:
    module, name = kind.path
    options, fit, cluster = how
    # Formula engines and optimisers raise many kinds of error; the analyst needs one sentence.
    try:
        built = getattr(import_module(module), name).from_formula(
            formula, frame, **{**kind.defaults, **options}
        )
        _check_design(built, formula)
        given = {**kind.quiet, **fit}
        if cluster:
            return built, *robust(built, frame, cluster, given)
        result = built.fit(**given)
        if name == "MixedLM":
            return built, result, of_mixed(result, _column_of(options.get("groups")))
        return built, result, None
    except MeasureError:
        raise
    except Exception as error:
        raise MeasureError(
            f"{name} of {formula!r} failed with {type(error).__name__}: "
            f"{' '.join(str(error).split())}; check the formula against the columns, or simplify it"
        ) from error


def _column_of(groups: Any) -> str:
    return groups if isinstance(groups, str) else ""


def _check_design(built: Any, formula: str) -> None:
    if isinstance(built.endog_names, list) and any("[" in name for name in built.endog_names):
        raise MeasureError(
            f"the response of {formula!r} became the columns {built.endog_names}; use a 0/1 "
            "number or the plain name of a column, whose second level is then the event"
        )
    check_rank(np.asarray(built.exog, dtype=float), built.exog_names)


def check_rank(exog: npt.NDArray[np.float64], names: Sequence[str]) -> None:
    """Refuse a design matrix (n, p) whose columns are linearly dependent, naming one of them."""
    rank = np.linalg.matrix_rank(exog)
    if rank == exog.shape[1]:
        return
    empty = [name for name, column in zip(names, exog.T, strict=True) if not column.any()]
    if empty:
        raise MeasureError(
            f"coefficient {empty[0]!r} cannot be estimated: no row has that level; merge rare "
            "levels or drop unused categories before fitting, or leave the term out of the model"
        )
    # Adding columns one by one finds the first that the earlier ones already explain.
    first = next(j for j in range(exog.shape[1]) if np.linalg.matrix_rank(exog[:, : j + 1]) <= j)
    raise MeasureError(
        f"coefficient {names[first]!r} cannot be estimated: its column is a linear combination "
        "of the other terms; leave one of them out of the model"
    )


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
    "ols": _Model((_REGRESSION, "OLS"), number, _plain),
    "glm": _Model((_GLM, "GLM"), event, _plain),
    "logit": _Model((_DISCRETE, "Logit"), event, _plain, {"disp": 0}),
    "mnlogit": _Model((_DISCRETE, "MNLogit"), codes, _by_level, {"disp": 0, "maxiter": 100}),
    "ordered": _Model(
        ("statsmodels.miscmodels.ordinal_model", "OrderedModel"),
        order,
        _cutpoints,
        {"disp": 0, "method": "bfgs", "maxiter": 200},
        {"distr": "logit"},
    ),
    "mixed": _Model(
        ("statsmodels.regression.mixed_linear_model", "MixedLM"),
        number,
        _fixed,
        {},
        {"missing": "drop"},
    ),
    "phreg": _Model(("statsmodels.duration.hazard_regression", "PHReg"), number, _plain),
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
