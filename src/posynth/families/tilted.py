r"""Regression of mean and spread on a learned scale whose shape some predictors correct.

.. math:: p(z | x) \propto N(z; \mu, \sigma) \exp(g(x)'\theta_{k(z)}), \quad
    \mu = \alpha + x\beta, \quad \sigma = \exp(\gamma_0 + s\gamma)

where k(z) is the bin z lies in, between cut points that are options of the conditional, and g(x)
tells in which bins, or levels, the correcting predictors are. With :math:`P_k` the probability of
bin k under the normal, the constant is :math:`\sum_k P_k \exp(g'\theta_k)`: bins get the
probabilities of a multinomial logit with offset :math:`\log P_k`, and within a bin z is a truncated
normal. So a shape that differs between groups - ages of men and women with heaps in other places -
is followed where a shift and a stretch cannot do it, and at :math:`\theta = 0` the family is
``location_scale``.

:math:`\alpha \sim N(0, 2.5)`, :math:`\beta_j \sim N(0, 2.5)`, :math:`\gamma_0 \sim N(0, 2)`,
:math:`\gamma_j \sim N(0, 0.5)`. Only differences between bins count, so :math:`\theta_j = u_j C`
with C orthonormal contrasts of the K bins (``contrasts``). The first two, linear and quadratic in
the bins' scores, nearly do what a shift and a stretch do, which mean and spread have already, so
theirs are small, :math:`u_{jk} \sim N(0, 0.6)`; the others have :math:`u_{jk} \sim N(0, 1)`.

A value that many rows share is an interval of z, as in family ``interval``: it lies within one bin,
and the probability of the interval takes the place of the density.

The first columns of X are g, the others the predictors.

References
----------
Efron, B. and Tibshirani, R. (1996). Using specially designed exponential families for density
estimation. Annals of Statistics 24(6), 2431-2461.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import (
    Contents,
    Design,
    Family,
    Priors,
    Response,
    intercept,
    regression_contents,
    slopes,
)
from posynth.families.cells import cell_contents, log_normal_response
from posynth.families.truncated import draw_truncated

if TYPE_CHECKING:
    import pymc as pm

#: Stands for no cut: the gradient at an infinite one is not a number.
FAR = 30.0
#: Contrasts that nearly do what mean and spread do.
ALIKE = 2
#: Least share below a value, whose logarithm is taken.
LEAST = 1e-300
ROOT = 2.0**0.5


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what the model holds; X has the corrections before the predictors."""
    held = regression_contents(design, response, priors)
    cuts = np.atleast_1d(np.asarray(response.options["cuts"], dtype=np.float64))
    edges = np.concatenate([[-FAR], cuts, [FAR]])
    cells = cell_contents(response)
    data = {
        "X": (design.X, ("row", "column")),
        "edges": (edges, ("edge",)),
        "contrasts": (contrasts(cuts), ("contrast", "bin")),
        "spread_columns": (np.array(design.spread, dtype=np.int64), ("spread",)),
    }
    coords = {
        "correction": design.corrections,
        "spread": tuple(design.predictors[i] for i in design.spread),
        "edge": tuple(map(str, range(len(edges)))),
        "bin": tuple(map(str, range(1, len(cuts) + 2))),
        "contrast": tuple(map(str, range(1, len(cuts) + 1))),
    }
    return Contents({**held.data, **cells.data, **data}, {**held.coords, **cells.coords, **coords})


def contrasts(cuts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return contrasts of the bins between cut points (K - 1,), (K - 1, K).

    They are orthonormal; the first two are linear and quadratic in the mean of a standard normal
    within each bin.

    Examples
    --------
    >>> C = contrasts(np.array([-1.0, 0.0, 1.0]))
    >>> np.allclose(C @ C.T, np.eye(3)), np.allclose(C.sum(axis=1), 0)
    (True, True)
    """
    ends = np.concatenate([[-np.inf], cuts, [np.inf]])
    height = np.exp(-0.5 * np.nan_to_num(ends, posinf=FAR, neginf=-FAR) ** 2) / np.sqrt(2 * np.pi)
    middle = -np.diff(height) / np.maximum(np.diff(ndtr(ends)), LEAST)
    bins = len(middle)
    polynomials = np.vander(middle, min(bins, 3), increasing=True)
    basis = np.linalg.qr(np.column_stack([polynomials, np.eye(bins)]))[0][:, 1:bins].T
    return np.asarray(basis)


def _probabilities(mean: Any, sigma: Any, edges: Any) -> Any:
    """Return the probability of each bin under the normal, (n, K)."""
    import pytensor.tensor as pt

    score = (mean[:, None] - edges[None, 1:-1]) / sigma[:, None]
    below = pt.erfc(score / ROOT) / 2
    none = pt.zeros((mean.shape[0], 1))
    return pt.concatenate([below, none + 1], axis=1) - pt.concatenate([none, below], axis=1)


def _log_density(
    z: Any, mean: Any, sigma: Any, tilt: Any, edges: Any, lower: Any, upper: Any
) -> Any:
    import pytensor.tensor as pt

    place = pt.clip(pt.searchsorted(edges, z, side="right") - 1, 0, tilt.shape[1] - 1)
    total = pt.sum(_probabilities(mean, sigma, edges) * pt.exp(tilt), axis=1)
    own = tilt[pt.arange(tilt.shape[0]), place]
    return log_normal_response(z, mean, sigma, lower, upper) + own - pt.log(total)


def _log_below(z: Any, mean: Any, sigma: Any, tilt: Any, edges: Any, *cells: Any) -> Any:
    """Return the log of the distribution function: whole bins below z, and a part of its own."""
    import pytensor.tensor as pt

    place = pt.clip(pt.searchsorted(edges, z, side="right") - 1, 0, tilt.shape[1] - 1)
    weight = pt.exp(tilt)
    mass = _probabilities(mean, sigma, edges) * weight
    whole = pt.sum(mass * (pt.arange(tilt.shape[1])[None, :] < place[:, None]), axis=1)
    end, start = (pt.erfc((mean - at) / sigma / ROOT) / 2 for at in (z, edges[place]))
    own = weight[pt.arange(tilt.shape[0]), place] * pt.maximum(end - start, 0.0)
    share = (whole + own) / pt.sum(mass, axis=1)
    return pt.log(pt.clip(share, LEAST, 1.0))


def _draw(mean: Any, sigma: Any, tilt: Any, edges: Any, *cells_and_size: Any) -> Any:
    """Draw the bin, and then a truncated normal within it."""
    import pymc as pm
    import pytensor.tensor as pt

    weight = _probabilities(mean, sigma, edges) * pt.exp(tilt)
    below = pt.cumsum(weight, axis=1) / pt.sum(weight, axis=1, keepdims=True)
    share = pm.Uniform.dist(0.0, 1.0, size=mean.shape)
    place = pt.sum(share[:, None] > below[:, :-1], axis=1)
    return draw_truncated(mean, sigma, edges[place], edges[place + 1], mean.shape)


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm
    import pytensor.tensor as pt

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        alike = pt.arange(data["contrasts"].shape[0]) < ALIKE
        sd = pt.switch(alike, data["prior_shift"], data["prior_correction"])
        u = pm.Normal("u", 0.0, sd, dims=("correction", "contrast"))
        size = u.shape[0]
        G, X = data["X"][:, :size], data["X"][:, size:]
        alpha, beta = intercept(data), slopes(data)
        gamma0 = pm.Normal("gamma0", 0.0, data["prior_spread"])
        gamma = pm.Normal("gamma", 0.0, data["prior_spread_slope"], dims="spread")
        mean = alpha + X @ beta
        sigma = pt.exp(gamma0 + X[:, data["spread_columns"]] @ gamma)
        pm.CustomDist(
            "response",
            *(mean, sigma, G @ (u @ data["contrasts"]), data["edges"]),
            *(data["cell_lower"], data["cell_upper"]),
            logp=_log_density,
            logcdf=_log_below,
            dist=_draw,
            signature="(n),(n),(n,k),(e),(c),(c)->(n)",
            observed=data["y"],
            dims="row",
        )
    return model


FAMILY = Family(
    FamilyFacts(
        name="tilted",
        kinds=NUMERIC,
        summary="regression of mean and spread whose shape depends on some predictors",
        priors={
            "weak": {
                "intercept": 2.5,
                "slope": 2.5,
                "spread": 2.0,
                "spread_slope": 0.5,
                "correction": 1.0,
                "shift": 0.6,
            }
        },
        response="standardised",
        design="tilted",
        sampler="tilted",
    ),
    build,
    contents=contents,
)
