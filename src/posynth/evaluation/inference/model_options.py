"""Options of a model and arguments of its fit, checked before any copy is read.

statsmodels takes any further argument of ``fit`` without a word, and says what is wrong with an
option in the words of its own code, after the formula was read.
"""

from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from posynth.engines.threads import caught_warnings
from posynth.errors import MeasureError, unknown
from posynth.evaluation.inference.clusters import ROBUST

FAMILIES = {
    "binomial": "Binomial",
    "gamma": "Gamma",
    "gaussian": "Gaussian",
    "inverse_gaussian": "InverseGaussian",
    "negative_binomial": "NegativeBinomial",
    "poisson": "Poisson",
    "tweedie": "Tweedie",
}

#: What a family named by a text holds at a value that nobody chose.
HELD = {
    "negative_binomial": (
        "the dispersion alpha of the negative binomial is held at 1, not estimated (in Python "
        "family=statsmodels.api.families.NegativeBinomial(alpha=...) takes another value)",
    ),
    "tweedie": (
        "the variance power of tweedie is held at 1, as of counts (in Python "
        "family=statsmodels.api.families.Tweedie(var_power=...) takes another value)",
    ),
}

#: Covariance matrices that take rows for independent.
COVARIANCES = ("nonrobust", "fixed scale", "HC0", "HC1", "HC2", "HC3")
_COVARIANCE_OPTIONS = ("scale", "scaling_factor", "use_self")
#: Models whose fit takes a kind of covariance matrix.
_ANY_COVARIANCE = ("ols", "glm", "logit", "mnlogit", "ordered")
#: Arguments of the optimisers of statsmodels, and of GLM's iterations, that no signature names.
_SOLVER = (
    *("disp", "full_output", "maxiter"),
    *("approx_grad", "avextol", "bounds", "epsilon", "factr", "fhess_p", "ftol", "gtol"),
    *("interval", "m", "maxfun", "min_method", "minimizer", "niter", "niter_success", "norm"),
    *("pgtol", "ridge_factor", "start_direc", "stepsize", "T", "tol", "xtol"),
)
_WEIGHTED = ("atol", "attach_wls", "rtol", "tol_criterion")
_TIES = ("breslow", "efron")


def check_fit(model: str, path: tuple[str, str], fit: Any, cluster: str) -> dict[str, Any]:
    """Return the arguments of a model's ``fit``; refuse what it would ignore or misread.

    Parameters
    ----------
    model : str
        Name of the model.
    path : tuple of str
        Module and class of statsmodels.
    fit : mapping or None
        The arguments.
    cluster : str
        Column of groups, or ``""``.

    Raises
    ------
    MeasureError
        Naming the argument and what is allowed.

    Examples
    --------
    >>> ols = ("statsmodels.regression.linear_model", "OLS")
    >>> check_fit("ols", ols, {"cov_typ": "HC3"}, "")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    posynth.errors.MeasureError: fit of model 'ols': unknown argument 'cov_typ'; allowed: ...
    """
    if fit is None:
        return {}
    if not isinstance(fit, Mapping):
        raise MeasureError(
            f"fit = {fit!r} is of type {type(fit).__name__}; give the arguments of the model's own "
            "fit by name, as fit={'cov_type': 'HC3'} or fit={'maxiter': 500}"
        )
    if fit.get("groups") is not None:
        raise MeasureError(
            f"fit of model {model!r}: groups are given one a row, but rows of different copies are "
            f"different records; {_by_groups(model)}"
        )
    allowed = _arguments(model, path)
    for name in fit:
        if name not in allowed:
            raise MeasureError(f"fit of model {model!r}: {unknown('argument', name, allowed)}")
    of_covariance = [name for name in ("cov_type", "cov_kwds", "use_t") if name in fit]
    if cluster and of_covariance:
        raise MeasureError(
            f"cluster={cluster!r} decides the covariance matrix and its t reference, and fit gives "
            f"{', '.join(of_covariance)} too; leave one of them out"
        )
    _check_covariance(model, fit)
    return dict(fit)


def _arguments(model: str, path: tuple[str, str]) -> list[str]:
    """Return what the fit of a model takes by name."""
    module, name = path
    fits = [getattr(import_module(module), name).fit]
    if model == "phreg":
        fits.append(import_module("statsmodels.base.model").LikelihoodModel.fit)
    named = [
        each.name
        for fit in fits
        for each in signature(fit).parameters.values()
        if each.name not in ("self", "groups") and each.kind is not Parameter.VAR_KEYWORD
    ]
    named += ["cov_type", "cov_kwds", "use_t"] if model in _ANY_COVARIANCE else []
    named += _SOLVER if model != "ols" else ()
    named += _WEIGHTED if model == "glm" else ()
    return list(dict.fromkeys(named))


def _check_covariance(model: str, fit: Mapping[str, Any]) -> None:
    kind = fit.get("cov_type", "nonrobust")
    known = {each.casefold() for each in (*COVARIANCES, "fixed_scale")}
    if str(kind).casefold().startswith(("cluster", "hac", "nw-")):
        raise MeasureError(
            f"fit of model {model!r}: cov_type = {kind!r} takes groups or times of rows, one a "
            "row, but rows of different copies are different records, and copies of other lengths "
            f"have no more groups; {_by_groups(model)}"
        )
    if str(kind).casefold() not in known:
        raise MeasureError(f"fit of model {model!r}: {unknown('cov_type', kind, COVARIANCES)}")
    given = fit.get("cov_kwds") or {}
    if not isinstance(given, Mapping):
        raise MeasureError(
            f"cov_kwds = {given!r}; it must be a mapping, as cov_kwds={{'scale': 1}}"
        )
    for name in given:
        if name not in _COVARIANCE_OPTIONS:
            said = unknown("argument", name, _COVARIANCE_OPTIONS)
            raise MeasureError(f"cov_kwds of model {model!r}: {said}")


def _by_groups(model: str) -> str:
    if model in ("ols", "glm", "logit"):
        return "name the column of groups as cluster=COLUMN"
    return (
        f"model {model!r} takes rows for independent: use 'ols', 'glm' or 'logit' with "
        "cluster=COLUMN, or 'mixed' with groups=COLUMN"
    )


def check_options(
    model: str, allowed: tuple[Collection[str], Collection[str]], options: Mapping[str, Any]
) -> None:
    """Refuse options that a model does not take or lacks, and values that they cannot have.

    Parameters
    ----------
    model : str
        Name of the model.
    allowed : tuple of collections of str
        Its options that name a column, and its others.
    options : mapping
        What was given.

    Raises
    ------
    MeasureError
        Naming the option, its value and what is allowed.

    Examples
    --------
    >>> check_options("phreg", (["status"], ["ties"]), {"ties": "exact"})
    Traceback (most recent call last):
    posynth.errors.MeasureError: model 'phreg': unknown ties 'exact'; allowed: 'breslow', 'efron'
    """
    per_row, plain = allowed
    for name, value in options.items():
        if name not in (*per_row, *plain):
            raise MeasureError(
                f"model {model!r}: {unknown('option', name, _known(model, allowed))}"
            )
        if name in per_row:
            _check_column(name, value)
    if model == "mixed":
        _check_mixed(options)
    if options.get("ties", "breslow") not in _TIES:
        raise MeasureError(f"model {model!r}: {unknown('ties', options['ties'], _TIES)}")
    if "distr" in options:
        _check_distribution(options["distr"])


def _known(model: str, allowed: tuple[Collection[str], Collection[str]]) -> list[str]:
    """Return all options of a model, with those that are arguments in Python."""
    per_row, plain = allowed
    grouped = ["cluster"] if model in ROBUST else []
    levels = {"logit": ["levels", "event"], "glm": ["levels", "event"], "phreg": ["event"]}
    more = levels.get(model, ["levels"] if model in ("mnlogit", "ordered") else [])
    return [*per_row, *plain, *more, *grouped, "fit"]


def check_levels(levels: Any) -> None:
    """Refuse levels of a response that are not in an order: a set has another in each process.

    Raises
    ------
    MeasureError
        With what was given, and how to write it.

    Examples
    --------
    >>> check_levels({"no"})
    Traceback (most recent call last):
    posynth.errors.MeasureError: levels = {'no'} is of type set, which has no order; give a list, \
as levels=['no', 'yes']
    """
    if isinstance(levels, str):
        listed = [level.strip() for level in levels.split(",")]
        raise MeasureError(
            f"levels = {levels!r} is one text; give a list in order, as levels={listed}"
        )
    ordered = levels is None or isinstance(levels, Sequence) or hasattr(levels, "__array__")
    if not ordered:
        raise MeasureError(
            f"levels = {levels!r} is of type {type(levels).__name__}, which has no order; give a "
            "list, as levels=['no', 'yes']"
        )


def check_cluster(cluster: Any) -> None:
    """Refuse what is no name of a column.

    Raises
    ------
    MeasureError
        With what was given.
    """
    if not isinstance(cluster, str):
        raise MeasureError(f"cluster = {cluster!r}: name one column of groups, as cluster='school'")


def _check_column(name: str, value: Any) -> None:
    """Refuse lists of names: an option takes one column."""
    several = isinstance(value, Sequence) and not isinstance(value, str)
    if several and any(isinstance(each, str) for each in value):
        raise MeasureError(f"{name} = {value!r}: name one column, as {name}={value[0]!r}")


def _check_mixed(options: Mapping[str, Any]) -> None:
    if options.get("groups") is None:
        raise MeasureError(
            "model 'mixed' needs the column of its groups: --groups COLUMN (groups= in Python)"
        )
    random = options.get("re_formula") or ""
    if not isinstance(random, str):
        raise MeasureError(
            f"re_formula = {random!r}: give a one-sided formula of the random effects as a text, "
            "as re_formula='~ x'"
        )


def _check_distribution(given: Any) -> None:
    from scipy import stats

    if given not in ("logit", "probit") and not isinstance(given, stats.rv_continuous):
        raise MeasureError(
            f"model 'ordered': {unknown('distr', given, ('logit', 'probit'))}; or a distribution "
            "of scipy.stats, as scipy.stats.gumbel_l for the complementary log-log link"
        )


def glm_family(family: Any) -> Any:
    """Return a family of statsmodels, given by its name or as such.

    Raises
    ------
    MeasureError
        If it is neither.

    Examples
    --------
    >>> type(glm_family("poisson")).__name__
    'Poisson'
    """
    import statsmodels.api as sm

    if isinstance(family, str):
        if family not in FAMILIES:
            raise MeasureError(unknown("glm family", family, FAMILIES))
        with caught_warnings():  # what it assumes is among the notes
            return getattr(sm.families, FAMILIES[family])()
    if isinstance(family, type) and issubclass(family, sm.families.Family):
        raise MeasureError(
            f"family = {family.__name__} is a class; give a family, as family={family.__name__}()"
        )
    if not isinstance(family, sm.families.Family):
        raise MeasureError(
            f"family = {family!r} is of type {type(family).__name__}; give a name "
            f"({', '.join(FAMILIES)}) or a family of statsmodels.api.families"
        )
    return family
