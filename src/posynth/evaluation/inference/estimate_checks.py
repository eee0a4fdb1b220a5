"""What must hold of named estimates with a covariance matrix, from whatever analysis."""

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from posynth.errors import MeasureError

if TYPE_CHECKING:
    from posynth.evaluation.inference.estimates import Estimate

#: What a covariance matrix may be off by, relative to the standard errors.
NEARLY = 1e-6


def check_estimate(estimate: "Estimate") -> None:
    """Refuse estimates whose names, values and covariance matrix do not fit together.

    Raises
    ------
    MeasureError
        Naming the coefficient and what is wrong with it.
    """
    p = len(estimate.names)
    if len(set(estimate.names)) != p or p == 0:
        if estimate.names.count("Intercept") > 1:
            raise MeasureError(
                "the constant and a predictor are both named 'Intercept'; rename the column, or "
                "leave the constant out, by '- 1' in the formula"
            )
        raise MeasureError(
            f"estimates need one unique name each, found {estimate.names}; name every coefficient"
        )
    if estimate.q.shape != (p,) or estimate.cov.shape != (p, p):
        raise MeasureError(
            f"{p} names need estimates of shape ({p},) and a covariance matrix of shape "
            f"({p}, {p}), found {estimate.q.shape} and {estimate.cov.shape}; return the full "
            "covariance matrix, not standard errors"
        )
    rows = None if estimate.clusters is None else estimate.clusters.rows
    if rows is not None and np.shape(rows) != (p, p):
        raise MeasureError(
            f"the part of the covariance due to rows within groups has shape {np.shape(rows)}; it "
            f"must be ({p}, {p}), or None where it is not known"
        )
    for name, value, variance in zip(
        estimate.names, estimate.q, np.diag(estimate.cov), strict=True
    ):
        if not (np.isfinite(value) and np.isfinite(variance) and variance >= 0):
            raise MeasureError(
                f"coefficient {name!r} has estimate {value:g} with variance {variance:g}; it "
                "cannot be estimated here: simplify the model or merge rare levels"
            )
    _check_covariance(estimate)
    df = estimate.df_com
    if isinstance(df, bool) or not isinstance(df, Real) or not df > 0:
        raise MeasureError(
            f"df_com = {df!r}; residual degrees of freedom of an analysis are above 0, such as "
            "k - p of a linear regression, or infinite where its reference is normal"
        )


def _check_covariance(estimate: "Estimate") -> None:
    error = np.sqrt(np.diag(estimate.cov))
    limit = np.outer(error, error) * (1 + NEARLY) + np.finfo(float).tiny
    for wrong, what in (
        (~np.isfinite(estimate.cov), "is not a number"),
        (np.abs(estimate.cov - estimate.cov.T) > NEARLY * limit, "differs from its mirror image"),
        (np.abs(estimate.cov) > limit, "is larger than their variances allow"),
    ):
        if wrong.any():
            i, j = np.argwhere(wrong)[0]
            raise MeasureError(
                f"the covariance of {estimate.names[i]!r} and {estimate.names[j]!r}, "
                f"{estimate.cov[i, j]:.4g}, {what}; return the covariance matrix of the estimates "
                "(numpy.diag of the variances if they are independent)"
            )
