r"""Separation: likelihoods of levels or counts that grow without end in some direction.

Where every row of a level of a term has the same outcome, no finite coefficient is the best one.
Optimisers stop somewhere all the same, and most say that they converged. The likelihood grows
along a direction d of its coefficients, or stays as it is, if no row loses by it:

- one of two levels: :math:`\pm x_i'd \ge 0`, with + where the event occurred;
- several levels: :math:`x_i'(d_{y_i} - d_l) \ge 0` for every other level l;
- ordered levels, cutpoints c: :math:`c_{y_i} - x_i'd \ge 0` and :math:`x_i'd - c_{y_i - 1} \ge 0`;
- counts with a log link: :math:`x_i'd \le 0` where the count is 0, and :math:`x_i'd = 0` elsewhere.

With R the rows of the inequalities and E those of the equations, there is no such d if and only
if positive weights and any :math:`\mu` have :math:`R'\lambda + E'\mu = 0`, where R and E together
have full rank (Stiemke's lemma). The score of the fit is such a sum, so near a maximum a small
correction of its weights proves that there is one. Only where that fails is d sought, by a linear
program (Konis 2007, for binary responses).

References
----------
Albert, A. and Anderson, J. A. (1984), On the existence of maximum likelihood estimates in
logistic regression models, Biometrika 71, 1-10; Konis, K. (2007), Linear programming algorithms
for detecting separated data in binary logistic regression models, University of Oxford.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from posynth.evaluation.inference.moments import Floats

#: Links whose inverse is a distribution function on the whole line.
_LINKS = ("Logit", "Probit", "CLogLog", "LogLog", "Cauchy")
_COUNTS = ("Poisson", "NegativeBinomial", "Tweedie")
_RESULTS = ("GLMResults", "LogitResults", "MultinomialResults", "OrderedResults")
#: Numbers in R beyond which separation is not looked for, rows that weigh nothing, and rounding.
_LARGEST, _LEAST, _ZERO = 50_000_000, 1e-6, 1e-9
#: Largest correction of a weight, relative to it, and a row that gains by a direction.
_CORRECTED, _GAIN = 0.9, 1e-5


@dataclass(frozen=True)
class Directions:
    """The directions along which no row loses likelihood: R d >= 0 and E d = 0.

    Attributes
    ----------
    rows : array, shape (r, q)
        R.
    weights : array, shape (r,)
        Weights of the rows of R in the score of the fit, 0 or more.
    fixed : array, shape (f, q)
        E.
    score : array, shape (q,)
        The score that they are to cancel, with that of the rows of E.
    """

    rows: Floats
    weights: Floats
    fixed: Floats
    score: Floats

    def growing(self) -> npt.NDArray[np.bool_]:
        """Return which coefficients grow without end, (q,) of bool."""
        scale = np.abs(np.vstack([self.rows, self.fixed])).max(axis=0)
        scale[scale == 0] = 1.0
        rows, fixed = self.rows / scale, self.fixed / scale
        if _has_maximum(rows, self.weights, fixed, self.score / scale):
            return np.zeros(len(scale), dtype=bool)
        return np.asarray(np.abs(_direction(rows, fixed)) > _GAIN)


def separation_notes(result: Any, names: Sequence[str]) -> list[str]:
    """Say which coefficients of a fit grow without end, because the response is separated.

    Parameters
    ----------
    result : statsmodels result
        Of GLM, Logit, MNLogit or OrderedModel; of others nothing is said.
    names : sequence of str
        Its coefficients, those of each level together, cutpoints last.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import statsmodels.api as sm
    >>> x = np.column_stack([np.ones(6), [0, 0, 0, 0, 1, 1]])
    >>> fit = sm.GLM([0, 1, 0, 1, 1, 1], x, family=sm.families.Binomial()).fit()
    >>> separation_notes(fit, ["Intercept", "b"])  # doctest: +ELLIPSIS
    ["the likelihood has no maximum: the coefficient 'b' grows without end, ..."]
    """
    plain = getattr(result, "_results", result)
    if type(plain).__name__ not in _RESULTS or hasattr(plain, "constraints"):
        return []  # penalties and constraints have finite estimates
    finite = np.isfinite(np.asarray(result.params, dtype=float)).all()
    found = _directions(result) if finite else None
    if found is None:
        return []
    shown = [repr(name) for name, grows in zip(names, found.growing(), strict=True) if grows]
    if not shown:
        return []
    one = len(shown) == 1
    return [
        f"the likelihood has no maximum: the coefficient{'' if one else 's'} {', '.join(shown)} "
        f"grow{'s' if one else ''} without end, as where a level of a term has one outcome only "
        "(separation), so that such estimates and their errors mean nothing; merge rare levels, or "
        "leave the term out"
    ]


def _directions(result: Any) -> Directions | None:
    model = result.model
    kind, exog = type(model).__name__, np.asarray(model.exog, dtype=float)
    params = np.asarray(result.params, dtype=float)
    copies = {"MNLogit": params.size, "OrderedModel": 2 * params.size}.get(kind, exog.shape[1])
    if exog.shape[0] * copies * (params.size if kind == "MNLogit" else 1) > _LARGEST:
        return None
    y = np.asarray(model.endog, dtype=float)
    if kind == "Logit":
        return _binary(y, exog, y - np.asarray(model.predict(params)))
    if kind == "GLM":
        return _glm(model, y, exog, params)
    if kind == "MNLogit":
        return _nominal(y.astype(int), exog, np.asarray(model.predict(params)))
    if kind == "OrderedModel":
        return _ordered(model, y.astype(int), exog, params)
    return None


def _glm(model: Any, y: Floats, exog: Floats, params: Floats) -> Directions | None:
    family, link = type(model.family).__name__, type(model.family.link).__name__
    with np.errstate(all="ignore"):  # fitted means at the edge
        factor = np.nan_to_num(np.asarray(model.score_factor(params, scale=1.0)))
    used = np.asarray(model.iweights) > 0
    y, exog, factor = y[used], exog[used], factor[used]
    if family == "Binomial" and link in _LINKS:
        return _binary(y, exog, factor)
    if family in _COUNTS and link == "Log":
        zero = y == 0
        return Directions(-exog[zero], -factor[zero], exog[~zero], exog.T @ factor)
    return None


def _binary(y: Floats, exog: Floats, factor: Floats) -> Directions:
    whole = (y == 0) | (y == 1)
    sign = np.where(y == 1, 1.0, -1.0)[whole]
    rows, weights = sign[:, None] * exog[whole], sign * factor[whole]
    return Directions(rows, np.maximum(weights, 0.0), exog[~whole], exog.T @ factor)


def _nominal(y: Any, exog: Floats, probability: Floats) -> Directions:
    """Return x(d_y - d_l) >= 0 for the levels l that did not occur; d is 0 at the first."""
    levels = probability.shape[1]
    own = np.eye(levels)[y]
    row, other = np.nonzero(own == 0)
    contrast = (own[row] - np.eye(levels)[other])[:, 1:]
    rows = (contrast[:, :, None] * exog[row][:, None, :]).reshape(len(row), -1)
    weights = probability[row, other]
    return Directions(rows, weights, np.empty((0, rows.shape[1])), rows.T @ weights)


def _ordered(model: Any, y: Any, exog: Floats, params: Floats) -> Directions:
    low, high = model._bounds(params)
    cuts = len(params) - exog.shape[1]
    with np.errstate(all="ignore"):
        inside = model.cdf(high) - model.cdf(low)
        of_high = np.nan_to_num(model.pdf(high) / inside, posinf=0.0)
        of_low = np.nan_to_num(model.pdf(low) / inside, posinf=0.0)
    below, above = y < cuts, y > 0
    upper = np.hstack([-exog[below], np.eye(cuts)[y[below]]])
    lower = np.hstack([exog[above], -np.eye(cuts)[y[above] - 1]])
    rows, weights = np.vstack([upper, lower]), np.r_[of_high[below], of_low[above]]
    return Directions(rows, weights, np.empty((0, rows.shape[1])), rows.T @ weights)


def _has_maximum(rows: Floats, weights: Floats, fixed: Floats, score: Floats) -> bool:
    """Whether a correction of the weights proves that no row can gain.

    Rows of next to no weight are left out: the others must have full rank without them.
    """
    heavy = weights > _LEAST
    used = rows[heavy]
    every = np.vstack([used, fixed])
    spread = np.linalg.eigvalsh(every.T @ every)
    if spread[0] <= _ZERO * spread[-1]:
        return False
    left = score - rows[~heavy].T @ weights[~heavy]
    scaled = np.vstack([used * weights[heavy, None], fixed])
    correction = scaled @ np.linalg.lstsq(scaled.T @ scaled, -left, rcond=None)[0]
    remaining = np.abs(scaled.T @ correction + left).max()
    on_rows = np.abs(correction[: len(used)])
    return bool(remaining <= _ZERO and on_rows.max(initial=0.0) < _CORRECTED)


def _direction(rows: Floats, fixed: Floats) -> Floats:
    """Return the d in a box along which the rows gain most together, or 0."""
    from scipy.optimize import linprog

    unique = np.unique(rows, axis=0)
    still = np.unique(fixed, axis=0) if len(fixed) else None
    found = linprog(
        -unique.sum(axis=0),
        A_ub=-unique,
        b_ub=np.zeros(len(unique)),
        A_eq=still,
        b_eq=None if still is None else np.zeros(len(still)),
        bounds=(-1, 1),
        method="highs",
    )
    none = np.zeros(rows.shape[1])
    if found.status != 0 or found.x is None:
        return none
    direction: Floats = np.asarray(found.x, dtype=float)
    return direction if (unique @ direction).max(initial=0.0) > _GAIN else none
