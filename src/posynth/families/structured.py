r"""Structured additive regression of mean and spread, with residuals of learned shape.

.. math:: y = \alpha + X\beta + \sigma e, \quad \log\sigma = \gamma_0 + Z\gamma, \quad
    P(e \le t) = \Phi(T_a(t))

on the response's scale, with Z some columns of X. Columns of X come in blocks - the curve of one
numeric predictor, the levels of one factor, the products of a pair - and the coefficients of a
block share a scale that is learned:

.. math:: \beta_j \mid \tau \sim N(0, \tau_{g(j)}), \quad \gamma_k \mid \tau \sim N(0, \tau_0),
    \quad \tau_g \sim C^+(0, 1), \quad \tau_0 \sim C^+(0, 0.3)

so that a curve is as wiggly as the data say, and rare levels shrink towards the others. Straight
lines are in no block: :math:`N(0, 2.5)`. :math:`\alpha \sim N(0, 2.5)`, :math:`\gamma_0 \sim
N(0, 2)`. :math:`T_a` is a monotone curve (``families.residual_curve``) with coefficients
:math:`a_k \sim N(0, 0.5)`; at 0 residuals are normal.

Where the response is known up to an interval only (rounded values, heaps, few different values),
its likelihood is the probability of that interval.

References
----------
Fahrmeir, L., Kneib, T., Lang, S. and Marx, B. (2013). Regression. Springer, chapters 8 to 10.
Gelman, A. (2006). Prior distributions for variance parameters in hierarchical models. Bayesian
Analysis 1(3), 515-534. Jones, M. C. and Pewsey, A. (2009). Sinh-arcsinh distributions. Biometrika
96(4), 761-780.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import (
    Contents,
    Design,
    Family,
    Priors,
    Response,
    regression_contents,
)
from posynth.families.cells import FAR, cell_contents, cell_of, log_between, log_normal
from posynth.families.residual_curve import SIZE, log_density, normal_score, residual, slopes

if TYPE_CHECKING:
    import pymc as pm

#: Name of the block of the spread's coefficients.
SPREAD = "log spread"


def blocks(design: Design) -> tuple[str, ...]:
    """Return the names of the blocks, in the order of their scales tau."""
    names = tuple(dict.fromkeys(name for name in design.blocks if name))
    return (*names, SPREAD) if design.spread else names


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what the model holds."""
    names = blocks(design)
    place = {name: i + 1 for i, name in enumerate(names)}  # 0: in no block
    groups = design.blocks or ("",) * len(design.predictors)
    block = np.array([place.get(name, 0) for name in groups], dtype=np.int64)
    cells = cell_contents(response)
    held = regression_contents(design, response, priors)
    data = {
        "block_of": (block, ("predictor",)),
        "spread_columns": (np.array(design.spread, dtype=np.int64), ("spread",)),
        "of_spread": (np.array([name == SPREAD for name in names], dtype=np.int64), ("block",)),
    }
    coords = {
        "spread": tuple(design.predictors[i] for i in design.spread),
        "block": names,
        "shape_term": tuple(map(str, range(1, SIZE + 1))),
    }
    return Contents({**held.data, **cells.data, **data}, {**held.coords, **cells.coords, **coords})


def _log_probability(y: Any, mean: Any, sigma: Any, powers: Any, lower: Any, upper: Any) -> Any:
    import pytensor.tensor as pt

    inside, first, last = cell_of(y, lower, upper)
    density = log_density((y - mean) / sigma, powers) - pt.log(sigma)
    low, high = (_end(limit, mean, sigma, powers) for limit in (first, last))
    return pt.switch(inside, log_between(low, high), density)


def _log_distribution(y: Any, mean: Any, sigma: Any, powers: Any, lower: Any, upper: Any) -> Any:
    return log_normal(normal_score((y - mean) / sigma, powers))


def _end(limit: Any, mean: Any, sigma: Any, powers: Any) -> Any:
    """Return the normal score of a limit, which may be infinite."""
    import pytensor.tensor as pt

    endless = pt.isinf(limit)
    score = normal_score((pt.switch(endless, 0.0, limit) - mean) / sigma, powers)
    return pt.switch(endless, pt.sign(limit) * FAR, score)


def _draw(mean: Any, sigma: Any, powers: Any, lower: Any, upper: Any, size: Any) -> Any:
    import pymc as pm

    return mean + sigma * residual(pm.Normal.dist(0.0, 1.0, size=mean.shape), powers)


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm
    import pytensor.tensor as pt

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        scale = pt.where(data["of_spread"], data["prior_spread_block"], data["prior_block"])
        tau = pm.HalfCauchy("tau", scale, dims="block")
        sd = pt.concatenate([data["prior_slope"][None], tau])[data["block_of"]]
        alpha = pm.Normal("alpha", 0.0, data["prior_intercept"])
        beta = pm.Normal("beta", 0.0, sd, dims="predictor")
        gamma0 = pm.Normal("gamma0", 0.0, data["prior_spread"])
        # The block of the spread, where there is one, is the last.
        spread_sd = pt.concatenate([tau, [1.0]])[tau.shape[0] - pt.minimum(tau.shape[0], 1)]
        gamma = pm.Normal("gamma", 0.0, spread_sd, dims="spread")
        shape = pm.Normal("shape", 0.0, data["prior_shape"], dims="shape_term")
        mean = alpha + data["X"] @ beta
        sigma = pt.exp(gamma0 + data["X"][:, data["spread_columns"]] @ gamma)
        pm.CustomDist(
            "response",
            *(mean, sigma, slopes(shape), data["cell_lower"], data["cell_upper"]),
            logp=_log_probability,
            logcdf=_log_distribution,
            dist=_draw,
            signature="(),(),(k),(c),(c)->()",
            observed=data["y"],
            dims="row",
        )
    return model


FAMILY = Family(
    FamilyFacts(
        name="structured",
        kinds=NUMERIC,
        summary="structured additive regression: curves and levels for mean and spread, "
        "residuals of learned shape",
        priors={
            "weak": {
                "intercept": 2.5,
                "slope": 2.5,
                "block": 1.0,
                "spread": 2.0,
                "spread_block": 0.3,
                "shape": 0.5,
            }
        },
        response="standardised",
        design="structured",
        sampler="structured",
    ),
    build,
    contents=contents,
)
