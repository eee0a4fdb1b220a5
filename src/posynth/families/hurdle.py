r"""Hurdle negative binomial regression: whether to count, then how many.

.. math:: P(y = 0) = \pi, \quad
    P(y = k) = (1 - \pi) \frac{NB(k \mid \mu, d)}{1 - NB(0 \mid \mu, d)}, \quad
    \log\mu = \log\bar y + \alpha + X\beta, \quad logit\,\pi = \gamma_0 + X\gamma

with variance :math:`\mu + d\mu^2` of NB and standardised predictors; :math:`\alpha \sim
N(0, 5)`, :math:`\beta_j \sim N(0, 2.5)`, :math:`d \sim Exp(1)`, :math:`\gamma_0 \sim
N(0, 5)`, :math:`\gamma_j \sim N(0, 2.5)`.

A positive count is drawn without rejection. NB is a sum over a Poisson process of rate 1 on
:math:`[0, \lambda]`, :math:`\lambda = \log(1 + d\mu) / d`, with a logarithmic number at every
event; given an event its first time T is a truncated exponential, and the rest is NB again, with
1/d times :math:`1 - T/\lambda`. The logarithmic number is Kemp's: geometric given a uniform.

References
----------
Mullahy, J. (1986). Specification and testing of some modified count data models. Journal of
Econometrics 33(3), 341-365. Kemp, A. W. (1981). Efficient generation of logarithmically
distributed pseudo-random variables. Applied Statistics 30(3), 249-253.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from posynth.chain.facts import FamilyFacts
from posynth.families.base import (
    Contents,
    Design,
    Family,
    Priors,
    Response,
    log_link_contents,
    weak_line,
)
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm


def _log_probability(y: Any, mean: Any, dispersion: Any, zero: Any) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    counts = pm.NegativeBinomial.dist(mu=mean, alpha=1 / dispersion)
    no_count = -pt.log1p(dispersion * mean) / dispersion
    positive = pm.logp(counts, pt.maximum(y, 1)) - pt.log1mexp(no_count)
    return pt.switch(pt.eq(y, 0), zero, positive) - pt.softplus(zero)


def _draw(mean: Any, dispersion: Any, zero: Any, size: Any) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    p = 1 / (1 + dispersion * mean)
    rate = -pt.log(p) / dispersion
    first = -pt.log1p(pm.Uniform.dist(0, 1, size=size) * pt.expm1(-rate))
    left = pt.maximum(1 - first / rate, 1e-12) / dispersion
    rest = pm.NegativeBinomial.dist(n=left, p=p, size=size)
    event = pm.Geometric.dist(p ** pm.Uniform.dist(0, 1, size=size), size=size)
    return (event + rest) * pm.Bernoulli.dist(logit_p=-zero, size=size)


def write(
    held: Contents,
    zero_center: float,
    log_probability: Callable[..., Any],
    draw: Callable[..., Any],
) -> "pm.Model":
    """Write counts with zeros of their own, given how both make a probability and a draw."""
    import pymc as pm

    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        mean = pm.math.exp(data["location"] + weak_line(data))
        dispersion = pm.Exponential("dispersion", data["prior_dispersion"])
        gamma0 = pm.Normal("gamma0", zero_center, data["prior_zero"])
        gamma = pm.Normal("gamma", 0.0, data["prior_zero_slope"], dims="predictor")
        zero = gamma0 + data["X"] @ gamma
        pm.CustomDist(
            "response",
            *(mean, dispersion, zero),
            logp=log_probability,
            dist=draw,
            dtype="int64",
            observed=data["y"],
            dims="row",
        )
    return model


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    return write(log_link_contents(design, response, priors), 0.0, _log_probability, _draw)


FAMILY = Family(
    FamilyFacts(
        name="hurdle",
        kinds=frozenset({Kind.COUNT}),
        summary="hurdle negative binomial, logit P(0) and log mu of the positive counts linear",
        priors={
            "weak": {
                "intercept": 5.0,
                "slope": 2.5,
                "dispersion": 1.0,
                "zero": 5.0,
                "zero_slope": 2.5,
            }
        },
        response="natural",
        support="whole",
        stated_priors=("weak",),
    ),
    build,
    contents=log_link_contents,
)
