r"""Weibull regression for times and other positive columns: proportional hazards.

.. math:: P(y > t) = \exp(-(t / e^{\eta})^{1/\sigma}), \quad \eta = \alpha + X\beta

on standardised predictors: :math:`\log y = \eta + \sigma G` with G of the standard Gumbel
distribution of minima. With m and s the mean and sd of log y, :math:`\alpha \sim N(m, 2.5 s)`,
:math:`\beta_j \sim N(0, 2.5 s)`, :math:`\sigma \sim Exp(1/s)`, as for ``lognormal``.

A time that ends in an event or is censored takes two conditionals: the time that was observed, and
then the event given the time (vertical modelling, Nicolaie et al. 2010). If event and censoring
times have Weibull hazards, the log odds of the event given the time t are linear in log t and the
predictors, so ``bernoulli`` with formula ``log(time) + ...`` is exact; with several kinds of event
``categorical`` is.

References
----------
Kalbfleisch, J. D. and Prentice, R. L. (2002). The Statistical Analysis of Failure Time Data, 2nd
edition, section 2.2. Nicolaie, M. A., van Houwelingen, H. C. and Putter, H. (2010). Vertical
modeling: a pattern mixture approach for competing risks modeling. Statistics in Medicine 29(11),
1190-1205.
"""

from typing import TYPE_CHECKING

from posynth.chain.facts import FamilyFacts
from posynth.families.base import Design, Family, Priors, Response, weak_line
from posynth.families.lognormal import contents
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        eta = weak_line(data, data["location"], data["spread"])
        sigma = pm.Exponential("sigma", data["prior_sigma"] / data["spread"])
        pm.Weibull("response", 1 / sigma, pm.math.exp(eta), observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="weibull",
        kinds=frozenset({Kind.CONTINUOUS, Kind.COUNT}),
        summary="Weibull regression, log y = alpha + X beta + sigma times a Gumbel variable",
        priors={"weak": {"intercept": 2.5, "slope": 2.5, "sigma": 1.0}},
        response="natural",
        support="positive",
    ),
    build,
    contents=contents,
)
