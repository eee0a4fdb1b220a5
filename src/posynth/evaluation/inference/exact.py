"""Fits without residual: the terms give the response of every row, as where it is their sum.

Estimates are then known up to the rounding of floating-point numbers, and whatever is computed
from their errors (t, p, degrees of freedom, shares of information) is computed from that rounding.
"""

from typing import Any

import numpy as np

from posynth.evaluation.inference.moments import Floats

#: Largest residual that is rounding, as a part of the largest sum of a row's terms.
_ROUNDING = 1e-13
#: Part of that sum below which a term is rounding, and digits of a coefficient that are not.
_NOTHING, _DIGITS = 1e-12, 12
#: Families of a GLM whose dispersion is estimated from residuals.
_DISPERSED = ("Gaussian", "Gamma", "InverseGaussian", "Tweedie")

NOTE = (
    "the terms give the response of every row exactly, so that nothing is left over from which "
    "errors could be estimated; leave out the term that determines it"
)


def exact_coefficients(y: Any, X: Any) -> Floats | None:
    """Return the coefficients of y = X b, if that holds in every row up to rounding.

    Parameters
    ----------
    y : array_like
        The response, (n,).
    X : array_like
        The terms, (n, p), of full rank.

    Returns
    -------
    ndarray or None
        b, (p,), without its rounding; None if something is left over, or if n <= p.

    Examples
    --------
    >>> X = np.array([[1, 0.1, 0.2], [1, 0.7, 0.1], [1, 2.3, 1.1], [1, 0.4, 0.9]])
    >>> exact_coefficients(X[:, 1] + X[:, 2], X).tolist()
    [0.0, 1.0, 1.0]
    >>> exact_coefficients([0.3, 0.8, 3.4, 1.2], X) is None
    True
    """
    response, terms = np.asarray(y, dtype=float), np.asarray(X, dtype=float)
    if terms.ndim != 2 or len(terms) <= terms.shape[1]:
        return None
    if not (np.isfinite(response).all() and np.isfinite(terms).all()):
        return None
    length = np.sqrt((terms**2).sum(axis=0))
    unit = terms / np.where(length > 0, length, 1.0)
    b = np.linalg.lstsq(unit, response, rcond=None)[0]
    b = b + np.linalg.lstsq(unit, response - unit @ b, rcond=None)[0]  # the rounding of the first
    size = float(np.abs(unit * b).sum(axis=1).max())
    if np.abs(response - unit @ b).max() > _ROUNDING * size:
        return None
    found = np.where(np.abs(unit).max(axis=0) * np.abs(b) <= _NOTHING * size, 0.0, b)
    found = found / np.where(length > 0, length, 1.0)
    return np.array([float(f"{value:.{_DIGITS}g}") for value in found])


def exact_fit(model: Any) -> Floats | None:
    """Return the coefficients of a statsmodels model that fits every row exactly.

    Parameters
    ----------
    model : statsmodels model
        As built; of models whose errors come from theory, as of counts, None is returned.
    """
    name = type(model).__name__
    if name in ("OLS", "WLS", "MixedLM"):
        return exact_coefficients(model.endog, model.exog)
    if name != "GLM" or type(model.family).__name__ not in _DISPERSED:
        return None
    with np.errstate(all="ignore"):
        eta = np.asarray(model.family.link(np.asarray(model.endog, dtype=float)), dtype=float)
    for shift in (getattr(model, "offset", None), getattr(model, "exposure", None)):
        eta = eta if shift is None or np.ndim(shift) == 0 else eta - np.asarray(shift)
    return exact_coefficients(eta, model.exog)
