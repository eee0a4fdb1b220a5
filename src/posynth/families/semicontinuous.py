r"""Spikes and a lognormal slab: a share of rows holds one of a few values, the others vary.

.. math:: P(y = s_k) = \pi_k, \quad
    \log y \mid \text{off the spikes} \sim N(m + s(\alpha + X\beta), s\sigma), \quad
    \log(\pi_k / \pi_0) = \gamma_{0k} + X\gamma_k

where :math:`\pi_0` is the share off the spikes. Whether a value lies on a spike is seen, so the
likelihood of this mixture is exact: the two-part model where the only spike is 0. Predictors are
standardised. m and s are the mean and sd of log y off the spikes, and :math:`\alpha \sim N(0,
2.5)`, :math:`\beta_j \sim N(0, 2.5)`, :math:`\sigma \sim Exp(1)` as for ``lognormal``;
:math:`\gamma_{0k} \sim N(0, 5)`, :math:`\gamma_{jk} \sim N(0, 2.5)` as for ``categorical``.

Option ``spikes`` lists the values; 0 alone by default.

References
----------
Duan, N., Manning, W. G., Morris, C. N. and Newhouse, J. P. (1983). A comparison of alternative
models for the demand for medical care. Journal of Business & Economic Statistics 1(2), 115-126.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.chain.facts import FamilyFacts
from posynth.families.base import Contents, Design, Family, Priors, Response, weak_line
from posynth.families.lognormal import contents as slab_contents
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm

SCALES = {"intercept": 2.5, "slope": 2.5, "sigma": 1.0, "spike": 5.0, "spike_slope": 2.5}


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what the slab's regression holds, and the spikes."""
    held = slab_contents(design, response, priors)
    spikes = np.asarray(response.options["spikes"], dtype=np.float64)
    names = tuple(f"{value:g}" for value in spikes)
    # The product with it puts a zero for the slab before the log odds of the spikes.
    others = np.eye(len(spikes) + 1)[1:]
    about: dict[str, tuple[Any, tuple[str, ...]]] = {
        "spikes": (spikes, ("spike",)),
        "contrasts": (others, ("spike", "part")),
    }
    return Contents({**held.data, **about}, {**held.coords, "spike": names, "part": ("", *names)})


def write(held: Contents, slab: Callable[..., Any]) -> "pm.Model":
    """Write the mixture of spikes and a slab, given the slab's distribution."""
    import pymc as pm
    import pytensor.tensor as pt

    def log_probability(y: Any, mean: Any, sigma: Any, odds: Any, spikes: Any) -> Any:
        on = pt.eq(y[:, None], spikes)
        log_share = odds - pt.logsumexp(odds, axis=1, keepdims=True)
        off = pt.switch(on.any(axis=1), 1.0, y)
        smooth = log_share[:, 0] + pm.logp(slab(mean, sigma), off)
        return pt.switch(on.any(axis=1), (on * log_share[:, 1:]).sum(axis=1), smooth)

    def draw(mean: Any, sigma: Any, odds: Any, spikes: Any, size: Any) -> Any:
        part = pm.Categorical.dist(logit_p=odds)
        value = spikes[pt.maximum(part - 1, 0)]
        return pt.switch(pt.eq(part, 0), slab(mean, sigma, size=mean.shape), value)

    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        mean = data["location"] + data["spread"] * weak_line(data)
        sigma = data["spread"] * pm.Exponential("sigma", data["prior_sigma"])
        gamma0 = pm.Normal("gamma0", 0.0, data["prior_spike"], dims="spike")
        gamma = pm.Normal("gamma", 0.0, data["prior_spike_slope"], dims=("predictor", "spike"))
        odds = (gamma0 + data["X"] @ gamma) @ data["contrasts"]  # (row, part)
        pm.CustomDist(
            "response",
            *(mean, sigma, odds, data["spikes"]),
            logp=log_probability,
            dist=draw,
            signature="(r),(),(r,q),(k)->(r)",
            observed=data["y"],
            dims="row",
        )
    return model


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    return write(contents(design, response, priors), pm.LogNormal.dist)


FAMILY = Family(
    FamilyFacts(
        name="semicontinuous",
        kinds=frozenset({Kind.CONTINUOUS, Kind.COUNT}),
        summary="spikes with multinomial logit shares, and a lognormal regression off them",
        priors={"weak": SCALES},
        response="natural",
        support="spiked positive",
        options={"spikes": 0.0},
        stated_priors=("weak",),
    ),
    build,
    contents=contents,
)
