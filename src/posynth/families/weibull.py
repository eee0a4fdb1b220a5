r"""Weibull regression of location and shape, for times and other positive columns.

.. math:: P(y > t) = \exp(-(t / e^{\eta})^{1/\sigma}), \quad \eta = m + s(\alpha + X\beta),
    \quad \sigma = s\,e^{\gamma_0 + X\gamma}

on standardised predictors: :math:`\log y = \eta + \sigma G` with G of the standard Gumbel
distribution of minima, m and s the mean and sd of log y. :math:`\alpha \sim N(0, 2.5)`,
:math:`\beta_j \sim N(0, 2.5)` as for ``lognormal``, :math:`\gamma_0 \sim N(0, 2)`,
:math:`\gamma_j \sim N(0, 0.5)` as for ``location_scale``.

A time that ends in an event or is censored takes two conditionals: first what ended it, by
``bernoulli`` or ``categorical``, then the time given that (the mixture model of Larson and Dinse),
so visit the event before the time. The event is among the predictors, so times to an event and to
censoring have a location and a shape each, and censoring may depend on any predictor.

References
----------
Kalbfleisch, J. D. and Prentice, R. L. (2002). The Statistical Analysis of Failure Time Data, 2nd
edition, section 2.2. Larson, M. G. and Dinse, G. E. (1985). A mixture model for the regression
analysis of competing risks data. Applied Statistics 34(3), 201-211.
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
        eta = data["location"] + data["spread"] * weak_line(data)
        gamma0 = pm.Normal("gamma0", 0.0, data["prior_spread"])
        gamma = pm.Normal("gamma", 0.0, data["prior_spread_slope"], dims="predictor")
        sigma = data["spread"] * pm.math.exp(gamma0 + data["X"] @ gamma)
        pm.Weibull("response", 1 / sigma, pm.math.exp(eta), observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="weibull",
        kinds=frozenset({Kind.CONTINUOUS, Kind.COUNT}),
        summary="Weibull regression of location and shape, log y ~ alpha + X beta + sigma Gumbel",
        priors={"weak": {"intercept": 2.5, "slope": 2.5, "spread": 2.0, "spread_slope": 0.5}},
        response="natural",
        support="positive",
        stated_priors=("weak",),
    ),
    build,
    contents=contents,
)
