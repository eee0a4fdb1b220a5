"""Where optimisers of models with an offset begin: statsmodels begins at 0, as if there were none.

Newton's steps from there leave the range of floating-point numbers where the offset is of some
size, though the likelihood has a maximum. Fisher scoring of a GLM begins at the data instead.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.engines.threads import caught_warnings

#: Least distance of two cutpoints in a start.
_APART = 0.1


def start(built: Any, offset: Any) -> dict[str, Any]:
    """Return the argument ``start_params`` of a fit, from GLMs of two levels with the offset.

    Parameters
    ----------
    built : statsmodels model
        A model as built; only Logit and OrderedModel begin at 0, others get no start.
    offset : array_like or None
        The offset, (n,), if there is one.

    Returns
    -------
    dict
        ``start_params``, or nothing where a GLM finds no maximum: the fit then says why.

    Examples
    --------
    >>> import statsmodels.api as sm
    >>> y, z = np.array([0, 1, 0, 1, 1, 0]), np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    >>> built = sm.Logit(y, np.column_stack([np.ones(6), z]), offset=10 + z)
    >>> start(built, 10 + z)["start_params"].round(2)
    array([-10.29,  -0.89])
    """
    kind = type(built).__name__
    if offset is None or kind not in ("Logit", "OrderedModel"):
        return {}
    exog, shift = np.asarray(built.exog, dtype=float), np.asarray(offset, dtype=float)
    if kind == "Logit":
        found = _two_levels(np.asarray(built.endog), exog, shift, "logit")
        return {} if found is None else {"start_params": found}
    return _ordered(built, exog, shift)


def _ordered(built: Any, exog: NDArray[np.float64], offset: NDArray[np.float64]) -> dict[str, Any]:
    """Take slopes and cutpoints from a GLM of each cut of the levels in two.

    Parameters are the slopes, the first cutpoint, and the logs of the distances of the others.
    """
    link = "probit" if getattr(built.distr, "name", "") == "norm" else "logit"
    X, codes = np.column_stack([np.ones(len(exog)), exog]), np.asarray(built.endog)
    each = [
        _two_levels((codes > cut).astype(float), X, offset, link)
        for cut in range(built.k_levels - 1)
    ]
    made = [params for params in each if params is not None]
    if len(made) < len(each):
        return {}
    table = np.array(made)
    distances = np.maximum(np.diff(np.sort(-table[:, 0])), _APART)
    first = -table[:, 0].max()
    return {"start_params": np.r_[table[:, 1:].mean(axis=0), first, np.log(distances)]}


def _two_levels(
    y: NDArray[Any], X: NDArray[np.float64], offset: NDArray[np.float64], link: str
) -> NDArray[np.float64] | None:
    """Return the estimates of a binomial GLM, or None if it finds no maximum."""
    import statsmodels.api as sm

    links = {"logit": sm.families.links.Logit, "probit": sm.families.links.Probit}
    family = sm.families.Binomial(link=links[link]())
    with caught_warnings() as caught:
        try:
            result = sm.GLM(y, X, family=family, offset=offset).fit()
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            return None
    params = np.asarray(result.params, dtype=np.float64)
    return params if result.converged and not caught and np.isfinite(params).all() else None
