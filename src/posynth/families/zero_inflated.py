r"""Zero-inflated negative binomial regression: some zeros come from rows that cannot count.

.. math:: P(y = 0) = \pi + (1 - \pi) NB(0 \mid \mu, d), \quad
    P(y = k) = (1 - \pi) NB(k \mid \mu, d), \quad
    \log\mu = \log\bar y + \alpha + X\beta, \quad logit\,\pi = \gamma_0 + X\gamma

with variance :math:`\mu + d\mu^2` of NB and standardised predictors; :math:`\alpha \sim
N(0, 5)`, :math:`\beta_j \sim N(0, 2.5)`, :math:`d \sim Exp(1)`, :math:`\gamma_0 \sim
N(-1, 1.5)`, :math:`\gamma_j \sim N(0, 0.5)`: where the column hardly tells the two kinds of zero
apart, their shares stay moderate. Where zeros are a matter of their own, ``hurdle`` is simpler.

References
----------
Lambert, D. (1992). Zero-inflated Poisson regression, with an application to defects in
manufacturing. Technometrics 34(1), 1-14.
"""

from typing import TYPE_CHECKING, Any

from posynth.chain.facts import FamilyFacts
from posynth.families.base import Design, Family, Priors, Response, log_link_contents
from posynth.families.hurdle import write
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm


def _log_probability(y: Any, mean: Any, dispersion: Any, zero: Any) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    counts = pm.NegativeBinomial.dist(mu=mean, alpha=1 / dispersion)
    both = pt.logaddexp(zero, -pt.log1p(dispersion * mean) / dispersion)
    return pt.switch(pt.eq(y, 0), both, pm.logp(counts, y)) - pt.softplus(zero)


def _draw(mean: Any, dispersion: Any, zero: Any, size: Any) -> Any:
    import pymc as pm

    counts = pm.NegativeBinomial.dist(mu=mean, alpha=1 / dispersion, size=size)
    return counts * pm.Bernoulli.dist(logit_p=-zero, size=size)


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    return write(log_link_contents(design, response, priors), -1.0, _log_probability, _draw)


FAMILY = Family(
    FamilyFacts(
        name="zero_inflated",
        kinds=frozenset({Kind.COUNT}),
        summary="zero-inflated negative binomial, log mu and logit P(zero for good) linear",
        priors={
            "weak": {
                "intercept": 5.0,
                "slope": 2.5,
                "dispersion": 1.0,
                "zero": 1.5,
                "zero_slope": 0.5,
            }
        },
        response="natural",
        support="whole",
        stated_priors=("weak",),
    ),
    build,
    contents=log_link_contents,
)
